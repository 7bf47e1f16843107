// SPDX-License-Identifier: GPL-2.0
/* Whose a guest of a Proxmox VE host is, by its file and our configuration. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "dynmemd/backends/pve/guest_pve.h"
#include "dynmemd/backends/qemu/qemu_guest.h"
#include "dynmemd/base/log.h"

struct guest_pve {
	struct qemu_guest *q;
	struct manager *manager;
	guest_closed_t closed;
	void *userdata;

	char vmid[16];
	char file[24]; /* its configuration's name */
	const struct config *config;
	bool has_conf;
	struct pve_conf conf;
	char observed[256]; /* why it is */
	bool leaving;	    /* it gets its memory back first */
};

static const char *name_of(const struct guest_pve *g)
{
	return *g->conf.name ? g->conf.name : g->vmid;
}

/* pvestatd moves what has a minimum, and shares. */
static bool has_controller(const struct guest_pve *g)
{
	return g->conf.balloon && g->conf.shares;
}

/* Returns why it is only observed, or NULL. */
static const char *observe(struct guest_pve *g)
{
	bool named = config_names(g->config, name_of(g), g->vmid);
	size_t n = 0, size = sizeof(g->observed);

	if (!g->has_conf) {
		snprintf(g->observed, size, "there is no file %s.conf that would hand it over",
			 g->vmid);
		return g->observed;
	}
	if (g->conf.no_balloon) {
		snprintf(g->observed, size,
			 "balloon: 0 in its %s.conf takes its balloon device away", g->vmid);
		return g->observed;
	}
	if (named && !has_controller(g))
		return NULL;
	if (has_controller(g))
		n = snprintf(g->observed, size,
			     "pvestatd may move it: 'qm set %s --shares 0' stops that", g->vmid);
	else
		n = snprintf(g->observed, size, "pvestatd does not move it");
	if (!named && n < size)
		snprintf(
			g->observed + n, size - n,
			"; give it a section [guest %s] with min, max and shares in dynmem's configuration, where [guest *] is about no guest in particular",
			g->vmid);
	return g->observed;
}

/*
 * The minimum that its file promises holds until our configuration says
 * another; its maximum and shares are pvestatd's, as long as that moves it.
 */
static void judge(struct guest *guest, void *userdata)
{
	struct guest_pve *g = userdata;
	struct guest_rule own = { 0 };

	guest->alias = g->vmid;
	guest->observed = g->leaving ? NULL : observe(g);
	guest->give_back = g->leaving;
	own.min.set = g->conf.balloon > 0;
	own.min.value = g->conf.balloon;
	if (guest->observed && g->has_conf) {
		own.max.set = true;
		own.max.value = g->conf.memory;
		own.shares = g->conf.shares;
	}
	memcpy(own.trust, g->conf.trust, sizeof(own.trust));
	for (unsigned int i = 0; i < SETTING_COUNT; i++)
		own.from[i].text = g->file;
	guest->own = own;
	if (!guest->unmergeable && g->conf.no_ksm)
		guest->unmergeable = "its configuration says so (allow-ksm: 0)";
}

/* One that nobody will move any more is not left with what it happens to have. */
static bool must_leave(const struct guest_pve *g, const struct guest *guest)
{
	return !has_controller(g) && guest->has_balloon && guest->actual < guest->memory &&
	       manager_mode(g->manager) == MODE_MANAGE;
}

/* An editor drops keys that nobody meant to change: what follows is logged. */
static void log_range(const struct guest *guest, bool is_new)
{
	log_guest(
		LOG_NOTICE, guest->name,
		is_new ? "handed over: range %.0f to %.0f MiB, shares %u"
		       : "balloon or shares of its file changed; still managed, since pvestatd leaves it alone: range %.0f to %.0f MiB, shares %u",
		(double)guest->limits.min / MIB, (double)guest->limits.max / MIB,
		guest->limits.shares);
}

static void judge_again(struct guest_pve *g, bool changed)
{
	struct guest *guest = qemu_guest_added(g->q);
	char before[sizeof(g->observed)] = "";
	bool was_ours, was_leaving = g->leaving;

	qemu_guest_pin(g->q, g->conf.pinned);
	if (!guest)
		return;
	was_ours = !guest->observed;
	if (guest->observed)
		memcpy(before, g->observed, sizeof(before));
	g->leaving = was_ours && observe(g) && must_leave(g, guest);
	judge(guest, g);
	manager_guest_own(guest);
	qemu_guest_lock(g->q, g->conf.migrating);
	if (g->leaving && !was_leaving)
		log_guest(LOG_NOTICE, guest->name,
			  "it gets its memory back, and is only observed then: %s", g->observed);
	if (guest->observed && strcmp(before, g->observed) != 0)
		log_guest(LOG_NOTICE, guest->name, "only observed: %s", g->observed);
	if (!guest->observed && !g->leaving && (!was_ours || was_leaving))
		log_range(guest, true);
	else if (!guest->observed && !g->leaving && changed)
		log_range(guest, false);
}

void guest_pve_config(struct guest_pve *g, const struct config *config)
{
	g->config = config;
	judge_again(g, false);
}

static void take_conf(struct guest_pve *g, const struct pve_conf *conf)
{
	g->has_conf = conf != NULL;
	g->conf = conf ? *conf : (struct pve_conf){ 0 };
}

void guest_pve_conf(struct guest_pve *g, const struct pve_conf *conf)
{
	char before[sizeof(g->conf.name)];
	struct pve_conf old = g->conf;

	snprintf(before, sizeof(before), "%s", name_of(g));
	take_conf(g, conf);
	/* Under its new name it is another guest to whoever asks. */
	if (strcmp(before, name_of(g)) != 0) {
		qemu_guest_drop(g->q, "it has another name now");
		return;
	}
	judge_again(g, old.balloon != g->conf.balloon || old.shares != g->conf.shares);
	if (old.memory != g->conf.memory)
		qemu_guest_refresh(g->q, true);
}

void guest_pve_refresh(struct guest_pve *g)
{
	qemu_guest_refresh(g->q, false);
	if (g->leaving)
		judge_again(g, false);
}

/*
 * Life
 */

static void on_closed(void *userdata, bool was_guest, const char *why)
{
	struct guest_pve *g = userdata;
	guest_closed_t closed = g->closed;
	void *data = g->userdata;

	free(g);
	closed(data, was_guest, why);
}

static const struct qemu_way way = {
	.backend = "pve",
	.shared = true,
	.found = judge,
	.closed = on_closed,
};

int guest_pve_new(struct guest_pve **ret, struct manager *m, struct poller *poller,
		  const char *path, unsigned int vmid, const struct config *config,
		  const struct pve_conf *conf, guest_closed_t closed, void *userdata)
{
	struct guest_pve *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	snprintf(g->vmid, sizeof(g->vmid), "%u", vmid);
	snprintf(g->file, sizeof(g->file), "%u.conf", vmid);
	take_conf(g, conf);
	g->manager = m;
	g->config = config;
	g->closed = closed;
	g->userdata = userdata;
	r = qemu_guest_new(&g->q, m, poller, &way, path, name_of(g), g);
	if (r < 0) {
		free(g);
		return r;
	}
	qemu_guest_pin(g->q, g->conf.pinned);
	qemu_guest_lock(g->q, g->conf.migrating);
	*ret = g;
	return 0;
}

struct guest_pve *guest_pve_free(struct guest_pve *g, const char *why)
{
	if (!g)
		return NULL;
	qemu_guest_free(g->q, why);
	free(g);
	return NULL;
}
