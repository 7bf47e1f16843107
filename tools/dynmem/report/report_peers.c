// SPDX-License-Identifier: GPL-2.0
/* The same guests on the same host under other controllers, by the simulator. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "dynmem/report/report.h"
#include "sim/sim.h"
#include "sim/svg.h"

/* Shorter recordings say nothing of how guests live. */
#define SECONDS_MIN 600
/* The trace's samples: what the model knows of the time between them is chance. */
#define SAMPLE_SECONDS 60

static const char *const names[] = { "dynmem", "pve", "mom", "static" };

#define POLICIES ARRAY_SIZE(names)

/* A guest without statistics counts as using all that it has. */
static bool usage(const struct report_guest *g, unsigned int cell, double *ret)
{
	return report_value(g, REPORT_USED, cell, ret) ||
	       (!g->reports && report_value(g, REPORT_ACTUAL, cell, ret));
}

static int add_guest(struct sim_trace *t, const struct report *r, const struct report_guest *g,
		     unsigned int number)
{
	double seconds = (double)r->width / NSEC_PER_SEC, used;
	struct sim_series *s = NULL;
	int64_t last = -SAMPLE_SECONDS;
	char name[16];
	int err = 0;

	snprintf(name, sizeof(name), "%u", number);
	for (unsigned int c = r->from; !err && c < r->cells; c++) {
		int64_t time = (int64_t)((c - r->from) * seconds);

		if (!usage(g, c, &used))
			used = 0; /* it is not there */
		if (time < last + SAMPLE_SECONDS)
			continue;
		if (!s)
			s = sim_trace_add(t, name, strlen(name));
		if (!s)
			return -ENOMEM;
		last = time;
		s->max = (double)g->memory;
		s->period = MAX(SAMPLE_SECONDS, (int64_t)seconds);
		err = sim_series_add(s, time, fmin(used, s->max), 0);
	}
	t->span = MAX(t->span, last + MAX(SAMPLE_SECONDS, (int64_t)seconds));
	return err;
}

/* Guests' least sizes are a share in a scenario: the mean one. */
static double min_share(const struct report *r)
{
	double min = 0, memory = 0;

	for (unsigned int i = 0; i < r->guests; i++) {
		min += (double)MIN(r->guest[i]->min, r->guest[i]->memory);
		memory += (double)r->guest[i]->memory;
	}
	return memory > 0 ? min / memory : 0.25;
}

static void row(FILE *f, const struct sim_result *s)
{
	fprintf(f,
		"<tr><th scope='row'>%s</th><td>%s</td><td class='n'>%.2f</td><td class='n'>%.2f %%</td><td class='n'>%.0f s</td><td class='n'>%u</td><td class='n'>%.1f GiB</td><td class='n'>%.1f GiB</td></tr>\n",
		sim_policy_name(s->policy), sim_failure_text(s->failure),
		s->lacked / SIM_GIB / 3600, 100 * s->worst_share, s->longest,
		s->oom_kills + s->guest_ooms, fmax(0, s->available_least) / SIM_GIB,
		s->rss_mean / SIM_GIB);
}

static void table(FILE *f, const struct sim_result *s)
{
	fputs("<table><caption>The same guests under other controllers, simulated</caption>\n"
	      "<thead><tr><th scope='col'>Controller</th><th scope='col'>Outcome</th>"
	      "<th scope='col'>Lacked, GiB &times; h</th><th scope='col'>Worst guest lacked</th>"
	      "<th scope='col'>Longest lack</th><th scope='col'>Killed</th>"
	      "<th scope='col'>Least available</th><th scope='col'>Host paid, mean</th></tr></thead><tbody>\n",
	      f);
	for (unsigned int i = 0; i < POLICIES; i++)
		row(f, &s[i]);
	fputs("</tbody></table>\n", f);
}

static int run(FILE *f, const struct sim_trace *t, const struct report *r)
{
	struct sim_result result[POLICIES] = { 0 };
	struct sim_run_options how = { .record = true };
	struct sim_scenario *sc = NULL;
	struct sim_options o;
	unsigned int left_out = 0, guests;
	int err;

	sim_options_init(&o, t->span);
	o.host = (double)r->total;
	o.min_share = min_share(r);
	err = sim_scenario_new(t, &o, &sc);
	if (err)
		return err;
	guests = sim_scenario_machines(sc, &left_out);
	for (unsigned int i = 0; !err && i < POLICIES; i++)
		err = sim_run(sc, sim_policy_find(names[i]), guests, &how, &result[i]);
	if (!err) {
		if (left_out)
			fprintf(f,
				"<p>%u guests are left out: they are larger than the host.</p>\n",
				left_out);
		table(f, result);
		fputs("<figure>\n", f);
		err = sim_svg(f, "Host memory under each of them", sim_scenario_options(sc), result,
			      POLICIES);
		fputs("</figure>\n", f);
	}
	for (unsigned int i = 0; i < POLICIES; i++)
		sim_result_clear(&result[i]);
	sim_scenario_free(sc);
	return err;
}

int report_peers(FILE *f, const struct report *r)
{
	struct sim_trace t = { 0 };
	int err = 0;

	if (report_seconds(r) < SECONDS_MIN) {
		fprintf(f,
			"<p>The recording is too short to simulate: it covers %.0f s, and %d are needed; a week is better.</p>\n",
			report_seconds(r), SECONDS_MIN);
		return 0;
	}
	for (unsigned int i = 0; !err && i < r->guests; i++)
		err = add_guest(&t, r, r->guest[i], i);
	if (!err)
		err = run(f, &t, r);
	sim_trace_clear(&t);
	if (err != -ENODATA)
		return err;
	fputs("<p>No guest fits on this host, so that nothing is simulated.</p>\n", f);
	return 0;
}
