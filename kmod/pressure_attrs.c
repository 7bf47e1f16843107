// SPDX-License-Identifier: GPL-2.0
/*
 * The attributes of messages about pressure.
 */

#include <linux/dynmem.h>
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "capability.h"
#include "pressure_attrs.h"

const u8 dynmem_pressure_types[DYNMEM_A_PRESSURE_MAX + 1] = {
	[DYNMEM_A_PRESSURE_EVENT] = DYNMEM_U32,
	[DYNMEM_A_PRESSURE_LEVEL] = DYNMEM_U32,
	[DYNMEM_A_PRESSURE_CAUSES] = DYNMEM_U32,
	[DYNMEM_A_PRESSURE_STALL_SHARE] = DYNMEM_U32,
	[DYNMEM_A_PRESSURE_REFAULT_SHARE] = DYNMEM_U32,
	[DYNMEM_A_PRESSURE_STALLED] = DYNMEM_U32,
};

static void pressure_fill_stalls(struct dynmem_record *rec,
				 const struct dynmem_pressure *pressure)
{
	const u64 *counter = pressure->counters.value;

	if (dynmem_capabilities & DYNMEM_CAPABILITY_STALL) {
		dynmem_set(rec, DYNMEM_A_PRESSURE_STALLED,
			   pressure->load.stalled);
		dynmem_set(rec, DYNMEM_A_PRESSURE_STALLS,
			   counter[DYNMEM_STALLS + DYNMEM_KIND_HOST]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_STALL_TIME,
			   counter[DYNMEM_STALL_TIME + DYNMEM_KIND_HOST]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_HUGE_STALLS,
			   counter[DYNMEM_STALLS + DYNMEM_KIND_HUGE]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_HUGE_STALL_TIME,
			   counter[DYNMEM_STALL_TIME + DYNMEM_KIND_HUGE]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_UNTIMED_STALLS,
			   counter[DYNMEM_UNTIMED_STALLS]);
		dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_RECLAIMED,
				 counter[DYNMEM_RECLAIMED]);
	}
	if (dynmem_capabilities & DYNMEM_CAPABILITY_MEMCG_STALL) {
		dynmem_set(rec, DYNMEM_A_PRESSURE_MEMCG_STALLS,
			   counter[DYNMEM_STALLS + DYNMEM_KIND_MEMCG]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_MEMCG_STALL_TIME,
			   counter[DYNMEM_STALL_TIME + DYNMEM_KIND_MEMCG]);
		dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_MEMCG_RECLAIMED,
				 counter[DYNMEM_MEMCG_RECLAIMED]);
	}
}

static void pressure_fill_events(struct dynmem_record *rec,
				 const struct dynmem_counters *counters)
{
	const u64 *counter = counters->value;

	if (dynmem_capabilities & DYNMEM_CAPABILITY_THROTTLED) {
		dynmem_set(rec, DYNMEM_A_PRESSURE_THROTTLED,
			   counter[DYNMEM_THROTTLED]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_THROTTLED_TIME,
			   counter[DYNMEM_THROTTLED_TIME]);
	}
	if (dynmem_capabilities & DYNMEM_CAPABILITY_KSWAPD)
		dynmem_set(rec, DYNMEM_A_PRESSURE_KSWAPD_WAKES,
			   counter[DYNMEM_KSWAPD_WAKES]);
	if (dynmem_capabilities & DYNMEM_CAPABILITY_OOM) {
		dynmem_set(rec, DYNMEM_A_PRESSURE_OOMS, counter[DYNMEM_OOMS]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_CONSTRAINED_OOMS,
			   counter[DYNMEM_CONSTRAINED_OOMS]);
	}
	if (dynmem_capabilities & DYNMEM_CAPABILITY_OOM_KILL) {
		dynmem_set(rec, DYNMEM_A_PRESSURE_OOM_KILLS,
			   counter[DYNMEM_OOM_KILLS]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_CONSTRAINED_OOM_KILLS,
			   counter[DYNMEM_CONSTRAINED_OOM_KILLS]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS,
			   counter[DYNMEM_MEMCG_OOM_KILLS]);
	}
}

static void pressure_fill_kernel(struct dynmem_record *rec,
				 const struct dynmem_vmstat *vmstat)
{
	const u64 *sum = vmstat->value;

	dynmem_set(rec, DYNMEM_A_PRESSURE_ALLOCSTALLS,
		   sum[DYNMEM_VM_ALLOCSTALLS]);
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_SCANNED_DIRECT,
			 sum[DYNMEM_VM_SCANNED_DIRECT]);
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_SCANNED_KSWAPD,
			 sum[DYNMEM_VM_SCANNED_KSWAPD]);
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_RECLAIMED_KSWAPD,
			 sum[DYNMEM_VM_RECLAIMED_KSWAPD]);
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_REFAULTS_ANON,
			 global_node_page_state(WORKINGSET_REFAULT_ANON));
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_REFAULTS_FILE,
			 global_node_page_state(WORKINGSET_REFAULT_FILE));
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_RESTORES_ANON,
			 global_node_page_state(WORKINGSET_RESTORE_ANON));
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_RESTORES_FILE,
			 global_node_page_state(WORKINGSET_RESTORE_FILE));
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_SWAP_INS,
			 sum[DYNMEM_VM_SWAP_INS]);
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_SWAP_OUTS,
			 sum[DYNMEM_VM_SWAP_OUTS]);
	if (IS_ENABLED(CONFIG_ZSWAP)) {
		dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_ZSWAP_INS,
				 sum[DYNMEM_VM_ZSWAP_INS]);
		dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_ZSWAP_OUTS,
				 sum[DYNMEM_VM_ZSWAP_OUTS]);
	}
	if (IS_ENABLED(CONFIG_COMPACTION)) {
		dynmem_set(rec, DYNMEM_A_PRESSURE_COMPACT_STALLS,
			   sum[DYNMEM_VM_COMPACT_STALLS]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_COMPACT_FAILS,
			   sum[DYNMEM_VM_COMPACT_FAILS]);
	}
	if (IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		dynmem_set(rec, DYNMEM_A_PRESSURE_THP_FALLBACKS,
			   sum[DYNMEM_VM_THP_FALLBACKS]);
}

/**
 * dynmem_pressure_fill() - collect the attributes of a message
 * @rec: where to
 * @pressure: what they are made from
 *
 * Does not sleep.
 */
void dynmem_pressure_fill(struct dynmem_record *rec,
			  const struct dynmem_pressure *pressure)
{
	const struct dynmem_level_state *level = &pressure->level;

	dynmem_stamp_put(rec, &pressure->stamp);
	dynmem_set(rec, DYNMEM_A_PRESSURE_LEVEL, level->level);
	dynmem_set(rec, DYNMEM_A_PRESSURE_CAUSES, level->causes);
	dynmem_set(rec, DYNMEM_A_PRESSURE_LEVEL_SINCE, level->since);
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_TOTAL, totalram_pages());
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_FREE,
			 global_zone_page_state(NR_FREE_PAGES));
	dynmem_set(rec, DYNMEM_A_PRESSURE_AVAILABLE, pressure->load.available);
#ifdef CONFIG_SWAP
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_SWAP_FREE,
			 max(get_nr_swap_pages(), 0L));
#endif
	if (dynmem_capabilities & DYNMEM_CAPABILITY_STALL)
		dynmem_set(rec, DYNMEM_A_PRESSURE_STALL_SHARE,
			   level->stall_share);
	dynmem_set(rec, DYNMEM_A_PRESSURE_REFAULT_SHARE, level->refault_share);
	pressure_fill_stalls(rec, pressure);
	pressure_fill_events(rec, &pressure->counters);
	pressure_fill_kernel(rec, &pressure->vmstat);
}
