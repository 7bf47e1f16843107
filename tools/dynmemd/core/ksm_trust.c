// SPDX-License-Identifier: GPL-2.0
/*
 * Trust domains: between tenants merging is a side channel, since the time that a
 * write takes shows whether somebody else has the same page.  The kernel merges all
 * that may be merged, so all that can be decided is whether ksmd runs.
 */
#include <stdio.h>
#include <string.h>

#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

/* Processes are searched for programs so often, ... */
#define SEARCH_PERIOD (60 * NSEC_PER_SEC)
/* ... and so soon again when one was found: a guest that starts is none for a moment. */
#define SEARCH_AGAIN (10 * NSEC_PER_SEC)

static const char *domain_of(const struct guest *g)
{
	return *g->limits.trust ? g->limits.trust : "none";
}

/*
 * Two guests whose memory KSM takes, and that do not trust each other.  Whether it does
 * is read from /proc: not of all guests at each decision.
 */
static bool find_strangers(const struct manager *m, const struct guest **ret_a,
			   const struct guest **ret_b)
{
	*ret_a = NULL;
	for (size_t i = 0; i < m->n_guests; i++) {
		const struct guest *g = m->guests[i];

		if (*ret_a && !strcmp((*ret_a)->limits.trust, g->limits.trust))
			continue;
		if (guest_unmergeable(g))
			continue;
		*ret_b = g;
		if (*ret_a)
			return true;
		*ret_a = g;
	}
	return false;
}

static bool is_guest(const void *userdata, pid_t pid)
{
	const struct manager *m = userdata;

	for (size_t i = 0; i < m->n_guests; i++)
		if (m->guests[i]->pid == pid)
			return true;
	return false;
}

/* Whether a program was seen twice that is not of a guest's domain. */
static bool find_program(struct manager *m, const struct guest *g)
{
	struct ksm_act *k = &m->ksm;
	uint64_t now = manager_now(m);
	struct ksm_program p;

	/* A guest whose process is not known would be taken for a program. */
	if (is_guest(m, 0))
		return false;
	if (now >= k->programs_at) {
		if (!ksm_program_find(m->proc, g->limits.trust, is_guest, m, &p))
			p = (struct ksm_program){ 0 };
		k->program_stays = p.pid && p.pid == k->program.pid;
		k->program = p;
		k->programs_at = now + (p.pid ? SEARCH_AGAIN : SEARCH_PERIOD);
	}
	tick_at(m, k->programs_at);
	return k->program_stays;
}

static void check_guests(struct manager *m)
{
	struct ksm_act *k = &m->ksm;
	const struct guest *a, *b;

	k->strangers = find_strangers(m, &a, &b);
	if (k->strangers) {
		snprintf(
			k->mixed, sizeof(k->mixed),
			"guests of more than one trust domain have memory that KSM may merge: %.40s (%.20s) and %.40s (%.20s)",
			a->name, domain_of(a), b->name, domain_of(b));
	} else if (a && *a->limits.trust && find_program(m, a)) {
		/* Where no guest has a domain, programs are of the same one as guests. */
		k->strangers = k->strange_program = true;
		snprintf(
			k->mixed, sizeof(k->mixed),
			"a guest and a program of another trust domain have memory that KSM may merge: %.40s (%.20s) and %.31s, pid %d (%.40s)",
			a->name, a->limits.trust, k->program.name, (int)k->program.pid,
			k->program.slice);
	}
}

void trust_check(struct manager *m)
{
	struct ksm_act *k = &m->ksm;

	*k->mixed = 0;
	k->strangers = k->strange_program = false;
	if (m->config->ksm_mode != KSM_MODE_OFF && !m->config->ksm_across)
		check_guests(m);
}

bool trust_stops_ksmd(const struct manager *m)
{
	const struct ksm_act *k = &m->ksm;

	return k->strangers && ksm_managing(m) && k->control && !*k->rival && !*k->error;
}

static bool ksmd_runs(const struct manager *m)
{
	struct host_record h = { 0 };

	ksm_sysfs_read(&m->ksm.sysfs, &h);
	return h.present & HOST_HAS_KSM_RUN && h.ksm.run == 1;
}

/* Where it is only reported, or ksmd is another's, it matters only while ksmd runs. */
static void describe(struct manager *m)
{
	struct ksm_act *k = &m->ksm;

	*k->alert = 0;
	if (!k->strangers)
		return;
	if (trust_stops_ksmd(m))
		snprintf(k->alert, sizeof(k->alert), "%s; ksmd is stopped", k->mixed);
	else if (ksmd_runs(m))
		snprintf(k->alert, sizeof(k->alert), "%s; ksmd runs, set by %.100s", k->mixed,
			 ksm_driver(m));
}

void trust_report(struct manager *m)
{
	struct ksm_act *k = &m->ksm;
	char before[sizeof(k->alert)];

	memcpy(before, k->alert, sizeof(before));
	describe(m);
	if (!strcmp(k->alert, before))
		return;
	if (!*k->alert)
		log_notice("KSM: no memory is merged across trust domains any more");
	else if (trust_stops_ksmd(m))
		log_warning("KSM: %s (across = yes in [ksm] lets it run)", k->alert);
	else
		log_error(
			"ALERT: KSM: %s; with [ksm] mode = manage dynmemd stops it, if it alone sets ksmd; mem-merge=off keeps a guest out; across = yes allows it",
			k->alert);
}
