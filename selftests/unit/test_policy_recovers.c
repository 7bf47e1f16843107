// SPDX-License-Identifier: GPL-2.0
/*
 * Nobody starves for good: whatever happened to guests, host and daemon, once it is over
 * and the host has plenty, each guest has all of its memory within a quarter of an hour.
 *
 * A failure prints its seed; POLICY_SEED=n repeats that one alone, POLICY_RUNS=n
 * changes how many are tried.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy_random.h"
#include "policy_world.h"

#define GUESTS 4
/* Somebody else who moved a balloon is waited for so long, then a stuck one is tried. */
#define RECOVERY 900

static struct seeds seeds;

struct chaos {
	struct policy_world w;
	struct rng r;
	unsigned int reserved; /* a number; 0: nothing is */
	uint64_t seed;
};

static void happens(struct chaos *c, const struct world_guest *g, enum policy_guest_event event)
{
	policy_guest_event(c->w.p, g->handle, event, c->w.now);
}

static void range(struct chaos *c, const struct world_guest *g, uint64_t min, uint64_t max)
{
	const struct policy_guest_config config = { .min = min, .max = max };

	assert_int_equal(policy_guest_configure(c->w.p, g->handle, &config), 0);
}

/* Another daemon goes on with what this one wrote down. */
static void restart(struct chaos *c)
{
	struct policy_world *w = &c->w;
	struct policy_host_state host;
	struct policy *p;

	assert_int_equal(policy_new(NULL, &p), 0);
	policy_host_export(w->p, &host);
	policy_host_import(p, &host, w->now);
	for (unsigned int i = 0; i < w->n; i++) {
		struct world_guest *g = &w->g[i];
		const struct policy_guest_config config = { .min = g->min, .max = g->max };
		struct policy_guest_state s;
		struct policy_guest_info info;

		policy_guest_info(w->p, g->handle, w->now, &info);
		policy_guest_export(w->p, g->handle, w->now, &s);
		assert_int_equal(policy_guest_add(p, &config, g->actual, w->now, &g->handle), 0);
		policy_guest_import(p, g->handle, w->now, &s);
		policy_command_sent(p, g->handle, info.target, w->now);
	}
	policy_free(w->p);
	w->p = p;
	w->emergency_at = 0;
	c->reserved = 0;
}

static void of_guest(struct chaos *c, struct world_guest *g)
{
	uint64_t size = g->min + rnd_to(&c->r, g->max - g->min);

	switch (rnd_to(&c->r, 19)) {
	case 0:
		g->mute = !g->mute;
		return;
	case 1: /* its driver is unloaded */
		g->driver = false;
		g->actual = g->max;
		policy_guest_actual(c->w.p, g->handle, g->actual, c->w.now);
		return;
	case 2:
		g->driver = true;
		return;
	case 3:
		g->used = g->cache = g->faults = g->short_ms = 0;
		happens(c, g, POLICY_GUEST_REBOOT);
		return;
	case 4: /* somebody else moves it, or our own command is lost */
		g->target = size;
		return;
	case 5:
		range(c, g, g->min, size);
		return;
	case 6:
		range(c, g, size, g->max);
		return;
	case 7:
		range(c, g, g->min, g->max);
		return;
	case 8:
		g->liar = !g->liar;
		return;
	case 9:
		g->kills_every = g->kills_every ? 0 : 5 * S;
		return;
	case 10:
		g->touched = g->actual;
		return;
	case 11:
		g->want_cache = rnd_to(&c->r, g->max);
		return;
	case 12:
	case 13:
		g->want = rnd_to(&c->r, g->max * 9 / 10);
		return;
	default:
		happens(c, g, (enum policy_guest_event)rnd_to(&c->r, POLICY_GUEST_FORGET + 1));
	}
}

static void of_host(struct chaos *c)
{
	struct policy_reserve_status s;
	struct policy_tunables t;
	struct policy_world *w = &c->w;

	switch (rnd_to(&c->r, 9)) {
	case 0:
		policy_set_drain(w->p, chance(&c->r, 50));
		return;
	case 1:
		policy_reserve_release(w->p, c->reserved);
		policy_reserve(w->p, rnd_size(&c->r, MiB, 8 * GiB), rnd_to(&c->r, 3600) * S, w->now,
			       &c->reserved, &s);
		return;
	case 2:
		restart(c);
		return;
	case 3:
		w->other = 2 * GiB + rnd_to(&c->r, 20 * GiB);
		return;
	case 4:
		w->total = (20 + rnd_to(&c->r, 30)) * GiB;
		return;
	case 5:
		w->swap_total = rnd_to(&c->r, 2) * 8 * GiB;
		return;
	case 6: /* balloons are slow, or stand */
		w->slew = chance(&c->r, 30) ? 0 : GiB >> rnd_to(&c->r, 8);
		return;
	case 7:
		w->stats_every = S * (1 + rnd_to(&c->r, 8));
		return;
	default:
		policy_tunables_init(&t);
		t.poll = (1 + rnd_to(&c->r, 10)) * S / 2;
		t.reversal = rnd_to(&c->r, 600) * S;
		t.hold_time = (1 + rnd_to(&c->r, 20)) * S / 2;
		t.harm_limit = 1 + rnd_to(&c->r, 4);
		t.enforce = rnd_to(&c->r, 2);
		assert_int_equal(policy_set_tunables(w->p, &t), 0);
	}
}

static void is_over(struct chaos *c)
{
	struct policy_world *w = &c->w;
	struct policy_tunables t;

	policy_tunables_init(&t);
	policy_set_tunables(w->p, &t);
	policy_set_drain(w->p, false);
	policy_reserve_release(w->p, c->reserved);
	w->total = 128 * GiB;
	w->other = 4 * GiB;
	w->swap_total = 8 * GiB;
	w->slew = GiB;
	w->stats_every = S;
	for (unsigned int i = 0; i < w->n; i++) {
		struct world_guest *g = &w->g[i];

		g->driver = true;
		g->mute = g->liar = false;
		g->kills_every = 0;
		range(c, g, g->min, g->max);
		happens(c, g, POLICY_GUEST_RESUME);
		happens(c, g, POLICY_GUEST_MIGRATE_END);
		happens(c, g, POLICY_GUEST_BALLOON);
		happens(c, g, POLICY_GUEST_UNPINNED);
	}
}

/* But for what is not worth a command. */
static bool has_all(const struct policy_world *w)
{
	for (unsigned int i = 0; i < w->n; i++)
		if (w->g[i].actual + w->g[i].max / 100 < w->g[i].max)
			return false;
	return true;
}

static void recovers(uint64_t seed)
{
	static struct chaos c;

	c = (struct chaos){ .r = { seed }, .seed = seed };
	world_init(&c.w, 40 * GiB, 4 * GiB, 8 * GiB);
	for (int i = 0; i < GUESTS; i++) {
		struct world_guest *g = world_guest(&c.w, GiB, (4 + rnd_to(&c.r, 12)) * GiB);

		g->want = rnd_to(&c.r, g->max * 8 / 10);
	}
	for (int i = 0; i < 60; i++) {
		if (chance(&c.r, 70))
			of_guest(&c, &c.w.g[rnd_to(&c.r, GUESTS)]);
		else
			of_host(&c);
		world_rush(&c.w, 1 + rnd_to(&c.r, 40));
	}
	is_over(&c);
	for (int s = 0; s < RECOVERY && !has_all(&c.w); s += 10)
		world_rush(&c.w, 10);
	check_seed(seed, has_all(&c.w));
	world_free(&c.w);
}

static void test_recovers(void **state)
{
	(void)state;
	for_each_seed (seed, &seeds, 1)
		recovers(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recovers),
	};

	seeds = seeds_init("POLICY_RUNS", 1000);
	return cmocka_run_group_tests_name("policy_recovers", tests, NULL, NULL);
}
