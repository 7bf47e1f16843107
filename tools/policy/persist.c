// SPDX-License-Identifier: GPL-2.0
/*
 * State that is saved and restored.  Ages, not clock values; clamped at import, since
 * a file may be corrupt, old, or another host's.
 */
#include <errno.h>

#include "engine.h"

int policy_guest_export(const struct policy *p, unsigned int guest, u64 now,
			struct policy_guest_state *ret)
{
	const struct policy_guest *g = guest_get(p, guest);

	(void)now;
	if (!g)
		return -ENOENT;
	*ret = (struct policy_guest_state){
		.learned = harm_learned(p, g),
		.good = g->seen->good,
		.yield = g->seen->yield,
		.hot = g->seen->sigma,
		.kept = g->seen->kept,
		.lacking = g->seen->lacking,
		.overhead = g->seen->overhead_known ? g->seen->overhead : UINT64_MAX,
		.room = (u64)g->seen->growth_peak,
		.debt = g->seen->debt,
		.backoff = g->seen->backoff,
		.backoff_left = harm_backoff_left(p, g),
		.harms = p->now <= g->seen->harm_until ? g->seen->harms : 0,
		.harms_left = over(g->seen->harm_until, p->now),
		.harm_by = g->seen->harm_by,
		.harm_size = g->seen->harm_size,
		.total_follows = g->seen->follows,
	};
	return 0;
}

static double clamp_ratio(double x, double lo, double hi, double otherwise)
{
	return x >= lo && x <= hi ? x : otherwise;
}

int policy_guest_import(struct policy *p, unsigned int guest, u64 now,
			const struct policy_guest_state *s)
{
	struct policy_guest *g = guest_get(p, guest);

	if (!g)
		return -ENOENT;
	now = policy_clock(p, now);

	g->seen->learned = scale(min_of(s->learned, g->max), harm_fading(s->age));
	g->seen->learned_at = now;
	g->seen->good = s->good ? clamp_u64(s->good, g->min, g->max) : g->target;
	g->seen->yield = clamp_ratio(s->yield, 0, 1, 1);
	g->seen->sigma = clamp_ratio(s->hot, 0, 1, HOT_PRIOR);
	g->seen->kept = hot_fade(min_of(s->kept, g->max), s->age);
	g->seen->lacking =
		scale(min_of(s->lacking, g->max),
		      half_life(min_of(s->age, 64 * p->t.press_half_life), p->t.press_half_life));
	g->seen->pressed_at = g->seen->lacking ? over(now, s->age) : NEVER;
	g->seen->overhead_known = s->overhead != UINT64_MAX;
	g->seen->overhead = g->seen->overhead_known ? min_of(s->overhead, g->max) : 0;
	g->seen->growth_peak = (double)min_of(s->room, g->max) *
			       half_life(min_of(s->age, 64 * GROWTH_LIFE), GROWTH_LIFE);
	g->seen->debt = scale(min_of(s->debt, g->max),
			      half_life(min_of(s->age, 64 * p->t.debt_life), p->t.debt_life));
	g->seen->backoff = min_of(s->backoff, BACKOFF_MAX);
	g->seen->backoff_until = now + over(min_of(s->backoff_left, g->seen->backoff), s->age);
	g->seen->harm_until = now + over(min_of(s->harms_left, p->t.harm_period), s->age);
	g->seen->harms =
		g->seen->harm_until > now ? (unsigned int)min_of(s->harms, p->t.harm_limit) : 0;
	g->seen->harm_by = s->harm_by;
	g->seen->harm_size = min_of(s->harm_size, g->max);
	g->seen->follows = s->total_follows < 0 ? -1 : s->total_follows != 0;
	HEARD(p, GUEST_STATE, .guest = guest, .state = s);
	return 0;
}

void policy_host_export(const struct policy *p, struct policy_host_state *ret)
{
	ret->touch_rate = (u64)min_of(host_touched(p), (double)POLICY_HOST_BYTES_MAX);
	ret->outside_growth = (u64)min_of(p->outside_p999, (double)POLICY_HOST_BYTES_MAX);
}

void policy_host_import(struct policy *p, const struct policy_host_state *s, u64 now)
{
	u64 slot = policy_clock(p, now) / DAY_NS;
	double *top = p->touch[slot % TOUCH_DAYS];

	for (unsigned int i = 0; i < TOUCH_TOP; i++)
		top[i] = max_of(top[i], (double)min_of(s->touch_rate, POLICY_HOST_BYTES_MAX));
	p->outside_p999 = (double)min_of(s->outside_growth, POLICY_HOST_BYTES_MAX);
	HEARD(p, HOST_STATE, .host_state = s);
}
