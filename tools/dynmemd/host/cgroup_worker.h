/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that works on guests' cgroups, since the kernel reclaims within the
 * system call. It has one request a guest at the most, and few altogether;
 * who is refused asks again at the next decision.
 */
#ifndef DYNMEMD_CGROUP_WORKER_H
#define DYNMEMD_CGROUP_WORKER_H

#include <stdint.h>

#include <systemd/sd-event.h>

#include "dynmemd/host/guest_cgroup.h"

struct cgroup_worker;

/**
 * struct cgroup_work - a request, and what became of it
 * @reclaim: bytes to take, 0: none
 * @high: what memory.high is to be, 0: left as it is
 * @freed: bytes that were taken
 * @error: 0, or why not all was done, as cgroup_reclaim()
 */
struct cgroup_work {
	uint64_t reclaim;
	uint64_t high;
	uint64_t freed;
	int error;
};

/**
 * cgroup_done_t - a request is done
 * @owner: of cgroup_worker_ask()
 */
typedef void (*cgroup_done_t)(void *owner, const struct cgroup_work *work);

/** cgroup_worker_new() - start the thread. 0 or a negative errno */
int cgroup_worker_new(struct cgroup_worker **ret, sd_event *event, cgroup_done_t on_done);

/**
 * cgroup_worker_ask() - ask for something; allocates nothing, never waits
 * @owner: whose cgroup it is, handed back
 *
 * Return: 0; -EBUSY: what was asked before for this owner, or by too many
 * others, is not done; another negative errno.
 */
int cgroup_worker_ask(struct cgroup_worker *w, const struct cgroup *c,
		      const struct cgroup_work *work, void *owner);

/** cgroup_worker_forget() - @owner goes: it is not called any more */
void cgroup_worker_forget(struct cgroup_worker *w, const void *owner);

/** cgroup_worker_free() - accepts NULL */
struct cgroup_worker *cgroup_worker_free(struct cgroup_worker *w);

#endif
