/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random snapshots for the policy's property tests: a host and guests over a
 * few ticks, from plausible to hostile, all of it from one seed.
 */
#ifndef POLICY_RANDOM_H
#define POLICY_RANDOM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/engine.h"
#include "sim/rng.h"

#define RANDOM_GUESTS 48
#define RANDOM_TICKS  4

struct random_guest {
	struct policy_guest_config config;
	uint64_t actual;
	bool reports, pressed_always;
	int event; /* enum policy_guest_event, or -1 */
	struct guest_record sample[RANDOM_TICKS];
	struct guest_record cost[RANDOM_TICKS];
};

struct random_snapshot {
	uint64_t seed, start;
	uint64_t step; /* ns between ticks */
	unsigned int n;
	struct host_record host[RANDOM_TICKS];
	struct random_guest g[RANDOM_GUESTS];
};

/*
 * What a test tries: seeds 1 to @runs, or @only that of POLICY_SEED.
 */
struct seeds {
	uint64_t runs, only;
};

/* A number that is none would be a test that tries nothing. */
static inline uint64_t seeds_env(const char *name, uint64_t normal)
{
	const char *text = getenv(name);
	char *end;
	uint64_t n;

	if (!text || !*text)
		return normal;
	n = strtoull(text, &end, 0);
	if (!n || *end) {
		fprintf(stderr, "%s takes a whole number above 0, not '%s'\n", name, text);
		exit(2);
	}
	return n;
}

static inline struct seeds seeds_init(const char *name, uint64_t runs)
{
	return (struct seeds){ seeds_env(name, runs), seeds_env("POLICY_SEED", 0) };
}

#define for_each_seed(seed, s, share)                   \
	for (uint64_t seed = (s)->only ? (s)->only : 1; \
	     seed <= ((s)->only ? (s)->only : (s)->runs / (share)); seed++)

/* In a test that tries seeds; fail() is cmocka's. */
#define check_seed(seed, cond)                                                          \
	do {                                                                            \
		if (!(cond)) {                                                          \
			fprintf(stderr, "# %s: POLICY_SEED=%llu fails: %s\n", __func__, \
				(unsigned long long)(seed), #cond);                     \
			fail();                                                         \
		}                                                                       \
	} while (0)

static inline uint64_t rnd_to(struct rng *r, uint64_t n)
{
	return n ? rng_next(r) % n : 0;
}

static inline bool chance(struct rng *r, unsigned int percent)
{
	return rnd_to(r, 100) < percent;
}

/* Sizes of all magnitudes, in whole pages. */
static inline uint64_t rnd_size(struct rng *r, uint64_t lo, uint64_t hi)
{
	double f = (double)rnd_to(r, 1000001) / 1e6;
	double x = (double)lo;

	for (double top = (double)hi; f > 0.999999 && x < top;)
		return hi / 4096 * 4096;
	x = (double)lo + ((double)hi - (double)lo) * f * f;
	return (uint64_t)x / 4096 * 4096;
}

/* A number that a guest could send to do harm. */
static inline uint64_t hostile(struct rng *r, uint64_t normal)
{
	static const uint64_t evil[] = {
		0,
		1,
		4095,
		UINT32_MAX,
		UINT64_C(1) << 32,
		INT64_MAX,
		(uint64_t)INT64_MAX + 1,
		UINT64_MAX - 1,
		UINT64_MAX,
	};

	return chance(r, 50) ? normal : evil[rnd_to(r, 9)];
}

static inline void random_sample(struct rng *r, struct random_guest *g, unsigned int tick,
				 bool evil)
{
	struct guest_record *s = &g->sample[tick];
	struct guest_record *old = tick ? &g->sample[tick - 1] : s;
	uint64_t total = g->actual - g->actual / 16;
	uint64_t available = rnd_size(r, 0, total);
	uint64_t counters = g->pressed_always || chance(r, 10) ? 100000 : 3;

	*s = (struct guest_record){
		.present = GUEST_HAS_ALL_STATS,
		.last_update = 1000 + tick,
		.stat_actual = g->actual,
		.total = total,
		.available = available,
		.free = rnd_size(r, 0, available),
		.disk_caches = rnd_size(r, 0, available),
		.swap_in = old->swap_in + rnd_to(r, counters * 4096),
		.swap_out = old->swap_out + rnd_to(r, counters * 4096),
		.major_faults = old->major_faults + rnd_to(r, counters),
		.oom_kill = old->oom_kill + (g->pressed_always ? 1 : 0),
		.alloc_stall = old->alloc_stall + (counters > 3),
	};
	if (evil) {
		s->present = rng_next(r);
		s->last_update = hostile(r, s->last_update);
		s->stat_actual = hostile(r, s->stat_actual);
		s->total = hostile(r, s->total);
		s->available = hostile(r, s->available);
		s->free = hostile(r, s->free);
		s->disk_caches = hostile(r, s->disk_caches);
		s->swap_in = hostile(r, s->swap_in);
		s->swap_out = hostile(r, s->swap_out);
		s->major_faults = hostile(r, s->major_faults);
		s->oom_kill = hostile(r, s->oom_kill);
		s->alloc_stall = hostile(r, s->alloc_stall);
	}
}

static inline void random_cost(struct rng *r, struct random_guest *g, unsigned int tick, bool evil)
{
	struct guest_record *s = &g->cost[tick];

	*s = (struct guest_record){
		.present = GUEST_HAS_COSTS,
		.rss = rnd_size(r, 0, g->config.max),
		.swapped = chance(r, 20) ? rnd_size(r, 0, g->config.max / 8) : 0,
		.ksm_saved = chance(r, 30) ? rnd_size(r, 0, g->config.max / 4) : 0,
		.disk_read = tick * rnd_to(r, 1 << 28),
		.cpu_ns = tick * rnd_to(r, 1 << 30),
	};
	if (evil) {
		s->present = rng_next(r);
		s->rss = hostile(r, s->rss);
		s->swapped = hostile(r, s->swapped);
		s->ksm_saved = hostile(r, s->ksm_saved);
		s->disk_read = hostile(r, s->disk_read);
		s->cpu_ns = hostile(r, s->cpu_ns);
	}
}

static inline void random_guest(struct rng *r, struct random_guest *g, uint64_t most, bool evil)
{
	struct policy_guest_config *c = &g->config;

	c->max = rnd_size(r, MIB, most);
	c->min = chance(r, 10) ? c->max : rnd_size(r, 0, c->max / 2);
	c->shares = chance(r, 60) ? 1000 : 1 + (uint32_t)rnd_to(r, 50000);
	c->unmanaged = chance(r, 3);
	g->actual = chance(r, 40) ? c->max : rnd_size(r, c->min, c->max);
	g->reports = !chance(r, 5);
	g->pressed_always = chance(r, 5);
	g->event = chance(r, 5) ? (int)rnd_to(r, 10) : -1;
	for (unsigned int t = 0; t < RANDOM_TICKS; t++) {
		random_sample(r, g, t, evil && chance(r, 50));
		random_cost(r, g, t, evil && chance(r, 50));
	}
}

/* @evil: hostile values too */
static inline void random_snapshot(struct random_snapshot *x, uint64_t seed, bool evil)
{
	struct rng r = { seed };
	uint64_t total = rnd_size(&r, 256 * MIB, chance(&r, 10) ? 64 * 1024 * GIB : 512 * GIB);

	memset(x, 0, sizeof(*x));
	x->seed = seed;
	x->start = rnd_to(&r, 1000) * SEC;
	x->step = chance(&r, 70) ? SEC : rnd_to(&r, 8 * SEC);
	x->n = chance(&r, 70) ? 1 + (unsigned int)rnd_to(&r, 8)
			      : 1 + (unsigned int)rnd_to(&r, RANDOM_GUESTS);
	for (unsigned int t = 0; t < RANDOM_TICKS; t++) {
		struct host_record *h = &x->host[t];

		h->present = HOST_HAS_MEMORY | HOST_HAS_ARC | HOST_HAS_SWAP | HOST_HAS_LEVEL |
			     HOST_HAS_NODES;
		h->total = total;
		h->available = chance(&r, 50) ? rnd_size(&r, 0, total) : rnd_size(&r, 0, total / 8);
		if (chance(&r, 50)) {
			h->swap_total = total / 4;
			h->swap_free = rnd_size(&r, 0, h->swap_total);
		}
		if (chance(&r, 10)) {
			h->arc_size = rnd_size(&r, 0, total / 2);
			h->arc_min = rnd_size(&r, 0, h->arc_size);
		}
		h->nodes = chance(&r, 70) ? 0 : 2;
		for (unsigned int i = 0; i < h->nodes; i++) {
			h->node[i].total = total / 2;
			h->node[i].available = rnd_size(&r, 0, total / 2);
		}
		if (evil && chance(&r, 20)) {
			h->available = hostile(&r, h->available);
			h->swap_free = hostile(&r, h->swap_free);
			h->arc_size = hostile(&r, h->arc_size);
			h->nodes = (unsigned int)hostile(&r, h->nodes);
		}
	}
	for (unsigned int i = 0; i < x->n; i++)
		random_guest(&r, &x->g[i],
			     chance(&r, 80) ? total / 2 + MIB
					    : min_of(2 * total, POLICY_GUEST_BYTES_MAX),
			     evil);
}

/* Feed one tick to an engine whose guest @map[i] is the snapshot's guest i. */
static inline void random_feed(struct policy *p, const struct random_snapshot *x,
			       const unsigned int *map, unsigned int t)
{
	uint64_t now = x->start + t * x->step;

	policy_host_update(p, &x->host[t], now);
	for (unsigned int i = 0; i < x->n; i++) {
		const struct random_guest *g = &x->g[i];

		if (!t)
			policy_guest_polling(p, map[i], true, now);
		if (t == RANDOM_TICKS / 2 && g->event >= 0)
			policy_guest_event(p, map[i], g->event, now);
		policy_guest_update(p, map[i], &g->cost[t], now);
		if (g->reports)
			policy_guest_update(p, map[i], &g->sample[t], now);
	}
}

/* An engine with the snapshot's guests, in their order or backwards. */
static inline struct policy *random_engine(const struct random_snapshot *x,
					   const struct policy_tunables *t, bool backwards,
					   unsigned int *map)
{
	struct policy *p = NULL;

	if (policy_new(t, &p) < 0)
		return NULL;
	for (unsigned int k = 0; k < x->n; k++) {
		unsigned int i = backwards ? x->n - 1 - k : k;

		if (policy_guest_add(p, &x->g[i].config, x->g[i].actual, x->start, &map[i]) < 0) {
			policy_free(p);
			return NULL;
		}
	}
	return p;
}

#endif /* POLICY_RANDOM_H */
