/* SPDX-License-Identifier: GPL-2.0 */
/* Host and guest state, appended to D-Bus messages. */
#ifndef DYNMEMD_API_FILL_H
#define DYNMEMD_API_FILL_H

#include <systemd/sd-bus.h>

#include "common/escape.h"
#include "dynmemd/core/manager.h"

/** api_put_t(), api_put_s() - an entry of an a{sv} */
static inline int api_put_t(sd_bus_message *msg, const char *key, uint64_t value)
{
	return sd_bus_message_append(msg, "{sv}", key, "t", value);
}

static inline int api_put_s(sd_bus_message *msg, const char *key, const char *value)
{
	return sd_bus_message_append(msg, "{sv}", key, "s", value);
}

/** api_fill_host() - a{sv} of the keys DYNMEM_HOST_* */
int api_fill_host(sd_bus_message *msg, struct manager *m);

/**
 * api_fill_guest() - a{sv} of the keys DYNMEM_GUEST_*
 * @detail: and of DYNMEM_DETAIL_*
 */
int api_fill_guest(sd_bus_message *msg, struct manager *m, const struct guest *g, bool detail);

/** api_fill_detail() - entries of the keys DYNMEM_DETAIL_*, into an open a{sv} */
void api_fill_detail(sd_bus_message *msg, struct manager *m, const struct guest *g,
		     const struct policy_guest_info *i);

/** api_fill_reservation() - a{sv} of the keys DYNMEM_RESERVE_* */
int api_fill_reservation(sd_bus_message *msg, unsigned int id,
			 const struct policy_reserve_status *s);

/** api_fill_reservations() - aa{sv} of all that hold */
int api_fill_reservations(sd_bus_message *msg, struct manager *m);

/** api_fill_decision() - the arguments of the signal Decision */
int api_fill_decision(sd_bus_message *msg, const struct manager *m, const struct guest *g,
		      bool applied);

/** api_fill_records() - the records of host and guests, as JSON */
int api_fill_records(sd_bus_message *msg, struct manager *m);

#endif
