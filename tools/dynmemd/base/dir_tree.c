// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "common/util.h"
#include "dynmemd/base/dir_tree.h"

/* Either a folder of sockets, or one of folders with a tree for each. */
struct dir_tree {
	LIST_ENTRY(dir_tree) entry; /* among those of the same parent */
	LIST_HEAD(, dir_tree) below;
	struct folder *folder;
	sd_event *event;
	unsigned int flags;
	folder_found_t fn;
	void *userdata;
	char *rest; /* of the path, below each folder; NULL: none */
	char path[];
};

static struct dir_tree *find(struct dir_tree *t, const char *path)
{
	size_t len = strlen(path);
	struct dir_tree *b;

	LIST_FOREACH (b, &t->below, entry)
		if (!strncmp(b->path, path, len) && b->path[len] == '/')
			return b;
	return NULL;
}

static int on_folder(void *userdata, const char *path, bool there)
{
	struct dir_tree *t = userdata, *b = find(t, path);
	_cleanup_(freep) char *below = NULL;
	unsigned int flags = t->flags;
	const char *last;
	int r;

	if (b && !there) {
		LIST_REMOVE(b, entry);
		dir_tree_free(b);
	}
	if (b || !there)
		return 0;
	if (asprintf(&below, "%s/%s", path, t->rest) < 0)
		return -ENOMEM;
	/* A name without wildcards is a socket's. */
	last = strrchr(below, '/');
	if (!strpbrk(t->rest, "*?[") && last[1])
		flags |= FOLDER_ONE;
	r = dir_tree_new(&b, t->event, below, flags, t->fn, t->userdata);
	if (r == 0)
		LIST_INSERT_HEAD(&t->below, b, entry);
	return r;
}

/* The end of the first part with wildcards, if another one follows, or NULL. */
static char *end_of_pattern(char *path)
{
	char *wild = strpbrk(path, "*?[");
	char *end = wild ? strchr(wild, '/') : NULL;

	return end && end[strspn(end, "/")] ? end : NULL;
}

int dir_tree_new(struct dir_tree **ret, sd_event *event, const char *path, unsigned int flags,
		 folder_found_t fn, void *userdata)
{
	size_t size = strlen(path) + 1;
	struct dir_tree *t = calloc(1, sizeof(*t) + size);
	char *end;
	int r;

	if (!t)
		return -ENOMEM;
	memcpy(t->path, path, size);
	t->event = event;
	t->flags = flags;
	t->fn = fn;
	t->userdata = userdata;
	end = flags & FOLDER_ONE ? NULL : end_of_pattern(t->path);
	if (!end) {
		r = folder_new(&t->folder, event, path, flags, fn, userdata);
	} else {
		*end = 0;
		t->rest = end + 1;
		r = folder_new(&t->folder, event, t->path, FOLDER_DIRS, on_folder, t);
	}
	if (r < 0) {
		dir_tree_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

bool dir_tree_holds(const struct dir_tree *t, const char *path)
{
	const struct dir_tree *b;

	if (!t->rest)
		return folder_holds(t->folder, path);
	LIST_FOREACH (b, &t->below, entry)
		if (dir_tree_holds(b, path))
			return true;
	return false;
}

struct dir_tree *dir_tree_free(struct dir_tree *t)
{
	struct dir_tree *b;

	if (!t)
		return NULL;
	folder_free(t->folder);
	while ((b = LIST_FIRST(&t->below))) {
		LIST_REMOVE(b, entry);
		dir_tree_free(b);
	}
	free(t);
	return NULL;
}
