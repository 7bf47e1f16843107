// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "out.h"
#include "simulate.h"

#define GIB 0x1p30
#define DAY 86400.0

static void add_double(struct json_object *obj, const char *key, double value)
{
	char text[40];

	/* Bytes as whole numbers, all else with what is significant. */
	if (fabs(value) >= 1e6)
		snprintf(text, sizeof(text), "%.0f", value);
	else
		snprintf(text, sizeof(text), "%.6g", value);
	json_object_object_add(obj, key, json_object_new_double_s(value, text));
}

static struct json_object *trace_json(const struct simulate *s, const struct sim_trace *t,
				      const struct sim_scenario *sc)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *list = json_object_new_array();
	unsigned int machines, too_large;

	machines = sim_scenario_machines(sc, &too_large);
	for (unsigned int i = 0; i < s->paths; i++)
		json_object_array_add(list, json_object_new_string(s->path[i]));
	json_object_object_add(obj, "files", list);
	json_object_object_add(obj, "generated", json_object_new_boolean(!s->paths));
	out_add_u64(obj, "machines", machines);
	out_add_u64(obj, "left_out_without_memory", t->left_out);
	out_add_u64(obj, "left_out_too_large", too_large);
	out_add_u64(obj, "span", (uint64_t)t->span);
	out_add_u64(obj, "gaps", t->gaps);
	out_add_u64(obj, "gap_longest", (uint64_t)t->gap_longest);
	out_add_u64(obj, "skipped_rows", t->skipped);
	out_add_u64(obj, "skipped_files", t->skipped_files);
	return obj;
}

struct json_object *simulate_scenario_json(const struct simulate *s, const struct sim_trace *t,
					   const struct sim_scenario *sc)
{
	const struct sim_options *o = sim_scenario_options(sc);
	struct json_object *obj = out_new(SIMULATE_SCHEMA);
	struct json_object *scenario = json_object_new_object();

	json_object_object_add(obj, "trace", trace_json(s, t, sc));
	add_double(scenario, "host", o->host);
	if (!s->capacity)
		out_add_u64(scenario, "guests", s->guests);
	if (o->min_bytes > 0)
		add_double(scenario, "min_bytes", o->min_bytes);
	else
		add_double(scenario, "min_share", o->min_share);
	out_add_str(scenario, "shape", sim_shape_name(o->shape));
	out_add_str(scenario, "cache", sim_cache_name(o->cache));
	add_double(scenario, "hot", o->physics.hot);
	add_double(scenario, "ksm", o->physics.ksm_share);
	add_double(scenario, "tick", (double)o->tick / 1000);
	out_add_u64(scenario, "seed", o->seed);
	add_double(scenario, "start", o->start);
	add_double(scenario, "length", o->length);
	add_double(scenario, "service", o->service);
	add_double(scenario, "episode", o->episode);
	json_object_object_add(obj, "scenario", scenario);
	return obj;
}

/* Three figures are enough. */
static const char *short_time(double seconds, char buf[static 16])
{
	if (seconds >= 2 * DAY)
		snprintf(buf, 16, "%.1f days", seconds / DAY);
	else if (seconds >= 7200)
		snprintf(buf, 16, "%.1f h", seconds / 3600);
	else if (seconds >= 120)
		snprintf(buf, 16, "%.0f min", seconds / 60);
	else
		snprintf(buf, 16, "%.1f s", seconds);
	return buf;
}

void simulate_scenario_text(const struct simulate *s, const struct sim_scenario *sc, char *buf,
			    size_t size)
{
	const struct sim_options *o = sim_scenario_options(sc);
	char host[OUT_BYTES_MAX], min[OUT_BYTES_MAX], guests[48], length[16];

	snprintf(guests, sizeof(guests), "%u guests", s->guests);
	if (o->min_bytes > 0)
		out_bytes((uint64_t)o->min_bytes, min);
	else
		snprintf(min, sizeof(min), "%g %%", 100 * o->min_share);
	snprintf(buf, size, "%s%s on %s, %s, min %s, shape %s, cache %s, seed %" PRIu64,
		 s->capacity ? "Guests" : guests, s->paths ? "" : " (generated)",
		 out_bytes((uint64_t)o->host, host), short_time(o->length, length), min,
		 sim_shape_name(o->shape), sim_cache_name(o->cache), o->seed);
}

struct json_object *simulate_result_json(const struct sim_result *r)
{
	struct json_object *obj = json_object_new_object();

	out_add_str(obj, "policy", sim_policy_name(r->policy));
	json_object_object_add(obj, "served", json_object_new_boolean(r->failure == SIM_OK));
	out_add_str(obj, "outcome", sim_failure_text(r->failure));
	if (r->failure != SIM_OK)
		add_double(obj, "failed_at", r->failed_at);
	out_add_u64(obj, "guests_asked", r->asked);
	out_add_u64(obj, "guests", r->guests);
	out_add_u64(obj, "guests_outside", r->failed_guests);
	add_double(obj, "worst_share", r->worst_share);
	add_double(obj, "mean_share", r->mean_share);
	add_double(obj, "longest", r->longest);
	add_double(obj, "lacked_byte_seconds", r->lacked);
	out_add_u64(obj, "host_oom_kills", r->oom_kills);
	out_add_u64(obj, "guest_oom_kills", r->guest_ooms);
	add_double(obj, "provisioned", r->provisioned);
	add_double(obj, "demand_mean", r->demand_mean);
	add_double(obj, "demand_peak", r->demand_peak);
	add_double(obj, "actual_mean", r->actual_mean);
	add_double(obj, "rss_mean", r->rss_mean);
	add_double(obj, "rss_peak", r->rss_peak);
	add_double(obj, "available_least", fmax(0, r->available_least));
	add_double(obj, "swap_peak", r->swap_peak);
	add_double(obj, "ksm_saved_mean", r->ksm_saved_mean);
	out_add_u64(obj, "commands", r->commands);
	add_double(obj, "moved", r->moved);
	out_add_u64(obj, "decisions", r->decisions);
	add_double(obj, "cpu_seconds", r->seconds);
	add_double(obj, "decide_seconds", r->decide_seconds);
	return obj;
}

void simulate_result_table(const struct sim_result *r, unsigned int count)
{
	char longest[16];

	printf("%-14s %7s %8s %7s %8s %6s %6s %8s %8s %9s %9s\n", "", "guests", "outside", "worst",
	       "longest", "host", "guest", "balloons", "host", "least", "balloon");
	printf("%-14s %7s %8s %7s %8s %6s %6s %8s %8s %9s %9s  %s\n", "POLICY", "HOSTED", "LEVEL",
	       "% TIME", "LACK", "KILLS", "KILLS", "LEAVE GiB", "PAYS GiB", "AVAIL GiB", "COMMANDS",
	       "OUTCOME");
	for (; count--; r++)
		printf("%-14s %7u %8u %7.3f %8s %6u %6u %8.1f %8.1f %9.1f %9lu  %s\n",
		       sim_policy_name(r->policy), r->guests, r->failed_guests,
		       100 * r->worst_share, short_time(r->longest, longest), r->oom_kills,
		       r->guest_ooms, r->actual_mean / GIB, r->rss_mean / GIB,
		       fmax(0, r->available_least) / GIB, r->commands,
		       sim_failure_text(r->failure));
}

struct json_object *simulate_capacity_json(const struct sim_policy *p, const struct sim_capacity *c)
{
	struct json_object *obj = json_object_new_object();

	out_add_str(obj, "policy", sim_policy_name(p));
	out_add_u64(obj, "guests", c->guests);
	add_double(obj, "provisioned", c->provisioned);
	out_add_str(obj, "limit", sim_failure_text(c->limit));
	out_add_u64(obj, "runs", c->runs);
	add_double(obj, "cpu_seconds", c->seconds);
	return obj;
}

static double guests_of(const struct sim_policy *const *p, const struct sim_capacity *c,
			unsigned int count, const char *name)
{
	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(sim_policy_name(p[i]), name))
			return c[i].guests;
	return 0;
}

void simulate_capacity_table(const struct sim_policy *const *p, const struct sim_capacity *c,
			     unsigned int count)
{
	double base = guests_of(p, c, count, "static");
	double best = guests_of(p, c, count, "oracle");

	printf("%-14s %7s %12s %9s %9s  %s\n", "POLICY", "GUESTS", "PROVISIONED", "x STATIC",
	       "% ORACLE", "ONE MORE:");
	for (unsigned int i = 0; i < count; i++) {
		char ratio[16] = "-", share[16] = "-";

		if (base > 0)
			snprintf(ratio, sizeof(ratio), "%.2f", c[i].guests / base);
		if (best > 0)
			snprintf(share, sizeof(share), "%.0f", 100 * c[i].guests / best);
		printf("%-14s %7u %8.0f GiB %9s %9s  %s\n", sim_policy_name(p[i]), c[i].guests,
		       c[i].provisioned / GIB, ratio, share, sim_failure_text(c[i].limit));
	}
}
