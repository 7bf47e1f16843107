/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a domain's XML says that libvirt has no call for: its balloon, what
 * becomes of its memory, and the range and shares that somebody wrote into its
 * metadata:
 *
 *   <metadata>
 *     <dynmem:guest xmlns:dynmem="urn:dynmem:guest:1"
 *                   min="2G" max="75%" shares="2000" trust="acme"/>
 *   </metadata>
 */
#ifndef DYNMEMD_LIBVIRT_XML_H
#define DYNMEMD_LIBVIRT_XML_H

#include <stdbool.h>

#include "dynmemd/core/guest.h"

#define LIBVIRT_XMLNS "urn:dynmem:guest:1"

/**
 * struct libvirt_xml - of one domain
 * @has_balloon: it has a virtio balloon
 * @period: how often the balloon takes statistics, seconds; 0: never
 * @other: of memory devices that a balloon does not count, bytes
 * @virtio_mem: there is one of these
 * @traits: GUEST_* of the balloon that are on
 * @pinned: why its balloon frees nothing, or NULL; as in struct guest
 * @unmergeable: why KSM cannot merge its memory, or NULL
 * @own: from the metadata; what is missing or wrong there is not set
 * @wrong: what is wrong in the metadata, and what is allowed; may be empty
 */
struct libvirt_xml {
	bool has_balloon;
	unsigned int period;
	uint64_t other;
	bool virtio_mem;
	unsigned int traits;
	const char *pinned;
	const char *unmergeable;
	struct guest_rule own;
	char wrong[256];
};

/**
 * libvirt_xml_parse() - read a domain's XML
 *
 * Return: 0; -EINVAL: it is no domain's; -ENOMEM.
 */
int libvirt_xml_parse(struct libvirt_xml *ret, const char *text);

#endif
