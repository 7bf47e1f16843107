// SPDX-License-Identifier: GPL-2.0
/*
 * The backend "qmp": guests whose monitor sockets lie in folders, or are
 * named; each is wholly the daemon's.
 */
#include <errno.h>
#include <stdlib.h>

#include "dynmemd/backends/backend.h"
#include "dynmemd/base/dir_watch.h"
#include "dynmemd/backends/qemu/qemu_guest.h"
#include "dynmemd/backends/sockets.h"
#include "common/util.h"

struct qmp_backend {
	struct backend backend;
	struct manager *manager;
	struct poller *poller;
	struct sockets *sockets;
};

static struct qmp_backend *of(struct backend *b)
{
	return container_of(b, struct qmp_backend, backend);
}

static const struct qemu_way way = {
	.backend = "qmp",
	.closed = socket_closed,
	.failures = socket_failures,
};

static int open_guest(void **ret, const char *path, struct monitor_socket *s, void *userdata)
{
	struct qmp_backend *b = userdata;
	struct qemu_guest *g;
	int r = qemu_guest_new(&g, b->manager, b->poller, &way, path, NULL, s);

	if (r == 0)
		*ret = g;
	return r;
}

static void close_guest(void *guest, const char *why)
{
	qemu_guest_free(guest, why);
}

static const struct socket_ops socket_ops = {
	.open = open_guest,
	.close = close_guest,
	.stays = true,
};

/* Guests of folders that are left out are released, the others stay. */
static int reload(struct backend *backend, const struct config *config)
{
	struct qmp_backend *b = of(backend);
	int r = 0;

	sockets_unwatch(b->sockets);
	for (size_t i = 0; r == 0 && i < config->n_qmp_paths; i++)
		r = sockets_watch(b->sockets, config->qmp_paths[i], 0);
	for (size_t i = 0; r == 0 && i < config->n_qmp_sockets; i++)
		r = sockets_watch(b->sockets, config->qmp_sockets[i], FOLDER_ONE);
	sockets_trim(b->sockets);
	return r;
}

static void free_backend(struct backend *backend)
{
	struct qmp_backend *b = of(backend);

	sockets_free(b->sockets);
	poller_free(b->poller);
	free(b);
}

static int new_backend(struct backend **ret, struct manager *m, sd_event *event,
		       const struct config *config)
{
	struct qmp_backend *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->backend.ops = &backend_qmp;
	b->manager = m;
	r = poller_new(&b->poller, event, PRIORITY_GUEST);
	if (r == 0)
		r = sockets_new(&b->sockets, event, &socket_ops, b);
	if (r == 0)
		r = reload(&b->backend, config);
	if (r < 0) {
		free_backend(&b->backend);
		return r;
	}
	*ret = &b->backend;
	return 0;
}

static bool configured(const struct config *config)
{
	return config->n_qmp_paths > 0 || config->n_qmp_sockets > 0;
}

const struct backend_ops backend_qmp = {
	.name = "qmp",
	.configured = configured,
	.new = new_backend,
	.reload = reload,
	.free = free_backend,
};
