// SPDX-License-Identifier: GPL-2.0
/*
 * Guests that would starve for good though nobody needs what they lack, and hosts
 * that would pay for what nobody has any more.
 */
#include "policy_one.h"
#include "policy_world.h"

static struct policy_guest_info info_of(struct policy_world *w, const struct world_guest *g)
{
	struct policy_guest_info i;

	assert_int_equal(policy_guest_info(w->p, g->handle, w->now, &i), 0);
	return i;
}

/* A guest was squeezed for another one, and stopped to report. */
static void squeezed_then_mute(struct policy_world *w, struct world_guest **ret_mute,
			       struct world_guest **ret_other)
{
	struct world_guest *a, *b;

	world_init(w, 16 * GiB, GiB, 4 * GiB);
	a = world_guest(w, GiB, 8 * GiB);
	a->want = 600 * MiB;
	a->touched = 4 * GiB;
	b = world_guest(w, GiB, 12 * GiB);
	b->want = 11 * GiB;
	world_run(w, 120);
	assert_true(a->target < 4 * GiB);
	a->mute = true;
	world_run(w, 60);
	assert_int_equal(info_of(w, a).class, POLICY_CLASS_SILENT);
	*ret_mute = a;
	*ret_other = b;
}

/* While the other one needs its memory, the silent one gets nothing of it. */
static void test_silent_takes_nothing(void **state)
{
	struct world_guest *a, *b;
	uint64_t squeezed;
	struct policy_world w;

	(void)state;
	squeezed_then_mute(&w, &a, &b);
	squeezed = a->target;
	world_run(&w, 300);
	assert_int_equal(a->target, squeezed);
	assert_int_equal(b->short_of, 0);
	assert_false(w.host_oom);
	world_free(&w);
}

/* What nobody needs is given back. */
static void test_silent_gets_it_back(void **state)
{
	struct world_guest *a, *b;
	struct policy_world w;

	(void)state;
	squeezed_then_mute(&w, &a, &b);
	b->want = 500 * MiB;
	policy_guest_remove(w.p, b->handle);
	w.n--;
	a->want = 6 * GiB;
	world_run(&w, 120);
	assert_int_equal(a->target, 8 * GiB);
	assert_int_equal(a->short_of, 0);
	world_free(&w);
}

/* Where others have more than they need, a silent one has its share of that. */
static void test_silent_has_its_share(void **state)
{
	struct world_guest *a, *b;
	struct policy_world w;

	(void)state;
	squeezed_then_mute(&w, &a, &b);
	b->want = 2 * GiB;
	b->want_cache = 9 * GiB;
	a->want = 4 * GiB;
	world_run(&w, 1200);
	assert_true(a->target >= 4 * GiB + 64 * MiB);
	assert_int_equal(a->short_of, 0);
	assert_int_equal(b->short_of, 0);
	world_free(&w);
}

/* A slow monitor: what nobody needs goes to it, and the reason given is the reason. */
static void test_stale_is_no_shortage(void **state)
{
	struct policy_guest_config config = { .min = 256 * MIB, .max = 4 * GIB };
	char why[256];
	unsigned int other;
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, 450 * MIB);
	o.s.available = o.s.free = 100 * MIB;
	o.s.disk_caches = 0;
	o.h.available = 10 * GIB;
	ticks(&o, 3);
	for (int n = 0; n < 10; n++)
		tick(&o, false);
	assert_true(o.i.target == 450 * MIB && o.i.sample_age > 5 * SEC);
	assert_int_equal(o.r.decision[0].reason, POLICY_REASON_GROW_SHARE);
	assert_int_equal(o.r.decision[0].target, GIB);

	/* The host lacks memory: stale is why, not the bytes. */
	assert_int_equal(policy_guest_add(o.p, &config, 4 * GIB, o.now, &other), 0);
	o.h.available = GIB + 256 * MIB;
	tick(&o, false);
	assert_int_equal(o.r.decision[0].reason, POLICY_REASON_HELD_STALE);
	policy_reason_render(&o.r.decision[0], why, sizeof(why));
	assert_string_equal(
		why, "stays at 450 MiB: what it lacks is not known without fresh statistics");
	policy_free(o.p);
}

/* Containers in a guest that are killed at their own limits. */
static void test_containers_killed(void **state)
{
	struct world_guest *a, *b;
	struct policy_world w;

	(void)state;
	world_init(&w, 40 * GiB, GiB, 0);
	a = world_guest(&w, 4 * GiB, 24 * GiB);
	a->want = 8 * GiB;
	a->touched = 24 * GiB;
	a->kills_every = 60 * S;
	b = world_guest(&w, 4 * GiB, 26 * GiB);
	b->want = 9 * GiB;
	world_rush(&w, 900);
	b->want = 23 * GiB + 512 * MiB;
	world_rush(&w, 60);
	b->oom = false;
	world_rush(&w, 1800);
	assert_true(a->kills > 40);
	assert_int_equal(info_of(&w, a).harms, 0);
	assert_true(info_of(&w, a).lacking < 64 * MiB);
	assert_in_range(info_of(&w, a).demand, 8 * GiB, 9 * GiB);
	assert_int_equal(b->short_of, 0);
	assert_false(b->oom || a->oom);
	world_free(&w);
}

/* They thrash in swap at their own limit, with memory available in the guest. */
static void test_containers_swap(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 16 * GIB, 16 * GIB);
	o.s.present |= GUEST_HAS_SWAP_OUT | GUEST_HAS_SWAP_IN | GUEST_HAS_MAJOR_FAULTS;
	for (int n = 0; n < 600; n++) {
		o.s.swap_out += 110 * MIB;
		o.s.swap_in += 100 * MIB;
		o.s.major_faults += 25600;
		tick(&o, true);
		assert_int_equal(o.i.pressed, 0);
	}
	assert_int_equal(o.i.debt, 0);
	assert_int_equal(o.i.lacking, 0);
	policy_free(o.p);
}

/*
 * A guest that lacked memory as long as it was watched: its own faults are no
 * measure of what is normal.
 */
static void test_steady_thrashing(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 512 * MIB, 12 * GIB, 4800 * MIB);
	o.h.total = 64 * GIB;
	o.h.available = 3 * GIB;
	o.s.present |= GUEST_HAS_SWAP_OUT | GUEST_HAS_SWAP_IN | GUEST_HAS_MAJOR_FAULTS;
	o.s.available = o.s.free = 100 * MIB;
	o.s.disk_caches = 0;
	for (int n = 0; n < 7200; n++) {
		o.s.swap_out += 50 * MIB;
		o.s.swap_in += 50 * MIB;
		o.s.major_faults += 2000;
		tick(&o, true);
		assert_true(n < 2 || o.i.pressed == POLICY_PRESSED_REFAULT);
	}
	assert_int_equal(o.i.target, 4800 * MIB);
	assert_true(o.i.demand > 4900 * MIB);
	/* Hours later the host has it. */
	o.h.available = 40 * GIB;
	for (int n = 0; n < 8; n++) {
		o.s.swap_in += 50 * MIB;
		o.s.major_faults += 2000;
		tick(&o, true);
		policy_command_sent(o.p, o.g, o.r.decision[0].target, o.now);
		policy_guest_actual(o.p, o.g, o.r.decision[0].target, o.now);
		o.s.stat_actual = o.r.decision[0].target;
		o.s.total = o.s.stat_actual - 64 * MIB;
	}
	assert_true(o.i.target > 8 * GIB);
	policy_free(o.p);
}

/* What a guest lacks is bytes: a large one is not given a quarter for a hiccup. */
static void test_bytes_are_lacking(void **state)
{
	struct one o;
	u64 demand;

	(void)state;
	one_init(&o, GIB, 128 * GIB, 62 * GIB);
	o.h.total = 256 * GIB;
	o.h.available = 60 * GIB;
	o.s.present |= GUEST_HAS_ALLOC_STALL;
	o.s.available = 300 * MIB;
	o.s.free = 100 * MIB;
	o.s.disk_caches = 200 * MIB;
	ticks(&o, 5);
	demand = o.i.demand;
	policy_command_sent(o.p, o.g, demand, o.now);
	policy_guest_actual(o.p, o.g, demand, o.now);
	o.s.stat_actual = demand;
	o.s.total = demand - 64 * MIB;
	o.s.available = demand - 62 * GIB + 300 * MIB;
	tick(&o, true);
	o.s.alloc_stall++;
	o.s.available = 300 * MIB;
	tick(&o, true);
	assert_int_equal(o.i.pressed, POLICY_PRESSED_STALL);
	assert_in_range(o.i.lacking, GIB, 3 * GIB);
	/* It has not got that yet: more pressure says nothing new. */
	for (int n = 0; n < 20; n++) {
		o.s.alloc_stall++;
		tick(&o, true);
	}
	assert_in_range(o.i.lacking, GIB, 3 * GIB);
	policy_free(o.p);
}

/* One guest that is started with its memory allocated at once. */
static void test_preallocated_start(void **state)
{
	struct policy_guest_config config = { .min = 8 * GIB, .max = 30 * GIB };
	struct guest_record cost = { .present = GUEST_HAS_RSS };
	unsigned int second;
	u64 hold = 0;
	struct one o;

	(void)state;
	one_init(&o, 4 * GIB, 16 * GIB, 16 * GIB);
	o.p->t.hold_rate = 64 * MIB; /* as after a quiet week */
	o.c.rss = 5 * GIB;
	o.h.total = 64 * GIB;
	o.h.available = 57 * GIB;
	ticks(&o, 120);
	assert_int_equal(policy_guest_add(o.p, &config, 30 * GIB, o.now, &second), 0);
	hold = host_touch_rate(o.p);
	for (int n = 1; n < 600; n++) {
		cost.rss = min_of((u64)n * 3 * GIB, 30 * GIB);
		policy_guest_update(o.p, second, &cost, o.now);
		o.h.available = 57 * GIB - cost.rss;
		tick(&o, true);
	}
	assert_int_equal(host_touch_rate(o.p), hold);
	policy_free(o.p);
}

/* What lay in the host's swap for long is exposure, and no debt. */
static void test_cold_swap(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, GIB, 16 * GIB, 16 * GIB);
	o.h.total = 64 * GIB;
	o.h.available = 16 * GIB;
	o.h.swap_total = 32 * GIB;
	o.h.swap_free = 20 * GIB;
	o.c.present |= GUEST_HAS_SWAPPED;
	o.c.rss = 4 * GIB;
	o.c.swapped = 12 * GIB;
	ticks(&o, 3);
	assert_true(o.r.deficit > 0);
	ticks(&o, 3600);
	assert_true(o.r.deficit < 0);
	assert_in_range(o.r.exposure, 1536 * MIB, 1600 * MIB);
	/* It is read back: the rest may follow. */
	o.c.swapped -= 2 * GIB;
	o.c.rss += 2 * GIB;
	tick(&o, true);
	assert_in_range(o.p->b.payback, 2 * GIB - 64 * MIB, 2 * GIB + 8 * MIB);
	/* Swapped out just now: it was in use. */
	o.c.swapped += 3 * GIB;
	o.c.rss -= 3 * GIB;
	tick(&o, true);
	assert_in_range(o.p->b.payback, 5 * GIB - 64 * MIB, 5 * GIB + 8 * MIB);
	policy_free(o.p);
}

/* A guest without a balloon, on a host that lacks memory and can swap. */
static void reclaimed_init(struct one *o)
{
	one_init(o, 8 * GIB, 40 * GIB, 40 * GIB);
	policy_guest_event(o->p, o->g, POLICY_GUEST_NO_BALLOON, o->now);
	o->h = (struct host_record){
		.present = HOST_HAS_MEMORY | HOST_HAS_SWAP,
		.total = 64 * GIB,
		.available = 3 * GIB,
		.swap_total = 32 * GIB,
		.swap_free = 32 * GIB,
	};
	o->c.present |= GUEST_HAS_SWAPPED;
	o->c.rss = 40 * GIB;
}

/* What we have a cgroup reclaim meets the deficit that it is for. */
static void test_reclaim_meets_its_deficit(void **state)
{
	struct one o;
	u64 reclaimed = 0;

	(void)state;
	reclaimed_init(&o);
	for (int n = 0; n < 120; n++) {
		u64 bytes;

		tick(&o, true);
		bytes = o.r.decision[0].reclaim;
		reclaimed += bytes;
		o.c.rss -= bytes;
		o.c.swapped += bytes;
		o.h.available += bytes;
		o.h.swap_free -= bytes;
	}
	assert_true(reclaimed > 512 * MIB && reclaimed < 4 * GIB);
	assert_int_equal(o.r.decision[0].reclaim, 0);
	policy_free(o.p);
}

/*
 * A guest that uses its memory reads back what is reclaimed: it is not swapped
 * out again and again, but ever more seldom.
 */
static void test_reclaim_does_not_chase(void **state)
{
	struct one o;
	u64 reclaimed = 0, last = 0;

	(void)state;
	reclaimed_init(&o);
	for (int n = 0; n < 3600; n++) {
		u64 bytes, back;

		tick(&o, true);
		bytes = o.r.decision[0].reclaim;
		reclaimed += bytes;
		if (n >= 1800)
			last += bytes;
		back = min_of(o.c.swapped + bytes, 100 * MIB);
		o.c.rss += back - bytes;
		o.c.swapped += bytes - back;
		o.h.available = 43 * GIB - o.c.rss;
		o.h.swap_free = 32 * GIB - o.c.swapped;
	}
	/* It was tried; 100 MiB a second would have been 350 GiB. */
	assert_true(reclaimed > GIB && reclaimed < 40 * GIB);
	assert_true(last < 10 * GIB);
	policy_free(o.p);
}

static u64 slack_of(u64 max)
{
	struct one o;
	u64 slack;

	one_init(&o, MIB, max, max);
	slack = o.p->guest[o.g].slack;
	policy_free(o.p);
	return slack;
}

static void test_slack_follows_the_size(void **state)
{
	(void)state;
	assert_int_equal(slack_of(GIB), 64 * MIB);
	assert_int_equal(slack_of(16 * GIB), 128 * MIB);
	assert_in_range(slack_of(512 * GIB), GIB, 1100 * MIB);
	assert_in_range(slack_of(8192 * GIB), 16 * GIB, 17 * GIB);
}

/* It reboots at a squeezed size: what it needed before, it needs again. */
static void test_room_at_reboot(void **state)
{
	struct one o;
	u64 needed;

	(void)state;
	one_init(&o, 512 * MIB, 8 * GIB, 3 * GIB);
	o.h.total = 64 * GIB;
	o.h.available = 20 * GIB;
	o.s.available = o.s.free = 600 * MIB;
	o.s.disk_caches = 0;
	ticks(&o, 60);
	needed = o.i.demand;
	assert_true(needed > 2 * GIB);
	/* The host took what it could, then came the reboot. */
	policy_command_sent(o.p, o.g, 512 * MIB, o.now);
	policy_guest_actual(o.p, o.g, 512 * MIB, o.now);
	policy_guest_event(o.p, o.g, POLICY_GUEST_REBOOT, o.now);
	o.h.available = 9 * GIB; /* little, but it is there */
	tick(&o, false);
	assert_int_equal(o.i.class, POLICY_CLASS_REBOOTING);
	assert_int_equal(o.i.demand, needed);
	assert_true(o.r.decision[0].flags & POLICY_SEND);
	assert_true(o.r.decision[0].target >= needed);
	policy_command_sent(o.p, o.g, o.r.decision[0].target, o.now);
	policy_guest_actual(o.p, o.g, o.r.decision[0].target, o.now);

	/* It reports early, and does not use much yet: it is left alone. */
	for (int n = 0; n < 12; n++)
		tick(&o, false);
	o.s.stat_actual = o.i.target;
	o.s.total = o.s.stat_actual - 64 * MIB;
	o.s.available = o.s.free = o.s.total - 300 * MIB;
	o.h.available = 4 * GIB;
	for (int n = 0; n < 40; n++) {
		tick(&o, true);
		assert_true(o.r.decision[0].target >= o.i.target);
	}
	assert_int_equal(o.r.decision[0].reason, POLICY_REASON_HELD_BOOT);
	/* Later it is a guest like others. */
	ticks(&o, 60);
	assert_true(o.r.decision[0].target < o.i.target);
	policy_free(o.p);
}

/* Its boot filled memory fast; that is no growth to leave room for all day. */
static void test_boot_is_no_growth(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 512 * MIB, 8 * GIB, 8 * GIB);
	ticks(&o, 30);
	policy_guest_event(o.p, o.g, POLICY_GUEST_REBOOT, o.now);
	for (int n = 0; n < 12; n++)
		tick(&o, false);
	for (u64 n = 1; n <= 5; n++) {
		o.s.available = o.s.total - n * GIB;
		o.s.free = o.s.available / 2;
		tick(&o, true);
	}
	ticks(&o, 120);
	assert_int_equal(o.i.room, 256 * MIB);
	/* What it does later is. */
	o.s.available -= GIB;
	o.s.free = o.s.available / 2;
	tick(&o, true);
	ticks(&o, 60);
	assert_in_range(o.i.room, GIB - 16 * MIB, GIB);
	policy_free(o.p);
}

/* Windows reports its standby list, which is cache, as free. */
static void test_standby_list(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 512 * MIB, 8 * GIB, 8 * GIB);
	o.s.available = o.s.free = 6 * GIB;
	o.s.disk_caches = 4 * GIB;
	ticks(&o, 5);
	assert_int_equal(o.i.cache, 4 * GIB);
	assert_int_equal(o.p->guest[o.g].seen->free, 2 * GIB);
	/* What is read again of it is in use. */
	o.s.present |= GUEST_HAS_MAJOR_FAULTS;
	for (int n = 0; n < 60; n++) {
		o.s.major_faults += 12800;
		tick(&o, true);
	}
	assert_true(o.i.hot > GIB);
	policy_free(o.p);
}

/*
 * Statistics are of the moment when they were taken, the size that comes with them
 * is of now.  A guest whose total does not follow must not seem to use less.
 */
static void test_latched(void **state)
{
	struct one o;
	u64 used;

	(void)state;
	one_init(&o, 512 * MIB, 8 * GIB, 8 * GIB);
	o.s.total = 8 * GIB - 64 * MIB;
	o.s.available = o.s.free = 4 * GIB;
	o.s.disk_caches = 0;
	policy_guest_actual(o.p, o.g, 6 * GIB, o.now);
	o.s.stat_actual = 6 * GIB;
	o.s.available = o.s.free = 2 * GIB;
	ticks(&o, 12);
	assert_false(o.i.total_follows);
	used = o.i.used;
	assert_int_equal(used, 4 * GIB - 64 * MIB);
	/* The balloon takes a GiB: first the size changes, then the statistics. */
	policy_guest_actual(o.p, o.g, 5 * GIB, o.now);
	o.s.stat_actual = 5 * GIB;
	tick(&o, true);
	assert_int_equal(o.i.used, used);
	o.s.available = o.s.free = GIB;
	ticks(&o, 2);
	assert_int_equal(o.i.used, used);
	policy_free(o.p);

	/* Where it follows, its free memory ends where it did. */
	one_init(&o, 512 * MIB, 8 * GIB, 8 * GIB);
	o.c.rss = 8 * GIB;
	ticks(&o, 5);
	assert_int_equal(o.p->guest[o.g].bend, 8 * GIB - 2 * GIB);
	policy_guest_actual(o.p, o.g, 7 * GIB, o.now);
	o.s.stat_actual = 7 * GIB;
	tick(&o, true);
	assert_int_equal(o.p->guest[o.g].bend, 8 * GIB - 2 * GIB);
	policy_free(o.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silent_takes_nothing),
		cmocka_unit_test(test_silent_gets_it_back),
		cmocka_unit_test(test_silent_has_its_share),
		cmocka_unit_test(test_stale_is_no_shortage),
		cmocka_unit_test(test_containers_killed),
		cmocka_unit_test(test_containers_swap),
		cmocka_unit_test(test_steady_thrashing),
		cmocka_unit_test(test_bytes_are_lacking),
		cmocka_unit_test(test_preallocated_start),
		cmocka_unit_test(test_cold_swap),
		cmocka_unit_test(test_reclaim_meets_its_deficit),
		cmocka_unit_test(test_reclaim_does_not_chase),
		cmocka_unit_test(test_slack_follows_the_size),
		cmocka_unit_test(test_room_at_reboot),
		cmocka_unit_test(test_boot_is_no_growth),
		cmocka_unit_test(test_standby_list),
		cmocka_unit_test(test_latched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
