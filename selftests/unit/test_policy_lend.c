// SPDX-License-Identifier: GPL-2.0
/*
 * The main job in a small world: memory that a busy guest needs is lent by idle
 * ones, and given back; nobody dies of it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy_one.h"
#include "policy_world.h"

struct lab {
	struct policy_world w;
	struct world_guest *idle[2], *busy, *silent;
};

/* Two idle guests that filled most of their memory and freed half of it. */
static void lab_init(struct lab *l, uint64_t total)
{
	world_init(&l->w, total, 150 * MiB, 512 * MiB);
	l->idle[0] = world_guest(&l->w, 192 * MiB, 768 * MiB);
	l->idle[1] = world_guest(&l->w, 192 * MiB, 768 * MiB);
	l->busy = world_guest(&l->w, 192 * MiB, 768 * MiB);
	l->silent = world_guest(&l->w, 192 * MiB, 512 * MiB);
	l->silent->driver = false;
	l->silent->want = 200 * MiB;
	l->busy->want = 80 * MiB;

	for (int i = 0; i < 2; i++) {
		l->idle[i]->want = 400 * MiB;
		l->idle[i]->want_cache = 150 * MiB;
	}
	world_run(&l->w, 10);
	for (int i = 0; i < 2; i++)
		l->idle[i]->want = 60 * MiB;
	world_run(&l->w, 30);
}

static void nobody_died(const struct policy_world *w)
{
	assert_false(w->host_oom);
	for (unsigned int i = 0; i < w->n; i++)
		assert_false(w->g[i].oom);
}

static void lends_and_gives_back(struct lab *l)
{
	struct policy_world *w = &l->w;

	for (int step = 0; step < 3; step++) {
		l->busy->want += 180 * MiB;
		world_run(w, 8);
		assert_int_equal(l->busy->short_of, 0);
	}
	nobody_died(w);
	assert_true(l->busy->actual >= 64 * MiB + 620 * MiB);
	assert_true(l->idle[0]->actual < 300 * MiB);
	assert_true(l->idle[0]->actual >= l->idle[0]->min);

	l->busy->want = 80 * MiB;
	world_run(w, 45);
	nobody_died(w);
	assert_true(l->busy->actual < 400 * MiB);
	assert_true(l->idle[0]->actual > 270 * MiB);
}

static void test_lend_2g(void **state)
{
	struct lab l;

	(void)state;
	lab_init(&l, 1950 * MiB);
	/* What they had freed is no longer paid for. */
	assert_true(l.idle[0]->touched < 420 * MiB);
	lends_and_gives_back(&l);
	world_free(&l.w);
}

/* The same with balloons as slow as in an emulated host. */
static void test_lend_slow_balloon(void **state)
{
	struct lab l;

	(void)state;
	lab_init(&l, 1950 * MiB);
	l.w.slew = 64 * MiB;
	lends_and_gives_back(&l);
	world_free(&l.w);
}

static void test_both_idle_treated_alike(void **state)
{
	struct lab l;

	(void)state;
	lab_init(&l, 1950 * MiB);
	l.busy->want = 500 * MiB;
	world_run(&l.w, 20);
	assert_int_equal(l.idle[0]->actual, l.idle[1]->actual);
	world_free(&l.w);
}

static void test_silent_is_left_alone(void **state)
{
	struct lab l;

	(void)state;
	lab_init(&l, 1950 * MiB);
	l.busy->want = 600 * MiB;
	world_run(&l.w, 100);
	assert_int_equal(l.silent->commands, 0);
	world_free(&l.w);
}

/*
 * Nothing moves by itself: constant demand settles, and then there is silence.
 */
static void test_settles(void **state)
{
	unsigned int commands = 0;
	struct lab l;

	(void)state;
	lab_init(&l, 1950 * MiB);
	l.busy->want = 400 * MiB;
	world_run(&l.w, 400);
	for (unsigned int i = 0; i < l.w.n; i++)
		commands -= l.w.g[i].commands;
	world_run(&l.w, 300);
	for (unsigned int i = 0; i < l.w.n; i++)
		commands += l.w.g[i].commands;
	assert_in_range(commands, 0, 6);
	world_free(&l.w);
}

/* A host with memory to spare: all at max, and nobody is asked for anything. */
static void test_plenty_is_silence(void **state)
{
	struct policy_world w;

	(void)state;
	world_init(&w, 64 * GiB, GiB, 0);
	for (int i = 0; i < 8; i++)
		world_guest(&w, 512 * MiB, 4 * GiB)->want = 2 * GiB;
	world_run(&w, 120);
	for (unsigned int i = 0; i < w.n; i++) {
		assert_int_equal(w.g[i].commands, 0);
		assert_int_equal(w.r.decision[i].poll, 0);
		assert_int_equal(w.r.decision[i].reason, POLICY_REASON_AT_MAX);
	}
	assert_int_equal(w.r.next, 0);
	world_free(&w);
}

/* A guest with 6 of 8 GiB that needs @lack more; its host has nothing to give yet. */
static void lacks(struct one *o, u64 lack)
{
	u64 available = 2 * GIB;

	for (int try = 0; try < 2; try++) {
		if (try)
			policy_free(o->p);
		one_init(o, 512 * MIB, 8 * GIB, 6 * GIB);
		o->s.free = o->s.disk_caches = 0;
		o->s.available = available;
		o->h.available = GIB;
		ticks(o, 5);
		available -= 6 * GIB + lack - o->i.demand;
	}
	assert_int_equal(o->i.demand, 6 * GIB + lack);
}

/*
 * It needs a little more than it has, too little for a command: what nobody needs is
 * its own all the same.
 */
static void test_little_lack_on_a_rich_host(void **state)
{
	struct one o;

	(void)state;
	for (u64 lack = MIB; lack < 48 * MIB; lack += 128 * KIB) {
		lacks(&o, lack);
		o.h.available = 15 * GIB;
		for (int n = 0; n < 5; n++) {
			u64 more;

			tick(&o, true);
			more = o.r.decision[0].target - o.s.stat_actual;
			if (!more)
				continue;
			policy_command_sent(o.p, o.g, o.r.decision[0].target, o.now);
			o.s.stat_actual += more;
			o.s.total += more;
			o.s.available += more;
			policy_guest_actual(o.p, o.g, o.s.stat_actual, o.now);
		}
		assert_int_equal(o.i.target, 8 * GIB);
		policy_free(o.p);
	}
}

/*
 * At its max on a host at ease, in a state that passes by itself: somebody has to come
 * and see that it has.
 */
static void test_what_passes_is_seen(void **state)
{
	static const u64 size[] = { 800 * MIB, 700 * MIB, 600 * MIB, 500 * MIB, GIB };
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	o.h.available = 15 * GIB;
	ticks(&o, 3);
	assert_int_equal(o.r.next, 0);
	policy_guest_event(o.p, o.g, POLICY_GUEST_REBOOT, o.now);
	for (int n = 0; n < 12; n++) {
		tick(&o, false);
		assert_int_equal(o.r.next, SEC);
	}
	assert_int_equal(o.i.class, POLICY_CLASS_STARTING);
	tick(&o, true);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	assert_int_equal(o.r.next, 0);

	/* Somebody else moved it, and has stopped. */
	for (unsigned int n = 0; n < sizeof(size) / sizeof(*size); n++) {
		o.s.stat_actual = size[n];
		policy_guest_actual(o.p, o.g, size[n], o.now);
		ticks(&o, 8);
	}
	assert_int_equal(o.i.class, POLICY_CLASS_RIVAL);
	assert_int_equal(o.i.actual, GIB);
	assert_int_equal(o.r.next, 60 * SEC);
	for (int n = 0; n < 11; n++) {
		o.now += 59 * SEC;
		tick(&o, true);
	}
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	assert_int_equal(o.r.next, 0);
	policy_free(o.p);
}

/* Between two polls: what the guest has resident, and nothing else. */
static void glance(struct one *o, u64 ms, u64 touched)
{
	o->now += ms * MSEC;
	o->c.rss += touched;
	o->h.available -= touched;
	policy_guest_update(o->p, o->g, &o->c, o->now);
}

/* It uses 500 MiB of one GiB, and has 256 of room, on a host that has no more to give. */
static void squeezed(struct one *o)
{
	one_init(o, GIB, 8 * GIB, GIB);
	o->s.available = o->s.free = 460 * MIB;
	o->s.disk_caches = 0;
	o->c.rss = 600 * MIB;
	o->h.available = 1400 * MIB; /* what is kept, and next to nothing else */
	ticks(o, 10);
}

/* A squeezed guest that fills 1 GiB/s is given more a twentieth of a second later. */
static void test_grows_before_it_is_heard(void **state)
{
	struct one o;

	(void)state;
	squeezed(&o);
	assert_int_equal(o.i.target, GIB);
	assert_int_equal(o.r.resident, 50 * MSEC);

	/* Little by little is no reason. */
	glance(&o, 50, 10 * MIB);
	assert_false(policy_grows(o.p));
	glance(&o, 50, 50 * MIB);
	assert_true(policy_grows(o.p));
	policy_host_update(o.p, &o.h, o.now);
	assert_int_equal(policy_decide(o.p, o.now, &o.r), 1);
	assert_int_equal(o.r.decision[0].reason, POLICY_REASON_GROW_PRESSED);
	assert_true(o.r.decision[0].target >= GIB + 256 * MIB);
	assert_false(policy_grows(o.p)); /* until it touches more */

	/* Its statistics say that it was page cache: it was not in need. */
	o.s.free -= 60 * MIB;
	o.s.disk_caches = 60 * MIB;
	tick(&o, true);
	assert_true(o.i.demand <= GIB);

	/* One that has its max is not sampled. */
	policy_command_sent(o.p, o.g, 8 * GIB, o.now);
	policy_guest_actual(o.p, o.g, 8 * GIB, o.now);
	o.s.stat_actual = 8 * GIB;
	o.s.total = 8 * GIB - 64 * MIB;
	o.s.available = o.s.free = 7 * GIB;
	o.h.available = 8 * GIB;
	ticks(&o, 2);
	assert_int_equal(o.r.resident, 0);
	glance(&o, 50, GIB);
	assert_false(policy_grows(o.p));
	policy_free(o.p);
}

/*
 * One that grows gets what it is expected to need.  While it still grows, but not so fast,
 * it keeps that for a moment on a host that is a little short; when it uses less, not.
 */
static void test_growth_is_not_undone_under_way(void **state)
{
	struct one o;
	int n;

	(void)state;
	for (int less = 0; less < 2; less++) {
		squeezed(&o);
		/* It touches 300 MiB in a tenth of a second, and that is all. */
		glance(&o, 50, 150 * MIB);
		policy_host_update(o.p, &o.h, o.now);
		assert_int_equal(policy_decide(o.p, o.now, &o.r), 1);
		policy_command_sent(o.p, o.g, 2 * GIB, o.now);
		glance(&o, 50, 150 * MIB);
		has(&o, 2 * GIB);
		o.c.rss = 900 * MIB;
		o.s.available = o.s.free = 2 * GIB - (less ? 400 : 864) * MIB;
		o.h.available = 2000 * MIB;
		for (n = 0; n < 10; n++) {
			tick(&o, true);
			if (o.r.decision[0].target < 2 * GIB)
				break;
		}
		assert_true(o.i.demand < 2 * GIB - 256 * MIB);
		assert_int_equal(n, less ? 0 : 1);
		policy_free(o.p);
	}
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lend_2g),
		cmocka_unit_test(test_lend_slow_balloon),
		cmocka_unit_test(test_both_idle_treated_alike),
		cmocka_unit_test(test_silent_is_left_alone),
		cmocka_unit_test(test_settles),
		cmocka_unit_test(test_plenty_is_silence),
		cmocka_unit_test(test_little_lack_on_a_rich_host),
		cmocka_unit_test(test_what_passes_is_seen),
		cmocka_unit_test(test_grows_before_it_is_heard),
		cmocka_unit_test(test_growth_is_not_undone_under_way),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
