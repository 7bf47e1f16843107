// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which attribute goes to which member of which struct. */
#include "internal.h"

/* The kind of an attribute follows from the member's type. */
/* clang-format off */
#define MEMBER(type, member) {						\
	offsetof(struct type, member),					\
	sizeof(((struct type *)0)->member),				\
	_Generic(((struct type *)0)->member,				\
		 uint32_t: FIELD_UINT, uint64_t: FIELD_UINT,		\
		 int64_t: FIELD_SINT, char *: FIELD_TEXT,		\
		 const char *: FIELD_PATH,				\
		 struct dynmem_head: FIELD_HEAD)			\
}

#define LAYOUT(type, table) {						\
	sizeof(struct type),						\
	sizeof(table) / sizeof((table)[0]) - 1,				\
	table								\
}
/* clang-format on */

#define M(attr, member) [DYNMEM_A_HEAD_##attr] = MEMBER(dynmem_head, member)
static const struct field head_fields[] = {
	M(SEQ, seq),
	M(TIME, time),
	M(SINCE, since),
	M(COALESCED, coalesced),
	M(SEND_FAILURES, send_failures),
	M(CAPABILITIES, capabilities),
};

#undef M
const struct layout dn_head_layout = LAYOUT(dynmem_head, head_fields);

#define M(attr, member) [DYNMEM_A_PRESSURE_##attr] = MEMBER(dynmem_pressure, member)
static const struct field pressure_fields[] = {
	M(HEAD, head),
	M(EVENT, event),
	M(LEVEL, level),
	M(CAUSES, causes),
	M(LEVEL_SINCE, level_since),
	M(TOTAL, total),
	M(FREE, free),
	M(AVAILABLE, available),
	M(SWAP_FREE, swap_free),
	M(STALL_SHARE, stall_share),
	M(REFAULT_SHARE, refault_share),
	M(STALLED, stalled),
	M(STALLS, stalls),
	M(STALL_TIME, stall_time),
	M(HUGE_STALLS, huge_stalls),
	M(HUGE_STALL_TIME, huge_stall_time),
	M(MEMCG_STALLS, memcg_stalls),
	M(MEMCG_STALL_TIME, memcg_stall_time),
	M(UNTIMED_STALLS, untimed_stalls),
	M(RECLAIMED, reclaimed),
	M(MEMCG_RECLAIMED, memcg_reclaimed),
	M(THROTTLED, throttled),
	M(THROTTLED_TIME, throttled_time),
	M(KSWAPD_WAKES, kswapd_wakes),
	M(ALLOCSTALLS, allocstalls),
	M(SCANNED_DIRECT, scanned_direct),
	M(SCANNED_KSWAPD, scanned_kswapd),
	M(RECLAIMED_KSWAPD, reclaimed_kswapd),
	M(REFAULTS_ANON, refaults_anon),
	M(REFAULTS_FILE, refaults_file),
	M(RESTORES_ANON, restores_anon),
	M(RESTORES_FILE, restores_file),
	M(SWAP_INS, swap_ins),
	M(SWAP_OUTS, swap_outs),
	M(ZSWAP_INS, zswap_ins),
	M(ZSWAP_OUTS, zswap_outs),
	M(COMPACT_STALLS, compact_stalls),
	M(COMPACT_FAILS, compact_fails),
	M(THP_FALLBACKS, thp_fallbacks),
	M(HUGETLB_TOTAL, hugetlb_total),
	M(HUGETLB_FREE, hugetlb_free),
	M(OOMS, ooms),
	M(OOM_KILLS, oom_kills),
	M(CONSTRAINED_OOMS, constrained_ooms),
	M(CONSTRAINED_OOM_KILLS, constrained_oom_kills),
	M(MEMCG_OOM_KILLS, memcg_oom_kills),
};

#undef M
const struct layout dn_pressure_layout = LAYOUT(dynmem_pressure, pressure_fields);

#define M(attr, member) [DYNMEM_A_KSM_##attr] = MEMBER(dynmem_ksm, member)
static const struct field ksm_fields[] = {
	M(HEAD, head),
	M(EVENT, event),
	M(PAGE_SIZE, page_size),
	M(RUN, run),
	M(PAGES_TO_SCAN, pages_to_scan),
	M(SLEEP_MILLISECS, sleep_millisecs),
	M(MERGE_ACROSS_NODES, merge_across_nodes),
	M(MAX_PAGE_SHARING, max_page_sharing),
	M(USE_ZERO_PAGES, use_zero_pages),
	M(STABLE_NODE_CHAINS_PRUNE_MILLISECS, stable_node_chains_prune_millisecs),
	M(SMART_SCAN, smart_scan),
	M(ADVISOR_MODE, advisor_mode),
	M(ADVISOR_MAX_CPU, advisor_max_cpu),
	M(ADVISOR_MIN_PAGES_TO_SCAN, advisor_min_pages_to_scan),
	M(ADVISOR_MAX_PAGES_TO_SCAN, advisor_max_pages_to_scan),
	M(ADVISOR_TARGET_SCAN_TIME, advisor_target_scan_time),
	M(PAGES_SHARED, pages_shared),
	M(PAGES_SHARING, pages_sharing),
	M(PAGES_UNSHARED, pages_unshared),
	M(PAGES_VOLATILE, pages_volatile),
	M(PAGES_SCANNED, pages_scanned),
	M(PAGES_SKIPPED, pages_skipped),
	M(ZERO_PAGES, zero_pages),
	M(FULL_SCANS, full_scans),
	M(STABLE_NODE_CHAINS, stable_node_chains),
	M(STABLE_NODE_DUPS, stable_node_dups),
	M(SAVED, saved),
	M(PROFIT, profit),
	[DYNMEM_A_KSM_PROFIT_ESTIMATED] = { offsetof(struct dynmem_ksm, profit_estimated),
					    sizeof(((struct dynmem_ksm *)0)->profit_estimated),
					    FIELD_FLAG },
	M(COW_BREAKS, cow_breaks),
	M(SWAPIN_COPIES, swapin_copies),
};

#undef M
const struct layout dn_ksm_layout = LAYOUT(dynmem_ksm, ksm_fields);

#define M(attr, member) [DYNMEM_A_PROCESS_##attr] = MEMBER(dynmem_process, member)
static const struct field process_fields[] = {
	M(PID, pid),
	M(START_TIME, start_time),
	M(COMM, comm),
	M(CGROUP_ID, cgroup_id),
	M(FLAGS, flags),
	M(MERGING_PAGES, merging_pages),
	M(RMAP_ITEMS, rmap_items),
	M(ZERO_PAGES, zero_pages),
	M(PROFIT, profit),
	M(RSS_ANON, rss_anon),
	M(RSS_FILE, rss_file),
	M(RSS_SHMEM, rss_shmem),
	M(SWAP, swap),
};

#undef M
const struct layout dn_process_layout = LAYOUT(dynmem_process, process_fields);

#define M(attr, member) [DYNMEM_A_CGROUP_##attr] = MEMBER(dynmem_cgroup, member)
static const struct field cgroup_fields[] = {
	M(ID, id),
	M(PARENT_ID, parent_id),
	M(PATH, path),
	M(PROCESSES, processes),
	M(KSM_PROCESSES, ksm_processes),
	M(FLAGS, flags),
	M(MERGING_PAGES, merging_pages),
	M(RMAP_ITEMS, rmap_items),
	M(ZERO_PAGES, zero_pages),
	M(PROFIT, profit),
	M(RSS_ANON, rss_anon),
	M(RSS_FILE, rss_file),
	M(RSS_SHMEM, rss_shmem),
	M(SWAP, swap),
};

#undef M
const struct layout dn_cgroup_layout = LAYOUT(dynmem_cgroup, cgroup_fields);

#define M(attr, member) [DYNMEM_A_NODE_##attr] = MEMBER(dynmem_node, member)
static const struct field node_fields[] = {
	M(ID, id),
	M(TOTAL, total),
	M(FREE, free),
	M(WATERMARK_MIN, watermark_min),
	M(WATERMARK_LOW, watermark_low),
	M(WATERMARK_HIGH, watermark_high),
	M(ACTIVE_ANON, active_anon),
	M(INACTIVE_ANON, inactive_anon),
	M(ACTIVE_FILE, active_file),
	M(INACTIVE_FILE, inactive_file),
	M(UNEVICTABLE, unevictable),
	M(SLAB_RECLAIMABLE, slab_reclaimable),
	M(ANON_HUGE, anon_huge),
	M(REFAULTS_ANON, refaults_anon),
	M(REFAULTS_FILE, refaults_file),
	M(RESTORES_ANON, restores_anon),
	M(RESTORES_FILE, restores_file),
	M(KSWAPD_WAKES, kswapd_wakes),
	M(THROTTLED, throttled),
	M(THROTTLED_TIME, throttled_time),
};

#undef M
const struct layout dn_node_layout = LAYOUT(dynmem_node, node_fields);

#define M(attr, member) [DYNMEM_A_STALL_##attr] = MEMBER(dynmem_stall, member)
static const struct field stall_fields[] = {
	M(PID, pid),
	M(START_TIME, start_time),
	M(COMM, comm),
	M(CGROUP_ID, cgroup_id),
	M(CGROUP_PATH, cgroup_path),
	M(STALLS, stalls),
	M(STALL_TIME, stall_time),
	M(STALLED, stalled),
	M(MEMCG_STALLS, memcg_stalls),
	M(MEMCG_STALL_TIME, memcg_stall_time),
};

#undef M
const struct layout dn_stall_layout = LAYOUT(dynmem_stall, stall_fields);

#define M(attr, member) [DYNMEM_A_CONFIG_##attr] = MEMBER(dynmem_config, member)
static const struct field config_fields[] = {
	[DYNMEM_A_CONFIG_DEFAULTS] = { 0, 0, FIELD_FLAG }, /* no member */
	M(THRESHOLD_LOW, threshold_low),
	M(THRESHOLD_MEDIUM, threshold_medium),
	M(THRESHOLD_CRITICAL, threshold_critical),
	M(STALL_LOW, stall_low),
	M(STALL_MEDIUM, stall_medium),
	M(STALL_CRITICAL, stall_critical),
	M(WINDOW, window),
	M(HOLD, hold),
	M(MIN_INTERVAL, min_interval),
	M(SAMPLE_MIN, sample_min),
	M(SAMPLE_MAX, sample_max),
	M(FILL_RATE, fill_rate),
	M(REFAULT_COST, refault_cost),
	M(KSM_INTERVAL, ksm_interval),
};

#undef M
const struct layout dn_config_layout = LAYOUT(dynmem_config, config_fields);

#undef M
#define M(attr, member) [DYNMEM_A_OOM_##attr] = MEMBER(dynmem_oom, member)
static const struct field oom_fields[] = {
	M(HEAD, head),
	M(KIND, kind),
	M(TIME, time),
	M(PID, pid),
	M(START_TIME, start_time),
	M(COMM, comm),
	M(UID, uid),
	M(CGROUP_ID, cgroup_id),
	M(RSS_ANON, rss_anon),
	M(RSS_FILE, rss_file),
	M(RSS_SHMEM, rss_shmem),
	M(SWAP, swap),
};

#undef M
const struct layout dn_oom_layout = LAYOUT(dynmem_oom, oom_fields);
