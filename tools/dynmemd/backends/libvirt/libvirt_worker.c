// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "dynmemd/backends/libvirt/libvirt_dlopen.h"
#include "dynmemd/backends/libvirt/libvirt_events.h"
#include "dynmemd/backends/libvirt/libvirt_loop.h"
#include "dynmemd/backends/libvirt/libvirt_worker.h"
#include "dynmemd/base/thread.h"
#include "common/util.h"

/* libvirtd is back within seconds after a restart, or not for long. */
#define RETRY_FIRST 1
#define RETRY_LAST  30

/* A libvirtd that does not answer for so long does not live any more. */
#define ALIVE_INTERVAL 5
#define ALIVE_COUNT    3

/* The end of a migration is looked for once a second. */
#define FROZEN_LOOK USEC_PER_SEC

/* What libvirt told, until there is the time for it. */
struct heard {
	STAILQ_ENTRY(heard) entry;
	enum libvirt_heard what;
	unsigned char uuid[VIR_UUID_BUFLEN];
	uint64_t actual;
	const char *why;
};

/* A domain that was told as found. */
struct known {
	LIST_ENTRY(known) entry;
	virDomainPtr dom;
	unsigned char uuid[VIR_UUID_BUFLEN];
	bool frozen;
};

struct libvirt_worker {
	atomic_uint refs; /* its owner, its thread, libvirt's callbacks */
	pthread_t thread;
	char *uri;
	int fd;

	/* The thread's own. */
	virConnectPtr conn;
	LIST_HEAD(, known) known;
	unsigned int n_frozen;
	uint64_t looked; /* for the end of what froze them, usec */
	struct libvirt_events events;

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;
	bool stop;
	const char *closed; /* why the connection is; NULL: it is not */
	TAILQ_HEAD(, libvirt_command) urgent, commands;
	STAILQ_HEAD(, heard) heard;
	STAILQ_HEAD(, libvirt_news) news;
	struct libvirt_busy busy;
	bool busy_told;
};

static void lock(struct libvirt_worker *w)
{
	pthread_mutex_lock(&w->lock);
}

static void unlock(struct libvirt_worker *w)
{
	pthread_mutex_unlock(&w->lock);
}

void libvirt_worker_ref(struct libvirt_worker *w)
{
	atomic_fetch_add(&w->refs, 1);
}

static void drop_heard(struct libvirt_worker *w)
{
	struct heard *h;

	while ((h = STAILQ_FIRST(&w->heard))) {
		STAILQ_REMOVE_HEAD(&w->heard, entry);
		free(h);
	}
}

void libvirt_worker_unref(void *worker)
{
	struct libvirt_worker *w = worker;
	struct libvirt_news *n;

	if (atomic_fetch_sub(&w->refs, 1) != 1)
		return;
	drop_heard(w);
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
static void starve(struct libvirt_worker *w)
{
	lock(w);
	w->closed = "out of memory";
	pthread_cond_signal(&w->work);
	unlock(w);
}

/*
 * NULL: no memory. What ends a connection or the thread is waited for: there is
 * nothing else to do then, and the event loop has to know.
 */
static struct libvirt_news *news(struct libvirt_worker *w, enum libvirt_kind kind,
				 const unsigned char *uuid)
{
	static const struct timespec pause = { .tv_nsec = 100000000 };
	bool must = kind == LIBVIRT_LOST || kind == LIBVIRT_ENDED;
	struct libvirt_news *n;

	while (!(n = calloc(1, sizeof(*n))) && must)
		nanosleep(&pause, NULL);
	if (!n) {
		starve(w);
		return NULL;
	}
	n->kind = kind;
	if (uuid)
		memcpy(n->uuid, uuid, sizeof(n->uuid));
	return n;
}

static void post(struct libvirt_worker *w, struct libvirt_news *n)
{
	if (!n)
		return;
	lock(w);
	STAILQ_INSERT_TAIL(&w->news, n, entry);
	unlock(w);
	ring(w);
}

static void post_text(struct libvirt_worker *w, enum libvirt_kind kind, const unsigned char *uuid,
		      const char *text)
{
	struct libvirt_news *n = news(w, kind, uuid);

	if (n)
		snprintf(n->text, sizeof(n->text), "%s", text);
	post(w, n);
}

static void post_event(struct libvirt_worker *w, const unsigned char *uuid,
		       enum policy_guest_event event)
{
	struct libvirt_news *n = news(w, LIBVIRT_EVENT, uuid);

	if (n)
		n->event = event;
	post(w, n);
}

struct libvirt_news *libvirt_worker_take(struct libvirt_worker *w)
{
	struct libvirt_news *n;

	lock(w);
	n = STAILQ_FIRST(&w->news);
	if (n)
		STAILQ_REMOVE_HEAD(&w->news, entry);
	unlock(w);
	return n;
}

/*
 * What the thread is doing
 */

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

static void begin(struct libvirt_worker *w, const unsigned char *uuid)
{
	bool tell;

	lock(w);
	w->busy.since = now_usec();
	w->busy.of_domain = uuid != NULL;
	if (uuid)
		memcpy(w->busy.uuid, uuid, sizeof(w->busy.uuid));
	tell = !w->busy_told;
	w->busy_told = true;
	unlock(w);
	if (tell)
		ring(w);
}

static void end(struct libvirt_worker *w)
{
	lock(w);
	w->busy.since = 0;
	unlock(w);
}

void libvirt_worker_busy(struct libvirt_worker *w, struct libvirt_busy *ret)
{
	lock(w);
	*ret = w->busy;
	w->busy_told = w->busy.since != 0;
	unlock(w);
}

/*
 * What libvirt tells by itself; in the thread of its event loop
 */

void libvirt_worker_hear(struct libvirt_worker *w, virDomainPtr dom, enum libvirt_heard what,
			 uint64_t actual, const char *why)
{
	struct heard *h = calloc(1, sizeof(*h));

	if (!h) {
		starve(w);
		return;
	}
	h->what = what;
	h->actual = actual;
	h->why = why;
	lv.virDomainGetUUID(dom, h->uuid);
	lock(w);
	STAILQ_INSERT_TAIL(&w->heard, h, entry);
	pthread_cond_signal(&w->work);
	unlock(w);
}

void libvirt_worker_closed(struct libvirt_worker *w, const char *why)
{
	lock(w);
	w->closed = why;
	pthread_cond_signal(&w->work);
	unlock(w);
}

/*
 * Domains
 */

static struct known *find(struct libvirt_worker *w, const unsigned char *uuid)
{
	struct known *k;

	LIST_FOREACH (k, &w->known, entry)
		if (!memcmp(k->uuid, uuid, sizeof(k->uuid)))
			return k;
	return NULL;
}

static void forget(struct libvirt_worker *w, struct known *k)
{
	w->n_frozen -= k->frozen;
	LIST_REMOVE(k, entry);
	lv.virDomainFree(k->dom);
	free(k);
}

static void set_frozen(struct libvirt_worker *w, struct known *k, bool frozen)
{
	if (k->frozen == frozen)
		return;
	k->frozen = frozen;
	w->looked = now_usec();
	w->n_frozen += frozen ? 1 : -1;
	post_event(w, k->uuid, frozen ? POLICY_GUEST_MIGRATE_BEGIN : POLICY_GUEST_MIGRATE_END);
}

/* It may have ended meanwhile, then there will be an event. */
static void describe(struct libvirt_worker *w, virDomainPtr dom)
{
	unsigned char uuid[VIR_UUID_BUFLEN];
	struct libvirt_news *n;
	struct known *k;
	bool migrating;
	int r;

	lv.virDomainGetUUID(dom, uuid);
	n = news(w, LIBVIRT_FOUND, uuid);
	if (!n)
		return;
	begin(w, uuid);
	r = libvirt_describe(dom, &n->domain);
	end(w);
	if (r < 0 || n->domain.id < 0) {
		free(n);
		return;
	}
	migrating = n->domain.migrating;
	post(w, n);
	k = find(w, uuid);
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k) {
			starve(w);
			return;
		}
		memcpy(k->uuid, uuid, sizeof(uuid));
		LIST_INSERT_HEAD(&w->known, k, entry);
	} else {
		lv.virDomainFree(k->dom);
	}
	lv.virDomainRef(dom);
	k->dom = dom;
	if (migrating)
		set_frozen(w, k, true);
}

/* Returns 0 or -EIO. */
static int list(struct libvirt_worker *w)
{
	virDomainPtr *domains;
	int n;

	begin(w, NULL);
	n = lv.virConnectListAllDomains(w->conn, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	end(w);
	if (n < 0)
		return -EIO;
	for (int i = 0; i < n; i++) {
		describe(w, domains[i]);
		lv.virDomainFree(domains[i]);
	}
	free(domains);
	/* Or what could not be described would be taken for gone. */
	return lv.virConnectIsAlive(w->conn) == 1 ? 0 : -EIO;
}

static void look_again(struct libvirt_worker *w, const unsigned char *uuid)
{
	virDomainPtr dom;

	begin(w, uuid);
	dom = lv.virDomainLookupByUUID(w->conn, uuid);
	end(w);
	if (!dom)
		return;
	describe(w, dom);
	lv.virDomainFree(dom);
}

/* Not every operation tells that it has ended. */
static void look_for_end(struct libvirt_worker *w, struct known *k)
{
	int frozen;

	if (!k->frozen)
		return;
	begin(w, k->uuid);
	frozen = libvirt_is_frozen(k->dom);
	end(w);
	if (frozen == 0)
		set_frozen(w, k, false);
}

static void on_heard(struct libvirt_worker *w, const struct heard *h)
{
	struct known *k = find(w, h->uuid);
	struct libvirt_news *n;

	if (h->what == LIBVIRT_STARTED) {
		look_again(w, h->uuid);
		return;
	}
	if (!k)
		return;
	switch (h->what) {
	case LIBVIRT_STOPPED:
		forget(w, k);
		post_text(w, LIBVIRT_GONE, h->uuid, h->why);
		break;
	case LIBVIRT_PAUSED:
		post_event(w, h->uuid, POLICY_GUEST_PAUSE);
		break;
	case LIBVIRT_RESUMED:
		post_event(w, h->uuid, POLICY_GUEST_RESUME);
		look_for_end(w, k);
		break;
	case LIBVIRT_REBOOTED:
		post_event(w, h->uuid, POLICY_GUEST_REBOOT);
		break;
	case LIBVIRT_RESIZED:
		n = news(w, LIBVIRT_ACTUAL, h->uuid);
		if (n)
			n->actual = h->actual;
		post(w, n);
		break;
	case LIBVIRT_JOB_BEGAN:
		set_frozen(w, k, true);
		break;
	case LIBVIRT_JOB_ENDED:
		look_for_end(w, k);
		break;
	default:
		look_again(w, h->uuid);
	}
}

/*
 * Commands
 */

static void set_target(struct libvirt_worker *w, struct known *k, uint64_t target)
{
	bool failed = true;
	int frozen;

	begin(w, k->uuid);
	frozen = libvirt_is_frozen(k->dom);
	if (frozen == 0)
		failed = lv.virDomainSetMemoryFlags(k->dom, target / KIB, VIR_DOMAIN_AFFECT_LIVE) <
			 0;
	end(w);
	if (frozen > 0)
		set_frozen(w, k, true);
	if (failed)
		post_text(w, LIBVIRT_REFUSED, k->uuid,
			  frozen > 0 ? "another operation is under way"
				     : lv.virGetLastErrorMessage());
}

static void set_period(struct libvirt_worker *w, struct known *k, unsigned int seconds)
{
	int r;

	begin(w, k->uuid);
	r = lv.virDomainSetMemoryStatsPeriod(k->dom, (int)seconds, VIR_DOMAIN_AFFECT_LIVE);
	end(w);
	if (r < 0)
		post_text(w, LIBVIRT_FAILED, k->uuid, lv.virGetLastErrorMessage());
}

/* There is always an answer, unless memory is out: then all begins anew. */
static void poll_domain(struct libvirt_worker *w, struct known *k, const unsigned char *uuid)
{
	struct libvirt_news *n = news(w, LIBVIRT_STATS, uuid);

	if (!n)
		return;
	if (k) {
		begin(w, uuid);
		n->answered = libvirt_get_stats(k->dom, &n->stats) == 0;
		end(w);
	}
	if (!n->answered)
		snprintf(n->text, sizeof(n->text), "%s",
			 k ? lv.virGetLastErrorMessage() : "it has ended");
	post(w, n);
}

static void queue(struct libvirt_worker *w, struct libvirt_command *c)
{
	if (!c->queued)
		TAILQ_INSERT_TAIL(&w->commands, c, entry);
	c->queued = true;
	pthread_cond_signal(&w->work);
}

void libvirt_worker_target(struct libvirt_worker *w, struct libvirt_command *c, uint64_t bytes)
{
	lock(w);
	c->target = bytes;
	if (!c->urgent)
		TAILQ_INSERT_TAIL(&w->urgent, c, urgent_entry);
	c->urgent = true;
	pthread_cond_signal(&w->work);
	unlock(w);
}

void libvirt_worker_poll(struct libvirt_worker *w, struct libvirt_command *c)
{
	lock(w);
	c->poll = true;
	queue(w, c);
	unlock(w);
}

void libvirt_worker_describe(struct libvirt_worker *w, struct libvirt_command *c)
{
	lock(w);
	c->describe = true;
	queue(w, c);
	unlock(w);
}

void libvirt_worker_period(struct libvirt_worker *w, struct libvirt_command *c,
			   unsigned int seconds)
{
	lock(w);
	c->period = seconds;
	c->set_period = true;
	queue(w, c);
	unlock(w);
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

	lock(w);
	target = untarget(w, c);
	unlock(w);
	return target;
}

bool libvirt_worker_forget(struct libvirt_worker *w, struct libvirt_command *c)
{
	bool target;

	lock(w);
	target = untarget(w, c);
	if (c->queued)
		TAILQ_REMOVE(&w->commands, c, entry);
	c->queued = c->poll = c->set_period = c->describe = false;
	unlock(w);
	return target;
}

/*
 * The thread
 */

/* Locked. Returns false when it is @until, or later. */
static bool wait_until(struct libvirt_worker *w, uint64_t until)
{
	struct timespec t = {
		.tv_sec = (time_t)(until / USEC_PER_SEC),
		.tv_nsec = (long)(until % USEC_PER_SEC) * 1000,
	};

	return pthread_cond_timedwait(&w->work, &w->lock, &t) == 0;
}

static bool has_work(const struct libvirt_worker *w)
{
	return !TAILQ_EMPTY(&w->urgent) || !STAILQ_EMPTY(&w->heard) || !TAILQ_EMPTY(&w->commands);
}

/* Waits for something to do; false: the connection is over. Locked. */
static bool await(struct libvirt_worker *w)
{
	bool early = true;

	while (early && !w->stop && !w->closed && !has_work(w)) {
		if (w->n_frozen)
			early = wait_until(w, w->looked + FROZEN_LOOK);
		else
			pthread_cond_wait(&w->work, &w->lock);
	}
	return !w->stop && !w->closed;
}

static void look_at_frozen(struct libvirt_worker *w)
{
	struct known *k;

	if (!w->n_frozen || now_usec() < w->looked + FROZEN_LOOK)
		return;
	LIST_FOREACH (k, &w->known, entry)
		look_for_end(w, k);
	w->looked = now_usec();
}

/* The guest that a command belongs to may go as soon as nothing is locked. */
static void work_on(struct libvirt_worker *w)
{
	struct libvirt_command *first, c;
	struct known *k;
	struct heard *h;

	if ((first = TAILQ_FIRST(&w->urgent))) {
		TAILQ_REMOVE(&w->urgent, first, urgent_entry);
		first->urgent = false;
		c = *first;
		unlock(w);
		k = find(w, c.uuid);
		if (k)
			set_target(w, k, c.target);
	} else if ((h = STAILQ_FIRST(&w->heard))) {
		STAILQ_REMOVE_HEAD(&w->heard, entry);
		unlock(w);
		on_heard(w, h);
		free(h);
	} else if ((first = TAILQ_FIRST(&w->commands))) {
		c = *first;
		TAILQ_REMOVE(&w->commands, first, entry);
		first->queued = first->poll = first->set_period = first->describe = false;
		unlock(w);
		k = find(w, c.uuid);
		if (k && c.set_period)
			set_period(w, k, c.period);
		if (k && c.describe)
			look_again(w, c.uuid);
		if (c.poll)
			poll_domain(w, k, c.uuid);
	} else {
		unlock(w);
	}
}

static void serve(struct libvirt_worker *w)
{
	lock(w);
	while (await(w)) {
		work_on(w);
		look_at_frozen(w);
		lock(w);
	}
	unlock(w);
}

/* Returns 0 or -EIO. */
static int connect_to(struct libvirt_worker *w)
{
	int r;

	begin(w, NULL);
	w->conn = lv.virConnectOpen(w->uri);
	end(w);
	if (!w->conn)
		return -EIO;
	begin(w, NULL);
	r = lv.virConnectSetKeepAlive(w->conn, ALIVE_INTERVAL, ALIVE_COUNT);
	/* Events first, or one that comes before the list would be missed. */
	if (r >= 0)
		r = libvirt_events_open(&w->events, w->conn, w);
	end(w);
	return r < 0 ? -EIO : list(w);
}

static void disconnect(struct libvirt_worker *w)
{
	struct known *k, *next;

	for (k = LIST_FIRST(&w->known); k; k = next) {
		next = LIST_NEXT(k, entry);
		forget(w, k);
	}
	if (!w->conn)
		return;
	begin(w, NULL);
	libvirt_events_close(&w->events, w->conn);
	lv.virConnectClose(w->conn);
	w->conn = NULL;
	end(w);
	lock(w);
	drop_heard(w);
	w->closed = NULL;
	unlock(w);
}

/* Locked. */
static void rest(struct libvirt_worker *w, unsigned int seconds)
{
	uint64_t until = now_usec() + seconds * USEC_PER_SEC;

	while (!w->stop && wait_until(w, until))
		;
}

static void *run(void *arg)
{
	struct libvirt_worker *w = arg;
	unsigned int wait = RETRY_FIRST;
	const char *closed;

	lock(w);
	while (!w->stop) {
		unlock(w);
		if (connect_to(w) == 0) {
			wait = RETRY_FIRST;
			post(w, news(w, LIBVIRT_CONNECTED, NULL));
			serve(w);
			lock(w);
			closed = w->closed;
			unlock(w);
			post_text(w, LIBVIRT_LOST, NULL, closed ? closed : "");
		} else {
			post_text(w, LIBVIRT_LOST, NULL, lv.virGetLastErrorMessage());
		}
		disconnect(w);
		lock(w);
		rest(w, wait);
		wait = MIN(wait * 2, RETRY_LAST);
	}
	unlock(w);
	post(w, news(w, LIBVIRT_ENDED, NULL));
	libvirt_worker_unref(w);
	return NULL;
}

int libvirt_worker_new(struct libvirt_worker **ret, const char *uri)
{
	struct libvirt_worker *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int r;

	if (!w)
		return -ENOMEM;
	atomic_init(&w->refs, 1);
	TAILQ_INIT(&w->urgent);
	TAILQ_INIT(&w->commands);
	STAILQ_INIT(&w->heard);
	STAILQ_INIT(&w->news);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->work, &attr);
	pthread_condattr_destroy(&attr);
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->uri = strdup(uri);
	r = w->fd < 0 ? -errno : w->uri ? 0 : -ENOMEM;
	if (r == 0) {
		libvirt_worker_ref(w);
		r = thread_start(&w->thread, run, w);
		if (r < 0)
			libvirt_worker_unref(w);
	}
	if (r < 0) {
		libvirt_worker_unref(w);
		return r;
	}
	*ret = w;
	return 0;
}

void libvirt_worker_stop(struct libvirt_worker *w)
{
	lock(w);
	w->stop = true;
	pthread_cond_signal(&w->work);
	unlock(w);
}

struct libvirt_worker *libvirt_worker_free(struct libvirt_worker *w)
{
	if (!w)
		return NULL;
	libvirt_worker_stop(w);
	if (thread_join(w->thread) < 0)
		pthread_detach(w->thread);
	libvirt_worker_unref(w);
	return NULL;
}

int libvirt_worker_fd(const struct libvirt_worker *w)
{
	return w->fd;
}
