// SPDX-License-Identifier: GPL-2.0
/* The daemon's parts together: guests come, are moved, misbehave and go. */
#include "dynmemd/host/rival_processes.h"
#include "dynmemd/state/state_file.h"
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
	assert_in_range(after.period_sets, 1, 2);
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

/* As QEMU 7.2 tells it, and as the kernel does. */
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

/* The device was unplugged: told by the first command, and then left alone. */
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

/*
 * What is done
 */

/*
 * A guest at its max is asked nothing, so what is known of it is old. When the
 * host is critical, that has to do, at once.
 */
static void test_emergency_without_news(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	char written[256] = "";
	struct world w;

	open_world(&w, "[daemon]\nmode = manage\n");
	start_guest(&w, &a, "a.sock");
	run_until(&w, 2000, manager_find(w.manager, "a"));
	run_until(&w, 4000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	run_for(&w, 6500);
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	assert_true(recv(a.fd, written, sizeof(written) - 1, MSG_PEEK) > 0);
	assert_non_null(strstr(written, "\"execute\":\"balloon\""));
	/* By the plan, not by an ordinary decision. */
	assert_non_null(strstr(manager_find(w.manager, "a")->reason, "the host is critical: "));
	fake_stop(&a, false);
	close_world(&w);
}

static const char manage[] = "[daemon]\nmode = manage\n";

/* Waits until a guest reports, so that it may be shrunk. */
static void until_known(struct world *w, const char *name)
{
	run_until(w, 2000, manager_find(w->manager, name));
	run_until(w, 4000, info_of(w, name).class == POLICY_CLASS_REPORTING);
}

/* Critical: the command is written before the event's handler returns. */
static void test_event_acts_at_once(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	char written[256] = "";
	struct world w;

	open_world(&w, manage);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	run_for(&w, 200);
	assert_true(recv(a.fd, written, sizeof(written) - 1, MSG_PEEK) < 0);
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	assert_true(recv(a.fd, written, sizeof(written) - 1, MSG_PEEK) > 0);
	assert_non_null(strstr(written, "\"execute\":\"balloon\""));
	run_until(&w, 50, a.balloons > 0);
	assert_true(a.target < 1024 * MIB);
	assert_true(a.target >= manager_find(w.manager, "a")->limits.min);
	assert_int_equal(manager_level(w.manager), POLICY_LEVEL_CRITICAL);
	fake_stop(&a, false);
	close_world(&w);
}

static void observes(bool dry_run, const char *config)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_world(&w, config);
	daemon_stop(&w);
	daemon_start(&w, dry_run);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	pressure(&w, POLICY_LEVEL_MEDIUM, 400);
	run_for(&w, 1500);
	/* It would: that was decided and told, but not written. */
	assert_true(manager_find(w.manager, "a")->told_any);
	assert_true(manager_find(w.manager, "a")->told.target < 1024 * MIB);
	pressure(&w, POLICY_LEVEL_CRITICAL, 100);
	run_for(&w, 1500);
	assert_int_equal(a.balloons, 0);
	assert_int_equal(info_of(&w, "a").target, 1024 * MIB);
	assert_true(a.polls > 0);
	fake_stop(&a, false);
	close_world(&w);
}

static void test_observe_writes_nothing(_unused_ void **state)
{
	observes(false, "[daemon]\nmode = observe\n");
}

static void test_dry_run_writes_nothing(_unused_ void **state)
{
	observes(true, manage);
}

/* Nothing squeezed, nothing pressed: after a while nobody is asked. */
static void test_quiet(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	unsigned int commands;
	struct world w;

	open_world(&w, manage);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	run_for(&w, 3000);
	commands = a.commands;
	assert_int_equal(a.period, 0);
	run_for(&w, 3000);
	assert_int_equal(a.commands, commands);
	assert_int_equal(a.balloons, 0);
	fake_stop(&a, false);
	close_world(&w);
}

/* The statistics period of somebody else is left if it serves, or put back. */
static void test_found_period(_unused_ void **state)
{
	struct fake_qemu two = idle_guest("two"), ten = idle_guest("ten");
	struct world w;

	open_world(&w, "[daemon]\nmode = manage\n[policy]\npoll = 3 s\n");
	two.period = 2;
	ten.period = 10;
	start_guest(&w, &two, "two.sock");
	start_guest(&w, &ten, "ten.sock");
	until_known(&w, "two");
	until_known(&w, "ten");
	assert_int_equal(two.period_sets, 0);
	run_until(&w, 9000, ten.period == 10 && ten.period_sets == 2);
	assert_int_equal(two.period_sets, 0);
	fake_stop(&two, false);
	fake_stop(&ten, false);
	close_world(&w);
}

/* The end of the daemon moves nothing; the next takes guests as they are. */
static void test_restart(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	unsigned int balloons;
	struct world w;

	open_world(&w, manage);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	pressure(&w, POLICY_LEVEL_MEDIUM, 400);
	run_until(&w, 3000, a.balloons > 0);
	fake_move(&a, a.target);
	run_for(&w, 20);
	daemon_stop(&w);
	balloons = a.balloons;
	run_for(&w, 100);
	assert_int_equal(a.balloons, balloons);
	assert_int_equal(a.fd, -1);

	daemon_start(&w, false);
	run_until(&w, 1000, manager_find(w.manager, "a"));
	assert_int_equal(manager_find(w.manager, "a")->actual, a.actual);
	assert_int_equal(info_of(&w, "a").target, a.actual);
	assert_int_equal(a.balloons, balloons);
	fake_stop(&a, false);
	close_world(&w);
}

/* When its QEMU was started, as /proc would say. */
static void guest_start_time(struct world *w, unsigned int ticks)
{
	char path[128], text[128];

	snprintf(path, sizeof(path), "%s/%d/stat", w->folder, (int)getpid());
	snprintf(text, sizeof(text),
		 "%d (qemu) x) S 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 4 0 %u 1 1\n", (int)getpid(),
		 ticks);
	write_text(path, text);
}

static struct policy_guest_state learned_of(struct world *w, const char *name)
{
	struct policy_guest_state s;

	assert_int_equal(policy_guest_export(manager_policy(w->manager),
					     manager_find(w->manager, name)->handle,
					     manager_now(w->manager), &s),
			 0);
	return s;
}

/* What an earlier daemon learned, put into its file. */
static void teach(const char *path)
{
	struct state s = { 0 };
	uint64_t sum;
	size_t len;
	char *text;

	assert_int_equal(state_file_read(&s, path), 0);
	assert_int_equal(s.n, 1);
	s.host.touch_rate = 3 * GIB;
	s.records[0]->learned.learned = 100 * MIB;
	s.records[0]->learned.yield = 0.5;
	s.records[0]->learned.debt = 40 * MIB;
	text = state_render(&s, &len, &sum);
	assert_non_null(text);
	assert_int_equal(state_file_store(path, text, len), 0);
	free(text);
	state_clear(&s);
}

/* The same QEMU has all that was known; its balloon goes on as it was told. */
static void test_state(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct policy_host_state host;
	struct world w;
	char path[96];

	open_world(&w, manage);
	daemon_stop(&w);
	snprintf(path, sizeof(path), "%s/state", w.folder);
	w.state = path;
	guest_start_time(&w, 1000);
	daemon_start(&w, false);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	pressure(&w, POLICY_LEVEL_MEDIUM, 400);
	run_until(&w, 3000, a.balloons > 0);
	fake_move(&a, (a.actual + a.target) / 2);
	run_for(&w, 20);
	daemon_stop(&w);

	teach(path);
	daemon_start(&w, false);
	run_until(&w, 1000, manager_find(w.manager, "a"));
	assert_true(a.target < a.actual);
	assert_int_equal(info_of(&w, "a").target, a.target);
	assert_int_equal(manager_find(w.manager, "a")->target, a.target);
	assert_true(learned_of(&w, "a").yield == 0.5);
	assert_in_range(learned_of(&w, "a").learned, 99 * MIB, 100 * MIB);
	assert_in_range(learned_of(&w, "a").debt, 39 * MIB, 40 * MIB);
	policy_host_export(manager_policy(w.manager), &host);
	assert_true(host.touch_rate >= 3 * GIB);

	/* Its monitor goes, and comes again: the same once more. */
	fake_hang_up(&a);
	run_until(&w, 1000, !manager_find(w.manager, "a"));
	run_until(&w, 5000, manager_find(w.manager, "a"));
	assert_true(learned_of(&w, "a").yield == 0.5);
	daemon_stop(&w);

	/* Somebody moved its balloon while there was no daemon. */
	a.actual = 1000 * MIB;
	daemon_start(&w, false);
	run_until(&w, 1000, manager_find(w.manager, "a"));
	assert_int_equal(info_of(&w, "a").target, 1000 * MIB);
	assert_true(learned_of(&w, "a").yield == 0.5);
	daemon_stop(&w);

	/* Another QEMU does the same work. */
	guest_start_time(&w, 2000);
	daemon_start(&w, false);
	run_until(&w, 1000, manager_find(w.manager, "a"));
	assert_true(learned_of(&w, "a").yield == 1);
	assert_int_equal(learned_of(&w, "a").debt, 0);
	assert_in_range(learned_of(&w, "a").learned, 99 * MIB, 100 * MIB);
	fake_stop(&a, false);
	close_world(&w);
}

static bool mode_is(const struct world *w, const char *mode)
{
	return !strcmp(manager_mode_name(w->manager), mode);
}

/* The kill switch. */
static void test_stop(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	char path[96], text[256];
	unsigned int sets;
	struct world w;

	open_world(&w, manage);
	daemon_stop(&w);
	config_free(w.config);
	snprintf(path, sizeof(path), "%s/run/stop", w.folder);
	snprintf(text, sizeof(text), "[daemon]\nmode = manage\nstop = %s\n", path);
	w.config = configure(&w, text);
	daemon_start(&w, false);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	assert_true(mode_is(&w, "manage"));

	/* Its folder comes with it. It counts before it is even noticed. */
	*strrchr(path, '/') = 0;
	assert_int_equal(mkdir(path, 0700), 0);
	path[strlen(path)] = '/';
	write_text(path, "");
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	run_until(&w, 500, mode_is(&w, "stopped"));
	assert_int_equal(manager_mode(w.manager), MODE_OBSERVE);
	sets = a.period_sets;
	start_guest(&w, &b, "b.sock");
	run_for(&w, 2500);
	assert_non_null(manager_find(w.manager, "b"));
	assert_int_equal(a.balloons + b.balloons, 0);
	assert_int_equal(a.period_sets, sets);
	assert_int_equal(b.period_sets, 0);
	assert_int_equal(info_of(&w, "a").target, a.memory);

	assert_int_equal(unlink(path), 0);
	run_until(&w, 500, mode_is(&w, "manage"));
	run_until(&w, 3000, a.balloons > 0);
	assert_true(b.period_sets > 0);
	fake_stop(&a, false);
	fake_stop(&b, false);
	close_world(&w);
}

static void test_drain(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;
	char path[96];

	open_world(&w, manage);
	daemon_stop(&w);
	snprintf(path, sizeof(path), "%s/state", w.folder);
	w.state = path;
	daemon_start(&w, false);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	pressure(&w, POLICY_LEVEL_MEDIUM, 400);
	run_until(&w, 3000, a.balloons > 0);
	fake_move(&a, a.target);
	assert_true(a.target < a.memory);

	/* As far as there is memory. */
	assert_int_equal(manager_drain(w.manager, true), 0);
	assert_true(mode_is(&w, "drain"));
	run_for(&w, 1500);
	assert_true(a.target < a.memory);
	pressure(&w, POLICY_LEVEL_NONE, 3500);
	run_until(&w, 3000, a.target == a.memory);
	fake_move(&a, a.target);

	/* It holds: under pressure, and over a restart. */
	pressure(&w, POLICY_LEVEL_MEDIUM, 400);
	run_for(&w, 1500);
	assert_int_equal(a.target, a.memory);
	daemon_stop(&w);
	daemon_start(&w, false);
	assert_true(mode_is(&w, "drain"));
	until_known(&w, "a");
	pressure(&w, POLICY_LEVEL_MEDIUM, 400);
	run_for(&w, 1500);
	assert_int_equal(a.target, a.memory);

	assert_int_equal(manager_drain(w.manager, false), 0);
	assert_true(mode_is(&w, "manage"));
	run_until(&w, 3000, a.target < a.memory);
	fake_move(&a, a.target);

	/* An emergency comes before it. */
	assert_int_equal(manager_drain(w.manager, true), 0);
	pressure(&w, POLICY_LEVEL_NONE, 3500);
	run_until(&w, 3000, a.target == a.memory);
	fake_move(&a, a.target);
	run_for(&w, 1500);
	pressure(&w, POLICY_LEVEL_CRITICAL, 100);
	run_until(&w, 3000, a.target < a.memory);
	fake_stop(&a, false);
	close_world(&w);
}

/* Somebody else moves its balloon: it is left to him, and that is told. */
static void test_rival(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	char path[128], who[64];
	struct world w;

	open_world(&w, "[daemon]\nmode = manage\n[policy]\nstuck = 1s\n");
	snprintf(path, sizeof(path), "%s/77", w.folder);
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/comm");
	write_text(path, "pvestatd\n");
	assert_string_equal(rival_name(w.folder, who, sizeof(who)), "pvestatd (pid 77)");
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	for (int i = 0; i < 3; i++) {
		assert_false(manager_find(w.manager, "a")->rival);
		fake_move(&a, (900 - 100 * i) * MIB);
		run_for(&w, 2500);
	}
	run_until(&w, 2000, manager_find(w.manager, "a")->rival);
	assert_int_equal(info_of(&w, "a").class, POLICY_CLASS_RIVAL);
	assert_true(manager_find(w.manager, "a")->decision.flags & POLICY_ALERT);
	a.balloons = 0;
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	run_for(&w, 1500);
	assert_int_equal(a.balloons, 0);
	fake_stop(&a, false);
	close_world(&w);
}

static void test_reload(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct config *c;
	struct world w;

	open_world(&w, manage);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	c = configure(&w, "[daemon]\nmode = manage\n[guest a]\nmax = 800M\nmin = 500M\n");
	assert_int_equal(manager_reload(w.manager, c), 0);
	assert_int_equal(backend_qmp.reload(w.backend, c), 0);
	config_free(w.config);
	w.config = c;
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

/* max = 64M, where 64G was meant: what is used stays, and it is said before. */
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
	assert_int_equal(manager_reload(w.manager, c), 0);
	assert_int_equal(backend_qmp.reload(w.backend, c), 0);
	config_free(w.config);
	w.config = c;
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
	assert_int_equal(manager_reload(w.manager, c), 0);
	assert_int_equal(backend_qmp.reload(w.backend, c), 0);
	config_free(w.config);
	w.config = c;
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

/* Wherever the balloon is, and what else is told of it. */
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

/* A QEMU that tells nothing by itself, and migrates when it is found. */
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
		cmocka_unit_test(test_mute_neighbour),
		cmocka_unit_test(test_event_acts_at_once),
		cmocka_unit_test(test_emergency_without_news),
		cmocka_unit_test(test_observe_writes_nothing),
		cmocka_unit_test(test_dry_run_writes_nothing),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_found_period),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_rival),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_reload_typo),
		cmocka_unit_test(test_reload_leaves_folder),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_traits),
		cmocka_unit_test(test_migration),
		cmocka_unit_test(test_migration_without_events),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd", tests, NULL, NULL);
}
