// SPDX-License-Identifier: GPL-2.0
/* Reservations over restarts of the daemon, until their guest has touched them. */
#include <errno.h>

#include "dynmemd_world.h"

static const char manage[] = "[daemon]\nmode = manage\n";

static enum policy_reserve_state state_of(struct world *w, unsigned int id)
{
	struct policy_reserve_status s;

	assert_int_equal(manager_reservation(w->manager, id, &s), 0);
	return s.state;
}

static void test_restart(_unused_ void **state)
{
	struct fake_qemu new = idle_guest("new");
	struct policy_reserve_status s;
	unsigned int a, b, c;
	char path[96];
	struct world w;

	open_world(&w, manage);
	daemon_stop(&w);
	snprintf(path, sizeof(path), "%s/state", w.folder);
	w.state = path;
	daemon_start(&w, false);
	run_for(&w, 50);
	assert_int_equal(manager_reserve(w.manager, 512 * MIB, "new", 600, &a, &s), 0);
	assert_int_equal(manager_reserve(w.manager, 64 * MIB, "", 600, &b, &s), 0);
	assert_int_equal(manager_release(w.manager, b), 0);
	assert_int_equal(manager_release(w.manager, b), -ENOENT);
	/* It is in the file at once: a daemon that is killed keeps its word too. */
	daemon_stop(&w);

	daemon_start(&w, false);
	run_for(&w, 50);
	assert_int_equal(state_of(&w, a), POLICY_RESERVE_READY);
	assert_int_equal(manager_reservation(w.manager, b, &s), -ENOENT);
	/* b's number is not another one's now. */
	assert_int_equal(manager_reserve(w.manager, 64 * MIB, "", 1, &c, &s), 0);
	assert_true(c > b);

	/* Its guest comes, and has not touched all of it. */
	guest_cost(&w, getpid(), 200);
	start_guest(&w, &new, "new.sock");
	run_until(&w, 3000, manager_find(w.manager, "new"));
	assert_int_equal(state_of(&w, a), POLICY_RESERVE_STARTED);
	daemon_stop(&w);
	daemon_start(&w, false);
	run_until(&w, 3000, manager_find(w.manager, "new"));
	assert_int_equal(state_of(&w, a), POLICY_RESERVE_STARTED);
	/* Now it has. */
	guest_cost(&w, getpid(), 900);
	run_until(&w, 5000, manager_reservation(w.manager, a, &s) == -ENOENT);
	fake_stop(&new, false);
	close_world(&w);
}

/* It is for a name that a guest that runs already has: it is the second one's. */
static void test_same_name(_unused_ void **state)
{
	struct fake_qemu old = idle_guest("web"), new = idle_guest("web");
	struct policy_reserve_status s;
	struct world w;
	unsigned int a;

	open_world(&w, manage);
	old.other_process = true;
	start_guest(&w, &old, "old.sock");
	run_until(&w, 3000, manager_find(w.manager, "web"));
	run_for(&w, 50);
	assert_int_equal(manager_reserve(w.manager, 512 * MIB, "web", 600, &a, &s), 0);
	run_for(&w, 50);
	assert_int_equal(state_of(&w, a), POLICY_RESERVE_READY);
	guest_cost(&w, getpid(), 200);
	start_guest(&w, &new, "new.sock");
	run_until(&w, 3000, manager_find(w.manager, "web@new.sock"));
	assert_int_equal(state_of(&w, a), POLICY_RESERVE_STARTED);
	guest_cost(&w, getpid(), 900);
	run_until(&w, 5000, manager_reservation(w.manager, a, &s) == -ENOENT);
	fake_stop(&old, false);
	fake_stop(&new, false);
	close_world(&w);
}

/* Reading is no reason to decide, and changes no decision. */
static void test_reading(_unused_ void **state)
{
	struct policy_reserve_status s;
	struct policy_result before;
	uint64_t largest, squeezed;
	unsigned int id;
	struct world w;

	open_world(&w, manage);
	run_for(&w, 50);
	assert_int_equal(manager_reserve(w.manager, 512 * MIB, "new", 600, &id, &s), 0);
	run_for(&w, 50);
	before = *manager_result(w.manager);
	for (int n = 0; n < 1000; n++) {
		assert_int_equal(manager_reservation(w.manager, id, &s), 0);
		assert_int_equal(manager_largest(w.manager, &largest, &squeezed), 0);
	}
	assert_memory_equal(&before, manager_result(w.manager), sizeof(before));
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_same_name),
		cmocka_unit_test(test_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
