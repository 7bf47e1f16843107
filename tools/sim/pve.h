/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Proxmox VE's balloon arithmetic: what its pvestatd computes every ten seconds
 * (PVE::AutoBalloon::compute_alg1), number by number.
 */
#ifndef DYNMEM_SIM_PVE_H
#define DYNMEM_SIM_PVE_H

#include <stdbool.h>

/* Share of the host's memory that it wants used: node option
 * "ballooning-target". */
#define PVE_TARGET 0.80
/* A guest moves no more than this a round, and nothing moves for less. */
#define PVE_MAX_CHANGE (100 * 1048576.0)
#define PVE_DEAD_BAND  (10 * 1048576.0)
/* Rounds, and the polling of statistics that it sets, ms. */
#define PVE_PERIOD	 10000
#define PVE_STATS_PERIOD 2000

/**
 * struct pve_guest - what pvestatd knows about a guest; bytes
 * @balloon: its size now; 0: no balloon driver runs
 * @balloon_min: "balloon" of its configuration; 0: not set
 * @maxmem: what QEMU calls max_mem: all that it was given
 * @freemem: stat-free-memory; 0: not known
 * @shares: 0: left alone
 * @migrating: its configuration is locked for that: left alone
 * @result: the target that it gets; 0: none
 */
struct pve_guest {
	double balloon, balloon_min, maxmem, freemem, shares;
	bool migrating;
	double result;
	/* While computing. */
	bool listed, comfortable, done;
};

/**
 * pve_compute_alg1() - the change of all guests' balloons
 * @goal: bytes by which the host's use should change, of either sign
 * @max_change: PVE_MAX_CHANGE
 */
void pve_compute_alg1(struct pve_guest *guest, unsigned int count, double goal, double max_change);

#endif
