/* SPDX-License-Identifier: GPL-2.0 */
/* Pools of a Proxmox VE host, by /etc/pve/user.cfg: "pool:NAME:COMMENT:VMID,VMID:STORAGE:" */
#ifndef DYNMEMD_PVE_POOLS_H
#define DYNMEMD_PVE_POOLS_H

#include "dynmemd/config/daemon_config.h"

/**
 * pve_pool_of() - the pool that a guest is in, as a trust domain
 * @text: of the file; NULL: it could not be read
 * @ret: its name; "": the guest is in none
 *
 * Where the pool is not known, or its name is not one of a trust domain, the guest is a
 * domain of its own, "vmid-101": it must not seem to be of somebody else's.
 */
void pve_pool_of(const char *text, unsigned int vmid, char ret[CONFIG_TRUST_MAX]);

#endif
