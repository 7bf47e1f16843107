// SPDX-License-Identifier: GPL-2.0
/*
 * The backend "libvirt": guests that libvirt runs, through its API only.
 *
 * Its calls block, so a worker thread makes them. A call that does not return
 * in time costs that worker its place: the guest that it was about counts as
 * late until it returns, and a new worker, with a connection of its own, goes
 * on with the others.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "dynmemd/backends/backend.h"
#include "dynmemd/backends/libvirt/libvirt_dlopen.h"
#include "dynmemd/backends/libvirt/libvirt_loop.h"
#include "dynmemd/backends/libvirt/libvirt_worker.h"
#include "dynmemd/base/log.h"
#include "common/util.h"

/*
 * A call takes a millisecond, some seconds on a host in trouble, and 30 where
 * libvirt itself gives up waiting for another operation on the guest.
 */
#define DEADLINE (5 * USEC_PER_SEC)
#define LOOK	 USEC_PER_SEC

/*
 * Each call that hangs holds one of libvirtd's workers, of which it has 20 for
 * everybody. Where so many hang, the last worker waits too.
 */
#define LINES_MAX 5

/* A target that libvirt refuses is tried again after this, doubled each time. */
#define REFUSED_FIRST (2 * USEC_PER_SEC)
#define REFUSED_LAST  (300 * USEC_PER_SEC)

struct libvirt_backend;

/* A worker, the current one or one that is in a call too long. */
struct line {
	LIST_ENTRY(line) entry;
	struct libvirt_backend *backend;
	struct libvirt_worker *worker;
	sd_event_source *io;
	bool left;
	unsigned char uuid[VIR_UUID_BUFLEN]; /* of the guest that it hangs on */
};

struct seat {
	LIST_ENTRY(seat) entry;
	struct guest guest; /* the manager's view */
	struct libvirt_backend *backend;
	struct libvirt_command command;
	int id;
	bool added;
	bool seen;	       /* since the connection was made */
	bool late;	       /* a call about it does not return */
	bool asked;	       /* for statistics */
	bool unsure;	       /* whether its last target was set */
	unsigned int refusals; /* of targets, in a row */
	uint64_t quiet_until;  /* usec: no target before */
	uint64_t described;    /* the size that made us ask for all of it */
	bool paused;
	bool frozen;		   /* by an operation that forbids others */
	unsigned int found_period; /* the statistics period that we found */
	unsigned int period;	   /* as it shall be now, seconds ... */
	unsigned int told_period;  /* ... and as libvirt was told last */
	char wrong[256];	   /* in its metadata, as it was logged */
};

struct libvirt_backend {
	struct backend backend;
	struct manager *manager;
	sd_event *event;
	char *uri; /* NULL: nothing is configured */
	LIST_HEAD(, line) lines;
	unsigned int n_lines;
	struct line *line; /* the current one; NULL: there is none */
	bool connected;
	sd_event_source *timer;
	bool said_slow;
	char why[256]; /* the last failure that was logged */
	LIST_HEAD(, seat) seats;
};

static struct libvirt_backend *of(struct backend *b)
{
	return container_of(b, struct libvirt_backend, backend);
}

static struct seat *seat_of(struct guest *g)
{
	return container_of(g, struct seat, guest);
}

static struct libvirt_worker *worker(struct seat *s)
{
	return s->backend->line->worker;
}

/*
 * What the manager wants
 */

/* As a monitor that owes answers: not asked for more. */
static int reachable(const struct seat *s)
{
	if (!s->backend->connected)
		return -ENOTCONN;
	return s->late ? -EBUSY : 0;
}

static uint64_t now_usec(const struct seat *s)
{
	return manager_now(s->backend->manager) / NSEC_PER_USEC;
}

/* What libvirt has just refused is refused again: the next plan is soon enough. */
static int set_target(struct guest *g, uint64_t bytes)
{
	struct seat *s = seat_of(g);
	int r = reachable(s);

	if (r < 0)
		return r;
	if (now_usec(s) < s->quiet_until)
		return -ECANCELED;
	libvirt_worker_target(worker(s), &s->command, bytes);
	return 0;
}

/* Each time later; the same words are not repeated. */
static void on_refused(struct seat *s, const char *why)
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

/* It is told again when it may be: see repeat(). */
static void forget(struct guest *g)
{
	struct seat *s = seat_of(g);

	s->unsure |= libvirt_worker_untarget(worker(s), &s->command);
}

static int tell_period(struct seat *s)
{
	int r = s->period == s->told_period ? 0 : reachable(s);

	if (r < 0 || s->period == s->told_period)
		return r;
	libvirt_worker_period(worker(s), &s->command, s->period);
	s->told_period = s->period;
	return 0;
}

/* What could not be told, or may have been lost with a connection. */
static void repeat(struct seat *s)
{
	const struct manager *m = s->backend->manager;

	if (!s->added || s->frozen || manager_stopped(m))
		return;
	if (s->unsure && manager_guest_repeat(&s->guest) >= 0)
		s->unsure = false;
	tell_period(s);
}

static int poll_guest(struct guest *g)
{
	struct seat *s = seat_of(g);
	int r = g->has_balloon ? reachable(s) : -EOPNOTSUPP;

	if (r < 0)
		return r;
	repeat(s);
	s->asked = true;
	libvirt_worker_poll(worker(s), &s->command);
	return 0;
}

/*
 * A period that somebody else has set is his: it is only made shorter, and
 * put back when we need no statistics.
 */
static int watch(struct guest *g, unsigned int seconds)
{
	struct seat *s = seat_of(g);

	if (!g->has_balloon)
		return -EOPNOTSUPP;
	if (!seconds || (s->found_period && s->found_period < seconds))
		seconds = s->found_period;
	s->period = seconds;
	return tell_period(s);
}

static const struct guest_ops ops = {
	.backend = "libvirt",
	.set_target = set_target,
	.forget = forget,
	.poll = poll_guest,
	.watch = watch,
};

/*
 * Guests
 */

static struct seat *find(struct libvirt_backend *b, const unsigned char *uuid)
{
	struct seat *s;

	LIST_FOREACH (s, &b->seats, entry)
		if (!memcmp(s->command.uuid, uuid, VIR_UUID_BUFLEN))
			return s;
	return NULL;
}

static void seat_free(struct seat *s, const char *why)
{
	LIST_REMOVE(s, entry);
	if (s->backend->line)
		libvirt_worker_forget(worker(s), &s->command);
	if (s->added)
		manager_guest_remove(&s->guest, why);
	free(s);
}

static void free_seats(struct libvirt_backend *b, const char *why)
{
	struct seat *s, *next;

	for (s = LIST_FIRST(&b->seats); s; s = next) {
		next = LIST_NEXT(s, entry);
		seat_free(s, why);
	}
}

static void complain_of_metadata(struct seat *s, const char *wrong)
{
	if (*wrong && strcmp(s->wrong, wrong) != 0)
		log_guest(LOG_WARNING, s->guest.name,
			  "the element guest in its metadata: %s; it is taken without that", wrong);
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
	struct seat *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		log_guest(LOG_ERR, d->name, "out of memory, it stays unmanaged");
		return;
	}
	s->backend = b;
	s->id = d->id;
	s->seen = true;
	s->found_period = s->period = s->told_period = d->xml.period;
	memcpy(s->command.uuid, d->uuid, sizeof(d->uuid));
	s->guest.ops = &ops;
	s->guest.named = true;
	s->guest.origin = b->uri;
	s->guest.pid = d->pid;
	s->guest.memory = d->memory;
	s->guest.has_balloon = d->xml.has_balloon;
	s->guest.actual = d->xml.has_balloon ? d->actual : d->memory;
	s->guest.traits_known = GUEST_FREE_PAGE_REPORTING | GUEST_DEFLATE_ON_OOM;
	s->guest.traits = d->xml.traits;
	s->guest.pinned = d->xml.pinned;
	s->guest.observed = observed(d);
	s->guest.unmergeable = d->xml.unmergeable;
	s->guest.own = d->xml.own;
	memcpy(s->guest.name, d->name, sizeof(d->name));
	LIST_INSERT_HEAD(&b->seats, s, entry);
	complain_of_metadata(s, d->xml.wrong);
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

/* A balloon that moves was set: what is refused next is refused anew. */
static void resize(struct seat *s, uint64_t actual)
{
	if (!s->added || !s->guest.has_balloon)
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

static void set_paused(struct seat *s, bool paused)
{
	if (!s->added || s->paused == paused)
		return;
	s->paused = paused;
	manager_guest_event(&s->guest, paused ? POLICY_GUEST_PAUSE : POLICY_GUEST_RESUME);
}

/* Known before: after a new connection, or since something has changed. */
static void refresh(struct seat *s, const struct libvirt_domain *d)
{
	s->seen = true;
	s->guest.own = d->xml.own;
	complain_of_metadata(s, d->xml.wrong);
	if (!s->added)
		return;
	s->guest.pinned = d->xml.pinned;
	s->guest.observed = observed(d);
	if (d->memory && d->memory != s->guest.memory)
		manager_guest_resized(&s->guest, d->memory, d->actual);
	manager_guest_pinned(&s->guest);
	manager_guest_own(&s->guest);
	resize(s, d->actual);
	set_paused(s, d->paused);
	s->told_period = d->xml.period;
}

static void on_found(struct libvirt_backend *b, const struct libvirt_domain *d)
{
	struct seat *s = find(b, d->uuid);

	if (s && s->id != d->id) {
		seat_free(s, "it was started anew");
		s = NULL;
	}
	if (s)
		refresh(s, d);
	else
		add(b, d);
}

static void on_stats(struct seat *s, const struct libvirt_news *n)
{
	s->asked = false;
	if (!s->added)
		return;
	if (!n->answered) {
		log_guest(LOG_DEBUG, s->guest.name, "no statistics: %s", n->text);
		manager_guest_sample_failed(&s->guest);
		return;
	}
	s->guest.rss = n->stats.rss;
	if (n->stats.sample.stat_actual != s->guest.actual)
		resize(s, n->stats.sample.stat_actual);
	manager_guest_polled(&s->guest, &n->stats.sample);
}

static void on_event(struct seat *s, enum policy_guest_event event)
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

/*
 * The connection
 */

static void on_connected(struct libvirt_backend *b)
{
	struct seat *s, *next;

	log_info("libvirt: connected to %s", b->uri);
	b->connected = true;
	b->why[0] = 0;
	for (s = LIST_FIRST(&b->seats); s; s = next) {
		next = LIST_NEXT(s, entry);
		if (!s->seen)
			seat_free(s, "it ended while libvirt was not there");
		else
			repeat(s);
	}
}

/* Guests live on without libvirtd. They are asked nothing until it is back. */
static void lose(struct libvirt_backend *b)
{
	struct seat *s;

	b->connected = false;
	LIST_FOREACH (s, &b->seats, entry) {
		s->seen = false;
		s->unsure |= libvirt_worker_forget(worker(s), &s->command);
		if (s->asked && s->added)
			manager_guest_sample_failed(&s->guest);
		s->asked = false;
		/* The next connection finds out whether it still is. */
		if (s->frozen)
			on_event(s, POLICY_GUEST_MIGRATE_END);
	}
}

static void on_lost(struct libvirt_backend *b, const char *why)
{
	bool same = !strcmp(b->why, why);

	log_guest(same ? LOG_DEBUG : LOG_WARNING, NULL,
		  "libvirt: no connection to %s: %s; trying again", b->uri, why);
	snprintf(b->why, sizeof(b->why), "%s", why);
	lose(b);
}

static void on_news(struct libvirt_backend *b, const struct libvirt_news *n)
{
	struct seat *s = find(b, n->uuid);

	switch (n->kind) {
	case LIBVIRT_FOUND:
		on_found(b, &n->domain);
		return;
	case LIBVIRT_CONNECTED:
		on_connected(b);
		return;
	case LIBVIRT_LOST:
		on_lost(b, n->text);
		return;
	default:
		break;
	}
	if (!s)
		return;
	switch (n->kind) {
	case LIBVIRT_GONE:
		seat_free(s, n->text);
		break;
	case LIBVIRT_STATS:
		on_stats(s, n);
		break;
	case LIBVIRT_REFUSED:
		on_refused(s, n->text);
		break;
	case LIBVIRT_FAILED:
		log_guest(LOG_WARNING, s->guest.name, "cannot set its statistics period: %s",
			  n->text);
		break;
	case LIBVIRT_ACTUAL:
		resize(s, n->actual);
		break;
	case LIBVIRT_EVENT:
		on_event(s, n->event);
		break;
	default:
		break;
	}
}

static void line_free(struct line *l)
{
	struct libvirt_backend *b = l->backend;

	LIST_REMOVE(l, entry);
	b->n_lines--;
	if (b->line == l)
		b->line = NULL;
	sd_event_source_disable_unref(l->io);
	libvirt_worker_free(l->worker);
	free(l);
}

/* Its call has returned, after all. */
static void on_ended(struct line *l)
{
	struct libvirt_backend *b = l->backend;
	struct seat *s = find(b, l->uuid);

	line_free(l);
	b->said_slow = false;
	if (!s)
		return;
	log_guest(LOG_INFO, s->guest.name, "libvirt has answered about it");
	s->late = false;
}

static int on_worker(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents,
		     void *userdata)
{
	struct line *l = userdata;
	struct libvirt_news *n;
	eventfd_t count;

	eventfd_read(fd, &count);
	sd_event_source_set_enabled(l->backend->timer, SD_EVENT_ONESHOT);
	while ((n = libvirt_worker_take(l->worker))) {
		enum libvirt_kind kind = n->kind;

		if (!l->left)
			on_news(l->backend, n);
		free(n);
		if (kind == LIBVIRT_ENDED) {
			on_ended(l);
			break;
		}
	}
	return 0;
}

static int line_new(struct libvirt_backend *b)
{
	struct line *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->backend = b;
	r = libvirt_worker_new(&l->worker, b->uri);
	if (r < 0) {
		free(l);
		return r;
	}
	LIST_INSERT_HEAD(&b->lines, l, entry);
	b->n_lines++;
	b->line = l;
	r = sd_event_add_io(b->event, &l->io, libvirt_worker_fd(l->worker), EPOLLIN, on_worker, l);
	if (r < 0)
		line_free(l);
	return r < 0 ? r : 0;
}

/* Go on without the guest that the worker hangs on, and without the worker. */
static void leave(struct libvirt_backend *b, const unsigned char *uuid)
{
	struct line *l = b->line;
	struct seat *s = find(b, uuid);
	int r;

	log_guest(
		LOG_WARNING, s ? s->guest.name : NULL,
		"libvirt has not answered about it for %llu s: going on with another connection, without this guest until there is an answer",
		DEADLINE / USEC_PER_SEC);
	lose(b);
	if (s) {
		s->late = true;
		/* What was sent last may have been done, or not. */
		s->unsure = true;
	}
	l->left = true;
	memcpy(l->uuid, uuid, sizeof(l->uuid));
	libvirt_worker_stop(l->worker);
	r = line_new(b);
	if (r < 0) {
		log_error("libvirt: no new connection: %s", strerror(-r));
		b->line = l;
	}
}

/* As long as the worker is in a call, once a second. */
static int on_look(_unused_ sd_event_source *source, uint64_t now, void *userdata)
{
	struct libvirt_backend *b = userdata;
	struct libvirt_busy busy = { 0 };

	if (b->line)
		libvirt_worker_busy(b->line->worker, &busy);
	if (!busy.since)
		return 0;
	sd_event_source_set_time_relative(b->timer, LOOK);
	sd_event_source_set_enabled(b->timer, SD_EVENT_ONESHOT);
	if (now < busy.since + DEADLINE)
		return 0;
	if (busy.of_domain && b->n_lines < LINES_MAX) {
		leave(b, busy.uuid);
	} else if (!b->said_slow) {
		log_warning("libvirt: no answer from %s for %llu s; waiting", b->uri,
			    DEADLINE / USEC_PER_SEC);
		b->said_slow = true;
	}
	return 0;
}

/*
 * Life
 */

static void stop(struct libvirt_backend *b, const char *why)
{
	struct line *l, *next;

	free_seats(b, why);
	for (l = LIST_FIRST(&b->lines); l; l = next) {
		next = LIST_NEXT(l, entry);
		line_free(l);
	}
	b->connected = false;
	free(b->uri);
	b->uri = NULL;
	libvirt_loop_stop();
}

/* What is missing on this host is told, and the other backends go on. */
static int start(struct libvirt_backend *b, const char *uri)
{
	const char *why;
	int r;

	if (libvirt_api_load(&why) < 0) {
		log_error(
			"the backend libvirt finds no libvirt here (%s): install libvirt0; until then no guest of %s is managed",
			why, uri);
		return 0;
	}
	b->uri = strdup(uri);
	if (!b->uri)
		return -ENOMEM;
	r = libvirt_loop_start();
	return r < 0 ? r : line_new(b);
}

static bool configured(const struct config *config)
{
	return config->libvirt_uri != NULL;
}

static int reload(struct backend *backend, const struct config *config)
{
	struct libvirt_backend *b = of(backend);
	const char *uri = config->libvirt_uri;

	if (b->uri && uri && !strcmp(b->uri, uri))
		return 0;
	if (b->uri)
		stop(b, "the configuration left its libvirt out");
	return uri ? start(b, uri) : 0;
}

static void free_backend(struct backend *backend)
{
	struct libvirt_backend *b = of(backend);

	stop(b, NULL);
	sd_event_source_disable_unref(b->timer);
	free(b);
}

static int new_backend(struct backend **ret, struct manager *m, sd_event *event,
		       const struct config *config)
{
	struct libvirt_backend *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->backend.ops = &backend_libvirt;
	b->manager = m;
	b->event = event;
	r = sd_event_add_time_relative(event, &b->timer, CLOCK_MONOTONIC, LOOK, LOOK / 10, on_look,
				       b);
	if (r >= 0)
		r = reload(&b->backend, config);
	if (r < 0) {
		free_backend(&b->backend);
		return r;
	}
	*ret = &b->backend;
	return 0;
}

const struct backend_ops backend_libvirt = {
	.name = "libvirt",
	.configured = configured,
	.new = new_backend,
	.reload = reload,
	.free = free_backend,
};
