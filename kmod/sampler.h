/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads that run sampling passes
 */

#ifndef _DYNMEM_SAMPLER_H
#define _DYNMEM_SAMPLER_H

#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/types.h>

/* A pass returns this when no timer has to start the next one. */
#define DYNMEM_NO_TIMER	U64_MAX

/**
 * struct dynmem_sampler - a thread that runs sampling passes
 * @name: of the thread
 * @realtime: the thread preempts all that the fair scheduler runs
 * @pass: one pass, at the time @now; returns the delay to the next, ns
 * @worker: the thread
 * @work: the pass
 * @timer: starts the next pass
 * @began: when the last pass that has ended began, ns
 * @cost: what a pass takes, smoothed, ns
 * @rest_until: no pass begins before, ns
 * @stopping: no pass begins any more
 * @next: the next of all samplers
 *
 * Passes are run by the thread alone: what they work on needs no lock.
 */
struct dynmem_sampler {
	const char *name;
	bool realtime;
	u64 (*pass)(u64 now);
	struct kthread_worker *worker;
	struct kthread_work work;
	struct hrtimer timer;
	u64 began;
	u64 cost;
	u64 rest_until;
	bool stopping;
	struct dynmem_sampler *next;
};

int dynmem_sampler_init(struct dynmem_sampler *sampler);
void dynmem_sampler_trigger(struct dynmem_sampler *sampler);
void dynmem_sampler_trigger_all(void);
void dynmem_sampler_run(struct dynmem_sampler *sampler);
u64 dynmem_sampler_rest(const struct dynmem_sampler *sampler);
void dynmem_sampler_stop(struct dynmem_sampler *sampler);
void dynmem_sampler_exit(struct dynmem_sampler *sampler);

#endif /* _DYNMEM_SAMPLER_H */
