/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Figures that follow from what is known about one guest: what the host pays for
 * it, where its free memory ends, what it needs.  They change nothing.  A decision
 * asks for some of them many times for each guest: as calls they were a tenth of it.
 */
#ifndef DYNMEM_POLICY_FIGURES_H
#define DYNMEM_POLICY_FIGURES_H

#include "engine.h"

/* Whether a command to this guest's balloon makes sense at all. */
static inline bool balloon_moves(const struct policy_guest *g)
{
	switch (g->class) {
	case POLICY_CLASS_FROZEN:
	case POLICY_CLASS_NO_BALLOON:
	case POLICY_CLASS_PAUSED:
	case POLICY_CLASS_REBOOTING:
	case POLICY_CLASS_RIVAL:
	case POLICY_CLASS_UNMANAGED:
		return false;
	default:
		return true;
	}
}

/*
 * Nobody knows what it needs: it does not report, or boots.  Its balloon is not
 * shrunk, but it grows by its share of what nobody needs.
 */
static inline bool unheard(const struct policy_guest *g)
{
	return g->class == POLICY_CLASS_SILENT || g->class == POLICY_CLASS_STARTING ||
	       g->class == POLICY_CLASS_REBOOTING;
}

/* After a reboot its first statistics are of a system that is half there. */
static inline bool booting(const struct policy *p, const struct policy_guest *g)
{
	return since(p->now, g->seen->reboot_at) <= START_GRACE;
}

/*
 * Guest memory that the host pays for, resident or paged out: a QEMU process
 * has some of its own.
 */
static inline u64 paid(const struct policy *p, const struct policy_guest *g)
{
	return over(g->seen->rss, p->t.process_overhead) + g->seen->swapped;
}

/* What it was seen to touch since its statistics were taken. */
static inline u64 touched_since(const struct policy_guest *g)
{
	return cost_known(g) ? over(process_cost(g), g->seen->sample_cost) : 0;
}

/*
 * Below this size a balloon has no free pages left and takes what is in use.
 * What is above it is free now, also when its size has changed since the
 * statistics.
 */
static inline u64 bend_of(const struct policy_guest *g)
{
	if (!cost_known(g) || g->seen->fresh_at == NEVER)
		return 0;
	return over(g->seen->sample_actual, over(g->seen->free, touched_since(g)));
}

/*
 * Of the guest's free memory, the share that the host pays for: a balloon takes
 * free pages as they come, and the untouched ones are free on the host already.
 * Merged ones do not free anything either.
 */
static inline double touched_share(const struct policy *p, const struct policy_guest *g)
{
	u64 touched = paid(p, g);
	u64 untouched = over(g->actual, touched);
	u64 pool = max_of(over(g->actual, bend_of(g)), max_of(untouched, g->band));
	double share = 1 - (double)untouched / (double)pool;

	if (touched)
		share *= 1 - min_of(1.0, (double)g->seen->ksm_saved / (double)touched);
	return share;
}

/* What it needs by its statistics, and by what it did since. */
static inline u64 base_of(const struct policy_guest *g)
{
	return g->seen->overhead + g->seen->used + g->seen->debt + touched_since(g);
}

#endif /* DYNMEM_POLICY_FIGURES_H */
