// SPDX-License-Identifier: GPL-2.0
/* Whole runs: served or not, measured rightly, the same each time. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/control.h"
#include "sim/scenario.h"
#include "sim/svg.h"

/* Long enough for days and nights to matter; short enough for sanitizers. */
#define SPAN 43200

static struct sim_trace generated;

static int generate(void **state)
{
	(void)state;
	return sim_trace_generate(&generated, 40, SPAN, 3);
}

static int forget(void **state)
{
	(void)state;
	sim_trace_clear(&generated);
	return 0;
}

static struct sim_scenario *scenario(const struct sim_trace *t, const struct sim_options *o)
{
	struct sim_scenario *s = NULL;

	assert_int_equal(sim_scenario_new(t, o, &s), 0);
	return s;
}

static struct sim_options options(double host)
{
	struct sim_options o;

	sim_options_init(&o, SPAN);
	o.host = host * SIM_GIB;
	return o;
}

static struct sim_result run(struct sim_scenario *s, const char *policy, unsigned int guests,
			     const struct sim_run_options *o)
{
	static const struct sim_run_options all = { 0 };
	const struct sim_policy *p = sim_policy_find(policy);
	struct sim_result r;

	assert_non_null(p);
	assert_int_equal(sim_run(s, p, guests, o ?: &all, &r), 0);
	return r;
}

static struct sim_capacity capacity(struct sim_scenario *s, const char *policy)
{
	static const struct sim_run_options all = { 0 };
	struct sim_capacity c;

	assert_int_equal(sim_capacity(s, sim_policy_find(policy), &all, &c), 0);
	return c;
}

/* Seconds are measured, all else is computed. */
static void same(struct sim_result a, struct sim_result b)
{
	a.seconds = b.seconds = 0;
	a.decide_seconds = b.decide_seconds = 0;
	assert_memory_equal(&a, &b, sizeof(a));
}

static void one_seed_one_result(void **state)
{
	struct sim_run_options part = { .from = 7200, .to = 14400 };
	struct sim_options o = options(64), other = o;

	(void)state;
	other.seed = 2;
	for (unsigned int i = 0; sim_policy_nth(i); i++) {
		const char *name = sim_policy_name(sim_policy_nth(i));
		struct sim_scenario *a = scenario(&generated, &o);
		struct sim_scenario *b = scenario(&generated, &o);
		struct sim_scenario *c = scenario(&generated, &other);
		struct sim_result first, second, third;

		/* Another number of guests before changes nothing. */
		run(b, name, 16, &part);
		first = run(a, name, 14, &part);
		second = run(b, name, 14, &part);
		third = run(c, name, 14, &part);
		same(first, second);
		assert_true(first.demand_mean != third.demand_mean);
		sim_scenario_free(a);
		sim_scenario_free(b);
		sim_scenario_free(c);
	}
}

static void more_machines_than_the_trace(void **state)
{
	struct sim_options o = options(64);
	struct sim_scenario *s = scenario(&generated, &o);
	unsigned int left_out;

	(void)state;
	assert_int_equal(sim_scenario_machines(s, &left_out), 40);
	assert_int_equal(left_out, 0);
	assert_int_equal(scenario_grow(s, 90), 0);
	for (int i = 0; i < 50; i++) {
		assert_ptr_equal(s->guest[i].series, s->guest[i + 40].series);
		/* Each coming has its own phase. */
		assert_true(s->guest[i].curve.knot[3].time != s->guest[i + 40].curve.knot[3].time);
	}
	sim_scenario_free(s);
	o.host = 8 * SIM_GIB; /* some are larger */
	s = scenario(&generated, &o);
	assert_true(sim_scenario_machines(s, &left_out) + left_out == 40);
	assert_true(left_out > 0);
	sim_scenario_free(s);
	o.host = SIM_GIB / 2;
	assert_int_equal(sim_scenario_new(&generated, &o, &s), -ENODATA);
	o = options(64);
	o.start = SPAN;
	assert_int_equal(sim_scenario_new(&generated, &o, &s), -ERANGE);
}

/*
 * One guest of 1 GiB (8 % or 64 MiB of it is its kernel's), 100 MiB in the
 * first hour; in the second 600 MiB for ten minutes. With what it used in the
 * first hour for good, it lacks 500 MiB for ten minutes, less the ramp.
 */
static void lack_is_measured(void **state)
{
	static const char text[] = "time,guest,max,used\n"
				   "0,a,1G,100M\n300,a,1G,100M\n"
				   "4800,a,1G,600M\n5100,a,1G,600M\n"
				   "5400,a,1G,100M\n6900,a,1G,100M\n";
	struct sim_options o = options(64);
	struct sim_trace t = { 0 };
	struct sim_problem p;
	struct sim_scenario *s;
	struct sim_result r;

	(void)state;
	assert_int_equal(sim_trace_parse(&t, "x", text, strlen(text), false, &p), 0);
	o.start = 3600;
	o.length = 3600;
	o.warmup = 1800;
	o.train_length = 3600;
	o.min_bytes = 64 * SIM_MIB;
	o.service = 0.01;		 /* 36 s: the episode comes first */
	o.physics.guest_swap_share = 10; /* it shall lack, not die */
	s = scenario(&t, &o);
	r = run(s, "static-p99.9", 1, NULL);
	assert_int_equal(r.failure, SIM_EPISODE);
	assert_int_equal(r.failed_guests, 1);
	assert_true(r.longest > 595 && r.longest < 601);
	assert_true(fabs(r.worst_share - r.longest / 3600) < 1e-6);
	assert_true(r.lacked > 0.98 * 600 * 500 * SIM_MIB && r.lacked < 1.02 * 600 * 500 * SIM_MIB);
	assert_int_equal(r.oom_kills + r.guest_ooms, 0);
	sim_scenario_free(s);

	/* By the whole trace it has 600 MiB: then only the ramp's correction is
	 * missing. */
	o.train_length = 7200;
	s = scenario(&t, &o);
	r = run(s, "static-p99.9", 1, NULL);
	assert_true(r.lacked < 0.02 * 600 * 500 * SIM_MIB);
	sim_scenario_free(s);
	sim_trace_clear(&t);
}

/* The longest lack of any of these guests under dynmem, in any of so many orders. */
static double longest_lack(const struct sim_trace *t, struct sim_options *o, unsigned int guests,
			   unsigned int orders)
{
	double worst = 0;

	for (o->seed = 1; o->seed <= orders; o->seed++) {
		struct sim_scenario *s = scenario(t, o);
		struct sim_result r = run(s, "dynmem", guests, NULL);

		assert_int_equal(r.failure, SIM_OK);
		worst = fmax(worst, r.longest);
		sim_scenario_free(s);
	}
	return worst;
}

/* Six guests of 16 GiB on 64; one wants a GiB for hours, then fifteen. */
static void grows_in_time(void **state)
{
	struct sim_options o = options(64);
	struct sim_trace t = { 0 };
	struct sim_problem p;
	char text[1 << 16] = "time,guest,max,used\n";
	size_t n = strlen(text);

	(void)state;
	for (int time = 0; time < 2 * SPAN; time += 300) {
		const char *used = time / 3600 % 4 == 3 ? "15G" : "1G";

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%d,a,16G,%s\n", time, used);
		for (int g = 0; g < 5; g++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%d,b%d,16G,7.5G\n", time,
					      g);
	}
	assert_int_equal(sim_trace_parse(&t, "x", text, n, false, &p), 0);
	o.length = 2 * SPAN;
	o.min_share = 0.1;
	o.cache = SIM_CACHE_NONE;
	assert_true(longest_lack(&t, &o, 6, 6) <= 0.5);
	sim_trace_clear(&t);
}

/*
 * Each of six wants 15 of 16 GiB for a quarter of an hour, after the others.  With page
 * cache in its room it touches nothing new at first: only its statistics show it.
 */
static void grows_into_page_cache(void **state)
{
	struct sim_options o = options(64);
	struct sim_trace t = { 0 };
	struct sim_problem p;
	char text[1 << 16] = "time,guest,max,used\n";
	size_t n = strlen(text);

	(void)state;
	for (int row = 0; row < 2 * SPAN / 300; row++)
		for (int g = 0; g < 6; g++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%d,g%d,16G,%s\n",
					      row * 300, g,
					      (row % 96 - 12 - g * 14) / 3 == 0 ? "15G" : "1.6G");
	assert_int_equal(sim_trace_parse(&t, "x", text, n, false, &p), 0);
	o.length = 2 * SPAN;
	o.min_share = 0.1;
	o.cache = SIM_CACHE_GROW;
	assert_true(longest_lack(&t, &o, 6, 3) <= 0.5);
	sim_trace_clear(&t);
}

/*
 * Fifteen guests of 6 GiB, idle at a tenth of it: each wants nearly all of it once, and has
 * filled what it has before the next statistics, which do not come then.
 */
static void fills_between_samples(void **state)
{
	struct sim_options o = options(24);
	struct sim_trace t = { 0 };
	struct sim_problem p;
	char text[1 << 17] = "time,guest,max,used\n";
	size_t n = strlen(text);

	(void)state;
	for (int row = 0; row < 192; row++) {
		for (int g = 0; g < 15; g++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%d,g%d,6G,%s\n",
					      row * 300, g,
					      (row + 90 - g * 6) % 96 < 2 ? "5.6G" : "300M");
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%d,b,8G,6.5G\n", row * 300);
	}
	assert_int_equal(sim_trace_parse(&t, "x", text, n, false, &p), 0);
	o.length = 192 * 300;
	o.min_share = 0.1;
	o.cache = SIM_CACHE_GROW;
	assert_true(longest_lack(&t, &o, 16, 4) <= 3);
	sim_trace_clear(&t);
}

static void promises(void **state)
{
	struct sim_options o = options(64);
	struct sim_scenario *s = scenario(&generated, &o);
	double left = 64 * SIM_GIB * 0.995 - 0.5 * SIM_GIB;
	struct sim_result r;
	unsigned int fit = 0;

	(void)state;
	assert_int_equal(scenario_grow(s, 40), 0);
	while (left >= s->guest[fit].max + 40 * SIM_MIB)
		left -= s->guest[fit++].max + 40 * SIM_MIB;
	r = run(s, "static", 40, NULL);
	assert_int_equal(r.failure, SIM_FULL);
	assert_int_equal(r.asked, 40);
	assert_int_equal(r.guests, fit);
	r = run(s, "static", fit, NULL);
	assert_int_equal(r.failure, SIM_OK);
	assert_int_equal(capacity(s, "static").guests, fit);
	assert_int_equal(capacity(s, "static").limit, SIM_FULL);
	sim_scenario_free(s);
}

/* What the clairvoyant needs at its worst minute, worked out another way. */
static double largest_need(const struct sim_scenario *s, unsigned int guests)
{
	double most = 0;
	uint32_t cursor[64] = { 0 };

	for (int time = 0; time < (int)s->options.length; time += 10) {
		double sum = 0;

		for (unsigned int i = 0; i < guests; i++)
			sum += fmax(s->guest[i].min,
				    sim_curve_at(&s->guest[i].curve, &cursor[i], time));
		most = fmax(most, sum);
	}
	return most;
}

static void oracle_is_the_bound(void **state)
{
	struct sim_options o = options(64);
	struct sim_scenario *s = scenario(&generated, &o);
	struct sim_capacity oracle = capacity(s, "oracle");
	double budget = 64 * SIM_GIB * 0.995 - 0.5 * SIM_GIB;

	(void)state;
	assert_in_range(oracle.guests, 2, 60);
	assert_true(largest_need(s, oracle.guests) + oracle.guests * 40 * SIM_MIB <= budget);
	/* It does not leave much: three more could not be served by anybody. */
	assert_int_equal(scenario_grow(s, oracle.guests + 3), 0);
	assert_true(largest_need(s, oracle.guests + 3) + oracle.guests * 40 * SIM_MIB >
		    0.97 * budget);
	assert_int_equal(run(s, "oracle", oracle.guests, NULL).failure, SIM_OK);
	for (unsigned int i = 0; sim_policy_nth(i); i++) {
		const char *name = sim_policy_name(sim_policy_nth(i));

		if (capacity(s, name).guests > oracle.guests + 1)
			fail_msg("%s hosts more than the oracle", name);
	}
	sim_scenario_free(s);
}

/* No page cache: a host under free page reporting pays for what is used, and no
 * more. */
static void reporting_alone(void **state)
{
	struct sim_options o = options(64);
	struct sim_scenario *s;
	struct sim_result r;

	(void)state;
	o.cache = SIM_CACHE_NONE;
	s = scenario(&generated, &o);
	r = run(s, "fpr", 20, NULL);
	assert_true(r.rss_mean < 1.1 * r.demand_mean);
	sim_scenario_free(s);
	o.cache = SIM_CACHE_GROW;
	s = scenario(&generated, &o);
	r = run(s, "fpr", 20, NULL);
	assert_int_equal(r.failure, SIM_HOST_OOM);
	sim_scenario_free(s);
}

/* A host with memory for all: our engine leaves everybody at max. */
static void nothing_to_do(void **state)
{
	struct sim_options o = options(1024);
	struct sim_scenario *s = scenario(&generated, &o);
	struct sim_result r = run(s, "dynmem", 40, NULL);

	(void)state;
	assert_int_equal(r.failure, SIM_OK);
	assert_int_equal(r.commands, 0);
	assert_true(fabs(r.actual_mean / r.provisioned - 1) < 1e-9);
	/* And is hardly ever asked. */
	assert_true(r.decisions < (SPAN + 7200) / 9);
	sim_scenario_free(s);
}

static void stops_and_parts(void **state)
{
	struct sim_options o = options(64);
	struct sim_scenario *s = scenario(&generated, &o);
	struct sim_run_options stop = { .stop = true };
	struct sim_run_options part = { .from = 3600, .to = 7200, .record = true };
	struct sim_result r = run(s, "fpr", 30, &stop);
	double seconds = 0;

	(void)state;
	assert_int_equal(r.failure, SIM_HOST_OOM);
	assert_int_equal(r.oom_kills, 1);
	r = run(s, "oracle", 10, &part);
	assert_in_range(r.point_count, SIM_POINTS / 2, SIM_POINTS);
	for (unsigned int i = 0; i < r.point_count; i++) {
		seconds += r.points[i].samples;
		assert_true(r.points[i].samples == 0 ||
			    r.points[i].demand <= r.points[i].demand_peak + 1);
	}
	assert_true(fabs(seconds - 3600) < 1e-3);
	sim_result_clear(&r);
	sim_scenario_free(s);
}

/*
 * The picture: every element that is opened is closed, what it shows is there.
 */
static void picture(void **state)
{
	struct sim_options o = options(64);
	struct sim_scenario *s = scenario(&generated, &o);
	struct sim_run_options record = { .record = true };
	struct sim_result r[2];
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int depth = 0;

	(void)state;
	r[0] = run(s, "oracle", 14, &record);
	r[1] = run(s, "pve", 14, &record);
	assert_int_equal(sim_svg(f, "a <title> & more", &o, r, 2), 0);
	fclose(f);
	assert_non_null(strstr(text, "a &lt;title&gt; &amp; more"));
	assert_non_null(strstr(text, ">oracle<"));
	assert_non_null(strstr(text, ">pve<"));
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "inf"));
	for (const char *c = text; (c = strchr(c, '<')); c++) {
		const char *end = strchr(c, '>');

		assert_non_null(end);
		if (c[1] == '/')
			depth--;
		else if (end[-1] != '/')
			depth++;
		assert_true(depth >= 0);
	}
	assert_int_equal(depth, 0);
	free(text);
	sim_result_clear(&r[0]);
	sim_result_clear(&r[1]);
	sim_scenario_free(s);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_seed_one_result),
		cmocka_unit_test(more_machines_than_the_trace),
		cmocka_unit_test(lack_is_measured),
		cmocka_unit_test(grows_in_time),
		cmocka_unit_test(grows_into_page_cache),
		cmocka_unit_test(fills_between_samples),
		cmocka_unit_test(promises),
		cmocka_unit_test(oracle_is_the_bound),
		cmocka_unit_test(reporting_alone),
		cmocka_unit_test(nothing_to_do),
		cmocka_unit_test(stops_and_parts),
		cmocka_unit_test(picture),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, generate, forget);
}
