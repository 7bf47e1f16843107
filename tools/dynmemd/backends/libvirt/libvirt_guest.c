// SPDX-License-Identifier: GPL-2.0
/* The backend's guests: the manager's operations on them, and libvirt's news. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dynmemd/backends/libvirt/libvirt_private.h"
#include "dynmemd/base/log.h"
#include "common/util.h"

/* A target that libvirt refuses is tried again after this, doubled each time. */
#define REFUSED_FIRST (2 * USEC_PER_SEC)
#define REFUSED_LAST  (300 * USEC_PER_SEC)

static struct libvirt_guest *guest_of(struct guest *g)
{
	return container_of(g, struct libvirt_guest, guest);
}

static struct libvirt_worker *worker(struct libvirt_guest *s)
{
	return s->backend->line->worker;
}

/*
 * Operations for the manager
 */

/* As a monitor that owes answers: not asked for more. */
static int reachable(const struct libvirt_guest *s)
{
	if (!s->backend->connected)
		return -ENOTCONN;
	return s->late ? -EBUSY : 0;
}

static uint64_t now_usec(const struct libvirt_guest *s)
{
	return manager_now(s->backend->manager) / NSEC_PER_USEC;
}

/* What libvirt has just refused is refused again: the next plan is soon enough. */
static int set_target(struct guest *g, uint64_t bytes)
{
	struct libvirt_guest *s = guest_of(g);
	int r = reachable(s);

	if (r < 0)
		return r;
	if (now_usec(s) < s->quiet_until)
		return -ECANCELED;
	libvirt_worker_target(worker(s), &s->command, bytes);
	return 0;
}

/* Each time later; the same words are not repeated. */
void libvirt_guest_refused(struct libvirt_guest *s, const char *why)
{
	bool first = !s->refusals;

	s->quiet_until = now_usec(s) + MIN(REFUSED_FIRST << MIN(s->refusals, 10u), REFUSED_LAST);
	s->refusals++;
	s->unsure = true;
	log_guest(
		first ? LOG_WARNING : LOG_DEBUG, s->guest.name,
		"libvirt refuses to set its target: %s; tried again after %.0f s, and later each time",
		why, (double)(s->quiet_until - now_usec(s)) / USEC_PER_SEC);
}

/* It is sent again when that is possible: see libvirt_guest_repeat(). */
static void forget(struct guest *g)
{
	struct libvirt_guest *s = guest_of(g);

	s->unsure |= libvirt_worker_untarget(worker(s), &s->command);
}

static int send_period(struct libvirt_guest *s)
{
	int r = s->period == s->sent_period ? 0 : reachable(s);

	if (r < 0 || s->period == s->sent_period)
		return r;
	libvirt_worker_period(worker(s), &s->command, s->period);
	s->sent_period = s->period;
	return 0;
}

/* What could not be sent, or may have been lost with a connection. */
void libvirt_guest_repeat(struct libvirt_guest *s)
{
	const struct manager *m = s->backend->manager;

	if (!s->added || s->frozen || manager_stopped(m))
		return;
	if (s->unsure && manager_guest_repeat(&s->guest) >= 0)
		s->unsure = false;
	send_period(s);
}

static int poll_guest(struct guest *g)
{
	struct libvirt_guest *s = guest_of(g);
	int r = g->has_balloon ? reachable(s) : -EOPNOTSUPP;

	if (r < 0)
		return r;
	libvirt_guest_repeat(s);
	s->asked = true;
	libvirt_worker_poll(worker(s), &s->command);
	return 0;
}

/*
 * A period that somebody else has set is kept: it is only made shorter, and
 * put back when we need no statistics.
 */
static int watch(struct guest *g, unsigned int seconds)
{
	struct libvirt_guest *s = guest_of(g);

	if (!g->has_balloon)
		return -EOPNOTSUPP;
	if (!seconds || (s->found_period && s->found_period < seconds))
		seconds = s->found_period;
	s->period = seconds;
	return send_period(s);
}

static int align(struct guest *g, unsigned int seconds)
{
	struct libvirt_guest *s = guest_of(g);
	int r = s->period == seconds && s->sent_period == seconds ? reachable(s) : -EAGAIN;

	if (r < 0)
		return r;
	libvirt_worker_align(worker(s), &s->command, s->period);
	return 0;
}

static const struct guest_ops ops = {
	.backend = "libvirt",
	.set_target = set_target,
	.forget = forget,
	.poll = poll_guest,
	.watch = watch,
	.align = align,
};

/*
 * Guests
 */

struct libvirt_guest *libvirt_guest_find(struct libvirt_backend *b, const unsigned char *uuid)
{
	struct libvirt_guest *s;

	LIST_FOREACH (s, &b->guests, entry)
		if (!memcmp(s->command.uuid, uuid, VIR_UUID_BUFLEN))
			return s;
	return NULL;
}

void libvirt_guest_free(struct libvirt_guest *s, const char *why)
{
	LIST_REMOVE(s, entry);
	if (s->backend->line)
		libvirt_worker_forget(worker(s), &s->command);
	if (s->added)
		manager_guest_remove(&s->guest, why);
	free(s);
}

static void warn_of_metadata(struct libvirt_guest *s, const char *wrong)
{
	if (*wrong && strcmp(s->wrong, wrong) != 0)
		log_guest(LOG_WARNING, s->guest.name,
			  "the element guest in its metadata: %s; the rest of it is used", wrong);
	memcpy(s->wrong, wrong, sizeof(s->wrong));
}

/* libvirt's figure of the balloon has virtio-mem in it, or not, by its version. */
static const char *observed(const struct libvirt_domain *d)
{
	return d->xml.virtio_mem
		       ? "libvirt counts its virtio-mem as if the balloon reached it; 'virsh update-memory-device' moves it"
		       : NULL;
}

static void add(struct libvirt_backend *b, const struct libvirt_domain *d)
{
	struct libvirt_guest *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		log_guest(LOG_ERR, d->name, "out of memory, it stays unmanaged");
		return;
	}
	s->backend = b;
	s->id = d->id;
	s->seen = true;
	s->found_period = s->period = s->sent_period = d->xml.period;
	memcpy(s->command.uuid, d->uuid, sizeof(d->uuid));
	s->guest.ops = &ops;
	s->guest.named = true;
	s->guest.origin = b->uri;
	s->guest.pid = d->pid;
	s->guest.memory = d->memory;
	s->guest.has_balloon = d->xml.has_balloon;
	/* A size that is not reported is not 0, from where it would be "grown" to its min. */
	s->guest.actual = d->xml.has_balloon && d->actual ? d->actual : d->memory;
	s->guest.traits_known = GUEST_FREE_PAGE_REPORTING | GUEST_DEFLATE_ON_OOM;
	s->guest.traits = d->xml.traits;
	s->guest.pinned = d->xml.pinned;
	s->guest.observed = observed(d);
	s->guest.unmergeable = d->xml.unmergeable;
	s->guest.own = d->xml.own;
	memcpy(s->guest.name, d->name, sizeof(d->name));
	LIST_INSERT_HEAD(&b->guests, s, entry);
	warn_of_metadata(s, d->xml.wrong);
	r = manager_guest_add(b->manager, &s->guest);
	s->added = r == 0;
	if (r < 0)
		log_guest(LOG_WARNING, d->name, "not taken from libvirt: %s",
			  r == -EEXIST ? "another backend manages this QEMU already"
				       : strerror(-r));
	if (!s->added)
		return;
	s->paused = d->paused;
	if (s->paused)
		manager_guest_event(&s->guest, POLICY_GUEST_PAUSE);
}

/*
 * A balloon that moves was set: what is refused next is refused anew. libvirt leaves its
 * size out where QEMU does not report one.
 */
void libvirt_guest_resized(struct libvirt_guest *s, uint64_t actual)
{
	if (!s->added || !s->guest.has_balloon || !actual)
		return;
	if (actual != s->guest.actual)
		s->refusals = 0;
	/* More than there is: there is more, which its description says. */
	if (actual > s->guest.memory && actual != s->described) {
		s->described = actual;
		libvirt_worker_describe(worker(s), &s->command);
		return;
	}
	manager_guest_actual(&s->guest, MIN(actual, s->guest.memory));
}

static void set_paused(struct libvirt_guest *s, bool paused)
{
	if (!s->added || s->paused == paused)
		return;
	s->paused = paused;
	manager_guest_event(&s->guest, paused ? POLICY_GUEST_PAUSE : POLICY_GUEST_RESUME);
}

/* Known before: after a new connection, or since something has changed. */
static void refresh(struct libvirt_guest *s, const struct libvirt_domain *d)
{
	s->seen = true;
	s->guest.own = d->xml.own;
	warn_of_metadata(s, d->xml.wrong);
	if (!s->added)
		return;
	s->guest.pinned = d->xml.pinned;
	s->guest.observed = observed(d);
	if (d->memory && d->memory != s->guest.memory)
		manager_guest_resized(&s->guest, d->memory, d->actual ?: s->guest.actual);
	manager_guest_pinned(&s->guest);
	manager_guest_own(&s->guest);
	libvirt_guest_resized(s, d->actual);
	set_paused(s, d->paused);
	s->sent_period = d->xml.period;
}

void libvirt_guest_found(struct libvirt_backend *b, const struct libvirt_domain *d)
{
	struct libvirt_guest *s = libvirt_guest_find(b, d->uuid);

	if (s && s->id != d->id) {
		libvirt_guest_free(s, "it was started anew");
		s = NULL;
	}
	if (s)
		refresh(s, d);
	else
		add(b, d);
}

void libvirt_guest_stats(struct libvirt_guest *s, const struct libvirt_news *n)
{
	struct guest_record sample = n->stats.sample;

	s->asked = false;
	if (!s->added)
		return;
	if (!n->answered) {
		log_guest(LOG_DEBUG, s->guest.name, "no statistics: %s", n->text);
		manager_guest_sample_failed(&s->guest);
		return;
	}
	s->guest.rss = n->stats.rss;
	if (sample.stat_actual != s->guest.actual)
		libvirt_guest_resized(s, sample.stat_actual);
	sample.stat_actual = s->guest.actual;
	sample.present |= GUEST_HAS_STAT_ACTUAL;
	manager_guest_polled(&s->guest, &sample);
}

void libvirt_guest_event(struct libvirt_guest *s, enum policy_guest_event event)
{
	if (event == POLICY_GUEST_PAUSE || event == POLICY_GUEST_RESUME) {
		set_paused(s, event == POLICY_GUEST_PAUSE);
		return;
	}
	if (event == POLICY_GUEST_MIGRATE_BEGIN || event == POLICY_GUEST_MIGRATE_END)
		s->frozen = event == POLICY_GUEST_MIGRATE_BEGIN;
	if (s->added)
		manager_guest_event(&s->guest, event);
}

void libvirt_guest_lost(struct libvirt_guest *s)
{
	s->seen = false;
	s->unsure |= libvirt_worker_forget(worker(s), &s->command);
	if (s->asked && s->added)
		manager_guest_sample_failed(&s->guest);
	s->asked = false;
	/* The next connection finds out whether it still is. */
	if (s->frozen)
		libvirt_guest_event(s, POLICY_GUEST_MIGRATE_END);
}
