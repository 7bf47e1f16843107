// SPDX-License-Identifier: GPL-2.0
/*
 * The host: its level, and its budget
 *
 *	X = Res + Hold - Avail
 *
 * Res is kept free for the host itself, Hold for what guests may call in faster
 * than anything can be freed.
 */
#include <errno.h>
#include <string.h>

#include "engine.h"
#include "figures.h"
#include "gate.h"

/* A level is left only a quarter above where it was entered, or it flaps. */
#define LEVEL_LEAVE 1.25
/* Critical is left later: a second emergency right after the first is common. */
#define HOLD_CRITICAL (30 * SEC)
/* Of all that could be called in, at least: many guests wake up together. */
#define HOLD_SHARE 0.05
/*
 * Of what pressed guests may draw the host down to, that is, a quarter of minfree: below it
 * a host kills, and old figures of guests are better than none.
 */
#define DIRE 0.2
/* Use by others is smoothed: samples of host and guests are not one instant. */
#define OUTSIDE_LIFE	  (5 * SEC)
#define OUTSIDE_MAX_SHARE 0.02
/* Swap catches what comes too fast only if there is some left. */
#define SWAP_SHARE 0.02

u64 policy_minfree(u64 total)
{
	static const struct {
		u64 bytes;
		unsigned int percent;
	} scale_of[] = {
		{ 4 * GIB, 6 },
		{ 8 * GIB, 4 },
		{ 16 * GIB, 2 },
		{ UINT64_MAX, 1 },
	};
	u64 minfree = 0;

	total = min_of(total, POLICY_HOST_BYTES_MAX);
	for (int i = 0; total; i++) {
		u64 part = min_of(total, scale_of[i].bytes);

		minfree += part / 100 * scale_of[i].percent;
		total -= part;
	}
	return minfree;
}

static u64 sane(u64 bytes)
{
	return min_of(bytes, POLICY_HOST_BYTES_MAX);
}

/* What is in pools of huge pages neither guests nor the host can use otherwise. */
static u64 usable(const struct host_record *r)
{
	return over(sane(r->total), r->present & HOST_HAS_POOL_TOTAL ? r->pool_total : 0);
}

static u64 minfree_of(const struct policy *p)
{
	return policy_minfree(p->host.total);
}

static u64 arc_credit(const struct policy_tunables *t, const struct host_record *s)
{
	return scale(min_of(over(s->arc_size, s->arc_min), s->total), t->arc_credit);
}

u64 host_available(const struct policy *p)
{
	return min_of(p->host.available + arc_credit(&p->t, &p->host), p->host.total);
}

/*
 * Critical is a reason to take what guests do not use.  What they use makes them swap
 * or kill in turn, and is taken only from a host that would do that itself before a
 * balloon has brought anything: one that stands still with little kills nobody.  What
 * swap takes costs time, but nobody's life.
 */
bool host_kills(const struct policy_tunables *t, u64 left, u64 minfree, double falls)
{
	double soon = (double)left - falls * (double)t->hold_time / (double)SEC;
	u64 pressed = scale(minfree, t->reserve_pressed);

	return left < pressed && soon < DIRE * (double)pressed;
}

/* What the host has before it kills. */
static u64 left_of(u64 available, u64 swap_free)
{
	return available + scale(swap_free, SWAP_CREDIT);
}

void policy_gate_host(const struct policy_gate *gate, const struct policy_tunables *t,
		      const struct host_record *r, u64 now, struct policy_gate_host *ret)
{
	u64 total = usable(r);
	u64 available = min_of(min_of(r->available, total) + arc_credit(t, r), total);
	u64 left = left_of(available, min_of(sane(r->swap_free), r->swap_total));

	*ret = (struct policy_gate_host){
		.total = total,
		.available = available,
		.left = left,
		.minfree = policy_minfree(total),
		.falls = policy_fall_rate(&gate->fall, now),
	};
}

static u64 threshold_of(const struct policy_tunables *t, u64 minfree, enum policy_level level)
{
	const double factor[] = { 0, t->level_low, t->level_medium, t->level_critical };

	return scale(minfree, factor[level]);
}

void policy_thresholds(const struct policy_tunables *t, const struct host_record *r,
		       u64 ret[POLICY_LEVELS])
{
	u64 minfree = policy_minfree(usable(r)), credit = arc_credit(t, r);

	for (int l = 0; l < POLICY_LEVELS; l++)
		ret[l] = over(threshold_of(t, minfree, l), credit);
}

/*
 * Shortage alone makes a level: what stalls, refaults or kills somewhere is no
 * reason to take memory from guests as long as the host has enough.  Up at once;
 * down one level at a time, each after its hold.
 */
void host_level(struct policy *p)
{
	u64 avail = host_available(p), minfree = minfree_of(p);
	enum policy_level raw = POLICY_LEVEL_NONE;

	for (int l = POLICY_LEVEL_LOW; l < POLICY_LEVELS; l++) {
		u64 threshold = threshold_of(&p->t, minfree, l);

		if (avail < threshold)
			raw = l;
		if (avail < scale(threshold, LEVEL_LEAVE))
			p->well_since[l] = NEVER;
		else if (p->well_since[l] == NEVER)
			p->well_since[l] = p->now;
	}
	p->raw = raw;

	while (p->level > raw) {
		u64 hold = p->level == POLICY_LEVEL_CRITICAL ? HOLD_CRITICAL : p->t.level_hold;
		u64 well = p->well_since[p->level];

		if (well == NEVER || since(p->now, well) < hold)
			break;
		p->level--;
	}
	p->level = max_of(p->level, raw);
}

/* Bytes that guests called in: first touch and KSM breaks. */
void host_touch(struct policy *p, u64 bytes)
{
	p->touched = min_of(p->touched + bytes, POLICY_HOST_BYTES_MAX);
}

/*
 * A day's largest rates, in falling order.  Only the smallest of them counts: what
 * happened for a few seconds a day is no rate to be prepared for all week.
 */
static void touch_note(double top[TOUCH_TOP], double rate)
{
	for (unsigned int i = 0; i < TOUCH_TOP; i++) {
		double lesser = min_of(top[i], rate);

		top[i] = max_of(top[i], rate);
		rate = lesser;
	}
}

static void touch_rate_update(struct policy *p)
{
	u64 dt = since(p->now, p->touched_at);
	u64 day = p->now / DAY_NS;
	double rate;

	if (p->touched_at == NEVER) {
		p->touched_at = p->now;
		p->touched = 0;
		p->touch_born = p->now;
		p->touch_day = day;
		return;
	}
	if (dt < SEC / 2)
		return;

	for (; p->touch_day < day; p->touch_day++) {
		memset(p->touch[(p->touch_day + 1) % TOUCH_DAYS], 0, sizeof(p->touch[0]));
		if (day - p->touch_day > TOUCH_DAYS)
			p->touch_day = day - TOUCH_DAYS - 1;
	}
	rate = (double)p->touched / ((double)dt / (double)SEC);
	touch_note(p->touch[day % TOUCH_DAYS], rate);
	p->touched = 0;
	p->touched_at = p->now;
}

/* The rate of the worst day that was measured, before any bound. */
double host_touched(const struct policy *p)
{
	double rate = 0;

	for (unsigned int i = 0; i < TOUCH_DAYS; i++)
		rate = max_of(rate, p->touch[i][TOUCH_TOP - 1]);
	return rate;
}

/* V: the rate seen; until it was watched for a week, at least the default. */
u64 host_touch_rate(const struct policy *p)
{
	double rate = host_touched(p);

	if (p->touched_at == NEVER || since(p->now, p->touch_born) < TOUCH_DAYS * DAY_NS)
		rate = max_of(rate, (double)p->t.hold_rate);
	return (u64)min_of(rate, (double)POLICY_HOST_BYTES_MAX);
}

/* What the host needs beside its guests, and how fast that grows. */
static void outside_update(struct policy *p)
{
	u64 dt = since(p->now, p->outside_at);
	double guests = 0, now_used, before = p->outside, keep, growth;
	struct policy_guest *g;

	if (dt != NEVER && dt < SEC / 2)
		return;

	for_each_guest (p, g)
		guests += (double)over(g->seen->rss, g->seen->ksm_saved);
	now_used = (double)over(p->host.total, p->host.available) - guests;
	now_used = max_of(now_used, 0.0);

	if (p->outside_at == NEVER) {
		p->outside = now_used;
		p->outside_at = p->now;
		return;
	}
	dt = min_of(dt, 60 * SEC);
	keep = half_life(dt, OUTSIDE_LIFE);
	p->outside = keep * before + (1 - keep) * now_used;
	p->outside_at = p->now;

	growth =
		max_of(p->outside - before, 0.0) * (double)p->t.hold_time / (double)max_of(dt, SEC);
	quantile_step(&p->outside_p999, growth, 0.999, (double)dt / (double)p->t.poll);
}

static void clamp_host(struct host_record *h)
{
	h->total = sane(h->total);
	h->available = min_of(h->available, h->total);
	h->arc_size = min_of(h->arc_size, h->total);
	h->swap_total = sane(h->swap_total);
	h->swap_free = min_of(h->swap_free, h->swap_total);
	h->nodes = min_of(h->nodes, RECORD_NODES_MAX);
	for (unsigned int i = 0; i < h->nodes; i++) {
		h->node[i].total = sane(h->node[i].total);
		h->node[i].available = min_of(h->node[i].available, h->node[i].total);
	}
}

enum policy_level policy_host_update(struct policy *p, const struct host_record *r, u64 now)
{
	policy_clock(p, now);
	host_record_merge(&p->host, r);
	clamp_host(&p->host);
	if (r->present & HOST_HAS_TOTAL)
		p->host.total = usable(r);
	p->have_host = p->host.total > 0;

	if (p->have_host)
		host_level(p);
	if (p->have_host && r->present & HOST_HAS_AVAILABLE)
		policy_fall_sample(&p->fall, left_of(host_available(p), p->host.swap_free), p->now);
	if (r->present & HOST_HAS_TOTAL) {
		touch_rate_update(p);
		outside_update(p);
	}
	if (r->present & HOST_HAS_KSM_RUN)
		ksm_sampled(p);
	HEARD(p, HOST, .host = r);
	return p->level;
}

/*
 * Hold: what all together are seen to call in, or what one guest alone could; a
 * share of everything at least; never more than there is.  What one could call
 * in is taken from its max, not from its target: that would change with what is
 * decided on it.
 */
static void hold_of(struct policy *p, u64 largest)
{
	struct budget *b = &p->b;
	double rate = (double)host_touch_rate(p), sec, cap, hold, one, share;
	bool swap = p->host.swap_free >= scale(p->host.total, SWAP_SHARE);

	sec = (double)p->t.hold_time / (double)SEC;
	cap = (double)p->host.total * (swap ? p->t.hold_cap : p->t.hold_cap_noswap);
	hold = min_of(rate * sec, cap);
	one = min_of((double)largest, (double)p->t.hold_rate * sec);
	share = HOLD_SHARE * (double)b->exposure;
	hold = max_of(hold, one);

	if ((double)b->exposure <= max_of(hold, share)) {
		b->hold = b->exposure;
		b->hold_slope = 1;
	} else if (share >= hold) {
		b->hold = (u64)share;
		b->hold_slope = HOLD_SHARE;
	} else {
		b->hold = (u64)hold;
		b->hold_slope = 0;
	}
}

static u64 reserve_of(const struct policy *p, u64 minfree)
{
	u64 outside = (u64)min_of(p->outside_p999, OUTSIDE_MAX_SHARE * (double)p->host.total);
	u64 share = scale(p->host.total, p->t.reserve_share);
	u64 least = scale(minfree, p->t.reserve_factor_min);

	return min_of(scale(minfree, p->t.reserve_factor), max_of(least, share)) + outside;
}

/*
 * What is still kept: once its guest is there, what that has not touched yet, and
 * could touch.  Of memory that is pinned all is paid for, wherever the kernel counts
 * it.  Nothing is kept of more than the host has: it had more when that was reserved.
 */
u64 reserve_left(const struct policy *p, const struct reserve *r)
{
	const struct policy_guest *g;

	if (!r->exists || p->now >= r->until || r->bytes > p->host.total)
		return 0;
	if (!r->started)
		return r->bytes;
	g = &p->guest[r->guest];
	if (g->seen->pinned)
		return 0;
	return cost_known(g) ? over(min_of(r->bytes, g->max), paid(p, g)) : r->bytes;
}

u64 reserve_sum(const struct policy *p)
{
	u64 sum = 0;

	for (unsigned int i = 0; i < POLICY_RESERVES_MAX; i++)
		sum += reserve_left(p, &p->reserve[i]);
	return sum;
}

u64 reserve_coming(const struct policy *p)
{
	u64 sum = 0;

	for (unsigned int i = 0; i < POLICY_RESERVES_MAX; i++)
		if (!p->reserve[i].started)
			sum += reserve_left(p, &p->reserve[i]);
	return sum;
}

/* Of what a balloon has still to take, what comes before it is needed. */
static u64 soon(const struct policy *p, const struct policy_guest *g)
{
	if (g->actual <= g->target)
		return 0;
	return min_of(g->actual - g->target,
		      scale(BALLOON_RATE, (double)p->t.hold_time / (double)SEC));
}

void host_budget(struct policy *p)
{
	struct budget *b = &p->b;
	u64 largest = 0, merged = 0, avail;
	struct policy_guest *g;

	b->available = host_available(p);
	b->minfree = minfree_of(p);
	b->reserve = reserve_of(p, b->minfree);
	b->reserve_pressed = scale(b->minfree, p->t.reserve_pressed);
	b->reserved = reserve_sum(p);
	b->in_flight = b->payback = b->pending = b->exposure = 0;

	for_each_guest (p, g) {
		if (g->movable)
			b->in_flight += scale(soon(p, g), g->y);
		b->payback += g->seen->payback;
		b->pending += g->seen->pending;
		b->exposure += g->exposure;
		merged += g->seen->ksm_saved;
		if (!g->seen->pinned)
			largest = max_of(largest, over(g->max, g->seen->rss));
	}
	/* Other programs write to what was merged of theirs as well. */
	b->exposure += over(p->host.ksm.saved, merged);
	/* What is kept for a guest is no exposure on top. */
	for (unsigned int i = 0; i < POLICY_RESERVES_MAX; i++) {
		const struct reserve *r = &p->reserve[i];

		if (r->exists && r->started)
			b->exposure -= min_of(p->guest[r->guest].exposure, reserve_left(p, r));
	}
	b->exposure = min_of(b->exposure, 2 * POLICY_HOST_BYTES_MAX);
	hold_of(p, largest);

	avail = b->available + b->in_flight;
	b->deficit = (s64)(b->reserve + b->reserved + b->hold + b->payback) - (s64)avail;
	b->lack = (s64)b->reserve_pressed - (s64)avail;
	b->left = left_of(b->available, p->host.swap_free);
	b->kills = host_kills(&p->t, b->left, b->minfree, policy_fall_rate(&p->fall, p->now));
	b->dire = b->kills && b->available < scale(b->reserve_pressed, DIRE);

	for_each_guest (p, g) {
		double below = max_of(g->seen->yield, YIELD_FLOOR);

		if (!cost_known(g))
			below = g->y;
		g->c_above = g->y + (1 - g->y) * b->hold_slope;
		g->c_below = below + (1 - below) * b->hold_slope;
		g->c = g->c_above;
	}
}
