// SPDX-License-Identifier: GPL-2.0
/*
 * What the daemon does to ksmd, when and when not, and what it leaves behind.  The
 * files are plain ones here; real ones are in the lab.
 */
#include "ksm_world.h"

/* A daemon that was killed leaves its note, and ksmd as it was then. */
static void killed(struct world *w)
{
	char copy[160], command[1024];

	snprintf(copy, sizeof(copy), "%s/copy", w->folder);
	snprintf(command, sizeof(command),
		 "mkdir %s && cp -r %s/kernel/mm/ksm/. %s && cp %s %s/note", copy, w->sys, copy,
		 note(w), copy);
	assert_int_equal(system(command), 0);
	stop_daemon(w);
	snprintf(command, sizeof(command),
		 "mv %s/note %s && cp -r %s/. %s/kernel/mm/ksm/ && rm -r %s", copy, note(w), copy,
		 w->sys, copy);
	assert_int_equal(system(command), 0);
}

static void test_report(_unused_ void **state)
{
	struct world w;

	open_ksm(&w, "[daemon]\nmode = manage\n", true);
	press(&w);
	assert_true(ksm_is(&w, "run", "0"));
	assert_true(ksm_is(&w, "pages_to_scan", "100"));
	assert_true(ksm_is(&w, "advisor_mode", "none [scan-time]"));
	assert_false(has_note(&w));
	assert_string_equal(ksm_of(&w).mode, "report");
	assert_string_equal(ksm_of(&w).driver, "the kernel's advisor");
	run_until(&w, 20000, ksm_of(&w).reason);
	/* Nor does a daemon that observes. */
	reconfigure(&w, "[ksm]\nmode = manage\n");
	press(&w);
	assert_true(ksm_is(&w, "run", "0"));
	close_world(&w);
}

static void test_manage(_unused_ void **state)
{
	struct world w;

	open_ksm(&w, MANAGE "max_cpu = 50%\n", true);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	assert_true(ksm_is(&w, "advisor_mode", "none"));
	assert_true(has_note(&w));
	assert_string_equal(ksm_of(&w).driver, "dynmemd");
	press(&w);
	/* n pages of 2 us in n * 2 us + 20 ms are half of it. */
	run_until(&w, 20000, ksm_is(&w, "pages_to_scan", "10000"));
	assert_true(ksm_is(&w, "sleep_millisecs", "20"));
	stop_daemon(&w);
	assert_true(ksm_is(&w, "run", "0"));
	assert_true(ksm_is(&w, "pages_to_scan", "100"));
	assert_true(ksm_is(&w, "advisor_mode", "scan-time"));
	assert_false(has_note(&w));
	daemon_start(&w, false);
	close_world(&w);
}

static void test_without_advisor(_unused_ void **state)
{
	struct world w;

	open_ksm(&w, MANAGE, false);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	assert_int_equal(access(ksm_path(&w, "advisor_mode"), F_OK), -1);
	/* Reading the configuration anew ends it as well. */
	reconfigure(&w, "[daemon]\nmode = manage\n");
	run_until(&w, 20000, ksm_is(&w, "run", "0"));
	assert_true(ksm_is(&w, "pages_to_scan", "100"));
	run_until(&w, 20000, !has_note(&w));
	close_world(&w);
}

static void test_killed(_unused_ void **state)
{
	struct world w;

	open_ksm(&w, MANAGE, true);
	press(&w);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	killed(&w);
	assert_true(ksm_is(&w, "run", "1"));

	/* The next one goes on, and what it puts back is what the first one found. */
	daemon_start(&w, false);
	press(&w);
	run_until(&w, 20000, !strcmp(ksm_of(&w).driver, "dynmemd"));
	killed(&w);

	/* One that only reports puts it back at once. */
	reconfigure(&w, "");
	daemon_start(&w, false);
	run_until(&w, 20000, !has_note(&w));
	assert_true(ksm_is(&w, "run", "0"));
	assert_true(ksm_is(&w, "pages_to_scan", "100"));
	assert_true(ksm_is(&w, "advisor_mode", "scan-time"));
	close_world(&w);
}

/* What an administrator has set since is not put back. */
static void test_killed_and_changed(_unused_ void **state)
{
	struct world w;

	open_ksm(&w, MANAGE, false);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	killed(&w);
	ksm_set(&w, "pages_to_scan", "4711\n");
	reconfigure(&w, "");
	daemon_start(&w, false);
	run_until(&w, 20000, ksm_is(&w, "run", "0"));
	assert_true(ksm_is(&w, "pages_to_scan", "4711"));
	close_world(&w);
}

/* After a reboot ksmd is as the kernel has it: there is nothing to put back. */
static void test_other_boot(_unused_ void **state)
{
	char path[160];
	struct world w;

	open_ksm(&w, MANAGE, false);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	killed(&w);
	snprintf(path, sizeof(path), "%s/sys/kernel/random/boot_id", w.folder);
	write_text(path, "00000000-0b6a-4a59-a9b0-95ac0e47e3a1\n");
	reconfigure(&w, "");
	daemon_start(&w, false);
	run_for(&w, 300);
	assert_true(ksm_is(&w, "run", "1"));
	/* A note that is none is no reason to fail. */
	daemon_stop(&w);
	write_text(note(&w), "dynmem-ksm 1 x\nrun 2 2");
	daemon_start(&w, false);
	run_for(&w, 300);
	assert_true(ksm_is(&w, "run", "1"));
	close_world(&w);
}

static void test_rival(_unused_ void **state)
{
	struct world w;

	open_ksm(&w, MANAGE, true);
	press(&w);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	ksm_set(&w, "pages_to_scan", "555\n");
	press(&w);
	run_until(&w, 20000, strstr(ksm_of(&w).driver, "administrator"));
	assert_true(ksm_is(&w, "pages_to_scan", "555"));
	pressure(&w, POLICY_LEVEL_NONE, 3500);
	press(&w);
	assert_true(ksm_is(&w, "pages_to_scan", "555"));

	/* The operator says so: it is ours again, and what was left is what was found. */
	reconfigure(&w, MANAGE);
	run_until(&w, 20000, !ksm_is(&w, "pages_to_scan", "555"));
	assert_string_equal(ksm_of(&w).driver, "dynmemd");
	stop_daemon(&w);
	assert_true(ksm_is(&w, "pages_to_scan", "555"));
	assert_true(ksm_is(&w, "run", "0"));
	daemon_start(&w, false);
	close_world(&w);
}

static void test_ksmtuned(_unused_ void **state)
{
	char path[160];
	struct world w;

	open_ksm(&w, "", false);
	snprintf(path, sizeof(path), "%s/4194305", w.folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/4194305/comm", w.folder);
	write_text(path, "ksmtuned\n");
	/* Where nothing is set it is named as well. */
	assert_string_equal(ksm_of(&w).mode, "report");
	reconfigure(&w, "");
	assert_string_equal(ksm_of(&w).driver, "ksmtuned (pid 4194305)");
	reconfigure(&w, MANAGE);
	press(&w);
	run_until(&w, 20000, !strcmp(ksm_of(&w).driver, "ksmtuned (pid 4194305)"));
	assert_true(ksm_is(&w, "run", "0"));
	assert_false(has_note(&w));
	assert_int_equal(unlink(path), 0);
	reconfigure(&w, MANAGE);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	close_world(&w);
}

/* An unmerge of an administrator's is left alone. */
static void test_unmerge(_unused_ void **state)
{
	struct world w;

	open_ksm(&w, "", false);
	ksm_set(&w, "run", "2\n");
	reconfigure(&w, MANAGE);
	press(&w);
	run_for(&w, 500);
	assert_true(ksm_is(&w, "run", "2"));
	assert_true(ksm_is(&w, "pages_to_scan", "100"));
	close_world(&w);
}

static void test_kill_switch(_unused_ void **state)
{
	char stop[128], config[256];
	struct world w;

	open_ksm(&w, "", false);
	snprintf(stop, sizeof(stop), "%s/stop", w.folder);
	snprintf(config, sizeof(config),
		 "[daemon]\nstop = %s\nmode = manage\n[ksm]\nmode = manage\n", stop);
	reconfigure(&w, config);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	write_text(stop, "");
	run_until(&w, 20000, ksm_is(&w, "run", "0"));
	assert_true(ksm_is(&w, "pages_to_scan", "100"));
	press(&w);
	assert_true(ksm_is(&w, "run", "0"));
	assert_int_equal(unlink(stop), 0);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	close_world(&w);
}

static void test_refused(_unused_ void **state)
{
	struct world w;

	open_ksm(&w, "", false);
	/* One that cannot be written, not even by root. */
	assert_int_equal(unlink(ksm_path(&w, "sleep_millisecs")), 0);
	assert_int_equal(symlink("/proc/sys/kernel/ngroups_max", ksm_path(&w, "sleep_millisecs")),
			 0);
	reconfigure(&w, MANAGE);
	run_until(&w, 20000, *ksm_of(&w).error);
	assert_non_null(strstr(ksm_of(&w).error, "kernel/mm/ksm/sleep_millisecs: "));
	assert_true(ksm_is(&w, "run", "0"));
	close_world(&w);
}

/* Without a place for the note nothing is written. */
static void test_no_disk(_unused_ void **state)
{
	char command[256];
	struct world w;

	open_ksm(&w, "", false);
	run_for(&w, 100);
	daemon_stop(&w);
	snprintf(command, sizeof(command), "rm -rf %s/lib && touch %s/lib", w.folder, w.folder);
	assert_int_equal(system(command), 0);
	reconfigure(&w, MANAGE);
	daemon_start(&w, false);
	run_until(&w, 20000, *ksm_of(&w).error);
	assert_non_null(strstr(ksm_of(&w).error, "lib/state.ksm: "));
	assert_true(ksm_is(&w, "run", "0"));
	close_world(&w);
}

static void test_no_ksm(_unused_ void **state)
{
	struct host_record r = { 0 };
	struct world w;

	open_world(&w, MANAGE);
	press(&w);
	manager_read_ksm(w.manager, &r);
	assert_false(r.present & HOST_HAS_KSM_RUN);
	run_until(&w, 20000, ksm_of(&w).reason);
	assert_string_equal(ksm_of(&w).reason, "this kernel has no KSM");
	close_world(&w);
}

/* Two processes of 100 merged pages each, of which the host keeps 80; and zero pages. */
static void test_savings(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct guest_record cost;
	struct manager_ksm k;
	char path[160];
	struct world w;

	open_ksm(&w, "", false);
	ksm_set(&w, "run", "1\n");
	ksm_set(&w, "pages_shared", "80\n");
	ksm_set(&w, "pages_sharing", "120\n");
	ksm_set(&w, "ksm_zero_pages", "7\n");
	snprintf(path, sizeof(path), "%s/%d/ksm_stat", w.folder, (int)getpid());
	write_text(
		path,
		"ksm_rmap_items 900\nksm_zero_pages 7\nksm_merging_pages 100\nksm_process_profit 1\n");
	start_guest(&w, &a, "a.sock");
	run_until(&w, 20000, manager_find(w.manager, "a"));
	manager_read_cost(w.manager, manager_find(w.manager, "a"), &cost);
	assert_true(cost.present & GUEST_HAS_KSM_SAVED);
	assert_int_equal(cost.ksm_saved, (60 + 7) * 4096);
	press(&w);
	run_until(&w, 20000, (manager_ksm(w.manager, &k), k.guests));
	assert_int_equal(k.guests, (60 + 7) * 4096);
	assert_int_equal(manager_host_record(w.manager)->ksm.saved, (120 + 7) * 4096);
	assert_null(manager_unmerged(w.manager, manager_find(w.manager, "a")));
	fake_stop(&a, false);
	close_world(&w);
}

/* Kernels before 6.5 have two files. */
static void test_savings_of_old(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct guest_record cost;
	char path[160];
	struct world w;

	open_ksm(&w, "", false);
	ksm_set(&w, "pages_shared", "1\n");
	ksm_set(&w, "pages_sharing", "1\n");
	snprintf(path, sizeof(path), "%s/%d/ksm_stat", w.folder, (int)getpid());
	write_text(path, "ksm_rmap_items 900\n");
	snprintf(path, sizeof(path), "%s/%d/ksm_merging_pages", w.folder, (int)getpid());
	write_text(path, "50\n");
	start_guest(&w, &a, "a.sock");
	run_until(&w, 20000, manager_find(w.manager, "a"));
	manager_read_cost(w.manager, manager_find(w.manager, "a"), &cost);
	assert_int_equal(cost.ksm_saved, 25 * 4096);
	assert_string_equal(manager_unmerged(w.manager, manager_find(w.manager, "a")),
			    "ksmd is stopped (run = 0)");
	fake_stop(&a, false);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_manage),
		cmocka_unit_test(test_without_advisor),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_killed_and_changed),
		cmocka_unit_test(test_other_boot),
		cmocka_unit_test(test_rival),
		cmocka_unit_test(test_ksmtuned),
		cmocka_unit_test(test_unmerge),
		cmocka_unit_test(test_kill_switch),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_disk),
		cmocka_unit_test(test_no_ksm),
		cmocka_unit_test(test_savings),
		cmocka_unit_test(test_savings_of_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
