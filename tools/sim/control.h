/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a policy is to the simulator, and what it may read.
 */
#ifndef DYNMEM_SIM_CONTROL_H
#define DYNMEM_SIM_CONTROL_H

#include "sim/model.h"
#include "sim/sim.h"

/*
 * What a policy promises every guest; the host admits no more than it can keep.
 */
enum sim_promise {
	SIM_PROMISE_NONE,
	SIM_PROMISE_MIN,
	SIM_PROMISE_MAX,
	SIM_PROMISE_TRAINED, /* the 99.9th percentile of its use before */
};

/* Swap on zram: LZ4 on memory of guests; half of the host, as distributions set it. */
#define SIM_ZRAM_RATIO 2.5

static inline double sim_zram_size(double host)
{
	return host / 2;
}

/**
 * struct sim_machine - a guest-to-be of a scenario
 * @trained: 99.9th percentile of its use in the training part, bytes
 * @disk: mean disk throughput, bytes/s
 */
struct sim_machine {
	const struct sim_series *series;
	struct sim_curve curve;
	double min, max, trained, disk;
};

/**
 * struct sim - a run, as its policy sees it
 * @host: the model. A policy that is honest about what it can know reads
 *	total, available, now, ksm_* and, per guest, min, max, shares, target,
 *	actual, stats, rss, merged, host_cold + host_hot, disk_read. The oracle
 *	reads all.
 * @wake: when to call tick() next, ms; set by the policy
 */
struct sim {
	struct sim_host host;
	const struct sim_options *options;
	const struct sim_policy *policy;
	const struct sim_machine *machine;
	void *state;
	int64_t wake;
	unsigned long commands, decisions;
	double moved;
};

/**
 * struct sim_policy - a contender
 * @promise: see there
 * @reporting: guests report free pages to the host
 * @zram: the host swaps to zram
 * @ksmtuned: it ships with Proxmox VE's ksmtuned
 * @start_at_min: its guests' balloons are at min when they start
 * @stats_period: how often guests take statistics, ms; 0: never
 * @stats_lead: so long before a policy's tick they do, ms; 0: at once after it
 * @init: sets @wake; NULL: it never does anything
 * @tick: at @wake
 * @event: the host's memory has crossed one of its levels; NULL: it gets none
 */
struct sim_policy {
	const char *name, *summary;
	enum sim_promise promise;
	bool reporting, zram, ksmtuned, start_at_min;
	int64_t stats_period, stats_lead;
	int (*init)(struct sim *s);
	void (*tick)(struct sim *s);
	void (*event)(struct sim *s);
	void (*clear)(struct sim *s);
};

/** sim_command() - a balloon command; one that changes nothing is not counted
 */
void sim_command(struct sim *s, struct sim_guest *g, double target);

/** struct sim_ksmtuned - what it writes to ksmd */
struct sim_ksmtuned {
	double pages, sleep_ms;
};

/**
 * sim_ksmtuned_rules() - one of its rounds; all in kB
 * @free: MemFree + Buffers + Cached
 * @committed: PSS of all QEMUs
 *
 * Return: ksmd runs; while it does not, @k is left as it is.
 */
bool sim_ksmtuned_rules(struct sim_ksmtuned *k, double total, double free, double committed);

/** sim_ksmtuned() - to be called every 60 s */
void sim_ksmtuned(struct sim_host *h);

/* The contenders. */
extern const struct sim_policy sim_policy_static, sim_policy_static_p999;
extern const struct sim_policy sim_policy_fpr, sim_policy_fpr_zram;
extern const struct sim_policy sim_policy_pve, sim_policy_mom;
extern const struct sim_policy sim_policy_dynmem, sim_policy_dynmem_procfs;
extern const struct sim_policy sim_policy_dynmem_10s;
extern const struct sim_policy sim_policy_oracle;

#endif
