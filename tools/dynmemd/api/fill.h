/* SPDX-License-Identifier: GPL-2.0 */
/* Host and guest state, appended to D-Bus messages. */
#ifndef DYNMEMD_API_FILL_H
#define DYNMEMD_API_FILL_H

#include <systemd/sd-bus.h>

#include "common/escape.h"
#include "dynmemd/core/manager.h"

/** api_fill_host() - a{sv} of the keys DYNMEM_HOST_* */
int api_fill_host(sd_bus_message *msg, struct manager *m);

/** api_fill_guest() - a{sv} of the keys DYNMEM_GUEST_* */
int api_fill_guest(sd_bus_message *msg, const struct manager *m, const struct guest *g);

/** api_fill_reservation() - a{sv} of the keys DYNMEM_RESERVE_* */
int api_fill_reservation(sd_bus_message *msg, unsigned int id,
			 const struct policy_reserve_status *s);

/** api_fill_decision() - the arguments of the signal Decision */
int api_fill_decision(sd_bus_message *msg, const struct manager *m, const struct guest *g,
		      bool applied);

/** api_fill_records() - the records of host and guests, as JSON */
int api_fill_records(sd_bus_message *msg, struct manager *m);

#endif
