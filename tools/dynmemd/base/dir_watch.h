/* SPDX-License-Identifier: GPL-2.0 */
/* A folder of sockets or files, watched; it need not exist. */
#ifndef DYNMEMD_FOLDER_H
#define DYNMEMD_FOLDER_H

#include <stdbool.h>

#include <systemd/sd-event.h>

struct folder;

/**
 * folder_found_t - a socket is there (@there), or is no more
 * @path: of the socket, or file. A file is reported again when it was
 *	written to.
 *
 * Return: 0; a negative errno: everything is reported once more, later.
 */
typedef int (*folder_found_t)(void *userdata, const char *path, bool there);

#define FOLDER_ONE   1u /* one socket, whatever characters are in its name */
#define FOLDER_FILES 2u /* files, no sockets */
#define FOLDER_DIRS  4u /* folders, no sockets */

/**
 * folder_new() - watch a folder
 * @path: the folder, or a pattern of sockets in it: "/run/vm/" followed by
 *	"*.qmp". What exists already is reported from within the call.
 * @flags: FOLDER_* bits
 */
int folder_new(struct folder **ret, sd_event *event, const char *path, unsigned int flags,
	       folder_found_t fn, void *userdata);

/** folder_holds() - whether a socket belongs to it */
bool folder_holds(const struct folder *f, const char *path);

struct folder *folder_free(struct folder *f);

#endif
