// SPDX-License-Identifier: GPL-2.0
/* What another configuration would change, before it does. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dynmemd/core/manager_private.h"

#define BYTES_MAX 32

/* More than a quarter of a guest, or a tenth of the host, is worth a warning. */
#define MUCH_OF_GUEST 4
#define MUCH_OF_HOST  10

struct plan_writer {
	manager_plan_line_t line;
	void *userdata;
};

static void _printf_(2, 3) say(const struct plan_writer *w, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (w->line)
		w->line(w->userdata, text);
}

static const char *bytes(uint64_t n, char buf[static BYTES_MAX])
{
	policy_bytes_render((int64_t)n, buf, BYTES_MAX);
	return buf;
}

static bool same_limits(const struct guest_limits *a, const struct guest_limits *b)
{
	return a->min == b->min && a->max == b->max && a->shares == b->shares &&
	       a->reclaim == b->reclaim;
}

/* What is taken goes step by step and stops at what the guest needs. */
static void plan_moves(struct manager *m, const struct guest *g, const struct guest_limits *limits,
		       const struct plan_writer *w, struct manager_plan *plan)
{
	uint64_t keeps = policy_guest_keeps(m->policy, g->handle), moves;
	char a[BYTES_MAX], b[BYTES_MAX], c[BYTES_MAX];

	if (g->target > limits->max) {
		moves = g->target - limits->max;
		plan->taken += moves;
		if (keeps == UINT64_MAX)
			say(w, "  it has %s and was never heard: nothing is taken until it reports",
			    bytes(g->target, a));
		else if (keeps > limits->max)
			say(w,
			    "  it has %s and uses %s, more than its new max: no more than %s is taken, step by step",
			    bytes(g->target, a), bytes(keeps, b),
			    bytes(g->target > keeps ? g->target - keeps : 0, c));
		else
			say(w, "  it has %s: %s is taken, step by step", bytes(g->target, a),
			    bytes(moves, b));
	} else if (g->target < limits->min) {
		moves = limits->min - g->target;
		plan->given += moves;
		say(w, "  it has %s: %s is given, as far as the host has it", bytes(g->target, a),
		    bytes(moves, b));
	} else {
		return;
	}
	plan->much |= moves > g->target / MUCH_OF_GUEST;
}

static void plan_guest(struct manager *m, const struct guest *g, const struct config *config,
		       const struct plan_writer *w, struct manager_plan *plan)
{
	struct guest_rule set = settings_rule(m, g->name);
	struct guest_limits limits =
		config_guest(config, g->title, g->alias, g->memory, &g->own, &set);
	const struct guest_limits *old = &g->limits;
	char a[BYTES_MAX], b[BYTES_MAX], c[BYTES_MAX], d[BYTES_MAX];

	if (same_limits(&limits, old))
		return;
	plan->changed++;
	say(w, "%s: range %s to %s (was %s to %s), shares %u (%u), reclaim %s (%s)", g->name,
	    bytes(limits.min, a), bytes(limits.max, b), bytes(old->min, c), bytes(old->max, d),
	    limits.shares, old->shares, limits.reclaim ? "yes" : "no", old->reclaim ? "yes" : "no");
	plan_moves(m, g, &limits, w, plan);
}

static void plan_tunables(const struct config *old, const struct config *new,
			  const struct plan_writer *w)
{
	for (size_t i = 0; i < policy_tunable_count; i++) {
		const struct policy_tunable *row = &policy_tunable_table[i];
		double was = policy_tunable_get(&old->policy, row);
		double is = policy_tunable_get(&new->policy, row);
		char a[BYTES_MAX], b[BYTES_MAX];

		if (was == is)
			continue;
		policy_number_render(is, a, sizeof(a));
		policy_number_render(was, b, sizeof(b));
		say(w, "%s: %s (was %s)", row->name, a, b);
	}
}

void manager_plan(struct manager *m, const struct config *config, manager_plan_line_t line,
		  void *userdata, struct manager_plan *ret)
{
	const struct plan_writer w = { line, userdata };
	char a[BYTES_MAX], b[BYTES_MAX];

	*ret = (struct manager_plan){ 0 };
	if (config->mode != m->config->mode)
		say(&w, "mode: %s (was %s)", config->mode == MODE_MANAGE ? "manage" : "observe",
		    m->config->mode == MODE_MANAGE ? "manage" : "observe");
	plan_tunables(m->config, config, &w);
	for (size_t i = 0; i < m->n_guests; i++)
		plan_guest(m, m->guests[i], config, &w, ret);
	ret->much |= MAX(ret->taken, ret->given) > m->host.total / MUCH_OF_HOST;
	if (ret->taken || ret->given)
		say(&w, "%u guests change; up to %s is taken from guests, up to %s is given",
		    ret->changed, bytes(ret->taken, a), bytes(ret->given, b));
}
