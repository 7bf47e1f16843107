/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Figures and events of the kernel module, as JSON objects.
 */
#ifndef DYNMEM_KERNEL_H
#define DYNMEM_KERNEL_H

#include <json-c/json.h>

#include "dynmem.h"

/**
 * kernel_host() - the host's part of the state, as the module sees it
 * @ret: { DYNMEM_HOST_* }, set on success
 *
 * Return: 0; -ENODEV without the module; another negative errno.
 */
int kernel_host(struct json_object **ret);

/**
 * kernel_figures() - pressure and KSM as the module has them
 * @ret: { "pressure": {...}, "ksm": {...} }, set on success; members as in events
 *
 * Return: 0; -ENODEV without the module; another negative errno.
 */
int kernel_figures(struct json_object **ret);

/**
 * kernel_event() - an event as an object
 * @event: from dynmem_next_event()
 *
 * Return: { "type": "pressure" | "ksm" | "module" | "overrun", ... }, or NULL
 * for a type that this program does not know.
 */
struct json_object *kernel_event(const struct dynmem_event *event);

#endif
