// SPDX-License-Identifier: GPL-2.0
/*
 * What is over, or never was: reservations of which nothing is left to come, harm of
 * last month, needs of work that ended.  Nobody pays for it.
 */
#include <string.h>

#include "policy_host.h"
#include "policy_one.h"

static u64 reserved(struct one *o)
{
	ticks(o, 1);
	return o->p->b.reserved;
}

/* A guest of which nothing is touched yet, and its reservation. */
static unsigned int started(struct one *o, u64 bytes)
{
	struct policy_guest_config config = { .min = GIB, .max = 4 * GIB };
	struct guest_record cost = { .present = GUEST_HAS_RSS, .rss = 32 * MIB };
	struct policy_reserve_status s;
	unsigned int id, guest;

	one_init(o, GIB, 8 * GIB, 8 * GIB);
	o->h.available = 15 * GIB;
	ticks(o, 3);
	assert_int_equal(policy_reserve(o->p, bytes, 3600 * SEC, o->now, &id, &s), 0);
	assert_int_equal(policy_guest_add(o->p, &config, 4 * GIB, o->now, &guest), 0);
	policy_guest_update(o->p, guest, &cost, o->now);
	assert_int_equal(policy_reserve_started(o->p, id, guest, o->now), 0);
	return guest;
}

/* A script reserved twice, since the first start failed: it is one guest all the same. */
static void test_reserved_twice(void **state)
{
	struct guest_record cost = { .present = GUEST_HAS_RSS, .rss = 3 * GIB + 32 * MIB };
	struct policy_reserve_status s;
	unsigned int guest, id;
	struct one o;

	(void)state;
	guest = started(&o, 3 * GIB);
	assert_int_equal(reserved(&o), 3 * GIB);
	assert_int_equal(policy_reserve(o.p, 3 * GIB, 3600 * SEC, o.now, &id, &s), 0);
	assert_int_equal(reserved(&o), 6 * GIB);
	assert_int_equal(policy_reserve_started(o.p, id, guest, o.now), 0);
	assert_int_equal(reserved(&o), 3 * GIB);
	assert_int_equal(o.p->b.exposure, o.p->guest[o.g].exposure + GIB);
	policy_guest_update(o.p, guest, &cost, o.now);
	assert_int_equal(reserved(&o), 0);
	policy_free(o.p);
}

/* Huge pages, a device: its memory is paid for, though it is never seen to touch it. */
static void test_reserved_and_pinned(void **state)
{
	unsigned int guest;
	struct one o;

	(void)state;
	guest = started(&o, 4 * GIB);
	assert_int_equal(reserved(&o), 4 * GIB);
	policy_guest_event(o.p, guest, POLICY_GUEST_PINNED, o.now);
	assert_int_equal(reserved(&o), 0);
	policy_free(o.p);
}

/* Kept from before half of the host's memory was taken out: nobody gives for that. */
static void test_reserved_of_another_host(void **state)
{
	struct policy_reserve_status s;
	struct one o;
	u64 least;

	(void)state;
	one_init(&o, GIB, 8 * GIB, 8 * GIB);
	assert_int_equal(policy_reserve_restore(o.p, 7, 24 * GIB, 3600 * SEC, o.now), 0);
	o.h.available = 8 * GIB;
	has(&o, 8 * GIB);
	least = o.s.total;
	for (int n = 0; n < 600; n++) {
		tick(&o, true);
		if (!(o.r.decision[0].flags & POLICY_SEND))
			continue;
		policy_command_sent(o.p, o.g, o.r.decision[0].target, o.now);
		has(&o, o.r.decision[0].target);
		least = min_of(least, o.s.stat_actual);
	}
	assert_int_equal(least, 8 * GIB - 64 * MIB);
	assert_int_equal(policy_reserve_status(o.p, 7, o.now, &s), 0);
	assert_int_equal(s.state, POLICY_RESERVE_REFUSED);
	assert_non_null(strstr(s.why, "short"));
	policy_free(o.p);
}

/* One that was hurt three times is held for an hour, however often the daemon restarts. */
static void test_harm_over_restarts(void **state)
{
	struct policy_guest_state s = { .harms = 3, .yield = 1, .overhead = UINT64_MAX };
	struct one o;

	(void)state;
	one_init(&o, GIB, 8 * GIB, 8 * GIB);
	for (int i = 0; i < 4; i++) {
		policy_command_sent(o.p, o.g, 4 * GIB, o.now);
		o.s.present |= GUEST_HAS_OOM_KILL;
		has(&o, 4 * GIB);
		o.s.available = o.s.free = 0;
		o.s.oom_kill++;
		tick(&o, true);
		policy_command_sent(o.p, o.g, 8 * GIB, o.now);
		has(&o, 8 * GIB);
		tick(&o, true);
	}
	assert_true(harm_frozen(o.p, &o.p->guest[o.g]));
	for (int i = 0; i < 8; i++) {
		assert_true(harm_frozen(o.p, &o.p->guest[o.g]));
		assert_int_equal(policy_guest_export(o.p, o.g, o.now, &s), 0);
		assert_int_equal(s.harms, 3);
		policy_free(o.p);
		one_init(&o, GIB, 8 * GIB, 8 * GIB);
		s.age = 100 * SEC;
		assert_int_equal(policy_guest_import(o.p, o.g, o.now, &s), 0);
		ticks(&o, 400);
	}
	assert_false(harm_frozen(o.p, &o.p->guest[o.g]));
	assert_int_equal(policy_guest_export(o.p, o.g, o.now, &s), 0);
	assert_int_equal(s.harms, 0);
	policy_free(o.p);
}

/* Growth of last month is no reason to leave room today. */
static void test_growth_over_a_month(void **state)
{
	struct policy_guest_state s = { .room = 4 * GIB, .yield = 1, .age = 30 * DAY_NS };
	struct one o;

	(void)state;
	one_init(&o, GIB, 16 * GIB, 16 * GIB);
	assert_int_equal(policy_guest_import(o.p, o.g, o.now, &s), 0);
	ticks(&o, 30);
	assert_int_equal(o.i.room, 256 * MIB);
	policy_free(o.p);
}

/*
 * What it needs at a reboot is what it needed before this one, not the most it ever
 * needed before one.
 */
static void test_reboot_of_another_load(void **state)
{
	struct one o;
	u64 busy, idle;

	(void)state;
	one_init(&o, 512 * MIB, 8 * GIB, 8 * GIB);
	o.s.available = o.s.free = 2 * GIB;
	o.s.disk_caches = 0;
	ticks(&o, 30);
	busy = o.i.demand;
	policy_guest_event(o.p, o.g, POLICY_GUEST_REBOOT, o.now);
	tick(&o, false);
	assert_int_equal(o.p->guest[o.g].seen->boot_need, busy);
	/* A month of little work, at the size for that. */
	policy_command_sent(o.p, o.g, 2 * GIB, o.now);
	has(&o, 2 * GIB);
	o.now += DAY_NS;
	ticks(&o, 600);
	idle = o.i.demand;
	assert_true(idle < GIB);
	policy_guest_event(o.p, o.g, POLICY_GUEST_REBOOT, o.now);
	tick(&o, false);
	assert_int_equal(o.i.class, POLICY_CLASS_REBOOTING);
	assert_int_equal(o.i.demand, 2 * GIB);
	assert_true(o.p->guest[o.g].seen->boot_need < GIB);
	/* It boots again at once: what counts is the time before both. */
	policy_guest_event(o.p, o.g, POLICY_GUEST_REBOOT, o.now);
	assert_true(o.p->guest[o.g].seen->boot_need >= idle - idle / 100);
	policy_free(o.p);
}

/* A guest of which all is paid for calls in nothing, however large it is. */
static void test_hold_of_a_pinned_guest(void **state)
{
	struct fixture f;
	unsigned int pinned;
	u64 hold;

	(void)state;
	init(&f, 256 * GIB, 64 * GIB);
	f.p->t.hold_rate = 2 * GIB;
	for (int i = 0; i < 12; i++)
		report(&f, add(&f, 256 * MIB, GIB), 200 * MIB, 300 * MIB);
	/* As after a quiet week. */
	f.p->touch_born = f.p->touched_at = 0;
	f.now += 8 * DAY_NS;
	decide(&f);
	hold = f.p->b.hold;
	assert_true(hold < 2 * GIB);
	pinned = add(&f, GIB, 96 * GIB);
	policy_guest_event(f.p, pinned, POLICY_GUEST_PINNED, f.now);
	decide(&f);
	assert_int_equal(f.p->b.hold, hold);
	policy_free(f.p);
}

/*
 * A balloon that gives a few pages each time that its guest is out of memory is not moved
 * by somebody else: who did so has stopped long ago.
 */
static void test_deflates_after_a_rival(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, 800 * MIB);
	ticks(&o, 10);
	for (u64 i = 0, size = 750; i < 4; i++, size -= 50) {
		has(&o, size * MIB);
		ticks(&o, 20);
	}
	assert_int_equal(o.i.class, POLICY_CLASS_RIVAL);
	for (u64 n = 0; n < 12; n++) {
		has(&o, 600 * MIB + n * MIB);
		o.s.available = o.s.free = 8 * MIB;
		ticks(&o, 100);
	}
	assert_int_not_equal(o.i.class, POLICY_CLASS_RIVAL);
	assert_true(o.r.decision[0].target > 700 * MIB);
	policy_free(o.p);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserved_twice),
		cmocka_unit_test(test_reserved_and_pinned),
		cmocka_unit_test(test_reserved_of_another_host),
		cmocka_unit_test(test_harm_over_restarts),
		cmocka_unit_test(test_growth_over_a_month),
		cmocka_unit_test(test_reboot_of_another_load),
		cmocka_unit_test(test_hold_of_a_pinned_guest),
		cmocka_unit_test(test_deflates_after_a_rival),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("policy_ghosts", tests, NULL, NULL);
}
