// SPDX-License-Identifier: GPL-2.0
/*
 * The plan for critical: how to free N bytes at once with the least harm.
 *
 * Every guest has a staircase of sizes, from what it has down to its min:
 * without its free memory, without its cold cache, without what is above its
 * entitlement, min.  The plan takes whole stairs of all guests until they bring
 * enough, and of the last one in proportion.  Sizes are absolute, from the size
 * at which the statistics were taken: made anew while the first burst is under
 * way, the plan does not count the same free memory twice.
 */
#include <errno.h>

#include "engine.h"
#include "figures.h"

/* Rounds after which a balloon under way is no longer believed in. */
#define ROUNDS_OF_CREDIT 4
/* Then it is over, as well as it went; if the host is still critical, anew. */
#define ROUNDS_MAX 8

/*
 * It was heard too long ago to know what it uses now: it gives nothing, but to a host
 * that would kill before it answers no more than half of what it had then, and once.
 */
static bool is_guess(const struct policy *p, const struct policy_guest *g)
{
	return !g->fresh && !p->b.dire;
}

/*
 * What each class leaves the guest.  What is free in one under pressure it is
 * about to use, in one that was lately it would be given back at once; what was
 * free in one that was not heard lately may be in use, and so may what one that
 * grows has grown by since.  Free memory that the guest hardly touched brings
 * the host nothing, and is the room of the one that grows: it stays.  What it uses is
 * taken only where the host would kill.
 */
static void stairs_of(const struct policy *p, const struct policy_guest *g,
		      u64 size[POLICY_PLAN_COUNT + 1])
{
	u64 now = min_of(g->target, g->max), low = min_of(p->b.kills ? g->least : g->floor, now);
	u64 free = over(g->seen->free, g->slack + touched_since(g) + rise_in(p, g, p->t.poll)),
	    cold = over(g->seen->cache, g->hot);
	u64 kept = clamp_u64(min_of(g->floor_pressed, g->entitled), low, now);
	bool calm = g->fresh && !g->pressed_now;

	size[0] = size[1] = now;
	if (calm && g->y >= WORTH_TAKING)
		size[1] = clamp_u64(over(g->seen->sample_actual, free), kept, now);
	size[2] = size[1];
	if (calm && cold)
		size[2] = clamp_u64(over(g->seen->sample_actual, free + cold), kept, size[1]);
	size[3] = clamp_u64(g->entitled, low, size[2]);
	if (is_guess(p, g))
		size[3] += (size[2] - size[3]) / 2;
	if (g->y < WORTH_TAKING && size[3] >= g->bend)
		size[3] = size[2];
	size[4] = low;
}

/*
 * Bytes that the host gets: above bend free pages go, below it what is in use.
 */
static double freed(const struct policy_guest *g, u64 from, u64 to)
{
	u64 bend = clamp_u64(g->bend, to, from);

	return g->y * (double)(from - bend) +
	       max_of(g->seen->yield, YIELD_FLOOR) * (double)(bend - to);
}

/* The size at which @part of what lies between two stairs has been freed. */
static u64 part_way(const struct policy_guest *g, u64 from, u64 to, double part)
{
	u64 bend = clamp_u64(g->bend, to, from);
	double want = part * freed(g, from, to);
	double above = freed(g, from, bend);

	if (part >= 1)
		return to;
	if (want <= above)
		return from - scale(from - bend, above > 0 ? want / above : 0);
	return bend - scale(bend - to, (want - above) / freed(g, bend, to));
}

static bool in_plan(const struct policy *p, const struct policy_guest *g)
{
	const struct guest_history *s = g->seen;

	if (!g->movable || s->fresh_at == NEVER || balloon_spent(p, g) || balloon_lags(p, g))
		return false;
	return !is_guess(p, g) || (p->b.kills && (s->direction >= 0 || s->fresh_at > s->moved_at));
}

static double class_brings(const struct policy *p, enum policy_plan_class class)
{
	double sum = 0;
	struct policy_guest *g;

	for_each_guest (p, g) {
		u64 size[POLICY_PLAN_COUNT + 1];

		if (!in_plan(p, g))
			continue;
		stairs_of(p, g, size);
		sum += freed(g, size[class], size[class + 1]);
	}
	return sum;
}

/* One guest's step: whole stairs above @last, @part of the last one. */
static bool step_of(const struct policy *p, const struct policy_guest *g,
		    enum policy_plan_class last, double part, struct policy_plan_step *step)
{
	u64 size[POLICY_PLAN_COUNT + 1], target;
	double frees = 0;

	stairs_of(p, g, size);
	target = part_way(g, size[last], size[last + 1], part);
	target = min_of(round_up_to(target, GRAIN), size[0]);
	if (size[0] - target < GRAIN)
		return false;

	*step = (struct policy_plan_step){
		.guest = (unsigned int)(g - p->guest),
		.userdata = g->seen->userdata,
		.target = target,
	};
	for (int c = 0; c <= (int)last; c++) {
		u64 from = size[c], to = max_of(size[c + 1], target);

		if (from <= to)
			continue;
		step->class = c;
		frees += freed(g, from, to);
	}
	step->frees = (u64)frees;
	return true;
}

/*
 * What no class but the last can bring. Guests are pushed below their floors
 * only for what the host can neither free nor swap.
 */
static double need_of_min(const struct policy *p, double brought)
{
	double avail = (double)min_of(p->b.available, p->b.minfree);

	if (p->b.left >= p->b.reserve_pressed)
		return 0;
	return (double)p->b.reserve_pressed - avail - (double)p->host.swap_free * SWAP_CREDIT -
	       brought;
}

static void make_plan(struct policy *p, u64 want, enum policy_plan_class least)
{
	struct policy_plan *plan = &p->plan;
	double need = (double)want, part = 0;
	int last = POLICY_PLAN_FREE;
	struct policy_guest *g;

	for (int c = 0; c < POLICY_PLAN_COUNT; c++) {
		double brings = class_brings(p, c);

		if (c == POLICY_PLAN_MIN) {
			need = min_of(need, need_of_min(p, (double)want - need));
			if (need <= 0)
				break;
		}
		if (brings <= 0 && c > (int)least)
			continue;
		last = c;
		part = brings > need && c >= (int)least ? need / brings : 1;
		need -= brings;
		if (need <= 0 && c >= (int)least)
			break;
	}

	*plan = (struct policy_plan){ .want = want, .class = last, .step = p->step };
	for_each_guest (p, g) {
		struct policy_plan_step *step = &p->step[plan->count];

		if (!in_plan(p, g) || !step_of(p, g, last, max_of(part, 0.0), step))
			continue;
		plan->frees += step->frees;
		plan->count++;
	}
}

/*
 * Back to twice minfree; at least a minfree, since that is what will be gone.
 */
static u64 usual_want(const struct policy *p)
{
	return max_of(p->b.minfree, over(2 * p->b.minfree, p->b.available));
}

/* From what is known at this moment; @want 0: as much as usual. */
static void plan_anew(struct policy *p, u64 want, enum policy_plan_class least)
{
	survey(p);
	entitle(p);
	make_plan(p, want ? want : usual_want(p), least);
}

int policy_plan_emergency(struct policy *p, u64 want, u64 now, const struct policy_plan **ret_plan)
{
	if (!p->have_host)
		return -ENODATA;
	policy_clock(p, now);
	plan_anew(p, want, POLICY_PLAN_FREE);
	*ret_plan = &p->plan;
	return 0;
}

int policy_emergency_begin(struct policy *p, u64 now, const struct policy_plan_step **ret_step,
			   unsigned int *ret_count)
{
	if (!p->have_host)
		return -ENODATA;
	policy_clock(p, now);
	if (p->emergency)
		return -EALREADY;
	*ret_step = p->plan.step;
	*ret_count = 0;
	if (p->raw < POLICY_LEVEL_CRITICAL)
		return 0;

	plan_anew(p, 0, POLICY_PLAN_FREE);
	p->emergency = p->plan.count > 0;
	p->emergency_avail = p->host.available;
	p->emergency_round = 0;
	*ret_step = p->plan.step;
	*ret_count = p->plan.count;
	HEARD(p, EMERGENCY, .step = p->plan.step, .steps = p->plan.count);
	return 0;
}

/*
 * What balloons that move will still bring; believed less from round to round.
 */
static double on_its_way(struct policy *p)
{
	double credit = 1 - (double)p->emergency_round / ROUNDS_OF_CREDIT;
	double sum = 0;
	struct policy_guest *g;

	if (credit <= 0)
		return 0;
	for_each_guest (p, g)
		if (g->movable)
			sum += max_of(g->y, YIELD_FLOOR) * (double)over(g->actual, g->target);
	return credit * sum;
}

static s64 next_round(struct policy *p, unsigned int *ret_count)
{
	double came, want = (double)p->plan.want;
	enum policy_plan_class next;

	if (!p->emergency)
		return 0;

	p->emergency_round++;
	demand_update(p);
	came = (double)over(p->host.available, p->emergency_avail);
	host_budget(p);

	if (came >= want || p->b.available >= 2 * p->b.minfree || p->emergency_round > ROUNDS_MAX) {
		p->emergency = false;
		return 0;
	}
	if (came + on_its_way(p) >= want / 2)
		return (s64)p->t.emergency_wait;

	next = p->plan.class < POLICY_PLAN_MIN ? p->plan.class + 1 : POLICY_PLAN_MIN;
	plan_anew(p, 0, next);
	p->emergency_avail = p->host.available;
	*ret_count = p->plan.count;
	return (s64)p->t.emergency_wait;
}

s64 policy_emergency_next(struct policy *p, u64 now, const struct policy_plan_step **ret_step,
			  unsigned int *ret_count)
{
	s64 wait;

	policy_clock(p, now);
	*ret_step = p->step;
	*ret_count = 0;
	wait = next_round(p, ret_count);
	HEARD(p, EMERGENCY_NEXT, .step = p->step, .steps = *ret_count);
	return wait;
}
