// SPDX-License-Identifier: GPL-2.0
/*
 * The profiles: what an administrator chooses instead of numbers. Each is the
 * table of tunables with a few rows of its own; balanced has none.
 */
#include <errno.h>
#include <string.h>

#include "tunables.h"

#define MIB (1024.0 * 1024)

static const char *const names[POLICY_PROFILES] = {
	[POLICY_PROFILE_BALANCED] = "balanced",
	[POLICY_PROFILE_CAUTIOUS] = "cautious", /* room to grow, and slow steps */
	[POLICY_PROFILE_DENSE] = "dense",	/* less page cache, on a host that is full */
};

/*
 * Simulated on a host of 64 GiB that 31 guests fill: with 28, cautious moves 40 %
 * less memory; with 36, guests lack memory 40 % less under dense. With 31, guests
 * of both lack it three times as long as under balanced, 0.007 % of their time.
 */
static const struct {
	const char *tunable;
	double cautious, dense; /* 0: the default */
} rows[] = {
	/* A guest's room to grow before the next decision. */
	{ "room_min", 512 * MIB, 0 },
	{ "room_min_share", 0.25, 0 },
	/* The page cache that is left to it. */
	{ "floor_slack", 0, 64 * MIB },
	{ "floor_slack_share", 0, 0.03125 },
	/* A second's step down when the host is short, but not yet in need. */
	{ "shrink_low", 0.025, 0 },
	/* A mistake takes no more than this of the host within a minute. */
	{ "take_share", 0.125, 0 },
};

const char *policy_profile_name(enum policy_profile profile)
{
	return names[profile];
}

int policy_profile_find(const char *name)
{
	for (unsigned int i = 0; i < POLICY_PROFILES; i++)
		if (!strcmp(names[i], name))
			return (int)i;
	return -ENOENT;
}

double policy_profile_value(enum policy_profile profile, const struct policy_tunable *row)
{
	double value = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].tunable, row->name))
			value = profile == POLICY_PROFILE_DENSE	     ? rows[i].dense
				: profile == POLICY_PROFILE_CAUTIOUS ? rows[i].cautious
								     : 0;
	return value ? value : row->def;
}

void policy_profile_apply(struct policy_tunables *t, enum policy_profile profile,
			  const bool given[POLICY_TUNABLES])
{
	for (size_t i = 0; i < policy_tunable_count; i++) {
		const struct policy_tunable *row = &policy_tunable_table[i];

		if (!given || !given[i])
			policy_tunable_set(t, row, policy_profile_value(profile, row));
	}
}
