// SPDX-License-Identifier: GPL-2.0
/* The backend "pve": how the monitor is shared with pvestatd and others. */
#include <signal.h>
#include <time.h>

#include "pve_world.h"

/* Another client of the monitor, as pvestatd is one. */
static int client_open(const struct fake_qemu *f)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, f->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* The target is sent at once, and the monitor left. */
static void test_moves(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	char written[256] = "";
	int other;
	struct world w;

	pve_open(&w, mine);
	pve_write(&w, 101, handed_over);
	start_guest(&w, &a, "101.qmp");
	until_known(&w, "web");
	run_until(&w, 1000, a.fd == -1);
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	/* It lies in the socket when the event's handler returns. */
	fake_on_accept(NULL, a.listener, 0, &a);
	assert_true(recv(a.fd, written, sizeof(written) - 1, MSG_PEEK) > 0);
	assert_non_null(strstr(written, "\"execute\":\"balloon\""));
	run_until(&w, 1000, a.balloons > 0);
	assert_in_range(a.target, 300 * MIB, 1024 * MIB - 1);
	run_until(&w, 1000, a.fd == -1);

	/* Somebody else has the monitor: the target waits for its turn. */
	fake_move(&a, a.target);
	other = client_open(&a);
	run_until(&w, 3000, a.fd >= 0 && recv(other, written, 1, MSG_DONTWAIT) == 1);
	a.balloons = 0;
	pve_reload(&w, "[daemon]\nmode = manage\n[guest web]\nmin = 200M\nmax = 200M\n");
	run_for(&w, 1500);
	assert_int_equal(a.balloons, 0);
	close(other);
	run_until(&w, 3000, a.balloons > 0 && a.target == 200 * MIB);
	fake_stop(&a, false);
	close_world(&w);
}

/* The kill switch ends the wait for a monitor at which others queue up. */
static void test_stopped_waiting(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	char path[96], text[256], byte;
	struct world w;
	int other[3];

	a.actual = 512 * MIB;
	a.total = 448 * MIB;
	a.available = a.free = 400 * MIB;
	pve_open(&w, "[daemon]\nmode = manage\n[guest web]\nmin = 200M\nmax = 512M\n");
	pve_write(&w, 101, handed_over);
	start_guest(&w, &a, "101.qmp");
	until_known(&w, "web");
	run_until(&w, 1000, a.fd == -1);
	other[0] = client_open(&a);
	run_until(&w, 3000, a.fd >= 0 && recv(other[0], &byte, 1, MSG_DONTWAIT) == 1);
	other[1] = client_open(&a);
	other[2] = client_open(&a);

	snprintf(path, sizeof(path), "%s/stop", w.folder);
	snprintf(text, sizeof(text),
		 "[daemon]\nmode = manage\nstop = %s\n[guest web]\nmin = 900M\nmax = 1G\n", path);
	pve_reload(&w, text);
	run_until(&w, 500, info_of(&w, "web").target >= 900 * MIB);
	write_text(path, "");
	run_until(&w, 500, manager_mode(w.manager) == MODE_OBSERVE);
	for (int i = 0; i < 3; i++)
		close(other[i]);
	run_for(&w, 1500);
	assert_int_equal(a.balloons, 0);
	assert_int_equal(unlink(path), 0);
	fake_stop(&a, false);
	close_world(&w);
}

static uint64_t msec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* A QEMU that greets and then hangs is left, so that others can try. */
static void test_leaves(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	unsigned int before;
	uint64_t since;
	struct world w;

	pve_open(&w, mine);
	pve_write(&w, 101, handed_over);
	start_guest(&w, &a, "101.qmp");
	until_known(&w, "web");
	a.mute = true;
	before = a.connections;
	pressure(&w, POLICY_LEVEL_MEDIUM, 400);
	run_until(&w, 3000, a.connections > before && a.fd >= 0);
	since = msec();
	while (a.fd >= 0)
		run_for(&w, 1);
	/* 44 ms; up to 640 on a machine that is busy with other things. */
	assert_in_range(msec() - since, 0, 1000);
	assert_non_null(manager_find(w.manager, "web"));
	a.mute = false;
	run_until(&w, 5000, info_of(&w, "web").class == POLICY_CLASS_REPORTING);
	fake_stop(&a, false);
	close_world(&w);
}

/* Somebody has the monitor when the guest is found: it is found later. */
static void test_busy(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;
	int other;

	pve_open(&w, mine);
	pve_write(&w, 101, handed_over);
	run_for(&w, 200);
	/* Before the daemon has turned to the event of the new socket. */
	start_guest(&w, &a, "101.qmp");
	other = client_open(&a);
	run_for(&w, 1400);
	assert_int_equal(manager_guest_count(w.manager), 0);
	assert_int_equal(a.connections, 1);
	close(other);
	find_guest(&w, "web");
	fake_stop(&a, false);
	close_world(&w);
}

/* A socket that nobody answers, and one that is no QMP monitor. */
static void test_bad_peers(_unused_ void **state)
{
	struct fake_qemu dead = idle_guest("a"), mail = idle_guest("b");
	struct fake_qemu good = idle_guest("c");
	struct world w;

	pve_open(&w, mine);
	pve_write(&w, 101, handed_over);
	mail.greeting = "220 mail.example.org ESMTP\r\n";
	start_guest(&w, &dead, "7.qmp");
	fake_stop(&dead, true);
	start_guest(&w, &mail, "8.qmp");
	start_guest(&w, &good, "101.qmp");
	find_guest(&w, "web");
	run_for(&w, 1000);
	assert_int_equal(manager_guest_count(w.manager), 1);
	assert_in_range(mail.connections, 1, 5);

	/* A guest that turns to garbage is dropped, and tried again. */
	good.greeting = mail.greeting;
	pressure(&w, POLICY_LEVEL_MEDIUM, 400);
	run_until(&w, 12000, !manager_guest_count(w.manager));
	good.greeting = NULL;
	find_guest(&w, "web");
	unlink(dead.path);
	fake_stop(&mail, false);
	fake_stop(&good, false);
	close_world(&w);
}

/* Who listens is a launcher, not its QEMU: the guest does not end with that. */
static void test_launcher_ends(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	pve_open(&w, mine);
	pve_write(&w, 101, handed_over);
	a.launched = true;
	start_guest(&w, &a, "101.qmp");
	guest_cost(&w, a.launcher, 14);
	until_known(&w, "web");
	assert_int_equal(find_guest(&w, "web")->pid, a.launcher);
	assert_true(find_guest(&w, "web")->proxied);
	assert_int_equal(kill(a.launcher, SIGKILL), 0);
	assert_int_equal(waitpid(a.launcher, NULL, 0), a.launcher);
	run_for(&w, 500);
	assert_int_equal(manager_guest_count(w.manager), 1);
	pressure(&w, POLICY_LEVEL_MEDIUM, 400);
	run_until(&w, 3000, a.balloons > 0);
	assert_int_equal(manager_guest_count(w.manager), 1);
	fake_stop(&a, false);
	close_world(&w);
}

/* A loaded host: answers come after 60 ms. It is adopted all the same, and moved. */
static void test_slow_monitor(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	pve_open(&w, mine);
	pve_write(&w, 101, handed_over);
	a.delay = 60;
	start_guest(&w, &a, "101.qmp");
	find_guest(&w, "web");
	run_until(&w, 8000, info_of(&w, "web").class == POLICY_CLASS_REPORTING);
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	run_until(&w, 3000, a.balloons > 0);
	assert_in_range(a.target, 300 * MIB, 1024 * MIB - 1);

	/* Fast again: the monitor is left as soon as ever. */
	a.delay = 0;
	run_for(&w, 2500);
	a.mute = true;
	run_until(&w, 5000, a.fd >= 0);
	for (int i = 0; i < 1000 && a.fd >= 0; i++)
		run_for(&w, 1);
	assert_int_equal(a.fd, -1);
	fake_stop(&a, false);
	close_world(&w);
}

/* Disks whose figures are no message that is taken: the guest stays one without them. */
static void test_many_disks(_unused_ void **state)
{
	static char disks[100000];
	struct fake_qemu a = idle_guest("a");
	const struct guest *g;
	struct world w;

	memset(disks, 'x', sizeof(disks) - 1);
	disks[0] = '[';
	disks[1] = disks[sizeof(disks) - 3] = '"';
	disks[sizeof(disks) - 2] = ']';
	pve_open(&w, mine);
	pve_write(&w, 101, handed_over);
	a.blockstats = disks;
	start_guest(&w, &a, "101.qmp");
	g = find_guest(&w, "web");
	until_known(&w, "web");
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	run_until(&w, 3000, a.balloons > 0);
	assert_ptr_equal(manager_find(w.manager, "web"), g);
	fake_stop(&a, false);
	close_world(&w);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_stopped_waiting),
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_bad_peers),
		cmocka_unit_test(test_launcher_ends),
		cmocka_unit_test(test_slow_monitor),
		cmocka_unit_test(test_many_disks),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_pve_monitor", tests, NULL, NULL);
}
