// SPDX-License-Identifier: GPL-2.0
/*
 * What is taken, from whom, how fast.
 *
 * A guest above its entitlement has an excess (above its own demand: it does
 * not miss it) and a part within its demand.  For others who are below their
 * demand the excess is lent at once, the rest at the pace of level medium;
 * everything else goes at the pace of the host's level.  Never more than is
 * needed.
 */
#include "engine.h"
#include "figures.h"

/* Of its dead band, what a guest is worth shrinking by for others who are below demand. */
#define LENT 4

static double rate_of(const struct policy *p, enum policy_level level)
{
	switch (level) {
	case POLICY_LEVEL_NONE:
		return p->t.shrink_none;
	case POLICY_LEVEL_LOW:
		return p->t.shrink_low;
	case POLICY_LEVEL_MEDIUM:
		return p->t.shrink_medium;
	default:
		return p->raw == POLICY_LEVEL_CRITICAL ? 1 : p->t.shrink_medium;
	}
}

/*
 * So many bytes a second; time without a shrink adds up, but only to what makes
 * one command worth while.
 */
static u64 allowance(const struct policy *p, const struct policy_guest *g, double rate)
{
	u64 step = scale(g->target, rate);
	u64 most = max_of(step, g->band);
	u64 dt = min_of(since(p->now, max_of(g->seen->born_at,
					     g->seen->shrunk_at == NEVER ? 0 : g->seen->shrunk_at)),
			3600 * SEC);

	return min_of(scale(step, (double)dt / (double)SEC), most);
}

/*
 * It has just grown, and its demand has not fallen since, or only because less is expected
 * of it than when it grew fastest: it still grows.
 */
static bool reversal(const struct policy *p, const struct policy_guest *g)
{
	return g->seen->direction > 0 && since(p->now, g->seen->moved_at) < p->t.reversal &&
	       (g->demand + g->band >= g->seen->moved_demand ||
		(g->seen->rise > 0 && since(p->now, g->seen->moved_at) <= 2 * p->t.poll));
}

/* What is missing is not only what is kept against what may come. */
static bool lacks(const struct policy *p)
{
	return p->b.deficit > (s64)(p->b.hold + p->b.payback);
}

/*
 * May this guest be shrunk in the background, and may it lend?
 * @urgent: somebody is below their demand
 */
static void may_take(const struct policy *p, struct policy_guest *g, bool urgent)
{
	/* What may hurt needs the level that is, not the one that is left
	 * slowly. */
	bool hard = p->raw >= POLICY_LEVEL_MEDIUM;
	bool critical = p->raw == POLICY_LEVEL_CRITICAL;

	g->held = POLICY_REASON_SETTLED;
	g->lends = false;

	if (balloon_lags(p, g) && (critical || since(p->now, g->seen->progress_at) > REPORT_LAG)) {
		g->held = POLICY_REASON_HELD_BALLOON;
		return;
	}
	if (p->emergency) {
		g->held = POLICY_REASON_CRITICAL_WAIT;
		return;
	}
	if (balloon_spent(p, g)) {
		g->held = POLICY_REASON_HELD_PRESSED;
		return;
	}
	if (!g->fresh && !p->b.dire) {
		g->held = POLICY_REASON_HELD_STALE;
		return;
	}
	if (critical) {
		g->lends = urgent;
		return;
	}
	/* Little is better than nothing where it is lacked. */
	if (g->c < WORTH_TAKING && !(hard && urgent) && !lacks(p)) {
		g->held = POLICY_REASON_HELD_YIELD;
		return;
	}
	/* Between polls nothing new is known of who could lend. */
	if (p->between_polls && g->seen->fresh_at <= p->decided_at) {
		g->held = POLICY_REASON_WAIT_RATE;
		return;
	}
	if (!hard && g->seen->moved_at != NEVER && g->seen->fresh_at <= g->seen->moved_at) {
		g->held = POLICY_REASON_WAIT_RATE;
		return; /* its statistics are from before the last command */
	}

	g->lends = urgent;
	if (hard)
		return;
	if (g->pressed_now)
		g->held = POLICY_REASON_HELD_PRESSED;
	else if (harm_frozen(p, g))
		g->held = POLICY_REASON_HELD_HARM;
	else if (harm_backoff_left(p, g))
		g->held = POLICY_REASON_HELD_BACKOFF;
	else if (reversal(p, g))
		g->held = POLICY_REASON_HELD_REVERSAL;
	else if (booting(p, g))
		g->held = POLICY_REASON_HELD_BOOT;
}

/* How much of each kind may be taken from this guest now. */
static void offer(const struct policy *p, struct policy_guest *g, bool urgent)
{
	u64 surplus = over(g->target, g->entitled), spare;

	g->excess = g->within = g->rated = 0;
	g->take = 0;
	g->held = POLICY_REASON_SETTLED;
	if (!g->movable || !surplus || p->drain)
		return;

	may_take(p, g, urgent);
	if (g->lends) {
		g->excess = min_of(over(g->target, g->demand), surplus);
		/* One that is held back lends only what it does not miss. */
		if (g->held == POLICY_REASON_SETTLED)
			g->within =
				min_of(surplus - g->excess, allowance(p, g, p->t.shrink_medium));
	}
	if (g->held != POLICY_REASON_SETTLED)
		return;
	/* What it does not miss goes at the next level's pace. */
	spare = min_of(over(g->target, g->demand), surplus);
	g->rated = max_of(allowance(p, g, rate_of(p, p->level)),
			  min_of(allowance(p, g, rate_of(p, p->level + 1)), spare));
	g->rated = min_of(g->rated, surplus);
}

/* Take @need of what is offered, from each in proportion, so that no order
 * matters. */
static double spread(struct policy *p, double need)
{
	double offered = 0, part;
	struct policy_guest *g;

	if (need <= 0)
		return 0;
	for_each_guest (p, g)
		offered += g->c * g->offer;
	if (offered <= 0)
		return 0;

	part = min_of(need / offered, 1.0);
	for_each_guest (p, g)
		g->take += part * g->offer;
	return part * offered;
}

/*
 * What is offered of one kind.
 * @upto: what each guest offers of this and the kinds before it
 */
static double take_kind(struct policy *p, double need, u64 (*upto)(const struct policy_guest *))
{
	struct policy_guest *g;

	if (need <= 0)
		return 0;
	for_each_guest (p, g)
		g->offer = max_of((double)upto(g) - g->take, 0.0);
	return spread(p, need);
}

static u64 upto_excess(const struct policy_guest *g)
{
	return g->excess;
}

static u64 upto_within(const struct policy_guest *g)
{
	return g->excess + g->within;
}

static u64 upto_rated(const struct policy_guest *g)
{
	return g->rated;
}

/*
 * What is worth a command: of hundreds of guests each may have less to give than its
 * dead band, and one of them be out of memory.
 */
static u64 worth(const struct policy_guest *g)
{
	return g->lends ? max_of(g->band / LENT, GRAIN) : g->band;
}

static u64 on_offer(const struct policy_guest *g)
{
	return max_of(upto_rated(g), upto_within(g));
}

/*
 * What comes out too small for a command is given together to those who have
 * most.
 */
static void settle(struct policy *p)
{
	struct knee *k = p->knee;
	double left = 0;
	struct policy_guest *g;
	size_t n = 0;

	for_each_guest (p, g) {
		u64 surplus = over(g->target, g->entitled);

		if (g->take <= 0 || g->take >= (double)g->band)
			continue;
		left += g->c * g->take;
		g->take = 0;
		if (on_offer(g) >= worth(g)) {
			k[n].mu = (double)surplus;
			k[n++].slope = (double)(g - p->guest);
		}
	}
	if (!n)
		return;

	k = sort_knees(k, p->knee_tmp, n);
	while (n-- && left > 0) {
		u64 size;

		g = &p->guest[(size_t)k[n].slope];
		size = min_of(on_offer(g), g->band);
		if (left < g->c * (double)size)
			break;
		g->take = (double)size;
		left -= g->c * g->take;
	}
}

void shrink(struct policy *p, const struct need_sum *sum)
{
	double need = sum->all + (p->b.value - p->b.budget);
	double lend = sum->urgent + (double)p->b.reserved - (double)sum->spare;
	double taken;
	struct policy_guest *g;

	lend = min_of(lend, need);
	for_each_guest (p, g)
		offer(p, g, lend > 0);
	if (need <= 0)
		return;

	taken = take_kind(p, lend, upto_excess);
	taken += take_kind(p, lend - taken, upto_within);
	take_kind(p, need - taken, upto_rated);
	settle(p);
}
