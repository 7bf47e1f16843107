/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small world for the policy's tests: a host, guests with memory that is
 * used, cached, free and touched or never touched, and balloons that take their
 * time. No simulator: just enough physics that a wrong decision shows.
 */
#ifndef POLICY_WORLD_H
#define POLICY_WORLD_H

#include <string.h>

#include "policy/policy.h"

#define KiB (UINT64_C(1) << 10)
#define MiB (UINT64_C(1) << 20)
#define GiB (UINT64_C(1) << 30)
#define MS  UINT64_C(1000000)
#define S   UINT64_C(1000000000)

#define WORLD_GUESTS 64

struct world_guest {
	uint64_t min, max;
	uint32_t shares;
	bool driver;	      /* holds the balloon and reports */
	bool mute;	      /* holds the balloon, but does not report */
	bool liar;	      /* always says that it is dying for lack of memory */
	uint64_t kills_every; /* a container in it is killed at its own limit */
	uint64_t kills;
	uint64_t overhead;   /* of the guest's kernel: actual - total */
	uint64_t want;	     /* anonymous memory its programs want */
	uint64_t want_cache; /* page cache that it would like to keep */

	uint64_t target, actual;
	uint64_t used, cache;
	uint64_t touched;	/* of actual, resident on the host */
	uint64_t swapped;	/* of touched, in the host's swap */
	uint64_t faults, reads; /* counters: major faults, bytes read */
	uint64_t short_of;	/* what it wants and cannot have now */
	uint64_t short_ms;	/* for how long */
	bool oom;

	unsigned int handle;
	uint64_t update;
	unsigned int commands;
	int direction;
	uint64_t direction_at;
	unsigned int reversals;
};

struct policy_world {
	struct policy *p;
	uint64_t now;
	uint64_t total, other; /* other: used outside guests */
	uint64_t swap_total, swap_used;
	uint64_t slew; /* bytes a second that a balloon moves */
	bool host_oom;
	bool critical_seen;
	unsigned int n;
	struct world_guest g[WORLD_GUESTS];
	struct policy_result r;
	uint64_t decide_every, stats_every;
	uint64_t emergency_at;
	void (*on_decision)(struct policy_world *w, const struct policy_decision *d);
};

static inline uint64_t sub0(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static inline uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t guest_free(const struct world_guest *g)
{
	return sub0(g->actual, g->overhead + g->used + g->cache);
}

static inline uint64_t world_available(const struct policy_world *w)
{
	uint64_t used = w->other;

	for (unsigned int i = 0; i < w->n; i++)
		used += w->g[i].touched - w->g[i].swapped + 32 * MiB;
	return sub0(w->total, used);
}

/* A page of free memory leaves the guest: touched or not, as it comes. */
static inline void guest_lose_free(struct world_guest *g, uint64_t bytes)
{
	uint64_t in_use = g->overhead + g->used + g->cache;
	uint64_t free = guest_free(g), touched_free = sub0(g->touched, in_use);
	uint64_t part = free ? (uint64_t)((double)touched_free / (double)free * (double)bytes) : 0;

	g->touched -= least(part, g->touched);
	g->swapped = least(g->swapped, g->touched);
}

static inline void guest_balloon(struct policy_world *w, struct world_guest *g, uint64_t ms)
{
	uint64_t step = w->slew * ms / 1000, take, from_cache;

	if (!g->driver)
		return;
	if (g->target > g->actual) {
		g->actual += least(step, g->target - g->actual);
		return;
	}
	take = least(step, g->actual - g->target);
	/* Free first, then cache; what is used cannot be taken. */
	from_cache = sub0(take, sub0(guest_free(g), 8 * MiB));
	from_cache = least(from_cache, g->cache);
	g->cache -= from_cache;
	g->touched -= least(from_cache, g->touched);
	take = least(take, from_cache + sub0(guest_free(g), 8 * MiB));
	guest_lose_free(g, sub0(take, from_cache));
	g->actual -= take;
	g->touched = least(g->touched, g->actual);
	g->swapped = least(g->swapped, g->touched);
}

/*
 * Programs take what they want, if it is there; then cache fills what is free.
 */
static inline void guest_run(struct world_guest *g, uint64_t ms)
{
	uint64_t room = sub0(g->actual, g->overhead + 8 * MiB), grow;

	if (g->want < g->used)
		g->used = g->want;
	grow = least(g->want - g->used, sub0(room, g->used));
	g->used += grow;
	if (g->used + g->cache > room) {
		uint64_t lost = g->used + g->cache - room;

		lost = least(lost, g->cache);
		g->cache -= lost;
	}
	g->short_of = g->want - g->used;
	if (g->short_of) {
		g->short_ms += ms;
		g->faults += 2 * ms; /* 8 MiB/s of executables read again */
		g->reads += 8 * MiB * ms / 1000;
	}
	if (g->short_ms > 5000)
		g->oom = true;
	if (!g->short_of)
		g->short_ms = 0;
	if (g->cache < g->want_cache) {
		uint64_t more = least(g->want_cache - g->cache, sub0(guest_free(g), 8 * MiB));

		more = least(more, 100 * MiB * ms / 1000);
		g->cache += more;
		g->reads += more;
	}
	if (g->touched < g->overhead + g->used + g->cache)
		g->touched = g->overhead + g->used + g->cache;
}

/* What is in use comes back, as far as there is memory. */
static inline void host_swap_in(struct policy_world *w, uint64_t room)
{
	for (unsigned int i = 0; i < w->n; i++) {
		struct world_guest *g = &w->g[i];
		uint64_t busy = g->overhead + g->used;
		uint64_t idle = sub0(g->touched, busy);
		uint64_t in = least(sub0(g->swapped, idle), 5 * MiB);

		in = least(in, room);
		g->swapped -= in;
		room -= in;
	}
}

/* The host swaps what is touched and free in guests first, then anything. */
static inline void host_swap(struct policy_world *w)
{
	uint64_t used = w->other, need;

	for (unsigned int i = 0; i < w->n; i++)
		used += w->g[i].touched - w->g[i].swapped + 32 * MiB;
	need = sub0(used, w->total - 16 * MiB);
	if (!need)
		host_swap_in(w, sub0(w->total - 64 * MiB, used));
	w->swap_used = 0;
	for (unsigned int i = 0; i < w->n; i++)
		w->swap_used += w->g[i].swapped;

	for (int pass = 0; pass < 2 && need; pass++)
		for (unsigned int i = 0; i < w->n && need; i++) {
			struct world_guest *g = &w->g[i];
			uint64_t cold = pass ? g->touched
					     : sub0(g->touched, g->overhead + g->used + g->cache);
			uint64_t out = least(need, sub0(cold, g->swapped));

			out = least(out, w->swap_total - w->swap_used);
			g->swapped += out;
			w->swap_used += out;
			need -= out;
		}
	if (need)
		w->host_oom = true;
}

static inline void world_command(struct policy_world *w, struct world_guest *g, uint64_t target)
{
	int dir = target > g->target ? 1 : target < g->target ? -1 : 0;

	if (dir && g->direction && dir != g->direction && w->now - g->direction_at < 30 * S)
		g->reversals++;
	if (dir) {
		g->direction = dir;
		g->direction_at = w->now;
	}
	g->target = target;
	g->commands++;
	policy_command_sent(w->p, g->handle, target, w->now);
}

static inline struct world_guest *world_find(struct policy_world *w, unsigned int handle)
{
	for (unsigned int i = 0; i < w->n; i++)
		if (w->g[i].handle == handle)
			return &w->g[i];
	return NULL;
}

static inline void world_host_sample(struct policy_world *w)
{
	struct host_record h = {
		.present = HOST_HAS_MEMORY | HOST_HAS_SWAP,
		.total = w->total,
		.available = world_available(w),
		.swap_total = w->swap_total,
		.swap_free = w->swap_total - w->swap_used,
	};

	if (policy_host_update(w->p, &h, w->now) == POLICY_LEVEL_CRITICAL)
		w->critical_seen = true;
}

static inline void world_costs(struct policy_world *w)
{
	for (unsigned int i = 0; i < w->n; i++) {
		struct world_guest *g = &w->g[i];
		struct guest_record s = {
			.present = GUEST_HAS_RSS | GUEST_HAS_SWAPPED | GUEST_HAS_DISK_READ,
			.rss = g->touched - g->swapped + 32 * MiB,
			.swapped = g->swapped,
			.disk_read = g->reads,
		};

		policy_guest_update(w->p, g->handle, &s, w->now);
	}
}

static inline void world_stats(struct policy_world *w)
{
	for (unsigned int i = 0; i < w->n; i++) {
		struct world_guest *g = &w->g[i];
		uint64_t total = sub0(g->actual, g->overhead);
		struct guest_record s = {
			.present = GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE |
				   GUEST_HAS_FREE | GUEST_HAS_DISK_CACHES | GUEST_HAS_MAJOR_FAULTS,
			.last_update = ++g->update,
			.stat_actual = g->actual,
			.total = total,
			.available = sub0(total, g->used),
			.free = guest_free(g),
			.disk_caches = g->cache,
			.major_faults = g->faults,
		};

		if (g->kills_every) {
			g->kills += w->now % g->kills_every == 0;
			s.present |= GUEST_HAS_OOM_KILL;
			s.oom_kill = g->kills;
		}
		if (g->liar) {
			s.present |= GUEST_HAS_OOM_KILL | GUEST_HAS_ALLOC_STALL;
			s.available = s.free = s.disk_caches = 0;
			s.oom_kill = s.alloc_stall = g->update;
			s.major_faults = g->update * 100000;
		}
		if (g->driver && !g->mute)
			policy_guest_update(w->p, g->handle, &s, w->now);
	}
}

static inline void world_decide(struct policy_world *w)
{
	const struct policy_plan_step *step;
	unsigned int count = 0;
	enum policy_level level;
	int64_t again;

	if (policy_decide(w->p, w->now, &w->r) < 0)
		return;
	for (unsigned int i = 0; i < w->r.count; i++) {
		const struct policy_decision *d = &w->r.decision[i];
		struct world_guest *g = world_find(w, d->guest);

		if (w->on_decision)
			w->on_decision(w, d);
		policy_guest_polling(w->p, d->guest, d->poll != 0, w->now);
		if (d->flags & POLICY_SEND)
			world_command(w, g, d->target);
	}

	level = w->r.level;
	if (w->emergency_at && w->now >= w->emergency_at) {
		again = policy_emergency_next(w->p, w->now, &step, &count);
		w->emergency_at = again > 0 ? w->now + (uint64_t)again : 0;
	} else if (!w->emergency_at && level == POLICY_LEVEL_CRITICAL) {
		if (policy_emergency_begin(w->p, w->now, &step, &count) == 0)
			w->emergency_at = w->now + 250 * MS;
	}
	for (unsigned int i = 0; i < count; i++)
		world_command(w, world_find(w, step[i].guest), step[i].target);
}

/* One step of the world, in ms that divide a second. */
static inline void world_step(struct policy_world *w, uint64_t ms)
{
	w->now += ms * MS;
	for (unsigned int i = 0; i < w->n; i++) {
		guest_run(&w->g[i], ms);
		guest_balloon(w, &w->g[i], ms);
	}
	host_swap(w);
	if (w->now % w->stats_every == 0)
		world_stats(w);
	if (w->now % (S / 4) == 0)
		world_costs(w);
	if (w->now % w->decide_every == 0) {
		world_host_sample(w);
		world_decide(w);
	}
}

static inline void world_run(struct policy_world *w, uint64_t seconds)
{
	for (uint64_t i = 0; i < seconds * 20; i++)
		world_step(w, 50);
}

/* The same with coarse steps, for very many worlds. */
static inline void world_rush(struct policy_world *w, uint64_t seconds)
{
	for (uint64_t i = 0; i < seconds * 4; i++)
		world_step(w, 250);
}

static inline void world_init(struct policy_world *w, uint64_t total, uint64_t other, uint64_t swap)
{
	memset(w, 0, sizeof(*w));
	w->total = total;
	w->other = other;
	w->swap_total = swap;
	w->slew = GiB;
	w->decide_every = S / 4;
	w->stats_every = S;
	w->now = 1000 * S;
	policy_new(NULL, &w->p);
}

static inline struct world_guest *world_guest(struct policy_world *w, uint64_t min, uint64_t max)
{
	struct world_guest *g = &w->g[w->n++];
	struct policy_guest_config c = { .min = min, .max = max };

	*g = (struct world_guest){
		.min = min,
		.max = max,
		.driver = true,
		.overhead = 64 * MiB,
		.target = max,
		.actual = max,
		.shares = 1000,
		.update = 1000,
	};
	policy_guest_add(w->p, &c, max, w->now, &g->handle);
	return g;
}

static inline void world_free(struct policy_world *w)
{
	policy_free(w->p);
}

#endif /* POLICY_WORLD_H */
