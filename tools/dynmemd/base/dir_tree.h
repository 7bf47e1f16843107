/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets in folders that a pattern names, each of which may come and go. */
#ifndef DYNMEMD_DIR_TREE_H
#define DYNMEMD_DIR_TREE_H

#include "dynmemd/base/dir_watch.h"

struct dir_tree;

/**
 * dir_tree_new() - watch a folder, or all that a pattern names
 * @path: as for folder_new(); any part of it may have wildcards: a socket in
 *	each guest's own folder is "/run/vm/" followed by "*" and "/qmp.sock". A
 *	slash at the end says that all sockets of such folders are meant
 */
int dir_tree_new(struct dir_tree **ret, sd_event *event, const char *path, unsigned int flags,
		 folder_found_t fn, void *userdata);

/** dir_tree_holds() - whether a socket belongs to it */
bool dir_tree_holds(const struct dir_tree *t, const char *path);

struct dir_tree *dir_tree_free(struct dir_tree *t);

#endif
