// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>

#include "dynmemd/qmp/guest_stats.h"
#include "common/util.h"

static const struct {
	const char *key;
	uint64_t bit;
	size_t offset;
} fields[] = {
#define FIELD(key, BIT, member)                                             \
	{                                                                   \
		key, GUEST_HAS_##BIT, offsetof(struct guest_record, member) \
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

/* QEMU says 2^64-1 for "never reported". */
static bool get_number(struct json_object *object, const char *key, uint64_t *ret)
{
	struct json_object *v;
	uint64_t n;

	if (!json_object_object_get_ex(object, key, &v) || !json_object_is_type(v, json_type_int))
		return false;
	n = json_object_get_uint64(v);
	/* Negative numbers read as 0. */
	if (n == UINT64_MAX || json_object_get_int64(v) < 0)
		return false;
	*ret = n;
	return true;
}

void stats_parse(struct guest_record *ret, struct json_object *guest_stats)
{
	struct json_object *stats = NULL;

	*ret = (struct guest_record){ 0 };
	if (!json_object_is_type(guest_stats, json_type_object))
		return;
	if (get_number(guest_stats, "last-update", &ret->last_update))
		ret->present |= GUEST_HAS_LAST_UPDATE;
	if (!json_object_object_get_ex(guest_stats, "stats", &stats) ||
	    !json_object_is_type(stats, json_type_object))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		uint64_t *member = (uint64_t *)((char *)ret + fields[i].offset);

		if (get_number(stats, fields[i].key, member))
			ret->present |= fields[i].bit;
	}
}
