/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that runs jobs, one after the other, beside the event loop: for what
 * may block (disks, cgroups, file systems in user space).
 *
 * A job is a member of its owner's structure: pushing one allocates nothing and
 * never waits.
 */
#ifndef DYNMEMD_WORKER_H
#define DYNMEMD_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

#include <systemd/sd-event.h>

struct worker;

enum job_state {
	JOB_IDLE, /* the owner's */
	JOB_QUEUED,
	JOB_RUNNING,
	JOB_DONE, /* until done() is called */
};

/**
 * struct job - something to do; all zero but for the callbacks at first
 * @run: called in the thread
 * @done: called in the event loop afterwards, where the job is idle again; NULL: none
 */
struct job {
	void (*run)(struct job *job);
	void (*done)(struct job *job);

	/* private */
	atomic_int state;
	bool again;
	TAILQ_ENTRY(job) entry;
};

/** job_idle() - whether the job is its owner's: not queued, running or done */
static inline bool job_idle(const struct job *job)
{
	return atomic_load(&job->state) == JOB_IDLE;
}

/**
 * worker_new() - start a thread
 * @event: loop in which done() is called; NULL: no job of this worker has one
 *
 * Its stack is small (128 KiB), since all of it is locked in memory, and it gets no
 * signals: those are the event loop's. Return: 0 or a negative errno.
 */
int worker_new(struct worker **ret, sd_event *event);

/**
 * worker_push() - queue a job; callable from any thread
 *
 * One that is queued already is left there, one that is running is run once more, and so
 * is one whose done() was not called yet: that is called once, after the last run.
 */
void worker_push(struct worker *w, struct job *job);

/** worker_stopping() - for long jobs: whether worker_free() waits for them */
bool worker_stopping(struct worker *w);

/**
 * worker_free() - end the thread and wait for it, for a second at the most
 * @drain: run the jobs that are queued first; else they are dropped
 *
 * Afterwards no callback is called any more. NULL is fine.
 *
 * Return: 0; -ETIMEDOUT: a job is stuck in the kernel, and what it uses must stay.
 */
int worker_free(struct worker *w, bool drain);

#endif
