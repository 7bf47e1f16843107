/* SPDX-License-Identifier: GPL-2.0 */
/* A Proxmox VE host for the daemon: its guests' files beside their sockets. */
#ifndef PVE_WORLD_H
#define PVE_WORLD_H

#include "dynmemd_world.h"

/* Guest 101 is dynmem's: by its configuration, and by the guest's file. */
static const char mine[] = "[daemon]\nmode = manage\n[guest 101]\nmin = 300M\nshares = 7\n";
static const char handed_over[] = "balloon: 512\nmemory: 1024\nname: web\nshares: 0\n";

static inline struct config *pve_configure(struct world *w, const char *text)
{
	struct config *c;
	char *all;

	assert_true(asprintf(&all, "[backend pve]\nguests = %s/pve\nsockets = %s\n%s", w->folder,
			     w->qmp, text) > 0);
	c = configure(w, all);
	free(all);
	return c;
}

static inline void pve_path(const struct world *w, char path[static 128], unsigned int vmid)
{
	snprintf(path, 128, "%s/pve/%u.conf", w->folder, vmid);
}

/* As Proxmox VE writes them: a new file takes the old one's place. */
static inline void pve_write(struct world *w, unsigned int vmid, const char *text)
{
	char path[128], new[160];

	pve_path(w, path, vmid);
	snprintf(new, sizeof(new), "%s.tmp", path);
	write_text(new, text);
	assert_int_equal(rename(new, path), 0);
}

static inline void pve_open(struct world *w, const char *config)
{
	char path[128];

	open_world(w, "");
	daemon_stop(w);
	config_free(w->config);
	snprintf(path, sizeof(path), "%s/pve", w->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	w->ops = &backend_pve;
	w->config = pve_configure(w, config);
	daemon_start(w, false);
}

static inline void pve_reload(struct world *w, const char *config)
{
	reload(w, pve_configure(w, config));
}

#endif
