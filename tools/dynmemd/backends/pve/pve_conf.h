/* SPDX-License-Identifier: GPL-2.0 */
/* A guest's configuration file of Proxmox VE: /etc/pve/qemu-server/VMID.conf */
#ifndef DYNMEMD_PVE_CONF_H
#define DYNMEMD_PVE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dynmemd/config/daemon_config.h"

/* qemu-server's own defaults, for keys that are not in the file. */
#define PVE_MEMORY_DEFAULT (512ULL << 20)
#define PVE_SHARES_DEFAULT 1000

/**
 * struct pve_conf - what the file says of the guest as it runs
 * @name: printable UTF-8; "": it has none
 * @memory: bytes
 * @balloon: the least that pvestatd leaves it, bytes; 0: not given, and then
 *	pvestatd does not move it
 * @no_balloon: "balloon: 0", which takes the device away
 * @shares: its weight for pvestatd; 0: pvestatd does not move it
 * @migrating: it is locked for a migration
 * @pinned: why a balloon frees nothing on the host, in words; NULL: nothing
 *	says so
 * @no_ksm: KSM is kept from its memory
 * @trust: trust domain that a tag "trust-NAME" gives it; "": none does
 * @whole: the last line has an end; else somebody may still be writing
 * @bad_line: first line whose value is not valid, and was not taken; 0: none
 * @bad_key: the key in it
 */
struct pve_conf {
	char name[128];
	uint64_t memory;
	uint64_t balloon;
	bool no_balloon;
	unsigned int shares;
	bool migrating;
	const char *pinned;
	bool no_ksm;
	char trust[CONFIG_TRUST_MAX];
	bool whole;
	unsigned int bad_line;
	const char *bad_key;
};

/**
 * pve_conf_parse() - read the text of a file
 * @buf: any bytes
 * @len: how many
 *
 * Snapshots, pending changes and other sections are left out: they say nothing
 * of the guest as it runs. What is not known is skipped, as newer versions add
 * keys.
 */
void pve_conf_parse(struct pve_conf *ret, const char *buf, size_t len);

/** pve_conf_equal() - both say the same of the guest */
bool pve_conf_equal(const struct pve_conf *a, const struct pve_conf *b);

#endif
