// SPDX-License-Identifier: GPL-2.0
/*
 * The backend "pve": guests of a Proxmox VE host, by the files and sockets
 * that its qemu-server keeps.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "dynmemd/backends/backend.h"
#include "dynmemd/backends/pve/guest_pve.h"
#include "dynmemd/base/log.h"
#include "dynmemd/backends/pve/pve_conf_reader.h"
#include "dynmemd/backends/sockets.h"
#include "common/util.h"

/* As often as pvestatd polls its guests. */
#define REFRESH_PERIOD (10 * USEC_PER_SEC)

/* A guest's file, as read last. */
struct known {
	LIST_ENTRY(known) entry;
	unsigned int vmid;
	struct pve_conf conf;
};

struct pve_backend {
	struct backend backend;
	struct manager *manager;
	sd_event *event;
	struct poller *poller;
	const struct config *config;
	struct pve_reader *reader;
	struct sockets *sockets;
	sd_event_source *timer;
	bool ready; /* all files were read once */
	LIST_HEAD(, known) known;
};

static struct pve_backend *of(struct backend *b)
{
	return container_of(b, struct pve_backend, backend);
}

static const char *sockets(const struct pve_backend *b)
{
	return b->config->pve_sockets ? b->config->pve_sockets : PVE_SOCKETS_DEFAULT;
}

/*
 * Files
 */

static struct known *find(struct pve_backend *b, unsigned int vmid)
{
	struct known *k;

	LIST_FOREACH (k, &b->known, entry)
		if (k->vmid == vmid)
			return k;
	return NULL;
}

static void forget(struct known *k)
{
	LIST_REMOVE(k, entry);
	free(k);
}

static void on_conf(void *userdata, unsigned int vmid, const struct pve_conf *conf)
{
	struct pve_backend *b = userdata;
	struct known *k = find(b, vmid);
	struct guest_pve *g;
	char path[512];

	if (!conf && k)
		forget(k);
	if (conf && !k) {
		k = calloc(1, sizeof(*k));
		if (!k) {
			log_error("guest %u: out of memory, its file is ignored", vmid);
			return;
		}
		k->vmid = vmid;
		LIST_INSERT_HEAD(&b->known, k, entry);
	}
	if (conf)
		k->conf = *conf;
	snprintf(path, sizeof(path), "%s/%u.qmp", sockets(b), vmid);
	g = sockets_find(b->sockets, path);
	if (g)
		guest_pve_conf(g, conf);
}

/* Guests are searched for when it is known whose they are. */
static void on_ready(void *userdata)
{
	struct pve_backend *b = userdata;
	char pattern[512];
	int r;

	b->ready = true;
	snprintf(pattern, sizeof(pattern), "%s/*.qmp", sockets(b));
	r = sockets_watch(b->sockets, pattern, 0);
	if (r < 0)
		log_error("backend pve: no guests are found: %s", strerror(-r));
}

static const struct pve_reader_handlers reader_handlers = {
	.conf = on_conf,
	.ready = on_ready,
};

/*
 * Sockets
 */

static int open_guest(void **ret, const char *path, struct monitor_socket *s, void *userdata)
{
	struct pve_backend *b = userdata;
	unsigned int vmid = pve_vmid(basename(path), ".qmp");
	struct known *k = find(b, vmid);
	struct guest_pve *g;
	int r;

	/* Not a guest's: of no interest. */
	if (!vmid)
		return -ENOENT;
	r = guest_pve_new(&g, b->manager, b->poller, path, vmid, b->config, k ? &k->conf : NULL,
			  socket_closed, s);
	if (r == 0)
		*ret = g;
	return r;
}

static void close_guest(void *guest, const char *why)
{
	guest_pve_free(guest, why);
}

static const struct socket_ops socket_ops = {
	.open = open_guest,
	.close = close_guest,
};

static void refresh(void *guest, _unused_ void *userdata)
{
	guest_pve_refresh(guest);
}

static int on_timer(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct pve_backend *b = userdata;

	if (b->reader && !b->ready)
		log_warning(
			"backend pve: %s does not answer, so no guests are found; is pve-cluster well?",
			b->config->pve_guests);
	sockets_each(b->sockets, refresh, NULL);
	sd_event_source_set_time_relative(b->timer, REFRESH_PERIOD);
	sd_event_source_set_enabled(b->timer, SD_EVENT_ONESHOT);
	return 0;
}

/*
 * Life
 */

static void stop(struct pve_backend *b)
{
	struct known *k, *next;

	b->reader = pve_reader_free(b->reader);
	b->ready = false;
	sockets_unwatch(b->sockets);
	for (k = LIST_FIRST(&b->known); k; k = next) {
		next = LIST_NEXT(k, entry);
		forget(k);
	}
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void configure(void *guest, void *userdata)
{
	guest_pve_config(guest, userdata);
}

/* With other folders or pools, all guests are released and found again. */
static int reload(struct backend *backend, const struct config *config)
{
	struct pve_backend *b = of(backend);
	const struct config *old = b->config;

	b->config = config;
	if (old && same(old->pve_guests, config->pve_guests) &&
	    same(old->pve_pools, config->pve_pools) &&
	    same(old->pve_sockets, config->pve_sockets)) {
		sockets_each(b->sockets, configure, (void *)config);
		return 0;
	}
	stop(b);
	sockets_trim(b->sockets);
	sd_event_source_set_enabled(b->timer, SD_EVENT_OFF);
	if (!config->pve_guests)
		return 0;
	sd_event_source_set_time_relative(b->timer, REFRESH_PERIOD);
	sd_event_source_set_enabled(b->timer, SD_EVENT_ONESHOT);
	return pve_reader_new(&b->reader, b->event, config->pve_guests, config->pve_pools,
			      &reader_handlers, b);
}

static void free_backend(struct backend *backend)
{
	struct pve_backend *b = of(backend);

	if (b->sockets)
		stop(b);
	sockets_free(b->sockets);
	sd_event_source_disable_unref(b->timer);
	poller_free(b->poller);
	free(b);
}

static int new_backend(struct backend **ret, struct manager *m, sd_event *event,
		       const struct config *config)
{
	struct pve_backend *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->backend.ops = &backend_pve;
	b->manager = m;
	b->event = event;
	r = poller_new(&b->poller, event, PRIORITY_GUEST);
	if (r >= 0)
		r = sockets_new(&b->sockets, event, &socket_ops, b);
	if (r >= 0)
		r = sd_event_add_time(event, &b->timer, CLOCK_MONOTONIC, 0, USEC_PER_SEC, on_timer,
				      b);
	if (r >= 0)
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
	return config->pve_guests != NULL;
}

const struct backend_ops backend_pve = {
	.name = "pve",
	.configured = configured,
	.new = new_backend,
	.reload = reload,
	.free = free_backend,
};
