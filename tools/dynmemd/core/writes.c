// SPDX-License-Identifier: GPL-2.0
/*
 * The only way to a guest's balloon and cgroup: through the gate, with the
 * host's memory as it is at this moment.
 */
#include <errno.h>
#include <time.h>

#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

void writes_begin(struct manager *m, uint64_t now)
{
	m->gate_read = false;
	if (m->gate_logged && policy_gate_binds(&m->gate, now) <= POLICY_GATE_NEED) {
		m->gate_logged = POLICY_GATE_NONE;
		log_info("gate: nothing has been held back for a minute");
	}
}

/* A host that cannot be read has no shortage to show. */
static void read_host(struct manager *m)
{
	struct host_record s;
	bool unread;

	if (m->gate_read)
		return;
	unread = host_read(&m->host) < 0;
	sample_fill(m, &s);
	/* Then nothing is short. */
	if (unread)
		s.available = s.total;
	policy_gate_host(&m->gate, &m->config->policy, &s, manager_now(m), &m->gate_host);
	m->gate_read = true;
}

/*
 * Once, until nothing has bound for a minute; need is no news: it is why others
 * have to give.
 */
static void log_rule(struct manager *m, enum policy_gate_rule rule)
{
	const struct policy_tunables *t = &m->config->policy;

	if (rule == m->gate_logged || rule <= POLICY_GATE_NEED)
		return;
	m->gate_logged = rule;
	if (rule == POLICY_GATE_RATE)
		log_warning(
			"gate: %.0f MiB were taken from guests within a minute, no more than %.0f may be (take_share): the rest has to wait",
			(double)policy_gate_counted(&m->gate, &m->gate_host, manager_now(m)) / MIB,
			(double)policy_gate_cap(t, &m->gate_host) / MIB);
	else if (rule == POLICY_GATE_GUESTS)
		log_info(
			"gate: %llu guests were shrunk within a second (max_guests_at_once): the others have to wait",
			(unsigned long long)t->max_guests_at_once);
	else if (rule == POLICY_GATE_SHORTAGE)
		log_warning(
			"gate: an emergency with %.0f MiB available on the host is none: nothing is taken",
			(double)m->gate_host.available / MIB);
}

/* The first command that follows an event shows how fast that was; not by the loop's clock. */
static void count_reaction(struct manager *m)
{
	struct timespec t;
	uint64_t now;

	if (!m->event_at)
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
	m->counters.reactions++;
	m->counters.reaction_ns += now > m->event_at ? now - m->event_at : 0;
	m->event_at = 0;
}

int write_target(struct manager *m, struct guest *g, uint64_t *target, bool emergency, uint64_t now)
{
	uint64_t keep = policy_guest_keeps(m->policy, g->handle), size = *target;
	enum policy_gate_rule rule;
	bool first;
	int r;

	if (size < g->books.size) {
		read_host(m);
		size = policy_gate_pass(&m->gate, &m->config->policy, &m->gate_host, &g->books,
					size, keep, emergency, now, &rule);
		if (rule != POLICY_GATE_NONE)
			log_rule(m, rule);
		if (rule != POLICY_GATE_NONE && size >= g->books.size)
			return -ECANCELED;
	}
	r = g->ops->set_target(g, size);
	if (r < 0)
		return r;
	first = !policy_gate_taken(&m->gate, now);
	policy_gate_sent(&m->gate, &g->books, size, now);
	/* Whoever dies of what it takes has that on record. */
	if (first && policy_gate_taken(&m->gate, now))
		remember_next(m);
	count_reaction(m);
	*target = size;
	return r;
}

uint64_t write_reclaim(struct manager *m, uint64_t bytes, uint64_t now)
{
	read_host(m);
	bytes = policy_gate_reclaim(&m->gate, &m->config->policy, &m->gate_host, bytes, now);
	log_rule(m, policy_gate_binds(&m->gate, now));
	return bytes;
}

int manager_guest_repeat(struct guest *g)
{
	struct manager *m = g->manager;
	uint64_t now = manager_now(m);

	if (!manager_managing(m) || stop_now(m))
		return -EROFS;
	writes_begin(m, now);
	return write_target(m, g, &g->target, false, now);
}

void manager_gate(struct manager *m, struct manager_gate *ret)
{
	uint64_t now = manager_now(m);

	writes_begin(m, now);
	read_host(m);
	*ret = (struct manager_gate){
		.taken = policy_gate_counted(&m->gate, &m->gate_host, now),
		.cap = policy_gate_cap(&m->config->policy, &m->gate_host),
		.rule = policy_gate_binds(&m->gate, now),
	};
}
