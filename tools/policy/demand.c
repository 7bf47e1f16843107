// SPDX-License-Identifier: GPL-2.0
/*
 * From what is known about a guest to the numbers that are divided: its class,
 * active bytes a, floor L, demand D, exposure K, yield y.
 */
#include <math.h>

#include "engine.h"
#include "figures.h"

/* Where the resident size is not known: half of a balloon's bytes come free. */
#define YIELD_PRIOR 0.5
/* A guest that has reported once and works is waited for this much longer. */
#define BUSY_SILENCE 10u
/*
 * Cold pages come back from swap one by one, and few of them: so much of them is
 * exposure.  With all of it, reclaim would raise Hold by what it frees.
 */
#define SWAP_EXPOSED 8

static enum policy_class classify(struct policy *p, struct policy_guest *g)
{
	u64 age = since(p->now, g->seen->born_at);
	u64 silence, patience = max_of(p->t.silent, 2 * p->t.poll);
	bool stuck = balloon_stuck(p, g);

	if (g->unmanaged)
		return POLICY_CLASS_UNMANAGED;
	if (g->seen->frozen)
		return POLICY_CLASS_FROZEN;
	if (g->seen->no_balloon)
		return POLICY_CLASS_NO_BALLOON;
	if (g->seen->paused)
		return POLICY_CLASS_PAUSED;
	if (since(p->now, g->seen->reboot_at) <= REBOOT_GRACE)
		return POLICY_CLASS_REBOOTING;
	if (rival_rules(p, g))
		return POLICY_CLASS_RIVAL;
	if (g->seen->pinned || p->now < g->seen->pinned_until)
		return POLICY_CLASS_PINNED;
	if (stuck)
		return POLICY_CLASS_STUCK;

	if (g->seen->fresh_at == NEVER) {
		if (g->seen->reboot_at != NEVER)
			age = min_of(age, since(p->now, g->seen->reboot_at));
		return age <= START_GRACE ? POLICY_CLASS_STARTING : POLICY_CLASS_SILENT;
	}
	if (!g->seen->polling)
		return POLICY_CLASS_REPORTING;
	silence = guest_silence(p, g);
	if (silence <= patience || (guest_late(p, g) && silence <= BUSY_SILENCE * patience))
		return POLICY_CLASS_REPORTING;
	return POLICY_CLASS_SILENT;
}

/*
 * K: what it can still call in, cold pages in the host's swap among it.  Those that
 * it is about to read are accounted apart.
 */
static u64 exposure(const struct policy *p, const struct policy_guest *g)
{
	u64 may;

	/* All of it is paid for already, wherever the kernel counts it. */
	if (g->seen->pinned)
		return 0;
	switch (g->class) {
	case POLICY_CLASS_NO_BALLOON:
	case POLICY_CLASS_REBOOTING:
	case POLICY_CLASS_SILENT:
		may = g->max;
		break;
	default:
		may = max_of(g->actual, g->target);
	}
	if (!cost_known(g)) /* then all that is free may be untouched */
		return min_of(g->seen->free, may);
	return over(may, paid(p, g)) + g->seen->ksm_saved +
	       over(g->seen->swapped, g->seen->payback) / SWAP_EXPOSED;
}

static double yield_of(const struct policy *p, const struct policy_guest *g)
{
	double y = cost_known(g) ? touched_share(p, g) : YIELD_PRIOR;

	y *= g->seen->yield;
	return max_of(min_of(y, 1.0), YIELD_FLOOR);
}

/*
 * What it grows by from its last sample until @time from now, if it goes on as
 * fast as between the last two, beyond what it was seen to touch already.  One
 * that has run into its balloon grows no further, and one that thrashes does
 * not answer: what it had when it was heard says little about what it wants.  Where
 * its cost is looked at meanwhile, what it touches now, until it is heard again.
 */
u64 rise_in(const struct policy *p, const struct policy_guest *g, u64 time)
{
	u64 age = min_of(since(p->now, g->seen->fresh_at), p->t.fresh);
	u64 seen = resident_ahead(p, g, time);

	if (g->seen->rise <= 0)
		return seen;
	return max_of(seen, over((u64)min_of(g->seen->rise * (double)(age + time), (double)g->max),
				 touched_since(g)));
}

/*
 * Room to grow until the next decision has worked: what it was seen to grow by,
 * within limits, or what it will have grown by then.
 */
static u64 room_of(const struct policy *p, const struct policy_guest *g)
{
	u64 lo = min_of(p->t.room_min, scale(g->max, p->t.room_min_share));
	u64 hi = max_of(p->t.room_min, scale(g->seen->used, p->t.room_max_share));
	u64 learned = (u64)min_of(g->seen->growth_peak, (double)hi);
	u64 now = max_of(g->seen->growth, rise_in(p, g, p->t.hold_time));

	return max_of(lo, max_of(learned, now));
}

/*
 * A guest that was under pressure lately may have its whole demand before
 * others' wishes, the less so the longer it is ago.  A smooth descent, or it
 * would be shrunk as soon as it is well and pressed again at once.  And what
 * will be used before the next decision is needed now.
 */
static void floor_pressed(const struct policy *p, struct policy_guest *g)
{
	u64 soon = g->floor + rise_in(p, g, p->t.poll);
	double lately = 0;

	if (g->pressed_now)
		lately = 1;
	else if (g->seen->pressed_at != NEVER)
		lately = half_life(since(p->now, g->seen->pressed_at), p->t.harm_window);
	g->floor_pressed = g->floor + scale(g->demand - g->floor, lately);
	g->floor_pressed = max_of(g->floor_pressed, min_of(soon, g->demand));
}

static void demand_of(const struct policy *p, struct policy_guest *g)
{
	u64 base = base_of(g);

	g->hot = hot_size(p, g);
	g->active = max_of(base + g->hot, late_use(p, g));
	g->active = min_of(g->active, g->max);
	g->floor = clamp_u64(base + g->slack, g->min, g->max);
	g->least = clamp_u64(g->seen->overhead + g->seen->used / 2, g->min, g->floor);
	g->room = room_of(p, g);
	g->demand = max_of(g->active + g->room + g->seen->lacking, g->min_goal);
	g->demand = clamp_u64(g->demand, g->floor, g->max);
	floor_pressed(p, g);
}

/*
 * Guests whose target is not ours to choose keep what they have; pinned ones
 * get all of it back, since holding it back frees nothing; those that boot what
 * they needed before.
 */
static void demand_fixed(struct policy_guest *g)
{
	g->active = g->target;
	g->demand = max_of(g->target, g->min_goal);
	if (g->class == POLICY_CLASS_PINNED)
		g->demand = g->max;
	else if (g->class == POLICY_CLASS_STARTING || g->class == POLICY_CLASS_REBOOTING)
		g->demand = max_of(g->demand, min_of(g->seen->boot_need, g->max));
	g->least = g->floor = g->floor_pressed = min_of(g->min, g->target);
	g->room = g->hot = 0;
}

/*
 * What was granted is spoken for until it is touched, which shows in the
 * guest's cost; what is not touched in some seconds was only room.
 */
static void forget_pending(const struct policy *p, struct policy_guest *g)
{
	u64 dt = since(p->now, g->seen->pending_at);

	if (!g->seen->pending)
		return;
	if (dt >= MSEC) {
		g->seen->pending = scale(g->seen->pending,
					 half_life(min_of(dt, 60 * SEC), p->t.hold_time / 3));
		g->seen->pending_at = p->now;
	}
	g->seen->pending = min_of(g->seen->pending, g->max);
}

void demand_update(struct policy *p)
{
	struct policy_guest *g;

	for_each_guest (p, g) {
		guest_range(p, g);
		g->class = classify(p, g);
		g->fresh = g->seen->fresh_at != NEVER && !g->seen->resized &&
			   since(p->now, g->seen->fresh_at) <= p->t.fresh;
		g->pressed_now = g->fresh ? g->seen->pressed : 0;
		if (guest_late(p, g))
			g->pressed_now |= POLICY_PRESSED_LATE;
		g->movable = g->class == POLICY_CLASS_REPORTING;

		forget_pending(p, g);
		g->seen->grew = 0;
		g->exposure = exposure(p, g);
		g->y = yield_of(p, g);
		g->bend = bend_of(g);
		if (g->movable)
			demand_of(p, g);
		else
			demand_fixed(g);
		g->entitled = g->movable ? g->target : g->demand;
	}
}

/*
 * Learned floors, undone shrinks and last good sizes count up to the guest's
 * fair share of the budget: its statistics are its own word, and must not take
 * from others what is theirs.
 */
void demand_learned(struct policy *p)
{
	double budget = 0, shares = 0;
	struct policy_guest *g;

	for_each_guest (p, g) {
		if (!g->movable)
			continue;
		budget += (double)g->target;
		shares += g->shares;
	}
	budget -= (double)p->b.deficit;
	if (budget <= 0 || shares <= 0)
		return;

	for_each_guest (p, g) {
		u64 fair, floor;

		if (!g->movable)
			continue;
		floor = harm_floor(p, g);
		if (floor <= g->floor)
			continue;
		fair = (u64)min_of(budget * g->shares / shares, (double)g->max);
		g->floor = max_of(g->floor, min_of(floor, fair));
		g->demand = max_of(g->demand, g->floor);
		floor_pressed(p, g);
	}
}
