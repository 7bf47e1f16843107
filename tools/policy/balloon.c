// SPDX-License-Identifier: GPL-2.0
/*
 * Balloon commands and what became of them: progress, stuck balloons, how many
 * bytes the host got for a byte of balloon, and who else moves it.
 */
#include <errno.h>

#include "engine.h"
#include "figures.h"

/* Measuring on less than this is measuring noise. */
#define YIELD_SAMPLE (8 * MIB)
/* Of what a balloon takes, so much must have been expected to come free. */
#define YIELD_WORTH 0.25
/*
 * A sixteenth of what was expected, so often, of a guest whose memory looks
 * pinned: the balloon frees nothing.
 */
#define YIELD_NOTHING (1.0 / 16)
#define YIELD_VERDICT 3u
/* A measurement moves the yield by this share: the guest disturbs each of them. */
#define YIELD_GAIN 0.25
/* What a QEMU may need for itself, in process_overhead. */
#define HIDDEN_BALLOON 2
#define PINNED_FOR     (3600 * SEC)
/* Of a small guest, that part is more than a round. */
#define LAG_PART 8
/* Back-off of a balloon that does not move. */
#define STUCK_MIN (30 * SEC)
#define STUCK_MAX (3600 * SEC)
/* It is given something only: nobody waits for what that frees. */
#define STUCK_GIVEN (300 * SEC)

/* What the balloon has still to move. */
static u64 left(const struct policy_guest *g)
{
	return distance(g->actual, g->target);
}

void balloon_forget(struct policy_guest *g)
{
	g->seen->watch.on = false;
	g->seen->nearest = left(g);
	g->seen->stuck_until = 0;
	g->seen->stuck_for = 0;
	g->seen->spent_until = 0;
}

/* A shrink begins: remember what the guest costs before it. */
static void watch_begin(const struct policy *p, struct policy_guest *g)
{
	if (!g->seen->watch.on && cost_known(g))
		g->seen->watch = (struct yield_watch){
			.on = true,
			.actual = g->actual,
			.cost = process_cost(g),
			.bend = bend_of(g),
			.touched = touched_share(p, g),
		};
	hot_watch(p, g, -1);
}

/* What a balloon from watch.actual down to @actual should have freed. */
static double expected(const struct yield_watch *w, u64 actual)
{
	u64 bend = clamp_u64(w->bend, actual, w->actual);

	return w->touched * (double)(w->actual - bend) + (double)(bend - actual);
}

/*
 * Pinned memory is resident whatever the balloon holds; reserved huge pages do
 * not count as resident, however much the guest uses.  Else a balloon that
 * frees nothing has taken what was never touched: a QEMU that needs more for
 * itself than process_overhead hides that, and as much of a balloon.
 */
static bool may_be_pinned(const struct policy *p, const struct policy_guest *g)
{
	u64 pays = paid(p, g), balloon = over(g->max, g->actual);

	return pays < g->seen->used / 2 || (pays >= g->max - scale(g->max, YIELD_NOTHING) &&
					    balloon > HIDDEN_BALLOON * p->t.process_overhead);
}

/*
 * A sample of the cost after a shrink has come to rest: learn how much of what
 * was expected did come.  Compared with what the guest's free and touched
 * memory let expect, so that a guest that touches its memory later is not
 * judged by what it was; and where little was to be expected, nothing is
 * learned.
 */
void balloon_settled(struct policy *p, struct policy_guest *g)
{
	struct yield_watch *w = &g->seen->watch;
	double expect, q;
	u64 took, freed;

	if (!w->on)
		return;
	if (g->actual > g->target + GRAIN && !balloon_stuck(p, g))
		return; /* still on its way */
	w->on = false;

	took = over(w->actual, g->actual);
	expect = took ? expected(w, g->actual) : 0;
	if (took < YIELD_SAMPLE || expect < YIELD_WORTH * (double)took)
		return;

	freed = over(w->cost, process_cost(g));
	q = min_of((double)freed / expect, 1.0);
	g->seen->yield += YIELD_GAIN * (q - g->seen->yield);

	if (q < YIELD_NOTHING && may_be_pinned(p, g))
		g->seen->yields_bad++;
	else
		g->seen->yields_bad = 0;
	if (g->seen->yields_bad >= YIELD_VERDICT) {
		g->seen->pinned_until = p->now + PINNED_FOR;
		g->seen->yields_bad = 0;
	}
}

int policy_command_sent(struct policy *p, unsigned int guest, u64 target, u64 now)
{
	struct policy_guest *g = guest_get(p, guest);
	u64 from;

	if (!g)
		return -ENOENT;
	now = policy_clock(p, now);
	target = min_of(target, g->max);

	if (target < g->target) {
		watch_begin(p, g);
		g->seen->direction = -1;
		g->seen->shrunk_at = now;
		g->seen->pending = over(g->seen->pending, g->target - target);
		from = g->target;
		g->target = target;
		harm_shrunk(p, g, from);
	} else if (target > g->target) {
		g->seen->granted = max_of(g->seen->granted, target);
		g->seen->watch.on = false;
		hot_watch(p, g, 1);
		g->seen->direction = 1;
		g->seen->grown_at = now;
		if (!g->seen->pending)
			g->seen->pending_at = now;
		/* What its balloon has not taken yet was its own all the time. */
		g->seen->pending += over(target, max_of(g->target, g->actual));
	}
	HEARD(p, COMMAND, .guest = guest, .bytes = target);
	g->target = target;
	rival_commanded(g, target);
	g->seen->moved_demand = g->demand;
	g->seen->moved_at = now;
	g->seen->nearest = left(g);
	g->seen->progress_at = now;
	g->seen->again = false;
	return 0;
}

/*
 * Somebody else moved a balloon that was at rest: an administrator, another
 * controller, or the guest, by unloading its driver.
 */
static bool moved_by_other(const struct policy *p, const struct policy_guest *g, u64 actual)
{
	return left(g) <= GRAIN && distance(actual, g->target) > g->band &&
	       since(p->now, g->seen->moved_at) > p->t.stuck &&
	       since(p->now, g->seen->reboot_at) > REBOOT_GRACE;
}

/*
 * It has more than it had and was sent to: a DIMM came, or its balloon is gone.  Its
 * statistics are those of another machine.
 */
static bool resized(const struct policy_guest *g, u64 actual)
{
	return actual > max_of(g->actual, g->target) + g->band;
}

void balloon_actual(struct policy *p, struct policy_guest *g, u64 actual)
{
	bool moved, larger;

	/* It may be above its max: that is what it is asked back for. */
	actual = min_of(actual, POLICY_GUEST_BYTES_MAX);
	larger = resized(g, actual);

	/*
	 * Adopt what is; but where targets are enforced, nobody grows by
	 * himself.
	 */
	if ((rival_moved(p, g, actual) || moved_by_other(p, g, actual)) &&
	    !(p->t.enforce && actual > g->seen->granted)) {
		g->target = actual;
		g->seen->granted = actual;
		g->seen->watch.on = false;
		g->seen->judged = true;
	}
	/* A balloon that shrinks it has what it has, until it is done. */
	if (actual < g->seen->granted)
		g->seen->granted = max_of(actual, g->target);
	moved = actual != g->actual;
	if (larger) {
		g->seen->resized = true;
		g->seen->least_actual = actual;
	}
	g->actual = actual;
	g->seen->least_actual = min_of(g->seen->least_actual, actual);
	g->seen->most_actual = max_of(g->seen->most_actual, actual);
	guest_range(p, g);

	if (left(g) + MIB <= g->seen->nearest || (moved && left(g) <= GRAIN)) {
		g->seen->nearest = left(g);
		g->seen->progress_at = p->now;
		if (left(g) <= GRAIN && p->now >= g->seen->stuck_until)
			g->seen->stuck_for = 0;
	} else if (left(g) > g->seen->nearest + MIB) {
		/* Moved away, as after a reset: its way begins here. */
		g->seen->nearest = left(g);
		g->seen->progress_at = p->now;
	}
}

/* Until when it is not tried again; sooner where all it could be is given memory. */
static u64 stuck_until(const struct policy *p, const struct policy_guest *g)
{
	u64 until = g->seen->stuck_until;

	if (p->level == POLICY_LEVEL_NONE && min_of(g->target, g->actual) < g->max)
		until = min_of(until, over(until, g->seen->stuck_for) + STUCK_GIVEN);
	return until;
}

/*
 * Sticky: a balloon that stopped once stops again, and each try makes the
 * others wait for bytes that do not come.
 */
bool balloon_stuck(struct policy *p, struct policy_guest *g)
{
	g->seen->exhausted = false;
	if (p->now < stuck_until(p, g))
		return true;
	if (left(g) <= g->band || g->seen->paused || g->seen->frozen ||
	    since(p->now, g->seen->progress_at) <= p->t.stuck)
		return false;

	/* A balloon that has all that was available is no broken one. */
	if (g->actual > g->target && g->seen->fresh_at != NEVER && g->seen->available < g->slack &&
	    since(p->now, g->seen->fresh_at) <= p->t.fresh) {
		g->seen->exhausted = true;
		g->seen->spent_until = p->now + p->t.harm_window;
		return false;
	}

	/* It was left alone for a while, and has not moved. */
	g->seen->again = g->seen->stuck_for && g->actual < g->target;
	g->seen->stuck_for = clamp_u64(2 * g->seen->stuck_for, STUCK_MIN, STUCK_MAX);
	g->seen->stuck_until = p->now + g->seen->stuck_for;
	return true;
}

/*
 * It took all that there was, lately: sent further down it would go nowhere,
 * and be deflated again, without end while the host is at its end.
 */
bool balloon_spent(const struct policy *p, const struct policy_guest *g)
{
	return p->now < g->seen->spent_until && g->seen->available < g->slack;
}

/*
 * It is farther from where it was sent than it comes in a round of an emergency. Sent
 * further down it comes no sooner, and one that has stopped would take all of that
 * when it wakes, whatever the guest needs then.
 */
bool balloon_lags(const struct policy *p, const struct policy_guest *g)
{
	u64 round = scale(BALLOON_RATE, (double)p->t.emergency_wait / (double)SEC);

	return over(g->actual, g->target) > max_of(g->band, min_of(round, g->max / LAG_PART));
}
