// SPDX-License-Identifier: GPL-2.0
/* The host: levels, budget, exposure, NUMA nodes, silent guests. */
#include <errno.h>
#include <string.h>

#include "policy_host.h"

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

	/* What may come is no reason to swap what it uses. */
	f.h.available = 2 * GIB;
	pass(&f, 1);
	report(&f, talks, 3 * GIB, 4 * GIB);
	decide(&f);
	assert_int_equal(f.r.level, POLICY_LEVEL_LOW);
	assert_true(f.r.deficit > (s64)(512 * MIB));
	assert_int_equal(f.r.decision[silent].reclaim, 0);

	f.h.available = 800 * MIB;
	pass(&f, 1);
	report(&f, talks, 3 * GIB, 4 * GIB);
	decide(&f);
	assert_true(f.r.decision[silent].reclaim > 0);
	assert_int_equal(f.r.level, POLICY_LEVEL_MEDIUM);
	assert_true(f.r.decision[silent].reclaim <= 6 * GIB / 4);
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

/* While it goes on a guest that runs short has what there is, as at other times. */
static void test_short_while_drained(void **state)
{
	struct fixture f;
	unsigned int g, big;

	(void)state;
	init(&f, 64 * GIB, 5 * GIB);
	g = add(&f, GIB, 8 * GIB);
	big = add(&f, GIB, 40 * GIB);
	policy_command_sent(f.p, g, 2 * GIB, f.now);
	policy_guest_actual(f.p, g, 2 * GIB, f.now);
	policy_set_drain(f.p, true);
	for (int i = 0; i < 4; i++) {
		pass(&f, 1);
		report(&f, g, 2 * GIB - 20 * MIB, 2 * GIB);
		report(&f, big, 8 * GIB, 8 * GIB);
		decide(&f);
	}
	/* Others have nothing to spare: that is kept against what may come. */
	assert_true(f.r.deficit > 0);
	assert_true(f.r.decision[g].target >= 2 * GIB + 300 * MIB);
	assert_int_equal(f.r.decision[big].target, 40 * GIB);
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
		cmocka_unit_test(test_short_while_drained),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
