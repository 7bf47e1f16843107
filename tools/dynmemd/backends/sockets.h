/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Seats for guests: the monitor sockets found in folders.
 *
 * Sockets come and go at any time, as do the folders themselves. A socket
 * that cannot be used is tried again, less and less often.
 */
#ifndef DYNMEMD_SEAT_H
#define DYNMEMD_SEAT_H

#include <stdbool.h>

#include <systemd/sd-event.h>

/* One socket file, with or without a guest behind it. */
struct seat;

struct seats;

/**
 * struct seat_ops - what a backend does with a socket
 * @open: make a guest of it. seat_closed() ends it. Return: 0; -ECONNREFUSED:
 *	nobody listens; -EAGAIN: the listener's queue is full; another errno
 * @close: let a guest go as it is; @why as for manager_guest_remove()
 */
struct seat_ops {
	int (*open)(void **ret_guest, const char *path, struct seat *s, void *userdata);
	void (*close)(void *guest, const char *why);
};

int seats_new(struct seats **ret, sd_event *event, const struct seat_ops *ops, void *userdata);

/** seats_free() - all guests are let go. Return: NULL */
struct seats *seats_free(struct seats *all);

/**
 * seats_watch() - search one folder more for sockets
 * @path: as for dir_tree_new()
 * @flags: as for dir_tree_new()
 */
int seats_watch(struct seats *all, const char *path, unsigned int flags);

/** seats_unwatch() - search no folder any more; guests stay */
void seats_unwatch(struct seats *all);

/** seats_trim() - release guests whose sockets are in no such folder any more */
void seats_trim(struct seats *all);

/** seats_find() - the guest of a socket, or NULL */
void *seats_find(struct seats *all, const char *path);

/** seats_each() - call a function for each guest, which may end it */
void seats_each(struct seats *all, void (*fn)(void *guest, void *userdata), void *userdata);

/** seat_closed() - a guest has ended and frees itself; a &guest_closed_t */
void seat_closed(void *seat, bool was_guest, const char *why);

/** seat_failures() - how often in a row what listens was of no use */
unsigned int seat_failures(void *seat);

#endif
