// SPDX-License-Identifier: GPL-2.0
/* A guest's range, and what follows from its size. */
#include "engine.h"

/* Of a small guest: 16 MiB are more than noise there. */
#define BAND_SMALL (1.0 / 32)
/*
 * Linux wakes kswapd a thousandth of memory above the lowest watermark, and lets it
 * sleep again another thousandth above (watermark_scale_factor).
 */
#define WATERMARKS 500u

/*
 * Dead band: max(16 MiB, 0.5 % of max), but small guests have a smaller one;
 * and the floor's slack likewise.  Of a large guest it is the distance of its
 * watermarks, or reclaim runs in circles.
 */
void guest_derive(const struct policy *p, struct policy_guest *g)
{
	const struct policy_tunables *t = &p->t;

	g->band = max_of(min_of(t->dead_band, scale(g->max, BAND_SMALL)),
			 scale(g->max, t->dead_band_share));
	g->slack = max_of(min_of(t->floor_slack, scale(g->max, t->floor_slack_share)),
			  g->max / WATERMARKS);
}

/*
 * A new range is a goal. Until the guest has got there what it has is within its
 * range, or it would be moved at once, whatever it uses and whatever exists.
 */
void guest_range(const struct policy *p, struct policy_guest *g)
{
	u64 max = max_of(g->max_goal, max_of(g->target, g->actual));

	g->min = min_of(g->min_goal, g->target);
	if (max == g->max)
		return;
	g->max = max;
	guest_derive(p, g);
}
