/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The simulator: guests of a trace on a host under a policy, over time.
 *
 *	sim_trace_load()	trace.h
 *	sim_scenario_new()	which machines, with which demand, on which host
 *	sim_run()		one policy, a number of guests
 *	sim_capacity()		the largest number that is served well enough
 *
 * One seed, one result: nothing depends on clocks, addresses or the number of
 * guests that another run had.
 */
#ifndef DYNMEM_SIM_SIM_H
#define DYNMEM_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"
#include "sim/model.h"
#include "sim/traces.h"

/**
 * struct sim_options - what a scenario is
 * @host: its memory, bytes
 * @min_share: least memory of each guest, as a share of its max; used if
 *	@min_bytes is 0
 * @min_bytes: the same in bytes, at most its max
 * @shape: between samples
 * @cache: page cache of guests
 * @tick: of dynmem's policy, ms
 * @seed: of the choice of guests, their phases and ramps
 * @start: of the part of the trace that is replayed, s
 * @length: of it, s
 * @train_start: of the part on which static-p99.9 is trained, s
 * @train_length: of it, s
 * @warmup: before that, not measured, s
 * @service: largest share of its time that a guest may lack memory
 * @episode: longest time without a break that a guest may lack memory, s
 * @machine_share: a machine that has more than this share of what all have
 *	provisioned is left out; 0: none is
 * @tunables: of our engine; NULL: its defaults
 * @physics: see there
 */
struct sim_options {
	double host;
	double min_share, min_bytes;
	enum sim_shape shape;
	enum sim_cache cache;
	int64_t tick;
	uint64_t seed;
	double start, length;
	double train_start, train_length;
	double warmup;
	double service, episode;
	double machine_share;
	const struct policy_tunables *tunables;
	struct sim_physics physics;
};

/** sim_options_init() - the defaults, for a trace of @span seconds */
void sim_options_init(struct sim_options *o, int64_t span);

struct sim_scenario;
struct sim_policy;

/**
 * sim_scenario_new() - machines in the order in which they come to the host
 *
 * @trace has to outlive it. Machines above the host's memory are left out. The
 * order is random; when all machines are there, they come once more, shifted by
 * whole days: the hours of the day stay. Return: 0, -ENOMEM, -ENODATA when no
 * machine is left, or -ERANGE when the part of the trace is empty.
 */
int sim_scenario_new(const struct sim_trace *trace, const struct sim_options *o,
		     struct sim_scenario **ret);
void sim_scenario_free(struct sim_scenario *s);

const struct sim_options *sim_scenario_options(const struct sim_scenario *s);

/** sim_scenario_machines() - different machines; @ret_left_out: too large ones
 */
unsigned int sim_scenario_machines(const struct sim_scenario *s, unsigned int *ret_left_out);

/** sim_policy_find() - by name, or NULL */
const struct sim_policy *sim_policy_find(const char *name);

/** sim_policy_nth() - all of them, in the order to show them; NULL at the end
 */
const struct sim_policy *sim_policy_nth(unsigned int n);

const char *sim_policy_name(const struct sim_policy *p);
const char *sim_policy_summary(const struct sim_policy *p);

/**
 * struct sim_point - what the host looked like for a while: means, peaks
 * @time: its start, s
 */
struct sim_point {
	double time;
	double demand, actual, rss, cache; /* bytes, means */
	double demand_peak, rss_peak;
	double lacking;	    /* bytes that guests lacked, the peak */
	unsigned int kills; /* by the host and in guests */
	double samples;	    /* s that are in it */
};

/* Points of a run that is recorded. */
#define SIM_POINTS 960

/* Why a run does not reach the service level. */
enum sim_failure {
	SIM_OK,
	SIM_DEMAND,    /* guests use more on the mean than the host has */
	SIM_FULL,      /* not all guests can be promised what the policy promises */
	SIM_SHARE,     /* a guest lacked memory for too much of its time */
	SIM_EPISODE,   /* ... for too long without a break */
	SIM_GUEST_OOM, /* a guest killed a process */
	SIM_HOST_OOM,  /* the host killed a guest */
};

/** sim_failure_text() - in words */
const char *sim_failure_text(enum sim_failure f);

/**
 * struct sim_result - how a run went
 * @asked: guests that were to run
 * @guests: guests that did: the first for which the host can keep the policy's
 * promise
 * @failure: the first that happened
 * @failed_at: when, s
 * @failed_guests: guests outside the service level
 * @worst_share: largest share of its time that a guest lacked memory
 * @mean_share: mean over guests
 * @longest: longest time without a break, s
 * @lacked: bytes times seconds that guests lacked
 * @provisioned: sum of the guests' max, bytes
 * @demand_mean: of the sum, bytes, and @demand_peak
 * @actual_mean: of the sum of balloons' sizes
 * @rss_mean: what the host paid, and @rss_peak
 * @available_least: of the host, bytes
 * @swap_peak: of the host, bytes
 * @ksm_saved_mean: bytes
 * @commands: balloon commands sent
 * @moved: bytes by which they moved balloons
 * @decisions: calls of the policy
 * @seconds: of CPU that the run took, @decide_seconds: the policy's part of it
 * @points: NULL unless recorded
 */
struct sim_result {
	const struct sim_policy *policy;
	unsigned int asked, guests;
	enum sim_failure failure;
	double failed_at;
	unsigned int failed_guests;
	unsigned int oom_kills, guest_ooms;
	double worst_share, mean_share, longest, lacked;
	double provisioned;
	double demand_mean, demand_peak, actual_mean, rss_mean, rss_peak;
	double available_least, swap_peak, ksm_saved_mean;
	unsigned long commands, decisions;
	double moved;
	double seconds, decide_seconds;
	struct sim_point *points;
	unsigned int point_count;
};

void sim_result_clear(struct sim_result *r);

/**
 * struct sim_run_options - how to run
 * @from: start, s; @to: end, s; 0 and 0: all
 * @warmup: before that, s; 0: the scenario's
 * @record: keep points
 * @stop: at the first failure
 * @progress: called now and then with the share that is done, if set
 */
struct sim_run_options {
	double from, to, warmup;
	bool record, stop;
	void (*progress)(double done, void *userdata);
	void *userdata;
};

/**
 * sim_run() - the first @guests of a scenario under a policy
 *
 * Return: 0 or -ENOMEM; that guests were served badly is no error.
 */
int sim_run(struct sim_scenario *s, const struct sim_policy *p, unsigned int guests,
	    const struct sim_run_options *o, struct sim_result *ret);

/**
 * struct sim_capacity - how many guests fit
 * @guests: the largest number found that was served in all of the time
 * @provisioned: sum of their max, bytes
 * @bound: no more than this was tried
 * @runs: simulations it took
 * @limit: what hindered one more
 */
struct sim_capacity {
	unsigned int guests, bound;
	double provisioned;
	unsigned int runs;
	enum sim_failure limit;
	double seconds;
};

/**
 * sim_capacity() - a number that is served over the whole time, while one more
 * is not
 *
 * Hours in which guests want most, or want it soonest, are tried first, by
 * guests that have started an hour before: that shows in a fraction of the time
 * which number to try.
 */
int sim_capacity(struct sim_scenario *s, const struct sim_policy *p,
		 const struct sim_run_options *o, struct sim_capacity *ret);

#endif
