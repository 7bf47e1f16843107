/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A backend finds guests, and brings them to the manager.
 *
 * Each one is there all the time, if only to wait for a configuration that
 * gives it something to do: one with nothing configured finds no guests.
 */
#ifndef DYNMEMD_BACKEND_H
#define DYNMEMD_BACKEND_H

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "dynmemd/core/manager.h"

struct backend;

/**
 * struct backend_ops - what a backend does for the daemon
 * @name: its section is [backend NAME]
 * @configured: the configuration names something where guests may be found
 * @new: begin to search for guests; return: 0 or a negative errno
 * @reload: a new configuration; guests that it leaves out are released
 * @free: let all guests go as they are
 */
struct backend_ops {
	const char *name;
	bool (*configured)(const struct config *config);
	int (*new)(struct backend **ret, struct manager *m, sd_event *event,
		   const struct config *config);
	int (*reload)(struct backend *b, const struct config *config);
	void (*free)(struct backend *b);
};

/* The head of each backend's own struct. */
struct backend {
	const struct backend_ops *ops;
};

/* "qmp": folders of monitor sockets, which need not exist (yet). */
extern const struct backend_ops backend_qmp;

/* "libvirt": the guests of one libvirt; says so where it is not built in. */
extern const struct backend_ops backend_libvirt;

/* "pve": guests of a Proxmox VE host. */
extern const struct backend_ops backend_pve;

/* All that there are, in the order in which they search for guests. */
extern const struct backend_ops *const backend_table[];
extern const unsigned int backend_count;

static inline struct backend *backend_free(struct backend *b)
{
	if (b)
		b->ops->free(b);
	return NULL;
}

#endif
