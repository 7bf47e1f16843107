// SPDX-License-Identifier: GPL-2.0
/* Guests whose balloon frees nothing: by their backends, and by /proc. */
#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"
#include "dynmemd/host/pinned_memory.h"

/* Counters are read anew, since devices are plugged without a word. */
void manager_guest_pinned(struct guest *g)
{
	struct manager *m = g->manager;
	uint64_t now = manager_now(m);
	const char *why;

	g->pins_at = now;
	g->counted_pinned = pinned_by_counters(g->cost.status, g->memory);
	why = guest_pinned(g);
	if (g->pinned_sent == (why != NULL))
		return;
	g->pinned_sent = why != NULL;
	if (g->has_balloon)
		log_guest(LOG_NOTICE, g->name, "%s%s",
			  why ? "its balloon frees nothing on the host: "
			      : "nothing keeps its memory in place any more",
			  why ? why : "");
	update_machine(m, g, GUEST_HAS_PINS, now);
	tick_soon(m);
}
