// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own counters.
 *
 * all_vm_events() would do, but it sums a hundred of them and wants an array
 * for the result; these are wanted one by one, a hundred times a second.
 */

#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/vmstat.h>

#include "vmstat.h"

/**
 * dynmem_vm_event() - one of the kernel's VM events
 * @item: enum vm_event_item
 *
 * A CPU that goes offline meanwhile may be counted twice or not at all, this
 * once; taking its lock could wait for memory.
 *
 * Return: times it happened since boot.
 */
u64 dynmem_vm_event(int item)
{
	u64 sum = 0;
	int cpu;

	for_each_online_cpu(cpu)
		sum += READ_ONCE(per_cpu(vm_event_states, cpu).event[item]);
	return sum;
}

/**
 * dynmem_allocstalls() - direct reclaims as the kernel counts them
 *
 * Return: their number since boot, over all zones.
 */
u64 dynmem_allocstalls(void)
{
	u64 sum = 0;
	int zone;

	for (zone = 0; zone <= ZONE_MOVABLE; zone++)
		sum += dynmem_vm_event(ALLOCSTALL_NORMAL - ZONE_NORMAL + zone);
	return sum;
}

/**
 * dynmem_swap_ins() - pages that came back from swap
 *
 * Return: their number since boot, with those that zswap held.
 */
u64 dynmem_swap_ins(void)
{
	u64 sum = dynmem_vm_event(PSWPIN);

#ifdef CONFIG_ZSWAP
	sum += dynmem_vm_event(ZSWPIN);
#endif
	return sum;
}
