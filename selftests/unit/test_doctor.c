// SPDX-License-Identifier: GPL-2.0
/* dynmem doctor: each check in each of its outcomes, on a host of files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/dbus_names.h"
#include "common/util.h"
#include "dynmem/doctor/doctor.h"
#include "dynmem/out.h"

static char root[64];

/* Which outcomes of a check were expected, and came. */
static struct {
	const char *check;
	unsigned int statuses;
} seen[64];

static void note_outcome(const char *check, const char *got)
{
	size_t i = 0;

	while (seen[i].check && strcmp(seen[i].check, check) != 0)
		i++;
	assert_true(i + 1 < ARRAY_SIZE(seen));
	seen[i].check = check;
	for (int s = 0; s < DOCTOR_STATUSES; s++)
		if (!strcmp(got, doctor_status_name(s)))
			seen[i].statuses |= 1u << s;
}

static int outcomes(const char *check)
{
	for (size_t i = 0; seen[i].check; i++)
		if (!strcmp(seen[i].check, check))
			return __builtin_popcount(seen[i].statuses);
	return 0;
}

static void put_bytes(const char *path, const char *text, size_t n)
{
	char whole[512];
	FILE *f;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(whole, 0700);
		*slash = '/';
	}
	f = fopen(whole, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static void drop(const char *path)
{
	char command[600];

	snprintf(command, sizeof(command), "rm -rf '%s%s'", root, path);
	assert_int_equal(system(command), 0);
}

static int new_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/dynmem-doctor-XXXXXX");
	assert_non_null(mkdtemp(root));
	put("/proc/sys/kernel/osrelease", "6.1.0-1-amd64\n");
	return 0;
}

static int drop_root(void **state)
{
	(void)state;
	drop("");
	return 0;
}

static struct json_object *parse(const char *json)
{
	struct json_object *obj = json_tokener_parse(json);

	assert_non_null(obj);
	return obj;
}

/* The worst finding of a check, and its remedy. */
static const char *status_of(struct findings *f, const char *check, const char **mend)
{
	const char *worst = "none";
	int rank = -1;

	for (size_t i = 0; i < json_object_array_length(f->list); i++) {
		struct json_object *one = json_object_array_get_idx(f->list, i);

		assert_true(*out_str(one, "text"));
		if (strcmp(out_str(one, "check"), check) != 0)
			continue;
		for (int s = 0; s < DOCTOR_STATUSES; s++)
			if (!strcmp(out_str(one, "status"), doctor_status_name(s)) && s > rank) {
				rank = s;
				worst = doctor_status_name(s);
				*mend = out_str(one, "mend");
			}
	}
	return worst;
}

/* The worst of a check, and a part of its remedy; "none": it has nothing to say. */
static void expect_of(struct json_object *host, struct json_object *guests, const char *check,
		      const char *want, const char *remedy)
{
	struct doctor d = { .root = root, .host = host, .guests = guests };
	const char *mend = "", *got;
	struct findings f;

	if (!host)
		d.daemon_error = -ESRCH;
	doctor_examine(&d, &f);
	got = status_of(&f, check, &mend);
	if (strcmp(got, want) != 0)
		print_error("%s: %s\n", check,
			    json_object_to_json_string_ext(f.list, JSON_C_TO_STRING_PRETTY));
	assert_string_equal(got, want);
	note_outcome(check, got);
	/* What is wrong has a remedy. */
	if (!strcmp(got, "warn") || !strcmp(got, "fail"))
		assert_true(*mend);
	assert_non_null(strstr(mend, remedy));
	json_object_put(f.list);
}

static void expect(const char *check, const char *want)
{
	expect_of(NULL, NULL, check, want, "");
}

static void expect_mend(const char *check, const char *want, const char *remedy)
{
	expect_of(NULL, NULL, check, want, remedy);
}

static void expect_host(const char *host_json, const char *check, const char *want)
{
	struct json_object *host = parse(host_json), *guests = json_object_new_array();

	expect_of(host, guests, check, want, "");
	json_object_put(host);
	json_object_put(guests);
}

/* One guest that the daemon knows, on a host of 8 GiB. */
static void expect_guest(const char *guest_json, const char *check, const char *want)
{
	struct json_object *host = parse("{'mode': 'manage', 'total': 8589934592}");
	struct json_object *guests = json_object_new_array();

	json_object_array_add(guests, parse(guest_json));
	expect_of(host, guests, check, want, "");
	json_object_put(host);
	json_object_put(guests);
}

static void daemon_state(void **state)
{
	(void)state;
	expect("daemon", "warn");
	expect_host("{'mode': 'manage'}", "daemon", "ok");
	expect_host("{'mode': 'observe'}", "daemon", "note");
	expect_host("{'mode': 'drain'}", "daemon", "note");
	expect_host("{'mode': 'stopped', 'stop-file': '/run/dynmem/stop'}", "daemon", "warn");
}

static void kernel(void **state)
{
	(void)state;
	expect("kernel", "ok");
	put("/proc/sys/kernel/osrelease", "5.10.0-9-amd64\n");
	expect("kernel", "warn");
	put("/proc/sys/kernel/osrelease", "7.0.1\n");
	expect("kernel", "ok");
	put("/proc/sys/kernel/osrelease", "rubbish\n");
	expect("kernel", "warn");
}

static void module(void **state)
{
	(void)state;
	expect_mend("module", "note", "apt install dynmem-dkms");
	/* Installed, but not built for this kernel. */
	put("/var/lib/dkms/dynmem/1.0/source", "");
	expect_mend("module", "note", "dkms autoinstall");
	put("/lib/modules/6.1.0-1-amd64/modules.dep", "kernel/a.ko: b\nupdates/dynmem.ko:\n");
	expect_mend("module", "note", "modprobe dynmem");
	put("/sys/module/dynmem/version", DYNMEM_VERSION "\n");
	expect("module", "ok");
	put("/sys/module/dynmem/version", "0.0.1\n");
	expect("module", "warn");
}

static void signature(void **state)
{
	static const char ko[] = "/lib/modules/6.1.0-1-amd64/updates/dynmem.ko";

	(void)state;
	expect("signature", "none");
	put("/lib/modules/6.1.0-1-amd64/modules.dep", "updates/dynmem.ko:\n");
	put(ko, "\177ELF a module without a signature\n");
	expect("signature", "note");
	put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	expect("signature", "fail");
	put("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	expect("signature", "note");
	put("/sys/module/module/parameters/sig_enforce", "Y\n");
	expect("signature", "fail");
	put(ko, "\177ELF a module\n~Module signature appended~\n");
	expect("signature", "ok");
	put("/sys/module/dynmem/taint", "OE\n");
	expect("signature", "note");
	put("/sys/module/dynmem/taint", "O\n");
	expect("signature", "ok");
}

static void source(void **state)
{
	(void)state;
	expect("source", "none");
	expect_host("{'source': 'none'}", "source", "fail");
	expect_host("{'source': 'procfs'}", "source", "ok");
	put("/sys/module/dynmem/version", DYNMEM_VERSION "\n");
	expect_host("{'source': 'procfs'}", "source", "note");
	expect_host("{'source': 'genl'}", "source", "ok");
}

static void psi(void **state)
{
	(void)state;
	expect("psi", "fail");
	put("/sys/module/dynmem/version", DYNMEM_VERSION "\n");
	expect("psi", "note");
	put("/proc/pressure/memory", "some avg10=0.00\n");
	expect("psi", "ok");
}

static void cgroup(void **state)
{
	(void)state;
	expect("cgroup", "warn");
	put("/sys/fs/cgroup/cgroup.controllers", "cpu io\n");
	expect("cgroup", "warn");
	put("/sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
	expect("cgroup", "ok");
}

static void swap(void **state)
{
	(void)state;
	put("/proc/meminfo", "SwapTotal:  0 kB\nSwapFree:   0 kB\n");
	expect("swap", "warn");
	put("/proc/meminfo", "SwapTotal:  1048576 kB\nSwapFree:   1048000 kB\n");
	put("/proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1048576 0 -2\n");
	expect("swap", "ok");
	put("/proc/meminfo", "SwapTotal:  1048576 kB\nSwapFree:   10000 kB\n");
	expect("swap", "warn");
	put("/proc/meminfo", "SwapTotal:  1048576 kB\nSwapFree:   1048000 kB\n");
	put("/proc/swaps", "Filename Type Size Used Priority\n/dev/zram0 partition 1048576 0 -2\n");
	expect("swap", "note");
	put("/sys/block/zram0/backing_dev", "/dev/sda3\n");
	expect("swap", "ok");
}

static void overcommit(void **state)
{
	static const char host[] = "{'mode': 'manage', 'total': 4096, 'reserve': 96, "
				   "'swap-total': %d}";
	struct json_object *guests = json_object_new_array(), *h;
	char text[128];

	(void)state;
	json_object_array_add(guests, parse("{'name': 'a', 'min': 1000, 'max': 3000}"));
	json_object_array_add(guests, parse("{'name': 'b', 'min': 1000, 'max': 3000}"));
	for (int swap_total = 1999; swap_total <= 2001; swap_total++) {
		snprintf(text, sizeof(text), host, swap_total);
		h = parse(text);
		expect_of(h, guests, "overcommit", swap_total < 2000 ? "warn" : "ok", "");
		json_object_put(h);
	}
	h = parse("{'mode': 'manage', 'total': 2096, 'reserve': 96}");
	expect_of(h, guests, "minima", "ok", "");
	json_object_put(h);
	h = parse("{'mode': 'manage', 'total': 2095, 'reserve': 96}");
	expect_of(h, guests, "minima", "fail", "");
	json_object_put(h);
	json_object_put(guests);
	expect("overcommit", "none");
	expect("minima", "none");
}

static void strict(void **state)
{
	(void)state;
	put("/proc/sys/vm/overcommit_memory", "2\n");
	expect("strict", "warn");
	put("/proc/sys/vm/overcommit_memory", "0\n");
	expect("strict", "ok");
}

static void zfs(void **state)
{
	(void)state;
	put("/proc/meminfo", "MemTotal:  1000 kB\n");
	expect("zfs", "ok");
	put("/proc/spl/kstat/zfs/arcstats",
	    "name  type data\nsize  4    1000\nc_min 4 1\nc_max 4    700000\n");
	expect("zfs", "warn");
	put("/proc/spl/kstat/zfs/arcstats",
	    "name  type data\nsize  4    1000\nc_min 4 1\nc_max 4    300000\n");
	expect("zfs", "ok");
	put("/proc/spl/kstat/zfs/arcstats", "name  type data\n");
	expect("zfs", "note");
}

static void huge_pages(void **state)
{
	(void)state;
	put("/proc/meminfo", "HugePages_Total:  0\nHugePages_Free: 0\nHugepagesize: 2048 kB\n");
	expect("huge-pages", "ok");
	put("/proc/meminfo", "HugePages_Total:  9\nHugePages_Free: 3\nHugepagesize: 2048 kB\n");
	expect("huge-pages", "note");
	put("/proc/meminfo", "HugePages_Total:  9\nHugePages_Free: 0\nHugepagesize: 2048 kB\n");
	expect("huge-pages", "ok");
}

static void ksm(void **state)
{
	(void)state;
	expect("ksm", "note");
	put("/sys/kernel/mm/ksm/run", "0\n");
	expect("ksm", "note");
	put("/sys/kernel/mm/ksm/run", "2\n");
	expect("ksm", "warn");
	put("/sys/kernel/mm/ksm/run", "1\n");
	expect("ksm", "ok");
	expect_host("{'ksm-driver': 'ksmtuned'}", "ksm", "ok");
	expect_host("{'ksm-alert': 'it crosses trust domains'}", "ksm", "warn");
	expect_host("{'ksm-error': 'permission denied'}", "ksm", "warn");
}

static void rivals(void **state)
{
	static const char python[] = "/usr/bin/python3\0/usr/sbin/momd\0-c";

	(void)state;
	put("/proc/7/comm", "sshd\n");
	put("/proc/7/cmdline", "sshd");
	expect("rivals", "ok");
	put("/proc/8/comm", "pvestatd\n");
	expect("rivals", "warn");
	drop("/proc/8");
	put("/proc/9/comm", "python3\n");
	put_bytes("/proc/9/cmdline", python, sizeof(python));
	expect("rivals", "warn");
	drop("/proc/9");
	expect("rivals", "ok");
	put("/proc/10/comm", "ksmtuned\n");
	expect("rivals", "warn");
	put("/proc/10/comm", "vdsmd\n");
	expect("rivals", "warn");
}

static void oom(void **state)
{
	(void)state;
	expect("oom", "none");
	expect_host("{'oom-kills': 0}", "oom", "ok");
	expect_host("{'oom-kills': 2}", "oom", "warn");
}

static void guest_known(void **state)
{
	static const char args[] =
		"qemu-system-x86_64\0-name\0guest=web1,debug-threads=on\0-device\0"
		"virtio-balloon-pci";
	struct json_object *host = parse("{'mode': 'manage'}"), *guests = json_object_new_array();
	struct doctor d = { .root = root, .host = host, .guests = guests };
	struct doctor_guest *g;
	size_t n;

	(void)state;
	put("/proc/50/comm", "qemu-system-x86\n");
	put_bytes("/proc/50/cmdline", args, sizeof(args));
	put("/proc/51/comm", "kvm-pit/50\n");
	put("/proc/52/comm", "qemu-system-x86\n");
	put("/proc/52/cmdline", "");
	expect_of(host, guests, "known", "warn", "");
	g = doctor_guests(&d, &n);
	assert_int_equal(n, 1);
	assert_string_equal(g->name, "web1");
	assert_int_equal(g->pid, 50);
	free(g);
	json_object_array_add(guests, parse("{'name': 'other', 'pid': 50}"));
	expect_of(host, guests, "known", "ok", "");
	json_object_put(host);
	json_object_put(guests);
	expect_guest("{'name': 'a', 'pid': 50, 'observed': 'no shares'}", "known", "note");
	expect_guest("{'name': 'a', 'pid': 50, 'held': true}", "known", "note");
	/* Without the daemon nobody can say. */
	expect("known", "none");
	expect("balloon", "ok");
	put_bytes("/proc/50/cmdline", args, 20);
	expect("balloon", "warn");
}

static void guest_qemu(void **state)
{
	static const char old[] = "qemu\0-machine\0pc-i440fx-5.2,accel=kvm";
	static const char new[] = "qemu\0-machine\0pc-q35-9.0";
	char path[128];

	(void)state;
	put_bytes("/proc/50/cmdline", old, sizeof(old));
	expect_guest("{'name': 'a', 'pid': 50}", "qemu", "note");
	put_bytes("/proc/50/cmdline", new, sizeof(new));
	expect_guest("{'name': 'a', 'pid': 50}", "qemu", "ok");
	snprintf(path, sizeof(path), "%s/proc/50/exe", root);
	assert_int_equal(symlink("/usr/bin/qemu-system-x86_64 (deleted)", path), 0);
	expect_guest("{'name': 'a', 'pid': 50}", "qemu", "note");
	expect_guest("{'name': 'a'}", "qemu", "none");
}

static void guest_balloon(void **state)
{
	(void)state;
	expect_guest("{'name': 'a', 'class': 'reporting'}", "balloon", "ok");
	expect_guest("{'name': 'a', 'class': 'no-balloon'}", "balloon", "warn");
	expect_guest("{'name': 'a', 'class': 'stuck'}", "balloon", "warn");
	expect_guest("{'name': 'a', 'class': 'reporting', 'used': 1}", "statistics", "ok");
	expect_guest("{'name': 'a', 'class': 'silent'}", "statistics", "warn");
	expect_guest("{'name': 'a', 'class': 'starting'}", "statistics", "note");
	expect_guest("{'name': 'a', 'class': 'paused', 'used': 1}", "statistics", "note");
	expect_guest("{'name': 'a', 'class': 'reporting'}", "statistics", "note");
	expect_guest("{'name': 'a', 'class': 'no-balloon'}", "statistics", "none");
	expect_guest("{'name': 'a', 'free-page-reporting': true}", "reporting", "ok");
	expect_guest("{'name': 'a', 'free-page-reporting': false}", "reporting", "note");
	expect_guest("{'name': 'a'}", "reporting", "none");
}

static void guest_pinned(void **state)
{
	(void)state;
	expect_guest("{'name': 'a', 'pinned': 'its memory is locked'}", "pinned", "warn");
	expect_guest("{'name': 'a'}", "pinned", "ok");
	put("/proc/50/status", "VmLck:\t 900 kB\nVmPin:\t 0 kB\nVmRSS:\t 1000 kB\n");
	expect_guest("{'name': 'a', 'pid': 50}", "pinned", "warn");
	put("/proc/50/status", "VmLck:\t 8 kB\nVmPin:\t 0 kB\nVmRSS:\t 1000 kB\n");
	expect_guest("{'name': 'a', 'pid': 50}", "pinned", "ok");
	put("/proc/50/status", "VmRSS:\t 10 kB\nHugetlbPages:\t 4096 kB\n");
	expect_guest("{'name': 'a', 'pid': 50}", "pinned", "warn");
}

static void guest_range(void **state)
{
	(void)state;
	expect_guest("{'name': 'a', 'min': 10, 'max': 30, 'actual': 20}", "range", "ok");
	expect_guest("{'name': 'a', 'min': 10, 'max': 30, 'actual': 9}", "range", "warn");
	expect_guest("{'name': 'a', 'min': 30, 'max': 30, 'actual': 30}", "range", "note");
	expect_guest("{'name': 'a', 'class': 'rival'}", "rival", "warn");
	expect_guest("{'name': 'a', 'class': 'reporting'}", "rival", "ok");
	expect_guest("{'name': 'a', 'unmergeable': 'shared'}", "mergeable", "note");
	expect_guest("{'name': 'a', 'unmerged': 'not asked for'}", "mergeable", "note");
	expect_guest("{'name': 'a'}", "mergeable", "ok");
	expect_guest("{'name': 'a', 'alert': true, 'last-reason': 'stuck'}", "alert", "warn");
	expect_guest("{'name': 'a', 'alert': false}", "alert", "ok");
}

static void guest_cgroup(void **state)
{
	(void)state;
	put("/sys/fs/cgroup/cgroup.controllers", "memory\n");
	put("/proc/50/comm", "qemu-system-x86\n");
	put("/proc/51/comm", "qemu-system-x86\n");
	put("/proc/50/cgroup", "0::/\n");
	expect_guest("{'name': 'a', 'pid': 50}", "own-cgroup", "warn");
	put("/proc/50/cgroup", "0::/machine.slice/a.scope\n");
	put("/sys/fs/cgroup/machine.slice/a.scope/cgroup.procs", "50\n60\n");
	expect_guest("{'name': 'a', 'pid': 50}", "own-cgroup", "ok");
	put("/sys/fs/cgroup/machine.slice/a.scope/cgroup.procs", "50\n51\n");
	expect_guest("{'name': 'a', 'pid': 50}", "own-cgroup", "warn");
	expect_guest("{'name': 'a'}", "own-cgroup", "none");
}

/* Runs last: a check with one outcome alone is none. */
static void every_check_has_two_outcomes(void **state)
{
	(void)state;
	for (const struct host_check *c = doctor_host_checks; c->name; c++)
		assert_true(outcomes(c->name) >= 2);
	for (const struct guest_check *c = doctor_guest_checks; c->name; c++)
		assert_true(outcomes(c->name) >= 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, new_root, drop_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(daemon_state), TEST(kernel),
		TEST(module),	    TEST(signature),
		TEST(source),	    TEST(psi),
		TEST(cgroup),	    TEST(swap),
		TEST(overcommit),   TEST(strict),
		TEST(zfs),	    TEST(huge_pages),
		TEST(ksm),	    TEST(rivals),
		TEST(oom),	    TEST(guest_known),
		TEST(guest_qemu),   TEST(guest_balloon),
		TEST(guest_pinned), TEST(guest_range),
		TEST(guest_cgroup), TEST(every_check_has_two_outcomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
