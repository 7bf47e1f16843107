// SPDX-License-Identifier: GPL-2.0
/* The backend "pve": whose a guest is, by its file and the daemon's configuration. */
#include "pve_world.h"

/* Not handed over, half, and whole; and taken back. */
static void test_hand_over(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("not asked for");
	const struct guest *g;
	struct world w;

	pve_open(&w, "[guest *]\nmax = 75%\n");
	pve_write(&w, 101, "balloon: 512\nmemory: 1024\nname: web\nshares: 2000\n");
	a.reporting = true;
	a.period = 2;
	start_guest(&w, &a, "101.qmp");
	g = find_guest(&w, "web");
	assert_string_equal(g->ops->backend, "pve");
	assert_string_equal(g->alias, "101");
	assert_int_equal(g->memory, 1024 * MIB);
	assert_int_equal(g->actual, 1024 * MIB);
	assert_true(g->has_balloon);
	assert_int_equal(g->traits, GUEST_FREE_PAGE_REPORTING);
	assert_non_null(strstr(g->observed, "'qm set 101 --shares 0'"));
	assert_non_null(strstr(g->observed, "[guest 101]"));
	run_until(&w, 1000, info_of(&w, "web").class == POLICY_CLASS_UNMANAGED);
	/* Its range is Proxmox VE's, but for what is set for all guests. */
	assert_int_equal(g->limits.min, 512 * MIB);
	assert_int_equal(g->limits.max, 768 * MIB);
	assert_int_equal(g->limits.shares, 2000);

	/* pvestatd stops moving it: inotify reports it at once. */
	pve_write(&w, 101, handed_over);
	run_until(&w, 2000, strstr(g->observed, "pvestatd does not move it"));
	assert_null(strstr(g->observed, "qm set"));

	/* Named too: it is ours, and the range is our configuration's. */
	pve_reload(&w, mine);
	g = manager_find(w.manager, "web");
	assert_null(g->observed);
	assert_int_equal(g->limits.min, 300 * MIB);
	assert_int_equal(g->limits.max, 1024 * MIB);
	assert_int_equal(g->limits.shares, 7);
	run_until(&w, 3000, info_of(&w, "web").class == POLICY_CLASS_REPORTING);

	pve_write(&w, 101, "balloon: 512\nmemory: 1024\nname: web\n");
	run_until(&w, 2000, g->observed);
	assert_non_null(strstr(g->observed, "'qm set 101 --shares 0'"));
	assert_null(strstr(g->observed, "[guest 101]"));
	run_until(&w, 1000, info_of(&w, "web").class == POLICY_CLASS_UNMANAGED);
	assert_int_equal(a.balloons, 0);
	fake_stop(&a, false);
	close_world(&w);
}

/* Observed only: nothing is written, however short memory is. */
static void test_observed(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	struct world w;

	pve_open(&w, mine);
	pve_write(&w, 101, "balloon: 512\nmemory: 1024\nname: web\n");
	pve_write(&w, 102, "balloon: 512\nmemory: 1024\nname: db\nshares: 0\n");
	start_guest(&w, &a, "101.qmp");
	start_guest(&w, &b, "102.qmp");
	find_guest(&w, "web");
	find_guest(&w, "db");
	run_for(&w, 200);
	pressure(&w, POLICY_LEVEL_CRITICAL, 100);
	run_for(&w, 1200);
	assert_int_equal(a.balloons + b.balloons, 0);
	fake_stop(&a, false);
	fake_stop(&b, false);
	close_world(&w);
}

/* qemu-server sets the size of its own file at a guest's start: so be it. */
static void test_external_writer(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	pve_open(&w, "[guest 101]\nmin = 300M\n");
	pve_write(&w, 101, handed_over);
	start_guest(&w, &a, "101.qmp");
	until_known(&w, "web");
	a.actual = 512 * MIB;
	pressure(&w, POLICY_LEVEL_LOW, 600);
	run_until(&w, 12000, info_of(&w, "web").target == 512 * MIB);
	assert_int_equal(manager_find(w.manager, "web")->actual, 512 * MIB);
	assert_int_equal(a.balloons, 0);
	fake_stop(&a, false);
	close_world(&w);
}

static void test_vmid_reused(_unused_ void **state)
{
	struct fake_qemu old = idle_guest("a"), new = idle_guest("b");
	struct world w;
	pid_t pid;

	pve_open(&w, mine);
	pve_write(&w, 101, handed_over);
	old.other_process = new.other_process = true;
	start_guest(&w, &old, "101.qmp");
	until_known(&w, "web");
	pid = manager_find(w.manager, "web")->pid;
	assert_int_not_equal(pid, getpid());

	/* Destroyed, and made anew with another memory and the same name. */
	fake_stop(&old, true);
	unlink(old.path);
	new.memory = 2048 * MIB;
	start_guest(&w, &new, "101.qmp");
	pressure(&w, POLICY_LEVEL_LOW, 600);
	run_until(&w, 3000,
		  manager_find(w.manager, "web") &&
			  manager_find(w.manager, "web")->memory == 2048 * MIB);
	assert_int_equal(manager_guest_count(w.manager), 1);
	assert_int_not_equal(manager_find(w.manager, "web")->pid, pid);
	fake_stop(&new, false);
	close_world(&w);
}

/* qemu-server's lock says it before QEMU does. */
static void test_migration(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct world w;

	pve_open(&w, mine);
	pve_write(&w, 101, handed_over);
	start_guest(&w, &a, "101.qmp");
	until_known(&w, "web");
	pve_write(&w, 101, "lock: migrate\nmemory: 1024\nname: web\nshares: 0\n");
	run_until(&w, 2000, info_of(&w, "web").class == POLICY_CLASS_FROZEN);
	pressure(&w, POLICY_LEVEL_CRITICAL, 100);
	run_for(&w, 1500);
	assert_int_equal(a.balloons, 0);
	pve_write(&w, 101, handed_over);
	run_until(&w, 5000, a.balloons > 0);

	/* And QEMU says it, where nobody took the lock. */
	a.migration = "active";
	run_until(&w, 5000, info_of(&w, "web").class == POLICY_CLASS_FROZEN);
	fake_stop(&a, false);
	close_world(&w);
}

static void test_files(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), none = idle_guest("b");
	const struct guest *g;
	struct world w;
	char path[128];

	pve_open(&w, mine);
	/* No file at all: by its number, and only observed. */
	start_guest(&w, &a, "101.qmp");
	start_guest(&w, &none, "101.mon.qmp");
	g = find_guest(&w, "101");
	assert_non_null(strstr(g->observed, "no file 101.conf"));

	/* Its file comes, and with it a name. */
	pve_write(&w, 101, handed_over);
	g = find_guest(&w, "web");
	assert_null(g->observed);
	assert_int_equal(manager_guest_count(w.manager), 1);

	/* Half written: what was known stays, until nothing more comes. */
	pve_path(&w, path, 101);
	write_text(path, "balloon: 512\nmemory: 1024\nname: web\nsha");
	run_for(&w, 250);
	assert_null(g->observed);
	run_until(&w, 3000, g->observed);
	write_text(path, handed_over);
	run_until(&w, 3000, !g->observed);
	write_text(path, "");
	run_for(&w, 250);
	assert_null(g->observed);
	write_text(path, handed_over);

	/* Another name, and no file again. */
	pve_write(&w, 101, "memory: 1024\nname: shop\nshares: 0\n");
	find_guest(&w, "shop");
	assert_int_equal(unlink(path), 0);
	find_guest(&w, "101");
	assert_int_equal(manager_guest_count(w.manager), 1);
	assert_int_equal(none.connections, 0);

	/* Without the backend its guests are released. */
	pve_reload(&w, "[backend pve]\nguests =\n");
	assert_int_equal(manager_guest_count(w.manager), 0);
	fake_stop(&a, false);
	fake_stop(&none, false);
	close_world(&w);
}

static void test_no_balloon(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	const struct guest *g;
	struct world w;

	pve_open(&w, mine);
	pve_write(&w, 101, "balloon: 0\nmemory: 1024\nname: web\nshares: 0\n");
	a.no_balloon = true;
	start_guest(&w, &a, "101.qmp");
	g = find_guest(&w, "web");
	assert_false(g->has_balloon);
	assert_non_null(strstr(g->observed, "balloon: 0 in its 101.conf"));
	pressure(&w, POLICY_LEVEL_CRITICAL, 100);
	run_for(&w, 1500);
	assert_int_equal(a.balloons + a.polls, 0);
	fake_stop(&a, false);
	close_world(&w);
}

/* What its file promises holds after the hand-over too. */
static void test_keeps_minimum(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	const struct guest *g;
	struct world w;

	pve_open(&w, "[daemon]\nmode = manage\n[guest 101]\nshares = 7\n");
	pve_write(&w, 101, "balloon: 700\nmemory: 1024\nname: web\nshares: 0\n");
	start_guest(&w, &a, "101.qmp");
	g = find_guest(&w, "web");
	assert_null(g->observed);
	assert_int_equal(g->limits.min, 700 * MIB);
	assert_int_equal(g->limits.shares, 7);
	/* Changed while it runs. */
	pve_write(&w, 101, "balloon: 800\nmemory: 1024\nname: web\nshares: 0\n");
	run_until(&w, 2000, g->limits.min == 800 * MIB);
	pve_reload(&w, mine);
	assert_int_equal(g->limits.min, 300 * MIB);
	fake_stop(&a, false);
	close_world(&w);
}

/* An editor dropped what kept pvestatd away, and pvestatd's minimum with it. */
static void test_dropped_keys(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	const struct guest *g;
	struct world w;

	pve_open(&w, mine);
	pve_write(&w, 101, handed_over);
	start_guest(&w, &a, "101.qmp");
	g = find_guest(&w, "web");
	pve_write(&w, 101, "memory: 1024\nname: web\n");
	run_for(&w, 800);
	/* Nobody else moves it. */
	assert_null(g->observed);
	fake_stop(&a, false);
	close_world(&w);
}

/* Let go of while it is squeezed: it gets its memory back first. */
static void test_leaves_whole(_unused_ void **state)
{
	static const char none[] = "[daemon]\nmode = manage\n";
	struct fake_qemu a = idle_guest("a");
	const struct guest *g;
	struct world w;

	pve_open(&w, "[daemon]\nmode = manage\n[policy]\nreversal = 1s\n[guest 101]\nmin = 300M\n");
	pve_write(&w, 101, "memory: 1024\nname: web\nshares: 0\n");
	start_guest(&w, &a, "101.qmp");
	until_known(&w, "web");
	g = find_guest(&w, "web");
	pressure(&w, POLICY_LEVEL_CRITICAL, 150);
	run_until(&w, 2000, a.balloons > 0);
	a.total = a.available = a.free = a.target;
	a.actual = a.target;
	run_until(&w, 4000, g->actual < 1024 * MIB);
	pressure(&w, POLICY_LEVEL_NONE, 3500);
	pve_reload(&w, none);
	assert_null(g->observed);
	assert_int_equal(g->limits.min, 1024 * MIB);
	for (int i = 0; i < 120 && !g->observed; i++) {
		run_for(&w, 100);
		a.total = a.available = a.free = a.actual = a.target;
	}
	assert_int_equal(a.target, 1024 * MIB);
	run_until(&w, 12000, g->observed);
	assert_non_null(strstr(g->observed, "[guest 101]"));
	assert_int_equal(g->actual, 1024 * MIB);
	fake_stop(&a, false);
	close_world(&w);
}

/* 'qm set --memory' plugs DIMMs; the file and QEMU say so in either order. */
static void test_hotplug(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	const struct guest *g;
	struct world w;

	pve_open(&w, mine);
	pve_write(&w, 101, handed_over);
	a.dimms = 1024 * MIB;
	a.actual = 2048 * MIB;
	a.total = 1960 * MIB;
	start_guest(&w, &a, "101.qmp");
	until_known(&w, "web");
	g = find_guest(&w, "web");
	assert_int_equal(g->memory, 2048 * MIB);
	a.dimms = 2048 * MIB;
	a.actual = 3072 * MIB;
	a.total = 2960 * MIB;
	pve_write(&w, 101, "balloon: 512\nmemory: 3072\nname: web\nshares: 0\n");
	run_until(&w, 2000, g->memory == 3072 * MIB);
	assert_int_equal(g->actual, 3072 * MIB);
	assert_int_equal(g->limits.max, 3072 * MIB);
	/* Seen by the balloon alone. */
	a.dimms = 3072 * MIB;
	a.actual = 4096 * MIB;
	pressure(&w, POLICY_LEVEL_LOW, 700);
	run_until(&w, 12000, g->memory == 4096 * MIB);
	assert_int_equal(a.balloons, 0);
	fake_stop(&a, false);
	close_world(&w);
}

/* Two guests of one name: both are what the section says, whoever is first. */
static void test_same_name(_unused_ void **state)
{
	static const char both[] = "[daemon]\nmode = manage\n[guest web]\nmin = 700M\nshares = 9\n";
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	struct world w;

	pve_open(&w, both);
	a.other_process = true;
	pve_write(&w, 101, handed_over);
	pve_write(&w, 102, handed_over);
	start_guest(&w, &b, "102.qmp");
	find_guest(&w, "web");
	start_guest(&w, &a, "101.qmp");
	run_until(&w, 2000, manager_guest_count(w.manager) == 2);
	/* A change of its file does not take it out of its section. */
	pve_write(&w, 101, "balloon: 600\nmemory: 1024\nname: web\nshares: 0\n");
	run_for(&w, 800);
	for (size_t i = 0; i < 2; i++) {
		assert_null(manager_guest(w.manager, i)->observed);
		assert_int_equal(manager_guest(w.manager, i)->limits.min, 700 * MIB);
		assert_int_equal(manager_guest(w.manager, i)->limits.shares, 9);
	}
	fake_stop(&a, false);
	fake_stop(&b, false);
	close_world(&w);
}

/* A file that a crash has emptied, or left full of zeros, says nothing: what it said holds. */
static void test_emptied(_unused_ void **state)
{
	static const char zeros[512];
	struct fake_qemu a = idle_guest("a");
	const struct guest *g;
	char path[128];
	struct world w;
	FILE *f;

	pve_open(&w, "[daemon]\nmode = manage\n[guest 101]\nshares = 7\n");
	pve_write(&w, 101, handed_over);
	start_guest(&w, &a, "101.qmp");
	g = find_guest(&w, "web");
	assert_int_equal(g->limits.min, 512 * MIB);
	for (int i = 0; i < 2; i++) {
		pve_path(&w, path, 101);
		f = fopen(path, "w");
		assert_non_null(f);
		assert_int_equal(fwrite(zeros, 1, i * sizeof(zeros), f), i * sizeof(zeros));
		assert_int_equal(fclose(f), 0);
		run_for(&w, 1500);
		assert_ptr_equal(manager_find(w.manager, "web"), g);
		assert_int_equal(g->limits.min, 512 * MIB);
		assert_null(g->observed);
	}
	pve_write(&w, 101, "balloon: 600\nmemory: 1024\nname: web\nshares: 0\n");
	run_until(&w, 2000, g->limits.min == 600 * MIB);
	fake_stop(&a, false);
	close_world(&w);
}

/* As `qm start` names it. */
static void test_reserved_by_vmid(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct policy_reserve_status s;
	unsigned int id;
	struct world w;

	pve_open(&w, mine);
	pve_write(&w, 101, handed_over);
	run_for(&w, 50);
	assert_int_equal(manager_reserve(w.manager, 512 * MIB, "101", 600, &id, &s), 0);
	guest_cost(&w, getpid(), 200);
	start_guest(&w, &a, "101.qmp");
	find_guest(&w, "web");
	assert_int_equal(manager_reservation(w.manager, id, &s), 0);
	assert_int_equal(s.state, POLICY_RESERVE_STARTED);
	fake_stop(&a, false);
	close_world(&w);
}

/* What keeps its memory in place, by QEMU or by what somebody wrote himself. */
static void test_pinned(_unused_ void **state)
{
	static const char *const confs[] = {
		"args: -device 'vfio-pci,host=0000:00:02.0,id=hostpci9'\n",
		"args: -mem-path /dev/hugepages -overcommit mem-lock=on\n",
		"hostpci0: 01:00.0,mdev=nvidia-63\n",
		"",
	};
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(confs); i++) {
		struct fake_qemu a = idle_guest("a");
		struct world w;

		pve_open(&w, mine);
		snprintf(text, sizeof(text), "%s%s", confs[i], handed_over);
		pve_write(&w, 101, text);
		a.vfio = !*confs[i];
		a.memdev = "[{\"merge\": false}]";
		start_guest(&w, &a, "101.qmp");
		assert_non_null(guest_pinned(find_guest(&w, "web")));
		assert_non_null(strstr(find_guest(&w, "web")->unmergeable, "merge=off"));
		run_until(&w, 1000, info_of(&w, "web").class == POLICY_CLASS_PINNED);
		assert_int_equal(info_of(&w, "web").exposure, 0);
		pressure(&w, POLICY_LEVEL_CRITICAL, 100);
		run_for(&w, 500);
		assert_int_equal(a.balloons, 0);
		fake_stop(&a, false);
		close_world(&w);
	}
}

static bool trusts(struct world *w, const char *name)
{
	return !strcmp(find_guest(w, "web")->limits.trust, name);
}

/* By a setting, its pool is its trust domain, unless it has a tag or a section says more. */
static void test_pool(_unused_ void **state)
{
	struct fake_qemu f = idle_guest("web");
	char users[128], config[512], path[128];
	struct world w;

	pve_open(&w, mine);
	snprintf(users, sizeof(users), "%s/user.cfg", w.folder);
	snprintf(config, sizeof(config), "pools = %s\n%s", users, mine);
	write_text(users, "user:root@pam:1:0:::::\npool:acme::100,101::\n");
	pve_write(&w, 101, handed_over);
	start_guest(&w, &f, "101.qmp");
	assert_true(trusts(&w, ""));
	pve_reload(&w, config);
	run_until(&w, 20000, manager_find(w.manager, "web") && trusts(&w, "acme"));
	/* Read with the files of guests. */
	write_text(users, "pool:acme::100::\npool:other/x::101::\n");
	pve_write(&w, 101, handed_over);
	run_until(&w, 20000, trusts(&w, "other/x"));
	/* A file that is gone says nothing. */
	assert_int_equal(unlink(users), 0);
	pve_write(&w, 101, "balloon: 512\nmemory: 1024\nname: web\nshares: 0\ntags: a;trust-tag\n");
	run_until(&w, 20000, trusts(&w, "tag"));
	pve_write(&w, 101, handed_over);
	run_until(&w, 20000, trusts(&w, "other/x"));
	snprintf(config, sizeof(config), "pools = %s\n%strust = mine\n", users, mine);
	pve_reload(&w, config);
	assert_true(trusts(&w, "mine"));
	/* One that never was: nobody is known to trust it. */
	snprintf(config, sizeof(config), "pools = %s.not\n%s", users, mine);
	pve_reload(&w, config);
	run_until(&w, 20000, manager_find(w.manager, "web") && trusts(&w, "vmid-101"));
	pve_path(&w, path, 101);
	assert_int_equal(unlink(path), 0);
	fake_stop(&f, false);
	close_world(&w);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hand_over),
		cmocka_unit_test(test_observed),
		cmocka_unit_test(test_external_writer),
		cmocka_unit_test(test_vmid_reused),
		cmocka_unit_test(test_migration),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_no_balloon),
		cmocka_unit_test(test_keeps_minimum),
		cmocka_unit_test(test_dropped_keys),
		cmocka_unit_test(test_leaves_whole),
		cmocka_unit_test(test_hotplug),
		cmocka_unit_test(test_same_name),
		cmocka_unit_test(test_emptied),
		cmocka_unit_test(test_reserved_by_vmid),
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_pool),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_pve", tests, NULL, NULL);
}
