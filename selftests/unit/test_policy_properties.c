// SPDX-License-Identifier: GPL-2.0
/*
 * Properties that hold for every snapshot, tried on very many random ones.  A
 * failure prints its seed; POLICY_SEED=n repeats that one alone, POLICY_RUNS=n
 * changes how many are tried.
 */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy_random.h"

static struct seeds seeds;

#define check(x, cond) check_seed((x)->seed, cond)

typedef void property_fn(const struct random_snapshot *x);

static void for_all(property_fn *property, uint64_t share, bool evil)
{
	static struct random_snapshot x;

	for_each_seed (seed, &seeds, share) {
		random_snapshot(&x, seed, evil);
		property(&x);
	}
}

static const struct policy_guest *guest_of(const struct policy *p, const struct policy_decision *d)
{
	return &p->guest[d->guest];
}

/* Invariant 1: min <= target <= max; and nothing is sent for nothing. */
static void check_range(const struct random_snapshot *x, const struct policy *p,
			const struct policy_decision *d)
{
	const struct policy_guest *g = guest_of(p, d);

	check(x, d->from == g->target);
	/* But for what is sent once more, since it did not get there. */
	check(x, !!(d->flags & POLICY_SEND) == (d->target != d->from) ||
			 (d->reason == POLICY_REASON_STUCK && d->flags & POLICY_SEND));
	if (!(d->flags & POLICY_SEND))
		return;
	check(x, d->target >= g->min && d->target <= g->max);
	check(x, d->reason >= POLICY_REASON_GROW_PRESSED);
}

/*
 * Invariant 2: pressed guests keep their entitlement, stale ones their target.
 */
static void check_shrink(const struct random_snapshot *x, const struct policy *p,
			 const struct policy_decision *d)
{
	const struct policy_guest *g = guest_of(p, d);

	if (d->target >= d->from || d->reason == POLICY_REASON_RANGE ||
	    d->reason == POLICY_REASON_STUCK)
		return;
	check(x, g->class == POLICY_CLASS_REPORTING);
	check(x, d->target >= g->entitled);
	if (p->raw < POLICY_LEVEL_CRITICAL) {
		check(x, g->fresh);
		check(x, !g->pressed_now || g->target > g->demand || p->raw >= POLICY_LEVEL_MEDIUM);
	}
	if (p->tier < POLICY_TIER_MIN)
		check(x, d->target >= g->floor);
}

/* Invariant 1, second half: no more is taken than is needed. */
static void check_taken(const struct random_snapshot *x, const struct policy *p,
			const struct policy_result *r)
{
	double taken = 0, need = p->b.value - p->b.budget, band = 0;

	for (unsigned int i = 0; i < r->count; i++) {
		const struct policy_guest *g = guest_of(p, &r->decision[i]);

		if (g->movable && g->target > g->entitled &&
		    r->decision[i].reason != POLICY_REASON_RANGE)
			taken += g->c * (double)over(g->target, r->decision[i].target);
		if (g->movable)
			need += g->c * (double)over(g->entitled, g->target);
		band = max_of(band, (double)g->band);
	}
	check(x, taken <= max_of(need, 0.0) * 1.000001 + band + GRAIN);
}

/*
 * What a grant takes from the host: what the guest's balloon has still to take is the
 * guest's, unless the host is at its end.
 */
static double taken_from_host(const struct policy *p, const struct policy_guest *g)
{
	if (p->emergency || p->raw == POLICY_LEVEL_CRITICAL || g->need == NEED_SHARE)
		return (double)g->grant;
	return (double)over(g->target + g->grant, max_of(g->target, g->actual));
}

/* Invariant 3: only bytes that exist are granted. */
static void check_granted(const struct random_snapshot *x, const struct policy *p,
			  const struct policy_result *r)
{
	const struct budget *b = &p->b;
	double exist = (double)b->available - (double)b->pending - (double)b->reserved;
	double pressed = 0, demand = 0, share = 0;
	/* What the host can swap is drawn upon down to minfree. */
	double kept = max_of((double)b->reserve_pressed - SWAP_CREDIT * (double)p->host.swap_free,
			     (double)min_of(b->minfree, b->reserve_pressed));

	for (unsigned int i = 0; i < r->count; i++) {
		const struct policy_guest *g = guest_of(p, &r->decision[i]);
		double bytes = taken_from_host(p, g);

		if (g->need == NEED_PRESSED)
			pressed += bytes;
		else if (g->need == NEED_DEMAND)
			demand += bytes;
		else
			share += bytes * g->cost;
	}
	check(x, pressed <= max_of(exist - kept, 0.0) + 1);
	check(x, !demand || pressed + demand <= max_of(exist - (double)b->reserve, 0.0) + 1);
	check(x,
	      !share ||
		      pressed + demand + share <=
			      max_of(exist - (double)(b->reserve + b->hold + b->payback), 0.0) + 1);
}

static double spent(const struct policy *p)
{
	const struct policy_guest *g;
	double sum = 0;

	for_each_guest (p, g)
		if (g->movable)
			sum += value_of(g, g->entitled);
	return sum;
}

/* The sweep meets the budget, to a byte a guest. */
static void check_residual(const struct random_snapshot *x, const struct policy *p)
{
	double sum = spent(p), slack = x->n + 1e-9 * fabs(p->b.budget);
	const struct policy_guest *g;
	bool any = false;

	for_each_guest (p, g) {
		any |= g->movable;
		if (!g->movable)
			continue;
		check(x, g->entitled >= g->min && g->entitled <= g->max);
		check(x, g->min <= g->floor && g->floor <= g->floor_pressed);
		check(x, g->floor_pressed <= g->demand && g->demand <= g->max);
		slack += 1e-9 * (double)g->max;
	}
	if (!any || p->tier == POLICY_TIER_MAX || p->tier == POLICY_TIER_NONE)
		return;
	check(x, fabs(sum - p->b.budget) <= slack);
}

static void check_sentences(const struct random_snapshot *x, const struct policy_decision *d)
{
	char text[256];
	int n = policy_reason_render(d, text, sizeof(text));

	check(x, n > 10 && n < (int)sizeof(text));
	check(x, !strstr(text, "unknown") && !strstr(text, "nan"));
}

static void check_all(const struct random_snapshot *x, const struct policy *p,
		      const struct policy_result *r)
{
	check(x, r->count == p->count);
	for (unsigned int i = 0; i < r->count; i++) {
		check_range(x, p, &r->decision[i]);
		check_shrink(x, p, &r->decision[i]);
		check_sentences(x, &r->decision[i]);
	}
	check_taken(x, p, r);
	check_granted(x, p, r);
	check_residual(x, p);
}

/* Some commands are sent, some balloons move; all invariants at every tick. */
static void invariants(const struct random_snapshot *x)
{
	unsigned int map[RANDOM_GUESTS];
	struct policy *p = random_engine(x, NULL, false, map);
	struct rng r = { x->seed ^ 0x5eed };
	struct policy_result res;

	assert_non_null(p);
	for (unsigned int t = 0; t < RANDOM_TICKS; t++) {
		uint64_t now = x->start + t * x->step;

		random_feed(p, x, map, t);
		check(x, policy_decide(p, now, &res) >= 0);
		check_all(x, p, &res);
		for (unsigned int i = 0; i < res.count; i++) {
			const struct policy_decision *d = &res.decision[i];

			if (!(d->flags & POLICY_SEND) || chance(&r, 20))
				continue;
			policy_command_sent(p, d->guest, d->target, now);
			if (chance(&r, 60))
				policy_guest_actual(p, d->guest, d->target, now);
		}
	}
	policy_free(p);
}

static void test_invariants(void **state)
{
	(void)state;
	for_all(invariants, 1, false);
}

static void test_invariants_hostile(void **state)
{
	(void)state;
	for_all(invariants, 1, true);
}

/* The plan: within range, never for nothing, never more than it says. */
static void plan(const struct random_snapshot *x)
{
	unsigned int map[RANDOM_GUESTS];
	struct policy *p = random_engine(x, NULL, false, map);
	const struct policy_plan *pl;
	double frees = 0;

	assert_non_null(p);
	for (unsigned int t = 0; t < RANDOM_TICKS; t++)
		random_feed(p, x, map, t);
	check(x, policy_plan_emergency(p, 0, p->now, &pl) == 0);
	check(x, pl->count <= p->count);
	for (unsigned int i = 0; i < pl->count; i++) {
		const struct policy_plan_step *s = &pl->step[i];
		const struct policy_guest *g = &p->guest[s->guest];

		check(x, s->target >= g->min && s->target < g->target);
		check(x, s->frees <= g->target - s->target + 1);
		check(x, g->class == POLICY_CLASS_REPORTING);
		check(x, s->class <= pl->class);
		if (s->class < POLICY_PLAN_MIN && g->target > g->entitled)
			check(x, s->target >= min_of(g->entitled, g->floor) ||
					 s->class < POLICY_PLAN_EXCESS);
		frees += (double)s->frees;
	}
	check(x, fabs(frees - (double)pl->frees) <= x->n);
	policy_free(p);
}

static void test_plan(void **state)
{
	(void)state;
	for_all(plan, 2, true);
}

/* Entitlements of one engine, by the snapshot's numbering. */
static void entitlements(const struct random_snapshot *x, const struct policy_tunables *t,
			 bool backwards, u64 *entitled, u64 *target, struct policy_result *r)
{
	unsigned int map[RANDOM_GUESTS];
	struct policy *p = random_engine(x, t, backwards, map);

	assert_non_null(p);
	for (unsigned int i = 0; i < RANDOM_TICKS; i++)
		random_feed(p, x, map, i);
	policy_decide(p, p->now, r);
	for (unsigned int k = 0; k < r->count; k++) {
		const struct policy_decision *d = &r->decision[k];

		for (unsigned int i = 0; i < x->n; i++)
			if (map[i] == d->guest) {
				entitled[i] = d->entitled;
				target[i] = d->target;
			}
	}
	policy_free(p);
}

static u64 off(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

/* Which of equals gets the one command that is worth while is the order's. */
static u64 dead_band_of(const struct random_snapshot *x, unsigned int i)
{
	struct policy_tunables t;

	policy_tunables_init(&t);
	return max_of(t.dead_band, scale(x->g[i].config.max, t.dead_band_share));
}

/* Sums of doubles depend on their order in the last bits, and no more. */
static void order(const struct random_snapshot *x)
{
	u64 pa[RANDOM_GUESTS], pb[RANDOM_GUESTS], ta[RANDOM_GUESTS], tb[RANDOM_GUESTS];
	struct policy_result a, b;

	entitlements(x, NULL, false, pa, ta, &a);
	entitlements(x, NULL, true, pb, tb, &b);
	check(x, a.tier == b.tier && a.level == b.level);
	for (unsigned int i = 0; i < x->n; i++) {
		check(x, off(pa[i], pb[i]) <= 2 + (pa[i] >> 28));
		check(x, off(ta[i], tb[i]) <= GRAIN + dead_band_of(x, i));
	}
}

static void test_order(void **state)
{
	(void)state;
	for_all(order, 2, false);
}

/* More shares never mean less. */
static void monotony(const struct random_snapshot *x)
{
	static struct random_snapshot more;
	u64 pa[RANDOM_GUESTS], pb[RANDOM_GUESTS], t[RANDOM_GUESTS];
	unsigned int k = (unsigned int)(x->seed % x->n);
	struct policy_result r;

	entitlements(x, NULL, false, pa, t, &r);
	more = *x;
	more.g[k].config.shares *= 2;
	entitlements(&more, NULL, false, pb, t, &r);
	check(x, pb[k] + 2 + (pa[k] >> 28) >= pa[k]);
}

static void test_monotony(void **state)
{
	(void)state;
	for_all(monotony, 2, false);
}

static void scale_tunables(struct policy_tunables *t, u64 factor)
{
	for (size_t i = 0; i < policy_tunable_count; i++) {
		const struct policy_tunable *row = &policy_tunable_table[i];

		if (row->unit == POLICY_UNIT_BYTES || row->unit == POLICY_UNIT_RATE)
			assert_int_equal(
				policy_tunable_set(t, row,
						   policy_tunable_get(t, row) * (double)factor),
				0);
	}
}

/* The sliding scale is no straight line: what counts in minfrees makes up for it. */
static void scale_minfree(struct policy_tunables *t, u64 total, u64 factor)
{
	double ratio =
		(double)(factor * policy_minfree(total)) / (double)policy_minfree(factor * total);

	t->level_low *= ratio;
	t->level_medium *= ratio;
	t->level_critical *= ratio;
	t->reserve_factor *= ratio;
	t->reserve_factor_min *= ratio;
	t->reserve_pressed *= ratio;
}

static void scale_snapshot(struct random_snapshot *x, u64 f)
{
	for (unsigned int t = 0; t < RANDOM_TICKS; t++) {
		struct host_record *h = &x->host[t];

		h->total *= f;
		h->available *= f;
		h->swap_total *= f;
		h->swap_free *= f;
		h->arc_size *= f;
		h->arc_min *= f;
		for (unsigned int i = 0; i < h->nodes; i++) {
			h->node[i].total *= f;
			h->node[i].available *= f;
		}
	}
	for (unsigned int i = 0; i < x->n; i++) {
		struct random_guest *g = &x->g[i];

		g->config.max *= f;
		g->config.min *= f;
		g->actual *= f;
		for (unsigned int t = 0; t < RANDOM_TICKS; t++) {
			struct guest_record *s = &g->sample[t];

			s->stat_actual *= f;
			s->total *= f;
			s->available *= f;
			s->free *= f;
			s->disk_caches *= f;
			s->swap_in *= f;
			s->swap_out *= f;
			s->major_faults *= f;
			g->cost[t].rss *= f;
			g->cost[t].swapped *= f;
			g->cost[t].ksm_saved *= f;
			g->cost[t].disk_read *= f;
		}
	}
}

/*
 * A world eight times as large is divided in the same way. Pressure is left
 * out: below a fixed rate faults and reads are noise, on hosts of any size.
 */
static void scale_invariance(const struct random_snapshot *x)
{
	static struct random_snapshot small, large;
	u64 pa[RANDOM_GUESTS], pb[RANDOM_GUESTS], t[RANDOM_GUESTS];
	struct policy_tunables ta, tb;
	struct policy_result a, b;
	const u64 f = 8;

	small = *x;
	for (unsigned int i = 0; i < x->n; i++) {
		if (x->g[i].config.max > POLICY_GUEST_BYTES_MAX / f)
			return;
		small.g[i].config.min = max_of(x->g[i].config.min, MIB);
		for (unsigned int k = 0; k < RANDOM_TICKS; k++) {
			small.g[i].sample[k].present &=
				~(GUEST_HAS_MAJOR_FAULTS | GUEST_HAS_SWAP_IN);
			small.g[i].cost[k].present &= ~GUEST_HAS_DISK_READ;
		}
	}
	large = small;
	scale_snapshot(&small, 1);
	scale_snapshot(&large, f);
	policy_tunables_init(&ta);
	policy_tunables_init(&tb);
	scale_tunables(&tb, f);
	scale_minfree(&tb, x->host[0].total, f);

	entitlements(&small, &ta, false, pa, t, &a);
	entitlements(&large, &tb, false, pb, t, &b);
	check(x, a.level == b.level);
	for (unsigned int i = 0; i < x->n; i++)
		check(x, off(pa[i] * f, pb[i]) <= 8 * MIB + (pb[i] >> 10));
}

static void test_scale_invariance(void **state)
{
	(void)state;
	for_all(scale_invariance, 2, false);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_invariants),
		cmocka_unit_test(test_invariants_hostile),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_monotony),
		cmocka_unit_test(test_scale_invariance),
	};
	/* clang-format on */

	seeds = seeds_init("POLICY_RUNS", 60000);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
