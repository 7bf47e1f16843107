// SPDX-License-Identifier: GPL-2.0
/* A listener to all that enters the engine, and what it hears first. */
#include "engine.h"

static void hear_record(const struct policy *p, unsigned int guest, const struct guest_history *s)
{
	struct guest_record r = {
		.present = s->known,
		.rss = s->rss,
		.swapped = s->swapped,
		.ksm_saved = s->ksm_saved,
		.disk_read = s->disk_read,
		.cpu_ns = s->cpu_ns,
	};

	if (s->fresh_at != NEVER) {
		r.present |= GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE |
			     GUEST_HAS_FREE | GUEST_HAS_DISK_CACHES | s->counters;
		r.last_update = s->last_update;
		r.stat_actual = s->sample_actual;
		r.total = s->total;
		r.available = s->available;
		r.free = s->free;
		r.disk_caches = s->cache;
		r.swap_in = s->swap_in;
		r.swap_out = s->swap_out;
		r.major_faults = s->major_faults;
		r.oom_kill = s->oom_kill;
		r.alloc_stall = s->alloc_stall;
	}
	if (r.present)
		HEARD(p, GUEST, .guest = guest, .record = &r);
}

static void hear_event(const struct policy *p, unsigned int guest, bool happened,
		       enum policy_guest_event event)
{
	if (happened)
		HEARD(p, GUEST_EVENT, .guest = guest, .event = event);
}

static void hear_guest(const struct policy *p, unsigned int guest, const struct policy_guest *g)
{
	struct policy_guest_config c = {
		.min = g->min,
		.max = g->max,
		.shares = g->shares,
		.unmanaged = g->unmanaged,
		.userdata = g->seen->userdata,
	};
	struct policy_guest_state state;

	HEARD(p, GUEST_ADD, .guest = guest, .config = &c, .bytes = g->actual);
	policy_guest_export(p, guest, p->now, &state);
	HEARD(p, GUEST_STATE, .guest = guest, .state = &state);
	if (g->target != g->actual)
		HEARD(p, COMMAND, .guest = guest, .bytes = g->target);
	hear_event(p, guest, g->seen->frozen, POLICY_GUEST_MIGRATE_BEGIN);
	hear_event(p, guest, g->seen->paused, POLICY_GUEST_PAUSE);
	hear_event(p, guest, g->seen->no_balloon, POLICY_GUEST_NO_BALLOON);
	hear_event(p, guest, g->seen->pinned, POLICY_GUEST_PINNED);
	if (g->seen->polling)
		HEARD(p, POLLING, .guest = guest, .on = true);
	hear_record(p, guest, g->seen);
}

static void hear_host(const struct policy *p)
{
	struct host_record host = p->host;
	struct policy_host_state state;

	host.total += host.present & HOST_HAS_POOL_TOTAL ? host.pool_total : 0;
	HEARD(p, HOST, .host = &host);
	policy_host_export(p, &state);
	HEARD(p, HOST_STATE, .host_state = &state);
}

bool policy_is_new(const struct policy *p)
{
	return !p->have_host && !p->count && !p->now;
}

void policy_listen(struct policy *p, policy_input_t f, void *userdata)
{
	const struct policy_guest *g;

	p->listener = f;
	p->listener_data = userdata;
	if (!f)
		return;
	HEARD(p, TUNABLES, .tunables = &p->t);
	if (p->drain)
		HEARD(p, DRAIN, .on = true);
	if (p->have_host)
		hear_host(p);
	for_each_guest (p, g)
		hear_guest(p, (unsigned int)(g - p->guest), g);
	for (unsigned int i = 0; i < POLICY_RESERVES_MAX; i++) {
		const struct reserve *r = &p->reserve[i];

		if (!r->exists || p->now >= r->until)
			continue;
		HEARD(p, RESERVE_RESTORE, .guest = r->id, .bytes = r->bytes,
		      .ttl = r->until - p->now);
		if (r->started)
			HEARD(p, RESERVE_STARTED, .guest = r->guest, .bytes = r->id);
	}
}
