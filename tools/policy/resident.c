// SPDX-License-Identifier: GPL-2.0
/*
 * Samples of resident memory between two polls: a squeezed guest that begins to fill
 * memory shows it in its cost before it shows it in its statistics.  Page cache that
 * grows does so as well, but never for long, since it is bounded by the guest's size.
 */
#include "engine.h"

/* A guest that fills memory at 1 GiB/s is out of its room in a quarter of a second. */
#define PERIOD (50 * MSEC)
/* Samples closer together than this give no rate. */
#define PERIOD_MIN (PERIOD / 5)
/* So much touched is a reason to decide. */
#define GREW (32 * MIB)

static bool squeezed(const struct policy_guest *g)
{
	return g->movable && g->target < g->max && cost_known(g);
}

/*
 * It has touched that much in that time.  Rates are taken between polls alone:
 * from one poll to the next the statistics are the better source.
 */
void resident_touched(const struct policy *p, struct policy_guest *g, u64 touched, u64 dt)
{
	struct guest_history *s = g->seen;

	s->grew = min_of(s->grew + touched, g->max);
	if (dt >= PERIOD_MIN)
		s->touching = dt < p->t.poll / 4 ? (double)touched / (double)dt : 0;
}

/* What it touches within @time if it goes on so; an old sample is no basis for that. */
u64 resident_ahead(const struct policy *p, const struct policy_guest *g, u64 time)
{
	if (since(p->now, g->seen->cost_at) > 2 * PERIOD)
		return 0;
	return (u64)min_of(g->seen->touching * (double)min_of(time, p->t.poll), (double)g->max);
}

/* How often to sample it, 0: not at all. */
u64 resident_period(const struct policy_guest *g)
{
	return squeezed(g) ? PERIOD : 0;
}

bool policy_grows(const struct policy *p)
{
	const struct policy_guest *g;

	for_each_guest (p, g)
		if (squeezed(g) && g->seen->grew >= min_of(GREW, g->band))
			return true;
	return false;
}
