// SPDX-License-Identifier: GPL-2.0
/*
 * A shrink that hurt: undone at once, not tried again for a while, and the size
 * where it hurt remembered.
 *
 * What is learned here comes from a tenant's statistics.  It raises a guest's
 * floor only up to its fair share of the budget (see demand_learned()), so a
 * guest that cries all the time gains nothing from its neighbours.
 */
#include <math.h>

#include "engine.h"
#include "figures.h"

/* An undone shrink gives back at least this share of the size where it hurt. */
#define UNDO_SHARE 4
/* The floor that is learned is so much above the size where it hurt ... */
#define LEARN_FACTOR 1.05
/* ... and its margin sinks by so much an hour: workloads change over days. */
#define LEARN_DECAY 0.01
/* Signs that a guest was hurt; being tight is only a reason to grow. */
#define HURT (POLICY_PRESSED_OOM | POLICY_PRESSED_STALL | POLICY_PRESSED_REFAULT)

/* A shrink was sent; several in a row are judged as one. */
void harm_shrunk(struct policy *p, struct policy_guest *g, u64 from)
{
	if (!g->seen->judged)
		return;
	g->seen->judged = false;
	g->seen->good = from;
	g->seen->mark = g->target;
	g->seen->mark_at = p->now;
}

/*
 * The floor is learned as a margin above what the statistics say: a guest whose
 * load goes away does not keep the memory for it.
 */
static void harmed(struct policy *p, struct policy_guest *g)
{
	u64 level = min_of(g->actual, g->target);
	u64 floor = min_of(scale(level, LEARN_FACTOR), g->max);
	u64 margin = over(floor, base_of(g));

	g->seen->learned = max_of(harm_learned(p, g), margin);
	g->seen->learned_at = p->now;
	/* A step, not the whole run of shrinks: most of it did no harm. */
	g->seen->undo = min_of(g->seen->good, level + max_of(level / UNDO_SHARE, g->seen->lacking));
	g->seen->undo_at = p->now;
	g->seen->backoff = clamp_u64(2 * g->seen->backoff, p->t.backoff_min, BACKOFF_MAX);
	g->seen->backoff_until = p->now + g->seen->backoff;

	if (p->now > g->seen->harm_until) {
		g->seen->harms = 0;
		g->seen->harm_until = p->now + p->t.harm_period;
	}
	g->seen->harms++;
	g->seen->harm_by = g->seen->pressed & HURT;
	g->seen->harm_size = level;
	g->seen->harm_last = p->now;
	g->seen->judged = true;
	g->seen->sigma = min_of(g->seen->sigma + 0.25, 1.0);
}

/* At each fresh sample: what came of the last shrink? */
void harm_check(struct policy *p, struct policy_guest *g)
{
	if (g->seen->judged)
		return;

	if ((g->seen->pressed & HURT) && g->actual < g->seen->good &&
	    since(p->now, g->seen->shrunk_at) <= p->t.harm_window) {
		harmed(p, g);
		return;
	}

	/* A long run of small shrinks: what it had a window ago was good. */
	if (since(p->now, g->seen->mark_at) > p->t.harm_window) {
		g->seen->good = g->seen->mark;
		g->seen->mark = g->target;
		g->seen->mark_at = p->now;
	}
	if (since(p->now, g->seen->shrunk_at) > p->t.harm_window) {
		g->seen->judged = true;
		g->seen->good = g->target;
		g->seen->backoff =
			g->seen->backoff / 2 < p->t.backoff_min ? 0 : g->seen->backoff / 2;
	}
}

u64 harm_backoff_left(const struct policy *p, const struct policy_guest *g)
{
	return over(g->seen->backoff_until, p->now);
}

/* Hurt too often: it stays at its last good size until the period is over. */
bool harm_frozen(const struct policy *p, const struct policy_guest *g)
{
	return g->seen->harms >= p->t.harm_limit && p->now <= g->seen->harm_until;
}

/* What is left of a learned margin after some time. */
double harm_fading(u64 age)
{
	double hours = (double)age / (3600.0 * (double)SEC);

	return pow(1 - LEARN_DECAY, min_of(hours, 1e4));
}

u64 harm_learned(const struct policy *p, const struct policy_guest *g)
{
	if (!g->seen->learned)
		return 0;
	return scale(g->seen->learned, harm_fading(since(p->now, g->seen->learned_at)));
}

/* The floor that harm asks for, before fairness. */
u64 harm_floor(const struct policy *p, const struct policy_guest *g)
{
	u64 floor = base_of(g) + harm_learned(p, g);

	if (g->seen->undo && since(p->now, g->seen->undo_at) <= p->t.harm_window)
		floor = max_of(floor, g->seen->undo);
	if (harm_frozen(p, g))
		floor = max_of(floor, g->seen->good);
	return min_of(floor, g->max);
}
