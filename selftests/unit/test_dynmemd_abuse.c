// SPDX-License-Identifier: GPL-2.0
/* What operators and tenants of real hosts do that nobody asked them to. */
#include "dynmemd_world.h"

#define MANAGE "[daemon]\nmode = manage\n"

/*
 * A script reloads fifty times in a second, and each time two guests' ranges are the
 * other one's; the last is a typo.
 */
static void test_reload_storm(_unused_ void **state)
{
	static const char *const ranges[] = {
		MANAGE "[guest a]\nmin = 900M\n[guest b]\nmax = 300M\nmin = 64M\n",
		MANAGE "[guest b]\nmin = 900M\n[guest a]\nmax = 300M\nmin = 64M\n",
		MANAGE "[guest *]\nmax = 4M\nmin = 2M\nshares = 1\n",
	};
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	struct world w;

	a.available = a.free = b.available = b.free = 300 * MIB; /* both use 660 */
	open_world(&w, MANAGE);
	start_guest(&w, &a, "a.sock");
	start_guest(&w, &b, "b.sock");
	until_known(&w, "a");
	until_known(&w, "b");
	for (int i = 0; i <= 50; i++) {
		reload(&w, configure(&w, ranges[i == 50 ? 2 : i % 2]));
		run_for(&w, 20);
	}
	for (int i = 0; i < 50; i++) {
		run_for(&w, 100);
		if (a.target && a.target != a.actual)
			fake_resize(&a, a.target);
		if (b.target && b.target != b.actual)
			fake_resize(&b, b.target);
		assert_true(a.actual >= (64 + 660 + 64) * MIB);
		assert_true(b.actual >= (64 + 660 + 64) * MIB);
	}
	assert_int_equal(a.connections, 1);
	/* What was meant brings back all of it. */
	reload(&w, configure(&w, MANAGE "[policy]\nreversal = 1s\n"));
	run_until(&w, 9000, a.target == 1024 * MIB && b.target == 1024 * MIB);
	fake_stop(&a, false);
	fake_stop(&b, false);
	close_world(&w);
}

/* Drained in an emergency, which comes first; and then all of it goes back. */
static void test_drain_in_emergency(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;
	uint64_t least;

	a.available = a.free = 500 * MIB; /* it uses 460 */
	open_world(&w, MANAGE "[policy]\nreversal = 1s\n");
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	pressure(&w, POLICY_LEVEL_CRITICAL, 120);
	run_until(&w, 1000, a.balloons > 0);
	assert_int_equal(manager_drain(w.manager, true), 0);
	for (int i = 0; i < 30; i++) {
		run_for(&w, 100);
		if (a.target != a.actual)
			fake_resize(&a, a.target);
		assert_true(a.actual >= (64 + 460 + 64) * MIB);
	}
	least = a.actual;
	pressure(&w, POLICY_LEVEL_NONE, 3000);
	for (int i = 0; i < 60 && a.actual < 1024 * MIB; i++) {
		run_for(&w, 100);
		if (a.target != a.actual)
			fake_resize(&a, a.target);
		assert_true(a.actual >= least);
	}
	assert_int_equal(a.actual, 1024 * MIB);
	fake_stop(&a, false);
	close_world(&w);
}

/*
 * A guest hangs in an emergency: its balloon is not sent to the end, and what it was sent
 * is taken back before it wakes.
 */
static void test_hung_guest(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	uint64_t first, least = 1024 * MIB;
	struct world w;

	open_world(&w, MANAGE);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	pressure(&w, POLICY_LEVEL_CRITICAL, 120);
	run_until(&w, 1000, a.balloons > 0);
	first = a.target;
	for (int i = 0; i < 80 && a.target < 1024 * MIB; i++) {
		run_for(&w, 100);
		least = MIN(least, a.target);
	}
	assert_true(least + 128 * MIB >= first);
	assert_int_equal(a.target, 1024 * MIB);
	assert_int_equal(info_of(&w, "a").class, POLICY_CLASS_STUCK);
	assert_true(manager_find(w.manager, "a")->decision.flags & POLICY_ALERT);
	fake_stop(&a, false);
	close_world(&w);
}

/* Quotes, line ends, and names of which only the end differs. */
static void test_hostile_names(_unused_ void **state)
{
	char long_name[2][191];
	struct fake_qemu q = idle_guest("say \\\"hi\\\""), n = idle_guest("two\\nlines: \\u0007");
	struct fake_qemu one, two, three = idle_guest("");
	struct world w;

	for (int i = 0; i < 2; i++) {
		memset(long_name[i], 'x', 190);
		long_name[i][189] = (char)('1' + i);
		long_name[i][190] = 0;
	}
	one = idle_guest(long_name[0]);
	two = idle_guest(long_name[1]);
	open_world(&w, MANAGE "[guest say \"hi\"]\nshares = 3\n[guest two*]\nshares = 4\n");
	one.other_process = true; /* else both are one QEMU */
	start_guest(&w, &q, "q.sock");
	start_guest(&w, &n, "n.sock");
	start_guest(&w, &one, "one.sock");
	start_guest(&w, &two, "two.sock");
	start_guest(&w, &three, "three.sock");
	run_until(&w, 3000, manager_guest_count(w.manager) == 5);
	for (size_t i = 0; i < 5; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(manager_guest(w.manager, i)->name,
						manager_guest(w.manager, k)->name);
	assert_int_equal(manager_find(w.manager, "two\\x0alines: \\x07")->limits.shares, 4);
	assert_non_null(manager_find(w.manager, "three"));
	assert_int_equal(manager_find(w.manager, "say \"hi\"")->limits.shares, 3);
	fake_stop(&q, false);
	fake_stop(&n, false);
	fake_stop(&one, false);
	fake_stop(&two, false);
	fake_stop(&three, false);
	close_world(&w);
}

/* /proc/meminfo is cut off, or empty: that is no shortage. */
static void test_half_of_meminfo(_unused_ void **state)
{
	static const char *const texts[] = {
		"MemTotal: 4194304 kB\nMemFree: 0 kB\nMemAvailable: 0 kB\n",
		"MemTotal: 4194304 kB\nMemFree: 0 kB\nMemAva",
		"",
	};
	const struct source_pressure critical = { .level = POLICY_LEVEL_CRITICAL, .news = true };
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_world(&w, MANAGE);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_text(w.meminfo, texts[i]);
		manager_pressure(w.manager, &critical);
		run_for(&w, 2000);
		assert_int_equal(a.balloons, 0);
		assert_int_equal(manager_read_host(w.manager)->total, 4096 * MIB);
		assert_true(manager_read_host(w.manager)->available > GIB);
	}
	/* One that can be read is believed. */
	pressure(&w, POLICY_LEVEL_CRITICAL, 120);
	run_until(&w, 5000, a.balloons > 0);
	fake_stop(&a, false);
	close_world(&w);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reload_storm),
		cmocka_unit_test(test_drain_in_emergency),
		cmocka_unit_test(test_hung_guest),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_half_of_meminfo),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_abuse", tests, NULL, NULL);
}
