// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>

#include "dynmemd/host/cgroup_worker.h"
#include "dynmemd/base/thread.h"
#include "common/util.h"

/* Each takes a while, and all are wanted anew every second. */
#define SLOTS 32

/* So much is asked of the kernel at a time, to be able to stop in between. */
#define CHUNK (32 * MIB)

enum slot_state {
	SLOT_FREE,
	SLOT_WAITS,
	SLOT_RUNS,
	SLOT_DONE,
};

struct slot {
	enum slot_state state;
	bool forgotten;
	void *owner;
	struct cgroup cgroup; /* its folder opened anew, for the thread alone */
	struct cgroup_work work;
};

struct cgroup_worker {
	cgroup_done_t done;
	int wake;
	sd_event_source *wakes;

	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t news;
	bool stopping;
	unsigned int turn; /* where the next look begins: all in turn */
	struct slot slot[SLOTS];
};

/*
 * The thread
 */

static struct slot *next(struct cgroup_worker *w)
{
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *s = &w->slot[(w->turn + i) % SLOTS];

		if (s->state != SLOT_WAITS)
			continue;
		w->turn = (unsigned int)(s - w->slot) + 1;
		return s;
	}
	return NULL;
}

static bool unwanted(struct cgroup_worker *w, const struct slot *s)
{
	bool r;

	pthread_mutex_lock(&w->lock);
	r = w->stopping || s->forgotten;
	pthread_mutex_unlock(&w->lock);
	return r;
}

static void work(struct cgroup_worker *w, const struct slot *s, struct cgroup_work *todo)
{
	uint64_t left = todo->reclaim, freed;

	if (todo->high && !unwanted(w, s)) {
		todo->error = cgroup_set_high(&s->cgroup, todo->high);
		/* It has gone, and would never be given back. */
		if (unwanted(w, s))
			cgroup_reset_high(&s->cgroup);
	}
	while (left && !todo->error && !unwanted(w, s)) {
		uint64_t n = MIN(left, CHUNK);

		todo->error = cgroup_reclaim(&s->cgroup, n, &freed);
		todo->freed += freed;
		left -= n;
	}
}

static void *run(void *arg)
{
	struct cgroup_worker *w = arg;
	static const uint64_t one = 1;
	struct cgroup_work todo;
	struct slot *s;

	pthread_mutex_lock(&w->lock);
	while (!w->stopping) {
		s = next(w);
		if (!s) {
			pthread_cond_wait(&w->news, &w->lock);
			continue;
		}
		s->state = SLOT_RUNS;
		todo = s->work;
		pthread_mutex_unlock(&w->lock);
		work(w, s, &todo);
		pthread_mutex_lock(&w->lock);
		s->work = todo;
		s->state = SLOT_DONE;
		if (write(w->wake, &one, sizeof(one)) < 0)
			break; /* an eventfd takes it */
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/*
 * The event loop's side
 */

/* Returns one request that is done, and frees its slot. */
static bool take_done(struct cgroup_worker *w, struct slot *ret)
{
	bool found = false;

	pthread_mutex_lock(&w->lock);
	for (unsigned int i = 0; i < SLOTS && !found; i++) {
		if (w->slot[i].state != SLOT_DONE)
			continue;
		*ret = w->slot[i];
		w->slot[i].state = SLOT_FREE;
		found = true;
	}
	pthread_mutex_unlock(&w->lock);
	return found;
}

static int on_wake(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents,
		   void *userdata)
{
	struct cgroup_worker *w = userdata;
	struct slot s;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) < 0)
		return 0;
	while (take_done(w, &s)) {
		cgroup_close(&s.cgroup);
		if (!s.forgotten)
			w->done(s.owner, &s.work);
	}
	return 0;
}

int cgroup_worker_ask(struct cgroup_worker *w, const struct cgroup *c,
		      const struct cgroup_work *todo, void *owner)
{
	struct slot *slot = NULL;
	int dir, r = 0;

	if (c->dir < 0)
		return -ENOENT;
	dir = fcntl(c->dir, F_DUPFD_CLOEXEC, 0);
	if (dir < 0)
		return -errno;
	pthread_mutex_lock(&w->lock);
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot *s = &w->slot[i];

		if (s->state == SLOT_FREE)
			slot = s;
		else if (s->owner == owner && !s->forgotten)
			r = -EBUSY;
	}
	if (!slot)
		r = -EBUSY;
	if (r == 0) {
		*slot = (struct slot){
			.state = SLOT_WAITS,
			.owner = owner,
			.cgroup = { .dir = dir, .pid = c->pid },
			.work = *todo,
		};
		pthread_cond_signal(&w->news);
	}
	pthread_mutex_unlock(&w->lock);
	if (r < 0)
		close(dir);
	return r;
}

void cgroup_worker_forget(struct cgroup_worker *w, const void *owner)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	for (unsigned int i = 0; i < SLOTS; i++)
		if (w->slot[i].owner == owner)
			w->slot[i].forgotten = true;
	pthread_mutex_unlock(&w->lock);
}

int cgroup_worker_new(struct cgroup_worker **ret, sd_event *event, cgroup_done_t done)
{
	struct cgroup_worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->done = done;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->news, NULL);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = w->wake < 0 ? -errno : 0;
	if (r == 0)
		r = sd_event_add_io(event, &w->wakes, w->wake, EPOLLIN, on_wake, w);
	if (r >= 0)
		r = thread_start(&w->thread, run, w);
	if (r < 0) {
		sd_event_source_disable_unref(w->wakes);
		closep(&w->wake);
		free(w);
		return r;
	}
	*ret = w;
	return 0;
}

struct cgroup_worker *cgroup_worker_free(struct cgroup_worker *w)
{
	if (!w)
		return NULL;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->news);
	pthread_mutex_unlock(&w->lock);
	sd_event_source_disable_unref(w->wakes);
	/* A thread that the kernel keeps also keeps what it works on. */
	if (thread_join(w->thread) < 0)
		return NULL;
	for (unsigned int i = 0; i < SLOTS; i++)
		if (w->slot[i].state != SLOT_FREE)
			cgroup_close(&w->slot[i].cgroup);
	closep(&w->wake);
	pthread_cond_destroy(&w->news);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}
