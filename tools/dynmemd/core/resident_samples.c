// SPDX-License-Identifier: GPL-2.0
/*
 * Between two ticks: has a squeezed guest begun to fill memory?  What the host has
 * available shows whether somebody does, in one read; only then is read what each
 * guest has resident.
 */
#include "dynmemd/core/manager_private.h"

/* From one sample to the next: less is no guest that runs out of its room in a second. */
#define FELL (8 * MIB)

/*
 * Not sample_costs(): that would take the place of the tick's whole sample, and lose
 * the CPU time that is counted from one whole sample to the next.
 */
static void sample_resident(struct manager *m, uint64_t now)
{
	for (size_t i = 0; i < m->n_guests; i++) {
		struct guest *g = m->guests[i];
		struct guest_record s;

		if (!g->poll_period)
			continue;
		cost_read(&g->cost, 0, NULL, &s);
		if (s.present & GUEST_HAS_RSS)
			update_guest(m, g, &s, now);
	}
}

void resident_next(struct manager *m, uint64_t now)
{
	m->resident_base = m->host.available;
	if (m->result.resident && manager_managing(m))
		timer_set(m->resident, now + m->result.resident);
	else
		sd_event_source_set_enabled(m->resident, SD_EVENT_OFF);
}

bool resident_grows(struct manager *m, uint64_t now)
{
	uint64_t before = m->resident_base;

	if (host_read(&m->host) < 0 || m->host.available + FELL > before)
		return false;
	sample_resident(m, now);
	return policy_grows(m->policy);
}
