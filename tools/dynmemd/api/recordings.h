/* SPDX-License-Identifier: GPL-2.0 */
/* Recordings over D-Bus: each line a signal to the one who asked. */
#ifndef DYNMEMD_API_RECORDINGS_H
#define DYNMEMD_API_RECORDINGS_H

#include <systemd/sd-bus.h>

#include "dynmemd/core/manager.h"

struct recording;

/**
 * recording_begin() - for the sender of a call, until it leaves the bus
 * @list: of all; it is added
 *
 * Return: 0; -EBUSY: too many are served.
 */
int recording_begin(struct recording **list, struct manager *m, sd_bus_message *call);

/** recording_end_all() - the bus or the daemon goes */
void recording_end_all(struct recording **list);

#endif
