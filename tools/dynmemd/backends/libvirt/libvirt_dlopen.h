/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libvirt's library, loaded when it is needed: with all that it brings along
 * it is 65 MiB, which a daemon that locks itself in memory takes from a host
 * for good.
 */
#ifndef DYNMEMD_LIBVIRT_API_H
#define DYNMEMD_LIBVIRT_API_H

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

/* What is used of it, and of libxml2, which comes with it. */
#define LIBVIRT_FUNCTIONS(F)                  \
	F(virConnectClose)                    \
	F(virConnectDomainEventDeregisterAny) \
	F(virConnectDomainEventRegisterAny)   \
	F(virConnectIsAlive)                  \
	F(virConnectListAllDomains)           \
	F(virConnectOpen)                     \
	F(virConnectRegisterCloseCallback)    \
	F(virConnectSetKeepAlive)             \
	F(virConnectUnregisterCloseCallback)  \
	F(virDomainBlockStats)                \
	F(virDomainFree)                      \
	F(virDomainGetID)                     \
	F(virDomainGetInfo)                   \
	F(virDomainGetJobStats)               \
	F(virDomainGetName)                   \
	F(virDomainGetState)                  \
	F(virDomainGetUUID)                   \
	F(virDomainGetUUIDString)             \
	F(virDomainGetXMLDesc)                \
	F(virDomainLookupByUUID)              \
	F(virDomainMemoryStats)               \
	F(virDomainRef)                       \
	F(virDomainSetMemoryFlags)            \
	F(virDomainSetMemoryStatsPeriod)      \
	F(virEventAddTimeout)                 \
	F(virEventRegisterDefaultImpl)        \
	F(virEventRemoveTimeout)              \
	F(virEventRunDefaultImpl)             \
	F(virGetLastErrorMessage)             \
	F(virInitialize)                      \
	F(virSetErrorFunc)                    \
	F(virTypedParamsFree)                 \
	F(virTypedParamsGetInt)               \
	F(xmlDocGetRootElement)               \
	F(xmlFreeDoc)                         \
	F(xmlGetNoNsProp)                     \
	F(xmlNodeGetContent)                  \
	F(xmlReadMemory)

struct libvirt_api {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): it declares */
#define LIBVIRT_POINTER(name) __typeof__(&name) name;
	LIBVIRT_FUNCTIONS(LIBVIRT_POINTER)
#undef LIBVIRT_POINTER
};

/* Filled in by libvirt_api_load(). */
extern struct libvirt_api lv;

/**
 * libvirt_api_load() - load the library; it stays
 * @ret_why: why that does not work
 *
 * Return: 0 or -ELIBACC.
 */
int libvirt_api_load(const char **ret_why);

#endif
