// SPDX-License-Identifier: GPL-2.0
/*
 * KSM's counters and settings.
 *
 * KSM exports no function that returns them, but it has attributes in sysfs,
 * which sysfs.c reads. KSM is built in and never removes them, so that they are
 * looked up once. An accessor exported by KSM would replace this file: see
 * Documentation/in-tree.
 */

#include <linux/dynmem.h>
#include <linux/gfp.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "attrs.h"
#include "capability.h"
#include "ksm.h"
#include "sysfs.h"
#include "vmstat.h"

/**
 * struct ksm_file - a file of /sys/kernel/mm/ksm
 * @name: its name
 * @attr: DYNMEM_A_KSM_* that reports it
 * @capability: what its presence means
 * @node: the file, NULL: this kernel has none
 */
struct ksm_file {
	const char *name;
	int attr;
	u32 capability;
	struct kernfs_node *node;
};

static struct ksm_file ksm_files[] = {
	{ "run", DYNMEM_A_KSM_RUN, DYNMEM_CAPABILITY_KSM },
	{ "pages_to_scan", DYNMEM_A_KSM_PAGES_TO_SCAN },
	{ "sleep_millisecs", DYNMEM_A_KSM_SLEEP_MILLISECS },
	{ "merge_across_nodes", DYNMEM_A_KSM_MERGE_ACROSS_NODES },
	{ "max_page_sharing", DYNMEM_A_KSM_MAX_PAGE_SHARING },
	{ "use_zero_pages", DYNMEM_A_KSM_USE_ZERO_PAGES },
	{ "stable_node_chains_prune_millisecs",
	  DYNMEM_A_KSM_STABLE_NODE_CHAINS_PRUNE_MILLISECS },
	{ "smart_scan", DYNMEM_A_KSM_SMART_SCAN },
	{ "advisor_mode", DYNMEM_A_KSM_ADVISOR_MODE,
	  DYNMEM_CAPABILITY_KSM_ADVISOR },
	{ "advisor_max_cpu", DYNMEM_A_KSM_ADVISOR_MAX_CPU },
	{ "advisor_min_pages_to_scan",
	  DYNMEM_A_KSM_ADVISOR_MIN_PAGES_TO_SCAN },
	{ "advisor_max_pages_to_scan",
	  DYNMEM_A_KSM_ADVISOR_MAX_PAGES_TO_SCAN },
	{ "advisor_target_scan_time", DYNMEM_A_KSM_ADVISOR_TARGET_SCAN_TIME },
	{ "pages_shared", DYNMEM_A_KSM_PAGES_SHARED },
	{ "pages_sharing", DYNMEM_A_KSM_PAGES_SHARING },
	{ "pages_unshared", DYNMEM_A_KSM_PAGES_UNSHARED },
	{ "pages_volatile", DYNMEM_A_KSM_PAGES_VOLATILE },
	{ "pages_scanned", DYNMEM_A_KSM_PAGES_SCANNED },
	{ "pages_skipped", DYNMEM_A_KSM_PAGES_SKIPPED },
	{ "ksm_zero_pages", DYNMEM_A_KSM_ZERO_PAGES,
	  DYNMEM_CAPABILITY_KSM_ZERO_PAGES },
	{ "full_scans", DYNMEM_A_KSM_FULL_SCANS },
	{ "stable_node_chains", DYNMEM_A_KSM_STABLE_NODE_CHAINS },
	{ "stable_node_dups", DYNMEM_A_KSM_STABLE_NODE_DUPS },
	{ "general_profit", DYNMEM_A_KSM_PROFIT,
	  DYNMEM_CAPABILITY_KSM_PROFIT },
};

/* /sys/kernel/mm/ksm itself. */
static struct kernfs_node *ksm_dir;

/* What a file shows: a whole page, which show methods insist on. */
static char *ksm_page;

static int ksm_parse(const struct ksm_file *file, const char *text, s64 *ret_value)
{
	if (file->attr != DYNMEM_A_KSM_ADVISOR_MODE)
		return kstrtoll(text, 10, ret_value);
	/* "[none] scan-time" */
	if (strstr(text, "[none]"))
		*ret_value = DYNMEM_ADVISOR_NONE;
	else if (strstr(text, "[scan-time]"))
		*ret_value = DYNMEM_ADVISOR_SCAN_TIME;
	else
		return -EINVAL;
	return 0;
}

/* What follows from the counters; see the formulas in linux/dynmem.h. */
static void ksm_derive(struct dynmem_record *rec)
{
	const u64 *v = rec->value;
	u64 saved, items;

	if (!dynmem_has(rec, DYNMEM_A_KSM_PAGES_SHARING))
		return;
	saved = v[DYNMEM_A_KSM_PAGES_SHARING];
	if (dynmem_has(rec, DYNMEM_A_KSM_ZERO_PAGES))
		saved += v[DYNMEM_A_KSM_ZERO_PAGES];
	saved <<= PAGE_SHIFT;
	dynmem_set(rec, DYNMEM_A_KSM_SAVED, saved);
	if (dynmem_has(rec, DYNMEM_A_KSM_PROFIT))
		return;
	/* Every rmap item is in one of these four. */
	items = v[DYNMEM_A_KSM_PAGES_SHARED] + v[DYNMEM_A_KSM_PAGES_SHARING] +
		v[DYNMEM_A_KSM_PAGES_UNSHARED] + v[DYNMEM_A_KSM_PAGES_VOLATILE];
	dynmem_set(rec, DYNMEM_A_KSM_PROFIT,
		   saved - items * DYNMEM_RMAP_ITEM_SIZE);
	dynmem_set(rec, DYNMEM_A_KSM_PROFIT_ESTIMATED, true);
}

/**
 * dynmem_ksm_read() - read all that this kernel has
 * @rec: where to
 *
 * For one thread: there is one page to read with. May sleep, but allocates
 * nothing.
 */
void dynmem_ksm_read(struct dynmem_record *rec)
{
	int i;

	dynmem_set(rec, DYNMEM_A_KSM_PAGE_SIZE, PAGE_SIZE);
	for (i = 0; i < ARRAY_SIZE(ksm_files); i++) {
		s64 value;

		if (!ksm_files[i].node ||
		    dynmem_sysfs_show(ksm_dir, ksm_files[i].node, ksm_page) < 0)
			continue;
		if (!ksm_parse(&ksm_files[i], ksm_page, &value))
			dynmem_set(rec, ksm_files[i].attr, value);
	}
	ksm_derive(rec);
	dynmem_set(rec, DYNMEM_A_KSM_COW_BREAKS, dynmem_vm_event(COW_KSM));
#ifdef CONFIG_SWAP
	dynmem_set(rec, DYNMEM_A_KSM_SWAPIN_COPIES,
		   dynmem_vm_event(KSM_SWPIN_COPY));
#endif
}

/**
 * dynmem_ksm_init() - look up KSM's files
 *
 * A file that is missing costs its attribute, not the module.
 *
 * Return: 0 or -ENOMEM.
 */
int __init dynmem_ksm_init(void)
{
	struct kernfs_node *mm;
	int i;

	ksm_page = (char *)get_zeroed_page(GFP_KERNEL);
	if (!ksm_page)
		return -ENOMEM;
	mm = kernfs_find_and_get(kernel_kobj->sd, "mm");
	if (!mm)
		return 0;
	ksm_dir = kernfs_find_and_get(mm, "ksm");
	kernfs_put(mm);
	if (!ksm_dir)
		return 0;
	for (i = 0; i < ARRAY_SIZE(ksm_files); i++) {
		ksm_files[i].node = kernfs_find_and_get(ksm_dir, ksm_files[i].name);
		if (ksm_files[i].node)
			dynmem_capabilities |= ksm_files[i].capability;
	}
	return 0;
}

void dynmem_ksm_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ksm_files); i++)
		kernfs_put(ksm_files[i].node);
	kernfs_put(ksm_dir);
	free_page((unsigned long)ksm_page);
}
