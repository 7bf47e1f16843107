// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/util.h"
#include "dynmemd/base/thread.h"
#include "dynmemd/base/worker.h"

TAILQ_HEAD(jobs, job);

struct worker {
	int wake; /* eventfd: there are jobs in @finished */
	sd_event_source *source;
	pthread_t thread;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t news;
	struct jobs queued, finished;
	bool stopping, drain;
};

static void finish(struct worker *w, struct job *job)
{
	static const uint64_t one = 1;

	if (job->again) {
		job->again = false;
		atomic_store(&job->state, JOB_QUEUED);
		TAILQ_INSERT_TAIL(&w->queued, job, entry);
	} else if (!job->done) {
		atomic_store(&job->state, JOB_IDLE);
	} else {
		atomic_store(&job->state, JOB_DONE);
		TAILQ_INSERT_TAIL(&w->finished, job, entry);
		if (write(w->wake, &one, sizeof(one)) < 0)
			return; /* cannot fail: the counter is far from its end */
	}
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct job *job;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		job = TAILQ_FIRST(&w->queued);
		if (w->stopping && (!job || !w->drain))
			break;
		if (!job) {
			pthread_cond_wait(&w->news, &w->lock);
			continue;
		}
		TAILQ_REMOVE(&w->queued, job, entry);
		atomic_store(&job->state, JOB_RUNNING);
		pthread_mutex_unlock(&w->lock);
		job->run(job);
		pthread_mutex_lock(&w->lock);
		finish(w, job);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static int on_wake(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents,
		   void *userdata)
{
	struct worker *w = userdata;
	struct job *job;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) < 0)
		return 0;
	for (;;) {
		pthread_mutex_lock(&w->lock);
		job = TAILQ_FIRST(&w->finished);
		if (job) {
			TAILQ_REMOVE(&w->finished, job, entry);
			atomic_store(&job->state, JOB_IDLE);
		}
		pthread_mutex_unlock(&w->lock);
		if (!job)
			return 0;
		job->done(job);
	}
}

void worker_push(struct worker *w, struct job *job)
{
	pthread_mutex_lock(&w->lock);
	switch (atomic_load(&job->state)) {
	case JOB_DONE:
		TAILQ_REMOVE(&w->finished, job, entry);
		/* fall through */
	case JOB_IDLE:
		atomic_store(&job->state, JOB_QUEUED);
		TAILQ_INSERT_TAIL(&w->queued, job, entry);
		pthread_cond_signal(&w->news);
		break;
	case JOB_RUNNING:
		job->again = true;
		break;
	default:
		break;
	}
	pthread_mutex_unlock(&w->lock);
}

bool worker_stopping(struct worker *w)
{
	bool stopping;

	pthread_mutex_lock(&w->lock);
	stopping = w->stopping;
	pthread_mutex_unlock(&w->lock);
	return stopping;
}

static void destroy(struct worker *w)
{
	closep(&w->wake);
	pthread_cond_destroy(&w->news);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int worker_new(struct worker **ret, sd_event *event)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r = 0;

	if (!w)
		return -ENOMEM;
	w->wake = -1;
	TAILQ_INIT(&w->queued);
	TAILQ_INIT(&w->finished);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->news, NULL);
	if (event) {
		w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		r = w->wake < 0 ? -errno
				: sd_event_add_io(event, &w->source, w->wake, EPOLLIN, on_wake, w);
	}
	if (r >= 0)
		r = thread_start(&w->thread, run, w);
	if (r < 0) {
		sd_event_source_disable_unref(w->source);
		destroy(w);
		return r;
	}
	*ret = w;
	return 0;
}

int worker_free(struct worker *w, bool drain)
{
	if (!w)
		return 0;
	sd_event_source_disable_unref(w->source);
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	w->drain = drain;
	pthread_cond_signal(&w->news);
	pthread_mutex_unlock(&w->lock);
	/* A thread that the kernel keeps ends with the process. */
	if (thread_join(w->thread) < 0)
		return -ETIMEDOUT;
	destroy(w);
	return 0;
}
