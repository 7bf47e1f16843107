/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest behind a QMP monitor: found, asked, moved and followed until it ends.
 *
 * A backend says how it is reached. A monitor of our own is kept, and its
 * events are heard. One that others need (QEMU serves one client a monitor) is
 * used by exchanges: a connection each, left within 40 ms; a QEMU that answers
 * late gets more, up to 640 ms, and is asked less often.
 */
#ifndef DYNMEMD_QEMU_GUEST_H
#define DYNMEMD_QEMU_GUEST_H

#include "dynmemd/core/manager.h"
#include "dynmemd/qmp/poller.h"

struct qemu_guest;

/**
 * struct qemu_way - how a backend reaches its guests
 * @backend: its name
 * @shared: others need the monitor
 * @found: QEMU has answered, the manager does not know it yet: fill in what the
 *	backend knows; NULL: nothing
 * @closed: it is over
 * @failures: how often in a row it ended before it was a guest; NULL: not known
 */
struct qemu_way {
	const char *backend;
	bool shared;
	void (*found)(struct guest *g, void *userdata);
	guest_closed_t closed;
	unsigned int (*failures)(void *userdata);
};

/**
 * qemu_guest_new() - ask QEMU what is needed, hand the guest to the manager
 * @path: of the monitor's socket; must outlive the guest
 * @name: what it is called; NULL: ask QEMU, else call it as the socket
 * @userdata: for @way's functions
 *
 * Return: 0; -ENOENT; -ECONNREFUSED: nobody listens; -EAGAIN: others wait for
 * the monitor already; another negative errno.
 */
int qemu_guest_new(struct qemu_guest **ret, struct manager *m, struct poller *poller,
		   const struct qemu_way *way, const char *path, const char *name, void *userdata);

/**
 * qemu_guest_free() - the guest stays as it is. NULL is fine.
 * @why: as for manager_guest_remove()
 *
 * Return: NULL
 */
struct qemu_guest *qemu_guest_free(struct qemu_guest *g, const char *why);

/** qemu_guest_added() - the manager's view of it; NULL: it does not know it yet */
struct guest *qemu_guest_added(struct qemu_guest *g);

/** qemu_guest_lock() - somebody else is about to migrate it, or no more */
void qemu_guest_lock(struct qemu_guest *g, bool locked);

/** qemu_guest_pin() - why its memory stays, by what the backend knows, or NULL */
void qemu_guest_pin(struct qemu_guest *g, const char *why);

/**
 * qemu_guest_refresh() - sample what no event reports
 * @resized: its memory may be another one: it is not moved until that is known
 */
void qemu_guest_refresh(struct qemu_guest *g, bool resized);

/** qemu_guest_drop() - end it, as if QEMU had */
void qemu_guest_drop(struct qemu_guest *g, const char *why);

#endif
