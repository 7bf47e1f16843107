// SPDX-License-Identifier: GPL-2.0
/* Records of guests, on their way to the engine; of a machine, as its backend has it. */
#include "dynmemd/core/manager_private.h"
#include "dynmemd/host/pinned_memory.h"

/* What the gate counts by: of the host's own knowledge, nothing that a guest reports. */
static uint64_t resident(const struct guest_record *r)
{
	return r->present & GUEST_HAS_RSS ? r->rss + r->swapped + r->hugetlb : UINT64_MAX;
}

bool update_guest(struct manager *m, struct guest *g, const struct guest_record *r, uint64_t now)
{
	guest_record_merge(&g->known, r);
	g->books.resident = resident(&g->known);
	return policy_guest_update(m->policy, g->handle, r, now) > 0;
}

static uint32_t caps_of(const struct guest *g)
{
	uint32_t caps = g->has_balloon ? GUEST_CAP_BALLOON : 0;

	if (g->traits & GUEST_FREE_PAGE_REPORTING)
		caps |= GUEST_CAP_FREE_PAGE_REPORTING;
	if (g->traits & GUEST_DEFLATE_ON_OOM)
		caps |= GUEST_CAP_DEFLATE_ON_OOM;
	return caps;
}

static uint32_t pins_of(const struct guest *g)
{
	return pinned_bit(g->pinned) | pinned_bit(g->command_pinned) |
	       pinned_bit(g->counted_pinned);
}

void update_machine(struct manager *m, struct guest *g, uint64_t fields, uint64_t now)
{
	struct guest_record r = {
		.present = fields,
		.memory = g->memory,
		.dimms = g->dimms,
		.devices = g->other,
		.pins = pins_of(g),
		.caps = caps_of(g),
		.actual = g->actual,
	};

	update_guest(m, g, &r, now);
}
