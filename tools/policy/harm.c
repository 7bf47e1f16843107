// SPDX-License-Identifier: GPL-2.0
/*
 * A shrink that hurt: undone at once, not tried again for a while, and the size
 * where it hurt remembered.
 *
 * What is learned here comes from a tenant's statistics.  It raises a guest's
 * floor only up to its fair share of the budget (see demand_learned()), so a guest
 * that cries all the time gains nothing from its neighbours.
 */
#include <math.h>

#include "engine.h"

/* Signs that a guest was hurt; being tight is only a reason to grow. */
#define HURT (POLICY_PRESSED_OOM | POLICY_PRESSED_STALL | \
	      POLICY_PRESSED_REFAULT)

/* A shrink was sent; several in a row are judged as one. */
void harm_shrunk(struct policy *p, struct guest *g, u64 from)
{
	if (!g->judged)
		return;
	g->judged = false;
	g->good = from;
	g->mark = g->target;
	g->mark_at = p->now;
}

static void harmed(struct policy *p, struct guest *g)
{
	u64 level = min_of(g->actual, g->target);
	u64 floor = min_of(scale(level, p->t.learn_factor), g->max);

	g->learned = max_of(harm_learned(p, g), floor);
	g->learned_at = p->now;
	g->undo = g->good;
	g->undo_at = p->now;
	g->backoff = clamp_u64(2 * g->backoff, p->t.backoff_min,
			       p->t.backoff_max);
	g->backoff_until = p->now + g->backoff;

	if (!g->harms || since(p->now, g->harm_at) > p->t.harm_period) {
		g->harms = 0;
		g->harm_at = p->now;
	}
	g->harms++;
	g->judged = true;
	g->sigma = min_of(g->sigma + 0.25, 1.0);
}

/* At each fresh sample: what came of the last shrink? */
void harm_look(struct policy *p, struct guest *g)
{
	if (g->judged)
		return;

	if ((g->pressed & HURT) && g->actual < g->good &&
	    since(p->now, g->shrunk_at) <= p->t.harm_window) {
		harmed(p, g);
		return;
	}

	/* A long run of small shrinks: what it had a window ago was good. */
	if (since(p->now, g->mark_at) > p->t.harm_window) {
		g->good = g->mark;
		g->mark = g->target;
		g->mark_at = p->now;
	}
	if (since(p->now, g->shrunk_at) > p->t.harm_window) {
		g->judged = true;
		g->good = g->target;
		g->backoff = g->backoff / 2 < p->t.backoff_min ? 0 :
							g->backoff / 2;
	}
}

u64 harm_backoff_left(const struct policy *p, const struct guest *g)
{
	return over(g->backoff_until, p->now);
}

/* Hurt too often: it stays at its last good size until the period is over. */
bool harm_frozen(const struct policy *p, const struct guest *g)
{
	return g->harms >= p->t.harm_limit &&
	       since(p->now, g->harm_at) <= p->t.harm_period;
}

/* The learned floor sinks by learn_decay an hour. */
u64 harm_learned(const struct policy *p, const struct guest *g)
{
	double hours;

	if (!g->learned)
		return 0;
	hours = (double)since(p->now, g->learned_at) / (3600.0 * (double)SEC);
	return scale(g->learned, pow(1 - p->t.learn_decay, min_of(hours, 1e4)));
}

/* The floor that harm asks for, before fairness. */
u64 harm_floor(const struct policy *p, const struct guest *g)
{
	u64 floor = harm_learned(p, g);

	if (g->undo && since(p->now, g->undo_at) <= p->t.harm_window)
		floor = max_of(floor, g->undo);
	if (harm_frozen(p, g))
		floor = max_of(floor, g->good);
	return min_of(floor, g->max);
}
