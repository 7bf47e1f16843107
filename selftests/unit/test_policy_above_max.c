// SPDX-License-Identifier: GPL-2.0
/* A guest that has more than its range allows: by a reload, or as it was found. */
#include "policy_one.h"

/* Step by step, as its statistics come, until it is there. */
static void goes_into_range(struct one *o, u64 max)
{
	u64 target = o->r.decision[0].from;
	unsigned int steps = 0;

	for (int n = 0; n < 120 && target > max; n++) {
		const struct policy_decision *d = &o->r.decision[0];

		if (d->flags & POLICY_SEND) {
			assert_int_equal(d->reason, POLICY_REASON_RANGE);
			assert_true(d->target < target && d->target >= max);
			assert_true(target - d->target <= max_of(target / 20 + GRAIN, 16 * MIB));
			target = d->target;
			steps++;
			policy_command_sent(o->p, o->g, target, o->now);
			has(o, target);
		}
		assert_int_not_equal(o->r.next, 0);
		tick(o, true);
	}
	assert_int_equal(target, max);
	assert_true(steps >= 5);
}

/* Found with more than it may have, while nobody holds its balloon. */
static void test_above_max(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, 1536 * MIB);
	has(&o, 1536 * MIB);
	policy_guest_event(o.p, o.g, POLICY_GUEST_REBOOT, o.now);
	tick(&o, true);
	assert_int_equal(o.i.class, POLICY_CLASS_REBOOTING);
	assert_int_equal(o.r.send, 0);
	assert_int_not_equal(o.r.next, 0);
	for (int n = 0; n < 60 && !o.r.send; n++) {
		assert_int_not_equal(o.r.next, 0);
		tick(&o, true);
	}
	goes_into_range(&o, GIB);
	assert_int_equal(o.r.send, 0);
	policy_free(o.p);
}

/* Its max falls while it migrates: nothing may be sent then, but after. */
static void test_max_falls_while_frozen(void **state)
{
	const struct policy_guest_config config = {
		.min = 256 * MIB,
		.max = 768 * MIB,
	};
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	has(&o, GIB);
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
	goes_into_range(&o, 768 * MIB);
	policy_free(o.p);
}

/* It lacked memory once, and has had more than it uses since: its new max holds. */
static void test_max_falls_after_pressure(void **state)
{
	const struct policy_guest_config config = {
		.min = 256 * MIB,
		.max = 512 * MIB,
	};
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	has(&o, GIB);
	ticks(&o, 10);
	o.s.present |= GUEST_HAS_OOM_KILL | GUEST_HAS_ALLOC_STALL;
	for (int n = 0; n < 40; n++) {
		o.s.oom_kill++;
		o.s.alloc_stall++;
		tick(&o, true);
	}
	ticks(&o, 30);
	assert_true(o.i.demand > 700 * MIB);
	assert_int_equal(policy_guest_configure(o.p, o.g, &config), 0);
	tick(&o, true);
	goes_into_range(&o, 512 * MIB);
	policy_free(o.p);
}

/* Its balloon is seconds behind: it is not sent up again when it is asked for its max. */
static void test_range_is_not_left_again(void **state)
{
	const struct policy_guest_config config = {
		.min = 256 * MIB,
		.max = 768 * MIB,
	};
	struct one o;
	u64 target = GIB;

	(void)state;
	one_init(&o, 256 * MIB, GIB, GIB);
	has(&o, GIB);
	ticks(&o, 10);
	assert_int_equal(policy_guest_configure(o.p, o.g, &config), 0);
	for (int n = 0; n < 200; n++) {
		tick(&o, true);
		assert_true(o.r.decision[0].target <= target);
		if (o.r.decision[0].flags & POLICY_SEND) {
			target = o.r.decision[0].target;
			policy_command_sent(o.p, o.g, target, o.now);
		}
		has(&o, max_of(target, o.s.stat_actual - 4 * MIB));
	}
	assert_int_equal(target, 768 * MIB);
	policy_free(o.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_above_max),
		cmocka_unit_test(test_max_falls_while_frozen),
		cmocka_unit_test(test_max_falls_after_pressure),
		cmocka_unit_test(test_range_is_not_left_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
