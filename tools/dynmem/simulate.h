/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What dynmem simulate is asked to do, and how its results are shown.
 */
#ifndef DYNMEM_SIMULATE_H
#define DYNMEM_SIMULATE_H

#include <stdbool.h>
#include <json-c/json.h>

#include "sim/sim.h"

#define SIMULATE_SCHEMA 1 /* of --json, see out_new() */

#define SIMULATE_POLICIES_MAX 16

/* Generated where no trace is given: so many guests, for so long. */
#define SIMULATE_GUESTS 100
#define SIMULATE_SPAN	INT64_C(604800)

/* Of a trace in two parts, the first one is this share. */
#define SIMULATE_FIRST_PART (3.0 / 7)

enum simulate_part {
	SIMULATE_ALL,
	SIMULATE_FIRST,
	SIMULATE_SECOND,
};

/**
 * struct simulate - the command line
 * @path: of traces, @paths of them
 * @replay: a recording to replay; NULL: simulate
 * @guests: 0: all machines of the trace
 * @options: @options.start and so on are set when the trace is known
 */
struct simulate {
	const char **path;
	unsigned int paths;
	const struct sim_policy *policy[SIMULATE_POLICIES_MAX];
	unsigned int policies;
	unsigned int guests;
	enum simulate_part part;
	bool capacity, lenient, json;
	const char *svg;
	const char *replay;
	struct sim_options options;
	struct policy_tunables tunables;
};

/**
 * simulate_parse() - read the command line
 *
 * Return: -1: go on; else the exit status: help was printed, or an error.
 */
int simulate_parse(int argc, char **argv, struct simulate *s);

/** simulate_replay() - a recording; returns an exit status */
int simulate_replay(const struct simulate *s);

void simulate_clear(struct simulate *s);

/** simulate_scenario_json() - what was simulated */
struct json_object *simulate_scenario_json(const struct simulate *s, const struct sim_trace *t,
					   const struct sim_scenario *sc);

/** simulate_scenario_text() - the same in a line or two */
void simulate_scenario_text(const struct simulate *s, const struct sim_scenario *sc, char *buf,
			    size_t size);

struct json_object *simulate_result_json(const struct sim_result *r);
void simulate_result_table(const struct sim_result *r, unsigned int count);

struct json_object *simulate_capacity_json(const struct sim_policy *p,
					   const struct sim_capacity *c);
void simulate_capacity_table(const struct sim_policy *const *p, const struct sim_capacity *c,
			     unsigned int count);

#endif
