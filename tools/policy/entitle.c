// SPDX-License-Identifier: GPL-2.0
/*
 * The budget divided, exactly and without iteration: find mu with
 *
 *	sum of V(P(mu)) = sum of V(target) - X
 *	P(mu) = clamp(min(mu * S, tau * a + (1 - tau) * mu * S), lo, hi)
 *
 * P is what ESX's min-funding revocation converges to: 1 / mu is the price at
 * which all guests pay S shares for a + (P - a) / (1 - tau) pages.  V is what a
 * size is worth to the host, see value_of().  The bounds lo and hi are those of
 * the tier in which the budget falls; tiers meet, so P is continuous in it:
 *
 *	max  >= demand >= what pressed guests need >= floor >= min
 *
 * Each guest's V(P(mu)) is a line with at most four knees: where it leaves lo,
 * where it becomes idle, where its free memory begins, where it reaches hi.
 * Sort all knees by mu, sweep, adding up slopes, until the budget is met.
 */
#include "engine.h"
#include "figures.h"

struct line {
	double lo, hi, a, s;
	double bend, above, below;
};

/*
 * What a size is worth to the budget: bytes of the host that would be freed or
 * called in on the way there. Free pages are taken first, and of those some
 * were never touched; once they are gone a byte frees a byte.
 */
double value_of(const struct policy_guest *g, u64 size)
{
	double x = (double)size - (double)g->bend;

	return x * (x > 0 ? g->c_above : g->c_below);
}

/* mu at which the unclamped line reaches x */
static double inverse(const struct line *l, double tau, double x)
{
	if (x <= l->a)
		return x / l->s;
	return (x - tau * l->a) / ((1 - tau) * l->s);
}

static double size_at(const struct line *l, double tau, double mu)
{
	double x = mu * l->s;

	if (x > l->a)
		x = tau * l->a + (1 - tau) * x;
	return x < l->lo ? l->lo : x > l->hi ? l->hi : x;
}

static u64 need_at(const struct policy_guest *g, enum policy_tier tier)
{
	switch (tier) {
	case POLICY_TIER_MAX:
		return g->max;
	case POLICY_TIER_DEMAND:
		return g->demand;
	case POLICY_TIER_PRESSED:
		return g->floor_pressed;
	case POLICY_TIER_FLOOR:
		return g->floor;
	default:
		return g->least;
	}
}

/*
 * A guest on its way down into a new range is not sent back up: its range is as wide
 * as what it has, and its balloon follows later.
 */
static u64 bound(const struct policy_guest *g, enum policy_tier tier)
{
	return min_of(need_at(g, tier), max_of(g->max_goal, g->target));
}

static void line_of(const struct policy_guest *g, enum policy_tier tier, struct line *l)
{
	*l = (struct line){
		.lo = (double)bound(g, tier),
		.hi = (double)bound(g, tier - 1),
		.a = (double)g->active,
		.s = g->shares,
		.bend = (double)g->bend,
		.above = g->c_above,
		.below = g->c_below,
	};
}

/* Where the line's slope changes, in order: lo, the two bends between, hi. */
static size_t knees_of(const struct line *l, double tau, struct knee *k)
{
	double first = min_of(l->a, l->bend), second = max_of(l->a, l->bend);
	double x[4], slope = 0;
	size_t n = 0, points = 0;

	if (l->hi <= l->lo)
		return 0;
	x[points++] = l->lo;
	if (first > l->lo && first < l->hi)
		x[points++] = first;
	if (second > l->lo && second < l->hi && second > first)
		x[points++] = second;

	for (size_t i = 0; i < points; i++) {
		double next =
			l->s * (x[i] < l->a ? 1 : 1 - tau) * (x[i] < l->bend ? l->below : l->above);

		k[n++] = (struct knee){ inverse(l, tau, x[i]), next - slope };
		slope = next;
	}
	k[n++] = (struct knee){ inverse(l, tau, l->hi), -slope };
	return n;
}

/* mu at which the budget is met in this tier. */
static double sweep(struct policy *p, enum policy_tier tier, double budget)
{
	double tau = p->t.tax, sum = p->b.at_tier, slope = 0, mu = 0;
	struct knee *k = p->knee;
	struct policy_guest *g;
	size_t n = 0;

	for_each_guest (p, g) {
		struct line l;

		if (!g->movable)
			continue;
		line_of(g, tier, &l);
		n += knees_of(&l, tau, k + n);
	}
	if (!n)
		return 0;

	k = sort_knees(k, p->knee_tmp, n);
	mu = k[0].mu;
	for (size_t i = 0; i < n; i++) {
		double next = sum + slope * (k[i].mu - mu);

		if (next >= budget && slope > 0)
			return mu + (budget - sum) / slope;
		sum = next;
		mu = k[i].mu;
		slope += k[i].slope;
	}
	return mu;
}

static enum policy_tier tier_of(struct policy *p)
{
	double at[POLICY_TIER_NONE] = { 0 }, soft, hard, swap, careful;
	enum policy_tier tier;
	struct policy_guest *g;

	p->b.value = 0;
	for_each_guest (p, g) {
		if (!g->movable)
			continue;
		p->b.value += value_of(g, g->target);
		for (tier = POLICY_TIER_MAX; tier < POLICY_TIER_NONE; tier++)
			at[tier] += value_of(g, bound(g, tier));
	}

	/*
	 * Precaution (Hold, payback, most of Res) never pushes a guest below
	 * its demand: that would be harm now against harm perhaps.  What is
	 * reserved does, to its floor: it is there when all of that is kept
	 * beside it.  What the host really lacks does; and
	 * below its floor only a host that would kill otherwise, for what it
	 * cannot swap either, since that costs time but kills nobody.
	 */
	soft = p->b.value - (double)p->b.deficit;
	hard = p->b.value - (double)p->b.lack;
	swap = hard + (double)p->host.swap_free * SWAP_CREDIT;
	if (!p->b.kills)
		swap = at[POLICY_TIER_FLOOR];
	careful = p->b.reserved ? soft : min_of(hard, at[POLICY_TIER_DEMAND]);
	careful = max_of(careful, min_of(hard, at[POLICY_TIER_FLOOR]));
	p->b.budget = max_of(soft, max_of(careful, min_of(swap, at[POLICY_TIER_FLOOR])));

	for (tier = POLICY_TIER_MAX; tier < POLICY_TIER_NONE; tier++)
		if (p->b.budget >= at[tier])
			break;
	p->b.at_tier = tier < POLICY_TIER_NONE ? at[tier] : 0;
	return tier;
}

/* What a byte is worth on each guest's way to its entitlement. */
static void price(struct policy *p)
{
	struct policy_guest *g;

	for_each_guest (p, g) {
		double bytes = (double)g->target - (double)g->entitled;

		if (g->movable && g->target != g->entitled)
			g->c = (value_of(g, g->target) - value_of(g, g->entitled)) / bytes;
	}
}

/*
 * What each guest gets between the bounds of the tier.  One that is not heard gets
 * its share of what nobody needs, as if all that it has were in use.
 */
static void divide(struct policy *p)
{
	double mu = sweep(p, p->tier, p->b.budget);
	struct policy_guest *g;

	for_each_guest (p, g) {
		struct line l;

		if (!g->movable && !(unheard(g) && p->tier == POLICY_TIER_DEMAND))
			continue;
		line_of(g, p->tier, &l);
		g->entitled = (u64)size_at(&l, p->t.tax, mu);
	}
}

void entitle(struct policy *p)
{
	struct policy_guest *g;

	p->tier = tier_of(p);
	if (p->drain)
		p->tier = POLICY_TIER_MAX;
	if (p->tier != POLICY_TIER_MAX && p->tier != POLICY_TIER_NONE)
		divide(p);
	else
		for_each_guest (p, g)
			if (g->movable || (p->drain && balloon_moves(g)) ||
			    (unheard(g) && p->tier == POLICY_TIER_MAX))
				g->entitled = bound(g, p->tier);
	price(p);
}
