// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that lacks memory has no time to answer.  Statistics that do not come are all
 * that is known of one that filled its balloon within a second.
 */
#include "engine.h"
#include "figures.h"

/* A rate that was measured longer ago is not known. */
#define RATE_AGE (10 * SEC)
/* Busy: a fifth of a CPU, or reading 4 MiB/s. */
#define BUSY_CPU  0.2
#define BUSY_READ (4.0 * (double)MIB)
/* After so many answers in time a missing one says something. */
#define ANSWERS 30u

/* The daemon asked, and the guest's answer was not there. */
void late_unanswered(const struct policy *p, struct policy_guest *g)
{
	/* Asked again before another answer was due: nothing is late. */
	if (since(p->now, g->seen->fresh_at) < p->t.poll - p->t.poll / 4)
		return;
	g->seen->missed = g->seen->missed || g->seen->answers >= ANSWERS;
	g->seen->answers = 0;
}

void late_answered(const struct policy *p, struct policy_guest *g, u64 dt)
{
	g->seen->missed = false;
	g->seen->answers =
		dt <= p->t.poll + p->t.poll / 4 ? min_of(g->seen->answers + 1, ANSWERS) : 0;
}

/* Of its disks; an old one is none. */
static double disk_rate(const struct policy *p, const struct policy_guest *g)
{
	return since(p->now, g->seen->disk_at) <= RATE_AGE ? g->seen->disk_rate : 0;
}

static bool works(const struct policy *p, const struct policy_guest *g)
{
	return g->seen->busy > BUSY_CPU || disk_rate(p, g) > BUSY_READ;
}

/* How long it has been asked and not heard. */
u64 guest_silence(const struct policy *p, const struct policy_guest *g)
{
	return min_of(since(p->now, g->seen->fresh_at), since(p->now, g->seen->polling_at));
}

/*
 * Asked, no answer, and yet it works: it has no time to answer.  One that always answered
 * in time, or was growing when it was last heard, is not waited for so long.
 */
bool guest_late(const struct policy *p, const struct policy_guest *g)
{
	u64 silence = guest_silence(p, g);

	if (!g->seen->polling || g->seen->fresh_at == NEVER)
		return false;
	if (g->seen->missed && works(p, g))
		return true;
	if (g->seen->growth > g->slack && silence <= p->t.silent)
		return silence > p->t.poll + p->t.poll / 2;
	return silence > p->t.late && works(p, g);
}

/*
 * What it may use by now, if since it was last heard it filled what it had then.  What it
 * was given after that counts when it is seen to touch it.
 */
u64 late_use(const struct policy *p, const struct policy_guest *g)
{
	u64 silence = since(p->now, g->seen->fresh_at);

	if (!g->seen->missed || !(g->pressed_now & POLICY_PRESSED_LATE))
		return 0;
	return min_of(g->seen->sample_actual + touched_since(g),
		      base_of(g) + scale(silence, BALLOON_RATE / (double)SEC));
}
