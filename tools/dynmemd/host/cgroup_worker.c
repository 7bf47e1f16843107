// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "dynmemd/host/cgroup_worker.h"
#include "dynmemd/base/worker.h"
#include "common/util.h"

/* Each takes a while, and all are wanted anew every second. */
#define SLOTS 32

/* So much is asked of the kernel at a time, to be able to stop in between. */
#define CHUNK (32 * MIB)

struct cgroup_slot {
	struct job job;
	struct cgroup_worker *worker;
	atomic_bool forgotten;
	void *owner;
	struct cgroup cgroup; /* its folder opened anew, for the thread alone */
	struct cgroup_work work;
};

struct cgroup_worker {
	cgroup_done_t done;
	struct worker *worker;
	struct cgroup_slot slot[SLOTS];
};

static bool unwanted(const struct cgroup_slot *s)
{
	return atomic_load(&s->forgotten) || worker_stopping(s->worker->worker);
}

static void run(struct job *job)
{
	struct cgroup_slot *s = container_of(job, struct cgroup_slot, job);
	struct cgroup_work *todo = &s->work;
	uint64_t left = todo->reclaim, freed;

	if (todo->high && !unwanted(s)) {
		todo->error = cgroup_set_high(&s->cgroup, todo->high);
		/* It has gone, and would never be given back. */
		if (unwanted(s))
			cgroup_reset_high(&s->cgroup);
	}
	while (left && !todo->error && !unwanted(s)) {
		uint64_t n = MIN(left, CHUNK);

		todo->error = cgroup_reclaim(&s->cgroup, n, &freed);
		todo->freed += freed;
		left -= n;
	}
}

static void done(struct job *job)
{
	struct cgroup_slot *s = container_of(job, struct cgroup_slot, job);

	cgroup_close(&s->cgroup);
	if (!atomic_load(&s->forgotten))
		s->worker->done(s->owner, &s->work);
}

int cgroup_worker_ask(struct cgroup_worker *w, const struct cgroup *c,
		      const struct cgroup_work *todo, void *owner)
{
	struct cgroup_slot *slot = NULL;
	int dir;

	if (c->dir < 0)
		return -ENOENT;
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct cgroup_slot *s = &w->slot[i];

		if (job_idle(&s->job))
			slot = s;
		else if (s->owner == owner && !atomic_load(&s->forgotten))
			return -EBUSY;
	}
	if (!slot)
		return -EBUSY;
	dir = fcntl(c->dir, F_DUPFD_CLOEXEC, 0);
	if (dir < 0)
		return -errno;
	slot->owner = owner;
	atomic_store(&slot->forgotten, false);
	slot->cgroup = (struct cgroup){ .dir = dir, .pid = c->pid };
	slot->work = *todo;
	worker_push(w->worker, &slot->job);
	return 0;
}

void cgroup_worker_forget(struct cgroup_worker *w, const void *owner)
{
	for (unsigned int i = 0; w && i < SLOTS; i++)
		if (w->slot[i].owner == owner)
			atomic_store(&w->slot[i].forgotten, true);
}

int cgroup_worker_new(struct cgroup_worker **ret, sd_event *event, cgroup_done_t on_done)
{
	struct cgroup_worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->done = on_done;
	for (unsigned int i = 0; i < SLOTS; i++) {
		w->slot[i].job = (struct job){ .run = run, .done = done };
		w->slot[i].worker = w;
	}
	r = worker_new(&w->worker, event);
	if (r < 0) {
		free(w);
		return r;
	}
	*ret = w;
	return 0;
}

struct cgroup_worker *cgroup_worker_free(struct cgroup_worker *w)
{
	/* A thread that the kernel keeps also keeps what it works on. */
	if (!w || worker_free(w->worker, false) < 0)
		return NULL;
	for (unsigned int i = 0; i < SLOTS; i++)
		if (!job_idle(&w->slot[i].job))
			cgroup_close(&w->slot[i].cgroup);
	free(w);
	return NULL;
}
