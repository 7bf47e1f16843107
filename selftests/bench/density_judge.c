// SPDX-License-Identifier: GPL-2.0
/* Are the goals of density met? Ratios with their intervals, and a table. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "density.h"
#include "sim/rng.h"

#define BOOTSTRAPS 4000

struct sample {
	double value[TASKS_MAX];
	unsigned int count;
};

struct estimate {
	double mean, low, high;
	unsigned int count;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double mean_of(const double *value, unsigned int count)
{
	double sum = 0;

	for (unsigned int i = 0; i < count; i++)
		sum += value[i];
	return count ? sum / count : 0;
}

/* The mean with its 95 % interval: percentiles of resampled means. */
static struct estimate estimate(const struct sample *s)
{
	static double means[BOOTSTRAPS];
	struct rng rng = rng_stream(1, s->count);
	struct estimate e = { mean_of(s->value, s->count), 0, 0, s->count };

	for (int i = 0; i < BOOTSTRAPS && s->count; i++) {
		double sum = 0;

		for (unsigned int k = 0; k < s->count; k++)
			sum += s->value[rng_below(&rng, s->count)];
		means[i] = sum / s->count;
	}
	qsort(means, BOOTSTRAPS, sizeof(means[0]), by_value);
	e.low = s->count ? means[(int)(0.025 * BOOTSTRAPS)] : 0;
	e.high = s->count ? means[(int)(0.975 * BOOTSTRAPS)] : 0;
	return e;
}

/* What a goal compares, and where. @host, @min: -1: all of them */
struct goal {
	const char *name;
	enum contender us, them;
	bool sold; /* of static-p99.9: all that were sold, served or not */
	int host, min;
	enum sim_cache cache;
	double least;
};

static const struct goal goals[] = {
	{ "oracle_min25", DYNMEM, ORACLE, false, -1, 1, SIM_CACHE_GROW, 0.95 },
	{ "oracle_min10", DYNMEM, ORACLE, false, -1, 0, SIM_CACHE_GROW, 0.9 },
	{ "static_p999_min25", DYNMEM, TRAINED, false, -1, 1, SIM_CACHE_GROW, 1.5 },
	{ "pve_cache_grows", DYNMEM, PVE, false, -1, 1, SIM_CACHE_GROW, 2 },
	{ "pve_no_cache", DYNMEM, PVE, false, -1, 1, SIM_CACHE_NONE, 1.25 },
	{ "procfs_oracle_min25", PROCFS, ORACLE, false, 1, 1, SIM_CACHE_GROW, 0.95 },
	/* No goals, but what one wants to know: */
	{ "oracle_min50", DYNMEM, ORACLE, false, -1, 2, SIM_CACHE_GROW, 0 },
	{ "oracle_min25_no_cache", DYNMEM, ORACLE, false, -1, 1, SIM_CACHE_NONE, 0 },
	{ "static_min25", DYNMEM, STATIC, false, -1, 1, SIM_CACHE_GROW, 0 },
	{ "static_p999_sold_min25", DYNMEM, TRAINED, true, -1, 1, SIM_CACHE_GROW, 0 },
	{ "oracle_to_static_p999_sold_min25", ORACLE, TRAINED, true, -1, 1, SIM_CACHE_GROW, 0 },
	{ "oracle_to_static_min25", ORACLE, STATIC, false, -1, 1, SIM_CACHE_GROW, 0 },
	{ "mom_min25", DYNMEM, MOM, false, -1, 1, SIM_CACHE_GROW, 0 },
	{ "fpr_min25", DYNMEM, FPR, false, -1, 1, SIM_CACHE_GROW, 0 },
	{ "fpr_zram_min25", DYNMEM, ZRAM, false, -1, 1, SIM_CACHE_GROW, 0 },
	{ "fpr_min25_no_cache", DYNMEM, FPR, false, -1, 1, SIM_CACHE_NONE, 0 },
	{ "loop_10s_oracle_min25", LOOP, ORACLE, false, 1, 1, SIM_CACHE_GROW, 0 },
};

#define GOALS (sizeof(goals) / sizeof(goals[0]))

static double ratio(const struct goal *g, const struct verdict *a)
{
	int them = g->sold ? a->sold : a->guests[g->them];

	/* Who hosts nobody is taken to host one, or there would be no ratio. */
	return a->guests[g->us] / fmax(1, them);
}

static struct estimate judge_shape(const struct bench *b, const struct goal *g,
				   enum sim_shape shape)
{
	static struct sample s;

	s.count = 0;
	for (unsigned int i = 0; i < b->tasks; i++) {
		const struct task *t = &b->task[i];

		if (t->shape == shape && t->cache == g->cache &&
		    (g->host < 0 || t->host == (unsigned int)g->host) &&
		    (g->min < 0 || t->min == (unsigned int)g->min) &&
		    b->answer[i].guests[g->us] >= 0 && b->answer[i].guests[g->them] >= 0)
			s.value[s.count++] = ratio(g, &b->answer[i]);
	}
	return estimate(&s);
}

static struct estimate judge(const struct bench *b, const struct goal *g)
{
	struct estimate step = judge_shape(b, g, SIM_SHAPE_STEP);
	struct estimate linear = judge_shape(b, g, SIM_SHAPE_LINEAR);

	return linear.mean < step.mean ? linear : step;
}

static double round_to(double x)
{
	return round(x * 10000) / 10000;
}

static struct json_object *number(double x)
{
	char text[32];

	snprintf(text, sizeof(text), "%.4g", round_to(x));
	return json_object_new_double_s(round_to(x), text);
}

/* Means over seeds of each question, for the table in the documentation. */
static struct json_object *rows_json(const struct bench *b)
{
	struct json_object *rows = json_object_new_array();

	for (unsigned int i = 0; i < b->tasks; i++) {
		const struct task *t = &b->task[i];
		struct json_object *row, *guests;

		if (t->seed != 1)
			continue;
		row = json_object_new_object();
		guests = json_object_new_object();
		json_object_object_add(row, "host_gib", number(density_hosts[t->host]));
		json_object_object_add(row, "min", number(density_mins[t->min]));
		json_object_object_add(row, "shape",
				       json_object_new_string(sim_shape_name(t->shape)));
		json_object_object_add(row, "cache",
				       json_object_new_string(sim_cache_name(t->cache)));
		for (int who = 0; who < CONTENDERS; who++) {
			double sum = 0;
			int n = 0;

			for (unsigned int k = 0; k < b->tasks; k++) {
				const struct task *o = &b->task[k];

				if (o->host != t->host || o->min != t->min ||
				    o->shape != t->shape || o->cache != t->cache ||
				    b->answer[k].guests[who] < 0)
					continue;
				sum += b->answer[k].guests[who];
				n++;
			}
			if (n)
				json_object_object_add(guests, density_names[who], number(sum / n));
		}
		json_object_object_add(row, "guests", guests);
		json_object_array_add(rows, row);
	}
	return rows;
}

struct json_object *density_report(const struct bench *b)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *goal = json_object_new_object();
	struct json_object *value = json_object_new_object();
	struct json_object *ci = json_object_new_object();
	struct json_object *each = json_object_new_object();
	bool all = true;

	printf("\n%-34s %7s %7s   %-17s %s\n", "GUESTS HOSTED, AS RATIO", "GOAL", "VALUE", "95 %",
	       "HOLDS");
	for (size_t i = 0; i < GOALS; i++) {
		const struct goal *g = &goals[i];
		struct estimate e = judge(b, g);
		struct json_object *pair = json_object_new_array();
		bool holds = e.count && e.low >= g->least;

		json_object_array_add(pair, number(e.low));
		json_object_array_add(pair, number(e.high));
		json_object_object_add(value, g->name, number(e.mean));
		json_object_object_add(ci, g->name, pair);
		if (g->least > 0) {
			json_object_object_add(goal, g->name, number(g->least));
			json_object_object_add(each, g->name, json_object_new_boolean(holds));
			all = all && holds;
			printf("%-34s %7.2f %7.3f   %.3f .. %.3f    %s\n", g->name, g->least,
			       e.mean, e.low, e.high, holds ? "yes" : "NO");
		} else {
			printf("%-34s %7s %7.3f   %.3f .. %.3f\n", g->name, "", e.mean, e.low,
			       e.high);
		}
	}
	json_object_object_add(obj, "name", json_object_new_string("density"));
	json_object_object_add(obj, "goal", goal);
	json_object_object_add(obj, "value", value);
	json_object_object_add(obj, "ci95", ci);
	json_object_object_add(obj, "runs", json_object_new_int64(b->tasks));
	json_object_object_add(obj, "holds", json_object_new_boolean(all));
	json_object_object_add(obj, "holds_each", each);
	json_object_object_add(obj, "part",
			       json_object_new_string(b->first_part ? "first" : "second"));
	json_object_object_add(obj, "guests", rows_json(b));
	return obj;
}
