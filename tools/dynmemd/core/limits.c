// SPDX-License-Identifier: GPL-2.0
/* A guest's range and shares, as rules and settings have them. */
#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

void limits_apply(struct manager *m, struct guest *g)
{
	static const struct place given_back = { "it gets its memory back", 0 };
	struct guest_rule set = settings_rule(m, g->name);
	uint64_t warned = g->limits.clamped ? g->limits.min : UINT64_MAX;

	g->held = settings_hold(m, g->name);
	g->limits = config_guest(m->config, g->title, g->alias, g->memory, &g->own, &set);
	if (g->give_back) {
		g->limits.min = g->limits.max = g->memory;
		g->limits.from[SETTING_MIN] = g->limits.from[SETTING_MAX] = given_back;
	}
	/* Not at each reload again. */
	if (g->limits.clamped && g->limits.min != warned)
		log_guest(LOG_WARNING, g->name,
			  "its configured min is above its max; min is taken as %.0f MiB",
			  (double)g->limits.min / MIB);
}

struct policy_guest_config limits_config(struct guest *g)
{
	return (struct policy_guest_config){
		.min = g->limits.min,
		.max = g->limits.max,
		.shares = g->limits.shares,
		.unmanaged = g->observed || g->held,
		.userdata = g,
	};
}

void manager_guest_own(struct guest *g)
{
	struct manager *m = g->manager;
	struct policy_guest_config range;

	limits_apply(m, g);
	range = limits_config(g);
	policy_guest_configure(m->policy, g->handle, &range);
	tick_soon(m);
}
