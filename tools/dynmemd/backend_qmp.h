/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The backend "qmp": guests whose monitor sockets lie in folders.
 *
 * Sockets come and go at any time, as do the folders themselves. A socket
 * that cannot be used is tried again, less and less often.
 */
#ifndef DYNMEMD_BACKEND_QMP_H
#define DYNMEMD_BACKEND_QMP_H

#include <systemd/sd-event.h>

#include "dynmemd/manager.h"

struct backend_qmp;

/**
 * backend_qmp_new() - watch the folders of a configuration
 *
 * Folders that do not exist (yet) are waited for.
 */
int backend_qmp_new(struct backend_qmp **ret, struct manager *m,
		    sd_event *event, const struct config *config);

/**
 * backend_qmp_reload() - watch those of a new configuration
 *
 * Guests of folders that are left out are let go, the others stay.
 */
int backend_qmp_reload(struct backend_qmp *b, const struct config *config);

/** backend_qmp_free() - let all guests go as they are. Return: NULL */
struct backend_qmp *backend_qmp_free(struct backend_qmp *b);

#endif
