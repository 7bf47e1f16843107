/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest of a Proxmox VE host, over the one monitor that qemu-server has.
 *
 * QEMU serves one client a monitor, and pvestatd and qm need it: each exchange
 * is a connection of its own, left within 40 ms. Events would be lost
 * meanwhile, so the guest is asked from time to time.
 */
#ifndef DYNMEMD_GUEST_PVE_H
#define DYNMEMD_GUEST_PVE_H

#include "dynmemd/core/manager.h"
#include "dynmemd/qmp/poller.h"
#include "dynmemd/backends/pve/pve_conf.h"

struct guest_pve;

/**
 * guest_pve_new() - ask QEMU what is needed, hand the guest to the manager
 * @path: of the socket; must outlive the guest
 * @vmid: the guest's number
 * @config: must live until the next guest_pve_config()
 * @conf: the guest's file; NULL: there is none
 * @closed: called when it is over
 *
 * Return: 0; -ENOENT; -ECONNREFUSED: nobody listens; -EAGAIN: others wait for
 * the monitor already; another negative errno.
 */
int guest_pve_new(struct guest_pve **ret, struct manager *m, struct poller *poller,
		  const char *path, unsigned int vmid, const struct config *config,
		  const struct pve_conf *conf, guest_closed_t closed, void *userdata);

/** guest_pve_free() - as guest_qmp_free(). Return: NULL */
struct guest_pve *guest_pve_free(struct guest_pve *g, const char *why);

/** guest_pve_config() - another configuration of the daemon */
void guest_pve_config(struct guest_pve *g, const struct config *config);

/** guest_pve_conf() - its file was written; NULL: it is gone. May end it */
void guest_pve_conf(struct guest_pve *g, const struct pve_conf *conf);

/** guest_pve_refresh() - ask for what events would have reported. May end it */
void guest_pve_refresh(struct guest_pve *g);

#endif
