/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One record per guest and one per host: the only way for data into the engine.
 *
 * Backends and sources fill them, the manager hands them to
 * policy_guest_update() and policy_host_update(), `monitor --json` and `record`
 * write them as JSON, and recordings and the simulator enter by them too.
 *
 * Each field has a bit in @present.  An update may carry any part of a record:
 * the engine keeps what it knew of fields that are absent.  A field exists only
 * if the product fills it; a test in the lab fails if one is never seen.
 *
 * Bytes unless stated otherwise.  Counters only rise; a lower value is a
 * restart of who counts.
 */
#ifndef DYNMEM_POLICY_RECORD_H
#define DYNMEM_POLICY_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_NODES_MAX 8u /* NUMA nodes that are reported */

/* ------------------------------------------------------------------------
 * A guest
 * ------------------------------------------------------------------------ */

/* The machine, as QEMU has it now. */
#define GUEST_HAS_MEMORY  (UINT64_C(1) << 0)
#define GUEST_HAS_DIMMS	  (UINT64_C(1) << 1)
#define GUEST_HAS_DEVICES (UINT64_C(1) << 2)
#define GUEST_HAS_PINS	  (UINT64_C(1) << 3)
#define GUEST_HAS_CAPS	  (UINT64_C(1) << 4)
#define GUEST_HAS_ACTUAL  (UINT64_C(1) << 5)

/* Statistics of the guest. */
#define GUEST_HAS_LAST_UPDATE  (UINT64_C(1) << 8)
#define GUEST_HAS_STAT_ACTUAL  (UINT64_C(1) << 9)
#define GUEST_HAS_TOTAL	       (UINT64_C(1) << 10)
#define GUEST_HAS_AVAILABLE    (UINT64_C(1) << 11)
#define GUEST_HAS_FREE	       (UINT64_C(1) << 12)
#define GUEST_HAS_DISK_CACHES  (UINT64_C(1) << 13)
#define GUEST_HAS_SWAP_IN      (UINT64_C(1) << 14)
#define GUEST_HAS_SWAP_OUT     (UINT64_C(1) << 15)
#define GUEST_HAS_MAJOR_FAULTS (UINT64_C(1) << 16)
#define GUEST_HAS_OOM_KILL     (UINT64_C(1) << 17)
#define GUEST_HAS_ALLOC_STALL  (UINT64_C(1) << 18)
#define GUEST_HAS_MINOR_FAULTS (UINT64_C(1) << 19)
#define GUEST_HAS_HUGE_ALLOCS  (UINT64_C(1) << 20)
#define GUEST_HAS_HUGE_FAILS   (UINT64_C(1) << 21)
#define GUEST_HAS_ASYNC_SCANS  (UINT64_C(1) << 22)
#define GUEST_HAS_DIRECT_SCANS (UINT64_C(1) << 23)

/* What it costs the host. */
#define GUEST_HAS_RSS	    (UINT64_C(1) << 24)
#define GUEST_HAS_SWAPPED   (UINT64_C(1) << 25)
#define GUEST_HAS_HUGETLB   (UINT64_C(1) << 26)
#define GUEST_HAS_KSM_SAVED (UINT64_C(1) << 27)
#define GUEST_HAS_DISK_READ (UINT64_C(1) << 28)
#define GUEST_HAS_CPU	    (UINT64_C(1) << 29)

/* Statistics again. */
#define GUEST_HAS_ASYNC_RECLAIMS  (UINT64_C(1) << 30)
#define GUEST_HAS_DIRECT_RECLAIMS (UINT64_C(1) << 31)

/* Groups of them. */
#define GUEST_HAS_STATS (GUEST_HAS_LAST_UPDATE | GUEST_HAS_STAT_ACTUAL)
#define GUEST_HAS_ALL_STATS                                                                        \
	(GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE | GUEST_HAS_FREE |                \
	 GUEST_HAS_DISK_CACHES | GUEST_HAS_SWAP_IN | GUEST_HAS_SWAP_OUT | GUEST_HAS_MAJOR_FAULTS | \
	 GUEST_HAS_OOM_KILL | GUEST_HAS_ALLOC_STALL | GUEST_HAS_MINOR_FAULTS |                     \
	 GUEST_HAS_HUGE_ALLOCS | GUEST_HAS_HUGE_FAILS | GUEST_HAS_ASYNC_SCANS |                    \
	 GUEST_HAS_DIRECT_SCANS | GUEST_HAS_ASYNC_RECLAIMS | GUEST_HAS_DIRECT_RECLAIMS)
#define GUEST_HAS_COSTS                                                                \
	(GUEST_HAS_RSS | GUEST_HAS_SWAPPED | GUEST_HAS_HUGETLB | GUEST_HAS_KSM_SAVED | \
	 GUEST_HAS_DISK_READ | GUEST_HAS_CPU)

/* guest_record.pins: why a balloon frees nothing on the host. */
#define GUEST_PIN_VFIO	       (1u << 0) /* a passed-through device, mdev as well */
#define GUEST_PIN_HUGETLB      (1u << 1) /* memory from a pool of huge pages */
#define GUEST_PIN_LOCKED       (1u << 2) /* mlock: -overcommit mem-lock, <locked/> */
#define GUEST_PIN_CONFIDENTIAL (1u << 3) /* SEV, TDX */
#define GUEST_PIN_VDPA	       (1u << 4)
#define GUEST_PIN_NVME	       (1u << 5) /* a disk by QEMU's own NVMe driver */

/* guest_record.caps */
#define GUEST_CAP_BALLOON	      (1u << 0) /* a virtio-balloon device */
#define GUEST_CAP_FREE_PAGE_REPORTING (1u << 1) /* what the guest frees is given back */
#define GUEST_CAP_DEFLATE_ON_OOM      (1u << 2) /* it deflates before the guest kills */

/**
 * struct guest_record - a guest
 * @present: GUEST_HAS_* of the fields below that are known
 * @memory: what a balloon's size counts from: what the machine was started with
 *	and @dimms
 * @dimms: of pc-dimm devices
 * @devices: of other memory devices, which a balloon does not reach: virtio-mem,
 *	nvdimm, virtio-pmem
 * @pins: GUEST_PIN_* why its balloon frees nothing; 0: nothing speaks against it
 * @caps: GUEST_CAP_* that are on
 * @actual: the balloon's size now, by BALLOON_CHANGE or query-balloon
 *
 * @last_update: QEMU's last-update, seconds; only compared with the one before:
 *	equal means the guest has not answered since; 0: it never did
 * @stat_actual: the balloon's size when the statistics were taken
 * @total: stat-total-memory
 * @available: stat-available-memory
 * @free: stat-free-memory
 * @disk_caches: stat-disk-caches
 * @swap_in: stat-swap-in, since boot
 * @swap_out: stat-swap-out, since boot
 * @major_faults: stat-major-faults, count since boot
 * @oom_kill: stat-oom-kills, count since boot; libvirt does not pass it on
 * @alloc_stall: stat-alloc-stalls of order <= 3 where known, count since boot;
 *	libvirt does not pass it on
 * @minor_faults: stat-minor-faults; this and those that follow are counts since
 *	boot, which the engine does not use; libvirt passes on the first three
 * @huge_allocs: stat-htlb-pgalloc
 * @huge_fails: stat-htlb-pgfail
 * @async_scans: stat-async-scans, pages
 * @direct_scans: stat-direct-scans, pages
 * @async_reclaims: stat-async-reclaims, pages
 * @direct_reclaims: stat-direct-reclaims, pages
 *
 * @rss: resident in the QEMU process, huge pages of pools not counted
 * @swapped: of that process in the host's swap
 * @hugetlb: of that process in huge pages of pools
 * @ksm_saved: what KSM saves in it, and it can call in by writing
 * @disk_read: read by all its disks since start
 * @cpu_ns: CPU time of the process since start, ns
 *
 * Of statistics, all ones (QEMU's "never reported", as 64 or as 32 bits) is
 * taken as absent even when its bit is set.
 */
struct guest_record {
	uint64_t present;

	uint64_t memory, dimms, devices;
	uint32_t pins, caps;
	uint64_t actual;

	uint64_t last_update, stat_actual;
	uint64_t total, available, free, disk_caches;
	uint64_t swap_in, swap_out, major_faults, oom_kill, alloc_stall;
	uint64_t minor_faults, huge_allocs, huge_fails;
	uint64_t async_scans, direct_scans, async_reclaims, direct_reclaims;

	uint64_t rss, swapped, hugetlb, ksm_saved;
	uint64_t disk_read, cpu_ns;
};

/* ------------------------------------------------------------------------
 * The host
 * ------------------------------------------------------------------------ */

enum policy_level {
	POLICY_LEVEL_NONE,     /* ESX: high */
	POLICY_LEVEL_LOW,      /* ESX: soft, below 4 x minfree */
	POLICY_LEVEL_MEDIUM,   /* ESX: hard, below 2 x minfree */
	POLICY_LEVEL_CRITICAL, /* ESX: low, below 1 x minfree */
};

#define POLICY_LEVELS (POLICY_LEVEL_CRITICAL + 1)

#define HOST_HAS_TOTAL	    (UINT64_C(1) << 0)
#define HOST_HAS_FREE	    (UINT64_C(1) << 1)
#define HOST_HAS_AVAILABLE  (UINT64_C(1) << 2)
#define HOST_HAS_ARC_SIZE   (UINT64_C(1) << 3)
#define HOST_HAS_ARC_MIN    (UINT64_C(1) << 4)
#define HOST_HAS_SWAP_TOTAL (UINT64_C(1) << 5)
#define HOST_HAS_SWAP_FREE  (UINT64_C(1) << 6)
#define HOST_HAS_POOL_TOTAL (UINT64_C(1) << 7)
#define HOST_HAS_NODES	    (UINT64_C(1) << 9)

#define HOST_HAS_LEVEL	   (UINT64_C(1) << 16)
#define HOST_HAS_CAUSE	   (UINT64_C(1) << 17)
#define HOST_HAS_STALLS	   (UINT64_C(1) << 18)
#define HOST_HAS_OOM_KILLS (UINT64_C(1) << 19)

#define HOST_HAS_KSM_RUN	   (UINT64_C(1) << 24)
#define HOST_HAS_KSM_PAGES_TO_SCAN (UINT64_C(1) << 25)
#define HOST_HAS_KSM_SLEEP_MS	   (UINT64_C(1) << 26)
#define HOST_HAS_KSM_ADVISOR	   (UINT64_C(1) << 27)
#define HOST_HAS_KSM_SAVED	   (UINT64_C(1) << 28)
#define HOST_HAS_KSM_MERGEABLE	   (UINT64_C(1) << 29)
#define HOST_HAS_KSM_FULL_SCANS	   (UINT64_C(1) << 30)
#define HOST_HAS_KSM_PAGES_SCANNED (UINT64_C(1) << 31)
#define HOST_HAS_KSM_CPU	   (UINT64_C(1) << 32)

/* Groups of them. */
#define HOST_HAS_MEMORY (HOST_HAS_TOTAL | HOST_HAS_AVAILABLE)
#define HOST_HAS_ARC	(HOST_HAS_ARC_SIZE | HOST_HAS_ARC_MIN)
#define HOST_HAS_SWAP	(HOST_HAS_SWAP_TOTAL | HOST_HAS_SWAP_FREE)
#define HOST_HAS_KSM                                                             \
	(HOST_HAS_KSM_RUN | HOST_HAS_KSM_PAGES_TO_SCAN | HOST_HAS_KSM_SLEEP_MS | \
	 HOST_HAS_KSM_ADVISOR | HOST_HAS_KSM_SAVED | HOST_HAS_KSM_MERGEABLE |    \
	 HOST_HAS_KSM_FULL_SCANS)

#define HOST_HAS_ALL_KSM (HOST_HAS_KSM | HOST_HAS_KSM_PAGES_SCANNED | HOST_HAS_KSM_CPU)

/* host_record.cause: what a source has for its level. */
#define HOST_CAUSE_AVAILABLE (1u << 0) /* available memory is below a threshold */
#define HOST_CAUSE_STALL     (1u << 1) /* tasks stall in direct reclaim */
#define HOST_CAUSE_OOM	     (1u << 2) /* the host ran out of memory */

struct host_node {
	uint64_t total, available; /* bytes */
};

/**
 * struct host_ksm - KSM's settings and counters
 * @run: 0, 1 or 2 as in sysfs
 * @pages_to_scan: as in sysfs
 * @sleep_ms: as in sysfs
 * @advisor: the kernel's own advisor is on, and ignores what one writes
 * @saved: bytes saved now, those by the zero page among them
 * @mergeable: bytes that ksmd walks in one full scan (rmap items known to it)
 * @full_scans: count since boot
 * @pages_scanned: count since boot
 * @cpu_ns: CPU time of ksmd since boot
 */
struct host_ksm {
	uint32_t run;
	uint64_t pages_to_scan, sleep_ms;
	bool advisor;
	uint64_t saved, mergeable, full_scans, pages_scanned, cpu_ns;
};

/**
 * struct host_record - the host
 * @present: HOST_HAS_* of the fields below that are known
 * @total: MemTotal
 * @free: MemFree
 * @available: MemAvailable
 * @arc_size: ZFS's cache
 * @arc_min: what that does not go below
 * @swap_total: SwapTotal
 * @swap_free: SwapFree
 * @pool_total: of all pools of huge pages
 * @nodes: how many of @node are filled, at most RECORD_NODES_MAX
 * @node: per NUMA node
 * @level: that a source has reason for; the engine's own follows from it
 * @cause: HOST_CAUSE_* of @level
 * @stalls: direct reclaims, count since the source's start
 * @oom_kills: processes that the host killed, count
 * @ksm: absent on a kernel without KSM
 */
struct host_record {
	uint64_t present;

	uint64_t total, free, available;
	uint64_t arc_size, arc_min;
	uint64_t swap_total, swap_free;
	uint64_t pool_total;
	uint32_t nodes;
	struct host_node node[RECORD_NODES_MAX];

	enum policy_level level;
	uint32_t cause;
	uint64_t stalls, oom_kills;

	struct host_ksm ksm;
};

/* ------------------------------------------------------------------------
 * Tables of their fields, to write and read records by
 * ------------------------------------------------------------------------ */

enum record_type {
	RECORD_U64,
	RECORD_U32,
	RECORD_S32,
	RECORD_DOUBLE,
	RECORD_BOOL,
	RECORD_LEVEL,	   /* enum policy_level */
	RECORD_BITS,	   /* u32, @names of its bits */
	RECORD_HOST_NODES, /* an array with its count */
};

/**
 * struct record_field - one field of a record
 * @name: in JSON
 * @bit: in @present; 0: always there
 * @type: of the member
 * @offset: of the member
 * @count: offset of an array's count
 * @item: size of an array's item; 0: it is none
 * @names: of the bits of RECORD_BITS, from bit 0 on, up to NULL
 */
struct record_field {
	const char *name;
	uint64_t bit;
	enum record_type type;
	size_t offset, count, item;
	const char *const *names;
};

/* Up to a field without a name. */
extern const struct record_field guest_record_fields[];
extern const struct record_field host_record_fields[];

/** guest_record_merge() - what @from has, into @into */
void guest_record_merge(struct guest_record *into, const struct guest_record *from);

/** host_record_merge() - what @from has, into @into */
void host_record_merge(struct host_record *into, const struct host_record *from);

#endif /* DYNMEM_POLICY_RECORD_H */
