// SPDX-License-Identifier: GPL-2.0
/*
 * The contenders that never move a balloon.
 */
#include "sim/control.h"

const struct sim_policy sim_policy_static = {
	.name = "static",
	.summary = "no overcommitment: the sum of max fits",
	.promise = SIM_PROMISE_MAX,
};

const struct sim_policy sim_policy_static_p999 = {
	.name = "static-p99.9",
	.summary = "each guest gets for good the 99.9th percentile of what it used before",
	.promise = SIM_PROMISE_TRAINED,
};

const struct sim_policy sim_policy_fpr = {
	.name = "fpr",
	.summary = "free page reporting alone, nobody in control",
	.reporting = true,
};

const struct sim_policy sim_policy_fpr_zram = {
	.name = "fpr-zram",
	.summary = "the same on a host that swaps to zram, half its memory in size",
	.reporting = true,
	.zram = true,
};
