// SPDX-License-Identifier: GPL-2.0
/*
 * The profiles: what an administrator chooses instead of numbers. Each is the
 * table of tunables with a few rows of its own; balanced has none.
 */
#include <errno.h>
#include <string.h>

#include "tunables.h"

#define MIB (1024.0 * 1024)

static const struct {
	const char *name, *summary;
} profiles[POLICY_PROFILES] = {
	[POLICY_PROFILE_BALANCED] = { "balanced", "the defaults" },
	[POLICY_PROFILE_CAUTIOUS] = { "cautious", "guests keep more room and lose memory slowly" },
	[POLICY_PROFILE_DENSE] = { "dense", "more guests on a host, with less room for each" },
};

/* What makes room for guests' growth, and how fast it is taken from others. */
static const struct {
	const char *tunable;
	double cautious, dense;
} rows[] = {
	/* A guest's room to grow before the next decision. */
	{ "room_min", 512 * MIB, 128 * MIB },
	{ "room_min_share", 0.25, 0.0625 },
	{ "room_max_share", 0.75, 0.35 },
	/* The page cache that is left to it. */
	{ "floor_slack", 256 * MIB, 96 * MIB },
	{ "floor_slack_share", 0.125, 0.046875 },
	/* How dear idle memory is: 2 and 10 times the price of what is in use. */
	{ "tax", 0.5, 0.9 },
	/* The share of the host that is kept for itself, and for guests that wake up. */
	{ "reserve_share", 0.12, 0.06 },
	{ "hold_cap", 0.15, 0.07 },
	/* A second's step down when the host is short, but not yet in need. */
	{ "shrink_low", 0.025, 0.05 },
	/* A mistake takes no more than this of the host within a minute. */
	{ "take_share", 0.125, 0.25 },
};

const char *policy_profile_name(enum policy_profile profile)
{
	return profiles[profile].name;
}

const char *policy_profile_summary(enum policy_profile profile)
{
	return profiles[profile].summary;
}

int policy_profile_find(const char *name)
{
	for (unsigned int i = 0; i < POLICY_PROFILES; i++)
		if (!strcmp(profiles[i].name, name))
			return (int)i;
	return -ENOENT;
}

double policy_profile_value(enum policy_profile profile, const struct policy_tunable *row)
{
	for (size_t i = 0; profile != POLICY_PROFILE_BALANCED && i < sizeof(rows) / sizeof(rows[0]);
	     i++)
		if (!strcmp(rows[i].tunable, row->name))
			return profile == POLICY_PROFILE_DENSE ? rows[i].dense : rows[i].cautious;
	return row->def;
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
