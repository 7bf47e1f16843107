/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads the guests' configurations of a Proxmox VE host, in a thread.
 *
 * /etc/pve is a file system in user space, and one that may hang with its
 * cluster: nothing of it is touched in the event loop.
 */
#ifndef DYNMEMD_PVE_READER_H
#define DYNMEMD_PVE_READER_H

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "dynmemd/backends/pve/pve_conf.h"

struct pve_reader;

/**
 * struct pve_reader_handlers - called in the event loop
 * @conf: a guest's configuration is new or another one; NULL: there is none
 * @ready: all files were read once
 */
struct pve_reader_handlers {
	void (*conf)(void *userdata, unsigned int vmid, const struct pve_conf *conf);
	void (*ready)(void *userdata);
};

/**
 * pve_reader_new() - begin to read VMID.conf files
 * @folder: where they are; it need not exist (yet)
 * @pools: file of the pools, which are trust domains then; NULL: they are not
 *
 * Changes made on this host are read at once, those of other nodes of a
 * cluster, which inotify does not report, within 10 s.
 */
int pve_reader_new(struct pve_reader **ret, sd_event *event, const char *folder, const char *pools,
		   const struct pve_reader_handlers *handlers, void *userdata);

/** pve_reader_free() - NULL is fine. Return: NULL */
struct pve_reader *pve_reader_free(struct pve_reader *r);

/**
 * pve_vmid() - "101.conf", ".conf" is 101
 *
 * Return: the number; 0: it is no such name.
 */
unsigned int pve_vmid(const char *name, const char *suffix);

#endif
