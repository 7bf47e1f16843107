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

/* At whole periods of the clock, so that all are asked in the same tick. */
static uint64_t next_poll(const struct guest *g, uint64_t now)
{
	return (now / g->poll_period + 1) * g->poll_period;
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
	g->poll_period = period;
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
