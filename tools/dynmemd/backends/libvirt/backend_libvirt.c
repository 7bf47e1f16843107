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

#include "dynmemd/backends/libvirt/libvirt_dlopen.h"
#include "dynmemd/backends/libvirt/libvirt_loop.h"
#include "dynmemd/backends/libvirt/libvirt_private.h"
#include "dynmemd/base/log.h"
#include "common/util.h"

/*
 * A call takes a millisecond, some seconds on a host in trouble, and 30 where
 * libvirt itself gives up waiting for another operation on the guest.
 */
#define DEADLINE  (5 * USEC_PER_SEC)
#define CHECK_GAP USEC_PER_SEC

/*
 * Each call that hangs holds one of libvirtd's workers, of which it has 20 for
 * everybody. Where so many hang, the last worker waits too.
 */
#define LINES_MAX 5

static struct libvirt_backend *of(struct backend *b)
{
	return container_of(b, struct libvirt_backend, backend);
}

/*
 * The connection
 */

static void on_connected(struct libvirt_backend *b)
{
	struct libvirt_guest *s, *next;

	log_info("libvirt: connected to %s", b->uri);
	b->connected = true;
	b->why[0] = 0;
	for (s = LIST_FIRST(&b->guests); s; s = next) {
		next = LIST_NEXT(s, entry);
		if (!s->seen)
			libvirt_guest_free(s, "it ended while libvirt was not there");
		else
			libvirt_guest_repeat(s);
	}
}

/* Guests live on without libvirtd. They are asked nothing until it is back. */
static void lose(struct libvirt_backend *b)
{
	struct libvirt_guest *s;

	b->connected = false;
	LIST_FOREACH (s, &b->guests, entry)
		libvirt_guest_lost(s);
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
	struct libvirt_guest *s = libvirt_guest_find(b, n->uuid);

	switch (n->kind) {
	case LIBVIRT_FOUND:
		libvirt_guest_found(b, &n->domain);
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
		libvirt_guest_free(s, n->text);
		break;
	case LIBVIRT_STATS:
		libvirt_guest_stats(s, n);
		break;
	case LIBVIRT_REFUSED:
		libvirt_guest_refused(s, n->text);
		break;
	case LIBVIRT_FAILED:
		log_guest(LOG_WARNING, s->guest.name, "cannot set its statistics period: %s",
			  n->text);
		break;
	case LIBVIRT_ACTUAL:
		libvirt_guest_resized(s, n->actual);
		break;
	case LIBVIRT_EVENT:
		libvirt_guest_event(s, n->event);
		break;
	default:
		break;
	}
}

static void line_free(struct libvirt_line *l)
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
static void on_ended(struct libvirt_line *l)
{
	struct libvirt_backend *b = l->backend;
	struct libvirt_guest *s = libvirt_guest_find(b, l->uuid);

	line_free(l);
	b->warned_slow = false;
	if (!s)
		return;
	log_guest(LOG_INFO, s->guest.name, "libvirt has answered about it");
	s->late = false;
}

static int on_worker(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents,
		     void *userdata)
{
	struct libvirt_line *l = userdata;
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
	struct libvirt_line *l = calloc(1, sizeof(*l));
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
	struct libvirt_line *l = b->line;
	struct libvirt_guest *s = libvirt_guest_find(b, uuid);
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
static int on_check(_unused_ sd_event_source *source, uint64_t now, void *userdata)
{
	struct libvirt_backend *b = userdata;
	struct libvirt_busy busy = { 0 };

	if (b->line)
		libvirt_worker_busy(b->line->worker, &busy);
	if (!busy.since)
		return 0;
	sd_event_source_set_time_relative(b->timer, CHECK_GAP);
	sd_event_source_set_enabled(b->timer, SD_EVENT_ONESHOT);
	if (now < busy.since + DEADLINE)
		return 0;
	if (busy.of_domain && b->n_lines < LINES_MAX) {
		leave(b, busy.uuid);
	} else if (!b->warned_slow) {
		log_warning("libvirt: no answer from %s for %llu s; waiting", b->uri,
			    DEADLINE / USEC_PER_SEC);
		b->warned_slow = true;
	}
	return 0;
}

/*
 * Life
 */

static void free_guests(struct libvirt_backend *b, const char *why)
{
	struct libvirt_guest *s, *next;

	for (s = LIST_FIRST(&b->guests); s; s = next) {
		next = LIST_NEXT(s, entry);
		libvirt_guest_free(s, why);
	}
}

static void stop(struct libvirt_backend *b, const char *why)
{
	struct libvirt_line *l, *next;

	free_guests(b, why);
	for (l = LIST_FIRST(&b->lines); l; l = next) {
		next = LIST_NEXT(l, entry);
		line_free(l);
	}
	b->connected = false;
	free(b->uri);
	b->uri = NULL;
	libvirt_loop_stop();
}

/* What is missing on this host is logged, and the other backends go on. */
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
	r = sd_event_add_time_relative(event, &b->timer, CLOCK_MONOTONIC, CHECK_GAP, CHECK_GAP / 10,
				       on_check, b);
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
