// SPDX-License-Identifier: GPL-2.0
/*
 * The backend "qmp": guests whose monitor sockets lie in folders.
 *
 * Sockets come and go at any time, as do the folders themselves. A socket
 * that cannot be used is tried again, less and less often.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "dynmemd/backend.h"
#include "dynmemd/folder.h"
#include "dynmemd/guest_qmp.h"
#include "dynmemd/log.h"
#include "dynmemd/qmp.h"
#include "dynmemd/util.h"

/*
 * QEMU listens within milliseconds of making its socket, hence the short
 * first wait; a monitor that somebody else keeps may be busy for days, hence
 * the long last one.
 */
#define RETRY_FIRST (100 * USEC_PER_MSEC)
#define RETRY_LAST  (60 * USEC_PER_SEC)

/*
 * Nobody can start to listen on a socket file that was refused: that takes a
 * new file, which inotify tells. These few tries bridge the time between
 * QEMU's bind() and listen().
 */
#define REFUSALS_MAX 6

/* One socket file, with or without a guest behind it. */
struct seat {
	LIST_ENTRY(seat) entry;
	struct qmp_backend *backend;
	struct guest_qmp *guest;
	sd_event_source *timer;
	uint64_t wait; /* before the next try, usec */
	unsigned int refusals;
	bool there;    /* the file is */
	char why[128]; /* the last failure that was logged */
	char path[];
};

struct qmp_backend {
	struct backend backend;
	struct manager *manager;
	sd_event *event;
	struct poller *poller;
	struct folder **folders;
	size_t n_folders;
	LIST_HEAD(, seat) seats;
};

static struct qmp_backend *of(struct backend *b)
{
	return (struct qmp_backend *)((char *)b -
				      offsetof(struct qmp_backend, backend));
}

static void connect_seat(struct seat *s);

static void seat_free(struct seat *s, const char *why)
{
	LIST_REMOVE(s, entry);
	guest_qmp_free(s->guest, why);
	sd_event_source_disable_unref(s->timer);
	free(s);
}

static int on_retry(_unused_ sd_event_source *source, _unused_ uint64_t usec,
		    void *userdata)
{
	connect_seat(userdata);
	return 0;
}

/*
 * The same failure again and again is said once, and that a QEMU does not
 * listen yet is none.
 */
static void complain(struct seat *s, const char *why)
{
	bool same = !strncmp(s->why, why, sizeof(s->why) - 1);
	bool early = s->refusals > 0;

	snprintf(s->why, sizeof(s->why), "%s", why);
	log_guest(same || early ? LOG_DEBUG : LOG_WARNING, NULL,
		  "socket %s: %s; next try in %.1f s", s->path, why,
		  (double)s->wait / USEC_PER_SEC);
}

static void retry(struct seat *s)
{
	int r;

	if (!s->timer)
		r = sd_event_add_time_relative(s->backend->event, &s->timer,
					       CLOCK_MONOTONIC, s->wait,
					       s->wait / 10, on_retry, s);
	else
		r = sd_event_source_set_time_relative(s->timer, s->wait);
	if (r >= 0)
		r = sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("socket %s: no timer, it stays unused: %s", s->path,
			  strerror(-r));
	s->wait = MIN(s->wait * 2, RETRY_LAST);
}

/*
 * A monitor that was a guest's is tried soon; the end of a guest whose QEMU
 * ended too is no failure.
 */
static void on_closed(void *userdata, bool was_guest, const char *why)
{
	struct seat *s = userdata;

	s->guest = NULL;
	if (!s->there) {
		seat_free(s, NULL);
		return;
	}
	if (was_guest) {
		s->wait = RETRY_FIRST;
		s->refusals = 0;
	} else {
		complain(s, why);
	}
	retry(s);
}

static void connect_seat(struct seat *s)
{
	int fd, r;

	if (s->guest)
		return;
	r = qmp_connect(&fd, s->path);
	if (r == -ENOENT) {
		seat_free(s, NULL);
		return;
	}
	if (r == -ECONNREFUSED && ++s->refusals >= REFUSALS_MAX) {
		log_info("socket %s: nobody listens; waiting for a new one",
			 s->path);
		return;
	}
	if (r >= 0) {
		/* Somebody listens: what fails from here on is news. */
		s->refusals = 0;
		r = guest_qmp_new(&s->guest, s->backend->manager,
				  s->backend->poller, fd, s->path, on_closed,
				  s);
	}
	if (r < 0) {
		complain(s, r == -EAGAIN ? "monitor busy: its queue is full"
					 : strerror(-r));
		retry(s);
	}
}

static struct seat *find(struct qmp_backend *b, const char *path)
{
	struct seat *s;

	LIST_FOREACH (s, &b->seats, entry)
		if (strcmp(s->path, path) == 0)
			return s;
	return NULL;
}

static struct seat *seat_new(struct qmp_backend *b, const char *path)
{
	size_t size = strlen(path) + 1;
	struct seat *s = calloc(1, sizeof(*s) + size);

	if (!s)
		return NULL;
	memcpy(s->path, path, size);
	s->backend = b;
	LIST_INSERT_HEAD(&b->seats, s, entry);
	return s;
}

static void on_socket(void *userdata, const char *path, bool there)
{
	struct qmp_backend *b = userdata;
	struct seat *s = find(b, path);

	if (!there) {
		if (!s)
			return;
		s->there = false;
		/* A guest whose file was deleted is still there. */
		if (!s->guest)
			seat_free(s, NULL);
		return;
	}
	if (!s)
		s = seat_new(b, path);
	if (!s) {
		log_error("socket %s: out of memory, it stays unused", path);
		return;
	}
	s->there = true;
	s->wait = RETRY_FIRST;
	s->refusals = 0;
	connect_seat(s);
}

static void free_folders(struct qmp_backend *b)
{
	while (b->n_folders)
		folder_free(b->folders[--b->n_folders]);
	free(b->folders);
	b->folders = NULL;
}

static bool is_held(const struct qmp_backend *b, const struct seat *s)
{
	for (size_t i = 0; i < b->n_folders; i++)
		if (folder_holds(b->folders[i], s->path))
			return true;
	return false;
}

/* Guests of folders that are left out are let go, the others stay. */
static int reload(struct backend *backend, const struct config *config)
{
	struct qmp_backend *b = of(backend);
	struct seat *s, *next;
	int r = 0;

	free_folders(b);
	b->folders = calloc(config->n_qmp_paths, sizeof(struct folder *));
	if (!b->folders && config->n_qmp_paths)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < config->n_qmp_paths; i++) {
		r = folder_new(&b->folders[b->n_folders], b->event,
			       config->qmp_paths[i], on_socket, b);
		if (r == 0)
			b->n_folders++;
	}
	for (s = LIST_FIRST(&b->seats); s; s = next) {
		next = LIST_NEXT(s, entry);
		if (!is_held(b, s))
			seat_free(s, "the configuration left its socket out");
	}
	return r;
}

static void free_backend(struct backend *backend)
{
	struct qmp_backend *b = of(backend);
	struct seat *s, *next;

	free_folders(b);
	for (s = LIST_FIRST(&b->seats); s; s = next) {
		next = LIST_NEXT(s, entry);
		seat_free(s, NULL);
	}
	poller_free(b->poller);
	free(b);
}

static int new_backend(struct backend **ret, struct manager *m,
		       sd_event *event, const struct config *config)
{
	struct qmp_backend *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->backend.ops = &backend_qmp;
	b->manager = m;
	b->event = event;
	r = poller_new(&b->poller, event, PRIORITY_GUEST);
	if (r == 0)
		r = reload(&b->backend, config);
	if (r < 0) {
		free_backend(&b->backend);
		return r;
	}
	*ret = &b->backend;
	return 0;
}

static bool configured(const struct config *config)
{
	return config->n_qmp_paths > 0;
}

const struct backend_ops backend_qmp = {
	.name = "qmp",
	.configured = configured,
	.new = new_backend,
	.reload = reload,
	.free = free_backend,
};
