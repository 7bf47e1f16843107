// SPDX-License-Identifier: GPL-2.0
/*
 * When the manager wakes up next. What it does then is in decisions.c.
 */
#include "dynmemd/core/manager_private.h"

/* A thousand guests that appear in one moment make a few ticks, not a thousand. */
#define TICK_GAP (100 * NSEC_PER_MSEC)

void timer_set(sd_event_source *s, uint64_t ns)
{
	sd_event_source_set_time(s, ns / NSEC_PER_USEC);
	sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

void tick_at(struct manager *m, uint64_t when)
{
	if (m->tick_at && m->tick_at <= when)
		return;
	m->tick_at = when;
	timer_set(m->tick, when);
}

void tick_soon(struct manager *m)
{
	uint64_t now = manager_now(m);

	tick_at(m, MAX(now, m->ticked_at + TICK_GAP));
}

void decide_soon(struct manager *m)
{
	sd_event_source_set_enabled(m->decide, SD_EVENT_ONESHOT);
}
