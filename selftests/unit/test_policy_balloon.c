// SPDX-License-Identifier: GPL-2.0
/* What became of balloon commands, what they freed, and who else moves it. */
#include "policy_one.h"

static void test_stuck(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	ticks(&o, 5);
	policy_command_sent(o.p, o.g, 512 * MIB, o.now);
	o.s.stat_actual = 900 * MIB;
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

/*
 * However often its balloon stopped on the way down, a host with plenty does not leave
 * a guest squeezed for an hour.
 */
static void test_stuck_on_a_rich_host(void **state)
{
	struct one o;
	u64 begin;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	ticks(&o, 5);
	for (int n = 0; n < 8; n++) {
		policy_command_sent(o.p, o.g, 512 * MIB, o.now);
		o.s.stat_actual = 900 * MIB;
		policy_guest_actual(o.p, o.g, 900 * MIB, o.now);
		ticks(&o, 7);
		assert_int_equal(o.i.class, POLICY_CLASS_STUCK);
		policy_command_sent(o.p, o.g, 900 * MIB, o.now);
		begin = o.now;
		do
			tick(&o, true);
		while (!(o.r.decision[0].flags & POLICY_SEND) && o.now - begin < 3600 * SEC);
		assert_int_equal(o.r.decision[0].target, GIB);
		assert_true(o.now - begin <= 310 * SEC);
		/* It still is not asked for memory again at once. */
		assert_true(n < 3 || o.now - begin >= 200 * SEC);
	}
	policy_free(o.p);
}

/* A command to grow that QEMU lost, or somebody else's took the place of: it is sent again. */
static void test_growth_is_lost(void **state)
{
	unsigned int sent = 0;
	char why[256];
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, 512 * MIB);
	o.h.available = 12 * GIB;
	for (int n = 0; n < 1800; n++) {
		tick(&o, true);
		if (!(o.r.decision[0].flags & POLICY_SEND))
			continue;
		assert_int_equal(o.r.decision[0].target, GIB);
		policy_command_sent(o.p, o.g, GIB, o.now);
		policy_reason_render(&o.r.decision[0], why, sizeof(why));
		if (sent++)
			assert_string_equal(
				why, "sent to 1.0 GiB once more: its balloon stopped at 512 MiB");
	}
	assert_in_range(sent, 5, 12);
	/* It may still go there: the host has to pay for that then. */
	assert_int_equal(o.i.class, POLICY_CLASS_STUCK);
	assert_int_equal(o.i.exposure, GIB - 512 * MIB + o.p->t.process_overhead);
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
	o.s.stat_actual = 700 * MIB;
	o.s.total = 636 * MIB;
	o.s.available = o.s.free = 10 * MIB;
	o.s.disk_caches = 0;
	ticks(&o, 8);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	assert_int_equal(o.r.decision[0].reason, POLICY_REASON_STUCK);
	assert_int_equal(o.r.decision[0].target, 700 * MIB);
	policy_free(o.p);
}

/* A balloon takes free memory first; what the process costs stays. */
static void inflate(struct one *o, u64 bytes)
{
	o->s.stat_actual -= bytes;
	o->s.total -= bytes;
	o->s.available = over(o->s.available, bytes);
	o->s.free = over(o->s.free, bytes);
	policy_command_sent(o->p, o->g, o->s.stat_actual, o->now);
	ticks(o, 3);
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
		inflate(&o, 256 * MIB);
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
		inflate(&o, n ? 256 * MIB : 1280 * MIB);
	}
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	inflate(&o, 256 * MIB);
	assert_int_equal(o.i.class, POLICY_CLASS_PINNED);
	policy_free(o.p);
}

/* As large as what its process needs for itself are the balloons of a small guest. */
static void test_small_balloons_do_not_pin(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 160 * MIB, 384 * MIB, 384 * MIB);
	o.s.available = o.s.free = 100 * MIB;
	o.s.disk_caches = 0;
	o.c.rss = 384 * MIB + 32 * MIB;
	ticks(&o, 5);
	for (int n = 0; n < 4; n++) {
		inflate(&o, 16 * MIB);
		assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	}
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
		inflate(&o, 256 * MIB);
		assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	}
	policy_free(o.p);
}

/* A second passes for it and for another one. */
static void tick_with(struct one *o, unsigned int other, struct guest_record *s)
{
	s->last_update++;
	policy_guest_update(o->p, other, s, o->now + SEC);
	tick(o, true);
}

/*
 * What a guest never touched is not worth a command, until the host is short of
 * memory and somebody lacks it.
 */
static void test_little_is_better_than_nothing(void **state)
{
	struct policy_guest_config config = { .min = 256 * MIB, .max = 2 * GIB };
	struct guest_record s;
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
	s.stat_actual = GIB;
	s.total = GIB - 64 * MIB;
	s.available = s.free = 10 * MIB;
	for (int n = 0; n < 5; n++)
		tick_with(&o, poor, &s);
	assert_int_equal(o.r.decision[0].reason, POLICY_REASON_HELD_YIELD);

	/* The host itself lacks it ... */
	s.available = s.free = 700 * MIB;
	o.h.available = 1200 * MIB;
	for (int n = 0; n < 2; n++)
		tick_with(&o, poor, &s);
	assert_true(o.r.decision[0].target < o.r.decision[0].from);

	/* ... or another guest. */
	s.available = s.free = 10 * MIB;
	o.h.available = GIB;
	tick_with(&o, poor, &s);
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
	o.h = (struct host_record){
		.present = HOST_HAS_MEMORY | HOST_HAS_SWAP,
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
	o.s.stat_actual -= 512 * MIB;
	o.s.total -= 512 * MIB;
	o.s.available -= 512 * MIB;
	o.s.free = 0;
	policy_command_sent(o.p, o.g, o.s.stat_actual, o.now);
	o.c.rss -= 256 * MIB; /* huge pages: half of it came */
	ticks(&o, 3);
	assert_true(o.i.yield > 0.8 && o.i.yield < 0.9);

	/* Free memory that was never touched frees nothing. */
	o.s.free = o.s.available;
	o.c.rss = o.s.stat_actual - o.s.free + 32 * MIB;
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
	o.s.stat_actual = GIB;
	tick(&o, true);
	assert_int_equal(o.i.target, GIB);
	policy_free(o.p);
}

/* So many seconds with the balloon at a size. */
static void balloon_at(struct one *o, u64 actual, unsigned int seconds)
{
	o->s.total += actual;
	o->s.total -= o->s.stat_actual;
	o->s.stat_actual = actual;
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
	/* Its driver goes and comes back, to the target that QEMU has. */
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

/*
 * A guest wants more while its balloon still inflates: the balloon stops at once. What
 * it has not taken yet needs no byte of the host, which has none to give.
 */
static void test_stops_inflating(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, GIB, 8 * GIB, 8 * GIB);
	o.s.available = o.s.free = 5 * GIB;
	o.s.disk_caches = 0;
	ticks(&o, 5);
	assert_int_equal(policy_command_sent(o.p, o.g, 4 * GIB, o.now), 0);

	/* A second later: the balloon has begun, and the guest uses all but 1 GiB. */
	o.s.stat_actual = 7 * GIB;
	o.s.total = 7 * GIB - 64 * MIB;
	o.s.available = o.s.free = GIB;
	o.c.rss = 7 * GIB;
	o.h.available = 900 * MIB; /* below level medium, and below what is kept for the pressed */
	o.now += SEC;
	policy_guest_actual(o.p, o.g, 7 * GIB, o.now);
	tick(&o, true);
	assert_in_range(o.r.decision[0].target, o.i.used + 64 * MIB + 128 * MIB, 7 * GIB);
	assert_true(o.r.decision[0].flags & POLICY_SEND);

	/* The host at its end needs what is on its way. */
	o.h.available = 300 * MIB;
	tick(&o, true);
	assert_int_equal(o.r.level, POLICY_LEVEL_CRITICAL);
	assert_true(o.r.decision[0].target <= 4 * GIB);
	policy_free(o.p);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_stuck_on_a_rich_host),
		cmocka_unit_test(test_growth_is_lost),
		cmocka_unit_test(test_exhausted_is_not_stuck),
		cmocka_unit_test(test_pinned_by_yield),
		cmocka_unit_test(test_pinned_huge_pages),
		cmocka_unit_test(test_small_balloons_do_not_pin),
		cmocka_unit_test(test_untouched_is_not_pinned),
		cmocka_unit_test(test_little_is_better_than_nothing),
		cmocka_unit_test(test_in_flight),
		cmocka_unit_test(test_yield_learned),
		cmocka_unit_test(test_moved_by_other),
		cmocka_unit_test(test_rival),
		cmocka_unit_test(test_rival_to_max),
		cmocka_unit_test(test_no_rival),
		cmocka_unit_test(test_own_commands),
		cmocka_unit_test(test_stops_inflating),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
