// SPDX-License-Identifier: GPL-2.0
/*
 * KSM's counters and settings.
 */

#include <linux/dynmem.h>
#include <linux/ksm.h>
#include <linux/mm.h>

#include "attrs.h"
#include "capability.h"
#include "ksm.h"
#include "vmstat.h"

static void ksm_set_settings(struct dynmem_record *rec,
			     const struct ksm_stats *stats)
{
	dynmem_set(rec, DYNMEM_A_KSM_RUN, stats->run);
	dynmem_set(rec, DYNMEM_A_KSM_PAGES_TO_SCAN, stats->pages_to_scan);
	dynmem_set(rec, DYNMEM_A_KSM_SLEEP_MILLISECS, stats->sleep_millisecs);
	dynmem_set(rec, DYNMEM_A_KSM_MERGE_ACROSS_NODES,
		   stats->merge_across_nodes);
	dynmem_set(rec, DYNMEM_A_KSM_MAX_PAGE_SHARING, stats->max_page_sharing);
	dynmem_set(rec, DYNMEM_A_KSM_USE_ZERO_PAGES, stats->use_zero_pages);
	dynmem_set(rec, DYNMEM_A_KSM_STABLE_NODE_CHAINS_PRUNE_MILLISECS,
		   stats->stable_node_chains_prune_millisecs);
	dynmem_set(rec, DYNMEM_A_KSM_SMART_SCAN, stats->smart_scan);
	dynmem_set(rec, DYNMEM_A_KSM_ADVISOR_MODE,
		   stats->advisor ? DYNMEM_ADVISOR_SCAN_TIME :
				    DYNMEM_ADVISOR_NONE);
	dynmem_set(rec, DYNMEM_A_KSM_ADVISOR_MAX_CPU, stats->advisor_max_cpu);
	dynmem_set(rec, DYNMEM_A_KSM_ADVISOR_MIN_PAGES_TO_SCAN,
		   stats->advisor_min_pages_to_scan);
	dynmem_set(rec, DYNMEM_A_KSM_ADVISOR_MAX_PAGES_TO_SCAN,
		   stats->advisor_max_pages_to_scan);
	dynmem_set(rec, DYNMEM_A_KSM_ADVISOR_TARGET_SCAN_TIME,
		   stats->advisor_target_scan_time);
}

/**
 * dynmem_ksm_read() - read all counters and settings
 * @rec: where to
 *
 * May sleep.
 */
void dynmem_ksm_read(struct dynmem_record *rec)
{
	struct ksm_stats stats;

	ksm_get_stats(&stats);
	dynmem_set(rec, DYNMEM_A_KSM_PAGE_SIZE, PAGE_SIZE);
	ksm_set_settings(rec, &stats);
	dynmem_set(rec, DYNMEM_A_KSM_PAGES_SHARED, stats.pages_shared);
	dynmem_set(rec, DYNMEM_A_KSM_PAGES_SHARING, stats.pages_sharing);
	dynmem_set(rec, DYNMEM_A_KSM_PAGES_UNSHARED, stats.pages_unshared);
	dynmem_set(rec, DYNMEM_A_KSM_PAGES_VOLATILE, stats.pages_volatile);
	dynmem_set(rec, DYNMEM_A_KSM_PAGES_SCANNED, stats.pages_scanned);
	dynmem_set(rec, DYNMEM_A_KSM_PAGES_SKIPPED, stats.pages_skipped);
	dynmem_set(rec, DYNMEM_A_KSM_ZERO_PAGES, stats.zero_pages);
	dynmem_set(rec, DYNMEM_A_KSM_FULL_SCANS, stats.full_scans);
	dynmem_set(rec, DYNMEM_A_KSM_STABLE_NODE_CHAINS,
		   stats.stable_node_chains);
	dynmem_set(rec, DYNMEM_A_KSM_STABLE_NODE_DUPS, stats.stable_node_dups);
	dynmem_set(rec, DYNMEM_A_KSM_PROFIT, stats.general_profit);
	dynmem_set(rec, DYNMEM_A_KSM_SAVED,
		   (stats.pages_sharing + stats.zero_pages) << PAGE_SHIFT);
	dynmem_set(rec, DYNMEM_A_KSM_COW_BREAKS, dynmem_vm_event(COW_KSM));
#ifdef CONFIG_SWAP
	dynmem_set(rec, DYNMEM_A_KSM_SWAPIN_COPIES,
		   dynmem_vm_event(KSM_SWPIN_COPY));
#endif
}

int __init dynmem_ksm_init(void)
{
	dynmem_capabilities |= DYNMEM_CAPABILITY_KSM |
			       DYNMEM_CAPABILITY_KSM_ADVISOR |
			       DYNMEM_CAPABILITY_KSM_ZERO_PAGES |
			       DYNMEM_CAPABILITY_KSM_PROFIT;
	return 0;
}

void dynmem_ksm_exit(void)
{
}
