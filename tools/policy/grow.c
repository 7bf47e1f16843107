// SPDX-License-Identifier: GPL-2.0
/*
 * Growth is granted at once, but only from bytes that exist: what is on its way
 * from other guests does not count until it is there.  What a guest's own balloon
 * has still to take is there, in the guest: one that needs it stops its balloon.
 * Three needs, three depths down to which the host's memory may be drawn for them:
 *
 *	pressed, or below floor		reserve_pressed; minfree with swap
 *	below demand			Res
 *	below entitlement		Res + Hold
 */
#include "engine.h"
#include "figures.h"

/* Dead bands that are no flutter any more. */
#define MUCH 4

/* The difference that is worth a command; the last step up to max always is. */
static u64 worth(const struct policy_guest *g, enum need need, u64 lack)
{
	if (g->pressed_now || g->target + lack >= g->max)
		return min_of(GRAIN, lack);
	return need == NEED_SHARE ? g->band : g->band / 2;
}

/* Commands are rounded, but for the last one. */
static u64 size_up_to(const struct policy_guest *g, u64 size)
{
	return size < g->max ? max_of(round_down_to(size, GRAIN), g->target) : size;
}

/* By less than a command is worth it is not: that must not keep its share from it. */
static bool below_demand(const struct policy_guest *g)
{
	u64 to = min_of(g->entitled, g->demand), lack = over(to, g->target);

	return lack && size_up_to(g, to) - g->target >= worth(g, NEED_DEMAND, lack);
}

static enum need need_of(const struct policy *p, const struct policy_guest *g)
{
	bool below = below_demand(g);

	if (g->entitled <= g->target)
		return NEED_NONE;
	if (g->class == POLICY_CLASS_PINNED)
		return NEED_SHARE;
	if (unheard(g))
		return below ? NEED_DEMAND : NEED_SHARE;
	if (g->movable && below && (g->pressed_now || g->target < g->floor_pressed))
		return NEED_PRESSED;
	if (!g->movable && p->drain)
		return NEED_SHARE;
	if (!g->movable)
		return balloon_moves(g) && g->target < g->min_goal ? NEED_DEMAND : NEED_NONE;
	return below && g->fresh ? NEED_DEMAND : NEED_SHARE;
}

static u64 lack_of(const struct policy_guest *g)
{
	if (g->need == NEED_NONE)
		return 0;
	if (g->need == NEED_SHARE)
		return g->entitled - g->target;
	return min_of(g->entitled, g->demand) - g->target;
}

/*
 * No growth right after a shrink, or both would chase each other.  But nobody
 * is made to wait who is under pressure, lacks much, or whose demand has really
 * risen since.
 */
static bool reversal(const struct policy *p, const struct policy_guest *g)
{
	if (g->seen->direction >= 0 || p->drain || g->need == NEED_PRESSED ||
	    since(p->now, g->seen->moved_at) >= p->t.reversal)
		return false;
	return g->need == NEED_SHARE ||
	       (g->lack < MUCH * g->band && g->demand <= g->seen->moved_demand + g->band);
}

/* Where the host can swap, drawing too deep costs time, but kills nobody. */
static u64 kept_from_pressed(const struct policy *p)
{
	u64 swap = scale(p->host.swap_free, SWAP_CREDIT);

	return max_of(over(p->b.reserve_pressed, swap), min_of(p->b.minfree, p->b.reserve_pressed));
}

static void pools(const struct policy *p, struct need_sum *sum)
{
	const struct budget *b = &p->b;
	s64 exist = (s64)b->available - (s64)b->pending - (s64)b->reserved;

	/* One that runs comes before one that does not yet. */
	sum->pool[0] = exist + (s64)reserve_coming(p) - (s64)kept_from_pressed(p);
	sum->pool[1] = exist - (s64)b->reserve;
	sum->pool[2] = exist - (s64)(b->reserve + b->hold + b->payback);
	sum->spare = sum->pool[2] > 0 ? sum->pool[2] : 0;
}

/*
 * What a byte of growth costs: pressed guests touch it, others perhaps, and
 * pinned ones have it already.
 */
static double cost_of(const struct policy_guest *g)
{
	if (g->class == POLICY_CLASS_PINNED && (g->seen->pinned || g->seen->rss >= g->max))
		return 0;
	return g->need == NEED_SHARE ? g->c : 1;
}

/*
 * What its balloon has not taken yet: keeping that takes no byte from the host.  At
 * level critical the host has nothing but what is on its way.
 */
static u64 still_there(const struct policy *p, const struct policy_guest *g)
{
	if (g->need == NEED_SHARE || p->emergency || p->raw == POLICY_LEVEL_CRITICAL)
		return 0;
	return min_of(over(g->actual, g->target), g->lack);
}

static void grant(struct policy *p, struct need_sum *sum, enum need need)
{
	double pool = (double)sum->pool[need - 1] - sum->granted;
	double lack = 0, part;
	struct policy_guest *g;

	if (!sum->count[need - 1])
		return;
	for_each_guest (p, g)
		if (g->need == (int)need && !g->waits)
			lack += g->cost * (double)(g->lack - g->kept);
	part = lack > 0 ? min_of(max_of(pool, 0.0) / lack, 1.0) : 1;
	sum->left[need - 1] = (s64)pool;
	sum->lack[need - 1] = lack;
	for_each_guest (p, g) {
		u64 size;

		if (g->need != (int)need || g->waits)
			continue;
		size = g->target + g->kept;
		size += g->cost > 0 ? scale(g->lack - g->kept, part) : g->lack - g->kept;
		size = size_up_to(g, size);
		if (size - g->target < worth(g, need, g->lack) || size < g->min)
			continue;
		g->grant = size - g->target;
		sum->granted += g->cost * (double)over(g->grant, g->kept);
	}
}

void grow(struct policy *p, struct need_sum *sum)
{
	struct policy_guest *g;

	*sum = (struct need_sum){ 0 };
	pools(p, sum);

	for_each_guest (p, g) {
		g->need = need_of(p, g);
		g->lack = lack_of(g);
		g->kept = still_there(p, g);
		g->grant = 0;
		g->waits = g->need && reversal(p, g);
		g->cost = cost_of(g);
		if (!g->need || g->waits)
			continue;
		sum->count[g->need - 1]++;
		if (g->need != NEED_SHARE)
			sum->urgent += (double)g->lack;
		sum->all += g->c * (double)over(g->entitled, g->target);
	}
	for (enum need n = NEED_PRESSED; n <= NEED_SHARE; n++)
		grant(p, sum, n);
}
