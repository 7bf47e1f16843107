// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem simulate: guests of a trace on a host, under our policy and others.
 */
#include "simulate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "out.h"
#include "sim/svg.h"

/* Progress is shown from then on, and so often where it cannot be overwritten,
 * s. */
#define PROGRESS_AFTER 2.0
#define PROGRESS_EVERY 10.0

struct progress {
	const char *what;
	double start, shown;
	bool tty, any;
};

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct progress progress_start(void)
{
	return (struct progress){
		.tty = isatty(STDERR_FILENO) == 1,
		.start = seconds_now(),
	};
}

static void on_progress(double done, void *userdata)
{
	struct progress *p = userdata;
	double now = seconds_now();

	if (now - p->start < PROGRESS_AFTER || done < 0 ||
	    (p->any && now - p->shown < (p->tty ? 0.2 : PROGRESS_EVERY)))
		return;
	p->any = true;
	p->shown = now;
	fprintf(stderr, p->tty ? "\rsimulating %s: %3.0f %%" : "simulating %s: %.0f %%\n", p->what,
		100 * done);
}

static void progress_end(struct progress *p)
{
	if (p->any && p->tty)
		fputs("\r\033[K", stderr);
}

static void note_trace(const struct sim_trace *t)
{
	if (t->left_out)
		fprintf(stderr, "dynmem simulate: left out %u machines that never had any memory\n",
			t->left_out);
	if (t->gaps)
		fprintf(stderr,
			"dynmem simulate: bridged %lu gaps of up to %lld min with the sample before\n",
			t->gaps, (long long)(t->gap_longest / 60));
	if (t->skipped || t->skipped_files)
		fprintf(stderr,
			"dynmem simulate: skipped %lu rows and %lu files or machines; the first: %s:%lu:%lu: %s\n",
			t->skipped, t->skipped_files, t->first.file, t->first.line, t->first.column,
			t->first.text);
}

static int load(const struct simulate *s, struct sim_trace *t)
{
	struct sim_problem p;

	for (unsigned int i = 0; i < s->paths; i++) {
		int err = sim_trace_load(t, s->path[i], s->lenient, &p);

		if (err == -EBADMSG && p.line && p.column)
			fprintf(stderr, "dynmem simulate: %s:%lu:%lu: %s\n", p.file, p.line,
				p.column, p.text);
		else if (err == -EBADMSG && p.line)
			fprintf(stderr, "dynmem simulate: %s:%lu: %s\n", p.file, p.line, p.text);
		else if (err == -EBADMSG)
			fprintf(stderr, "dynmem simulate: %s: %s\n", p.file, p.text);
		else if (err)
			fprintf(stderr, "dynmem simulate: %s: %s\n", s->path[i], strerror(-err));
		if (err)
			return err;
	}
	if (!s->paths)
		return sim_trace_generate(t, SIMULATE_GUESTS, SIMULATE_SPAN, s->options.seed);
	if (!s->json)
		note_trace(t);
	return 0;
}

/* Which part is replayed, and on which one static-p99.9 is trained. */
static void set_part(struct simulate *s, const struct sim_trace *t)
{
	double span = (double)t->span;
	double first = span * SIMULATE_FIRST_PART;
	struct sim_options *o = &s->options;

	o->length = o->train_length = span;
	if (s->part == SIMULATE_FIRST) {
		o->length = first;
		o->train_start = first;
		o->train_length = span - first;
	} else if (s->part == SIMULATE_SECOND) {
		o->start = first;
		o->length = span - first;
		o->train_length = first;
	}
}

static int scenario(struct simulate *s, const struct sim_trace *t, struct sim_scenario **ret)
{
	unsigned int left_out;
	int err;

	set_part(s, t);
	err = sim_scenario_new(t, &s->options, ret);
	if (err == -ENODATA)
		fprintf(stderr,
			"dynmem simulate: no machine is left: the trace has none, or none fits on the host (--host)\n");
	else if (err)
		fprintf(stderr, "dynmem simulate: %s\n", strerror(-err));
	if (err)
		return err;
	if (!s->guests)
		s->guests = sim_scenario_machines(*ret, &left_out);
	return 0;
}

static int picture(const struct simulate *s, FILE *svg, const struct sim_scenario *sc,
		   const struct sim_result *result)
{
	char title[256];
	int err;

	simulate_scenario_text(s, sc, title, sizeof(title));
	err = sim_svg(svg, title, sim_scenario_options(sc), result, s->policies);
	if (err)
		fprintf(stderr, "dynmem simulate: %s: %s\n", s->svg, strerror(-err));
	return err;
}

static void show_results(const struct simulate *s, const struct sim_trace *t,
			 const struct sim_scenario *sc, const struct sim_result *result)
{
	struct json_object *obj, *list;
	char text[256];

	if (!s->json) {
		simulate_scenario_text(s, sc, text, sizeof(text));
		printf("%s\n\n", text);
		simulate_result_table(result, s->policies);
		return;
	}
	obj = simulate_scenario_json(s, t, sc);
	list = json_object_new_array();
	for (unsigned int i = 0; i < s->policies; i++)
		json_object_array_add(list, simulate_result_json(&result[i]));
	json_object_object_add(obj, "results", list);
	out_pretty(obj);
	json_object_put(obj);
}

static int run_all(struct simulate *s, FILE *svg, const struct sim_trace *t,
		   struct sim_scenario *sc)
{
	struct sim_result result[SIMULATE_POLICIES_MAX] = { 0 };
	struct progress p = progress_start();
	struct sim_run_options o = {
		.record = svg,
		.progress = on_progress,
		.userdata = &p,
	};
	int err = 0;

	for (unsigned int i = 0; !err && i < s->policies; i++) {
		p.what = sim_policy_name(s->policy[i]);
		err = sim_run(sc, s->policy[i], s->guests, &o, &result[i]);
	}
	progress_end(&p);
	if (!err) {
		show_results(s, t, sc, result);
		if (svg)
			err = picture(s, svg, sc, result);
	} else {
		fprintf(stderr, "dynmem simulate: %s\n", strerror(-err));
	}
	for (unsigned int i = 0; i < s->policies; i++)
		sim_result_clear(&result[i]);
	return err;
}

static void show_capacity(const struct simulate *s, const struct sim_trace *t,
			  const struct sim_scenario *sc, const struct sim_capacity *capacity)
{
	struct json_object *obj, *list;
	char text[256];

	if (!s->json) {
		simulate_scenario_text(s, sc, text, sizeof(text));
		printf("%s\n\n", text);
		simulate_capacity_table(s->policy, capacity, s->policies);
		return;
	}
	obj = simulate_scenario_json(s, t, sc);
	list = json_object_new_array();
	for (unsigned int i = 0; i < s->policies; i++)
		json_object_array_add(list, simulate_capacity_json(s->policy[i], &capacity[i]));
	json_object_object_add(obj, "capacity", list);
	out_pretty(obj);
	json_object_put(obj);
}

static int capacity_all(struct simulate *s, const struct sim_trace *t, struct sim_scenario *sc)
{
	struct sim_capacity capacity[SIMULATE_POLICIES_MAX] = { 0 };
	struct progress p = progress_start();
	struct sim_run_options o = {
		.progress = on_progress,
		.userdata = &p,
	};
	char what[64];
	int err = 0;

	p.what = what;
	for (unsigned int i = 0; !err && i < s->policies; i++) {
		snprintf(what, sizeof(what), "%s for its capacity, a run",
			 sim_policy_name(s->policy[i]));
		err = sim_capacity(sc, s->policy[i], &o, &capacity[i]);
	}
	progress_end(&p);
	if (err)
		fprintf(stderr, "dynmem simulate: %s\n", strerror(-err));
	else
		show_capacity(s, t, sc, capacity);
	return err;
}

static int simulate(struct simulate *s, FILE *svg)
{
	struct sim_scenario *sc = NULL;
	struct sim_trace t = { 0 };
	int err = load(s, &t);

	if (!err)
		err = scenario(s, &t, &sc);
	if (!err)
		err = s->capacity ? capacity_all(s, &t, sc) : run_all(s, svg, &t, sc);
	sim_scenario_free(sc);
	sim_trace_clear(&t);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cmd_simulate(int argc, char **argv)
{
	struct simulate s;
	FILE *svg = NULL;
	int status = simulate_parse(argc, argv, &s);

	if (status < 0 && s.replay)
		status = simulate_replay(&s);
	if (status < 0 && s.svg) {
		svg = fopen(s.svg, "we");
		if (!svg) {
			fprintf(stderr, "dynmem simulate: %s: %s\n", s.svg, strerror(errno));
			status = EXIT_FAILURE;
		}
	}
	if (status < 0)
		status = simulate(&s, svg);
	if (svg)
		fclose(svg);
	simulate_clear(&s);
	return status;
}
