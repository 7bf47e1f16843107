// SPDX-License-Identifier: GPL-2.0
/*
 * Whose OOM it is: the host's, that of a task which may not use the memory that
 * the host has, or a cgroup's.
 *
 * The kernel lets one task into its OOM killer at a time. All but cgroups' OOMs
 * call a notifier when they begin. No event says when they end, whether a victim
 * was found, how many there are, or to which nodes a cpuset or a memory policy
 * held the task. So an OOM lasts until its task reclaims again or another task
 * marks a victim, and the host's memory itself says whether it was out.
 */

#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/vmstat.h>

#include "oom.h"

/*
 * Who is in the OOM killer, but for a cgroup; only compared, never followed.
 * Each stall reads it.
 */
static struct task_struct *oom_task __read_mostly;
/* Whose OOM that is; written by @oom_task. */
static enum dynmem_oom oom_whose __read_mostly;

/* Part of a node's memory that makes a node one with memory to spare. */
#define OOM_SPARE	32

/*
 * Pages of a node that an allocation could have had: free above the high
 * watermark, or the cache of files that nobody maps and that is written back.
 */
static bool oom_node_has_spare(struct pglist_data *node)
{
	unsigned long total = 0;
	struct zone *zone;
	long spare;

	spare = atomic_long_read(&node->vm_stat[NR_ACTIVE_FILE]) +
		atomic_long_read(&node->vm_stat[NR_INACTIVE_FILE]) -
		atomic_long_read(&node->vm_stat[NR_FILE_MAPPED]) -
		atomic_long_read(&node->vm_stat[NR_FILE_DIRTY]) -
		atomic_long_read(&node->vm_stat[NR_WRITEBACK]);
	spare = max(spare, 0L);
	for (zone = node->node_zones; zone < node->node_zones + MAX_NR_ZONES;
	     zone++) {
		long free = zone_page_state(zone, NR_FREE_PAGES);

		if (!populated_zone(zone))
			continue;
		total += zone_managed_pages(zone);
		spare += max(free - (long)high_wmark_pages(zone), 0L);
	}
	return spare > (long)(total / OOM_SPARE);
}

static bool oom_host_has_spare(void)
{
	int nid;

	for_each_node_state(nid, N_MEMORY)
		if (oom_node_has_spare(NODE_DATA(nid)))
			return true;
	return false;
}

/*
 * Where there is one node only, none but a key on the console (sysrq, which a
 * worker carries out) calls the OOM killer while there is memory.
 */
static enum dynmem_oom oom_find_whose(void)
{
	if (num_node_state(N_MEMORY) == 1 && !(current->flags & PF_WQ_WORKER))
		return DYNMEM_OOM_HOST;
	return oom_host_has_spare() ? DYNMEM_OOM_CONSTRAINED : DYNMEM_OOM_HOST;
}

/**
 * dynmem_oom_begin() - the current task enters the OOM killer
 *
 * Called by the notifier.
 *
 * Return: whose OOM that is.
 */
enum dynmem_oom dynmem_oom_begin(void)
{
	enum dynmem_oom whose = oom_find_whose();

	WRITE_ONCE(oom_whose, whose);
	WRITE_ONCE(oom_task, current);
	return whose;
}

/**
 * dynmem_oom_victim() - the current task marks a victim
 *
 * Called by a probe. One OOM marks several victims where memory.oom.group is
 * set.
 *
 * Return: whose OOM that is.
 */
enum dynmem_oom dynmem_oom_victim(void)
{
	if (READ_ONCE(oom_task) == current)
		return READ_ONCE(oom_whose);
	/* One OOM at a time: the one before is over. */
	if (READ_ONCE(oom_task))
		WRITE_ONCE(oom_task, NULL);
	return DYNMEM_OOM_MEMCG;
}

/**
 * dynmem_oom_ended() - the current task reclaims: it is in no OOM
 *
 * Called by probes.
 */
void dynmem_oom_ended(void)
{
	if (unlikely(READ_ONCE(oom_task) == current))
		WRITE_ONCE(oom_task, NULL);
}
