// SPDX-License-Identifier: GPL-2.0
/* The daemon's parts together: guests are found, misbehave and go. */
#include "dynmemd_world.h"

/*
 * Guests come and go
 */

static void test_adoption(_unused_ void **state)
{
	struct fake_qemu before = idle_guest("before");
	struct fake_qemu after = idle_guest("after");
	const struct guest *g;
	struct world w;

	open_world(&w, "[guest after]\nmin = 300M\nmax = 800M\nshares = 7\n");
	daemon_stop(&w);
	start_guest(&w, &before, "a.sock");
	daemon_start(&w, false);
	run_until(&w, 1000, manager_find(w.manager, "before"));
	after.balloon_in_anon = true;
	start_guest(&w, &after, "b.sock");
	run_until(&w, 1000, manager_find(w.manager, "after"));

	g = manager_find(w.manager, "after");
	assert_int_equal(g->memory, 1024 * MIB);
	assert_int_equal(g->limits.min, 300 * MIB);
	assert_int_equal(g->limits.max, 800 * MIB);
	assert_int_equal(g->limits.shares, 7);
	assert_int_equal(g->actual, 1024 * MIB);
	assert_int_equal(g->pid, getpid());
	assert_true(g->has_balloon);

	/* New guests are asked for statistics. */
	run_until(&w, 3000, after.polls > 0 && before.polls > 0);
	/* The period of its statistics: set, and perhaps begun anew. */
	assert_in_range(after.period_sets - 2 * after.periods_begun, 1, 2);
	run_until(&w, 3000, info_of(&w, "after").class == POLICY_CLASS_REPORTING);
	assert_int_equal(after.balloons + before.balloons, 0);

	/* Gone, and back under the same name. */
	fake_stop(&after, false);
	run_until(&w, 1000, !manager_find(w.manager, "after"));
	assert_non_null(manager_find(w.manager, "before"));
	start_guest(&w, &after, "b.sock");
	run_until(&w, 1000, manager_find(w.manager, "after"));
	fake_stop(&after, true);
	run_until(&w, 1000, !manager_find(w.manager, "after"));

	fake_stop(&before, false);
	close_world(&w);
}

static void test_names(_unused_ void **state)
{
	struct fake_qemu unnamed = idle_guest(NULL), one = idle_guest("x");
	struct fake_qemu two = idle_guest("y"), evil = idle_guest("\\u001b[2J\\u0000\\n");
	struct world w;

	open_world(&w, "");
	start_guest(&w, &unnamed, "vm.with.dots.sock");
	start_guest(&w, &one, "one.sock");
	start_guest(&w, &two, "two.sock");
	start_guest(&w, &evil, "evil.sock");
	run_until(&w, 1000, manager_guest_count(w.manager) == 4);
	assert_non_null(manager_find(w.manager, "vm.with.dots"));
	assert_non_null(manager_find(w.manager, "x"));
	assert_non_null(manager_find(w.manager, "y"));
	assert_non_null(manager_find(w.manager, "\\x1b[2J"));
	fake_stop(&unnamed, false);
	fake_stop(&one, false);
	fake_stop(&two, false);
	fake_stop(&evil, false);
	close_world(&w);
}

/* Names in any script: as they are, in rules as well; escaped once. */
static void test_scripts(_unused_ void **state)
{
	static const struct {
		const char *json, *name;
	} all[] = {
		{ "B\\u00fcro-PC", "Büro-PC" },
		{ "\\u865a\\u62df\\u673a-1", "虚拟机-1" },
		{ "\\u0441\\u0435\\u0440\\u0432\\u0435\\u0440", "сервер" },
		{ "back\\\\slash", "back\\slash" },
		{ "web[1]", "web[1]" },
		{ "\\ud83d\\udda5", "🖥" },
		{ "a\\u202eb", "a\\xe2\\x80\\xaeb" },
	};
	struct fake_qemu a[ARRAY_SIZE(all)];
	const struct guest *g;
	char file[32];
	struct world w;

	open_world(&w, "[guest Büro-PC]\nshares = 2\n[guest 虚拟机-?]\nshares = 3\n"
		       "[guest сер*]\nshares = 4\n[guest back\\\\slash]\nshares = 5\n"
		       "[guest web[1]]\nshares = 6\n[guest ?]\nshares = 7\n"
		       "[guest a\\xe2\\x80\\xaeb]\nshares = 8\n");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		a[i] = idle_guest(all[i].json);
		snprintf(file, sizeof(file), "%zu.sock", i);
		start_guest(&w, &a[i], file);
	}
	run_until(&w, 2000, manager_guest_count(w.manager) == ARRAY_SIZE(all));
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		g = manager_find(w.manager, all[i].name);
		if (!g)
			print_error("not found: %s\n", all[i].name);
		assert_non_null(g);
		assert_int_equal(g->limits.shares, i + 2);
		fake_stop(&a[i], false);
	}
	close_world(&w);
}

/* Rules are about the name that a guest has, not about who came first. */
static void test_same_name(_unused_ void **state)
{
	struct fake_qemu one = idle_guest("web"), two = idle_guest("web");
	struct world w;

	open_world(&w, "[guest web]\nshares = 9\nmin = 700M\n");
	one.other_process = true;
	start_guest(&w, &one, "1.sock");
	run_until(&w, 1000, manager_guest_count(w.manager) == 1);
	start_guest(&w, &two, "2.sock");
	run_until(&w, 1000, manager_guest_count(w.manager) == 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(manager_guest(w.manager, i)->limits.shares, 9);
		assert_int_equal(manager_guest(w.manager, i)->limits.min, 700 * MIB);
	}
	assert_non_null(manager_find(w.manager, "web"));
	assert_non_null(manager_find(w.manager, "web@2.sock"));
	fake_stop(&one, false);
	fake_stop(&two, false);
	close_world(&w);
}

static void folder_of(struct world *w, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", w->qmp, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

/* One folder per guest: they come, go, and come again. */
static void test_folder_each(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b"), other = idle_guest("c");
	char config[256], path[128];
	struct world w;

	open_world(&w, "");
	daemon_stop(&w);
	config_free(w.config);
	snprintf(config, sizeof(config), "path =\npath = %s/vm-*/run/qmp.sock\n", w.qmp);
	w.config = configure(&w, config);
	folder_of(&w, "vm-a", path, sizeof(path));
	folder_of(&w, "vm-a/run", path, sizeof(path));
	start_guest(&w, &a, "vm-a/run/qmp.sock");
	start_guest(&w, &other, "vm-a/run/serial.sock");
	daemon_start(&w, false);
	run_until(&w, 1000, manager_find(w.manager, "a"));
	for (int i = 0; i < 2; i++) {
		folder_of(&w, "vm-b", path, sizeof(path));
		run_for(&w, 20);
		folder_of(&w, "vm-b/run", path, sizeof(path));
		run_for(&w, 20);
		start_guest(&w, &b, "vm-b/run/qmp.sock");
		run_until(&w, 1000, manager_find(w.manager, "b"));
		fake_stop(&b, false);
		run_until(&w, 1000, !manager_find(w.manager, "b"));
		assert_int_equal(rmdir(path), 0);
		*strrchr(path, '/') = 0;
		assert_int_equal(rmdir(path), 0);
		run_for(&w, 20);
	}
	assert_int_equal(other.connections, 0);
	fake_stop(&a, false);
	fake_stop(&other, false);
	close_world(&w);
}

static const char *unmergeable(const char *memdev, const char *status)
{
	struct fake_qemu a = idle_guest("a");
	const char *why;
	struct world w;
	char path[128];

	open_world(&w, "");
	snprintf(path, sizeof(path), "%s/%d/status", w.folder, (int)getpid());
	write_text(path, status);
	a.memdev = memdev;
	start_guest(&w, &a, "a.sock");
	run_until(&w, 1000, manager_find(w.manager, "a"));
	why = guest_unmergeable(manager_find(w.manager, "a"));
	fake_stop(&a, false);
	close_world(&w);
	return why;
}

/* As QEMU 7.2 reports it, and as the kernel does. */
static void test_unmergeable(_unused_ void **state)
{
	static const char private[] =
		"[{\"size\": 671088640, \"merge\": true, \"share\": false, \"id\": \"ram\"}]";
	static const char anon[] =
		"VmRSS:\t  30 kB\nRssAnon:\t  20 kB\nRssFile:\t  10 kB\nRssShmem:\t  0 kB\nHugetlbPages:\t  0 kB\n";

	assert_null(unmergeable(private, anon));
	assert_null(unmergeable("{\"x\": 1}", "nonsense"));
	assert_non_null(strstr(
		unmergeable(
			"[{\"merge\": true, \"share\": false}, {\"merge\": true, \"share\": true}]",
			anon),
		"share=on"));
	assert_non_null(strstr(unmergeable("[{\"merge\": false}]", anon), "merge=off"));
	assert_non_null(strstr(unmergeable(private, "RssAnon:\t  20 kB\nRssShmem:\t  21 kB\n"),
			       "shared memory"));
	assert_non_null(strstr(
		unmergeable(private,
			    "RssAnon:\t  20 kB\nRssShmem:\t  0 kB\nHugetlbPages:\t  2048 kB\n"),
		"hugetlbfs"));
}

/* Two monitors of one QEMU are one guest. */
static void test_same_qemu_twice(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("x"), b = idle_guest("x");
	struct world w;

	open_world(&w, "");
	start_guest(&w, &a, "a.sock");
	run_until(&w, 1000, manager_find(w.manager, "x"));
	start_guest(&w, &b, "b.sock");
	run_for(&w, 300);
	assert_true(b.connections > 0);
	assert_int_equal(manager_guest_count(w.manager), 1);
	assert_string_equal(manager_find(w.manager, "x")->origin, a.path);
	fake_stop(&a, false);
	fake_stop(&b, false);
	close_world(&w);
}

/* The folder comes later, goes, and comes again. */
static void test_folder(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_world(&w, "");
	daemon_stop(&w);
	assert_int_equal(rmdir(w.qmp), 0);
	daemon_start(&w, false);
	run_for(&w, 20);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(mkdir(w.qmp, 0700), 0);
		run_for(&w, 20);
		start_guest(&w, &a, "a.sock");
		run_until(&w, 1000, manager_find(w.manager, "a"));
		fake_stop(&a, false);
		run_until(&w, 1000, !manager_find(w.manager, "a"));
		assert_int_equal(rmdir(w.qmp), 0);
		run_for(&w, 20);
	}
	assert_int_equal(mkdir(w.qmp, 0700), 0);
	close_world(&w);
}

/* A socket of its own: named, gone, come again, left out. */
static void test_named_socket(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	struct world w;
	char config[128];

	open_world(&w, "");
	daemon_stop(&w);
	config_free(w.config);
	snprintf(config, sizeof(config), "path =\nsocket = %s/[a].sock\n", w.qmp);
	w.config = configure(&w, config);
	daemon_start(&w, false);
	start_guest(&w, &b, "a.sock");
	for (int i = 0; i < 2; i++) {
		start_guest(&w, &a, "[a].sock");
		run_until(&w, 1000, manager_find(w.manager, "a"));
		fake_stop(&a, false);
		run_until(&w, 1000, !manager_find(w.manager, "a"));
	}
	assert_int_equal(b.connections, 0);
	fake_stop(&b, false);
	close_world(&w);
}

static void test_no_balloon(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_world(&w, "[daemon]\nmode = manage\n");
	a.no_balloon = true;
	start_guest(&w, &a, "a.sock");
	run_until(&w, 1000, manager_find(w.manager, "a"));
	assert_int_equal(info_of(&w, "a").class, POLICY_CLASS_NO_BALLOON);
	assert_int_equal(manager_find(w.manager, "a")->actual, 1024 * MIB);
	pressure(&w, POLICY_LEVEL_CRITICAL, 100);
	run_for(&w, 1500);
	assert_int_equal(a.balloons + a.polls + a.period_sets, 0);
	fake_stop(&a, false);
	close_world(&w);
}

/* The device was unplugged: the first command shows it; then it is left alone. */
static void test_balloon_refused(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_world(&w, "[daemon]\nmode = manage\n");
	start_guest(&w, &a, "a.sock");
	run_until(&w, 2000, manager_find(w.manager, "a"));
	run_until(&w, 4000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	a.refuses = true;
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	run_until(&w, 1000, info_of(&w, "a").class == POLICY_CLASS_NO_BALLOON);
	run_for(&w, 1500);
	assert_in_range(a.balloons, 1, 2);
	fake_stop(&a, false);
	close_world(&w);
}

/*
 * Bad peers
 */

static void test_bad_peers(_unused_ void **state)
{
	struct fake_qemu busy = idle_guest("busy"), silent = idle_guest("silent");
	struct fake_qemu garbage = idle_guest("garbage");
	struct fake_qemu mute = idle_guest("mute"), good = idle_guest("good");
	struct world w;

	open_world(&w, "");
	busy.no_accept = true;
	silent.no_greeting = true;
	garbage.greeting = "220 mail.example.org ESMTP\r\n";
	mute.mute = true;
	start_guest(&w, &busy, "1.sock");
	start_guest(&w, &silent, "2.sock");
	start_guest(&w, &garbage, "3.sock");
	start_guest(&w, &mute, "4.sock");
	start_guest(&w, &good, "5.sock");
	run_until(&w, 500, manager_find(w.manager, "good"));
	assert_int_equal(manager_guest_count(w.manager), 1);

	/* Tried again after 0.1, 0.2, 0.4 s, and not more often. */
	run_for(&w, 700);
	assert_in_range(garbage.connections, 2, 5);

	/* No greeting for 2 s: dropped; when it greets, it is a guest. */
	assert_int_equal(silent.connections, 1);
	run_until(&w, 2500, silent.connections == 2);
	silent.no_greeting = false;
	garbage.greeting = NULL;
	fake_hang_up(&silent);
	run_until(&w, 5000,
		  manager_find(w.manager, "silent") && manager_find(w.manager, "garbage"));

	/* So is the busy one, once the other client has gone. */
	sd_event_source_set_enabled(busy.accepts, SD_EVENT_ON);
	run_until(&w, 5000, manager_find(w.manager, "busy"));

	/* The mute one negotiates nothing: dropped after 5 s. */
	assert_null(manager_find(w.manager, "mute"));
	mute.mute = false;
	run_until(&w, 8000, manager_find(w.manager, "mute"));
	assert_int_equal(manager_guest_count(w.manager), 5);
	fake_stop(&busy, false);
	fake_stop(&silent, false);
	fake_stop(&garbage, false);
	fake_stop(&mute, false);
	fake_stop(&good, false);
	close_world(&w);
}

/* A guest that turns to garbage is dropped; the others do not notice. */
static void test_guest_goes_bad(_unused_ void **state)
{
	struct fake_qemu bad = idle_guest("bad"), good = idle_guest("good");
	struct world w;

	open_world(&w, "");
	start_guest(&w, &bad, "bad.sock");
	start_guest(&w, &good, "good.sock");
	run_until(&w, 1000, manager_guest_count(w.manager) == 2);
	fake_say(&bad, "{\"event\": \"BALLOON_CHANGE\", \"data\": {\"actual\": -5}}\r\n"
		       "{\"event\": \"BALLOON_CHANGE\", \"data\": {}}\r\n"
		       "{\"event\": \"BALLOON_CHANGE\"}\r\n"
		       "{\"event\": \"BALLOON_CHANGE\", \"data\": {\"actual\": \"x\"}}\r\n"
		       "{\"event\": \"MIGRATION\", \"data\": {\"status\": null}}\r\n"
		       "{\"event\": \"MIGRATION\"}\r\n");
	run_for(&w, 50);
	assert_int_equal(manager_find(w.manager, "bad")->actual, 1024 * MIB);
	fake_say(&bad, "}");
	run_until(&w, 1000, !manager_find(w.manager, "bad"));
	assert_non_null(manager_find(w.manager, "good"));
	assert_int_equal(good.connections, 1);
	run_until(&w, 2000, manager_find(w.manager, "bad"));
	fake_stop(&bad, false);
	fake_stop(&good, false);
	close_world(&w);
}

/* Each time it is waited for longer: a greeting after 2.6 s is one. */
static void test_late_greeting(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_world(&w, "");
	a.delay = 2600;
	start_guest(&w, &a, "a.sock");
	run_until(&w, 10000, a.connections == 2);
	run_until(&w, 40000, a.commands > 0);
	a.delay = 0;
	run_until(&w, 20000, manager_find(w.manager, "a"));
	fake_stop(&a, false);
	close_world(&w);
}

/* One that answers no poll does not keep the others' decisions waiting. */
static void test_mute_neighbour(_unused_ void **state)
{
	struct fake_qemu mute = idle_guest("mute"), good = idle_guest("good");
	struct world w;

	open_world(&w, "[daemon]\nmode = manage\n");
	start_guest(&w, &mute, "a.sock");
	start_guest(&w, &good, "b.sock");
	run_until(&w, 3000, mute.polls && good.polls);
	mute.mute = true;
	pressure(&w, POLICY_LEVEL_MEDIUM, 400);
	run_until(&w, 3000, good.balloons > 0);
	assert_true(good.target < 1024 * MIB);
	fake_stop(&mute, false);
	fake_stop(&good, false);
	close_world(&w);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adoption),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_same_name),
		cmocka_unit_test(test_folder_each),
		cmocka_unit_test(test_unmergeable),
		cmocka_unit_test(test_same_qemu_twice),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_named_socket),
		cmocka_unit_test(test_no_balloon),
		cmocka_unit_test(test_balloon_refused),
		cmocka_unit_test(test_bad_peers),
		cmocka_unit_test(test_guest_goes_bad),
		cmocka_unit_test(test_late_greeting),
		cmocka_unit_test(test_mute_neighbour),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd", tests, NULL, NULL);
}
