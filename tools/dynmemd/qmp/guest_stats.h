/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DYNMEMD_STATS_H
#define DYNMEMD_STATS_H

#include "dynmemd/qmp/json_pull.h"
#include "policy/policy.h"

/**
 * stats_parse() - QEMU's guest-stats
 * @ret: @stat_actual is left out; a statistic that is absent, negative or no number
 *	is left out of @present
 * @guest_stats: at the property's value, anything at all
 */
void stats_parse(struct guest_record *ret, struct json_cursor *guest_stats);

#endif
