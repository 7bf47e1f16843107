// SPDX-License-Identifier: GPL-2.0
/* One decision: everything in order, then each guest's part with its reason. */
#include <errno.h>
#include <string.h>

#include "engine.h"
#include "figures.h"

/* Of a target, above it: memory.high must not stall QEMU itself. */
#define ENFORCE_SHARE 0.05

static void send(struct policy_decision *d, u64 target, enum policy_reason why)
{
	d->target = target;
	d->reason = why;
	if (target != d->from)
		d->flags |= POLICY_SEND;
}

static enum policy_reason grow_reason(const struct policy *p, const struct policy_guest *g)
{
	if (p->drain)
		return POLICY_REASON_GROW_DRAIN;
	if (g->target < g->seen->undo && since(p->now, g->seen->undo_at) <= p->t.harm_window)
		return POLICY_REASON_GROW_UNDO;
	if (g->target < g->min_goal && !g->pressed_now)
		return POLICY_REASON_RANGE;
	switch (g->need) {
	case NEED_PRESSED:
		return POLICY_REASON_GROW_PRESSED;
	case NEED_DEMAND:
		return POLICY_REASON_GROW_DEMAND;
	default:
		return POLICY_REASON_GROW_SHARE;
	}
}

static enum policy_reason shrink_reason(const struct policy *p, const struct need_sum *sum)
{
	if (p->raw == POLICY_LEVEL_CRITICAL)
		return POLICY_REASON_SHRINK_CRITICAL;
	if (sum->all > p->b.value - p->b.budget)
		return POLICY_REASON_SHRINK_LEND;
	if (p->b.reserved)
		return POLICY_REASON_SHRINK_RESERVE;
	return POLICY_REASON_SHRINK_HOST;
}

/*
 * Above its max, by a new configuration or another writer: it goes there step by
 * step, as it answers, and no further than what it uses and its room.  What it was
 * once found to lack beyond that is a guess, which a max overrules.
 */
static u64 step_into_range(const struct policy *p, const struct policy_guest *g)
{
	u64 to = max_of(max_of(g->max_goal, g->floor), g->active + g->room), step;

	if (!g->movable || !g->fresh || g->pressed_now || p->drain || p->emergency ||
	    harm_backoff_left(p, g) || harm_frozen(p, g))
		return 0;
	if (g->seen->direction > 0 && since(p->now, g->seen->moved_at) < p->t.reversal)
		return 0;
	if (g->seen->moved_at != NEVER && g->seen->fresh_at <= g->seen->moved_at)
		return 0; /* its statistics are from before the last command */
	/* It does not miss that: the next level's pace, as in shrink.c. */
	step = max_of(g->band, scale(g->target, p->t.shrink_low));
	to = max_of(to, round_up_to(over(g->target, step), GRAIN));
	step = over(g->target, to);
	return step >= g->band || to == g->max_goal ? step : 0;
}

static bool above_range(const struct policy *p, const struct policy_guest *g,
			struct policy_decision *d)
{
	u64 step;

	if (g->target <= g->max_goal || !balloon_moves(g))
		return false;
	step = step_into_range(p, g);
	d->reason = POLICY_REASON_RANGE;
	if (step)
		send(d, g->target - step, POLICY_REASON_RANGE);
	d->arg[0] = (s64)g->min_goal;
	d->arg[1] = (s64)g->max_goal;
	return true;
}

/*
 * Where an inflating balloon stopped, its guest has no more to give.  One that
 * deflated by itself is granted nothing where targets are enforced.
 */
static void unstick(const struct policy *p, const struct policy_guest *g, struct policy_decision *d)
{
	u64 at = min_of(round_up_to(g->actual, GRAIN), g->max);

	if (g->class == POLICY_CLASS_STUCK)
		d->flags |= POLICY_ALERT;
	if (g->actual <= g->target + GRAIN || (p->t.enforce && g->actual > g->seen->granted))
		return;
	send(d, max_of(at, g->min), POLICY_REASON_STUCK);
	d->arg[0] = (s64)g->actual;
}

/*
 * It did not get what it was granted: QEMU was sent somewhere else meanwhile, or lost the
 * command.  Nothing less is sent, since nobody knows what it has by now.
 */
static void send_again(const struct policy_guest *g, struct policy_decision *d)
{
	d->reason = POLICY_REASON_STUCK;
	d->flags |= POLICY_SEND | POLICY_ALERT;
	d->arg[0] = (s64)g->actual;
}

static void reason_of_rest(const struct policy *p, const struct policy_guest *g,
			   const struct need_sum *sum, struct policy_decision *d)
{
	u64 band = g->band;

	if (g->entitled > g->target && !g->fresh && !p->drain &&
	    g->target < min_of(g->entitled, g->demand)) {
		d->reason = POLICY_REASON_HELD_STALE;
	} else if (g->entitled > g->target) {
		d->reason = g->entitled - g->target < band && !g->pressed_now
				    ? POLICY_REASON_DEAD_BAND
				    : POLICY_REASON_WAIT_BYTES;
		if (g->waits && d->reason == POLICY_REASON_WAIT_BYTES)
			d->reason = POLICY_REASON_HELD_REVERSAL;
		if (g->need) {
			d->arg[1] = sum->left[g->need - 1];
			d->arg[2] = (s64)sum->lack[g->need - 1];
		}
	} else if (g->target > g->entitled) {
		if (g->held != POLICY_REASON_SETTLED)
			d->reason = g->held;
		else if (g->target - g->entitled < band)
			d->reason = POLICY_REASON_DEAD_BAND;
		else
			d->reason = sum->all + p->b.value - p->b.budget > 0
					    ? POLICY_REASON_WAIT_RATE
					    : POLICY_REASON_NO_NEED;
	} else {
		d->reason = g->target == g->max ? POLICY_REASON_AT_MAX : POLICY_REASON_SETTLED;
	}
	if (d->reason == POLICY_REASON_HELD_BACKOFF)
		d->arg[1] = (s64)harm_backoff_left(p, g);
	if (d->reason == POLICY_REASON_HELD_STALE)
		d->arg[1] = g->seen->fresh_at == NEVER ? -1 : (s64)since(p->now, g->seen->fresh_at);
	if (d->reason == POLICY_REASON_HELD_HARM) {
		d->arg[1] = g->seen->harms;
		d->flags |= POLICY_ALERT;
	}
	if (d->reason == POLICY_REASON_HELD_BALLOON)
		d->arg[1] = (s64)over(g->actual, g->target);
	if (d->reason == POLICY_REASON_HELD_YIELD)
		d->arg[1] = (s64)(g->y * 100);
}

static void decide_guest(const struct policy *p, const struct policy_guest *g,
			 const struct need_sum *sum, struct policy_decision *d)
{
	*d = (struct policy_decision){
		.guest = (unsigned int)(g - p->guest),
		.userdata = g->seen->userdata,
		.class = g->class,
		.pressed = g->pressed_now,
		.flags = g->pressed_now ? POLICY_PRESSED : 0,
		.wanted = g->demand,
		.entitled = g->entitled,
		.from = g->target,
		.target = g->target,
		.reason = POLICY_REASON_CLASS,
	};

	d->arg[0] = (s64)distance(g->entitled, g->target);
	if (g->class == POLICY_CLASS_STUCK && g->seen->again && !g->grant) {
		send_again(g, d);
		return;
	}
	if ((g->class == POLICY_CLASS_STUCK || g->seen->exhausted) && !p->drain) {
		unstick(p, g, d);
		if (d->flags & POLICY_SEND)
			return;
	}

	if (g->grant) {
		send(d, g->target + g->grant, grow_reason(p, g));
		d->arg[1] = (s64)g->lack;
		if (d->reason == POLICY_REASON_RANGE) {
			d->arg[0] = (s64)g->min_goal;
			d->arg[1] = (s64)g->max_goal;
		}
	} else if (g->take > 0) {
		u64 size = over(g->target, (u64)g->take);

		size = max_of(round_up_to(size, GRAIN), g->entitled);
		if (size < g->target)
			send(d, size, shrink_reason(p, sum));
		d->arg[1] = (s64)(sum->all + p->b.value - p->b.budget);
		d->arg[2] = p->b.deficit;
	} else if (above_range(p, g, d)) {
		return;
	} else if (g->movable || p->drain) {
		reason_of_rest(p, g, sum, d);
	}
	if (d->reason == POLICY_REASON_CLASS)
		d->arg[0] = g->class;
	if (g->class == POLICY_CLASS_RIVAL)
		d->flags |= POLICY_ALERT;
}

/*
 * What is reclaimed from a guest that uses it comes back at once: swapping it out
 * again frees nothing and never ends.  Judged by what it holds less, a while after
 * it was asked; and asked ever more seldom.
 */
static bool reclaim_rests(const struct policy *p, struct policy_guest *g)
{
	struct guest_history *s = g->seen;

	if (s->reclaim_asked && since(p->now, s->reclaim_at) > p->t.stuck) {
		if (over(s->reclaim_rss, s->rss) < s->reclaim_asked / 2) {
			s->reclaim_backoff =
				clamp_u64(2 * s->reclaim_backoff, p->t.backoff_min, BACKOFF_MAX);
			s->reclaim_until = p->now + s->reclaim_backoff;
		} else if (since(p->now, s->reclaim_until) > BACKOFF_MAX) {
			s->reclaim_backoff = 0;
		}
		s->reclaim_asked = 0;
	}
	return p->raw < POLICY_LEVEL_CRITICAL && p->now < s->reclaim_until;
}

static void reclaim_asked(const struct policy *p, struct policy_guest *g, u64 bytes)
{
	if (!bytes)
		return;
	if (!g->seen->reclaim_asked) {
		g->seen->reclaim_at = p->now;
		g->seen->reclaim_rss = g->seen->rss;
	}
	g->seen->reclaim_asked = min_of(g->seen->reclaim_asked + bytes, g->max);
	g->seen->reclaimed = min_of(g->seen->reclaimed + bytes, g->max);
}

/*
 * What no balloon reaches, a cgroup does; only for what balloons cannot bring, and the
 * host lacks now: nobody knows what such a guest uses, and precaution takes nothing of
 * that.
 */
static void reclaim_silent(struct policy *p)
{
	double rate[] = { 0, p->t.shrink_low, p->t.shrink_medium, 1 };
	double shortage = (double)(p->b.deficit - (s64)(p->b.hold + p->b.payback));
	double offered = 0, share;
	struct policy_guest *g;

	if (p->level == POLICY_LEVEL_NONE || p->drain)
		return;
	for_each_guest (p, g)
		if (g->movable)
			shortage -= g->c * (double)over(g->target, g->entitled);
	if (shortage <= 0)
		return;

	for_each_guest (p, g) {
		if (g->class != POLICY_CLASS_SILENT && g->class != POLICY_CLASS_NO_BALLOON &&
		    g->class != POLICY_CLASS_STUCK)
			continue;
		if (reclaim_rests(p, g))
			continue;
		g->take = min_of((double)over(g->seen->rss, g->min),
				 rate[p->level] * (double)g->seen->rss);
		offered += g->take;
	}
	share = offered > 0 ? min_of(shortage / offered, 1.0) : 0;

	for (unsigned int i = 0, n = 0; i < p->slots; i++) {
		struct policy_decision *d = &p->decision[n];

		g = &p->guest[i];
		if (!g->exists)
			continue;
		n++;
		if (!g->movable && g->take > 0)
			d->reclaim = round_down_to((u64)(share * g->take), PAGE);
		reclaim_asked(p, g, d->reclaim);
	}
}

/* By what it was granted: what it took beyond that is what this is against. */
static u64 memory_high(const struct policy *p, const struct policy_guest *g, u64 target)
{
	u64 size = max_of(target, g->seen->granted);

	if (!p->t.enforce || g->unmanaged)
		return 0;
	return size + p->t.process_overhead +
	       max_of(p->t.enforce_slack, scale(size, ENFORCE_SHARE));
}

/* What passes by itself, without an event that would make a decision. */
static u64 poll_of_class(const struct policy *p, const struct policy_guest *g)
{
	switch (g->class) {
	case POLICY_CLASS_STARTING:
	case POLICY_CLASS_REBOOTING:
		return p->t.poll;
	case POLICY_CLASS_SILENT: /* a slow boot, a service started later */
	case POLICY_CLASS_STUCK:
	case POLICY_CLASS_RIVAL:
		return START_GRACE;
	case POLICY_CLASS_PINNED:
		return g->seen->pinned ? 0 : START_GRACE;
	default:
		return 0;
	}
}

/*
 * Guests at max on a host without pressure need not be asked anything.  One that
 * has more than that is to give it back as soon as its balloon moves.
 */
static u64 poll_of(const struct policy *p, const struct policy_guest *g, const struct need_sum *sum)
{
	if (g->class == POLICY_CLASS_NO_BALLOON || g->class == POLICY_CLASS_UNMANAGED)
		return 0;
	if (g->target != g->max_goal || g->actual != g->max_goal || g->pressed_now ||
	    p->level >= POLICY_LEVEL_LOW || p->b.deficit > 0 || sum->all > 0)
		return p->t.poll;
	return poll_of_class(p, g);
}

static void fill_result(struct policy *p, struct policy_result *ret)
{
	const struct budget *b = &p->b;

	ret->level = p->level;
	ret->tier = p->tier;
	ret->decision = p->decision;
	ret->count = p->count;
	ret->available = b->available + b->in_flight;
	ret->reserve = b->reserve + b->reserved;
	ret->hold = b->hold;
	ret->exposure = b->exposure;
	ret->deficit = b->deficit;
	ksm_decide(p, &ret->ksm);
}

int policy_decide(struct policy *p, u64 now, struct policy_result *ret)
{
	struct policy_result result = { 0 };
	struct need_sum sum;
	struct policy_guest *g;
	unsigned int n = 0;

	if (!p->have_host)
		return -ENODATA;
	policy_clock(p, now);
	host_level(p);
	p->between_polls = p->decided && p->raw <= p->decided_raw &&
			   since(p->now, p->decided_at) < p->t.poll / 5;
	/* Whoever waits for a reservation waits for a decision. */
	if (reserves_end(p))
		result.next = p->t.poll;

	survey(p);
	entitle(p);
	grow(p, &sum);
	shrink(p, &sum);

	for_each_guest (p, g) {
		struct policy_decision *d = &p->decision[n++];

		decide_guest(p, g, &sum, d);
		d->memory_high = memory_high(p, g, d->target);
		d->poll = poll_of(p, g, &sum);
		if (d->poll && (!result.next || d->poll < result.next))
			result.next = d->poll;
		if (d->poll)
			result.resident = max_of(result.resident, resident_period(g));
		if (d->flags & POLICY_SEND)
			result.send++;
		result.granted += over(d->target, d->from);
		result.shrunk += over(d->from, d->target);
	}
	reclaim_silent(p);

	p->decided = true;
	p->decided_at = p->now;
	p->decided_raw = p->raw;
	fill_result(p, &result);
	*ret = result;
	HEARD(p, DECIDE, .result = ret);
	return (int)result.send;
}

u64 policy_guest_keeps(const struct policy *p, unsigned int guest)
{
	const struct policy_guest *g = guest_get(p, guest);
	u64 overhead;

	if (!g || g->seen->fresh_at == NEVER)
		return UINT64_MAX;
	overhead = g->seen->overhead_known ? g->seen->overhead
					   : over(g->seen->sample_actual, g->seen->total);
	return overhead + g->seen->used + g->slack;
}

int policy_guest_info(const struct policy *p, unsigned int guest, u64 now,
		      struct policy_guest_info *ret)
{
	const struct policy_guest *g = guest_get(p, guest);

	if (!g)
		return -ENOENT;
	*ret = (struct policy_guest_info){
		.class = g->class,
		.pressed = g->pressed_now,
		.min = g->min_goal,
		.max = g->max_goal,
		.target = g->target,
		.actual = g->actual,
		.rss = g->seen->rss,
		.ksm_saved = g->seen->ksm_saved,
		.shares = g->shares,
		.total = g->seen->total,
		.available = g->seen->available,
		.overhead = g->seen->overhead,
		.used = g->seen->used,
		.debt = g->seen->debt,
		.cache = g->seen->cache,
		.hot = g->hot,
		.active = g->active,
		.floor = g->floor,
		.room = g->room,
		.demand = g->demand,
		.entitled = g->entitled,
		.exposure = g->exposure,
		.learned = harm_learned(p, g),
		.yield = g->y,
		.lacking = g->seen->lacking,
		.total_follows = g->seen->follows != 0,
		.sample_age = since(max_of(now, p->now), g->seen->fresh_at),
		.backoff = harm_backoff_left(p, g),
		.harms = g->seen->harms,
		.harm_by = g->seen->harm_by,
		.harm_size = g->seen->harm_size,
		.harm_age = since(max_of(now, p->now), g->seen->harm_last),
		.actual_age = since(max_of(now, p->now), g->seen->actual_at),
	};
	return 0;
}
