// SPDX-License-Identifier: GPL-2.0
/* Page cache in use: seen by what is read, kept, and forgotten. */
#include "policy_one.h"

static void test_hot_cache(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 4 * GIB, 4 * GIB);
	o.c.present |= GUEST_HAS_DISK_READ;
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

/* It has less than its max, no free memory, and @cache of page cache. */
static void squeezed(struct one *o, u64 size, u64 cache)
{
	has(o, size);
	o->s.available = cache + MIB;
	o->s.free = MIB;
	o->s.disk_caches = cache;
}

static void one_squeezed(struct one *o)
{
	one_init(o, 256 * MIB, 4 * GIB, 2 * GIB);
	o->c.present |= GUEST_HAS_DISK_READ;
	squeezed(o, 2 * GIB, GIB);
	ticks(o, 5);
	assert_int_equal(o->i.hot, 0);
}

static void reads(struct one *o, u64 bytes, unsigned int seconds)
{
	while (seconds--) {
		o->c.disk_read += bytes;
		tick(o, true);
	}
}

static void grown(struct one *o, u64 size, u64 cache)
{
	policy_command_sent(o->p, o->g, size, o->now);
	squeezed(o, size, cache);
}

/* With that cache it still read: it is given more, and keeps it when reading has ended. */
static void test_kept(void **state)
{
	u64 kept;
	struct one o;

	(void)state;
	one_squeezed(&o);
	reads(&o, 100 * MIB, 3);
	assert_in_range(o.i.hot, GIB - MIB, GIB);
	assert_true(o.r.decision[0].target > 2 * GIB);
	grown(&o, 3 * GIB, 2 * GIB);
	ticks(&o, 600);
	kept = o.i.hot;
	assert_in_range(kept, 1000 * MIB, 2 * GIB);

	/* A shrink that does no harm is no reason to forget it; time is. */
	policy_command_sent(o.p, o.g, 3 * GIB - 100 * MIB, o.now);
	squeezed(&o, 3 * GIB - 100 * MIB, 2 * GIB - 100 * MIB);
	ticks(&o, 600);
	assert_in_range(o.i.hot, kept - kept / 32, kept);
	o.now += 12 * 3600 * SEC;
	ticks(&o, 2);
	assert_in_range(o.i.hot, kept / 5, kept / 4);
	policy_free(o.p);
}

/* What it was found to need outlives the daemon, as far as time has left of it. */
static void test_kept_over_a_restart(void **state)
{
	struct policy_guest_state saved, after;
	struct one o, again;
	u64 hot;

	(void)state;
	one_squeezed(&o);
	reads(&o, 100 * MIB, 3);
	ticks(&o, 600);
	hot = o.i.hot;
	assert_in_range(hot, 900 * MIB, GIB);
	assert_int_equal(policy_guest_export(o.p, o.g, o.now, &saved), 0);
	assert_true(saved.kept >= hot);
	policy_free(o.p);

	one_squeezed(&again);
	ticks(&again, 2);
	assert_true(again.i.hot < 100 * KIB);
	assert_int_equal(policy_guest_import(again.p, again.g, again.now, &saved), 0);
	ticks(&again, 2);
	assert_in_range(again.i.hot, hot - hot / 32, hot);

	saved.age = 6 * 3600 * SEC;
	assert_int_equal(policy_guest_import(again.p, again.g, again.now, &saved), 0);
	assert_int_equal(policy_guest_export(again.p, again.g, again.now, &after), 0);
	assert_in_range(after.kept, saved.kept / 2 - 1, saved.kept / 2 + 1);
	policy_free(again.p);
}

/* What page cache grew by was read for the first time. */
static void test_first_read(void **state)
{
	struct one o;

	(void)state;
	one_squeezed(&o);
	for (unsigned int i = 1; i <= 60; i++) {
		squeezed(&o, 2 * GIB, GIB + i * 10 * MIB);
		reads(&o, 10 * MIB, 1);
		assert_int_equal(o.i.hot, 0);
	}
	policy_free(o.p);
}

/* Free memory that it does not fill: it does not lack cache. */
static void test_has_free_memory(void **state)
{
	struct one o;

	(void)state;
	one_squeezed(&o);
	o.s.available += 500 * MIB;
	o.s.free += 500 * MIB;
	reads(&o, 100 * MIB, 60);
	ticks(&o, 300);
	assert_true(o.i.hot < MIB);
	policy_free(o.p);
}

/* Growth that changes nothing: files that are read once. */
static void test_read_once(void **state)
{
	u64 size = 2 * GIB, cache = GIB, most = 0;
	struct one o;

	(void)state;
	one_squeezed(&o);
	reads(&o, 100 * MIB, 30);
	assert_int_equal(o.i.hot, o.i.cache);
	for (int step = 0; step < 3; step++) {
		size += 512 * MIB;
		cache += 512 * MIB;
		grown(&o, size, cache);
		reads(&o, 100 * MIB, 30);
		most = max_of(most, o.i.hot);
	}
	/* After two such steps it is given no more for its reading; what it had fades. */
	assert_true(o.p->seen[0].sigma < 0.25);
	ticks(&o, 120);
	assert_true(o.i.hot < most * 3 / 4);
	policy_free(o.p);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hot_cache),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_kept_over_a_restart),
		cmocka_unit_test(test_first_read),
		cmocka_unit_test(test_has_free_memory),
		cmocka_unit_test(test_read_once),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
