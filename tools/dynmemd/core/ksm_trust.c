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

static const char *domain_of(const struct guest *g)
{
	return *g->limits.trust ? g->limits.trust : "none";
}

/* Two guests whose memory KSM takes, and that do not trust each other. */
static bool find_strangers(const struct manager *m, const struct guest **ret_a,
			   const struct guest **ret_b)
{
	*ret_a = NULL;
	for (size_t i = 0; i < m->n_guests; i++) {
		const struct guest *g = m->guests[i];

		if (guest_unmergeable(g))
			continue;
		if (!*ret_a)
			*ret_a = g;
		*ret_b = g;
		if (strcmp((*ret_a)->limits.trust, g->limits.trust) != 0)
			return true;
	}
	return false;
}

/* Whether it matters: ksmd runs, or would if nothing was done. */
static bool is_merging(const struct manager *m)
{
	struct host_record h = { 0 };

	if (ksm_managing(m))
		return true;
	ksm_sysfs_read(&m->ksm.sysfs, &h);
	return h.present & HOST_HAS_KSM_RUN && h.ksm.run == 1;
}

static void describe(struct ksm_act *k, const struct guest *a, const struct guest *b)
{
	snprintf(
		k->alert, sizeof(k->alert),
		"guests of more than one trust domain have memory that KSM may merge: %.40s (%.20s) and %.40s (%.20s)",
		a->name, domain_of(a), b->name, domain_of(b));
}

void trust_check(struct manager *m)
{
	struct ksm_act *k = &m->ksm;
	char before[sizeof(k->alert)];
	const struct guest *a, *b;

	memcpy(before, k->alert, sizeof(before));
	*k->alert = 0;
	k->strangers = m->config->ksm_mode != KSM_MODE_OFF && !m->config->ksm_across &&
		       find_strangers(m, &a, &b);
	if (k->strangers && is_merging(m))
		describe(k, a, b);
	if (!strcmp(k->alert, before))
		return;
	if (!*k->alert)
		log_notice("KSM: no memory is merged across trust domains any more");
	else if (ksm_managing(m))
		log_warning("KSM: %s: ksmd is stopped (across = yes in [ksm] lets it run)",
			    k->alert);
	else
		log_error(
			"ALERT: KSM: %s, and ksmd runs: with [ksm] mode = manage it is stopped; mem-merge=off keeps a guest out; across = yes allows it",
			k->alert);
}
