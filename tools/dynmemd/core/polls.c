// SPDX-License-Identifier: GPL-2.0
/* Guests are asked for statistics, and their answers are waited for. */
#include "dynmemd/core/manager_private.h"

/* What is due so soon is done in the same tick. */
#define TICK_SLACK (5 * NSEC_PER_MSEC)

/*
 * A guest that was not asked for statistics so far gives its first within
 * some milliseconds: it is asked again and again, but not for ever.
 */
#define EAGER_FIRST (10 * NSEC_PER_MSEC)
#define EAGER_NEXT  (20 * NSEC_PER_MSEC)
#define EAGER_POLLS 25

/*
 * Answers to polls come within a millisecond or, from a guest in trouble,
 * late: the others' do not wait longer than this.
 */
#define PATIENCE (100 * NSEC_PER_MSEC)

/*
 * QEMU's timer runs from one answer of a guest to the next: what is read may be a whole
 * period old.  So the period is begun anew, that statistics come shortly before they
 * are read.  Each answer takes the guest a while, by which all later ones are later: it
 * is begun again before that has used up the lead.
 */
#define LEAD	    (100 * NSEC_PER_MSEC)
#define ALIGN_EVERY (10 * NSEC_PER_SEC)

/* At whole periods of the clock, so that all are asked in the same tick. */
static uint64_t next_poll(const struct guest *g, uint64_t now)
{
	return (now / g->poll_period + 1) * g->poll_period;
}

static void align_after(struct guest *g, uint64_t when)
{
	g->align_at = UINT64_MAX;
	if (g->poll_period >= NSEC_PER_SEC)
		g->align_at = ((when + LEAD) / g->poll_period + 1) * g->poll_period - LEAD;
}

void poll_align_next(struct manager *m)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < m->n_guests; i++)
		if (m->guests[i]->poll_period)
			next = MIN(next, m->guests[i]->align_at);
	if (next == UINT64_MAX)
		sd_event_source_set_enabled(m->align, SD_EVENT_OFF);
	else
		timer_set(m->align, next);
}

int poll_align(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct manager *m = userdata;
	uint64_t now = manager_now(m);

	/* The decision after that goes on. */
	if (m->stopped)
		return 0;
	for (size_t i = 0; i < m->n_guests; i++) {
		struct guest *g = m->guests[i];

		if (!g->poll_period || g->align_at > now)
			continue;
		/* Too late for this period: the answer would come after it is read. */
		if (now - g->align_at >= LEAD / 2 || g->ops->align(g, g->reports_every) < 0)
			align_after(g, now);
		else
			align_after(g, now + ALIGN_EVERY);
	}
	poll_align_next(m);
	return 0;
}

void poll_guests(struct manager *m, uint64_t now)
{
	for (size_t i = 0; i < m->n_guests; i++) {
		struct guest *g = m->guests[i];

		if (!g->poll_period || g->poll_at > now + TICK_SLACK)
			continue;
		g->poll_at = next_poll(g, now);
		/* One that has not answered the last poll is not asked anew. */
		if (g->polled || g->ops->poll(g) < 0)
			continue;
		g->polled = true;
		g->round = m->round;
		m->awaited++;
	}
	if (m->awaited)
		timer_set(m->patience, now + PATIENCE);
	else
		decide_soon(m);
}

void poll_answered(struct manager *m, struct guest *g)
{
	if (!g->polled)
		return;
	g->polled = false;
	if (g->round == m->round && m->awaited && --m->awaited == 0)
		decide_soon(m);
}

void poll_follow(struct manager *m, struct guest *g, uint64_t now)
{
	uint64_t period = g->decision.poll;
	unsigned int every = period ? MAX(m->config->policy.poll / NSEC_PER_SEC, 1ULL) : 0;
	bool was = g->poll_period != 0;

	/* Its period is left as it is, too. */
	if (m->stopped)
		return;
	if (g->poll_period != period) {
		g->poll_period = period;
		align_after(g, now);
	}
	if (every != g->reports_every)
		g->ops->watch(g, every);
	g->reports_every = every;
	if (was == (period != 0))
		return;
	policy_guest_polling(m->policy, g->handle, period != 0, now);
	g->poll_at = now + EAGER_FIRST;
	g->eager = EAGER_POLLS;
	g->stale_polls = 0;
}

void poll_sampled(struct manager *m, struct guest *g, bool fresh, uint64_t now)
{
	g->stale_polls = fresh ? 0 : g->stale_polls + 1;
	if (fresh)
		g->eager = 0;
	if (!g->eager || !g->poll_period)
		return;
	g->eager--;
	g->poll_at = now + EAGER_NEXT;
	tick_at(m, g->poll_at);
}

int poll_patience(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	if (m->awaited)
		decide_soon(m);
	m->awaited = 0;
	return 0;
}
