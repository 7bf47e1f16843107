// SPDX-License-Identifier: GPL-2.0
/* A worker's queues; its thread and its life are in libvirt_thread.c. */
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "dynmemd/backends/libvirt/libvirt_worker_private.h"
#include "common/util.h"

void libvirt_worker_ref(struct libvirt_worker *w)
{
	atomic_fetch_add(&w->refs, 1);
}

void libvirt_worker_drop_messages(struct libvirt_worker *w)
{
	struct libvirt_message *h;

	while ((h = STAILQ_FIRST(&w->messages))) {
		STAILQ_REMOVE_HEAD(&w->messages, entry);
		free(h);
	}
}

void libvirt_worker_unref(void *worker)
{
	struct libvirt_worker *w = worker;
	struct libvirt_news *n;

	if (atomic_fetch_sub(&w->refs, 1) != 1)
		return;
	libvirt_worker_drop_messages(w);
	while ((n = libvirt_worker_take(w)))
		free(n);
	closep(&w->fd);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
	free(w->uri);
	free(w);
}

/*
 * News for the event loop
 */

static void ring(struct libvirt_worker *w)
{
	eventfd_write(w->fd, 1);
}

/* News that was lost for lack of memory: a new connection finds out all anew. */
void libvirt_worker_starve(struct libvirt_worker *w)
{
	libvirt_worker_lock(w);
	w->closed = "out of memory";
	pthread_cond_signal(&w->work);
	libvirt_worker_unlock(w);
}

/*
 * NULL: no memory. What ends a connection or the thread is waited for: there is
 * nothing else to do then, and the event loop has to know.
 */
struct libvirt_news *libvirt_worker_news(struct libvirt_worker *w, enum libvirt_kind kind,
					 const unsigned char *uuid)
{
	static const struct timespec pause = { .tv_nsec = 100000000 };
	bool must = kind == LIBVIRT_LOST || kind == LIBVIRT_ENDED;
	struct libvirt_news *n;

	while (!(n = calloc(1, sizeof(*n))) && must)
		nanosleep(&pause, NULL);
	if (!n) {
		libvirt_worker_starve(w);
		return NULL;
	}
	n->kind = kind;
	if (uuid)
		memcpy(n->uuid, uuid, sizeof(n->uuid));
	return n;
}

void libvirt_worker_post(struct libvirt_worker *w, struct libvirt_news *n)
{
	if (!n)
		return;
	libvirt_worker_lock(w);
	STAILQ_INSERT_TAIL(&w->news, n, entry);
	libvirt_worker_unlock(w);
	ring(w);
}

void libvirt_worker_post_text(struct libvirt_worker *w, enum libvirt_kind kind,
			      const unsigned char *uuid, const char *text)
{
	struct libvirt_news *n = libvirt_worker_news(w, kind, uuid);

	if (n)
		snprintf(n->text, sizeof(n->text), "%s", text);
	libvirt_worker_post(w, n);
}

void libvirt_worker_post_event(struct libvirt_worker *w, const unsigned char *uuid,
			       enum policy_guest_event event)
{
	struct libvirt_news *n = libvirt_worker_news(w, LIBVIRT_EVENT, uuid);

	if (n)
		n->event = event;
	libvirt_worker_post(w, n);
}

struct libvirt_news *libvirt_worker_take(struct libvirt_worker *w)
{
	struct libvirt_news *n;

	libvirt_worker_lock(w);
	n = STAILQ_FIRST(&w->news);
	if (n)
		STAILQ_REMOVE_HEAD(&w->news, entry);
	libvirt_worker_unlock(w);
	return n;
}

/*
 * What the thread is doing
 */

uint64_t libvirt_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

void libvirt_worker_begin(struct libvirt_worker *w, const unsigned char *uuid)
{
	bool notify;

	libvirt_worker_lock(w);
	w->busy.since = libvirt_now();
	w->busy.of_domain = uuid != NULL;
	if (uuid)
		memcpy(w->busy.uuid, uuid, sizeof(w->busy.uuid));
	notify = !w->busy_notified;
	w->busy_notified = true;
	libvirt_worker_unlock(w);
	if (notify)
		ring(w);
}

void libvirt_worker_end(struct libvirt_worker *w)
{
	libvirt_worker_lock(w);
	w->busy.since = 0;
	libvirt_worker_unlock(w);
}

void libvirt_worker_busy(struct libvirt_worker *w, struct libvirt_busy *ret)
{
	libvirt_worker_lock(w);
	*ret = w->busy;
	w->busy_notified = w->busy.since != 0;
	libvirt_worker_unlock(w);
}

/*
 * libvirt's events; in the thread of its event loop
 */

void libvirt_worker_notify(struct libvirt_worker *w, virDomainPtr dom, enum libvirt_change what,
			   uint64_t actual, const char *why)
{
	struct libvirt_message *h = calloc(1, sizeof(*h));

	if (!h) {
		libvirt_worker_starve(w);
		return;
	}
	h->what = what;
	h->actual = actual;
	h->why = why;
	lv.virDomainGetUUID(dom, h->uuid);
	libvirt_worker_lock(w);
	STAILQ_INSERT_TAIL(&w->messages, h, entry);
	pthread_cond_signal(&w->work);
	libvirt_worker_unlock(w);
}

void libvirt_worker_closed(struct libvirt_worker *w, const char *why)
{
	libvirt_worker_lock(w);
	w->closed = why;
	pthread_cond_signal(&w->work);
	libvirt_worker_unlock(w);
}

/*
 * Commands
 */

static void queue(struct libvirt_worker *w, struct libvirt_command *c)
{
	if (!c->queued)
		TAILQ_INSERT_TAIL(&w->commands, c, entry);
	c->queued = true;
	pthread_cond_signal(&w->work);
}

void libvirt_worker_target(struct libvirt_worker *w, struct libvirt_command *c, uint64_t bytes)
{
	libvirt_worker_lock(w);
	c->target = bytes;
	if (!c->urgent)
		TAILQ_INSERT_TAIL(&w->urgent, c, urgent_entry);
	c->urgent = true;
	pthread_cond_signal(&w->work);
	libvirt_worker_unlock(w);
}

void libvirt_worker_poll(struct libvirt_worker *w, struct libvirt_command *c)
{
	libvirt_worker_lock(w);
	c->poll = true;
	queue(w, c);
	libvirt_worker_unlock(w);
}

void libvirt_worker_describe(struct libvirt_worker *w, struct libvirt_command *c)
{
	libvirt_worker_lock(w);
	c->describe = true;
	queue(w, c);
	libvirt_worker_unlock(w);
}

static void set_period(struct libvirt_worker *w, struct libvirt_command *c, unsigned int seconds,
		       bool align)
{
	libvirt_worker_lock(w);
	c->period = seconds;
	c->set_period = true;
	c->align |= align;
	queue(w, c);
	libvirt_worker_unlock(w);
}

void libvirt_worker_period(struct libvirt_worker *w, struct libvirt_command *c,
			   unsigned int seconds)
{
	set_period(w, c, seconds, false);
}

void libvirt_worker_align(struct libvirt_worker *w, struct libvirt_command *c, unsigned int seconds)
{
	set_period(w, c, seconds, true);
}

static bool untarget(struct libvirt_worker *w, struct libvirt_command *c)
{
	bool urgent = c->urgent;

	if (urgent)
		TAILQ_REMOVE(&w->urgent, c, urgent_entry);
	c->urgent = false;
	return urgent;
}

bool libvirt_worker_untarget(struct libvirt_worker *w, struct libvirt_command *c)
{
	bool target;

	libvirt_worker_lock(w);
	target = untarget(w, c);
	libvirt_worker_unlock(w);
	return target;
}

bool libvirt_worker_forget(struct libvirt_worker *w, struct libvirt_command *c)
{
	bool target;

	libvirt_worker_lock(w);
	target = untarget(w, c);
	if (c->queued)
		TAILQ_REMOVE(&w->commands, c, entry);
	c->queued = c->poll = c->set_period = c->align = c->describe = false;
	libvirt_worker_unlock(w);
	return target;
}

/*
 * For its owner
 */

void libvirt_worker_stop(struct libvirt_worker *w)
{
	libvirt_worker_lock(w);
	w->stop = true;
	pthread_cond_signal(&w->work);
	libvirt_worker_unlock(w);
}

int libvirt_worker_fd(const struct libvirt_worker *w)
{
	return w->fd;
}
