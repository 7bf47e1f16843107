/* SPDX-License-Identifier: GPL-2.0 */
/* The D-Bus API of api.h, on the system bus. */
#ifndef DYNMEMD_API_DBUS_H
#define DYNMEMD_API_DBUS_H

#include <systemd/sd-event.h>

#include "dynmemd/core/manager.h"

struct api;

/**
 * api_new() - connect to the system bus and export @m
 *
 * Without a bus, or when it goes, the connection is tried again later; the
 * daemon does its work all the same.
 */
int api_new(struct api **ret, struct manager *m, sd_event *event);

/** api_source_changed() - the property Source has another value */
void api_source_changed(struct api *a);

/** api_free() - NULL is fine. Return: NULL */
struct api *api_free(struct api *a);

#endif
