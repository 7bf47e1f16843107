// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

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

struct monitor_socket {
	LIST_ENTRY(monitor_socket) entry;
	struct sockets *sockets;
	void *guest;
	sd_event_source *timer;
	uint64_t wait; /* before the next try, usec */
	unsigned int refusals, failures;
	bool there;    /* the file is */
	ino_t inode;   /* of the file that a guest was found at */
	char why[128]; /* the last failure that was logged */
	char path[];
};

struct sockets {
	sd_event *event;
	const struct socket_ops *ops;
	void *userdata;
	struct dir_tree **trees;
	size_t n_trees;
	LIST_HEAD(, monitor_socket) list;
};

static void socket_connect(struct monitor_socket *s);

static void socket_free(struct monitor_socket *s, const char *why)
{
	LIST_REMOVE(s, entry);
	if (s->guest)
		s->sockets->ops->close(s->guest, why);
	sd_event_source_disable_unref(s->timer);
	free(s);
}

static int on_retry(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	socket_connect(userdata);
	return 0;
}

/*
 * The same failure again and again is logged once, and that a QEMU does not
 * listen yet is none.
 */
static void complain(struct monitor_socket *s, const char *why)
{
	bool same = !strncmp(s->why, why, sizeof(s->why) - 1);
	bool early = s->refusals > 0;

	snprintf(s->why, sizeof(s->why), "%s", why);
	log_guest(same || early ? LOG_DEBUG : LOG_WARNING, NULL,
		  "socket %s: %s; next try in %.1f s", s->path, why,
		  (double)s->wait / USEC_PER_SEC);
}

static void retry(struct monitor_socket *s)
{
	sd_event_source_set_time_relative(s->timer, s->wait);
	sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
	s->wait = MIN(s->wait * 2, RETRY_LAST);
}

/*
 * A monitor that was a guest's is tried soon; the end of a guest whose QEMU
 * ended too is no failure.
 */
void socket_closed(void *userdata, bool was_guest, const char *why)
{
	struct monitor_socket *s = userdata;

	s->guest = NULL;
	if (!s->there) {
		socket_free(s, NULL);
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

unsigned int socket_failures(void *userdata)
{
	return ((struct monitor_socket *)userdata)->failures;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

/* A socket keeps its file's number as long as somebody listens. */
static bool was_replaced(const struct monitor_socket *s)
{
	ino_t inode = inode_of(s->path);

	return inode && inode != s->inode;
}

static struct monitor_socket *socket_new(struct sockets *all, const char *path);

/* The guest stays, as one whose file was deleted. */
static void replace(struct monitor_socket *s)
{
	struct monitor_socket *other = socket_new(s->sockets, s->path);

	if (!other) {
		retry(s);
		return;
	}
	s->there = false;
	other->there = true;
	other->wait = RETRY_FIRST;
	socket_connect(other);
}

static void socket_connect(struct monitor_socket *s)
{
	int r;

	if (s->guest) {
		if (s->there && s->sockets->ops->stays && was_replaced(s))
			replace(s);
		return;
	}
	s->inode = inode_of(s->path);
	r = s->sockets->ops->open(&s->guest, s->path, s, s->sockets->userdata);
	if (r == -ENOENT) {
		socket_free(s, NULL);
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

static struct monitor_socket *find(struct sockets *all, const char *path)
{
	struct monitor_socket *s;

	LIST_FOREACH (s, &all->list, entry)
		if (strcmp(s->path, path) == 0)
			return s;
	return NULL;
}

static struct monitor_socket *socket_new(struct sockets *all, const char *path)
{
	size_t size = strlen(path) + 1;
	struct monitor_socket *s = calloc(1, sizeof(*s) + size);

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
	s->sockets = all;
	LIST_INSERT_HEAD(&all->list, s, entry);
	return s;
}

static int on_socket(void *userdata, const char *path, bool there)
{
	struct sockets *all = userdata;
	struct monitor_socket *s = find(all, path);

	if (!there) {
		if (!s)
			return 0;
		s->there = false;
		/* A guest whose file was deleted is still there. */
		if (!s->guest)
			socket_free(s, NULL);
		return 0;
	}
	if (!s)
		s = socket_new(all, path);
	if (!s)
		return -ENOMEM;
	s->there = true;
	s->wait = RETRY_FIRST;
	s->refusals = 0;
	/* If it is another file, then its guest may be about to be known to have ended. */
	if (s->guest)
		retry(s);
	else
		socket_connect(s);
	return 0;
}

static bool is_held(const struct sockets *all, const struct monitor_socket *s)
{
	for (size_t i = 0; i < all->n_trees; i++)
		if (dir_tree_holds(all->trees[i], s->path))
			return true;
	return false;
}

int sockets_watch(struct sockets *all, const char *path, unsigned int flags)
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

void sockets_unwatch(struct sockets *all)
{
	while (all->n_trees)
		dir_tree_free(all->trees[--all->n_trees]);
	free(all->trees);
	all->trees = NULL;
}

void sockets_trim(struct sockets *all)
{
	struct monitor_socket *s, *next;

	for (s = LIST_FIRST(&all->list); s; s = next) {
		next = LIST_NEXT(s, entry);
		if (!is_held(all, s))
			socket_free(s, "the configuration left its socket out");
	}
}

void *sockets_find(struct sockets *all, const char *path)
{
	struct monitor_socket *s = find(all, path);

	return s ? s->guest : NULL;
}

void sockets_each(struct sockets *all, void (*fn)(void *guest, void *userdata), void *userdata)
{
	struct monitor_socket *s, *next;

	for (s = LIST_FIRST(&all->list); s; s = next) {
		next = LIST_NEXT(s, entry);
		if (s->guest)
			fn(s->guest, userdata);
	}
}

int sockets_new(struct sockets **ret, sd_event *event, const struct socket_ops *ops, void *userdata)
{
	struct sockets *all = calloc(1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	all->event = event;
	all->ops = ops;
	all->userdata = userdata;
	*ret = all;
	return 0;
}

struct sockets *sockets_free(struct sockets *all)
{
	struct monitor_socket *s, *next;

	if (!all)
		return NULL;
	sockets_unwatch(all);
	for (s = LIST_FIRST(&all->list); s; s = next) {
		next = LIST_NEXT(s, entry);
		socket_free(s, NULL);
	}
	free(all);
	return NULL;
}
