// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "record.h"

static const char *const pins[] = {
	"vfio", "hugetlb", "locked", "confidential", "vdpa", "nvme", NULL,
};

static const char *const caps[] = {
	"balloon",
	"free-page-reporting",
	"deflate-on-oom",
	NULL,
};

static const char *const causes[] = {
	"available",
	"stall",
	"oom",
	NULL,
};

#define GUEST(name, BIT, member)                                                                \
	{                                                                                       \
		name, GUEST_HAS_##BIT, RECORD_U64, offsetof(struct guest_record, member), 0, 0, \
			NULL                                                                    \
	}
#define GUEST_BITS(name, BIT, member, names)                                                     \
	{                                                                                        \
		name, GUEST_HAS_##BIT, RECORD_BITS, offsetof(struct guest_record, member), 0, 0, \
			names                                                                    \
	}

const struct record_field guest_record_fields[] = {
	GUEST("memory", MEMORY, memory),
	GUEST("dimms", DIMMS, dimms),
	GUEST("devices", DEVICES, devices),
	GUEST_BITS("pins", PINS, pins, pins),
	GUEST_BITS("capabilities", CAPS, caps, caps),
	GUEST("actual", ACTUAL, actual),
	GUEST("last-update", LAST_UPDATE, last_update),
	GUEST("stat-actual", STAT_ACTUAL, stat_actual),
	GUEST("stat-total", TOTAL, total),
	GUEST("stat-available", AVAILABLE, available),
	GUEST("stat-free", FREE, free),
	GUEST("stat-disk-caches", DISK_CACHES, disk_caches),
	GUEST("stat-swap-in", SWAP_IN, swap_in),
	GUEST("stat-swap-out", SWAP_OUT, swap_out),
	GUEST("stat-major-faults", MAJOR_FAULTS, major_faults),
	GUEST("stat-oom-kills", OOM_KILL, oom_kill),
	GUEST("stat-alloc-stalls", ALLOC_STALL, alloc_stall),
	GUEST("stat-minor-faults", MINOR_FAULTS, minor_faults),
	GUEST("stat-htlb-pgalloc", HUGE_ALLOCS, huge_allocs),
	GUEST("stat-htlb-pgfail", HUGE_FAILS, huge_fails),
	GUEST("stat-async-scans", ASYNC_SCANS, async_scans),
	GUEST("stat-direct-scans", DIRECT_SCANS, direct_scans),
	GUEST("stat-async-reclaims", ASYNC_RECLAIMS, async_reclaims),
	GUEST("stat-direct-reclaims", DIRECT_RECLAIMS, direct_reclaims),
	GUEST("rss", RSS, rss),
	GUEST("swapped", SWAPPED, swapped),
	GUEST("hugetlb", HUGETLB, hugetlb),
	GUEST("ksm-saved", KSM_SAVED, ksm_saved),
	GUEST("disk-read", DISK_READ, disk_read),
	GUEST("cpu-ns", CPU, cpu_ns),
	{ 0 },
};

#define HOST_OF(name, BIT, TYPE, member)                                                         \
	{                                                                                        \
		name, HOST_HAS_##BIT, RECORD_##TYPE, offsetof(struct host_record, member), 0, 0, \
			NULL                                                                     \
	}
#define HOST(name, BIT, member) HOST_OF(name, BIT, U64, member)

const struct record_field host_record_fields[] = {
	HOST("total", TOTAL, total),
	HOST("free", FREE, free),
	HOST("available", AVAILABLE, available),
	HOST("arc-size", ARC_SIZE, arc_size),
	HOST("arc-min", ARC_MIN, arc_min),
	HOST("swap-total", SWAP_TOTAL, swap_total),
	HOST("swap-free", SWAP_FREE, swap_free),
	HOST("pool-total", POOL_TOTAL, pool_total),
	{ "nodes", HOST_HAS_NODES, RECORD_HOST_NODES, offsetof(struct host_record, node),
	  offsetof(struct host_record, nodes), sizeof(struct host_node), NULL },
	HOST_OF("level", LEVEL, LEVEL, level),
	{ "cause", HOST_HAS_CAUSE, RECORD_BITS, offsetof(struct host_record, cause), 0, 0, causes },
	HOST("stalls", STALLS, stalls),
	HOST("oom-kills", OOM_KILLS, oom_kills),
	HOST_OF("ksm-run", KSM_RUN, U32, ksm.run),
	HOST("ksm-pages-to-scan", KSM_PAGES_TO_SCAN, ksm.pages_to_scan),
	HOST("ksm-sleep-ms", KSM_SLEEP_MS, ksm.sleep_ms),
	HOST_OF("ksm-advisor", KSM_ADVISOR, BOOL, ksm.advisor),
	HOST("ksm-saved", KSM_SAVED, ksm.saved),
	HOST("ksm-mergeable", KSM_MERGEABLE, ksm.mergeable),
	HOST("ksm-full-scans", KSM_FULL_SCANS, ksm.full_scans),
	HOST("ksm-pages-scanned", KSM_PAGES_SCANNED, ksm.pages_scanned),
	HOST("ksm-cpu-ns", KSM_CPU, ksm.cpu_ns),
	{ 0 },
};

static size_t size_of(const struct record_field *f)
{
	switch (f->type) {
	case RECORD_U64:
		return sizeof(uint64_t);
	case RECORD_DOUBLE:
		return sizeof(double);
	case RECORD_BOOL:
		return sizeof(bool);
	case RECORD_LEVEL:
		return sizeof(enum policy_level);
	case RECORD_S32:
	case RECORD_U32:
	case RECORD_BITS:
		return sizeof(uint32_t);
	case RECORD_HOST_NODES:
		return RECORD_NODES_MAX * f->item;
	}
	return 0;
}

static void merge(const struct record_field *f, void *into, const void *from, uint64_t present)
{
	for (; f->name; f++) {
		if (!(present & f->bit))
			continue;
		memcpy((char *)into + f->offset, (const char *)from + f->offset, size_of(f));
		if (f->item)
			memcpy((char *)into + f->count, (const char *)from + f->count,
			       sizeof(uint32_t));
	}
}

void guest_record_merge(struct guest_record *into, const struct guest_record *from)
{
	merge(guest_record_fields, into, from, from->present);
	into->present |= from->present;
}

void host_record_merge(struct host_record *into, const struct host_record *from)
{
	merge(host_record_fields, into, from, from->present);
	into->present |= from->present;
}
