/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The model of a host and its guests: where every byte is, and how fast it can
 * move.  Policies see what a host's daemon could see (struct sim_stats, RSS,
 * available memory) and set targets; all else is physics.
 *
 * A guest's memory, what the balloon leaves it (actual), is always the sum of
 *
 *	resident	what its programs demand and have
 *	cache		page cache that nobody will miss
 *	touched		free, but the host still pays for it
 *	untouched	free, and the host does not pay
 *
 * and its RSS is the first three, less what the host has swapped out or KSM has
 * merged. Documentation/simulator.rst says where each number comes from.
 */
#ifndef DYNMEM_SIM_MODEL_H
#define DYNMEM_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/shape.h"

#define SIM_KIB	  1024.0
#define SIM_MIB	  1048576.0
#define SIM_GIB	  1073741824.0
#define SIM_NEVER INT64_MAX

enum sim_cache {
	SIM_CACHE_NONE,	 /* guests have no page cache but what they demand */
	SIM_CACHE_GROW,	 /* it fills all free memory within cache_fill */
	SIM_CACHE_TRACE, /* it grows by the trace's disk throughput */
	SIM_CACHES
};

/** sim_cache_name() - "none", "grow", "trace" */
const char *sim_cache_name(enum sim_cache cache);

/**
 * struct sim_physics - what moves how fast; bytes, bytes per second, seconds
 *
 * sim_physics_init() gives the defaults and model.c their reasons.
 */
struct sim_physics {
	double inflate;		 /* a balloon takes memory from its guest, */
	double deflate;		 /* and gives it back */
	double cache_fill;	 /* time in which page cache fills a whole guest */
	double report_min;	 /* free page reporting: at least this much, */
	double report_time;	 /* or what is free with this time constant */
	double guest_swap;	 /* speed of the guest's swap device */
	double guest_swap_share; /* its size: this share of max, */
	double guest_swap_max;	 /* at most this */
	double host_swap;	 /* speed of the host's swap */
	double oom_patience;	 /* host without memory or swap: then it kills */
	double reboot;		 /* a killed guest is back after this */
	double hot;		 /* share of demand that is page cache in use */
	double ksm_share;	 /* share of resident memory that has a twin */
	double ksm_break;	 /* time in which guests rewrite all of that */
	double host_base;	 /* the host itself, */
	double host_base_share;	 /* and this share of its memory */
	double qemu;		 /* each QEMU process beyond its guest */
};

void sim_physics_init(struct sim_physics *p);

/** struct sim_stats - a reply to guest-stats, as old as it is */
struct sim_stats {
	int64_t time; /* ms; when the guest took it */
	double actual, total, available, free, disk_caches;
	double swap_in, swap_out, major_faults, oom_kill, alloc_stall;
};

/**
 * struct sim_guest - all about a guest
 * @max: bytes; @min: the least a policy may leave it
 * @overhead: of @max, never usable: kernel, struct page
 * @cache_rate: bytes per second
 * @target: of the balloon; set by sim_guest_set_target()
 * @actual: of the balloon
 * @demand: at the model's time
 * @resident: of the demand, what it has; the rest is missing
 * @swapped: of what is missing, what its own swap holds
 * @host_cold, @host_hot: in the host's swap, or not backed
 * @merged: saved by KSM
 * @until: nothing changes before this time, ms, but by a new target
 * @rss: as the host sees it
 * @down: killed, back at @down_until, ms
 */
struct sim_guest {
	const struct sim_curve *curve;
	double min, max, overhead, cache_rate, shares;
	uint32_t cursor;

	double target, actual, demand;
	double resident, cache, touched;
	double swapped;
	double host_cold, host_hot;
	double merged;
	double rss;
	bool down;
	int64_t until, down_until;

	/* What it counted since it started. */
	double swap_in, swap_out, major_faults, oom_kill, alloc_stall;
	double disk_read;

	/* Its last answer: sim_guest_latch(). */
	struct sim_stats stats;

	/* How it was served; run.c. */
	double short_time, short_run, short_longest, short_bytes;
	double short_before; /* demand above what it held, at the last step */
};

/** struct sim_host - the host, and the model as a whole */
struct sim_host {
	struct sim_physics physics;
	enum sim_cache cache;
	bool reporting;	   /* free page reporting */
	bool start_at_min; /* balloons of guests that (re)start */
	double total, swap_total;
	double zram_ratio; /* > 0: swap is zram, one byte holds so many */

	int64_t now; /* ms */
	unsigned int count;
	struct sim_guest *guest;

	double rss;	  /* of all guests */
	double swap_used; /* bytes swapped out */
	double available;
	double unbacked; /* wanted and not given: the host is out of memory */
	double dry_time; /* s that it has been */
	unsigned int oom_kills, guest_ooms;

	/* KSM: what a policy set, and what came of it. */
	bool ksm_run;
	double ksm_pages, ksm_sleep_ms;
	double ksm_saved, ksm_scanned, ksm_scans, ksm_position, ksm_cpu;
};

/**
 * sim_guest_init() - a guest that has just started: nothing touched
 * @max: bytes, @min: bytes
 */
void sim_guest_init(struct sim_host *h, struct sim_guest *g, const struct sim_curve *curve,
		    double min, double max, double disk_rate);

/** sim_overhead() - what a guest's kernel keeps of @max for itself, bytes */
double sim_overhead(double max);

/** sim_guest_set_target() - a balloon command, clamped to [min, max] */
void sim_guest_set_target(struct sim_host *h, struct sim_guest *g, double target);

/** sim_host_step() - let @ms pass */
void sim_host_step(struct sim_host *h, int64_t ms);

/** sim_host_next() - the earliest time at which something changes by itself, ms
 */
int64_t sim_host_next(const struct sim_host *h);

/** sim_guest_latch() - it answers a poll for statistics; one that thrashes is
 * late */
void sim_guest_latch(const struct sim_host *h, struct sim_guest *g);

/** sim_guest_free() - free memory in it, bytes */
static inline double sim_guest_free(const struct sim_guest *g)
{
	double used = g->resident + g->cache;

	return g->actual > used ? g->actual - used : 0;
}

/** sim_guest_holds() - memory that a demand can have: its own, backed by the
 * host */
static inline double sim_guest_holds(const struct sim_guest *g)
{
	return g->actual - g->host_hot;
}

#endif
