/* SPDX-License-Identifier: GPL-2.0 */
/*
 * oVirt's Memory Overcommitment Manager with the policies that vdsm ships
 * (02-balloon, 03-ksm), number by number; kB, as there. MoM's own example,
 * balloon.rules, differs from the first in that growing guests are given a fifth
 * of free memory however much the host has, and no guest below min jumps to it.
 *
 * oVirt's engine turns ballooning on for each cluster; here it is on.
 */
#ifndef DYNMEM_SIM_MOM_H
#define DYNMEM_SIM_MOM_H

#include <stdbool.h>

/* Below this share of free memory the host is under pressure, and at this,
 * critical. */
#define MOM_PRESSURE 0.20
#define MOM_CRITICAL 0.05
/* Free share that an unconstrained guest would like to keep. */
#define MOM_GUEST_FREE 0.20
/* Largest and smallest change, of the guest's size. */
#define MOM_MAX_CHANGE 0.05
#define MOM_MIN_CHANGE 0.0025
/* Of monitors and policy, as vdsm's mom.conf sets them, ms; samples in a mean. */
#define MOM_PERIOD  15000
#define MOM_HISTORY 10

/* Pages more while memory is short, and less while not; bounds; ms at 16 GiB, and the least. */
#define MOM_KSM_BOOST	  300
#define MOM_KSM_DECAY	  50
#define MOM_KSM_PAGES_MIN 64
#define MOM_KSM_PAGES_MAX 1250
#define MOM_KSM_SLEEP	  10.0

/**
 * struct mom_guest - what the rules use, kB
 * @cur: balloon_cur, the last sample
 * @cur_mean: balloon_cur, mean of the samples
 * @unused_mean: mem_unused, mean of the samples
 * @min: balloon_min
 * @max: balloon_max
 */
struct mom_guest {
	double cur, cur_mean, unused_mean, min, max;
};

/**
 * mom_rules() - the target of one guest
 * @host_free: mean share of the host's memory that is free
 *
 * Return: kB, or a negative number: leave it as it is.
 */
double mom_rules(const struct mom_guest *g, double host_free);

/** struct mom_ksm - ksmd's settings: as they are, then as they shall be */
struct mom_ksm {
	bool run;
	double pages, sleep_ms;
};

/**
 * mom_ksm_rules() - one interval; all in kB
 * @free: mean of MemFree + Buffers + Cached
 * @shareable: virtual size of all QEMUs
 */
void mom_ksm_rules(struct mom_ksm *k, double total, double free, double shareable);

#endif
