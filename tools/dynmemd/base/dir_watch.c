// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "dynmemd/base/dir_watch.h"
#include "dynmemd/base/log.h"
#include "common/util.h"

/* Until a folder that could not be watched or read is tried again. */
#define RETRY (2 * USEC_PER_SEC)

#define WATCH_FOLDER                                                                         \
	(IN_ONLYDIR | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | \
	 IN_MOVE_SELF)
#define WATCH_ANCESTOR (IN_ONLYDIR | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF)

struct folder {
	sd_event *event;
	sd_event_source *watch;
	sd_event_source *retry;
	bool trouble; /* was logged */
	bool waits;   /* an ancestor is watched: the folder does not exist */
	char *dir;
	char *pattern; /* NULL: every socket */
	unsigned int flags;
	folder_found_t fn;
	void *userdata;
};

static void start(struct folder *f);

static bool matches(const struct folder *f, const char *name)
{
	if (f->flags & FOLDER_ONE)
		return strcmp(f->pattern, name) == 0;
	return !f->pattern || fnmatch(f->pattern, name, FNM_PERIOD) == 0;
}

bool folder_holds(const struct folder *f, const char *path)
{
	size_t n = strlen(f->dir);

	return !strncmp(path, f->dir, n) && path[n] == '/' && !strchr(path + n + 1, '/') &&
	       matches(f, path + n + 1);
}

static int on_retry(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct folder *f = userdata;

	start(f);
	if (sd_event_source_get_enabled(f->retry, NULL) == 0)
		f->trouble = false;
	return 0;
}

/*
 * What is there, or what comes, may have been missed: too many files are open,
 * there is no memory, or other programs have all the inotify instances.
 */
static void try_later(struct folder *f, int error)
{
	log_guest(f->trouble ? LOG_DEBUG : LOG_WARNING, NULL,
		  "folder %s: %s; it is searched again every %llu s", f->dir, strerror(-error),
		  RETRY / USEC_PER_SEC);
	f->trouble = true;
	sd_event_source_set_time_relative(f->retry, RETRY);
	sd_event_source_set_enabled(f->retry, SD_EVENT_ONESHOT);
}

static void report(struct folder *f, const char *name, bool there)
{
	mode_t type = f->flags & FOLDER_FILES  ? S_IFREG
		      : f->flags & FOLDER_DIRS ? S_IFDIR
					       : S_IFSOCK;
	char path[PATH_MAX];
	struct stat st;
	int r;

	if (!matches(f, name) || snprintf(path, sizeof(path), "%s/%s", f->dir, name) >= PATH_MAX)
		return;
	if (there && (stat(path, &st) < 0 || (st.st_mode & S_IFMT) != type))
		return;
	r = f->fn(f->userdata, path, there);
	if (r < 0)
		try_later(f, r);
}

static void scan(struct folder *f)
{
	DIR *d = opendir(f->dir);
	struct dirent *e;

	if (!d) {
		if (errno != ENOENT)
			try_later(f, -errno);
		return;
	}
	while ((e = readdir(d)))
		if (e->d_type != DT_DIR || f->flags & FOLDER_DIRS)
			report(f, e->d_name, true);
	closedir(d);
}

static int on_inotify(_unused_ sd_event_source *s, const struct inotify_event *e, void *userdata)
{
	struct folder *f = userdata;

	if (f->waits || e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT))
		start(f);
	else if (e->mask & IN_Q_OVERFLOW)
		scan(f);
	else if (e->len && e->mask & (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE))
		report(f, e->name, true);
	else if (e->len && e->mask & (IN_DELETE | IN_MOVED_FROM))
		report(f, e->name, false);
	return 0;
}

static int watch(struct folder *f, const char *path, uint32_t mask)
{
	sd_event_source *s;
	int r = sd_event_add_inotify(f->event, &s, path, mask, on_inotify, f);

	if (r < 0)
		return r;
	sd_event_source_disable_unref(f->watch);
	f->watch = s;
	return 0;
}

/* Cuts the last part off; false when there is nothing above. */
static bool cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || !slash[1])
		return false;
	slash[slash == path] = 0;
	return true;
}

/* Watches the nearest folder above that exists. */
static int watch_ancestor(struct folder *f)
{
	char *path = strdup(f->dir);
	int r = -ENOENT;

	if (!path)
		return -ENOMEM;
	while ((r == -ENOENT || r == -ENOTDIR) && cut_last(path))
		r = watch(f, path, WATCH_ANCESTOR);
	free(path);
	return r;
}

/*
 * The folder may appear between the check for it and the watch above it: after
 * an ancestor is watched, the folder is looked for once more.
 */
static void start(struct folder *f)
{
	uint32_t mask = WATCH_FOLDER;
	int r;

	if (f->flags & FOLDER_FILES)
		mask |= IN_CLOSE_WRITE;
	for (int turn = 0; turn < 2; turn++) {
		f->waits = false;
		if (watch(f, f->dir, mask) == 0) {
			scan(f);
			return;
		}
		f->waits = true;
		r = watch_ancestor(f);
		if (r < 0) {
			try_later(f, r);
			return;
		}
	}
}

/* Takes a path apart: a last part with wildcards is a pattern. */
static int split(struct folder *f, const char *path)
{
	char *slash;

	f->dir = strdup(path);
	if (!f->dir)
		return -ENOMEM;
	slash = strrchr(f->dir, '/');
	if (slash && (f->flags & FOLDER_ONE || strpbrk(slash, "*?["))) {
		f->pattern = strdup(slash + 1);
		if (!f->pattern)
			return -ENOMEM;
		*slash = 0;
	}
	for (size_t n = strlen(f->dir); n > 1 && f->dir[n - 1] == '/'; n--)
		f->dir[n - 1] = 0;
	return *f->dir ? 0 : -EINVAL;
}

int folder_new(struct folder **ret, sd_event *event, const char *path, unsigned int flags,
	       folder_found_t fn, void *userdata)
{
	struct folder *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->event = event;
	f->flags = flags;
	f->fn = fn;
	f->userdata = userdata;
	r = split(f, path);
	if (r < 0) {
		folder_free(f);
		return r;
	}
	r = sd_event_add_time_relative(event, &f->retry, CLOCK_MONOTONIC, RETRY, 0, on_retry, f);
	if (r >= 0)
		r = sd_event_source_set_enabled(f->retry, SD_EVENT_OFF);
	if (r < 0) {
		folder_free(f);
		return r;
	}
	start(f);
	*ret = f;
	return 0;
}

struct folder *folder_free(struct folder *f)
{
	if (!f)
		return NULL;
	sd_event_source_disable_unref(f->watch);
	sd_event_source_disable_unref(f->retry);
	free(f->dir);
	free(f->pattern);
	free(f);
	return NULL;
}
