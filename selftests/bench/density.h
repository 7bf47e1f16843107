/* SPDX-License-Identifier: GPL-2.0 */
/* What the benchmark of density asks, and the answers that are judged. */
#ifndef BENCH_DENSITY_H
#define BENCH_DENSITY_H

#include <time.h>

#include <json-c/json.h>

#include "sim/scenario.h"

#define TASKS_MAX 4096

#define HOSTS 3
#define MINS  3

extern const double density_hosts[HOSTS]; /* GiB */
extern const double density_mins[MINS];

enum contender { STATIC, TRAINED, FPR, ZRAM, PVE, MOM, LOOP, PROCFS, DYNMEM, ORACLE, CONTENDERS };

extern const char *const density_names[CONTENDERS];

struct task {
	unsigned int host, min;
	enum sim_shape shape;
	enum sim_cache cache;
	uint64_t seed;
};

/* @guests: -1: not asked. @sold: of static-p99.9, before anybody looks at
 * service */
struct verdict {
	unsigned int task;
	int guests[CONTENDERS];
	int sold;
	double provisioned[CONTENDERS];
	double seconds;
};

struct bench {
	struct sim_trace trace;
	bool first_part;
	int seeds, jobs;
	double largest; /* host, GiB */
	const char *out, *answers;
	char key[64]; /* of what the answers depend on beside the task */
	struct task task[TASKS_MAX];
	struct verdict answer[TASKS_MAX];
	bool answered[TASKS_MAX];
	unsigned int tasks, done;
	struct timespec since;
};

/* Prints how goals are met, and returns all that is to be written. */
struct json_object *density_report(const struct bench *b);

#endif
