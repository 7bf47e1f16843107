// SPDX-License-Identifier: GPL-2.0
/*
 * An emergency: the engine's plan is written to the guests in one burst, and
 * followed up after emergency_wait.
 */
#include <stdio.h>

#include "dynmemd/core/manager_private.h"

static const char *plan_class_name(enum policy_plan_class class)
{
	static const char *const names[] = {
		[POLICY_PLAN_FREE] = "what is free in it",
		[POLICY_PLAN_CACHE] = "its cold page cache",
		[POLICY_PLAN_EXCESS] = "what is above its entitlement",
		[POLICY_PLAN_MIN] = "part of what it uses",
	};

	return class < ARRAY_SIZE(names) ? names[class] : "memory";
}

static void log_step(struct manager *m, struct guest *g, const struct policy_plan_step *step)
{
	char frees[32];

	policy_bytes_render((int64_t)step->frees, frees, sizeof(frees));
	snprintf(g->reason, sizeof(g->reason),
		 "the host is critical: %s is taken, which should free %s",
		 plan_class_name(step->class), frees);
	g->announced = g->decision;
	g->announced.from = g->target;
	g->announced.target = g->wanted;
	g->announced.reason = POLICY_REASON_SHRINK_CRITICAL;
	announce_decision(m, g, true);
}

static void run_steps(struct manager *m, const struct policy_plan_step *step, unsigned int count,
		      uint64_t now)
{
	if (!manager_managing(m) || stop_now(m))
		return;
	writes_begin(m, now);
	for (unsigned int i = 0; i < count; i++) {
		struct guest *g = step[i].userdata;

		g->wanted = step[i].target;
		g->sent = write_target(m, g, &g->wanted, true, now);
	}
	for (unsigned int i = 0; i < count; i++) {
		struct guest *g = step[i].userdata;

		if (!command_was_sent(g))
			continue;
		policy_command_sent(m->policy, g->handle, g->wanted, now);
		log_step(m, g, &step[i]);
		g->target = g->wanted;
	}
}

int emergency_continue(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct manager *m = userdata;
	uint64_t now = manager_now(m);
	const struct policy_plan_step *step;
	unsigned int count;
	int64_t wait;

	sample_host(m, true, now);
	/* Until there is something to go by again: while it runs no other one begins. */
	if (m->host_unread) {
		timer_set(m->emergency, now + m->config->policy.emergency_wait);
		return 0;
	}
	wait = policy_emergency_next(m->policy, now, &step, &count);
	run_steps(m, step, count, now);
	if (wait > 0)
		timer_set(m->emergency, now + wait);
	else
		tick_soon(m);
	return 0;
}

void emergency_start(struct manager *m, uint64_t now)
{
	const struct policy_plan_step *step;
	unsigned int count;

	if (policy_emergency_begin(m->policy, now, &step, &count) < 0)
		return;
	run_steps(m, step, count, now);
	timer_set(m->emergency, now + (uint64_t)m->config->policy.emergency_wait);
}
