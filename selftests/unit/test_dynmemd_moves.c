// SPDX-License-Identifier: GPL-2.0
/* The daemon's parts together: guests are moved, or not; and what outlives the daemon. */
#include "dynmemd/host/rival_processes.h"
#include "dynmemd/state/state_file.h"
#include "dynmemd_world.h"

static const char manage[] = "[daemon]\nmode = manage\n";

/* A host without swap, and its source's news. */
static void falls_to(struct world *w, unsigned int available, bool news)
{
	struct source_pressure p = { .available = available * MIB, .news = true };

	host_swaps(w, 4096, available, 0);
	if (news)
		manager_pressure(w->manager, &p);
}

/*
 * A guest at its max is asked nothing, so what is known of it is old. When the
 * host falls to critical before it has answered, that has to do, at once.
 */
static void test_emergency_without_news(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	const struct guest *g;
	struct world w;

	open_world(&w, "[daemon]\nmode = manage\n");
	start_guest(&w, &a, "a.sock");
	run_until(&w, 2000, manager_find(w.manager, "a"));
	run_until(&w, 4000, info_of(&w, "a").class == POLICY_CLASS_REPORTING);
	run_for(&w, 6500);
	g = manager_find(w.manager, "a");
	a.delay = 8000;
	for (unsigned int available = 940; available > 260; available -= 60) {
		falls_to(&w, available, available == 940 || available == 460);
		run_for(&w, 50);
	}
	for (unsigned int available = 240; available > 40 && g->target == 1024 * MIB;
	     available -= 8) {
		falls_to(&w, available, true);
		run_for(&w, 50);
	}
	assert_true(g->target < 1024 * MIB);
	/* By the plan, not by an ordinary decision. */
	assert_non_null(strstr(g->reason, "the host is critical: "));
	fake_stop(&a, false);
	close_world(&w);
}

/* One that stands still, however little it has, waits for the answer. */
static void test_stands_still_without_news(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_world(&w, "[daemon]\nmode = manage\n");
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	run_for(&w, 6500);
	a.delay = 4000;
	for (int n = 0; n < 3; n++) {
		falls_to(&w, 150, true);
		run_for(&w, 500);
		assert_int_equal(a.balloons, 0);
		assert_int_equal(manager_find(w.manager, "a")->target, 1024 * MIB);
	}
	run_until(&w, 12000, a.balloons > 0);
	assert_true(a.target >= 188 * MIB);
	fake_stop(&a, false);
	close_world(&w);
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
	/* It would: that was decided and reported, but not written. */
	assert_true(manager_find(w.manager, "a")->announced_any);
	assert_true(manager_find(w.manager, "a")->announced.target < 1024 * MIB);
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

/* Statistics come shortly before they are read: at the end of a whole second. */
static void test_aligned(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), fixed = idle_guest("fixed");
	struct world w;
	unsigned int refused, begun;
	uint64_t phase;

	open_world(&w, manage);
	fixed.no_period = true;
	start_guest(&w, &a, "a.sock");
	start_guest(&w, &fixed, "fixed.sock");
	until_known(&w, "a");
	until_known(&w, "fixed");
	/* One that starts is polled, too: its period may have begun anew already. */
	begun = a.periods_begun;
	pressure(&w, POLICY_LEVEL_MEDIUM, 300);
	run_until(&w, 3000, a.periods_begun > begun);
	run_for(&w, 100);
	assert_int_equal(a.period, 1);
	phase = a.period_at % NSEC_PER_SEC / NSEC_PER_MSEC;
	assert_in_range(phase, 900, 960);
	refused = fixed.period_sets;

	/* Not each time anew, and where it is refused, not again. */
	run_for(&w, 2500);
	assert_int_equal(a.periods_begun, begun + 1);
	assert_int_equal(fixed.periods_begun, 0);
	assert_int_equal(fixed.period_sets, refused);
	fake_stop(&a, false);
	fake_stop(&fixed, false);
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

/* The same QEMU has all that was known; its balloon goes on to its target. */
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

	/* Somebody moved its balloon while there was no daemon; the host is short, so a
	 * first step down may have been decided by now. */
	assert_true(a.target < 900 * MIB);
	a.actual = 1000 * MIB;
	daemon_start(&w, false);
	run_until(&w, 1000, manager_find(w.manager, "a"));
	assert_in_range(info_of(&w, "a").target, 950 * MIB, 1000 * MIB);
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

/* @ret_path: of its kill switch, @name in the world's folder */
static void open_stoppable(struct world *w, const char *name, char ret_path[static 96])
{
	char text[256];

	open_world(w, manage);
	daemon_stop(w);
	config_free(w->config);
	snprintf(ret_path, 96, "%s/%s", w->folder, name);
	snprintf(text, sizeof(text), "[daemon]\nmode = manage\nstop = %s\n", ret_path);
	w->config = configure(w, text);
	daemon_start(w, false);
}

/* While the kill switch is on it waits, also when a guest's period was to begin anew. */
static void test_stopped_is_idle(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	char path[96];
	struct world w;
	clock_t cpu;

	open_stoppable(&w, "stop", path);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	pressure(&w, POLICY_LEVEL_MEDIUM, 300);
	run_until(&w, 3000, a.periods_begun > 0);
	write_text(path, "");
	run_until(&w, 500, mode_is(&w, "stopped"));
	cpu = clock();
	run_for(&w, 13000);
	assert_in_range(clock() - cpu, 0, CLOCKS_PER_SEC);
	assert_int_equal(a.periods_begun, 1);
	fake_stop(&a, false);
	close_world(&w);
}

/* The kill switch. */
static void test_stop(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	char path[96];
	unsigned int sets;
	struct world w;

	open_stoppable(&w, "run/stop", path);
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

/* Somebody else moves its balloon: it is left to him, and that is logged. */
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
	write_text(path, "dynmemd\n");
	assert_string_equal(rival_name(w.folder, who, sizeof(who)), "dynmemd (pid 77)");
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

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event_acts_at_once),
		cmocka_unit_test(test_emergency_without_news),
		cmocka_unit_test(test_stands_still_without_news),
		cmocka_unit_test(test_observe_writes_nothing),
		cmocka_unit_test(test_dry_run_writes_nothing),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_found_period),
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stopped_is_idle),
		cmocka_unit_test(test_rival),
		cmocka_unit_test(test_drain),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_moves", tests, NULL, NULL);
}
