// SPDX-License-Identifier: GPL-2.0
/* The configuration: what it takes, and word for word what it refuses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_world.h"
#include "dynmemd/config/daemon_config.h"
#include "common/escape.h"
#include "common/util.h"

static const struct guest_rule none;

static void test_accepts(_unused_ void **state)
{
	struct guest_limits l;
	struct config *c;

	assert_int_equal(load(&c, "# comment\n"
				  "; comment\n"
				  "[daemon]\n"
				  "mode = manage\n"
				  "   source=procfs   ; comment\n"
				  "\n"
				  "[backend qmp]\n"
				  "path = /run/a\n"
				  "path = /run/b/*.qmp\n"
				  "socket = /run/c/[1].qmp\n"
				  "[guest *]\n"
				  "\tmin = 25%\n"
				  "\tshares = 500\n"
				  "[guest web*]\n"
				  "min = 512M\n"
				  "max = 1.5G\n"
				  "reclaim = no\n"
				  "[policy]\n"
				  "tax = 50%\n"
				  "poll = 2 s\n"
				  "dead_band = 32M\n"),
			 0);
	assert_string_equal(complaints, "");
	assert_int_equal(c->mode, MODE_MANAGE);
	assert_int_equal(c->source, SOURCE_PROCFS);
	assert_int_equal(c->n_qmp_paths, 2);
	assert_string_equal(c->qmp_paths[1], "/run/b/*.qmp");
	assert_int_equal(c->n_qmp_sockets, 1);
	assert_string_equal(c->qmp_sockets[0], "/run/c/[1].qmp");
	assert_true(c->policy.tax == 0.5);
	assert_int_equal(c->policy.poll, 2000000000ULL);
	assert_int_equal(c->policy.dead_band, 32 * MIB);

	l = config_guest(c, "web1", NULL, 2 * GIB, &none, NULL);
	assert_int_equal(l.min, 512 * MIB);
	assert_int_equal(l.max, 1536 * MIB);
	assert_int_equal(l.shares, 500);
	assert_false(l.reclaim);
	l = config_guest(c, "web2", NULL, 1 * GIB, &none, NULL);
	assert_int_equal(l.max, 1 * GIB);
	assert_false(l.clamped);
	l = config_guest(c, "web3", NULL, 256 * MIB, &none, NULL);
	assert_int_equal(l.max, 256 * MIB);
	assert_int_equal(l.min, 256 * MIB);
	assert_true(l.clamped);
	l = config_guest(c, "db", NULL, 2 * GIB, &none, NULL);
	assert_int_equal(l.min, 512 * MIB);
	assert_int_equal(l.max, 2 * GIB);
	config_free(c);
}

static void test_ksm(_unused_ void **state)
{
	struct guest_rule own = { .trust = "own" };
	struct config *c;

	assert_int_equal(load(&c,
			      "[ksm]\nmode = manage\nmax_cpu = 25%\nacross = yes\n"
			      "[guest web*]\ntrust = acme\n[guest web2]\ntrust = a.b-C_1@x/y\n"),
			 0);
	assert_int_equal(c->ksm_mode, KSM_MODE_MANAGE);
	assert_true(c->ksm_across);
	assert_true(c->policy.ksm_cpu == 0.25);
	assert_string_equal(config_guest(c, "web1", NULL, GIB, &none, NULL).trust, "acme");
	assert_string_equal(config_guest(c, "web2", NULL, GIB, &none, NULL).trust, "a.b-C_1@x/y");
	assert_string_equal(config_guest(c, "db", NULL, GIB, &none, NULL).trust, "");
	assert_string_equal(config_guest(c, "db", NULL, GIB, &own, NULL).trust, "own");
	assert_string_equal(config_guest(c, "web1", NULL, GIB, &own, NULL).trust, "acme");
	config_free(c);
	refuses("[ksm]\nmode = on\n", "c:2: mode = on: not valid; allowed: off, report, manage");
	refuses("[ksm]\nmax_cpu = 150%\n",
		"c:2: max_cpu = 150%: out of range; allowed: 1% to 100% of one CPU");
	refuses("[ksm]\nrun = 1\n",
		"c:2: run: unknown key in [ksm]; allowed: mode, max_cpu, across");
	refuses("[guest a]\ntrust = a b\n",
		"c:2: trust = a b: not valid; allowed: up to 63 letters, digits and any of -_.+@/");
	refuses("[guest a]\ntrust =\n",
		"c:2: trust = : not valid; allowed: up to 63 letters, digits and any of -_.+@/");
}

/* What is installed moves nothing, and sets nothing of KSM's. */
static void test_packaged(_unused_ void **state)
{
	struct config *c;

	complaints[0] = 0;
	assert_int_equal(config_load(&c, "tools/dynmemd/dynmem.conf", true, complain, NULL), 0);
	assert_string_equal(complaints, "");
	assert_int_equal(c->mode, MODE_OBSERVE);
	assert_int_equal(c->ksm_mode, KSM_MODE_REPORT);
	assert_false(c->ksm_across);
	config_free(c);
}

static void test_defaults(_unused_ void **state)
{
	struct guest_limits l;
	struct config *c;

	assert_int_equal(load(&c, ""), 0);
	assert_int_equal(c->mode, MODE_OBSERVE);
	assert_int_equal(c->source, SOURCE_AUTO);
	assert_int_equal(c->ksm_mode, KSM_MODE_REPORT);
	assert_false(c->ksm_across);
	l = config_guest(c, "any", NULL, 4 * GIB, &none, NULL);
	assert_int_equal(l.min, 1 * GIB);
	assert_int_equal(l.max, 4 * GIB);
	assert_int_equal(l.shares, POLICY_SHARES_DEFAULT);
	assert_true(l.reclaim);
	config_free(c);

	assert_int_equal(config_load(&c, "/nonexistent/c", false, complain, NULL), 0);
	config_free(c);
	c = NULL;
	complaints[0] = 0;
	assert_int_equal(config_load(&c, "/nonexistent/c", true, complain, NULL), -EINVAL);
	assert_null(c);
	assert_string_equal(complaints, "/nonexistent/c: cannot be read: "
					"No such file or directory");
}

static void test_refuses(_unused_ void **state)
{
	refuses("[daemon]\nmood = manage\n",
		"c:2: mood: unknown key in [daemon]; allowed: mode, source, state, stop");
	refuses("[daemon]\n\nmode = manange\n",
		"c:3: mode = manange: not valid; allowed: observe, manage");
	refuses("[daemno]\nmode = manage\n",
		"c:2: [daemno]: unknown section; allowed: [daemon], [backend qmp], [backend libvirt], [backend pve], [ksm], [policy], [guest NAME]");
	refuses("mode = manage\n", "c:1: mode: a key outside of any section");
	refuses("[guest]\nmin = 1G\n",
		"c:2: [guest]: unknown section; allowed: [daemon], [backend qmp], [backend libvirt], [backend pve], [ksm], [policy], [guest NAME]");
	refuses("[backend qmp]\npath = run/vm\n",
		"c:2: path = run/vm: not valid; allowed: an absolute path: a folder of monitor sockets, or a pattern of them as /run/vm/*.qmp or /run/vm/*/qmp.sock");
	refuses("[guest a]\nmin = 12Q\n",
		"c:2: min = 12Q: not valid; allowed: a number with K, M, G or T (of 1024), or a percentage of max");
	refuses("[guest a]\nmax = 4\n",
		"c:2: max = 4: less than 1 MiB, its unit may be missing; allowed: a number with K, M, G or T (of 1024), or a percentage of the guest's memory, above 0");
	refuses("[guest a]\nmin = 900K\n",
		"c:2: min = 900K: less than 1 MiB, its unit may be missing; allowed: a number with K, M, G or T (of 1024), or a percentage of max");
	refuses("[guest a]\nmax = 0\n",
		"c:2: max = 0: not valid; allowed: a number with K, M, G or T (of 1024), or a percentage of the guest's memory, above 0");
	refuses("[guest a]\nshares = 0\n", "c:2: shares = 0: out of range; allowed: 1 to 1000000");
	refuses("[guest a]\nshares = -1\n", "c:2: shares = -1: not valid; allowed: 1 to 1000000");
	refuses("[guest a]\nreclaim = maybe\n",
		"c:2: reclaim = maybe: not valid; allowed: yes, no");
	refuses("[guest a]\nmin = 2G\nshares = 5\nmax = 1G\n",
		"c:4: [guest a]: min (2048 MiB) is above max (1024 MiB); allowed: min up to max");
	refuses("[policy]\ntaxes = 1\n",
		"c:2: taxes: unknown key in [policy]; allowed: profile, and those of 'dynmemd --tunables'");
	refuses("[policy]\nprofile = bold\n",
		"c:2: profile = bold: not valid; allowed: cautious, balanced, dense");
	refuses("[policy]\npoll = 1\n",
		"c:2: poll = 1: not valid; allowed: a number with ns, us, ms, s, min, h or d");
	refuses("[policy]\ntax = -1\n",
		"c:2: tax = -1: not valid; allowed: a number, or a percentage");
	refuses("[daemon]\nnonsense\n",
		"c:2: not understood; allowed: [SECTION], KEY = VALUE, or a comment after # or ;");
	/* All errors are reported at once. */
	refuses("[daemon]\nstate = state\n",
		"c:2: state = state: not valid; allowed: the absolute path of a file");
	refuses("[daemon]\nstate = /var/lib/\n",
		"c:2: state = /var/lib/: not valid; allowed: the absolute path of a file");
	refuses("[daemon]\nmode = x\n  source = y\n",
		"c:2: mode = x: not valid; allowed: observe, manage\n"
		"c:3: source = y: not valid; allowed: auto, genl, procfs");
}

static void test_out_of_range_tunable(_unused_ void **state)
{
	struct config *c = NULL;

	assert_int_equal(load(&c, "[policy]\ntax = 1e9\n"), -EINVAL);
	assert_null(c);
	assert_non_null(strstr(complaints, "c:2: tax = 1e9: out of range; allowed: "));
}

/* A profile's numbers, but for those that stand there too, before or after it. */
static void test_profiles(_unused_ void **state)
{
	struct policy_tunables defaults;
	struct config *c;
	const char *why;

	policy_tunables_init(&defaults);
	assert_int_equal(load(&c, "[policy]\nprofile = balanced\n"), 0);
	assert_memory_equal(&c->policy, &defaults, sizeof(defaults));
	config_free(c);

	assert_int_equal(load(&c, "[policy]\ntax = 0.6\nprofile = dense\nroom_min = 1G\n"
				  "[ksm]\nmax_cpu = 10%\n"),
			 0);
	assert_string_equal(policy_profile_name(c->profile), "dense");
	assert_true(c->policy.tax == 0.6);
	assert_int_equal(c->policy.room_min, GIB);
	assert_true(c->policy.ksm_cpu == 0.1);
	assert_true(c->policy.floor_slack < defaults.floor_slack);
	assert_int_equal(c->policy.poll, defaults.poll);
	config_free(c);

	/* The last one counts. */
	assert_int_equal(load(&c, "[policy]\nprofile = dense\nprofile = cautious\n"), 0);
	assert_true(c->policy.take_share < defaults.take_share);
	assert_true(c->policy.room_min > defaults.room_min);
	assert_true(c->policy.floor_slack == defaults.floor_slack);
	config_free(c);

	for (unsigned int i = 0; i < POLICY_PROFILES; i++) {
		struct policy_tunables t;

		policy_tunables_init(&t);
		policy_profile_apply(&t, i, NULL);
		assert_int_equal(policy_tunables_check(&t, &why), 0);
		assert_int_equal(policy_profile_find(policy_profile_name(i)), i);
	}
	assert_int_equal(policy_profile_find(""), -ENOENT);
}

/* No row of a profile is without a tunable, and none is what the default is. */
static void test_profiles_differ(_unused_ void **state)
{
	unsigned int cautious = 0, dense = 0;

	for (size_t i = 0; i < policy_tunable_count; i++) {
		const struct policy_tunable *row = &policy_tunable_table[i];

		cautious += policy_profile_value(POLICY_PROFILE_CAUTIOUS, row) != row->def;
		dense += policy_profile_value(POLICY_PROFILE_DENSE, row) != row->def;
	}
	assert_int_equal(cautious, 4);
	assert_int_equal(dense, 2);
}

static void test_long_lines(_unused_ void **state)
{
	char text[1200];
	struct config *c = NULL;

	memset(text, 'x', sizeof(text));
	memcpy(text, "[daemon]\nmode = ", 16);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(load(&c, text), -EINVAL);
	assert_null(c);
	assert_string_equal(complaints, "c:2: a line of more than 198 characters");

	/* A name may be as long as a line, and hold brackets. */
	memset(text, 'x', sizeof(text));
	memcpy(text, "[guest ", 7);
	memcpy(text + 150, "[1]]\nmin = 1G\n", 15);
	assert_int_equal(load(&c, text), 0);
	assert_int_equal(c->n_rules, 1);
	assert_int_equal(strlen(c->rules[0].pattern), 146);
	config_free(c);
}

/* As editors of other systems write them. */
static void test_foreign_text(_unused_ void **state)
{
	struct config *c = NULL;

	assert_int_equal(
		load(&c, "\xef\xbb\xbf[daemon]\r\nmode = manage\r\n"
			 "[guest web] ; comment ]\r\nmin = 1G\r\n[guest Büro ]\r\nshares=5\r\n"),
		0);
	assert_int_equal(c->mode, MODE_MANAGE);
	assert_int_equal(c->n_rules, 2);
	assert_string_equal(c->rules[0].pattern, "web");
	assert_true(c->rules[0].min.set);
	assert_string_equal(c->rules[1].pattern, "Büro ");
	config_free(c);
	c = NULL;
	/* Only at the very start. */
	assert_int_equal(load(&c, "[daemon]\n\xef\xbb\xbfmode = manage\n"), -EINVAL);
	assert_int_equal(load(&c, "[daemon\nmode = manage\n"), -EINVAL);
	assert_null(c);
}

/* What can fit nothing is refused where it stands. */
static void test_wildcards(_unused_ void **state)
{
	static const char *const bad[] = {
		"[backend qmp]\nsocket = /run/vm/*/qmp.sock\n",
		"[backend qmp]\nsocket = /run/vm/?.sock\n",
		"[backend pve]\nguests = /etc/pve/nodes/*/qemu-server\n",
		"[backend pve]\nsockets = /run/*\n",
	};
	struct config *c = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(load(&c, bad[i]), -EINVAL);
		assert_non_null(strstr(complaints, "c:2: "));
		assert_null(c);
	}
	assert_int_equal(load(&c, "[backend qmp]\npath = /run/vm/*/qmp.sock\n"
				  "socket = /run/vm/[web].sock\n"),
			 0);
	config_free(c);
}

/* Sections may come back, in the same file and in those of the folder. */
static void test_folder(_unused_ void **state)
{
	char dir[64], a[80], b[80], other[80];
	struct guest_limits l;
	struct config *c = NULL;

	snprintf(dir, sizeof(dir), "%s.d", path);
	snprintf(a, sizeof(a), "%s/10-a.conf", dir);
	snprintf(b, sizeof(b), "%s/20-b.conf", dir);
	snprintf(other, sizeof(other), "%s/30-c.conf.bak", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	write_file(a, "[daemon]\nmode = manage\n[guest x]\nmin = 1G\n");
	write_file(b, "[guest x]\nmin = 2G\n[backend qmp]\npath =\npath = /b\n");
	write_file(other, "nonsense");
	assert_int_equal(load(&c, "[daemon]\nmode = observe\n"
				  "[guest x]\nmax = 3G\n"
				  "[backend qmp]\npath = /a\n"),
			 0);
	assert_int_equal(c->mode, MODE_MANAGE);
	assert_int_equal(c->n_qmp_paths, 1);
	assert_string_equal(c->qmp_paths[0], "/b");
	l = config_guest(c, "x", NULL, 8 * GIB, &none, NULL);
	assert_int_equal(l.min, 2 * GIB);
	assert_int_equal(l.max, 3 * GIB);
	c = config_free(c);

	/* The range is one even when two files have its parts. */
	write_file(b, "\n[guest x]\nmin = 4G\n");
	assert_int_equal(load(&c, "[guest x]\nmax = 3G\n"), -EINVAL);
	assert_string_equal(
		complaints,
		"c.d/20-b.conf:3: [guest x]: min (4096 MiB) is above max (3072 MiB); allowed: min up to max");
	unlink(a);
	unlink(b);
	unlink(other);
	assert_int_equal(rmdir(dir), 0);
}

static void test_aliases(_unused_ void **state)
{
	struct config *c;

	assert_int_equal(
		load(&c,
		     "[guest *]\nmin = 10%\n[guest 101]\nshares = 7\n[guest db*]\nshares = 9\n"),
		0);
	assert_int_equal(config_guest(c, "web", "101", GIB, &none, NULL).shares, 7);
	assert_int_equal(config_guest(c, "db1", "101", GIB, &none, NULL).shares, 9);
	assert_int_equal(config_guest(c, "web", NULL, GIB, &none, NULL).shares,
			 POLICY_SHARES_DEFAULT);
	assert_true(config_names(c, "web", "101"));
	assert_true(config_names(c, "db1", "102"));
	assert_false(config_names(c, "web", "102"));
	assert_false(config_names(c, "web", NULL));
	config_free(c);

	assert_int_equal(
		load(&c, "[backend pve]\nguests = /a\nguests = /b\nsockets = /c\nsockets =\n"), 0);
	assert_string_equal(c->pve_guests, "/b");
	assert_null(c->pve_sockets);
	config_free(c);
	assert_int_equal(load(&c, "[backend pve]\nguests = a\n"), -EINVAL);
	assert_non_null(strstr(
		complaints,
		"guests = a: not valid; allowed: the absolute path of a folder of VMID.conf files"));
}

/* What a guest's own description says counts before every section. */
static void test_own_rule(_unused_ void **state)
{
	struct guest_rule own = { .shares = 300 };
	struct guest_limits l;
	struct config *c;

	assert_int_equal(size_parse(&own.min, "1G"), 0);
	assert_int_equal(size_parse(&own.max, "50%"), 0);
	assert_int_equal(load(&c, "[guest web*]\nmin = 2G\n[guest db]\nmax = 75%\nshares = 5\n"),
			 0);
	l = config_guest(c, "other", NULL, 8 * GIB, &own, NULL);
	assert_int_equal(l.min, 1 * GIB);
	assert_int_equal(l.max, 4 * GIB);
	assert_int_equal(l.shares, 300);
	l = config_guest(c, "web1", NULL, 8 * GIB, &own, NULL);
	assert_int_equal(l.min, 2 * GIB);
	assert_int_equal(l.max, 4 * GIB);
	assert_int_equal(l.shares, 300);
	l = config_guest(c, "db", NULL, 8 * GIB, &own, NULL);
	assert_int_equal(l.min, 1 * GIB);
	assert_int_equal(l.max, 6 * GIB);
	assert_int_equal(l.shares, 5);
	/* Not all of it fits the guest: it is made to. */
	l = config_guest(c, "other", NULL, 1 * GIB, &own, NULL);
	assert_int_equal(l.max, 512 * MIB);
	assert_int_equal(l.min, 512 * MIB);
	assert_true(l.clamped);
	config_free(c);
}

static void test_sizes(_unused_ void **state)
{
	static const struct {
		const char *text;
		int r;
		bool relative;
		uint64_t value;
	} table[] = {
		{ "0", 0, false, 0 },
		{ "4096", 0, false, 4096 },
		{ "1K", 0, false, KIB },
		{ "1k", 0, false, KIB },
		{ "512M", 0, false, 512 * MIB },
		{ "512 MiB", 0, false, 512 * MIB },
		{ "1.5G", 0, false, 1536 * MIB },
		{ "2T", 0, false, 2048 * GIB },
		{ "25%", 0, true, 25000 },
		{ "12.5 %", 0, true, 12500 },
		{ "100%", 0, true, 100000 },
		{ "101%", -ERANGE, false, 0 },
		{ "-1", -EINVAL, false, 0 },
		{ "", -EINVAL, false, 0 },
		{ "M", -EINVAL, false, 0 },
		{ "1MM", -EINVAL, false, 0 },
		{ "1 M x", -EINVAL, false, 0 },
		{ "0x10", -EINVAL, false, 0 },
		{ "1e9", -EINVAL, false, 0 },
		{ "inf", -EINVAL, false, 0 },
		{ "nan", -EINVAL, false, 0 },
		{ "1.", -EINVAL, false, 0 },
		{ ".5G", -EINVAL, false, 0 },
		{ "99999999999999999999T", -ERANGE, false, 0 },
		{ "9999999999999999999999999999999", -ERANGE, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct size s = { .value = 77 };
		int r = size_parse(&s, table[i].text);

		if (r != table[i].r)
			print_error("size \"%s\"\n", table[i].text);
		assert_int_equal(r, table[i].r);
		if (r < 0) {
			assert_int_equal(s.value, 77);
			assert_false(s.set);
			continue;
		}
		assert_true(s.set);
		assert_int_equal(s.relative, table[i].relative);
		assert_int_equal(s.value, table[i].value);
	}
}

static void test_percentages(_unused_ void **state)
{
	struct size s;

	assert_int_equal(size_parse(&s, "25%"), 0);
	assert_int_equal(size_resolve(&s, 4 * GIB), GIB);
	assert_int_equal(size_parse(&s, "100%"), 0);
	assert_int_equal(size_resolve(&s, UINT64_C(1) << 62), UINT64_C(1) << 62);
	assert_int_equal(size_resolve(&s, 12345), 12345);
}

static void test_escape(_unused_ void **state)
{
	char out[64];

	assert_string_equal(escape_text(out, sizeof(out), "web-1 (a)"), "web-1 (a)");
	assert_string_equal(escape_text(out, sizeof(out), "a\n\x1b[2J\x7f\\\xc3\xa9"),
			    "a\\x0a\\x1b[2J\\x7f\\\xc3\xa9");
	/* No UTF-8, a control character of it, a mark that turns text round. */
	assert_string_equal(escape_text(out, sizeof(out), "\xc3(\xe2\x80\xae\xc2\x9b\xed\xa0\x80"),
			    "\\xc3(\\xe2\\x80\\xae\\xc2\\x9b\\xed\\xa0\\x80");
	/* Escaped once, whoever prints it. */
	assert_string_equal(escape_text(out, sizeof(out), "a\\x0a"), "a\\x0a");
	/* Cut before a character that does not fit. */
	assert_string_equal(escape_text(out, 4, "ab\xc3\xa9"), "ab");
	/* Cut before an escape that does not fit, and always ended. */
	assert_string_equal(escape_text(out, 7, "abc\n"), "abc");
	assert_string_equal(escape_text(out, 8, "abc\n"), "abc\\x0a");
	assert_string_equal(escape_text(out, 1, "abc"), "");
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_ksm),
		cmocka_unit_test(test_packaged),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_out_of_range_tunable),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_profiles_differ),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_foreign_text),
		cmocka_unit_test(test_wildcards),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_own_rule),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_percentages),
		cmocka_unit_test(test_escape),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("config", tests, setup, teardown);
}
