// SPDX-License-Identifier: GPL-2.0
/* Settings that are made at run time: what they do, how they end, and that they stay. */
#include "dynmemd/state/state_format.h"
#include "dynmemd_world.h"

static char done[MANAGER_SENTENCE_MAX];

static int set(struct world *w, const char *name, const char *key, const char *value,
	       uint64_t seconds)
{
	done[0] = 0;
	return manager_set(w->manager, name, key, value, seconds, done);
}

static const struct guest *the(struct world *w, const char *name)
{
	const struct guest *g = manager_find(w->manager, name);

	assert_non_null(g);
	return g;
}

static void open_with_guest(struct world *w, struct fake_qemu *a, const char *config)
{
	static char state[96];

	open_world(w, config);
	/* Again, with a state file. */
	daemon_stop(w);
	snprintf(state, sizeof(state), "%s/state", w->folder);
	w->state = state;
	daemon_start(w, false);
	start_guest(w, a, "a.sock");
	run_until(w, 2000, manager_guest_count(w->manager));
}

static void restart(struct world *w, const char *name)
{
	daemon_stop(w);
	daemon_start(w, false);
	run_until(w, 2000, manager_find(w->manager, name));
}

static void test_range(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("B\\u00fcro \\u6771\\u4eac");
	const char *name = "Büro 東京";
	struct world w;

	open_with_guest(&w, &a, "[guest B*]\nmin = 300M\n");
	assert_int_equal(the(&w, name)->limits.from[SETTING_MIN].line, 4);
	assert_string_equal(the(&w, name)->limits.from[SETTING_MIN].text, w.conf);
	assert_null(the(&w, name)->limits.from[SETTING_SHARES].text);

	assert_int_equal(set(&w, name, "min", "400M", 0), 0);
	assert_string_equal(done, "its min is 400 MiB");
	assert_int_equal(the(&w, name)->limits.min, 400 * MIB);
	assert_int_equal(info_of(&w, name).min, 400 * MIB);
	assert_string_equal(the(&w, name)->limits.from[SETTING_MIN].text, "run time");
	assert_int_equal(set(&w, name, "max", "75%", 0), 0);
	assert_string_equal(done, "its max is 768 MiB");
	assert_int_equal(set(&w, name, "shares", "77", 0), 0);
	assert_string_equal(done, "it has 77 shares");

	/* A new daemon, and a reload. */
	restart(&w, name);
	assert_int_equal(the(&w, name)->limits.min, 400 * MIB);
	assert_int_equal(the(&w, name)->limits.max, 768 * MIB);
	assert_int_equal(the(&w, name)->limits.shares, 77);
	assert_int_equal(manager_reload(w.manager, w.config), 0);
	assert_int_equal(the(&w, name)->limits.min, 400 * MIB);

	assert_int_equal(set(&w, name, "min", "default", 0), 0);
	assert_string_equal(done, "its min is 300 MiB, as configured");
	assert_int_equal(the(&w, name)->limits.min, 300 * MIB);
	assert_string_equal(the(&w, name)->limits.from[SETTING_MIN].text, w.conf);
	assert_int_equal(the(&w, name)->limits.max, 768 * MIB);
	restart(&w, name);
	assert_int_equal(the(&w, name)->limits.min, 300 * MIB);
	assert_int_equal(the(&w, name)->limits.shares, 77);
	fake_stop(&a, false);
	close_world(&w);
}

static void test_refuses(_unused_ void **state)
{
	static const struct {
		const char *key, *value, *why;
	} wrong[] = {
		{ "min", "4X", "min 4X: not valid; allowed: a number" },
		{ "min", "", "min : not valid" },
		{ "min", "99999999T", "min 99999999T: out of range" },
		{ "max", "0", "max 0: not valid" },
		{ "max", "101%", "max 101%: out of range" },
		{ "max", "100M", "a max of 100 MiB would be below its min; set min first" },
		{ "min", "901M", "a min of 901 MiB is above its max of 900 MiB; set max first" },
		{ "shares", "0", "shares 0: not valid; allowed: 1 to 1000000" },
		{ "shares", "x", "shares x: not valid" },
		{ "hold", "no", "hold no: not valid; allowed: yes, default" },
		{ "colour", "red", "colour: no setting; allowed: min, max, shares, hold" },
	};
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_with_guest(&w, &a, "[guest a]\nmin = 300M\nmax = 900M\n");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(set(&w, "a", wrong[i].key, wrong[i].value, 0), -EINVAL);
		assert_memory_equal(done, wrong[i].why, strlen(wrong[i].why));
	}
	assert_int_equal(the(&w, "a")->limits.min, 300 * MIB);
	assert_int_equal(the(&w, "a")->limits.max, 900 * MIB);
	assert_null(manager_setting(w.manager, "a", SETTING_MIN));

	/* Of one that is not there only what is kept for it can go. */
	assert_int_equal(set(&w, "b", "min", "400M", 0), -ENOENT);
	assert_int_equal(set(&w, "b", "min", "default", 0), -ENOENT);
	assert_int_equal(set(&w, "a", "min", "400M", 0), 0);
	fake_stop(&a, false);
	run_until(&w, 2000, !manager_find(w.manager, "a"));
	assert_non_null(manager_setting(w.manager, "a", SETTING_MIN));
	assert_int_equal(set(&w, "a", "min", "500M", 0), -ENOENT);
	assert_int_equal(set(&w, "a", "min", "default", 0), 0);
	assert_null(manager_setting(w.manager, "a", SETTING_MIN));
	close_world(&w);
}

static void test_hold(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	struct world w;

	open_with_guest(&w, &a, "[daemon]\nmode = manage\n");
	start_guest(&w, &b, "b.sock");
	run_until(&w, 2000, manager_find(w.manager, "b"));
	run_until(&w, 4000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	assert_int_equal(set(&w, "a", "hold", "yes", 0), 0);
	assert_string_equal(done, "it is left at 1.0 GiB");
	restart(&w, "a");
	run_until(&w, 2000, manager_find(w.manager, "b"));
	run_until(&w, 4000, info_of(&w, "b").class == POLICY_CLASS_REPORTING);
	assert_int_equal(info_of(&w, "a").class, POLICY_CLASS_UNMANAGED);

	/* Memory is taken from the other one alone, in an emergency, too. */
	pressure(&w, POLICY_LEVEL_MEDIUM, 300);
	run_until(&w, 3000, b.balloons > 0);
	pressure(&w, POLICY_LEVEL_CRITICAL, 60);
	run_for(&w, 1000);
	assert_int_equal(a.balloons, 0);

	assert_int_equal(set(&w, "a", "hold", "default", 0), 0);
	assert_string_equal(done, "it is managed again");
	run_until(&w, 5000, a.balloons > 0);
	fake_stop(&a, false);
	fake_stop(&b, false);
	close_world(&w);
}

static void test_expires(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_with_guest(&w, &a, "");
	assert_int_equal(set(&w, "a", "min", "400M", 2), 0);
	assert_memory_equal(done, "its min is 400 MiB until 20", 27);
	assert_int_equal(set(&w, "a", "shares", "5", 86400), 0);
	assert_int_equal(the(&w, "a")->limits.min, 400 * MIB);
	run_until(&w, 5000, the(&w, "a")->limits.min == 256 * MIB);
	assert_int_equal(info_of(&w, "a").min, 256 * MIB);
	assert_int_equal(the(&w, "a")->limits.shares, 5);

	/* It is over while no daemon runs. */
	assert_int_equal(set(&w, "a", "hold", "yes", 1), 0);
	assert_true(the(&w, "a")->held);
	daemon_stop(&w);
	sleep(2);
	daemon_start(&w, false);
	run_until(&w, 2000, manager_find(w.manager, "a"));
	assert_false(the(&w, "a")->held);
	assert_int_equal(the(&w, "a")->limits.shares, 5);
	fake_stop(&a, false);
	close_world(&w);
}

/* A plan of a reload has the settings in it. */
static void take_line(void *userdata, const char *text)
{
	unsigned int *lines = userdata;

	print_message("%s\n", text);
	(*lines)++;
}

static void test_plan(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	unsigned int lines = 0;
	const char *path;
	struct world w;

	open_with_guest(&w, &a, "[guest a]\nmin = 300M\n");
	assert_int_equal(set(&w, "a", "min", "400M", 0), 0);
	config_free(configure(&w, "[guest a]\nmin = 500M\n"));
	assert_int_equal(manager_plan_reload(w.manager, take_line, &lines, &path), 0);
	assert_int_equal(lines, 0);
	assert_int_equal(set(&w, "a", "min", "default", 0), 0);
	assert_int_equal(manager_plan_reload(w.manager, take_line, &lines, &path), 0);
	assert_int_equal(lines, 1);
	fake_stop(&a, false);
	close_world(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range), cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_hold),  cmocka_unit_test(test_expires),
		cmocka_unit_test(test_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
