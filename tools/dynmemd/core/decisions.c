// SPDX-License-Identifier: GPL-2.0
/*
 * What the manager does, and when.
 *
 * On an event: decide, write the commands, and only then log and tell; with
 * the host critical, the emergency plan first. In between, a tick a second
 * as long as the engine wants one: read the host, ask guests for statistics,
 * and decide when they have answered or the patience is over.
 *
 * From an event to its last command nothing is allocated.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"
#include "dynmemd/host/rival_processes.h"

/* What is due so soon is done in the same tick. */
#define TICK_SLACK (5 * NSEC_PER_MSEC)

/*
 * A guest that was not asked for statistics so far gives its first within
 * some milliseconds: it is asked again and again, but not for ever.
 */
#define EAGER_FIRST (10 * NSEC_PER_MSEC)
#define EAGER_NEXT  (20 * NSEC_PER_MSEC)
#define EAGER_POLLS 25

/* A thousand guests that appear in one moment make a few ticks, not a thousand. */
#define TICK_GAP (100 * NSEC_PER_MSEC)

/*
 * Answers to polls come within a millisecond or, from a guest in trouble,
 * late: the others' do not wait longer than this.
 */
#define PATIENCE (100 * USEC_PER_MSEC)

/* So many polls without news, and statistics are late. */
#define LATE_POLLS 2

/* What guests cost is read anew if it is older than this. */
#define COSTS_MAX_AGE (NSEC_PER_SEC / 2)

/* An observer tells a decision again when it has moved by this much. */
#define TELL_STEP (64 * MIB)

static bool managing(const struct manager *m)
{
	return manager_mode(m) == MODE_MANAGE;
}

void act_set_level(struct manager *m, enum policy_level level)
{
	if (level == m->level)
		return;
	log_notice("host: level %s -> %s, %.0f MiB available", policy_level_name(m->level),
		   policy_level_name(level), (double)m->host.available / MIB);
	m->level = level;
	if (m->listener)
		m->listener->level(m->listener_data);
}

/*
 * What is known
 */

enum policy_level act_sample_host(struct manager *m, uint64_t now)
{
	struct policy_host_sample s = { 0 };
	enum policy_level level;
	int r = host_read(&m->host);

	if (r < 0)
		log_error("cannot read the host's memory: %s", strerror(-r));
	s.total = m->host.total;
	s.available = m->host.available;
	s.arc_size = m->host.arc_size;
	s.arc_min = m->host.arc_min;
	s.swap_total = m->host.swap_total;
	s.swap_free = m->host.swap_free;
	s.level = m->pressure.level;
	manager_read_ksm(m, &s.ksm);
	/* Once more when it is over, or guests would keep their last figures. */
	m->cost_fields = 0;
	if (s.ksm.saved || m->ksm_saved)
		m->cost_fields |= COST_KSM;
	if (s.swap_total - s.swap_free || m->swapped)
		m->cost_fields |= COST_SWAP;
	m->ksm_saved = s.ksm.saved;
	m->swapped = s.swap_total - s.swap_free;
	level = policy_host_sample(m->policy, &s, now);
	act_set_level(m, level);
	return level;
}

/*
 * CPU time tells a guest that is too busy to answer from one that has nothing
 * to say: it is read only while statistics are late. The engine takes
 * differences from one sample to the next, so the time before is left out.
 */
static void follow_cpu(struct guest *g, struct policy_guest_host_sample *s)
{
	uint64_t cpu = s->cpu_ns;

	if (g->cpu_known && cpu > g->cpu)
		g->cpu_while_late += cpu - g->cpu;
	g->cpu_known = s->present & POLICY_COST_CPU;
	g->cpu = cpu;
	s->cpu_ns = g->cpu_while_late;
}

/* @quick: on an event, only what the decision hangs on. */
static void read_costs(struct manager *m, bool quick, uint64_t now)
{
	unsigned int fields = quick ? 0 : m->cost_fields;

	if (m->costs_at && now - m->costs_at < COSTS_MAX_AGE)
		return;
	for (size_t i = 0; i < m->n_guests; i++) {
		struct guest *g = m->guests[i];
		struct policy_guest_host_sample s;
		bool late = !quick && g->stale_polls >= LATE_POLLS;

		cost_read(&g->cost, fields | (late ? COST_CPU : 0), &s);
		if (!(s.present & POLICY_COST_RSS) && g->rss) {
			s.rss = g->rss;
			s.present |= POLICY_COST_RSS;
		}
		follow_cpu(g, &s);
		policy_guest_host_sample(m->policy, g->handle, &s, now);
	}
	m->costs_at = now;
}

/*
 * Timers
 */

static void set_timer(sd_event_source *s, uint64_t ns)
{
	sd_event_source_set_time(s, ns / NSEC_PER_USEC);
	sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static void tick_at(struct manager *m, uint64_t when)
{
	if (m->tick_at && m->tick_at <= when)
		return;
	m->tick_at = when;
	set_timer(m->tick, when);
}

void act_tick_soon(struct manager *m)
{
	uint64_t now = manager_now(m);

	tick_at(m, MAX(now, m->ticked_at + TICK_GAP));
}

void act_decide_soon(struct manager *m)
{
	sd_event_source_set_enabled(m->decide, SD_EVENT_ONESHOT);
}

void act_answered(struct manager *m, struct guest *g)
{
	if (!g->polled)
		return;
	g->polled = false;
	if (g->round == m->round && m->awaited && --m->awaited == 0)
		act_decide_soon(m);
}

/*
 * Emergencies
 */

static const char *plan_class_name(enum policy_plan_class class)
{
	static const char *const names[] = {
		[POLICY_PLAN_FREE] = "what is free in it",
		[POLICY_PLAN_CACHE] = "its cold page cache",
		[POLICY_PLAN_EXCESS] = "what is above its entitlement",
		[POLICY_PLAN_MIN] = "all down to its min",
	};

	return class < ARRAY_SIZE(names) ? names[class] : "memory";
}

/* What has been put into @g->told and @g->reason. */
static void announce(struct manager *m, struct guest *g, bool applied)
{
	g->told_any = true;
	log_decision(g->name, g->told.from, g->told.target, policy_reason_name(g->told.reason),
		     g->reason, applied);
	if (m->listener)
		m->listener->decision(m->listener_data, g, applied);
}

static void tell_step(struct manager *m, struct guest *g, const struct policy_plan_step *step)
{
	char frees[32];

	policy_bytes_render((int64_t)step->frees, frees, sizeof(frees));
	snprintf(g->reason, sizeof(g->reason),
		 "the host is critical: %s is taken, which should free %s",
		 plan_class_name(step->class), frees);
	g->told = g->decision;
	g->told.from = g->target;
	g->told.target = step->target;
	g->told.reason = POLICY_REASON_SHRINK_CRITICAL;
	announce(m, g, true);
}

/* What went wrong is said once, until something else does, or nothing. */
static bool was_sent(struct guest *g)
{
	if (g->sent < 0 && g->sent != -ECANCELED && g->sent != g->complained)
		log_guest(LOG_WARNING, g->name, "its target cannot be set: %s", strerror(-g->sent));
	if (g->sent != -ECANCELED)
		g->complained = MIN(g->sent, 0);
	return g->sent >= 0;
}

static void run_steps(struct manager *m, const struct policy_plan_step *step, unsigned int count,
		      uint64_t now)
{
	if (!managing(m) || stop_now(m))
		return;
	for (unsigned int i = 0; i < count; i++) {
		struct guest *g = step[i].userdata;

		g->sent = g->ops->set_target(g, step[i].target);
	}
	for (unsigned int i = 0; i < count; i++) {
		struct guest *g = step[i].userdata;

		if (!was_sent(g))
			continue;
		policy_command_sent(m->policy, g->handle, step[i].target, now);
		tell_step(m, g, &step[i]);
		g->target = step[i].target;
	}
}

static int on_emergency(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct manager *m = userdata;
	uint64_t now = manager_now(m);
	const struct policy_plan_step *step;
	unsigned int count;
	int64_t wait;

	act_sample_host(m, now);
	wait = policy_emergency_next(m->policy, now, &step, &count);
	run_steps(m, step, count, now);
	if (wait > 0)
		set_timer(m->emergency, now + wait);
	else
		act_tick_soon(m);
	return 0;
}

static void begin_emergency(struct manager *m, uint64_t now)
{
	const struct policy_plan_step *step;
	unsigned int count;

	if (policy_emergency_begin(m->policy, now, &step, &count) < 0)
		return;
	run_steps(m, step, count, now);
	set_timer(m->emergency, now + (uint64_t)m->config->policy.emergency_wait);
}

/*
 * Ticks
 */

/* At whole periods of the clock, so that all are asked in the same tick. */
static uint64_t next_poll(const struct guest *g, uint64_t now)
{
	return (now / g->poll_period + 1) * g->poll_period;
}

static void poll_guests(struct manager *m, uint64_t now)
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
}

static int on_tick(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct manager *m = userdata;
	uint64_t now = manager_now(m);

	m->tick_at = 0;
	m->ticked_at = now;
	stop_look(m);
	m->round++;
	m->awaited = 0;
	read_costs(m, false, now);
	if (act_sample_host(m, now) == POLICY_LEVEL_CRITICAL && managing(m))
		begin_emergency(m, now);
	poll_guests(m, now);
	if (m->awaited)
		set_timer(m->patience, now + PATIENCE * NSEC_PER_USEC);
	else
		act_decide_soon(m);
	return 0;
}

static int on_patience(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	if (m->awaited)
		act_decide_soon(m);
	m->awaited = 0;
	return 0;
}

/*
 * Decisions
 */

/* Every command is written before anything else is done. */
static void write_commands(struct manager *m, const struct policy_result *r)
{
	bool allowed = managing(m) && !(r->send && stop_now(m));

	m->somebody_waits = false;
	for (unsigned int i = 0; i < r->count; i++) {
		const struct policy_decision *d = &r->decision[i];
		struct guest *g = d->userdata;

		g->sent = -ECANCELED;
		m->somebody_waits |= d->reason == POLICY_REASON_WAIT_BYTES;
		if (d->flags & POLICY_SEND && allowed)
			g->sent = g->ops->set_target(g, d->target);
		g->decision = *d;
		g->decided = true;
	}
}

/* An observer's decision stands until it is another one. */
static bool worth_observing(const struct guest *g)
{
	const struct policy_decision *d = &g->decision, *t = &g->told;
	uint64_t moved;

	if (!(d->flags & POLICY_SEND))
		return false;
	if (!g->told_any || d->reason != t->reason)
		return true;
	moved = d->target > t->target ? d->target - t->target : t->target - d->target;
	return moved >= TELL_STEP;
}

static void tell(struct manager *m, struct guest *g, bool applied)
{
	g->told = g->decision;
	policy_reason_render(&g->told, g->reason, sizeof(g->reason));
	announce(m, g, applied);
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
			"somebody else moves its balloon, and here runs %s: it is left alone until that has stopped for ten minutes",
			who);
	else
		log_guest(
			LOG_WARNING, g->name,
			"somebody else moves its balloon: it is left alone until that has stopped for ten minutes; look for MoM, pvestatd of Proxmox VE, 'virsh setmem', or another client of its monitor");
}

static void follow_polling(struct manager *m, struct guest *g, uint64_t now)
{
	uint64_t period = g->decision.poll;
	bool was = g->poll_period != 0;

	/* Its period is left as it is, too. */
	if (m->stopped)
		return;
	g->poll_period = period;
	if (was == (period != 0))
		return;
	g->ops->watch(g, period ? MAX(period / NSEC_PER_SEC, 1ULL) : 0);
	policy_guest_polling(m->policy, g->handle, period != 0, now);
	g->poll_at = now + EAGER_FIRST;
	g->eager = EAGER_POLLS;
	g->stale_polls = 0;
}

void act_sampled(struct manager *m, struct guest *g, bool fresh, uint64_t now)
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

static void finish_commands(struct manager *m, uint64_t now)
{
	for (size_t i = 0; i < m->n_guests; i++) {
		struct guest *g = m->guests[i];
		const struct policy_decision *d = &g->decision;

		if (was_sent(g)) {
			policy_command_sent(m->policy, g->handle, d->target, now);
			g->target = d->target;
		}
		if (g->sent >= 0 || (!managing(m) && worth_observing(g)))
			tell(m, g, g->sent >= 0);
		follow_rival(m, g);
		follow_polling(m, g, now);
		act_cgroup(m, g, now);
	}
}

static void schedule(struct manager *m, uint64_t now)
{
	if (m->result.next)
		tick_at(m, now + m->result.next);
	/* Nobody tells the host's pressure: it is looked at. */
	if (!m->source)
		tick_at(m, now + m->config->policy.poll);
	for (size_t i = 0; i < m->n_guests; i++)
		if (m->guests[i]->poll_period)
			tick_at(m, m->guests[i]->poll_at);
}

static void decide(struct manager *m, uint64_t now)
{
	struct policy_result r;

	if (policy_decide(m->policy, now, &r) < 0)
		return;
	write_commands(m, &r);
	m->result = r;
	m->result.decision = NULL;
	/* What is told of a decision comes with the level it was made at. */
	act_set_level(m, r.level);
	finish_commands(m, now);
	schedule(m, now);
	remember_soon(m);
}

static int on_decide(_unused_ sd_event_source *s, void *userdata)
{
	struct manager *m = userdata;

	decide(m, manager_now(m));
	return 0;
}

void act_on_pressure(struct manager *m, enum policy_level level, uint64_t now)
{
	read_costs(m, true, now);
	if (level == POLICY_LEVEL_CRITICAL && managing(m))
		begin_emergency(m, now);
	else
		decide(m, now);
	act_set_level(m, level);
	if (level > POLICY_LEVEL_NONE)
		act_tick_soon(m);
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

int act_init(struct manager *m)
{
	int r = add_timer(m, &m->tick, 10 * USEC_PER_MSEC, on_tick);

	if (r >= 0)
		r = add_timer(m, &m->patience, USEC_PER_MSEC, on_patience);
	if (r >= 0)
		r = add_timer(m, &m->emergency, USEC_PER_MSEC, on_emergency);
	if (r >= 0)
		r = sd_event_add_defer(m->event, &m->decide, on_decide, m);
	if (r >= 0)
		r = sd_event_source_set_enabled(m->decide, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_priority(m->decide, PRIORITY_DECIDE);
	return r < 0 ? r : 0;
}

void act_free(struct manager *m)
{
	sd_event_source_disable_unref(m->tick);
	sd_event_source_disable_unref(m->patience);
	sd_event_source_disable_unref(m->emergency);
	sd_event_source_disable_unref(m->decide);
}
