// SPDX-License-Identifier: GPL-2.0
/*
 * The models of other controllers, against tables that those controllers' own
 * code computed: selftests/bench/peer_cases. From the tree's top, or PEER_CASES=DIR.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/control.h"
#include "sim/mom.h"
#include "sim/pve.h"

/* The tables have so many at least, or are not what they were. */
#define CASES_MIN 100

static char line[8192];
static unsigned int cases;

static FILE *open_cases(const char *name)
{
	const char *folder = getenv("PEER_CASES");
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.cases", folder ? folder : "selftests/bench/peers",
		 name);
	f = fopen(path, "re");
	if (!f)
		fail_msg("cannot read %s", path);
	cases = 0;
	return f;
}

/* Comments are left out. */
static bool next_case(FILE *f)
{
	do {
		if (!fgets(line, sizeof(line), f)) {
			fclose(f);
			assert_true(cases >= CASES_MIN);
			return false;
		}
	} while (*line == '#');
	line[strcspn(line, "\n")] = 0;
	cases++;
	return true;
}

/* "-", what is left as it is, is NONE. */
#define NONE (-1.0)

static double number(char **save, const char *separators)
{
	char *word = strtok_r(NULL, separators, save);

	assert_non_null(word);
	return strcmp(word, "-") ? strtod(word, NULL) : NONE;
}

/* "GOAL balloon,min,maxmem,freemem,shares,migrating,result ..." */
static void pve(void **state)
{
	FILE *f = open_cases("pve");

	(void)state;
	while (next_case(f)) {
		double goal, want[8];
		struct pve_guest g[8] = { 0 };
		unsigned int n = 0;
		char *save, *rest;

		goal = strtod(strtok_r(line, " ", &save), NULL);
		for (char *word; (word = strtok_r(NULL, " ", &save)); n++) {
			assert_true(n < 8);
			g[n].balloon = strtod(strtok_r(word, ",", &rest), NULL);
			g[n].balloon_min = number(&rest, ",");
			g[n].maxmem = number(&rest, ",");
			g[n].freemem = number(&rest, ",");
			g[n].shares = number(&rest, ",");
			g[n].migrating = number(&rest, ",") != 0;
			want[n] = number(&rest, ",");
		}
		pve_compute_alg1(g, n, goal, PVE_MAX_CHANGE);
		for (unsigned int i = 0; i < n; i++) {
			double got = g[i].result != 0 ? g[i].result : NONE;

			if (got != want[i])
				fail_msg("case %u, guest %u: %.0f, the real one %.0f", cases, i,
					 got, want[i]);
		}
	}
}

/* The mean of "N,N,N"; @ret_last: the last of them. */
static double mean_of(char *text, double *ret_last)
{
	double sum = 0;
	unsigned int n = 0;
	char *save;

	for (char *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		*ret_last = strtod(word, NULL);
		sum += *ret_last;
		n++;
	}
	return sum / n;
}

/* "MemTotal frees min max sizes unused target" */
static void mom(void **state)
{
	FILE *f = open_cases("mom");

	(void)state;
	while (next_case(f)) {
		struct mom_guest g = { 0 };
		double total, free, got, want, last;
		char *save;

		total = strtod(strtok_r(line, " ", &save), NULL);
		free = mean_of(strtok_r(NULL, " ", &save), &last);
		g.min = number(&save, " ");
		g.max = number(&save, " ");
		g.cur_mean = mean_of(strtok_r(NULL, " ", &save), &g.cur);
		g.unused_mean = mean_of(strtok_r(NULL, " ", &save), &last);
		want = number(&save, " ");
		got = mom_rules(&g, free / total);
		/* The controller cuts. */
		if (got >= 0)
			got = (double)(int64_t)got;
		if (got != want)
			fail_msg("case %u: %.0f, the real one %.0f", cases, got, want);
	}
}

static void expect_ksm(const char *who, bool run, double pages, double sleep_ms, char **save)
{
	double want_run = number(save, " "), want_pages = number(save, " ");
	double want_sleep = number(save, " ");

	if (run != (want_run == 1) || pages != want_pages || sleep_ms != want_sleep)
		fail_msg("%s, case %u: %d %.0f %.0f, the real one %.0f %.0f %.0f", who, cases, run,
			 pages, sleep_ms, want_run, want_pages, want_sleep);
}

/* "MemTotal free shareable pages run pages sleep" */
static void mom_ksm(void **state)
{
	FILE *f = open_cases("mom_ksm");

	(void)state;
	while (next_case(f)) {
		struct mom_ksm k = { .sleep_ms = NONE };
		double total, free, shareable, before;
		char *save;

		total = strtod(strtok_r(line, " ", &save), NULL);
		free = number(&save, " ");
		shareable = number(&save, " ");
		before = number(&save, " ");
		k.pages = before;
		mom_ksm_rules(&k, total, free, shareable);
		if (!k.run) {
			assert_true(k.pages == before);
			k.pages = NONE;
		}
		expect_ksm("MoM", k.run, k.pages, k.sleep_ms, &save);
	}
}

/* "MemTotal free committed pages run pages sleep"; pages stay while it is stopped */
static void ksmtuned(void **state)
{
	FILE *f = open_cases("ksmtuned");

	(void)state;
	while (next_case(f)) {
		struct sim_ksmtuned k = { .sleep_ms = NONE };
		double total, free, committed;
		char *save;
		bool run;

		total = strtod(strtok_r(line, " ", &save), NULL);
		free = number(&save, " ");
		committed = number(&save, " ");
		k.pages = number(&save, " ");
		run = sim_ksmtuned_rules(&k, total, free, committed);
		expect_ksm("ksmtuned", run, k.pages, k.sleep_ms, &save);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pve),
		cmocka_unit_test(mom),
		cmocka_unit_test(mom_ksm),
		cmocka_unit_test(ksmtuned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
