// SPDX-License-Identifier: GPL-2.0
/*
 * What the daemon does to guests by their cgroups, when and when not. The
 * files are plain ones here; a real cgroup is in the lab's end-to-end test.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

#include "dynmemd_world.h"

#define MANAGE	"[daemon]\nmode = manage\n"
#define ENFORCE MANAGE "[policy]\nenforce = 1\n"

static const char *in_scope(struct world *w, const char *file)
{
	static char path[192];

	snprintf(path, sizeof(path), "%s/machine.slice/a.scope%s%s", w->cgroup, file ? "/" : "",
		 file ? file : "");
	return path;
}

static const char *text_of(struct world *w, const char *file)
{
	static char text[64];
	FILE *f = fopen(in_scope(w, file), "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	return text;
}

/* A scope below machine.slice, with our process in it as its QEMU. */
static void open_scope(struct world *w, const char *config)
{
	char path[192], text[64];

	open_world(w, config);
	assert_int_equal(mkdir(w->cgroup, 0700), 0);
	snprintf(path, sizeof(path), "%s/machine.slice", w->cgroup);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mkdir(in_scope(w, NULL), 0700), 0);
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	write_text(in_scope(w, "cgroup.procs"), text);
	write_text(in_scope(w, "memory.current"), "900000000\n");
	write_text(in_scope(w, "memory.high"), "max\n");
	write_text(in_scope(w, "memory.reclaim"), "");
	snprintf(path, sizeof(path), "%s/%d/cgroup", w->folder, (int)getpid());
	write_text(path, "0::/machine.slice/a.scope\n");
}

/* Presses the host when there is a guest that no balloon reaches. */
static void press(struct world *w, struct fake_qemu *a)
{
	*a = idle_guest("a");
	a->no_balloon = true;
	start_guest(w, a, "a.sock");
	run_until(w, 1000, manager_find(w->manager, "a"));
	pressure(w, POLICY_LEVEL_MEDIUM, 300);
	run_for(w, 1500);
}

static void stop(struct world *w, struct fake_qemu *a)
{
	fake_stop(a, false);
	close_world(w);
}

static void test_reclaim(_unused_ void **state)
{
	unsigned long long bytes;
	struct fake_qemu a;
	struct world w;

	open_scope(&w, MANAGE);
	press(&w, &a);
	bytes = strtoull(text_of(&w, "memory.reclaim"), NULL, 10);
	/* At medium a quarter of what is resident, in pieces. */
	assert_in_range(bytes, MIB, 32 * MIB);
	assert_string_equal(text_of(&w, "memory.high"), "max\n");
	stop(&w, &a);
}

/* The kernel takes its time: what it is not asked for meanwhile was not taken. */
static void test_slow_reclaim(_unused_ void **state)
{
	struct manager_gate gate;
	struct fake_qemu a;
	struct world w;
	int fd;

	open_scope(&w, MANAGE);
	assert_int_equal(unlink(in_scope(&w, "memory.reclaim")), 0);
	assert_int_equal(mkfifo(in_scope(&w, "memory.reclaim"), 0600), 0);
	press(&w, &a);
	for (int i = 0; i < 5; i++) {
		pressure(&w, POLICY_LEVEL_MEDIUM, 300);
		run_for(&w, 200);
		assert_true(manager_find(w.manager, "a")->decision.reclaim > 0);
	}
	manager_gate(w.manager, &gate);
	/* A quarter of what is resident, once. */
	assert_in_range(gate.taken, 1, 230 * MIB);
	fd = open(in_scope(&w, "memory.reclaim"), O_RDONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	run_for(&w, 100);
	assert_int_equal(close(fd), 0);
	stop(&w, &a);
}

/* The memory controller may end above the process's own cgroup. */
static void test_threaded(_unused_ void **state)
{
	struct fake_qemu a;
	struct world w;
	char path[192];

	open_scope(&w, MANAGE);
	assert_int_equal(mkdir(in_scope(&w, "vcpu0"), 0700), 0);
	snprintf(path, sizeof(path), "%s/%d/cgroup", w.folder, (int)getpid());
	write_text(path, "1:name=systemd:/x\n0::/machine.slice/a.scope/vcpu0\n");
	press(&w, &a);
	assert_true(text_of(&w, "memory.reclaim")[0]);
	stop(&w, &a);
}

static void not_reclaimed(const char *config, const char *procs, const char *cgroup)
{
	struct fake_qemu a;
	struct world w;
	char path[192];

	open_scope(&w, config);
	if (procs)
		write_text(in_scope(&w, "cgroup.procs"), procs);
	snprintf(path, sizeof(path), "%s/%d/cgroup", w.folder, (int)getpid());
	if (cgroup)
		write_text(path, cgroup);
	press(&w, &a);
	/* There is the wish, or this says nothing. */
	assert_true(manager_find(w.manager, "a")->decision.reclaim > 0);
	assert_string_equal(text_of(&w, "memory.reclaim"), "");
	stop(&w, &a);
}

static void test_not_reclaimed(_unused_ void **state)
{
	char shared[64];

	not_reclaimed("[daemon]\nmode = observe\n", NULL, NULL);
	not_reclaimed(MANAGE "[guest a]\nreclaim = no\n", NULL, NULL);
	/* Shared with another process, or not even QEMU's. */
	snprintf(shared, sizeof(shared), "1\n%d\n", (int)getpid());
	not_reclaimed(MANAGE, shared, NULL);
	not_reclaimed(MANAGE, "", NULL);
	/* The root, a namespace that is not ours, cgroup v1. */
	not_reclaimed(MANAGE, NULL, "0::/\n");
	not_reclaimed(MANAGE, NULL, "0::/../machine.slice/a.scope\n");
	not_reclaimed(MANAGE, NULL, "4:memory:/machine.slice/a.scope\n");
}

/* Another process in its cgroup: named @name, with so many MiB of its own. */
static bool reclaimed_beside(const char *name, unsigned int mib)
{
	struct fake_qemu a;
	char text[64], byte;
	bool reclaimed;
	struct world w;
	int ready[2];
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char *own = malloc(mib * MIB + 1);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (name)
			prctl(PR_SET_NAME, name);
		memset(own, 1, mib * MIB + 1);
		if (write(ready[1], own, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	open_scope(&w, MANAGE);
	snprintf(text, sizeof(text), "%d\n%d\n", (int)getpid(), (int)pid);
	write_text(in_scope(&w, "cgroup.procs"), text);
	press(&w, &a);
	assert_true(manager_find(w.manager, "a")->decision.reclaim > 0);
	reclaimed = text_of(&w, "memory.reclaim")[0];
	stop(&w, &a);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return reclaimed;
}

/* Whatever they are called. An eighth of 900 MB is the most for all of them. */
static void test_helpers(_unused_ void **state)
{
	static const char *const names[] = { "swtpm",  "passt.avx2",  "qemu-pr-helper",
					     "nbdkit", "dbus-daemon", "what-comes-next" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_true(reclaimed_beside(names[i], 4));
	assert_true(reclaimed_beside("virtiofsd", 80));
	assert_false(reclaimed_beside("postgres", 160));
	/* Another of our own name is another guest's QEMU. */
	assert_false(reclaimed_beside(NULL, 4));
}

/* A host that lacks nothing takes nothing. */
static void test_no_need(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_scope(&w, MANAGE);
	a.no_balloon = true;
	start_guest(&w, &a, "a.sock");
	run_until(&w, 1000, manager_find(w.manager, "a"));
	run_for(&w, 1500);
	assert_string_equal(text_of(&w, "memory.reclaim"), "");
	stop(&w, &a);
}

static bool can_enforce(struct world *w)
{
	return setxattr(in_scope(w, NULL), "user.dynmem.test", "", 0, 0) == 0;
}

static bool high_is(struct world *w, const char *text)
{
	return !strncmp(text_of(w, "memory.high"), text, strlen(text));
}

/* Written, and taken back: by configuration, and when the daemon ends. */
static void test_enforcement(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;
	char high[32];

	open_scope(&w, ENFORCE);
	if (!can_enforce(&w)) {
		close_world(&w);
		skip();
	}
	snprintf(high, sizeof(high), "%llu", (1024 + 32 + 256) * MIB);
	start_guest(&w, &a, "a.sock");
	run_until(&w, 3000, high_is(&w, high));
	reload(&w, configure(&w, MANAGE));
	run_until(&w, 3000, high_is(&w, "max\n"));
	reload(&w, configure(&w, ENFORCE));
	run_until(&w, 3000, high_is(&w, high));
	reload(&w, configure(&w, "[daemon]\nmode = observe\n[policy]\nenforce = 1\n"));
	run_until(&w, 3000, high_is(&w, "max\n"));
	reload(&w, configure(&w, ENFORCE));
	run_until(&w, 3000, high_is(&w, high));
	daemon_stop(&w);
	assert_true(high_is(&w, "max\n"));
	daemon_start(&w, false);
	stop(&w, &a);
}

/* Who listens is not its QEMU: a launcher or a proxy, whose cgroup is none of ours. */
static void test_other_process(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_scope(&w, ENFORCE);
	guest_cost(&w, getpid(), 14);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	assert_true(manager_find(w.manager, "a")->proxied);
	pressure(&w, POLICY_LEVEL_MEDIUM, 300);
	/* Its balloon is moved all the same; it ends as silent, which is reclaimed. */
	run_until(&w, 3000, a.balloons > 0);
	a.refuses = true;
	pressure(&w, POLICY_LEVEL_CRITICAL, 50);
	run_for(&w, 1500);
	assert_true(high_is(&w, "max\n"));
	assert_string_equal(text_of(&w, "memory.reclaim"), "");
	assert_int_equal(info_of(&w, "a").rss, 0);
	stop(&w, &a);
}

/* What a daemon set that was killed is undone by the next, or kept by it. */
static void test_enforcement_of_another(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_scope(&w, MANAGE);
	if (!can_enforce(&w)) {
		close_world(&w);
		skip();
	}
	write_text(in_scope(&w, "memory.high"), "123456\n");
	assert_int_equal(
		setxattr(in_scope(&w, NULL), "user.dynmem.memory.high", "2147483648\n", 11, 0), 0);
	start_guest(&w, &a, "a.sock");
	run_until(&w, 1000, high_is(&w, "2147483648\n"));
	stop(&w, &a);
}

/* A dry run undoes nothing: it may be beside the daemon that has set it. */
static void test_enforcement_and_dry_run(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_scope(&w, ENFORCE);
	if (!can_enforce(&w)) {
		close_world(&w);
		skip();
	}
	daemon_stop(&w);
	write_text(in_scope(&w, "memory.high"), "123456\n");
	assert_int_equal(
		setxattr(in_scope(&w, NULL), "user.dynmem.memory.high", "2147483648\n", 11, 0), 0);
	daemon_start(&w, true);
	start_guest(&w, &a, "a.sock");
	until_known(&w, "a");
	daemon_stop(&w);
	assert_true(high_is(&w, "123456\n"));
	daemon_start(&w, true);
	stop(&w, &a);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reclaim),
		cmocka_unit_test(test_slow_reclaim),
		cmocka_unit_test(test_threaded),
		cmocka_unit_test(test_not_reclaimed),
		cmocka_unit_test(test_helpers),
		cmocka_unit_test(test_no_need),
		cmocka_unit_test(test_enforcement),
		cmocka_unit_test(test_enforcement_of_another),
		cmocka_unit_test(test_enforcement_and_dry_run),
		cmocka_unit_test(test_other_process),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_cgroup", tests, NULL, NULL);
}
