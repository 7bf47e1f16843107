// SPDX-License-Identifier: GPL-2.0
/* A thread that writes the log, so that nothing else waits for a disk. */
#include <pthread.h>
#include <stdio.h>
#include <syslog.h>

#include "dynmemd/base/log.h"
#include "dynmemd/base/log_entry.h"
#include "dynmemd/base/thread.h"

/* An emergency with a hundred guests, and what else is said at that time. */
#define QUEUE_LEN 256

static struct log_entry queue[QUEUE_LEN];
static size_t first, count;
static unsigned int lost;
static bool running, stopping;
static pthread_t thread;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;

bool log_queue_push(const struct log_entry *e)
{
	if (!running)
		return false;
	pthread_mutex_lock(&lock);
	if (count < QUEUE_LEN)
		queue[(first + count++) % QUEUE_LEN] = *e;
	else
		lost++;
	pthread_cond_signal(&news);
	pthread_mutex_unlock(&lock);
	return true;
}

/* The lock is not held while something is written. */
static void *write_all(_unused_ void *arg)
{
	struct log_entry e = { 0 };
	unsigned int gone;

	pthread_mutex_lock(&lock);
	while (count || !stopping) {
		if (!count) {
			pthread_cond_wait(&news, &lock);
			continue;
		}
		e = queue[first];
		first = (first + 1) % QUEUE_LEN;
		count--;
		gone = lost;
		lost = 0;
		pthread_mutex_unlock(&lock);
		log_entry_write(&e);
		if (gone) {
			e = (struct log_entry){ .priority = LOG_WARNING, .time = e.time };
			snprintf(e.text, sizeof(e.text),
				 "%u messages came faster than they could be written, and are lost",
				 gone);
			log_entry_write(&e);
		}
		pthread_mutex_lock(&lock);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

int log_start(void)
{
	int r = thread_start(&thread, write_all, NULL);

	running = r == 0;
	return r;
}

void log_stop(void)
{
	if (!running)
		return;
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_signal(&news);
	pthread_mutex_unlock(&lock);
	if (thread_join(thread) == 0) {
		running = false;
		stopping = false;
	}
}
