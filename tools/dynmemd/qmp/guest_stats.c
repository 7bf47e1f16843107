// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>
#include <string.h>

#include "dynmemd/qmp/guest_stats.h"
#include "common/util.h"

static const struct {
	struct json_span key;
	uint64_t bit;
	size_t offset;
} fields[] = {
#define FIELD(key, BIT, member)                                                                  \
	{                                                                                        \
		{ key, sizeof(key) - 1 }, GUEST_HAS_##BIT, offsetof(struct guest_record, member) \
	}
	FIELD("stat-total-memory", TOTAL, total),
	FIELD("stat-available-memory", AVAILABLE, available),
	FIELD("stat-free-memory", FREE, free),
	FIELD("stat-disk-caches", DISK_CACHES, disk_caches),
	FIELD("stat-swap-in", SWAP_IN, swap_in),
	FIELD("stat-swap-out", SWAP_OUT, swap_out),
	FIELD("stat-major-faults", MAJOR_FAULTS, major_faults),
	FIELD("stat-minor-faults", MINOR_FAULTS, minor_faults),
	FIELD("stat-htlb-pgalloc", HUGE_ALLOCS, huge_allocs),
	FIELD("stat-htlb-pgfail", HUGE_FAILS, huge_fails),
	/* QEMU 9.1 and Linux 6.12 on */
	FIELD("stat-oom-kills", OOM_KILL, oom_kill),
	FIELD("stat-alloc-stalls", ALLOC_STALL, alloc_stall),
	FIELD("stat-async-scans", ASYNC_SCANS, async_scans),
	FIELD("stat-direct-scans", DIRECT_SCANS, direct_scans),
	FIELD("stat-async-reclaims", ASYNC_RECLAIMS, async_reclaims),
	FIELD("stat-direct-reclaims", DIRECT_RECLAIMS, direct_reclaims),
};

static void take_stat(struct guest_record *r, struct json_span key, struct json_cursor *c)
{
	uint64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint64_t *member = (uint64_t *)((char *)r + fields[i].offset);

		if (key.len != fields[i].key.len || memcmp(key.p, fields[i].key.p, key.len) != 0)
			continue;
		/* QEMU says 2^64-1 for "never reported". */
		if (json_number(c, &n) && n != UINT64_MAX) {
			*member = n;
			r->present |= fields[i].bit;
		} else {
			*member = 0;
			r->present &= ~fields[i].bit;
		}
		return;
	}
	json_skip(c);
}

void stats_parse(struct guest_record *ret, struct json_cursor *c)
{
	uint64_t last_update = UINT64_MAX;
	struct json_span key;

	*ret = (struct guest_record){ 0 };
	if (!json_enter(c, '{'))
		return;
	while (json_key(c, &key)) {
		if (span_is(key, "last-update")) {
			if (!json_number(c, &last_update))
				last_update = UINT64_MAX;
		} else if (span_is(key, "stats")) {
			*ret = (struct guest_record){ 0 };
			if (json_enter(c, '{'))
				while (json_key(c, &key))
					take_stat(ret, key, c);
		} else {
			json_skip(c);
		}
	}
	if (last_update == UINT64_MAX)
		return;
	ret->last_update = last_update;
	ret->present |= GUEST_HAS_LAST_UPDATE;
}
