// SPDX-License-Identifier: GPL-2.0
/* What KSM saves in a guest, and why it is not more. */
#include "dynmemd/core/manager_private.h"

/* So large a part of what ksmd walks changes all the time. */
#define CHANGING_PART 2

void manager_read_cost(const struct manager *m, const struct guest *g, struct guest_record *ret)
{
	struct ksm_pages ksm;

	ksm_sysfs_pages(&m->ksm.sysfs, &ksm);
	cost_read(&g->cost, 0, &ksm, ret);
}

const char *manager_unmerged(const struct manager *m, const struct guest *g)
{
	const char *why = guest_unmergeable(g);
	struct host_record h = { 0 };
	struct guest_record cost;
	struct ksm_pages ksm;

	if (why)
		return why;
	if (g->known.pins & GUEST_PIN_CONFIDENTIAL)
		return "its memory is encrypted";
	ksm_sysfs_read(&m->ksm.sysfs, &h);
	if (!(h.present & HOST_HAS_KSM_RUN))
		return "this kernel has no KSM";
	if (h.ksm.run == 2)
		return "all memory is being unmerged (run = 2)";
	if (m->ksm.strangers && h.ksm.run == 0)
		return "ksmd is stopped, since guests of another trust domain are here";
	if (h.ksm.run == 0)
		return "ksmd is stopped (run = 0)";
	manager_read_cost(m, g, &cost);
	if (cost.ksm_saved)
		return NULL;
	ksm_sysfs_pages(&m->ksm.sysfs, &ksm);
	if (ksm.changing > (ksm.shared + ksm.sharing + ksm.unshared) / CHANGING_PART)
		return "most pages on this host change faster than ksmd scans them";
	if (ksm.chains)
		return "pages have more copies than max_page_sharing lets one replace";
	if (h.ksm.full_scans < 2)
		return "ksmd needs two full scans to merge";
	return NULL;
}
