// SPDX-License-Identifier: GPL-2.0
/* A guest's life: what it is, its reboot, its settings, and its handle. */
#include <errno.h>

#include "policy_one.h"

static void test_classes(void **state)
{
	static const struct {
		enum policy_guest_event event, undo;
		enum policy_class class;
	} row[] = {
		{ POLICY_GUEST_PAUSE, POLICY_GUEST_RESUME, POLICY_CLASS_PAUSED },
		{ POLICY_GUEST_MIGRATE_BEGIN, POLICY_GUEST_MIGRATE_END, POLICY_CLASS_FROZEN },
		{ POLICY_GUEST_NO_BALLOON, POLICY_GUEST_BALLOON, POLICY_CLASS_NO_BALLOON },
		{ POLICY_GUEST_PINNED, POLICY_GUEST_UNPINNED, POLICY_CLASS_PINNED },
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
		assert_int_equal(policy_guest_event(o.p, o.g, row[i].event, o.now), 0);
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
	assert_int_equal(policy_guest_event(o.p, 7, POLICY_GUEST_PAUSE, o.now), -ENOENT);
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
		o.s.stat_actual = size;
		tick(&o, true);
	}
	o.s.stat_actual = 512 * MIB;
	ticks(&o, 5);
	assert_int_equal(o.i.target, 512 * MIB);
	assert_int_equal(o.i.class, POLICY_CLASS_REPORTING);
	policy_free(o.p);
}

static void test_config_refused(void **state)
{
	struct policy_guest_config c = { .min = 2 * GIB, .max = GIB };
	struct policy *p = NULL;
	unsigned int g = 77;

	(void)state;
	assert_int_equal(policy_new(NULL, &p), 0);
	assert_int_equal(policy_guest_add(p, &c, GIB, 0, &g), -EINVAL);
	c = (struct policy_guest_config){ .max = 0 };
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
	struct policy_guest_config c = { .max = GIB };
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
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_reboot),
		cmocka_unit_test(test_config_refused),
		cmocka_unit_test(test_handles_are_dense_and_stable),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
