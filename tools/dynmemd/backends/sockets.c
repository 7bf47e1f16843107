// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "dynmemd/base/dir_tree.h"
#include "dynmemd/base/log.h"
#include "dynmemd/backends/sockets.h"
#include "common/util.h"

/*
 * QEMU listens within milliseconds of making its socket, hence the short
 * first wait; a monitor that somebody else keeps may be busy for days, hence
 * the long last one.
 */
#define RETRY_FIRST (100 * USEC_PER_MSEC)
#define RETRY_LAST  (60 * USEC_PER_SEC)

/* How late a try may be, so that those of many sockets coalesce. */
#define RETRY_ACCURACY (10 * USEC_PER_MSEC)

/*
 * Nobody can start to listen on a socket file that was refused: that takes a
 * new file, which inotify reports. These few tries bridge the time between
 * QEMU's bind() and listen().
 */
#define REFUSALS_MAX 6

struct seat {
	LIST_ENTRY(seat) entry;
	struct seats *seats;
	void *guest;
	sd_event_source *timer;
	uint64_t wait; /* before the next try, usec */
	unsigned int refusals, failures;
	bool there;    /* the file is */
	char why[128]; /* the last failure that was logged */
	char path[];
};

struct seats {
	sd_event *event;
	const struct seat_ops *ops;
	void *userdata;
	struct dir_tree **trees;
	size_t n_trees;
	LIST_HEAD(, seat) list;
};

static void connect_seat(struct seat *s);

static void seat_free(struct seat *s, const char *why)
{
	LIST_REMOVE(s, entry);
	if (s->guest)
		s->seats->ops->close(s->guest, why);
	sd_event_source_disable_unref(s->timer);
	free(s);
}

static int on_retry(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
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
	sd_event_source_set_time_relative(s->timer, s->wait);
	sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
	s->wait = MIN(s->wait * 2, RETRY_LAST);
}

/*
 * A monitor that was a guest's is tried soon; the end of a guest whose QEMU
 * ended too is no failure.
 */
void seat_closed(void *seat, bool was_guest, const char *why)
{
	struct seat *s = seat;

	s->guest = NULL;
	if (!s->there) {
		seat_free(s, NULL);
		return;
	}
	if (was_guest) {
		s->wait = RETRY_FIRST;
		s->refusals = s->failures = 0;
	} else {
		s->failures++;
		complain(s, why);
	}
	retry(s);
}

unsigned int seat_failures(void *seat)
{
	return ((struct seat *)seat)->failures;
}

static void connect_seat(struct seat *s)
{
	int r;

	if (s->guest)
		return;
	r = s->seats->ops->open(&s->guest, s->path, s, s->seats->userdata);
	if (r == -ENOENT) {
		seat_free(s, NULL);
		return;
	}
	if (r == -ECONNREFUSED && ++s->refusals >= REFUSALS_MAX) {
		log_info("socket %s: nobody listens; waiting for a new one", s->path);
		return;
	}
	/* Somebody listens: what fails from here on is news. */
	if (r != -ECONNREFUSED)
		s->refusals = 0;
	if (r < 0) {
		complain(s, r == -EAGAIN ? "monitor busy: its queue is full" : strerror(-r));
		retry(s);
	}
}

static struct seat *find(struct seats *all, const char *path)
{
	struct seat *s;

	LIST_FOREACH (s, &all->list, entry)
		if (strcmp(s->path, path) == 0)
			return s;
	return NULL;
}

static struct seat *seat_new(struct seats *all, const char *path)
{
	size_t size = strlen(path) + 1;
	struct seat *s = calloc(1, sizeof(*s) + size);

	if (!s)
		return NULL;
	/* Made beforehand: there must be one when there is no memory. */
	if (sd_event_add_time(all->event, &s->timer, CLOCK_MONOTONIC, 0, RETRY_ACCURACY, on_retry,
			      s) < 0 ||
	    sd_event_source_set_enabled(s->timer, SD_EVENT_OFF) < 0) {
		sd_event_source_disable_unref(s->timer);
		free(s);
		return NULL;
	}
	memcpy(s->path, path, size);
	s->seats = all;
	LIST_INSERT_HEAD(&all->list, s, entry);
	return s;
}

static int on_socket(void *userdata, const char *path, bool there)
{
	struct seats *all = userdata;
	struct seat *s = find(all, path);

	if (!there) {
		if (!s)
			return 0;
		s->there = false;
		/* A guest whose file was deleted is still there. */
		if (!s->guest)
			seat_free(s, NULL);
		return 0;
	}
	if (!s)
		s = seat_new(all, path);
	if (!s)
		return -ENOMEM;
	s->there = true;
	s->wait = RETRY_FIRST;
	s->refusals = 0;
	connect_seat(s);
	return 0;
}

static bool is_held(const struct seats *all, const struct seat *s)
{
	for (size_t i = 0; i < all->n_trees; i++)
		if (dir_tree_holds(all->trees[i], s->path))
			return true;
	return false;
}

int seats_watch(struct seats *all, const char *path, unsigned int flags)
{
	struct dir_tree **trees =
		reallocarray(all->trees, all->n_trees + 1, sizeof(struct dir_tree *));
	int r;

	if (!trees)
		return -ENOMEM;
	all->trees = trees;
	r = dir_tree_new(&trees[all->n_trees], all->event, path, flags, on_socket, all);
	if (r == 0)
		all->n_trees++;
	return r;
}

void seats_unwatch(struct seats *all)
{
	while (all->n_trees)
		dir_tree_free(all->trees[--all->n_trees]);
	free(all->trees);
	all->trees = NULL;
}

void seats_trim(struct seats *all)
{
	struct seat *s, *next;

	for (s = LIST_FIRST(&all->list); s; s = next) {
		next = LIST_NEXT(s, entry);
		if (!is_held(all, s))
			seat_free(s, "the configuration left its socket out");
	}
}

void *seats_find(struct seats *all, const char *path)
{
	struct seat *s = find(all, path);

	return s ? s->guest : NULL;
}

void seats_each(struct seats *all, void (*fn)(void *guest, void *userdata), void *userdata)
{
	struct seat *s, *next;

	for (s = LIST_FIRST(&all->list); s; s = next) {
		next = LIST_NEXT(s, entry);
		if (s->guest)
			fn(s->guest, userdata);
	}
}

int seats_new(struct seats **ret, sd_event *event, const struct seat_ops *ops, void *userdata)
{
	struct seats *all = calloc(1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	all->event = event;
	all->ops = ops;
	all->userdata = userdata;
	*ret = all;
	return 0;
}

struct seats *seats_free(struct seats *all)
{
	struct seat *s, *next;

	if (!all)
		return NULL;
	seats_unwatch(all);
	for (s = LIST_FIRST(&all->list); s; s = next) {
		next = LIST_NEXT(s, entry);
		seat_free(s, NULL);
	}
	free(all);
	return NULL;
}
