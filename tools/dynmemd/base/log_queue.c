// SPDX-License-Identifier: GPL-2.0
/* A thread that writes the log, so that nothing else waits for a disk. */
#include <pthread.h>
#include <stdio.h>
#include <syslog.h>

#include "dynmemd/base/log.h"
#include "dynmemd/base/log_entry.h"
#include "dynmemd/base/worker.h"

/* An emergency with a hundred guests, and what else is logged at that time. */
#define QUEUE_LEN 256

static struct log_slot {
	struct job job;
	struct log_entry entry;
} queue[QUEUE_LEN];

static struct worker *worker;
static size_t next; /* slot; under the lock */
static unsigned int lost;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned int take_lost(void)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = lost;
	lost = 0;
	pthread_mutex_unlock(&lock);
	return n;
}

static void write_entry(struct job *job)
{
	struct log_slot *s = container_of(job, struct log_slot, job);
	unsigned int gone = take_lost();

	log_entry_write(&s->entry);
	if (!gone)
		return;
	s->entry = (struct log_entry){ .priority = LOG_WARNING, .time = s->entry.time };
	snprintf(s->entry.text, sizeof(s->entry.text),
		 "%u messages came faster than they could be written, and are lost", gone);
	log_entry_write(&s->entry);
}

bool log_queue_push(const struct log_entry *e)
{
	struct log_slot *s;

	if (!worker)
		return false;
	pthread_mutex_lock(&lock);
	s = &queue[next];
	if (job_idle(&s->job)) {
		s->entry = *e;
		s->job.run = write_entry;
		next = (next + 1) % QUEUE_LEN;
		worker_push(worker, &s->job);
	} else {
		lost++;
	}
	pthread_mutex_unlock(&lock);
	return true;
}

int log_start(void)
{
	return worker_new(&worker, NULL);
}

void log_stop(void)
{
	/* What is logged from here on, the caller writes; a thread that is stuck is left behind. */
	struct worker *w = worker;

	worker = NULL;
	worker_free(w, true);
}
