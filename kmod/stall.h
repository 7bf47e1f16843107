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
 * @stalls: stalls on the host's behalf that ended or are under way
 * @time: time stalled, ns
 * @stalled: tasks in direct reclaim now
 * @memcg_stalls: stalls at the limit of a cgroup
 * @memcg_time: their time, ns
 */
struct dynmem_staller {
	u32 pid;
	u64 start_time;
	u64 cgroup;
	u64 stalls;
	u64 time;
	u32 stalled;
	u64 memcg_stalls;
	u64 memcg_time;
};

void dynmem_stall_begin(enum dynmem_kind kind);
void dynmem_stall_end(void);
u64 dynmem_stall_time(u64 now, struct dynmem_counters *counters,
		      u32 *ret_tasks);
struct dynmem_staller *dynmem_stallers(unsigned int *ret_n);
int dynmem_stall_init(void);
void dynmem_stall_exit(void);

#endif /* _DYNMEM_STALL_H */
