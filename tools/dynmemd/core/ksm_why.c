// SPDX-License-Identifier: GPL-2.0
/* What KSM saves in a guest, and why it is not more. */
#include "dynmemd/core/manager_private.h"

/* So large a part of what ksmd walks changes all the time. */
#define CHANGING_PART 2

/* Read anew in each turn of the event loop: who asks for all guests needs it once. */
static const struct ksm_now *read_now(struct manager *m)
{
	struct ksm_now *n = &m->ksm.now;
	uint64_t now = manager_now(m);

	if (n->at == now)
		return n;
	*n = (struct ksm_now){ .at = now };
	ksm_sysfs_read(&m->ksm.sysfs, &n->host);
	ksm_sysfs_pages(&m->ksm.sysfs, &n->pages);
	return n;
}

void manager_read_cost(struct manager *m, const struct guest *g, struct guest_record *ret)
{
	cost_read(&g->cost, 0, &read_now(m)->pages, ret);
}

/* Of the whole host; NULL: ksmd is at work. */
static const char *why_not_at_all(const struct manager *m, const struct host_record *h)
{
	if (!(h->present & HOST_HAS_KSM_RUN))
		return "this kernel has no KSM";
	if (h->ksm.run == 2)
		return "all memory is being unmerged (run = 2)";
	if (h->ksm.run == 1)
		return NULL;
	if (!trust_stops_ksmd(m))
		return "ksmd is stopped (run = 0)";
	return m->ksm.strange_program
		       ? "ksmd is stopped, since a program of another trust domain is here"
		       : "ksmd is stopped, since guests of another trust domain are here";
}

const char *manager_unmerged(struct manager *m, const struct guest *g)
{
	const struct ksm_now *n = read_now(m);
	const struct ksm_pages *p = &n->pages;
	const char *why = guest_unmergeable(g);
	struct guest_record cost;

	if (!why && g->known.pins & GUEST_PIN_CONFIDENTIAL)
		why = "its memory is encrypted";
	if (!why)
		why = why_not_at_all(m, &n->host);
	if (why)
		return why;
	manager_read_cost(m, g, &cost);
	if (cost.ksm_saved)
		return NULL;
	if (p->changing > (p->shared + p->sharing + p->unshared) / CHANGING_PART)
		return "most pages on this host change faster than ksmd scans them";
	if (p->chains)
		return "pages have more copies than max_page_sharing lets one replace";
	return n->host.ksm.full_scans < 2 ? "ksmd needs two full scans to merge" : NULL;
}
