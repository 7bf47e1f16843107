/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tasks in direct reclaim, and who stalled for how long
 */

#ifndef _DYNMEM_STALL_H
#define _DYNMEM_STALL_H

#include <linux/types.h>

#include "counter.h"

/**
 * struct dynmem_staller - who stalled
 * @pid: process, 0 in sums by cgroup
 * @start_time: of the process, ns, CLOCK_BOOTTIME
 * @cgroup: cgroup v2
 * @stalls: stalls that ended or are under way
 * @time: time stalled, ns
 * @stalled: tasks in direct reclaim now
 */
struct dynmem_staller {
	u32 pid;
	u64 start_time;
	u64 cgroup;
	u64 stalls;
	u64 time;
	u32 stalled;
};

bool dynmem_stall_begin(enum dynmem_kind kind);
bool dynmem_stall_end(enum dynmem_kind *ret_kind, u64 *ret_time);
u64 dynmem_stalled(u64 now, u32 *ret_tasks);
struct dynmem_staller *dynmem_stallers(unsigned int *ret_n);

#endif /* _DYNMEM_STALL_H */
