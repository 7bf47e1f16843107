// SPDX-License-Identifier: GPL-2.0
/* Guests that are not merged: since they do not trust each other, and why else. */
#include "ksm_world.h"

#define TRUST "[guest a]\ntrust = acme\n[guest b]\ntrust = other\n"

/* In another turn of the event loop, since what is read holds for one. */
static const char *why(struct world *w, const char *name)
{
	const char *text;

	run_for(w, 2);
	text = manager_unmerged(w->manager, manager_find(w->manager, name));
	return text ? text : "";
}

static void start_two(struct world *w, struct fake_qemu *a, struct fake_qemu *b)
{
	start_guest(w, a, "a.sock");
	start_guest(w, b, "b.sock");
	run_until(w, 20000, manager_find(w->manager, "a") && manager_find(w->manager, "b"));
}

static void test_trust(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	struct world w;

	open_ksm(&w, "", false);
	reconfigure(&w, MANAGE TRUST);
	start_guest(&w, &a, "a.sock");
	run_until(&w, 20000, manager_find(w.manager, "a"));
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	assert_string_equal(ksm_of(&w).alert, "");

	start_guest(&w, &b, "b.sock");
	run_until(&w, 20000, manager_find(w.manager, "b"));
	run_until(&w, 20000, ksm_is(&w, "run", "0"));
	assert_non_null(strstr(ksm_of(&w).alert, "a (acme) and b (other); ksmd is stopped"));
	press(&w);
	assert_true(ksm_is(&w, "run", "0"));
	assert_non_null(strstr(why(&w, "a"), "another trust domain"));

	/* It may be allowed, ... */
	reconfigure(&w, MANAGE "across = yes\n" TRUST);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	assert_string_equal(ksm_of(&w).alert, "");

	/* ... and where it is only reported, nothing is stopped: it is an alert if ksmd runs. */
	reconfigure(&w, "[daemon]\nmode = manage\n" TRUST);
	run_until(&w, 20000, !has_note(&w));
	press(&w);
	assert_true(ksm_is(&w, "run", "0"));
	assert_string_equal(ksm_of(&w).alert, "");
	/* That it is stopped has another reason then. */
	assert_string_equal(why(&w, "a"), "ksmd is stopped (run = 0)");
	ksm_set(&w, "run", "1\n");
	press(&w);
	run_until(&w, 20000, *ksm_of(&w).alert);
	assert_non_null(strstr(ksm_of(&w).alert, "; ksmd runs, set by fixed settings"));
	assert_true(ksm_is(&w, "run", "1"));

	/* Back to where it is managed: until one of them goes. */
	reconfigure(&w, MANAGE TRUST);
	run_until(&w, 20000, ksm_is(&w, "run", "0"));
	fake_stop(&b, false);
	run_until(&w, 20000, !manager_find(w.manager, "b"));
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	fake_stop(&a, false);
	close_world(&w);
}

/* What another program sets is left to it: then the report must not be that ksmd is stopped. */
static void test_trust_and_rival(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	char path[160], comm[192];
	struct world w;

	open_ksm(&w, "", false);
	ksm_set(&w, "run", "1\n");
	snprintf(path, sizeof(path), "%s/4194305", w.folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(comm, sizeof(comm), "%s/comm", path);
	write_text(comm, "ksmtuned\n");
	reconfigure(&w, MANAGE TRUST);
	press(&w);
	start_two(&w, &a, &b);
	run_until(&w, 20000,
		  strstr(ksm_of(&w).alert, "; ksmd runs, set by ksmtuned (pid 4194305)"));
	press(&w);
	assert_true(ksm_is(&w, "run", "1"));
	assert_non_null(strstr(ksm_of(&w).alert, "a (acme) and b (other); ksmd runs"));
	/* That has ended. */
	assert_int_equal(unlink(comm), 0);
	reconfigure(&w, MANAGE TRUST);
	run_until(&w, 20000, ksm_is(&w, "run", "0"));
	assert_non_null(strstr(ksm_of(&w).alert, "; ksmd is stopped"));
	fake_stop(&a, false);
	fake_stop(&b, false);
	close_world(&w);
}

/* No process has this number: the largest is 4194304. */
static void program_file(struct world *w, const char *file, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/4194305", w->folder);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/4194305/%s", w->folder, file);
	write_text(path, text);
}

/* The configuration is read anew twice: each time it is searched for programs. */
static void look_twice(struct world *w, const char *config)
{
	reconfigure(w, config);
	run_for(w, 200);
	reconfigure(w, config);
}

/* A program that asked for merging is of its slice's domain. */
static void test_trust_of_programs(_unused_ void **state)
{
	static const char acme[] = MANAGE "[guest *]\ntrust = acme\n";
	static const char theirs[] = MANAGE "[guest *]\ntrust = user-1000.slice\n";
	struct fake_qemu a = idle_guest("a");
	struct world w;

	open_ksm(&w, "", false);
	start_guest(&w, &a, "a.sock");
	run_until(&w, 20000, manager_find(w.manager, "a"));
	/* The guest's own process is none. */
	guest_cost(&w, getpid(), 900);
	program_file(&w, "comm", "perl\n");
	program_file(&w, "cgroup", "3:cpu:/x.slice\n0::/user.slice/user-1000.slice/a.scope\n");
	program_file(&w, "ksm_stat", "ksm_rmap_items 0\nksm_zero_pages 0\nksm_merging_pages 0\n");
	look_twice(&w, acme);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));

	program_file(&w, "ksm_stat", "ksm_rmap_items 5\nksm_zero_pages 0\nksm_merging_pages 0\n");
	look_twice(&w, acme);
	run_until(&w, 20000, ksm_is(&w, "run", "0"));
	assert_non_null(
		strstr(ksm_of(&w).alert,
		       "a (acme) and perl, pid 4194305 (user-1000.slice); ksmd is stopped"));
	assert_string_equal(why(&w, "a"),
			    "ksmd is stopped, since a program of another trust domain is here");
	/* A guest may be of the same; and of it are all where no guest has a domain. */
	look_twice(&w, theirs);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	assert_string_equal(ksm_of(&w).alert, "");
	look_twice(&w, acme);
	run_until(&w, 20000, ksm_is(&w, "run", "0"));
	look_twice(&w, MANAGE);
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	look_twice(&w, acme);
	run_until(&w, 20000, ksm_is(&w, "run", "0"));
	look_twice(&w, MANAGE "across = yes\n[guest *]\ntrust = acme\n");
	run_until(&w, 20000, ksm_is(&w, "run", "1"));

	/* It has asked, and ksmd has not come to it yet; it is in no slice. */
	program_file(&w, "ksm_stat", "ksm_rmap_items 0\nksm_merge_any: yes\nksm_mergeable: yes\n");
	program_file(&w, "cgroup", "0::/\n");
	look_twice(&w, acme);
	run_until(&w, 20000, strstr(ksm_of(&w).alert, "pid 4194305 (-.slice); ksmd is stopped"));
	/* It ends: that is seen without a reload. */
	program_file(&w, "ksm_stat", "");
	run_until(&w, 20000, ksm_is(&w, "run", "1"));
	fake_stop(&a, false);
	close_world(&w);
}

/* A pace that the kernel refuses is reported, and does not keep ksmd running. */
static void test_trust_and_refusal(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	struct world w;

	open_ksm(&w, "", false);
	ksm_set(&w, "run", "1\n");
	/* A file of the kernel's that takes no more than 1000. */
	assert_int_equal(unlink(ksm_path(&w, "pages_to_scan")), 0);
	assert_int_equal(symlink("/proc/self/oom_score_adj", ksm_path(&w, "pages_to_scan")), 0);
	start_two(&w, &a, &b);
	press(&w);
	reconfigure(&w, MANAGE "max_cpu = 50%\n" TRUST);
	/* There may be another error first, from while the file was gone. */
	run_until(&w, 20000,
		  strstr(ksm_of(&w).error, "kernel/mm/ksm/pages_to_scan: Invalid argument"));
	run_until(&w, 20000, ksm_is(&w, "run", "0"));
	/* Somebody starts it all the same. */
	ksm_set(&w, "run", "1\n");
	press(&w);
	run_until(&w, 20000, strstr(ksm_of(&w).alert, "; ksmd runs"));
	fake_stop(&a, false);
	fake_stop(&b, false);
	close_world(&w);
}

/* Of the whole host: what was found to be so counts, from the hardest reason on. */
static void test_why(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	char path[160];
	struct world w;

	open_ksm(&w, "", false);
	ksm_set(&w, "stable_node_chains", "0\n");
	daemon_stop(&w);
	daemon_start(&w, false);
	start_guest(&w, &a, "a.sock");
	run_until(&w, 20000, manager_find(w.manager, "a"));
	assert_string_equal(why(&w, "a"), "ksmd is stopped (run = 0)");
	ksm_set(&w, "run", "2\n");
	assert_string_equal(why(&w, "a"), "all memory is being unmerged (run = 2)");
	ksm_set(&w, "run", "1\n");
	ksm_set(&w, "full_scans", "1\n");
	assert_string_equal(why(&w, "a"), "ksmd needs two full scans to merge");
	ksm_set(&w, "stable_node_chains", "3\n");
	assert_string_equal(why(&w, "a"),
			    "pages have more copies than max_page_sharing lets one replace");
	/* Of 262144 pages that do not change: */
	ksm_set(&w, "pages_volatile", "131072\n");
	assert_string_equal(why(&w, "a"),
			    "pages have more copies than max_page_sharing lets one replace");
	ksm_set(&w, "pages_volatile", "131073\n");
	assert_string_equal(why(&w, "a"),
			    "most pages on this host change faster than ksmd scans them");
	/* It is merged after all. */
	ksm_set(&w, "pages_shared", "1\n");
	ksm_set(&w, "pages_sharing", "9\n");
	snprintf(path, sizeof(path), "%s/%d/ksm_merging_pages", w.folder, (int)getpid());
	write_text(path, "10\n");
	fake_stop(&a, false);
	run_until(&w, 20000, !manager_find(w.manager, "a"));
	start_guest(&w, &a, "a.sock");
	run_until(&w, 20000, manager_find(w.manager, "a"));
	assert_string_equal(why(&w, "a"), "");
	/* Two scans are over, and nothing holds it back: then there is nothing alike. */
	write_text(path, "0\n");
	ksm_set(&w, "pages_volatile", "0\n");
	ksm_set(&w, "stable_node_chains", "0\n");
	ksm_set(&w, "full_scans", "2\n");
	assert_string_equal(why(&w, "a"), "");
	fake_stop(&a, false);
	close_world(&w);
}

/* Of the guest alone: whatever ksmd does, it never can. */
static void test_why_never(_unused_ void **state)
{
	static const struct {
		struct fake_qemu guest;
		const char *status, *why;
	} cases[] = {
		{ { .memdev = "[{\"merge\": false, \"share\": false}]" },
		  NULL,
		  "it is turned off in QEMU (merge=off)" },
		{ { .memdev = "[{\"merge\": true, \"share\": true}]" },
		  NULL,
		  "it is shared memory (share=on)" },
		{ { .memdev = "[{\"merge\": true, \"share\": false}]" },
		  "RssAnon: 1000 kB\nRssShmem: 900000 kB\n",
		  "it is shared memory" },
		{ { .memdev = "[{\"merge\": true, \"share\": false}]" },
		  "RssAnon: 1000 kB\nHugetlbPages: 900000 kB\n",
		  "it is in huge pages of a pool (hugetlbfs)" },
		{ { .sev = true }, NULL, "its memory is encrypted" },
		{ { .memdev = "[{\"merge\": true, \"share\": false}]" },
		  "RssAnon: 900000 kB\nRssShmem: 1000 kB\n",
		  "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake_qemu a = idle_guest("a");
		char path[160];
		struct world w;

		a.memdev = cases[i].guest.memdev;
		a.sev = cases[i].guest.sev;
		open_ksm(&w, "", false);
		ksm_set(&w, "run", "1\n");
		ksm_set(&w, "full_scans", "9\n");
		snprintf(path, sizeof(path), "%s/%d/status", w.folder, (int)getpid());
		if (cases[i].status)
			write_text(path, cases[i].status);
		start_guest(&w, &a, "a.sock");
		run_until(&w, 20000, manager_find(w.manager, "a"));
		run_until(&w, 20000, !strcmp(why(&w, "a"), cases[i].why));
		fake_stop(&a, false);
		close_world(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_trust_and_rival),
		cmocka_unit_test(test_trust_of_programs),
		cmocka_unit_test(test_trust_and_refusal),
		cmocka_unit_test(test_why),
		cmocka_unit_test(test_why_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
