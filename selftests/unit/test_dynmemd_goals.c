// SPDX-License-Identifier: GPL-2.0
/*
 * What a daemon finds when it comes back: another configuration, another clock, a host
 * that it could not read for a moment.
 */
#include "dynmemd/state/state_file.h"
#include "dynmemd_world.h"

#define MANAGE "[daemon]\nmode = manage\n"
#define YEAR   (365 * UINT64_C(86400))

/* With a file for what outlives it, as the same QEMU. */
static void remembers(struct world *w, char *path, size_t size, const char *config)
{
	char stat[128];

	open_world(w, config);
	daemon_stop(w);
	snprintf(path, size, "%s/state", w->folder);
	w->state = path;
	snprintf(stat, sizeof(stat), "%s/%d/stat", w->folder, (int)getpid());
	write_text(stat, "1 (qemu) x) S 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 4 0 1000 1 1\n");
	daemon_start(w, false);
}

/*
 * A max that was lowered while no daemon ran is no command either: the guest goes there
 * step by step, and stays above what it uses.
 */
static void test_max_falls_over_restart(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	uint64_t last, step = 0;
	struct world w;
	char path[96];

	a.available = a.free = 500 * MIB; /* it uses 460 */
	remembers(&w, path, sizeof(path), MANAGE);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	run_for(&w, 1500);
	daemon_stop(&w);

	config_free(w.config);
	w.config = configure(&w, MANAGE "[guest a]\nmin = 64M\nmax = 128M\n");
	daemon_start(&w, false);
	last = a.actual;
	run_until(&w, 2000, manager_find(w.manager, "a"));
	assert_int_equal(info_of(&w, "a").target, 1024 * MIB);
	for (int i = 0; i < 60; i++) {
		run_for(&w, 100);
		if (a.target && a.target != a.actual)
			fake_resize(&a, a.target);
		if (a.actual < last)
			step = MAX(step, last - a.actual);
		last = a.actual;
		assert_int_not_equal(info_of(&w, "a").class, POLICY_CLASS_STUCK);
		assert_true(a.actual >= (64 + 460 + 64) * MIB);
	}
	assert_in_range(step, 1, 256 * MIB);
	fake_stop(&a, false);
	close_world(&w);
}

/* In the middle of an emergency the host cannot be read: it is not the last one. */
static void test_unread_in_emergency(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	struct world w;

	open_world(&w, MANAGE);
	b.other_process = true; /* else both are one QEMU */
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	run_until(&w, 1000, a.balloons > 0);
	write_text(w.meminfo, "");
	run_for(&w, 1000);
	fake_resize(&a, a.target);
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	start_guest(&w, &b, "b.sock");
	until_known(&w, "b");
	run_until(&w, 4000, b.balloons > 0);
	assert_true(b.target < 1024 * MIB);
	fake_stop(&a, false);
	fake_stop(&b, false);
	close_world(&w);
}

/*
 * A host boots with its clock years back, as one without a battery does until it asks
 * for the time: a reservation has no more time left than it had.
 */
static void test_clock_back_at_boot(_unused_ void **state)
{
	struct policy_reserve_status s;
	struct state kept = { 0 };
	uint64_t sum;
	unsigned int id;
	struct world w;
	char path[96], *text;
	size_t len;

	remembers(&w, path, sizeof(path), MANAGE);
	run_for(&w, 50);
	assert_int_equal(manager_reserve(w.manager, 512 * MIB, "new", 2, &id, &s), 0);
	daemon_stop(&w);

	assert_int_equal(state_file_read(&kept, path), 0);
	kept.time += YEAR;
	kept.reserved[0].until += YEAR;
	text = state_render(&kept, &len, &sum);
	assert_non_null(text);
	assert_int_equal(state_file_store(path, text, len), 0);
	free(text);
	state_clear(&kept);

	daemon_start(&w, false);
	run_for(&w, 50);
	assert_int_equal(manager_reservation(w.manager, id, &s), 0);
	assert_int_equal(s.state, POLICY_RESERVE_READY);
	run_for(&w, 2500);
	assert_int_equal(manager_reservation(w.manager, id, &s), 0);
	assert_int_equal(s.state, POLICY_RESERVE_EXPIRED);
	close_world(&w);
}

/* Asked more often by a reload, a guest reports more often too. */
static void test_poll_is_reloaded(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_world(&w, MANAGE "[policy]\npoll = 3s\n");
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	pressure(&w, POLICY_LEVEL_LOW, 500);
	run_until(&w, 6000, a.period == 3);
	reload(&w, configure(&w, MANAGE "[policy]\npoll = 1s\n"));
	run_until(&w, 6000, a.period == 1);
	fake_stop(&a, false);
	close_world(&w);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_max_falls_over_restart),
		cmocka_unit_test(test_unread_in_emergency),
		cmocka_unit_test(test_clock_back_at_boot),
		cmocka_unit_test(test_poll_is_reloaded),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_goals", tests, NULL, NULL);
}
