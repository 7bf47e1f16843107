/* SPDX-License-Identifier: GPL-2.0 */
/* A guest over QMP: from the connected socket to the end of the connection. */
#ifndef DYNMEMD_GUEST_QMP_H
#define DYNMEMD_GUEST_QMP_H

#include "dynmemd/core/manager.h"
#include "dynmemd/qmp/poller.h"

struct guest_qmp;

/**
 * guest_qmp_new() - greet, ask what is needed, hand the guest to the manager
 * @fd: a connected monitor socket; taken over, also on failure
 * @path: of the socket; must outlive the guest
 * @closed: is told when the connection is over
 */
int guest_qmp_new(struct guest_qmp **ret, struct manager *m, struct poller *poller, int fd,
		  const char *path, guest_closed_t closed, void *userdata);

/**
 * guest_qmp_free() - the guest stays as it is. NULL is fine.
 * @why: told to the manager; NULL: the daemon stops, nothing has happened to it
 *
 * Return: NULL
 */
struct guest_qmp *guest_qmp_free(struct guest_qmp *g, const char *why);

#endif
