/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The monitor sockets found in folders, and the guests behind them.
 *
 * Sockets come and go at any time, as do the folders themselves. A socket
 * that cannot be used is tried again, less and less often.
 */
#ifndef DYNMEMD_SOCKETS_H
#define DYNMEMD_SOCKETS_H

#include <stdbool.h>

#include <systemd/sd-event.h>

/* One socket file, with or without a guest behind it. */
struct monitor_socket;

struct sockets;

/**
 * struct socket_ops - what a backend does with a socket
 * @open: make a guest of it. socket_closed() ends it. Return: 0; -ECONNREFUSED:
 *	nobody listens; -EAGAIN: the listener's queue is full; another errno
 * @close: release a guest as it is; @why as for manager_guest_remove()
 * @stays: a guest is connected as long as it lives. One whose socket's place is taken
 *	stays where it is, and what took it is another guest
 */
struct socket_ops {
	int (*open)(void **ret_guest, const char *path, struct monitor_socket *s, void *userdata);
	void (*close)(void *guest, const char *why);
	bool stays;
};

int sockets_new(struct sockets **ret, sd_event *event, const struct socket_ops *ops,
		void *userdata);

/** sockets_free() - all guests are released as they are. Return: NULL */
struct sockets *sockets_free(struct sockets *all);

/**
 * sockets_watch() - search one folder more for sockets
 * @path: as for dir_tree_new()
 * @flags: as for dir_tree_new()
 */
int sockets_watch(struct sockets *all, const char *path, unsigned int flags);

/** sockets_unwatch() - search no folder any more; guests stay */
void sockets_unwatch(struct sockets *all);

/** sockets_trim() - release guests whose sockets are in no such folder any more */
void sockets_trim(struct sockets *all);

/** sockets_find() - the guest of a socket, or NULL */
void *sockets_find(struct sockets *all, const char *path);

/** sockets_each() - call a function for each guest, which may end it */
void sockets_each(struct sockets *all, void (*fn)(void *guest, void *userdata), void *userdata);

/** socket_closed() - a guest has ended and frees itself; a &guest_closed_t */
void socket_closed(void *userdata, bool was_guest, const char *why);

/** socket_failures() - how often in a row what listens was of no use */
unsigned int socket_failures(void *userdata);

#endif
