// SPDX-License-Identifier: GPL-2.0
/* The host: levels, budget, exposure, NUMA nodes, silent guests, KSM. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy/engine.h"

struct fixture {
	struct policy *p;
	u64 now;
	struct host_record h;
	struct policy_result r;
	u64 update;
};

static void init(struct fixture *f, u64 total, u64 available)
{
	*f = (struct fixture){ .now = 1000 * SEC };
	f->h.present =
		HOST_HAS_MEMORY | HOST_HAS_ARC | HOST_HAS_SWAP | HOST_HAS_LEVEL | HOST_HAS_NODES;
	f->h.total = total;
	f->h.available = available;
	assert_int_equal(policy_new(NULL, &f->p), 0);
}

static unsigned int add(struct fixture *f, u64 min, u64 max)
{
	struct policy_guest_config c = { .min = min, .max = max };
	unsigned int g = 0;

	assert_int_equal(policy_guest_add(f->p, &c, max, f->now, &g), 0);
	policy_guest_polling(f->p, g, true, f->now);
	return g;
}

static void report(struct fixture *f, unsigned int g, u64 used, u64 rss)
{
	const struct guest *guest = guest_get(f->p, g);
	struct guest_record s = {
		.present = GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE | GUEST_HAS_FREE,
		.last_update = ++f->update,
		.stat_actual = guest->actual,
		.total = guest->actual,
		.available = guest->actual - used,
		.free = guest->actual - used,
	};
	struct guest_record c = {
		.present = GUEST_HAS_RSS,
		.rss = rss,
	};

	policy_guest_update(f->p, g, &c, f->now);
	policy_guest_update(f->p, g, &s, f->now);
}

static void decide(struct fixture *f)
{
	policy_host_update(f->p, &f->h, f->now);
	assert_true(policy_decide(f->p, f->now, &f->r) >= 0);
}

static void pass(struct fixture *f, u64 seconds)
{
	f->now += seconds * SEC;
}

/*
 * Waldspurger's table, worked out by hand: 6 % of 4, 4 % of 8, 2 % of 16, 1 %.
 */
static void test_minfree(void **state)
{
	(void)state;
	assert_int_equal(policy_minfree(0), 0);
	assert_in_range(policy_minfree(2 * GIB) / MIB, 122, 123);
	assert_in_range(policy_minfree(4 * GIB) / MIB, 245, 246);
	assert_in_range(policy_minfree(12 * GIB) / MIB, 573, 574);
	assert_in_range(policy_minfree(28 * GIB) / MIB, 900, 902);
	assert_in_range(policy_minfree(128 * GIB) / MIB, 1923, 1926);
}

static void test_levels(void **state)
{
	u64 minfree = policy_minfree(64 * GIB);
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, 32 * GIB);
	assert_int_equal(policy_host_update(f.p, &f.h, f.now), POLICY_LEVEL_NONE);
	f.h.available = 4 * minfree - 1;
	assert_int_equal(policy_host_update(f.p, &f.h, f.now), POLICY_LEVEL_LOW);
	f.h.available = 2 * minfree - 1;
	assert_int_equal(policy_host_update(f.p, &f.h, f.now), POLICY_LEVEL_MEDIUM);
	f.h.available = minfree - 1;
	assert_int_equal(policy_host_update(f.p, &f.h, f.now), POLICY_LEVEL_CRITICAL);

	/* Left only a quarter above, and after its hold: 30 s, then 10 s. */
	f.h.available = 2 * minfree + 1;
	pass(&f, 1);
	assert_int_equal(policy_host_update(f.p, &f.h, f.now), POLICY_LEVEL_CRITICAL);
	pass(&f, 29);
	assert_int_equal(policy_host_update(f.p, &f.h, f.now), POLICY_LEVEL_CRITICAL);
	pass(&f, 2);
	assert_int_equal(policy_host_update(f.p, &f.h, f.now), POLICY_LEVEL_MEDIUM);
	pass(&f, 60);
	assert_int_equal(policy_host_update(f.p, &f.h, f.now), POLICY_LEVEL_MEDIUM);
	f.h.available = 5 * minfree + 1;
	assert_int_equal(policy_host_update(f.p, &f.h, f.now), POLICY_LEVEL_MEDIUM);
	pass(&f, 11);
	assert_int_equal(policy_host_update(f.p, &f.h, f.now), POLICY_LEVEL_NONE);

	/* A dip in between starts the hold anew. */
	f.h.available = 2 * minfree;
	policy_host_update(f.p, &f.h, f.now);
	f.h.available = 6 * minfree;
	policy_host_update(f.p, &f.h, f.now);
	pass(&f, 9);
	f.h.available = 3 * minfree;
	policy_host_update(f.p, &f.h, f.now);
	f.h.available = 6 * minfree;
	pass(&f, 9);
	assert_int_equal(policy_host_update(f.p, &f.h, f.now), POLICY_LEVEL_LOW);
	policy_free(f.p);
}

/* Thresholds are the engine's; what ZFS would give back is not missed. */
static void test_thresholds(void **state)
{
	struct host_record h = { .present = HOST_HAS_MEMORY | HOST_HAS_ARC, .total = 64 * GIB };
	u64 threshold[POLICY_LEVELS], minfree = policy_minfree(64 * GIB);
	struct policy_tunables t;

	(void)state;
	policy_tunables_init(&t);
	policy_thresholds(&t, &h, threshold);
	assert_int_equal(threshold[POLICY_LEVEL_NONE], 0);
	assert_int_equal(threshold[POLICY_LEVEL_LOW], 4 * minfree);
	assert_int_equal(threshold[POLICY_LEVEL_MEDIUM], 2 * minfree);
	assert_int_equal(threshold[POLICY_LEVEL_CRITICAL], minfree);

	h.arc_size = 10 * GIB;
	h.arc_min = 9 * GIB;
	t.level_medium = 0;
	policy_thresholds(&t, &h, threshold);
	assert_int_equal(threshold[POLICY_LEVEL_LOW], 4 * minfree - scale(GIB, t.arc_credit));
	assert_int_equal(threshold[POLICY_LEVEL_MEDIUM], 0);
	h.arc_size = 64 * GIB;
	policy_thresholds(&t, &h, threshold);
	assert_int_equal(threshold[POLICY_LEVEL_LOW], 0);
}

/* What MemAvailable a watcher is woken at is where the engine's level begins. */
static void test_thresholds_are_levels(void **state)
{
	(void)state;
	for (u64 arc = 0; arc <= 2 * GIB; arc += GIB / 4) {
		u64 threshold[POLICY_LEVELS];
		struct fixture f;

		init(&f, 64 * GIB, 32 * GIB);
		f.h.arc_size = arc;
		policy_thresholds(&f.p->t, &f.h, threshold);
		for (int l = POLICY_LEVEL_LOW; l < POLICY_LEVELS; l++) {
			if (!threshold[l])
				continue;
			f.h.available = threshold[l];
			policy_host_update(f.p, &f.h, f.now);
			assert_int_equal(f.p->raw, l - 1);
			f.h.available = threshold[l] - 2;
			policy_host_update(f.p, &f.h, f.now);
			assert_int_equal(f.p->raw, l);
		}
		policy_free(f.p);
	}
}

/* The clock is what the caller says, but it never goes back. */
static void test_clock_steps_back(void **state)
{
	struct fixture f;
	unsigned int g;

	(void)state;
	init(&f, 64 * GIB, GIB);
	g = add(&f, GIB, 4 * GIB);
	report(&f, g, 3 * GIB, 4 * GIB);
	decide(&f);
	f.now -= 500 * SEC;
	report(&f, g, 3 * GIB, 4 * GIB);
	decide(&f);
	assert_int_equal(f.r.level, POLICY_LEVEL_CRITICAL);
	policy_free(f.p);
}

static void test_arc_counts(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, GIB);
	f.h.arc_size = 30 * GIB;
	f.h.arc_min = 10 * GIB;
	decide(&f);
	assert_int_equal(f.r.level, POLICY_LEVEL_NONE);
	assert_int_equal(f.r.available, 17 * GIB);
	policy_free(f.p);
}

/* Hold: all of it where there is little, else rate x time, or 5 %. */
static void test_hold(void **state)
{
	struct fixture f;
	unsigned int g[4];

	(void)state;
	init(&f, 256 * GIB, 200 * GIB);
	for (int i = 0; i < 4; i++)
		g[i] = add(&f, GIB, GIB);
	for (int i = 0; i < 4; i++)
		report(&f, g[i], 100 * MIB, 0);
	decide(&f);
	assert_int_equal(f.r.exposure, 4 * GIB);
	assert_int_equal(f.r.hold, 4 * GIB);

	for (int i = 0; i < 4; i++) {
		unsigned int n = add(&f, GIB, 16 * GIB);

		report(&f, n, 100 * MIB, 0);
	}
	decide(&f);
	assert_int_equal(f.r.exposure, 68 * GIB);
	assert_int_equal(f.r.hold, 6 * GIB); /* 2 GiB/s x 3 s */

	for (int i = 0; i < 16; i++) {
		unsigned int n = add(&f, GIB, 16 * GIB);

		report(&f, n, 100 * MIB, 0);
	}
	decide(&f);
	assert_in_range(f.r.hold, 16 * GIB, 17 * GIB); /* 5 % of 324 */
	policy_free(f.p);
}

/*
 * The rate is the largest that was seen for more than a few seconds of a day, and is
 * forgotten after a week.  A start that fills its memory is none.
 */
static void test_touch_rate(void **state)
{
	struct fixture f;
	unsigned int g;

	(void)state;
	init(&f, 1024 * GIB, 900 * GIB);
	g = add(&f, GIB, 512 * GIB);
	for (int n = 0; n < 20; n++) {
		report(&f, g, GIB, (10 + 10 * n) * GIB);
		decide(&f);
		pass(&f, 1);
	}
	assert_int_equal(host_touch_rate(f.p), 2 * GIB);
	pass(&f, 60);
	report(&f, g, GIB, 210 * GIB);
	decide(&f);
	for (int n = 1; n <= 6; n++) {
		assert_int_equal(host_touch_rate(f.p), 2 * GIB);
		pass(&f, 1);
		report(&f, g, GIB, (210 + 5 * n) * GIB);
		decide(&f);
	}
	assert_int_equal(host_touch_rate(f.p), 5 * GIB);
	for (int day = 0; day < 9; day++) {
		pass(&f, 86400);
		report(&f, g, GIB, 15 * GIB);
		decide(&f);
	}
	assert_true(host_touch_rate(f.p) < MIB);
	policy_free(f.p);
}

/* No more than 8 % of a small host is kept, but twice minfree. */
static void test_reserve_of_small_hosts(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, 2 * GIB, GIB);
	decide(&f);
	assert_in_range(f.r.reserve / MIB, 244, 247);
	policy_free(f.p);
	init(&f, 256 * GIB, 100 * GIB);
	decide(&f);
	assert_in_range(f.r.reserve / MIB, 4 * 3228, 4 * 3240);
	policy_free(f.p);
}

/* Precaution alone never pushes guests below their floors. */
static void test_precaution_spares_floors(void **state)
{
	struct fixture f;
	unsigned int a, b;

	(void)state;
	init(&f, 16 * GIB, 2 * GIB);
	a = add(&f, GIB, 12 * GIB);
	b = add(&f, GIB, 12 * GIB);
	for (int i = 0; i < 3; i++) {
		pass(&f, 1);
		report(&f, a, 6 * GIB, 7 * GIB);
		report(&f, b, 6 * GIB, 7 * GIB);
		decide(&f);
	}
	assert_true(f.r.deficit > 0);
	assert_true(f.r.tier <= POLICY_TIER_FLOOR);
	for (int i = 0; i < 2; i++)
		assert_true(f.r.decision[i].entitled >= 6 * GIB + 128 * MIB);

	/* What is really lacking does, where there is no swap. */
	f.h.available = 50 * MIB;
	pass(&f, 1);
	report(&f, a, 12 * GIB, 12 * GIB);
	report(&f, b, 12 * GIB, 12 * GIB);
	decide(&f);
	assert_int_equal(f.r.tier, POLICY_TIER_MIN);
	assert_true(f.r.decision[0].entitled < 12 * GIB);

	f.h.swap_total = f.h.swap_free = 8 * GIB;
	decide(&f);
	assert_true(f.r.decision[0].entitled >= 12 * GIB - 128 * MIB);
	policy_free(f.p);
}

/* What no balloon reaches, a cgroup does; only when balloons do not suffice. */
static void test_silent_is_reclaimed(void **state)
{
	struct fixture f;
	unsigned int silent, talks;

	(void)state;
	init(&f, 16 * GIB, 8 * GIB);
	silent = add(&f, GIB, 8 * GIB);
	talks = add(&f, GIB, 4 * GIB);
	for (int i = 0; i < 70; i++) {
		struct guest_record c = {
			.present = GUEST_HAS_RSS,
			.rss = 6 * GIB,
		};

		pass(&f, 1);
		policy_guest_update(f.p, silent, &c, f.now);
		report(&f, talks, 3 * GIB, 4 * GIB);
		decide(&f);
	}
	assert_int_equal(f.r.decision[silent].class, POLICY_CLASS_SILENT);
	assert_int_equal(f.r.decision[silent].reclaim, 0);

	f.h.available = 1500 * MIB; /* low */
	pass(&f, 1);
	report(&f, talks, 3 * GIB, 4 * GIB);
	decide(&f);
	assert_true(f.r.decision[silent].reclaim > 0);
	assert_int_equal(f.r.level, POLICY_LEVEL_LOW);
	assert_true(f.r.decision[silent].reclaim <= 6 * GIB / 20);
	assert_int_equal(f.r.decision[silent].flags & POLICY_SEND, 0);
	assert_int_equal(f.r.decision[talks].reclaim, 0);
	policy_free(f.p);
}

/* memory.high of a guest that was given @size */
static u64 high_of(u64 size)
{
	u64 slack = max_of(256 * MIB, scale(size, 0.05));

	return size + 32 * MIB + slack;
}

static void test_enforcement(void **state)
{
	struct policy_tunables t;
	struct fixture f;
	unsigned int g;

	(void)state;
	init(&f, 64 * GIB, 32 * GIB);
	g = add(&f, GIB, 8 * GIB);
	report(&f, g, GIB, 8 * GIB);
	decide(&f);
	assert_int_equal(f.r.decision[0].memory_high, 0);
	policy_tunables_init(&t);
	t.enforce = 1;
	assert_int_equal(policy_set_tunables(f.p, &t), 0);
	decide(&f);
	assert_int_equal(f.r.decision[0].memory_high, high_of(8 * GIB));

	/* While it shrinks it may keep what it still has. */
	policy_command_sent(f.p, g, 4 * GIB, f.now);
	decide(&f);
	assert_int_equal(f.r.decision[0].memory_high, high_of(8 * GIB));
	policy_guest_actual(f.p, g, 5 * GIB, f.now);
	decide(&f);
	assert_int_equal(f.r.decision[0].memory_high, high_of(5 * GIB));
	policy_guest_actual(f.p, g, 4 * GIB, f.now);
	decide(&f);
	assert_int_equal(f.r.decision[0].memory_high, high_of(4 * GIB));

	/* What it takes by itself it was not given, however long it keeps it. */
	for (int i = 0; i < 60; i++) {
		pass(&f, 1);
		policy_guest_actual(f.p, g, 8 * GIB, f.now);
		decide(&f);
		assert_int_equal(f.r.decision[0].memory_high, high_of(4 * GIB));
	}
	assert_int_equal(f.r.decision[0].target, 4 * GIB);

	/* Given more, it may have it; and all, once nothing is enforced. */
	policy_command_sent(f.p, g, 6 * GIB, f.now);
	decide(&f);
	assert_int_equal(f.r.decision[0].memory_high, high_of(6 * GIB));
	policy_guest_actual(f.p, g, 6 * GIB, f.now);
	t.enforce = 0;
	assert_int_equal(policy_set_tunables(f.p, &t), 0);
	pass(&f, 10);
	policy_guest_actual(f.p, g, 8 * GIB, f.now);
	decide(&f);
	assert_int_equal(f.r.decision[0].memory_high, 0);
	assert_int_equal(f.r.decision[0].target, 8 * GIB);
	policy_free(f.p);
}

/*
 * Growing back before dynmem leaves: silent ones too, and only what there is.
 */
static void test_drain(void **state)
{
	struct fixture f;
	unsigned int g, other;

	(void)state;
	init(&f, 64 * GIB, 20 * GIB);
	g = add(&f, GIB, 8 * GIB);
	other = add(&f, GIB, 8 * GIB);
	report(&f, g, GIB, 4 * GIB);
	policy_command_sent(f.p, g, 4 * GIB, f.now);
	policy_guest_actual(f.p, g, 4 * GIB, f.now);
	policy_command_sent(f.p, other, 4 * GIB, f.now);
	policy_guest_actual(f.p, other, 4 * GIB, f.now);
	policy_set_drain(f.p, true);
	pass(&f, 1);
	report(&f, g, GIB, 4 * GIB);
	decide(&f);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(f.r.decision[i].reason, POLICY_REASON_GROW_DRAIN);
		assert_int_equal(f.r.decision[i].target, 8 * GIB);
	}
	f.h.available = GIB;
	decide(&f);
	assert_int_equal(f.r.send, 0);
	assert_int_equal(f.r.decision[0].reason, POLICY_REASON_WAIT_BYTES);
	policy_free(f.p);
}

static void ksm_host(struct fixture *f)
{
	f->h.present |= HOST_HAS_ALL_KSM;
	f->h.ksm = (struct host_ksm){
		.run = 1,
		.pages_to_scan = 100,
		.sleep_ms = 20,
		.mergeable = 40 * GIB,
	};
}

static void test_ksm(void **state)
{
	u64 minfree = policy_minfree(64 * GIB), slow, fast;
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, 40 * GIB);
	decide(&f);
	assert_false(f.r.ksm.change);

	ksm_host(&f);
	decide(&f);
	assert_true(f.r.ksm.change);
	assert_int_equal(f.r.ksm.run, 1);
	slow = f.r.ksm.pages_to_scan;
	/* 10485760 pages in 1200 s of 20 ms turns that take 2 us a page */
	assert_in_range(slow, 175, 180);

	f.h.available = 2 * minfree - 1;
	decide(&f);
	fast = f.r.ksm.pages_to_scan;
	assert_true(fast > 10 * slow);
	/* at most 70 % of a CPU: n x 2 us / (n x 2 us + 20 ms) */
	assert_true((double)fast * 2000 / ((double)fast * 2000 + 2e7) <= 0.701);

	/* As it is now: no change. */
	f.h.ksm.pages_to_scan = fast;
	decide(&f);
	assert_false(f.r.ksm.change);

	/* Two whole scans that found nothing: no use in hurrying. */
	f.h.ksm.full_scans = 2;
	decide(&f);
	assert_false(f.r.ksm.change);
	f.h.ksm.full_scans = 3;
	decide(&f);
	assert_int_equal(f.r.ksm.pages_to_scan, slow);

	/* Savings move again. */
	f.h.ksm.full_scans = 6;
	f.h.ksm.saved = 4 * GIB;
	decide(&f);
	assert_in_range(f.r.ksm.pages_to_scan, fast - fast / 8, fast);

	/* With the kernel's advisor the pace is not ours. */
	f.h.ksm.pages_to_scan = f.r.ksm.pages_to_scan;
	decide(&f);
	assert_false(f.r.ksm.change);
	f.h.ksm.advisor = true;
	decide(&f);
	assert_true(f.r.ksm.change);

	/* An administrator's unmerge is left alone. */
	f.h.ksm.run = 2;
	decide(&f);
	assert_false(f.r.ksm.change);
	assert_int_equal(f.r.ksm.run, 2);
	policy_free(f.p);
}

/* What ksmd takes of a CPU, by a cost of @ns a page. */
static double share_of(const struct fixture *f, double ns)
{
	double busy = (double)f->r.ksm.pages_to_scan * ns;

	return busy / (busy + (double)f->r.ksm.sleep_ms * 1e6);
}

/* After two whole scans without a find: slow, until there is something new. */
static void test_ksm_rests(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, 2 * policy_minfree(64 * GIB) - 1);
	ksm_host(&f);
	f.h.ksm.mergeable = GIB;
	decide(&f);
	assert_true(share_of(&f, 2000) > 0.5);

	f.h.ksm.full_scans = 2;
	decide(&f);
	assert_true(share_of(&f, 2000) > 0.5);
	f.h.ksm.full_scans = 3;
	decide(&f);
	assert_in_range(share_of(&f, 2000) * 1e6, 4000, 5500); /* ksm_cpu_idle */
	f.h.ksm.mergeable += 8 * MIB;
	decide(&f);
	assert_true(share_of(&f, 2000) < 0.01);
	f.h.ksm.mergeable += 16 * MIB;
	decide(&f);
	assert_true(share_of(&f, 2000) > 0.5);

	f.h.ksm.full_scans = 6;
	decide(&f);
	assert_true(share_of(&f, 2000) < 0.01);
	f.h.ksm.saved = 100 * MIB;
	decide(&f);
	assert_true(share_of(&f, 2000) > 0.5);

	f.h.ksm.full_scans = 9;
	decide(&f);
	f.h.ksm.full_scans = 12;
	decide(&f);
	assert_true(share_of(&f, 2000) < 0.01);
	f.h.available = GIB / 4;
	decide(&f);
	assert_int_equal(f.r.level, POLICY_LEVEL_CRITICAL);
	assert_true(share_of(&f, 2000) > 0.5);
	policy_free(f.p);
}

/* Without pages_scanned (before Linux 6.6) it follows from ksmd's CPU time. */
static void test_ksm_cost_without_count(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, GIB);
	ksm_host(&f);
	decide(&f);
	for (int i = 0; i < 60; i++) {
		f.h.ksm.pages_to_scan = f.r.ksm.pages_to_scan;
		f.h.ksm.sleep_ms = f.r.ksm.sleep_ms;
		for (int s = 0; s < 5; s++) {
			f.h.ksm.cpu_ns += (u64)(share_of(&f, 30000) * 1e9);
			pass(&f, 1);
			decide(&f);
		}
	}
	assert_in_range(share_of(&f, 30000) * 1000, 600, 720);
	policy_free(f.p);
}

static void test_ksm_of_others_is_exposure(void **state)
{
	struct fixture f;
	u64 before;

	(void)state;
	init(&f, 64 * GIB, 20 * GIB);
	add(&f, GIB, 8 * GIB);
	decide(&f);
	before = f.r.exposure;
	ksm_host(&f);
	f.h.ksm.saved = 3 * GIB;
	decide(&f);
	assert_int_equal(f.r.exposure, before + 3 * GIB);
	assert_true(f.r.hold >= 3 * GIB);
	policy_free(f.p);
}

static void test_ksm_cost_is_measured(void **state)
{
	struct fixture f;
	double busy;

	(void)state;
	init(&f, 64 * GIB, GIB);
	ksm_host(&f);
	decide(&f);
	for (int i = 1; i < 60; i++) {
		f.h.ksm.pages_scanned = (u64)i * 100000;
		f.h.ksm.cpu_ns = (u64)i * 100000 * 8000; /* four times as dear */
		pass(&f, 1);
		decide(&f);
	}
	/*
	 * A full scan in 60 s would now take more than a CPU: capped at 70 %.
	 */
	busy = (double)f.r.ksm.pages_to_scan * 8000;
	busy = busy / (busy + 2e7);
	assert_true(busy > 0.68 && busy < 0.71);
	policy_free(f.p);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minfree),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_thresholds_are_levels),
		cmocka_unit_test(test_clock_steps_back),
		cmocka_unit_test(test_arc_counts),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_touch_rate),
		cmocka_unit_test(test_reserve_of_small_hosts),
		cmocka_unit_test(test_precaution_spares_floors),
		cmocka_unit_test(test_silent_is_reclaimed),
		cmocka_unit_test(test_enforcement),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_ksm),
		cmocka_unit_test(test_ksm_rests),
		cmocka_unit_test(test_ksm_cost_is_measured),
		cmocka_unit_test(test_ksm_cost_without_count),
		cmocka_unit_test(test_ksm_of_others_is_exposure),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
