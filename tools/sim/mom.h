/* SPDX-License-Identifier: GPL-2.0 */
/*
 * oVirt's Memory Overcommitment Manager: the rules of its balloon.rules, number
 * by number; kB, as there.
 */
#ifndef DYNMEM_SIM_MOM_H
#define DYNMEM_SIM_MOM_H

/* Below this share of free memory the host is under pressure, and at this,
 * critical. */
#define MOM_PRESSURE 0.20
#define MOM_CRITICAL 0.05
/* Free share that an unconstrained guest would like to keep. */
#define MOM_GUEST_FREE 0.20
/* Largest and smallest change, of the guest's size. */
#define MOM_MAX_CHANGE 0.05
#define MOM_MIN_CHANGE 0.0025
/* Monitors, policy, ms; samples in a mean. */
#define MOM_MONITOR_PERIOD 5000
#define MOM_POLICY_PERIOD  10000
#define MOM_HISTORY	   10

/**
 * struct mom_guest - what the rules look at, kB
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

#endif
