// SPDX-License-Identifier: GPL-2.0
/*
 * The budget divided, exactly and without iteration: find mu with
 *
 *	sum of c * P(mu) = sum of c * target - X
 *	P(mu) = clamp(min(mu * S, tau * a + (1 - tau) * mu * S), lo, hi)
 *
 * P is what ESX's min-funding revocation converges to: 1 / mu is the price at
 * which all guests pay S shares for a + (P - a) / (1 - tau) pages.  The bounds
 * lo and hi are those of the tier in which the budget falls: demand..max,
 * floor..demand, or min..floor.  They meet, so P is continuous in the budget.
 *
 * Each guest's line has at most three knees (leaving lo, becoming idle, reaching
 * hi): sort all knees by mu, sweep, adding up slopes, until the budget is met.
 */
#include <string.h>

#include "engine.h"

#define RADIX_BITS	11
#define RADIX_SIZE	(1u << RADIX_BITS)
#define SMALL_SORT	48u

struct line {
	double lo, hi, a, s, c;
};

/* mu at which the unclamped line reaches x */
static double inverse(const struct line *l, double tau, double x)
{
	if (x <= l->a)
		return x / l->s;
	return (x - tau * l->a) / ((1 - tau) * l->s);
}

static double value(const struct line *l, double tau, double mu)
{
	double x = mu * l->s;

	if (x > l->a)
		x = tau * l->a + (1 - tau) * x;
	return x < l->lo ? l->lo : x > l->hi ? l->hi : x;
}

static void line_of(const struct guest *g, enum policy_tier tier, struct line *l)
{
	l->a = (double)g->active;
	l->s = g->shares;
	l->c = g->c;
	switch (tier) {
	case POLICY_TIER_DEMAND:
		l->lo = (double)g->demand;
		l->hi = (double)g->max;
		break;
	case POLICY_TIER_FLOOR:
		l->lo = (double)g->floor;
		l->hi = (double)g->demand;
		break;
	default:
		l->lo = (double)g->min;
		l->hi = (double)g->floor;
	}
}

static void insertion_sort(struct knee *k, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct knee x = k[i];
		size_t j = i;

		for (; j && k[j - 1].mu > x.mu; j--)
			k[j] = k[j - 1];
		k[j] = x;
	}
}

static u64 key_of(double mu)
{
	u64 key;

	memcpy(&key, &mu, sizeof(key));
	return key;	/* doubles that are not negative sort as their bits */
}

/*
 * Radix sort: linear, without a worst case that a guest could provoke, and, unlike
 * qsort(), without malloc(). A digit that all keys share costs nothing.
 */
struct knee *radix_sort(struct knee *k, struct knee *tmp, size_t n)
{
	u32 at[RADIX_SIZE];

	for (int shift = 0; shift < 64; shift += RADIX_BITS) {
		u32 sum = 0;

		memset(at, 0, sizeof(at));
		for (size_t i = 0; i < n; i++)
			at[key_of(k[i].mu) >> shift & (RADIX_SIZE - 1)]++;
		if (at[key_of(k[0].mu) >> shift & (RADIX_SIZE - 1)] == n)
			continue;
		for (unsigned int d = 0; d < RADIX_SIZE; d++) {
			u32 count = at[d];

			at[d] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			tmp[at[key_of(k[i].mu) >> shift & (RADIX_SIZE - 1)]++] =
				k[i];

		struct knee *swap = k;

		k = tmp;
		tmp = swap;
	}
	return k;
}

static size_t knees_of(const struct line *l, double tau, struct knee *k)
{
	double begin = inverse(l, tau, l->lo);
	double end = inverse(l, tau, l->hi);
	double full = l->c * l->s, idle = (1 - tau) * full;
	size_t n = 0;

	if (l->hi <= l->lo)
		return 0;
	k[n++] = (struct knee){ begin, l->lo < l->a ? full : idle };
	if (l->lo < l->a && l->a < l->hi)
		k[n++] = (struct knee){ l->a / l->s, idle - full };
	k[n++] = (struct knee){ end, l->hi <= l->a ? -full : -idle };
	return n;
}

/* mu at which the budget is met in this tier. */
static double sweep(struct policy *p, enum policy_tier tier, double budget)
{
	double tau = p->t.tax, sum = 0, slope = 0, mu = 0;
	struct knee *k = p->knee;
	struct guest *g;
	size_t n = 0;

	for_each_guest(p, g) {
		struct line l;

		if (!g->movable)
			continue;
		line_of(g, tier, &l);
		sum += l.c * l.lo;
		n += knees_of(&l, tau, k + n);
	}
	if (!n)
		return 0;

	if (n <= SMALL_SORT)
		insertion_sort(k, n);
	else
		k = radix_sort(k, p->knee_tmp, n);

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
	double max = 0, demand = 0, floor = 0, min = 0, target = 0, soft, hard;
	struct guest *g;

	for_each_guest(p, g) {
		if (!g->movable)
			continue;
		target += g->c * (double)g->target;
		max += g->c * (double)g->max;
		demand += g->c * (double)g->demand;
		floor += g->c * (double)g->floor;
		min += g->c * (double)g->min;
	}

	/*
	 * Precaution (Hold, payback, most of Res) never pushes a guest below
	 * its floor: that would be harm now against harm perhaps. What the host
	 * really lacks does.
	 */
	soft = target - (double)p->b.deficit;
	hard = target - (double)p->b.lack;
	p->b.value = target;
	p->b.budget = soft >= floor ? soft :
				      max_of(soft, min_of(hard, floor));

	if (p->b.budget >= max)
		return POLICY_TIER_MAX;
	if (p->b.budget >= demand)
		return POLICY_TIER_DEMAND;
	if (p->b.budget >= floor)
		return POLICY_TIER_FLOOR;
	if (p->b.budget >= min)
		return POLICY_TIER_MIN;
	return POLICY_TIER_NONE;
}

void entitle(struct policy *p)
{
	struct guest *g;

	p->tier = tier_of(p);
	p->mu = 0;
	if (p->drain)
		p->tier = POLICY_TIER_MAX;

	switch (p->tier) {
	case POLICY_TIER_MAX:
		for_each_guest(p, g)
			if (g->movable)
				g->entitled = g->max;
		return;
	case POLICY_TIER_NONE:
		for_each_guest(p, g)
			if (g->movable)
				g->entitled = g->min;
		return;
	default:
		break;
	}

	p->mu = sweep(p, p->tier, p->b.budget);
	for_each_guest(p, g) {
		struct line l;

		if (!g->movable)
			continue;
		line_of(g, p->tier, &l);
		g->entitled = (u64)value(&l, p->t.tax, p->mu);
	}
}
