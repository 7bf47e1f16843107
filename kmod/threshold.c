// SPDX-License-Identifier: GPL-2.0
/*
 * Thresholds of available memory that nobody gave.
 */

#include <linux/dynmem.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "threshold.h"

/*
 * What a host should keep free: 6 % of the first 4 GiB, 4 % of the next 8,
 * 2 % of the next 16 and 1 % of the rest.
 */
static u64 threshold_minfree(u64 memory)
{
	static const struct {
		u64 gib;
		unsigned int percent;
	} steps[] = { { 4, 6 }, { 8, 4 }, { 16, 2 }, { U64_MAX >> 30, 1 } };
	u64 sum = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		u64 part = min(memory, steps[i].gib << 30);

		sum += div_u64(part, 100) * steps[i].percent;
		memory -= part;
	}
	return sum;
}

/* The least that a threshold may be, above another: none yet when that is automatic. */
static u64 threshold_lower_bound(u64 value)
{
	return value == DYNMEM_THRESHOLD_AUTO ? 0 : value;
}

/* The most that a threshold may be, below another: any when that is off. */
static u64 threshold_upper_bound(u64 value)
{
	return value ?: U64_MAX;
}

/**
 * dynmem_threshold_compute() - compute the thresholds that are automatic
 * @config: the settings
 * @memory: of the host, without pools of huge pages, bytes
 *
 * As far as those that were given leave room. Memory in a pool is available to
 * nobody but the pool's users: it is no reason to keep more of the rest free.
 */
void dynmem_threshold_compute(struct dynmem_config *config, u64 memory)
{
	u64 *low = &config->value[DYNMEM_A_CONFIG_THRESHOLD_LOW];
	u64 *medium = &config->value[DYNMEM_A_CONFIG_THRESHOLD_MEDIUM];
	u64 *critical = &config->value[DYNMEM_A_CONFIG_THRESHOLD_CRITICAL];
	u64 floor = threshold_minfree(memory);

	if (*low == DYNMEM_THRESHOLD_AUTO)
		*low = max3(4 * floor, threshold_lower_bound(*medium),
			    threshold_lower_bound(*critical));
	if (*medium == DYNMEM_THRESHOLD_AUTO) {
		*medium = min(2 * floor, threshold_upper_bound(*low));
		*medium = max(*medium, threshold_lower_bound(*critical));
	}
	if (*critical == DYNMEM_THRESHOLD_AUTO)
		*critical = min3(floor, threshold_upper_bound(*medium),
				 threshold_upper_bound(*low));
}
