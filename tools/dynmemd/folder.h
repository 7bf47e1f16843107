/* SPDX-License-Identifier: GPL-2.0 */
/* A folder of sockets, watched; it need not exist. */
#ifndef DYNMEMD_FOLDER_H
#define DYNMEMD_FOLDER_H

#include <stdbool.h>

#include <systemd/sd-event.h>

struct folder;

/**
 * folder_socket_t - a socket is there (@there), or is no more
 * @path: of the socket
 */
typedef void (*folder_socket_t)(void *userdata, const char *path, bool there);

/**
 * folder_new() - watch a folder
 * @path: the folder, or a pattern of sockets in it: "/run/vm/" followed by
 *	"*.qmp". All that is there already is told from within the call.
 */
int folder_new(struct folder **ret, sd_event *event, const char *path,
	       folder_socket_t fn, void *userdata);

/** folder_holds() - whether a socket belongs to it */
bool folder_holds(const struct folder *f, const char *path);

struct folder *folder_free(struct folder *f);

#endif
