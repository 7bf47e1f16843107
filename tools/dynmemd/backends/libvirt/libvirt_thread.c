// SPDX-License-Identifier: GPL-2.0
/* A worker's thread: its connection, the domains there, and what it does with them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "dynmemd/backends/libvirt/libvirt_worker_private.h"
#include "dynmemd/base/thread.h"
#include "common/util.h"

/* libvirtd is back within seconds after a restart, or not for long. */
#define RETRY_FIRST 1
#define RETRY_LAST  30

/* A libvirtd that does not answer for so long does not live any more. */
#define ALIVE_INTERVAL 5
#define ALIVE_COUNT    3

/*
 * What disks have read takes a call of its own, as long as the one for statistics
 * (4 ms), and one thread polls all guests: it is asked for no more often than so.
 * The policy uses a rate that is up to 10 s old.
 */
#define DISKS_GAP (4 * USEC_PER_SEC)

/* A guest in a migration is checked once a second for its end. */
#define FROZEN_CHECK USEC_PER_SEC

/*
 * Domains
 */

static struct libvirt_known *find(struct libvirt_worker *w, const unsigned char *uuid)
{
	struct libvirt_known *k;

	LIST_FOREACH (k, &w->known, entry)
		if (!memcmp(k->uuid, uuid, sizeof(k->uuid)))
			return k;
	return NULL;
}

static void forget(struct libvirt_worker *w, struct libvirt_known *k)
{
	w->n_frozen -= k->frozen;
	LIST_REMOVE(k, entry);
	lv.virDomainFree(k->dom);
	free(k);
}

static void set_frozen(struct libvirt_worker *w, struct libvirt_known *k, bool frozen)
{
	if (k->frozen == frozen)
		return;
	k->frozen = frozen;
	w->checked = libvirt_now();
	w->n_frozen += frozen ? 1 : -1;
	libvirt_worker_post_event(w, k->uuid,
				  frozen ? POLICY_GUEST_MIGRATE_BEGIN : POLICY_GUEST_MIGRATE_END);
}

/* It may have ended meanwhile, then there will be an event. */
static void describe(struct libvirt_worker *w, virDomainPtr dom)
{
	unsigned char uuid[VIR_UUID_BUFLEN];
	struct libvirt_news *n;
	struct libvirt_known *k;
	bool migrating;
	int r;

	lv.virDomainGetUUID(dom, uuid);
	n = libvirt_worker_news(w, LIBVIRT_FOUND, uuid);
	if (!n)
		return;
	libvirt_worker_begin(w, uuid);
	r = libvirt_describe(dom, &n->domain);
	libvirt_worker_end(w);
	if (r < 0 || n->domain.id < 0) {
		free(n);
		return;
	}
	migrating = n->domain.migrating;
	libvirt_worker_post(w, n);
	k = find(w, uuid);
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k) {
			libvirt_worker_starve(w);
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

	libvirt_worker_begin(w, NULL);
	n = lv.virConnectListAllDomains(w->conn, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	libvirt_worker_end(w);
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

static void describe_again(struct libvirt_worker *w, const unsigned char *uuid)
{
	virDomainPtr dom;

	libvirt_worker_begin(w, uuid);
	dom = lv.virDomainLookupByUUID(w->conn, uuid);
	libvirt_worker_end(w);
	if (!dom)
		return;
	describe(w, dom);
	lv.virDomainFree(dom);
}

/* Not every operation sends an event at its end. */
static void check_job_end(struct libvirt_worker *w, struct libvirt_known *k)
{
	int frozen;

	if (!k->frozen)
		return;
	libvirt_worker_begin(w, k->uuid);
	frozen = libvirt_is_frozen(k->dom);
	libvirt_worker_end(w);
	if (frozen == 0)
		set_frozen(w, k, false);
}

static void on_message(struct libvirt_worker *w, const struct libvirt_message *h)
{
	struct libvirt_known *k = find(w, h->uuid);
	struct libvirt_news *n;

	if (h->what == LIBVIRT_STARTED) {
		describe_again(w, h->uuid);
		return;
	}
	if (!k)
		return;
	switch (h->what) {
	case LIBVIRT_STOPPED:
		forget(w, k);
		libvirt_worker_post_text(w, LIBVIRT_GONE, h->uuid, h->why);
		break;
	case LIBVIRT_PAUSED:
		libvirt_worker_post_event(w, h->uuid, POLICY_GUEST_PAUSE);
		break;
	case LIBVIRT_RESUMED:
		libvirt_worker_post_event(w, h->uuid, POLICY_GUEST_RESUME);
		check_job_end(w, k);
		break;
	case LIBVIRT_REBOOTED:
		libvirt_worker_post_event(w, h->uuid, POLICY_GUEST_REBOOT);
		break;
	case LIBVIRT_RESIZED:
		n = libvirt_worker_news(w, LIBVIRT_ACTUAL, h->uuid);
		if (n)
			n->actual = h->actual;
		libvirt_worker_post(w, n);
		break;
	case LIBVIRT_JOB_BEGAN:
		set_frozen(w, k, true);
		break;
	case LIBVIRT_JOB_ENDED:
		check_job_end(w, k);
		break;
	default:
		describe_again(w, h->uuid);
	}
}

/*
 * Commands
 */

static void set_target(struct libvirt_worker *w, struct libvirt_known *k, uint64_t target)
{
	bool failed = true;
	int frozen;

	libvirt_worker_begin(w, k->uuid);
	frozen = libvirt_is_frozen(k->dom);
	if (frozen == 0)
		failed = lv.virDomainSetMemoryFlags(k->dom, target / KIB, VIR_DOMAIN_AFFECT_LIVE) <
			 0;
	libvirt_worker_end(w);
	if (frozen > 0)
		set_frozen(w, k, true);
	if (failed)
		libvirt_worker_post_text(w, LIBVIRT_REFUSED, k->uuid,
					 frozen > 0 ? "another operation is under way"
						    : lv.virGetLastErrorMessage());
}

static void set_period(struct libvirt_worker *w, struct libvirt_known *k, unsigned int seconds)
{
	int r;

	libvirt_worker_begin(w, k->uuid);
	r = lv.virDomainSetMemoryStatsPeriod(k->dom, (int)seconds, VIR_DOMAIN_AFFECT_LIVE);
	libvirt_worker_end(w);
	if (r < 0)
		libvirt_worker_post_text(w, LIBVIRT_FAILED, k->uuid, lv.virGetLastErrorMessage());
}

/* There is always an answer, unless memory is out: then all begins anew. */
static void poll_domain(struct libvirt_worker *w, struct libvirt_known *k,
			const unsigned char *uuid)
{
	struct libvirt_news *n = libvirt_worker_news(w, LIBVIRT_STATS, uuid);
	bool disks;

	if (!n)
		return;
	if (k) {
		disks = libvirt_now() >= k->disks_due;
		if (disks)
			k->disks_due = libvirt_now() + DISKS_GAP;
		libvirt_worker_begin(w, uuid);
		n->answered = libvirt_get_stats(k->dom, disks, &n->stats) == 0;
		libvirt_worker_end(w);
	}
	if (!n->answered)
		snprintf(n->text, sizeof(n->text), "%s",
			 k ? lv.virGetLastErrorMessage() : "it has ended");
	libvirt_worker_post(w, n);
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
	return !TAILQ_EMPTY(&w->urgent) || !STAILQ_EMPTY(&w->messages) ||
	       !TAILQ_EMPTY(&w->commands);
}

/* Waits for something to do; false: the connection is over. Locked. */
static bool await(struct libvirt_worker *w)
{
	bool early = true;

	while (early && !w->stop && !w->closed && !has_work(w)) {
		if (w->n_frozen)
			early = wait_until(w, w->checked + FROZEN_CHECK);
		else
			pthread_cond_wait(&w->work, &w->lock);
	}
	return !w->stop && !w->closed;
}

static void check_frozen(struct libvirt_worker *w)
{
	struct libvirt_known *k;

	if (!w->n_frozen || libvirt_now() < w->checked + FROZEN_CHECK)
		return;
	LIST_FOREACH (k, &w->known, entry)
		check_job_end(w, k);
	w->checked = libvirt_now();
}

/* The guest that a command belongs to may go as soon as nothing is locked. */
static void work_on(struct libvirt_worker *w)
{
	struct libvirt_command *first, c;
	struct libvirt_known *k;
	struct libvirt_message *h;

	if ((first = TAILQ_FIRST(&w->urgent))) {
		TAILQ_REMOVE(&w->urgent, first, urgent_entry);
		first->urgent = false;
		c = *first;
		libvirt_worker_unlock(w);
		k = find(w, c.uuid);
		if (k)
			set_target(w, k, c.target);
	} else if ((h = STAILQ_FIRST(&w->messages))) {
		STAILQ_REMOVE_HEAD(&w->messages, entry);
		libvirt_worker_unlock(w);
		on_message(w, h);
		free(h);
	} else if ((first = TAILQ_FIRST(&w->commands))) {
		c = *first;
		TAILQ_REMOVE(&w->commands, first, entry);
		first->queued = first->poll = first->describe = false;
		first->set_period = first->align = false;
		libvirt_worker_unlock(w);
		k = find(w, c.uuid);
		/* QEMU begins it anew when it is set to another. */
		if (k && c.align)
			set_period(w, k, c.period + 1);
		if (k && c.set_period)
			set_period(w, k, c.period);
		if (k && c.describe)
			describe_again(w, c.uuid);
		if (c.poll)
			poll_domain(w, k, c.uuid);
	} else {
		libvirt_worker_unlock(w);
	}
}

static void serve(struct libvirt_worker *w)
{
	libvirt_worker_lock(w);
	while (await(w)) {
		work_on(w);
		check_frozen(w);
		libvirt_worker_lock(w);
	}
	libvirt_worker_unlock(w);
}

/* Returns 0 or -EIO. */
static int connect_to(struct libvirt_worker *w)
{
	int r;

	libvirt_worker_begin(w, NULL);
	w->conn = lv.virConnectOpen(w->uri);
	libvirt_worker_end(w);
	if (!w->conn)
		return -EIO;
	libvirt_worker_begin(w, NULL);
	r = lv.virConnectSetKeepAlive(w->conn, ALIVE_INTERVAL, ALIVE_COUNT);
	/* Events first, or one that comes before the list would be missed. */
	if (r >= 0)
		r = libvirt_events_open(&w->events, w->conn, w);
	libvirt_worker_end(w);
	return r < 0 ? -EIO : list(w);
}

static void disconnect(struct libvirt_worker *w)
{
	struct libvirt_known *k, *next;

	for (k = LIST_FIRST(&w->known); k; k = next) {
		next = LIST_NEXT(k, entry);
		forget(w, k);
	}
	if (!w->conn)
		return;
	libvirt_worker_begin(w, NULL);
	libvirt_events_close(&w->events, w->conn);
	lv.virConnectClose(w->conn);
	w->conn = NULL;
	libvirt_worker_end(w);
	libvirt_worker_lock(w);
	libvirt_worker_drop_messages(w);
	w->closed = NULL;
	libvirt_worker_unlock(w);
}

/* Locked. */
static void rest(struct libvirt_worker *w, unsigned int seconds)
{
	uint64_t until = libvirt_now() + seconds * USEC_PER_SEC;

	while (!w->stop && wait_until(w, until))
		;
}

static void *run(void *arg)
{
	struct libvirt_worker *w = arg;
	unsigned int wait = RETRY_FIRST;
	const char *closed;

	libvirt_worker_lock(w);
	while (!w->stop) {
		libvirt_worker_unlock(w);
		if (connect_to(w) == 0) {
			wait = RETRY_FIRST;
			libvirt_worker_post(w, libvirt_worker_news(w, LIBVIRT_CONNECTED, NULL));
			serve(w);
			libvirt_worker_lock(w);
			closed = w->closed;
			libvirt_worker_unlock(w);
			libvirt_worker_post_text(w, LIBVIRT_LOST, NULL, closed ? closed : "");
		} else {
			libvirt_worker_post_text(w, LIBVIRT_LOST, NULL,
						 lv.virGetLastErrorMessage());
		}
		disconnect(w);
		libvirt_worker_lock(w);
		rest(w, wait);
		wait = MIN(wait * 2, RETRY_LAST);
	}
	libvirt_worker_unlock(w);
	libvirt_worker_post(w, libvirt_worker_news(w, LIBVIRT_ENDED, NULL));
	libvirt_worker_unref(w);
	return NULL;
}

/*
 * Life
 */

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
	STAILQ_INIT(&w->messages);
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
