/* SPDX-License-Identifier: GPL-2.0 */
/* Host and guest state, appended to D-Bus messages. */
#ifndef DYNMEMD_API_FILL_H
#define DYNMEMD_API_FILL_H

#include <systemd/sd-bus.h>

#include "common/escape.h"
#include "dynmemd/core/manager.h"

/* Of what others have named; what is longer is cut. */
#define API_TEXT_MAX 1024

/**
 * api_text() - a text as it may stand in a message
 *
 * A message takes no text that is not UTF-8, and one text that it does not take
 * fails all of it: with one guest, no guest could be listed.
 */
static inline const char *api_text(char buf[static API_TEXT_MAX], const char *text)
{
	return escape_text(buf, API_TEXT_MAX, text);
}

/** api_put_t(), api_put_s() - an entry of an a{sv} */
static inline int api_put_t(sd_bus_message *msg, const char *key, uint64_t value)
{
	return sd_bus_message_append(msg, "{sv}", key, "t", value);
}

static inline int api_put_s(sd_bus_message *msg, const char *key, const char *value)
{
	char buf[API_TEXT_MAX];

	return sd_bus_message_append(msg, "{sv}", key, "s", api_text(buf, value));
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
