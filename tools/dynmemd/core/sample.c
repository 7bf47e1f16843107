// SPDX-License-Identifier: GPL-2.0
/* Samples of the host's memory and of what guests cost it. */
#include <string.h>

#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

/* So many polls without news, and statistics are late. */
#define LATE_POLLS 2

/* What guests cost is read anew if it is older than this. */
#define COSTS_MAX_AGE (NSEC_PER_SEC / 2)

/* So often a guest is looked at for memory that has been pinned since. */
#define PINS_MAX_AGE (10 * NSEC_PER_SEC)

const struct host *manager_read_host(struct manager *m)
{
	host_read(&m->host);
	return &m->host;
}

void manager_read_ksm(struct manager *m, struct host_record *into)
{
	ksm_sysfs_read(&m->ksm.sysfs, into);
}

/* By so much of it a threshold must have moved to be set anew. */
#define THRESHOLD_STEP 16

static bool moved(const uint64_t *a, const uint64_t *b)
{
	for (int l = POLICY_LEVEL_LOW; l < POLICY_LEVELS; l++) {
		uint64_t off = a[l] > b[l] ? a[l] - b[l] : b[l] - a[l];

		if (off > MAX(a[l], b[l]) / THRESHOLD_STEP)
			return true;
	}
	return false;
}

/*
 * The source wakes the manager at the engine's thresholds. One that cannot, as
 * a module of which this process may not change the settings, only does so at
 * its own: the host is sampled in between.
 */
static void set_thresholds(struct manager *m, const struct host_record *s)
{
	uint64_t threshold[POLICY_LEVELS];
	int r;

	if (!m->source || !m->source->ops->watch)
		return;
	policy_thresholds(&m->config->policy, s, threshold);
	if (m->watching && !moved(threshold, m->threshold))
		return;
	r = m->source->ops->watch(m->source, threshold);
	if (r < 0 && (!m->watching || !m->unwatched))
		log_notice(
			"source %s: its thresholds cannot be set (%s), memory is sampled each %.3g s instead; setting them takes CAP_SYS_RESOURCE",
			manager_source_name(m), strerror(-r),
			(double)m->config->policy.poll / NSEC_PER_SEC);
	memcpy(m->threshold, threshold, sizeof(m->threshold));
	m->watching = true;
	m->unwatched = r < 0;
}

void sample_fill(const struct manager *m, struct host_record *ret)
{
	*ret = (struct host_record){
		.present = HOST_HAS_MEMORY | HOST_HAS_FREE | HOST_HAS_ARC | HOST_HAS_SWAP |
			   HOST_HAS_POOL_TOTAL,
		.total = m->host.total,
		.free = m->host.free,
		.pool_total = m->host.hugetlb,
		.available = m->host.available,
		.arc_size = m->host.arc_size,
		.arc_min = m->host.arc_min,
		.swap_total = m->host.swap_total,
		.swap_free = m->host.swap_free,
	};
}

/* What the source reported last: for readers of records; the engine judges by itself. */
static void fill_pressure(const struct manager *m, struct host_record *r)
{
	const struct source_pressure *p = &m->pressure;

	if (!m->has_pressure)
		return;
	r->present |= HOST_HAS_LEVEL | HOST_HAS_CAUSE;
	r->level = p->level;
	r->cause = p->level > POLICY_LEVEL_NONE && !p->stall && !p->oom ? HOST_CAUSE_AVAILABLE : 0;
	r->cause |= p->stall ? HOST_CAUSE_STALL : 0;
	r->cause |= p->oom ? HOST_CAUSE_OOM : 0;
	if (!p->has_stalls)
		return;
	r->present |= HOST_HAS_STALLS | HOST_HAS_OOM_KILLS;
	r->stalls = p->stalls;
	r->oom_kills = p->oom_kills;
}

static void fill_ksm(struct manager *m, struct host_record *r)
{
	struct guest_record ksmd;

	manager_read_ksm(m, r);
	if (!(r->present & HOST_HAS_KSM_RUN))
		return;
	cost_read(&m->ksmd, COST_CPU, NULL, &ksmd);
	if (!(ksmd.present & GUEST_HAS_CPU))
		return;
	r->ksm.cpu_ns = ksmd.cpu_ns;
	r->present |= HOST_HAS_KSM_CPU;
}

/* Return: whether the host's memory can be read; logged when that changes. */
static bool read_memory(struct manager *m)
{
	int r = host_read(&m->host);
	bool was_unread = m->host_unread;

	m->host_unread = r < 0;
	if (r < 0 && !was_unread)
		log_error(
			"cannot read the host's memory from %s/meminfo: %s; the memory of guests is left as it is until that works",
			m->proc, strerror(-r));
	else if (r >= 0 && was_unread)
		log_info("the host's memory can be read again");
	return r >= 0;
}

enum policy_level sample_host(struct manager *m, bool quick, uint64_t now)
{
	struct host_record s;
	enum policy_level level;

	if (!read_memory(m))
		return POLICY_LEVEL_NONE;
	sample_fill(m, &s);
	policy_gate_host(&m->gate, &m->config->policy, &s, now, &m->gate_host);
	policy_gate_sampled(&m->gate, &m->gate_host, now);
	fill_pressure(m, &s);
	if (!quick) {
		fill_ksm(m, &s);
		numa_read(&m->numa, &s);
	}
	host_record_merge(&m->record, &s);
	/* Once more when it is over, or guests would keep their last figures. */
	m->cost_fields = 0;
	m->merged = m->record.ksm.saved || m->ksm_saved;
	if (s.swap_total - s.swap_free || m->swapped || s.pool_total)
		m->cost_fields |= COST_SWAP;
	m->ksm_saved = m->record.ksm.saved;
	m->swapped = s.swap_total - s.swap_free;
	level = policy_host_update(m->policy, &s, now);
	announce_level(m, level);
	set_thresholds(m, &s);
	return level;
}

/*
 * CPU time distinguishes a guest that is too busy to answer from one that has nothing
 * to say: it is read only while statistics are late. The engine takes
 * differences from one sample to the next, so the time before is left out.
 */
static void follow_cpu(struct guest *g, struct guest_record *s)
{
	uint64_t cpu = s->cpu_ns;

	if (g->cpu_known && cpu > g->cpu)
		g->cpu_while_late += cpu - g->cpu;
	g->cpu_known = s->present & GUEST_HAS_CPU;
	g->cpu = cpu;
	s->cpu_ns = g->cpu_while_late;
}

/* Of what the host has nothing, no guest has any. */
static void fill_zeros(const struct manager *m, struct guest_record *s)
{
	if (!(m->cost_fields & COST_SWAP))
		s->present |= GUEST_HAS_SWAPPED | GUEST_HAS_HUGETLB;
	if (!m->merged)
		s->present |= GUEST_HAS_KSM_SAVED;
}

/* @quick: on an event, only what the decision hangs on. */
void sample_costs(struct manager *m, bool quick, uint64_t now)
{
	unsigned int fields = quick ? 0 : m->cost_fields;
	bool merged = !quick && m->merged;
	struct ksm_pages ksm;

	if (m->costs_at && now - m->costs_at < COSTS_MAX_AGE)
		return;
	if (merged)
		ksm_sysfs_pages(&m->ksm.sysfs, &ksm);
	for (size_t i = 0; i < m->n_guests; i++) {
		struct guest *g = m->guests[i];
		struct guest_record s;
		bool late = !quick && g->stale_polls >= LATE_POLLS;

		if (!quick && now - g->pins_at >= PINS_MAX_AGE)
			manager_guest_pinned(g);
		cost_read(&g->cost, fields | (late ? COST_CPU : 0), merged ? &ksm : NULL, &s);
		if (!(s.present & GUEST_HAS_RSS) && g->rss) {
			s.rss = g->rss;
			s.present |= GUEST_HAS_RSS;
		}
		if (!quick)
			fill_zeros(m, &s);
		follow_cpu(g, &s);
		update_guest(m, g, &s, now);
	}
	m->costs_at = now;
}
