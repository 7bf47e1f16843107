// SPDX-License-Identifier: GPL-2.0
/* The daemon's parts together: its configuration and its guests' machines change. */
#include "dynmemd_world.h"

static const char manage[] = "[daemon]\nmode = manage\n";

static void test_reload(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct config *c;
	struct world w;

	open_world(&w, manage);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	c = configure(&w, "[daemon]\nmode = manage\n[guest a]\nmax = 800M\nmin = 500M\n");
	reload(&w, c);
	assert_int_equal(manager_find(w.manager, "a")->limits.max, 800 * MIB);
	/* A goal, not a command: each step waits for what the guest says of it. */
	for (int n = 0; n < 25 && a.actual > 800 * MIB; n++) {
		uint64_t before = a.actual;

		run_until(&w, 3000, a.target && a.target < before);
		assert_true(before - a.target <= before / 20 + MIB);
		fake_resize(&a, a.target);
		guest_cost(&w, getpid(), (unsigned int)(a.target / MIB));
	}
	assert_int_equal(a.target, 800 * MIB);
	assert_int_equal(a.connections, 1);
	fake_stop(&a, false);
	close_world(&w);
}

/* max = 64M, where 64G was meant: what is used stays, and a warning comes first. */
static void test_reload_typo(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct manager_plan plan;
	struct config *c;
	struct world w;

	a.available = a.free = 200 * MIB; /* it uses 760 */
	open_world(&w, manage);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	run_until(&w, 4000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	c = configure(&w, "[daemon]\nmode = manage\n[guest a]\nmax = 64M\nmin = 32M\n");
	manager_plan(w.manager, c, NULL, NULL, &plan);
	assert_int_equal(plan.changed, 1);
	assert_int_equal(plan.taken, 960 * MIB);
	assert_true(plan.much);
	reload(&w, c);
	for (int n = 0; n < 30; n++) {
		run_for(&w, 100);
		if (a.target && a.target != a.actual)
			fake_resize(&a, a.target);
		assert_true(a.actual >= 824 * MIB);
	}
	/* A range that is only a little smaller is not worth a word. */
	c = configure(&w, "[daemon]\nmode = manage\n[guest a]\nmax = 900M\nmin = 32M\n");
	manager_plan(w.manager, c, NULL, NULL, &plan);
	assert_false(plan.much);
	config_free(c);
	fake_stop(&a, false);
	close_world(&w);
}

static void test_reload_leaves_folder(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct config *c;
	struct world w;

	open_world(&w, manage);
	start_guest(&w, &a, "a.sock");
	run_until(&w, 1000, manager_find(w.manager, "a"));
	c = configure(&w, "path =\npath = /nonexistent\n");
	reload(&w, c);
	assert_int_equal(manager_guest_count(w.manager), 0);
	run_until(&w, 1000, a.fd == -1);
	fake_stop(&a, false);
	close_world(&w);
}

/* Paused and migrating guests are left alone. */
static void test_events(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), moving = idle_guest("moving");
	struct world w;

	open_world(&w, manage);
	moving.status = "inmigrate";
	start_guest(&w, &a, "a.sock");
	start_guest(&w, &moving, "b.sock");
	until_known(&w, "a");
	run_until(&w, 500, info_of(&w, "moving").class == POLICY_CLASS_FROZEN);
	a.status = "paused";
	fake_say(&a, "{\"event\": \"STOP\"}\r\n");
	run_until(&w, 500, info_of(&w, "a").class == POLICY_CLASS_PAUSED);
	a.status = "running";
	fake_say(&a, "{\"event\": \"RESUME\"}\r\n");
	run_until(&w, 500, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	fake_say(&a, "{\"event\": \"MIGRATION\", \"data\": {\"status\": \"active\"}}\r\n");
	run_until(&w, 500, info_of(&w, "a").class == POLICY_CLASS_FROZEN);
	fake_say(&a, "{\"event\": \"MIGRATION\", \"data\": {\"status\": \"cancelled\"}}\r\n");
	run_until(&w, 500, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	fake_say(&a, "{\"event\": \"RESET\", \"data\": {\"guest\": true}}\r\n");
	run_until(&w, 500, info_of(&w, "a").class == POLICY_CLASS_REBOOTING);
	pressure(&w, POLICY_LEVEL_MEDIUM, 400);
	run_for(&w, 500);
	assert_int_equal(moving.balloons, 0);
	fake_stop(&a, false);
	fake_stop(&moving, false);
	close_world(&w);
}

static const struct guest *found(struct world *w, struct fake_qemu *f)
{
	static const char *const name = "traits";

	f->name = name;
	start_guest(w, f, "traits.sock");
	run_until(w, 1000, manager_find(w->manager, name));
	return manager_find(w->manager, name);
}

static void gone(struct world *w, struct fake_qemu *f)
{
	fake_stop(f, false);
	run_until(w, 1000, !manager_guest_count(w->manager));
}

/* Wherever the balloon is, and what else is reported of it. */
static void test_traits(_unused_ void **state)
{
	struct fake_qemu deep = idle_guest(NULL), anon = idle_guest(NULL);
	const struct guest *g;
	struct world w;

	open_world(&w, "");
	deep.balloon_deep = true;
	deep.deflates = true;
	g = found(&w, &deep);
	assert_true(g->has_balloon);
	assert_int_equal(g->traits_known, GUEST_FREE_PAGE_REPORTING | GUEST_DEFLATE_ON_OOM);
	assert_int_equal(g->traits, GUEST_DEFLATE_ON_OOM);
	assert_null(g->pinned);
	run_until(&w, 2000, deep.polls > 0);
	gone(&w, &deep);

	anon.balloon_in_anon = true;
	anon.reporting = true;
	anon.vfio = true;
	g = found(&w, &anon);
	assert_int_equal(g->traits, GUEST_FREE_PAGE_REPORTING);
	assert_non_null(strstr(g->pinned, "passed-through device"));
	run_until(&w, 3000, info_of(&w, "traits").class == POLICY_CLASS_PINNED);
	gone(&w, &anon);
	close_world(&w);
}

/* From the first word of a migration to its end no command is sent. */
static void test_migration(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_world(&w, manage);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	pressure(&w, POLICY_LEVEL_MEDIUM, 500);
	run_until(&w, 3000, a.balloons > 0);

	a.migration = "setup";
	fake_say(&a, "{\"event\": \"MIGRATION\", \"data\": {\"status\": \"setup\"}}\r\n");
	run_until(&w, 500, info_of(&w, "a").class == POLICY_CLASS_FROZEN);
	a.migration = "active";
	a.balloons = 0;
	pressure(&w, POLICY_LEVEL_CRITICAL, 100);
	run_for(&w, 1500);
	assert_int_equal(a.balloons, 0);

	/* The word of its end is lost: it is asked for. */
	a.migration = "failed";
	run_until(&w, 2500, info_of(&w, "a").class != POLICY_CLASS_FROZEN);
	run_until(&w, 5000, a.balloons > 0);
	fake_stop(&a, false);
	close_world(&w);
}

/* A QEMU that sends no events, and migrates when it is found. */
static void test_migration_without_events(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_world(&w, manage);
	a.no_events = true;
	a.migration = "active";
	start_guest(&w, &a, "a.sock");
	run_until(&w, 1000, manager_find(w.manager, "a"));
	assert_int_equal(info_of(&w, "a").class, POLICY_CLASS_FROZEN);
	pressure(&w, POLICY_LEVEL_CRITICAL, 100);
	run_for(&w, 1500);
	assert_int_equal(a.balloons, 0);
	a.migration = "completed";
	run_until(&w, 5000, a.balloons > 0);

	/* The next one is seen by a poll. */
	a.migration = "active";
	run_until(&w, 5000, info_of(&w, "a").class == POLICY_CLASS_FROZEN);

	/* It arrived elsewhere: what is left of it here stands still. */
	a.status = "postmigrate";
	a.migration = "completed";
	run_until(&w, 2500, info_of(&w, "a").class == POLICY_CLASS_PAUSED);
	fake_stop(&a, false);
	close_world(&w);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_reload_typo),
		cmocka_unit_test(test_reload_leaves_folder),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_traits),
		cmocka_unit_test(test_migration),
		cmocka_unit_test(test_migration_without_events),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_changes", tests, NULL, NULL);
}
