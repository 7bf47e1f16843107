// SPDX-License-Identifier: GPL-2.0
/* Samples of the host's memory and of what guests cost it. */
#include <string.h>

#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

/* So many polls without news, and statistics are late. */
#define LATE_POLLS 2

/* What guests cost is read anew if it is older than this. */
#define COSTS_MAX_AGE (NSEC_PER_SEC / 2)

const struct host *manager_read_host(struct manager *m)
{
	host_read(&m->host);
	return &m->host;
}

void manager_read_ksm(struct manager *m, struct policy_ksm_sample *ret)
{
	*ret = (struct policy_ksm_sample){ 0 };
	if (m->source && m->source->ops->ksm)
		m->source->ops->ksm(m->source, ret);
}

enum policy_level sample_host(struct manager *m, uint64_t now)
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
	announce_level(m, level);
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
void sample_costs(struct manager *m, bool quick, uint64_t now)
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
