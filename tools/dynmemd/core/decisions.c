// SPDX-License-Identifier: GPL-2.0
/*
 * When the manager decides, and what it does then.
 *
 * On an event: decide, write the commands, and only then log and notify; with
 * the host critical, the emergency plan first. In between, a tick a second
 * as long as the engine wants one: read the host, ask guests for statistics,
 * and decide when they have answered or the time for it is over.  Between ticks,
 * sample who grows.
 *
 * From an event to its last command nothing is allocated.
 */
#include <errno.h>
#include <string.h>

#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"
#include "dynmemd/host/rival_processes.h"

/* An observer announces a decision again when it has moved by this much. */
#define ANNOUNCE_STEP (64 * MIB)

/* Every command is written before anything else is done. */
static void write_commands(struct manager *m, const struct policy_result *r, uint64_t now)
{
	bool allowed = manager_managing(m) && !(r->send && stop_now(m));

	m->somebody_waits = false;
	writes_begin(m, now);
	for (unsigned int i = 0; i < r->count; i++) {
		/* Each time another is the first, if the gate lets only some through. */
		const struct policy_decision *d = &r->decision[(i + m->round) % r->count];
		struct guest *g = d->userdata;

		g->decision = *d;
		g->sent = -ECANCELED;
		m->somebody_waits |= d->reason == POLICY_REASON_WAIT_BYTES;
		if (d->flags & POLICY_SEND && allowed)
			g->sent = write_target(m, g, &g->decision.target, false, now);
		g->decided = true;
	}
}

/* An observer's decision stands until it is another one. */
static bool worth_observing(const struct guest *g)
{
	const struct policy_decision *d = &g->decision, *t = &g->announced;
	uint64_t moved;

	if (!(d->flags & POLICY_SEND))
		return false;
	if (!g->announced_any || d->reason != t->reason)
		return true;
	moved = d->target > t->target ? d->target - t->target : t->target - d->target;
	return moved >= ANNOUNCE_STEP;
}

static void announce(struct manager *m, struct guest *g, bool applied)
{
	g->announced = g->decision;
	policy_reason_render(&g->announced, g->reason, sizeof(g->reason));
	announce_decision(m, g, applied);
}

/* Somebody else has begun to move its balloon, or has stopped doing so. */
static void follow_rival(struct manager *m, struct guest *g)
{
	bool rival = g->decision.class == POLICY_CLASS_RIVAL;
	char who[160];

	if (rival == g->rival)
		return;
	g->rival = rival;
	if (!rival)
		log_guest(LOG_NOTICE, g->name,
			  "nobody else moves its balloon any more: it is managed again");
	else if (*rival_name(m->proc, who, sizeof(who)))
		log_guest(
			LOG_WARNING, g->name,
			"somebody else moves its balloon (%s runs on this host): it is left alone until that has stopped for ten minutes",
			who);
	else
		log_guest(
			LOG_WARNING, g->name,
			"somebody else moves its balloon: it is left alone until that has stopped for ten minutes; check for MoM, pvestatd of Proxmox VE, 'virsh setmem', or another client of its monitor");
}

static void finish_commands(struct manager *m, uint64_t now)
{
	for (size_t i = 0; i < m->n_guests; i++) {
		struct guest *g = m->guests[i];
		const struct policy_decision *d = &g->decision;

		if (command_was_sent(g)) {
			policy_command_sent(m->policy, g->handle, d->target, now);
			g->target = d->target;
		}
		if (g->sent >= 0 || (!manager_managing(m) && worth_observing(g)))
			announce(m, g, g->sent >= 0);
		follow_rival(m, g);
		poll_follow(m, g, now);
		cgroup_act(m, g, now);
	}
}

static void schedule(struct manager *m, uint64_t now)
{
	if (m->result.next)
		tick_at(m, now + m->result.next);
	/* Nobody reports at the engine's thresholds. */
	if (!m->source || m->unwatched)
		tick_at(m, now + m->config->policy.poll);
	for (size_t i = 0; i < m->n_guests; i++)
		if (m->guests[i]->poll_period)
			tick_at(m, m->guests[i]->poll_at);
	poll_align_next(m);
	resident_next(m, now);
}

static void decide(struct manager *m, uint64_t now)
{
	struct policy_result r;

	if (m->host_unread) {
		tick_at(m, now + m->config->policy.poll);
		return;
	}
	if (policy_decide(m->policy, now, &r) < 0)
		return;
	write_commands(m, &r, now);
	m->result = r;
	m->result.decision = NULL;
	/* What is announced of a decision comes with the level it was made at. */
	announce_level(m, r.level);
	finish_commands(m, now);
	ksm_act(m, now);
	schedule(m, now);
	remember_soon(m);
}

static int on_decide(_unused_ sd_event_source *s, void *userdata)
{
	struct manager *m = userdata;

	decide(m, manager_now(m));
	return 0;
}

static int on_tick(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct manager *m = userdata;
	uint64_t now = manager_now(m);

	m->tick_at = 0;
	m->ticked_at = now;
	stop_check(m);
	m->round++;
	m->awaited = 0;
	sample_costs(m, false, now);
	if (sample_host(m, false, now) == POLICY_LEVEL_CRITICAL && manager_managing(m))
		emergency_start(m, now);
	poll_guests(m, now);
	return 0;
}

static int on_resident(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct manager *m = userdata;
	uint64_t now = manager_now(m);

	if (!resident_grows(m, now))
		resident_next(m, now);
	else if (sample_host(m, true, now) == POLICY_LEVEL_CRITICAL && manager_managing(m))
		emergency_start(m, now);
	else
		decide(m, now);
	return 0;
}

void decisions_on_pressure(struct manager *m, enum policy_level level, uint64_t now)
{
	sample_costs(m, true, now);
	if (level == POLICY_LEVEL_CRITICAL && manager_managing(m))
		emergency_start(m, now);
	else
		decide(m, now);
	announce_level(m, level);
	if (level > POLICY_LEVEL_NONE)
		tick_soon(m);
}

/*
 * Life
 */

static int add_timer(struct manager *m, sd_event_source **ret, uint64_t accuracy,
		     sd_event_time_handler_t fn)
{
	int r = sd_event_add_time(m->event, ret, CLOCK_MONOTONIC, 0, accuracy, fn, m);

	if (r >= 0)
		r = sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_priority(*ret, PRIORITY_DECIDE);
	return r;
}

int decisions_init(struct manager *m)
{
	int r = add_timer(m, &m->tick, 10 * USEC_PER_MSEC, on_tick);

	if (r >= 0)
		r = add_timer(m, &m->resident, 5 * USEC_PER_MSEC, on_resident);
	if (r >= 0)
		r = add_timer(m, &m->patience, USEC_PER_MSEC, poll_patience);
	if (r >= 0)
		r = add_timer(m, &m->align, 5 * USEC_PER_MSEC, poll_align);
	if (r >= 0)
		r = add_timer(m, &m->emergency, USEC_PER_MSEC, emergency_continue);
	if (r >= 0)
		r = sd_event_add_defer(m->event, &m->decide, on_decide, m);
	if (r >= 0)
		r = sd_event_source_set_enabled(m->decide, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_priority(m->decide, PRIORITY_DECIDE);
	return r < 0 ? r : 0;
}

void decisions_free(struct manager *m)
{
	sd_event_source_disable_unref(m->tick);
	sd_event_source_disable_unref(m->resident);
	sd_event_source_disable_unref(m->patience);
	sd_event_source_disable_unref(m->align);
	sd_event_source_disable_unref(m->emergency);
	sd_event_source_disable_unref(m->decide);
}
