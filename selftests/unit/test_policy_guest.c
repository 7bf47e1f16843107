// SPDX-License-Identifier: GPL-2.0
/* From a guest's statistics to what it uses, wants, and is. */
#include <errno.h>

#include "policy_one.h"

static void test_used(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	ticks(&o, 5);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	assert_int_equal(o.i.used, GIB - 64 * MIB - GIB / 2);
	assert_int_equal(o.i.overhead, 64 * MIB);
	assert_int_equal(o.i.cache, GIB / 4);
	/* slack of the floor: a sixteenth of max on a small guest */
	assert_int_equal(o.i.floor, GIB / 2 + 64 * MIB);
	/* room: an eighth of max */
	assert_int_equal(o.i.room, 128 * MIB);
	assert_int_equal(o.i.demand, GIB / 2 + 128 * MIB);
	assert_int_equal(o.i.sample_age, 0);
	policy_free(o.p);
}

/* Right after a slew total lags behind: actual 400, total still 634 MiB. */
static void test_overhead_only_at_rest(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, 700 * MIB);
	o.s.total = 634 * MIB;
	ticks(&o, 5);
	assert_int_equal(o.i.overhead, 66 * MIB);

	o.s.stat_actual = 400 * MIB;
	tick(&o, true);
	assert_int_equal(o.i.overhead, 66 * MIB);
	o.s.total = 334 * MIB;
	o.s.available = 200 * MIB;
	ticks(&o, 5);
	assert_int_equal(o.i.overhead, 66 * MIB);
	assert_int_equal(o.i.used, 134 * MIB);
	assert_true(o.i.total_follows);
	policy_free(o.p);
}

/* Its balloon moves from the first sample on: no sample's size is quite that of its total. */
static void test_overhead_of_one_that_moves(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	tick(&o, true);
	assert_int_equal(o.i.overhead, 64 * MIB);
	for (u64 size = GIB - 20 * MIB; size > 900 * MIB; size -= 20 * MIB) {
		has(&o, size);
		tick(&o, true);
		assert_int_equal(o.i.overhead, 64 * MIB);
	}
	policy_free(o.p);
}

/*
 * Memory that was plugged and never brought online is overhead, all of it; so is what
 * a large guest's kernel keeps, from the first sample on, and after a restart.
 */
static void test_overhead_in_full(void **state)
{
	struct policy_guest_state kept;
	struct one o;

	(void)state;
	one_init(&o, GIB, 4 * GIB, 4 * GIB);
	o.s.total = 972 * MIB;
	o.s.available = o.s.free = 372 * MIB;
	o.s.disk_caches = 0;
	tick(&o, true);
	assert_int_equal(o.i.overhead, 3124 * MIB);
	assert_true(o.i.floor > (3124 + 600) * MIB);
	ticks(&o, 10);
	assert_int_equal(o.i.overhead, 3124 * MIB);
	o.h.available = 2 * GIB;
	for (int n = 0; n < 60; n++) {
		tick(&o, true);
		assert_true(o.r.decision[0].target >= (3124 + 600) * MIB);
	}
	assert_int_equal(policy_guest_export(o.p, o.g, o.now, &kept), 0);
	policy_free(o.p);

	one_init(&o, GIB, 4 * GIB, 4 * GIB);
	assert_int_equal(policy_guest_import(o.p, o.g, o.now, &kept), 0);
	tick(&o, true);
	assert_int_equal(o.i.overhead, 3124 * MIB);
	policy_free(o.p);

	/* One sample, and the host is short already. */
	one_init(&o, GIB, 64 * GIB, 64 * GIB);
	o.h.total = 80 * GIB;
	o.h.available = 4 * GIB;
	o.s.total = 64 * GIB - 1400 * MIB;
	o.s.available = o.s.free = o.s.total - 60 * GIB;
	o.s.disk_caches = 0;
	tick(&o, true);
	assert_true(o.r.decision[0].target >= 60 * GIB + 1400 * MIB);
	policy_free(o.p);
}

/* A DIMM comes to a running guest, which brings it online a minute later, or never. */
static void test_overhead_of_a_dimm(void **state)
{
	const struct policy_guest_config larger = { .min = 256 * MIB, .max = 4 * GIB };
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	ticks(&o, 30);
	assert_int_equal(o.i.overhead, 64 * MIB);
	assert_int_equal(policy_guest_configure(o.p, o.g, &larger), 0);
	policy_command_sent(o.p, o.g, 4 * GIB, o.now);
	policy_guest_actual(o.p, o.g, 4 * GIB, o.now);
	o.s.stat_actual = 4 * GIB;
	ticks(&o, 4);
	assert_int_equal(o.i.overhead, 3 * GIB + 64 * MIB);
	o.h.available = 2 * GIB;
	for (int n = 0; n < 60; n++) {
		tick(&o, true);
		assert_true(o.r.decision[0].target >= 3 * GIB + GIB / 2);
	}
	/* Online. */
	o.s.total = 4 * GIB - 80 * MIB;
	o.s.available = o.s.free = o.s.total - GIB / 2;
	ticks(&o, 12);
	assert_in_range(o.i.overhead, 80 * MIB, 90 * MIB);
	policy_free(o.p);
}

/* Windows, deflate-on-oom: total stays at max, the balloon counts as used. */
static void test_total_that_does_not_follow(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 4 * GIB, 2 * GIB);
	o.s.total = 4 * GIB - 32 * MIB;
	o.s.available = GIB;
	o.s.free = GIB;
	ticks(&o, 10);
	assert_false(o.i.total_follows);
	assert_int_equal(o.i.total, 2 * GIB - 32 * MIB);
	assert_int_equal(o.i.used, GIB - 32 * MIB);
	assert_int_equal(o.i.overhead, 32 * MIB);
	policy_free(o.p);
}

static void test_absent_is_absent(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	ticks(&o, 3);
	/* -1 as 64 and as 32 bits, with the bit set */
	o.s.available = UINT64_MAX;
	o.s.disk_caches = UINT32_MAX;
	tick(&o, true);
	assert_int_equal(o.i.cache, 0);
	/* then free is what is available */
	assert_int_equal(o.i.used, GIB - 64 * MIB - GIB / 4);

	/*
	 * Neither available nor free: nothing is learned, and it grows stale.
	 */
	o.s.free = UINT64_MAX;
	o.s.last_update++;
	assert_int_equal(policy_guest_update(o.p, o.g, &o.s, o.now), 0);
	policy_free(o.p);
}

static void test_frozen_update_is_not_fresh(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	ticks(&o, 3);
	o.s.available = 0;
	tick(&o, false);
	assert_int_equal(o.i.sample_age, SEC);
	assert_int_equal(o.i.available, GIB / 2);
	/* The clock of the guest's host may step back: different is fresh. */
	o.s.last_update = 10;
	o.s.available = GIB / 4;
	o.now += SEC;
	assert_int_equal(policy_guest_update(o.p, o.g, &o.s, o.now), 1);
	/* Never answered. */
	o.s.last_update = 0;
	assert_int_equal(policy_guest_update(o.p, o.g, &o.s, o.now), 0);
	policy_free(o.p);
}

static void test_debt(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	o.s.present |= GUEST_HAS_SWAP_OUT | GUEST_HAS_SWAP_IN;
	o.s.swap_out = 5 * GIB; /* from before it was watched */
	ticks(&o, 3);
	assert_int_equal(o.i.debt, 0);

	/* With memory available: a container's limit, or pages that nobody reads. */
	o.s.swap_out += 100 * MIB;
	tick(&o, true);
	assert_int_equal(o.i.debt, 0);

	o.s.available = 80 * MIB;
	tick(&o, true);
	o.s.swap_out += 100 * MIB;
	tick(&o, true);
	assert_int_equal(o.i.debt, 100 * MIB);
	assert_int_equal(o.i.pressed, 0); /* zram: swap-out alone is no pressure */
	assert_int_equal(o.i.active, GIB);

	o.s.swap_in += 40 * MIB;
	tick(&o, true);
	assert_in_range(o.i.debt, 59 * MIB, 60 * MIB);
	ticks(&o, 3600);
	assert_in_range(o.i.debt, 29 * MIB, 31 * MIB);

	/* There is room for it, and it is left where it is: cold. */
	o.s.available = 200 * MIB;
	ticks(&o, 600);
	assert_in_range(o.i.debt, 6 * MIB, 9 * MIB);

	/* The work ends, and what it owed. */
	o.s.available = 60 * MIB;
	tick(&o, true);
	o.s.swap_out += 300 * MIB;
	tick(&o, true);
	assert_in_range(o.i.debt, 306 * MIB, 309 * MIB);
	o.s.available = 860 * MIB;
	tick(&o, true);
	assert_in_range(o.i.debt, 30 * MIB, 40 * MIB);
	assert_in_range(o.i.demand, 256 * MIB, 500 * MIB);

	/* The counter starts again with the guest, and that owes nothing. */
	o.s.swap_out = 0;
	tick(&o, true);
	assert_int_equal(o.i.debt, 0);
	policy_free(o.p);
}

static void test_pressed(void **state)
{
	struct one o;
	u64 lacking;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	o.s.present |= GUEST_HAS_OOM_KILL | GUEST_HAS_ALLOC_STALL | GUEST_HAS_MAJOR_FAULTS;
	o.s.oom_kill = 3;
	ticks(&o, 3);
	assert_int_equal(o.i.pressed, 0);

	/*
	 * With much available a kill is a container's at its own limit, a stall
	 * is a burst, faults are a start.
	 */
	o.s.oom_kill++;
	tick(&o, true);
	assert_int_equal(o.i.pressed, 0);
	o.s.alloc_stall++;
	o.s.major_faults += 2000;
	tick(&o, true);
	assert_int_equal(o.i.pressed, 0);
	/* A kill while allocations stall is the guest's, whatever it freed. */
	o.s.oom_kill++;
	o.s.alloc_stall++;
	tick(&o, true);
	assert_int_equal(o.i.pressed, POLICY_PRESSED_OOM);
	/* a quarter of what it needs */
	lacking = o.i.lacking;
	assert_in_range(lacking, 160 * MIB, 170 * MIB);
	o.s.available = 100 * MIB;
	o.s.free = 0;
	o.s.alloc_stall++;
	tick(&o, true);
	assert_int_equal(o.i.pressed, POLICY_PRESSED_STALL);
	assert_in_range(o.i.lacking, 2 * lacking, 4 * lacking);
	lacking = o.i.lacking;
	ticks(&o, 300);
	assert_in_range(o.i.lacking, lacking / 2 - MIB, lacking / 2 + MIB);
	/* The guest is short, then a kill makes room: seen one sample later. */
	o.s.oom_kill++;
	o.s.available = GIB / 2;
	tick(&o, true);
	assert_int_equal(o.i.pressed, POLICY_PRESSED_OOM);

	/* Faults above what this guest is used to when it lacks nothing. */
	for (int n = 0; n < 600; n++) {
		o.s.major_faults += 2000;
		tick(&o, true);
	}
	o.s.available = 100 * MIB;
	o.s.major_faults += 2000;
	tick(&o, true);
	assert_int_equal(o.i.pressed, 0);
	/* However long it lacks memory, more than that is pressure. */
	for (int n = 0; n < 3600; n++) {
		o.s.major_faults += 20000;
		tick(&o, true);
		assert_int_equal(o.i.pressed, POLICY_PRESSED_REFAULT);
	}
	policy_free(o.p);
}

/* The last minfree is nobody's; what is above it a guest may have, with swap. */
static void test_pressed_draws_on_swap(void **state)
{
	u64 minfree = policy_minfree(16 * GIB), granted;
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 2 * GIB, 512 * MIB);
	o.s.available = o.s.free = 8 * MIB;
	o.s.disk_caches = 0;
	o.h.available = minfree + minfree / 4;
	ticks(&o, 3);
	assert_int_equal(o.i.pressed, POLICY_PRESSED_TIGHT);
	assert_int_equal(o.r.granted, 0);

	o.h.swap_total = o.h.swap_free = 4 * GIB;
	tick(&o, true);
	granted = o.r.granted;
	assert_in_range(granted, minfree / 8, minfree / 4);
	policy_free(o.p);
}

/* Its statistics are late; what it touches meanwhile the host sees. */
static void test_touched_since_sample(void **state)
{
	struct one o;
	u64 floor;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	o.c.rss = 700 * MIB;
	ticks(&o, 5);
	floor = o.i.floor;
	o.c.rss += 150 * MIB;
	tick(&o, false);
	assert_int_equal(o.i.floor, floor + 150 * MIB);
	assert_true(o.i.demand >= o.i.floor);
	/* They show what it was: a file that was read. */
	tick(&o, true);
	assert_int_equal(o.i.floor, floor);
	policy_free(o.p);
}

/* Late while busy is pressure; late and idle is only stale, then silent. */
static void test_late(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, 512 * MIB);
	o.c.present |= GUEST_HAS_CPU;
	ticks(&o, 3);
	for (int n = 0; n < 5; n++) {
		o.c.cpu_ns += SEC / 2;
		tick(&o, false);
	}
	assert_int_equal(o.i.pressed, POLICY_PRESSED_LATE);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	for (int n = 0; n < 5; n++)
		tick(&o, false);
	assert_int_equal(o.i.pressed, 0);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	for (int n = 0; n < 30; n++)
		tick(&o, false);
	assert_int_equal(o.i.class, POLICY_CLASS_SILENT);
	tick(&o, true);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	policy_free(o.p);
}

/* Silent at its max, on a host at ease: it may report yet, and is then heard. */
static void test_silent_is_asked(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	o.h.available = 15 * GIB;
	o.s.last_update = 0;
	for (int n = 0; n < 90; n++)
		tick(&o, false);
	assert_int_equal(o.i.class, POLICY_CLASS_SILENT);
	assert_int_equal(o.r.decision[0].poll, 60 * SEC);
	assert_int_equal(o.r.next, 60 * SEC);
	tick(&o, true);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	assert_int_equal(o.r.decision[0].poll, 0);
	policy_free(o.p);
}

/* Asked once a minute, it is not silent in between, and its cgroup is left alone. */
static void test_seldom_asked(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 4 * GIB, 4 * GIB);
	o.p->t.poll = 60 * SEC;
	o.h.available = 300 * MIB;
	for (int n = 0; n < 300; n++) {
		tick(&o, n % 60 == 0);
		assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
		assert_int_equal(o.r.decision[0].reclaim, 0);
	}
	/* No answer to two in a row is silence. */
	for (int n = 0; n < 70; n++)
		tick(&o, false);
	assert_int_equal(o.i.class, POLICY_CLASS_SILENT);
	policy_free(o.p);
}

static void test_room_follows_growth(void **state)
{
	struct one o;
	u64 before;

	(void)state;
	one_init(&o, GIB, 16 * GIB, 16 * GIB);
	ticks(&o, 10);
	assert_int_equal(o.i.room, 256 * MIB);
	o.s.available -= 150 * MIB;
	tick(&o, true);
	o.s.available += 150 * MIB;
	ticks(&o, 5);
	assert_int_equal(o.i.room, 256 * MIB);
	for (int n = 0; n < 2; n++) {
		o.s.available -= 1000 * MIB;
		tick(&o, true);
		o.s.available += 1000 * MIB;
		ticks(&o, 3);
	}
	before = o.i.room;
	assert_in_range(before, 990 * MIB, 1000 * MIB);
	/* Growing now: as fast for three more seconds, whatever the cap. */
	o.s.available -= 4 * GIB;
	tick(&o, true);
	assert_int_equal(o.i.room, 12 * GIB);
	o.s.available += 4 * GIB;
	ticks(&o, 10);
	/*
	 * Half of what is used, until it is forgotten, by half in six hours.
	 */
	assert_in_range(o.i.room, 4060 * MIB, 4068 * MIB);
	o.now += 18 * 3600 * SEC;
	ticks(&o, 5);
	assert_in_range(o.i.room, 500 * MIB, 520 * MIB);
	policy_free(o.p);
}

static void test_exposure(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 2 * GIB, GIB);
	o.c.present |= GUEST_HAS_KSM_SAVED | GUEST_HAS_SWAPPED;
	o.c.rss = 332 * MIB; /* 32 of them QEMU's own */
	ticks(&o, 3);
	assert_int_equal(o.i.exposure, GIB - 300 * MIB);
	o.c.ksm_saved = 50 * MIB;
	o.c.swapped = 100 * MIB;
	tick(&o, true);
	assert_int_equal(o.i.exposure, GIB - 350 * MIB);
	/* A guest whose driver is gone can call in all of max. */
	policy_guest_event(o.p, o.g, POLICY_GUEST_NO_BALLOON, o.now);
	tick(&o, true);
	/* What stays in swap grows cold: exposure, but none to be paid back soon. */
	assert_in_range(o.i.exposure, 2 * GIB - 350 * MIB, 2 * GIB - 349 * MIB);
	ticks(&o, 3600);
	assert_in_range(o.i.exposure, 2 * GIB - 338 * MIB, 2 * GIB - 337 * MIB);
	policy_free(o.p);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_used),
		cmocka_unit_test(test_overhead_only_at_rest),
		cmocka_unit_test(test_overhead_of_one_that_moves),
		cmocka_unit_test(test_overhead_in_full),
		cmocka_unit_test(test_overhead_of_a_dimm),
		cmocka_unit_test(test_total_that_does_not_follow),
		cmocka_unit_test(test_absent_is_absent),
		cmocka_unit_test(test_frozen_update_is_not_fresh),
		cmocka_unit_test(test_debt),
		cmocka_unit_test(test_pressed),
		cmocka_unit_test(test_pressed_draws_on_swap),
		cmocka_unit_test(test_touched_since_sample),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_silent_is_asked),
		cmocka_unit_test(test_seldom_asked),
		cmocka_unit_test(test_room_follows_growth),
		cmocka_unit_test(test_exposure),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
