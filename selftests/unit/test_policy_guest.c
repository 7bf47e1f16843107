// SPDX-License-Identifier: GPL-2.0
/* From a guest's statistics to what it uses, wants, and is. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy/engine.h"

struct one {
	struct policy *p;
	u64 now;
	unsigned int g;
	struct policy_guest_sample s;
	struct policy_guest_host_sample c;
	struct policy_host_sample h;
	struct policy_result r;
	struct policy_guest_info i;
};

static void one_init(struct one *o, u64 min, u64 max, u64 actual)
{
	struct policy_guest_config config = {.min = min, .max = max};

	*o = (struct one){.now = 1000 * SEC};
	assert_int_equal(policy_new(NULL, &o->p), 0);
	assert_int_equal(policy_guest_add(o->p, &config, actual, o->now, &o->g),
			 0);
	policy_guest_polling(o->p, o->g, true, o->now);
	o->h = (struct policy_host_sample){.total = 16 * GIB,
					   .available = 8 * GIB};
	o->s = (struct policy_guest_sample){
		.present = POLICY_STAT_TOTAL | POLICY_STAT_AVAILABLE |
			   POLICY_STAT_FREE | POLICY_STAT_DISK_CACHES,
		.last_update = 5000,
		.actual = actual,
		.total = actual - 64 * MIB,
		.available = actual / 2,
		.free = actual / 4,
		.disk_caches = actual / 4,
	};
	o->c = (struct policy_guest_host_sample){
		.present = POLICY_COST_RSS,
		.rss = actual,
	};
}

/* A second passes, with a fresh sample or without. */
static void tick(struct one *o, bool fresh)
{
	o->now += SEC;
	policy_host_sample(o->p, &o->h, o->now);
	policy_guest_host_sample(o->p, o->g, &o->c, o->now);
	if (fresh)
		o->s.last_update++;
	assert_int_equal(policy_guest_sample(o->p, o->g, &o->s, o->now), fresh);
	assert_true(policy_decide(o->p, o->now, &o->r) >= 0);
	assert_int_equal(policy_guest_info(o->p, o->g, o->now, &o->i), 0);
}

static void ticks(struct one *o, unsigned int n)
{
	while (n--)
		tick(o, true);
}

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

	o.s.actual = 400 * MIB;
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
	assert_int_equal(policy_guest_sample(o.p, o.g, &o.s, o.now), 0);
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
	assert_int_equal(policy_guest_sample(o.p, o.g, &o.s, o.now), 1);
	/* Never answered. */
	o.s.last_update = 0;
	assert_int_equal(policy_guest_sample(o.p, o.g, &o.s, o.now), 0);
	policy_free(o.p);
}

static void test_debt(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	o.s.present |= POLICY_STAT_SWAP_OUT | POLICY_STAT_SWAP_IN;
	o.s.swap_out = 5 * GIB; /* from before it was watched */
	ticks(&o, 3);
	assert_int_equal(o.i.debt, 0);

	o.s.swap_out += 100 * MIB;
	tick(&o, true);
	assert_int_equal(o.i.debt, 100 * MIB);
	assert_int_equal(o.i.pressed,
			 0); /* zram: swap-out alone is no pressure */
	assert_int_equal(o.i.active, GIB / 2 + 100 * MIB);

	o.s.swap_in += 40 * MIB;
	tick(&o, true);
	assert_in_range(o.i.debt, 59 * MIB, 60 * MIB);
	ticks(&o, 3600);
	assert_in_range(o.i.debt, 29 * MIB, 31 * MIB);

	/* The counter starts again with the guest, and that owes nothing. */
	o.s.swap_out = 0;
	tick(&o, true);
	assert_int_equal(o.i.debt, 0);
	policy_free(o.p);
}

static void test_pressed(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	o.s.present |= POLICY_STAT_OOM_KILL | POLICY_STAT_ALLOC_STALL |
		       POLICY_STAT_MAJOR_FAULTS;
	o.s.oom_kill = 3;
	ticks(&o, 3);
	assert_int_equal(o.i.pressed, 0);

	o.s.oom_kill++;
	tick(&o, true);
	assert_int_equal(o.i.pressed, POLICY_PRESSED_OOM);
	assert_true(o.i.press == 1.25);
	/* With much available a stall is a burst, faults are a start. */
	o.s.alloc_stall++;
	o.s.major_faults += 2000;
	tick(&o, true);
	assert_int_equal(o.i.pressed, 0);
	o.s.available = 100 * MIB;
	o.s.free = 0;
	o.s.alloc_stall++;
	tick(&o, true);
	assert_int_equal(o.i.pressed, POLICY_PRESSED_STALL);
	ticks(&o, 300);
	assert_true(o.i.press > 1.25 && o.i.press < 1.3);

	/* Faults above what this guest is used to. */
	o.s.major_faults += 2000;
	tick(&o, true);
	assert_int_equal(o.i.pressed, POLICY_PRESSED_REFAULT);
	for (int n = 0; n < 600; n++) {
		o.s.major_faults += 2000;
		tick(&o, true);
	}
	assert_int_equal(o.i.pressed, 0);
	o.s.major_faults += 20000;
	tick(&o, true);
	assert_int_equal(o.i.pressed, POLICY_PRESSED_REFAULT);
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
	/* They tell what it was: a file that was read. */
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
	o.c.present |= POLICY_COST_CPU;
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

static void test_hot_cache(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 4 * GIB, 4 * GIB);
	o.c.present |= POLICY_COST_DISK_READ;
	for (int n = 0; n < 120; n++) {
		o.c.disk_read += 10 * MIB;
		tick(&o, true);
	}
	/* 60 s of 10 MiB/s, half of it taken to be reading again */
	assert_in_range(o.i.hot, 295 * MIB, 301 * MIB);
	for (int n = 0; n < 120; n++) {
		o.c.disk_read += 1000 * MIB;
		tick(&o, true);
	}
	assert_int_equal(o.i.hot, o.i.cache);
	ticks(&o, 200);
	assert_true(o.i.hot < 100 * KIB);
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
	o.c.present |= POLICY_COST_KSM_SAVED | POLICY_COST_SWAPPED;
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
	assert_int_equal(o.i.exposure, 2 * GIB - 350 * MIB);
	policy_free(o.p);
}

static void test_classes(void **state)
{
	static const struct {
		enum policy_guest_event event, undo;
		enum policy_class class;
	} row[] = {
		{POLICY_GUEST_PAUSE, POLICY_GUEST_RESUME, POLICY_CLASS_PAUSED},
		{POLICY_GUEST_MIGRATE_BEGIN, POLICY_GUEST_MIGRATE_END,
		 POLICY_CLASS_FROZEN},
		{POLICY_GUEST_NO_BALLOON, POLICY_GUEST_BALLOON,
		 POLICY_CLASS_NO_BALLOON},
		{POLICY_GUEST_PINNED, POLICY_GUEST_UNPINNED,
		 POLICY_CLASS_PINNED},
	};
	struct one o;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		one_init(&o, 256 * MIB, GIB, GIB);
		ticks(&o, 3);
		/* The host is in need, and this guest has much to spare. */
		o.h.available = 100 * MIB;
		o.s.available = 900 * MIB;
		o.s.free = 900 * MIB;
		assert_int_equal(
			policy_guest_event(o.p, o.g, row[i].event, o.now), 0);
		ticks(&o, 8);
		assert_int_equal(o.i.class, row[i].class);
		assert_int_equal(o.r.send, 0);
		assert_int_equal(o.r.decision[0].reason, POLICY_REASON_CLASS);
		policy_guest_event(o.p, o.g, row[i].undo, o.now);
		tick(&o, true);
		assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
		assert_int_equal(o.r.send, 1);
		policy_free(o.p);
	}
	one_init(&o, 256 * MIB, GIB, GIB);
	assert_int_equal(policy_guest_event(o.p, o.g, 99, o.now), -EINVAL);
	assert_int_equal(policy_guest_event(o.p, 7, POLICY_GUEST_PAUSE, o.now),
			 -ENOENT);
	policy_free(o.p);
}

/* For 6 s after a reset QEMU repeats the old size, and nobody holds the
 * balloon. */
static void test_reboot(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, 512 * MIB);
	ticks(&o, 5);
	o.c.rss = 132 * MIB;
	policy_guest_event(o.p, o.g, POLICY_GUEST_REBOOT, o.now);
	tick(&o, false);
	assert_int_equal(o.i.class, POLICY_CLASS_REBOOTING);
	assert_int_equal(o.i.exposure, GIB - 100 * MIB);
	assert_int_equal(o.i.target, 512 * MIB);
	for (int n = 0; n < 6; n++)
		tick(&o, false);
	/*
	 * Its driver is back: the balloon inflates to the old target by itself.
	 */
	for (u64 size = GIB; size > 512 * MIB; size -= 128 * MIB) {
		policy_guest_actual(o.p, o.g, size, o.now);
		o.s.actual = size;
		tick(&o, true);
	}
	o.s.actual = 512 * MIB;
	ticks(&o, 5);
	assert_int_equal(o.i.target, 512 * MIB);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	policy_free(o.p);
}

/* Found with more than it may have, while nobody holds its balloon. */
static void test_above_max(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, 1536 * MIB);
	policy_guest_event(o.p, o.g, POLICY_GUEST_REBOOT, o.now);
	tick(&o, true);
	assert_int_equal(o.i.class, POLICY_CLASS_REBOOTING);
	assert_int_equal(o.r.send, 0);
	assert_int_not_equal(o.r.next, 0);
	for (int n = 0; n < 60 && !o.r.send; n++) {
		assert_int_not_equal(o.r.next, 0);
		tick(&o, true);
	}
	assert_int_equal(o.r.decision[0].reason, POLICY_REASON_RANGE);
	assert_int_equal(o.r.decision[0].target, GIB);
	policy_command_sent(o.p, o.g, GIB, o.now);
	tick(&o, true);
	assert_int_equal(o.r.send, 0);
	policy_free(o.p);
}

/* Its max falls while it migrates: nobody may be told then, but after. */
static void test_max_falls_while_frozen(void **state)
{
	const struct policy_guest_config config = {
		.min = 256 * MIB,
		.max = 768 * MIB,
	};
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	ticks(&o, 10);
	policy_guest_event(o.p, o.g, POLICY_GUEST_MIGRATE_BEGIN, o.now);
	assert_int_equal(policy_guest_configure(o.p, o.g, &config), 0);
	for (int n = 0; n < 10; n++) {
		policy_guest_actual(o.p, o.g, GIB, o.now);
		tick(&o, false);
		assert_int_equal(o.r.send, 0);
	}
	policy_guest_event(o.p, o.g, POLICY_GUEST_MIGRATE_END, o.now);
	tick(&o, true);
	assert_int_equal(o.r.send, 1);
	assert_int_equal(o.r.decision[0].reason, POLICY_REASON_RANGE);
	assert_int_equal(o.r.decision[0].target, 768 * MIB);
	policy_free(o.p);
}

static void test_stuck(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	ticks(&o, 5);
	policy_command_sent(o.p, o.g, 512 * MIB, o.now);
	o.s.actual = 900 * MIB;
	policy_guest_actual(o.p, o.g, 900 * MIB, o.now);
	ticks(&o, 7);
	assert_int_equal(o.i.class, POLICY_CLASS_STUCK);
	assert_int_equal(o.r.decision[0].reason, POLICY_REASON_STUCK);
	assert_int_equal(o.r.decision[0].target, 900 * MIB);
	assert_true(o.r.decision[0].flags & POLICY_ALERT);
	policy_command_sent(o.p, o.g, 900 * MIB, o.now);
	/* Sticky, so that the others do not wait for it again at once. */
	ticks(&o, 20);
	assert_int_equal(o.i.class, POLICY_CLASS_STUCK);
	assert_int_equal(o.r.send, 0);
	ticks(&o, 15);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	policy_free(o.p);
}

/* A balloon that has taken all there was is not broken. */
static void test_exhausted_is_not_stuck(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	ticks(&o, 5);
	policy_command_sent(o.p, o.g, 512 * MIB, o.now);
	o.s.actual = 700 * MIB;
	o.s.total = 636 * MIB;
	o.s.available = o.s.free = 10 * MIB;
	o.s.disk_caches = 0;
	ticks(&o, 8);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	assert_int_equal(o.r.decision[0].reason, POLICY_REASON_STUCK);
	assert_int_equal(o.r.decision[0].target, 700 * MIB);
	policy_free(o.p);
}

/* Measured: three balloons that freed nothing, and no more are tried. */
static void test_pinned_by_yield(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 2 * GIB, 2 * GIB);
	ticks(&o, 5);
	for (int n = 0; n < 3; n++) {
		assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
		o.s.actual -= 256 * MIB;
		o.s.total -= 256 * MIB;
		o.s.available -= 256 * MIB;
		o.s.free -= o.s.free < 256 * MIB ? o.s.free : 256 * MIB;
		policy_command_sent(o.p, o.g, o.s.actual, o.now);
		ticks(&o, 3); /* rss stays */
	}
	assert_int_equal(o.i.class, POLICY_CLASS_PINNED);
	/* Another kernel may keep less. */
	policy_guest_event(o.p, o.g, POLICY_GUEST_REBOOT, o.now);
	ticks(&o, 12);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	policy_free(o.p);
}

/* Huge pages do not count as resident: what it uses is not to be seen. */
static void test_pinned_huge_pages(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 4 * GIB, 4 * GIB);
	o.c.rss = 100 * MIB;
	o.s.available = o.s.free = GIB;
	o.s.disk_caches = 0;
	ticks(&o, 5);
	for (int n = 0; n < 3; n++) {
		assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
		/* The first takes what is free, the others what is in use. */
		o.s.actual -= n ? 256 * MIB : 1280 * MIB;
		o.s.total = o.s.actual - 64 * MIB;
		o.s.available = o.s.free = 0;
		policy_command_sent(o.p, o.g, o.s.actual, o.now);
		ticks(&o, 3);
	}
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	o.s.actual -= 256 * MIB;
	o.s.total -= 256 * MIB;
	policy_command_sent(o.p, o.g, o.s.actual, o.now);
	ticks(&o, 3);
	assert_int_equal(o.i.class, POLICY_CLASS_PINNED);
	policy_free(o.p);
}

/*
 * Its process needs more for itself than we think, so untouched memory looks
 * touched: balloons that take that free nothing, and yet it is not pinned.
 */
static void test_untouched_is_not_pinned(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 2 * GIB, 2 * GIB);
	o.c.rss = 1800 * MIB;
	ticks(&o, 5);
	for (int n = 0; n < 3; n++) {
		o.s.actual -= 256 * MIB;
		o.s.total -= 256 * MIB;
		o.s.available -= 256 * MIB;
		o.s.free -= o.s.free < 256 * MIB ? o.s.free : 256 * MIB;
		policy_command_sent(o.p, o.g, o.s.actual, o.now);
		ticks(&o, 3);
		assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	}
	policy_free(o.p);
}

/*
 * What a guest never touched is not worth a command, until the host is short of
 * memory and somebody lacks it.
 */
static void test_little_is_better_than_nothing(void **state)
{
	struct policy_guest_config config = {.min = 256 * MIB, .max = 2 * GIB};
	struct policy_guest_sample s;
	unsigned int poor;
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 10 * GIB, 10 * GIB);
	o.c.rss = 150 * MIB;
	o.s.available = o.s.free = 10 * GIB - 100 * MIB;
	o.s.disk_caches = 0;
	o.h.available = 2 * GIB;
	assert_int_equal(policy_guest_add(o.p, &config, GIB, o.now, &poor), 0);
	policy_guest_polling(o.p, poor, true, o.now);
	s = o.s;
	s.actual = GIB;
	s.total = GIB - 64 * MIB;
	s.available = s.free = 10 * MIB;
	for (int n = 0; n < 5; n++) {
		s.last_update++;
		policy_guest_sample(o.p, poor, &s, o.now + SEC);
		tick(&o, true);
	}
	assert_int_equal(o.r.decision[0].reason, POLICY_REASON_HELD_YIELD);

	/* The host itself lacks it ... */
	s.available = s.free = 700 * MIB;
	o.h.available = 1200 * MIB;
	for (int n = 0; n < 2; n++) {
		s.last_update++;
		policy_guest_sample(o.p, poor, &s, o.now + SEC);
		tick(&o, true);
	}
	assert_true(o.r.decision[0].target < o.r.decision[0].from);

	/* ... or another guest. */
	s.available = s.free = 10 * MIB;
	o.h.available = GIB;
	s.last_update++;
	policy_guest_sample(o.p, poor, &s, o.now + SEC);
	tick(&o, true);
	assert_true(o.r.level >= POLICY_LEVEL_MEDIUM);
	assert_true(o.r.decision[0].target < o.r.decision[0].from);
	policy_free(o.p);
}

/* A balloon of 48 GiB is a minute on its way: its end is no memory now. */
static void test_in_flight(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 64 * GIB, 64 * GIB);
	o.h = (struct policy_host_sample){
		.total = 128 * GIB,
		.available = 20 * GIB,
	};
	o.s.available = o.s.free = 60 * GIB;
	ticks(&o, 3);
	assert_int_equal(o.r.available, 20 * GIB);
	policy_command_sent(o.p, o.g, 63 * GIB, o.now);
	tick(&o, true);
	assert_in_range(o.r.available, 20 * GIB + 900 * MIB, 21 * GIB);
	policy_command_sent(o.p, o.g, 16 * GIB, o.now);
	tick(&o, true);
	assert_in_range(o.r.available, 22 * GIB, 23 * GIB);
	policy_free(o.p);
}

static void test_yield_learned(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 2 * GIB, 2 * GIB);
	o.c.rss = 2 * GIB + 32 * MIB;
	ticks(&o, 5);
	assert_true(o.i.yield > 0.99);
	o.s.actual -= 512 * MIB;
	o.s.total -= 512 * MIB;
	o.s.available -= 512 * MIB;
	o.s.free = 0;
	policy_command_sent(o.p, o.g, o.s.actual, o.now);
	o.c.rss -= 256 * MIB; /* huge pages: half of it came */
	ticks(&o, 3);
	assert_true(o.i.yield > 0.8 && o.i.yield < 0.9);

	/* Free memory that was never touched frees nothing. */
	o.s.free = o.s.available;
	o.c.rss = o.s.actual - o.s.free + 32 * MIB;
	tick(&o, true);
	assert_true(o.i.yield == 0.05);
	policy_free(o.p);
}

/* An administrator's setmem, or a driver that was unloaded: adopted. */
static void test_moved_by_other(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, 512 * MIB);
	ticks(&o, 10);
	policy_guest_actual(o.p, o.g, GIB, o.now);
	o.s.actual = GIB;
	tick(&o, true);
	assert_int_equal(o.i.target, GIB);
	policy_free(o.p);
}

/* So many seconds with the balloon at a size. */
static void balloon_at(struct one *o, u64 actual, unsigned int seconds)
{
	o->s.total += actual;
	o->s.total -= o->s.actual;
	o->s.actual = actual;
	policy_guest_actual(o->p, o->g, actual, o->now);
	ticks(o, seconds);
}

/* The host lacks memory: would it be shrunk? */
static bool is_shrunk(struct one *o)
{
	u64 before = o->h.available;
	bool shrunk;

	o->h.available = 300 * MIB;
	tick(o, true);
	shrunk = o->r.decision[0].flags & POLICY_SEND &&
		 o->r.decision[0].target < o->r.decision[0].from;
	o->h.available = before;
	tick(o, true);
	return shrunk;
}

/* Somebody else sets the balloon again and again: it is left to him. */
static void test_rival(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, 800 * MIB);
	ticks(&o, 10);
	/* One long move is one. */
	for (u64 size = 790; size >= 700; size -= 10)
		balloon_at(&o, size * MIB, 1);
	ticks(&o, 60);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	assert_int_equal(o.i.target, 700 * MIB);
	balloon_at(&o, 800 * MIB, 60);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	assert_true(is_shrunk(&o));
	balloon_at(&o, 650 * MIB, 10);
	assert_int_equal(o.i.class, POLICY_CLASS_RIVAL);
	assert_int_equal(o.i.target, 650 * MIB);
	assert_true(o.r.decision[0].flags & POLICY_ALERT);
	assert_int_equal(o.r.decision[0].reason, POLICY_REASON_CLASS);
	assert_false(is_shrunk(&o));

	/* As long as that goes on. */
	ticks(&o, 500);
	balloon_at(&o, 600 * MIB, 500);
	assert_int_equal(o.i.class, POLICY_CLASS_RIVAL);
	assert_int_equal(o.i.target, 600 * MIB);
	ticks(&o, 110);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	assert_false(o.r.decision[0].flags & POLICY_ALERT);
	policy_free(o.p);
}

/* Back to max each time that it was shrunk. */
static void test_rival_to_max(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	ticks(&o, 10);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
		policy_command_sent(o.p, o.g, 700 * MIB, o.now);
		ticks(&o, 1);
		balloon_at(&o, 700 * MIB, 20);
		balloon_at(&o, GIB, 20);
	}
	assert_int_equal(o.i.class, POLICY_CLASS_RIVAL);
	policy_free(o.p);
}

/* What a guest can do by itself is not taken for somebody else's doing. */
static void test_no_rival(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	ticks(&o, 10);
	policy_command_sent(o.p, o.g, 700 * MIB, o.now);
	ticks(&o, 1);
	balloon_at(&o, 700 * MIB, 20);
	/* Its driver goes and comes back, to what QEMU has been told. */
	for (int i = 0; i < 6; i++) {
		balloon_at(&o, GIB, 20);
		balloon_at(&o, 850 * MIB, 1);
		balloon_at(&o, 700 * MIB, 20);
		assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	}
	/* So it is with each reboot, however long that takes. */
	for (int i = 0; i < 6; i++) {
		policy_guest_event(o.p, o.g, POLICY_GUEST_REBOOT, o.now);
		ticks(&o, 20);
		balloon_at(&o, GIB, 5);
		balloon_at(&o, 700 * MIB, 20);
		assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	}
	/* It takes from its balloon when it is short (deflate-on-oom). */
	o.s.available = o.s.free = 20 * MIB;
	o.s.disk_caches = 0;
	ticks(&o, 1);
	for (u64 size = 720; size < 1000; size += 20)
		balloon_at(&o, size * MIB, 8);
	assert_int_not_equal(o.i.class, POLICY_CLASS_RIVAL);
	policy_free(o.p);
}

/* Nor are our own commands, however slow the balloon and late the news. */
static void test_own_commands(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	ticks(&o, 10);
	for (int i = 0; i < 10; i++) {
		policy_command_sent(o.p, o.g, 500 * MIB, o.now);
		for (u64 size = 1000; size >= 700; size -= 50)
			balloon_at(&o, size * MIB, 1);
		policy_command_sent(o.p, o.g, 900 * MIB, o.now);
		balloon_at(&o, 650 * MIB, 1);
		for (u64 size = 660; size <= 860; size += 50)
			balloon_at(&o, size * MIB, 2);
		policy_command_sent(o.p, o.g, GIB, o.now);
		balloon_at(&o, GIB, 30);
		assert_int_not_equal(o.i.class, POLICY_CLASS_RIVAL);
	}
	policy_free(o.p);
}

static void test_config_refused(void **state)
{
	struct policy_guest_config c = {.min = 2 * GIB, .max = GIB};
	struct policy *p = NULL;
	unsigned int g = 77;

	(void)state;
	assert_int_equal(policy_new(NULL, &p), 0);
	assert_int_equal(policy_guest_add(p, &c, GIB, 0, &g), -EINVAL);
	c = (struct policy_guest_config){.max = 0};
	assert_int_equal(policy_guest_add(p, &c, GIB, 0, &g), -EINVAL);
	c.max = POLICY_GUEST_BYTES_MAX + 1;
	assert_int_equal(policy_guest_add(p, &c, GIB, 0, &g), -EINVAL);
	assert_int_equal(g, 77);
	assert_int_equal(policy_guest_count(p), 0);
	assert_int_equal(policy_guest_remove(p, 0), -ENOENT);
	policy_free(p);
	policy_free(NULL);
}

static void test_handles_are_dense_and_stable(void **state)
{
	struct policy_guest_config c = {.max = GIB};
	struct policy *p = NULL;
	unsigned int g[40];

	(void)state;
	assert_int_equal(policy_new(NULL, &p), 0);
	for (unsigned int i = 0; i < 40; i++) {
		assert_int_equal(policy_guest_add(p, &c, GIB, 0, &g[i]), 0);
		assert_int_equal(g[i], i);
	}
	assert_int_equal(policy_guest_remove(p, 7), 0);
	assert_int_equal(policy_guest_remove(p, 7), -ENOENT);
	assert_int_equal(policy_guest_add(p, &c, GIB, 0, &g[0]), 0);
	assert_int_equal(g[0], 7);
	assert_int_equal(policy_guest_count(p), 40);
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_used),
		cmocka_unit_test(test_overhead_only_at_rest),
		cmocka_unit_test(test_total_that_does_not_follow),
		cmocka_unit_test(test_absent_is_absent),
		cmocka_unit_test(test_frozen_update_is_not_fresh),
		cmocka_unit_test(test_debt),
		cmocka_unit_test(test_pressed),
		cmocka_unit_test(test_touched_since_sample),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_hot_cache),
		cmocka_unit_test(test_room_follows_growth),
		cmocka_unit_test(test_exposure),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_reboot),
		cmocka_unit_test(test_above_max),
		cmocka_unit_test(test_max_falls_while_frozen),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_exhausted_is_not_stuck),
		cmocka_unit_test(test_pinned_by_yield),
		cmocka_unit_test(test_pinned_huge_pages),
		cmocka_unit_test(test_untouched_is_not_pinned),
		cmocka_unit_test(test_little_is_better_than_nothing),
		cmocka_unit_test(test_in_flight),
		cmocka_unit_test(test_yield_learned),
		cmocka_unit_test(test_moved_by_other),
		cmocka_unit_test(test_rival),
		cmocka_unit_test(test_rival_to_max),
		cmocka_unit_test(test_no_rival),
		cmocka_unit_test(test_own_commands),
		cmocka_unit_test(test_config_refused),
		cmocka_unit_test(test_handles_are_dense_and_stable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
