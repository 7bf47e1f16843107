// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own counters of VM events.
 *
 * all_vm_events() would do, but it sums a hundred of them and wants an array
 * for the result; a few are wanted, a hundred times a second.
 *
 * A CPU that goes offline has its counts moved to another one. A sum that is
 * made meanwhile may miss them or have them twice, which reads as a burst of
 * all that was counted since boot. So sums are made under the lock of CPU
 * hotplug: those of the online CPUs are exact then, and never fall.
 */

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/vmstat.h>

#include "compat/compat.h"
#include "vmstat.h"

/**
 * struct vm_source - VM events that add to a sum
 * @sum: enum dynmem_vm
 * @first: the first event
 * @n: how many follow each other
 */
struct vm_source {
	int sum;
	int first;
	int n;
};

/* In the order of enum dynmem_vm. */
static const struct vm_source vm_sources[] = {
	{ DYNMEM_VM_THROTTLES, PGSCAN_DIRECT_THROTTLE, 1 },
#ifdef CONFIG_SWAP
	{ DYNMEM_VM_SWAP_INS, PSWPIN, 1 },
#endif
#ifdef CONFIG_ZSWAP
	{ DYNMEM_VM_SWAP_INS, ZSWPIN, 1 },
#endif
#ifdef HAVE_VM_EVENT_PGSCAN
	{ DYNMEM_VM_RECLAIMED_KSWAPD, PGSTEAL_KSWAPD, 1 },
#endif
	/* One for each zone. */
	{ DYNMEM_VM_ALLOCSTALLS, ALLOCSTALL_NORMAL - ZONE_NORMAL,
	  ZONE_MOVABLE + 1 },
#ifdef HAVE_VM_EVENT_PGSCAN
	{ DYNMEM_VM_SCANNED_DIRECT, PGSCAN_DIRECT, 1 },
	{ DYNMEM_VM_SCANNED_KSWAPD, PGSCAN_KSWAPD, 1 },
#endif
#ifdef CONFIG_SWAP
	{ DYNMEM_VM_SWAP_OUTS, PSWPOUT, 1 },
#endif
#ifdef CONFIG_ZSWAP
	{ DYNMEM_VM_ZSWAP_INS, ZSWPIN, 1 },
	{ DYNMEM_VM_ZSWAP_OUTS, ZSWPOUT, 1 },
#endif
#ifdef CONFIG_COMPACTION
	{ DYNMEM_VM_COMPACT_STALLS, COMPACTSTALL, 1 },
	{ DYNMEM_VM_COMPACT_FAILS, COMPACTFAIL, 1 },
#endif
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	{ DYNMEM_VM_THP_FALLBACKS, THP_FAULT_FALLBACK, 1 },
#endif
};

/* In later kernels these are statistics of nodes, not VM events. */
#ifndef HAVE_VM_EVENT_PGSCAN
static void vm_read_nodes(struct dynmem_vmstat *stat)
{
	stat->value[DYNMEM_VM_RECLAIMED_KSWAPD] =
		global_node_page_state(PGSTEAL_KSWAPD);
	stat->value[DYNMEM_VM_SCANNED_DIRECT] =
		global_node_page_state(PGSCAN_DIRECT);
	stat->value[DYNMEM_VM_SCANNED_KSWAPD] =
		global_node_page_state(PGSCAN_KSWAPD);
}
#else
static void vm_read_nodes(struct dynmem_vmstat *stat)
{
}
#endif

/* Under the lock of CPU hotplug. */
static u64 vm_sum(int first, int n)
{
	u64 sum = 0;
	int cpu, i;

	for_each_online_cpu(cpu)
		for (i = first; i < first + n; i++)
			sum += READ_ONCE(per_cpu(vm_event_states,
						 cpu).event[i]);
	return sum;
}

/* Under the lock of CPU hotplug. */
static void vm_read(struct dynmem_vmstat *stat, int n)
{
	int i;

	for (i = 0; i < n; i++)
		stat->value[i] = 0;
	for (i = 0; i < ARRAY_SIZE(vm_sources); i++) {
		const struct vm_source *source = &vm_sources[i];

		if (source->sum < n)
			stat->value[source->sum] += vm_sum(source->first,
							   source->n);
	}
	vm_read_nodes(stat);
}

/**
 * dynmem_vmstat_read() - read the first sums
 * @stat: where to
 * @n: how many
 *
 * For requests: waits while a CPU comes or goes.
 */
void dynmem_vmstat_read(struct dynmem_vmstat *stat, int n)
{
	cpus_read_lock();
	vm_read(stat, n);
	cpus_read_unlock();
}

/**
 * dynmem_vmstat_try() - read the first sums, unless a CPU comes or goes
 * @stat: where to
 * @n: how many
 *
 * For passes, which must not wait for that: it may wait for memory. What the
 * pass before has read will do.
 *
 * Return: false if nothing was read.
 */
bool dynmem_vmstat_try(struct dynmem_vmstat *stat, int n)
{
	if (!cpus_read_trylock())
		return false;
	vm_read(stat, n);
	cpus_read_unlock();
	return true;
}

/**
 * dynmem_vm_event() - read one of the VM events
 * @item: enum vm_event_item
 *
 * Waits while a CPU comes or goes.
 *
 * Return: times it happened since boot.
 */
u64 dynmem_vm_event(int item)
{
	u64 sum;

	cpus_read_lock();
	sum = vm_sum(item, 1);
	cpus_read_unlock();
	return sum;
}
