/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of processes
 */

#ifndef _DYNMEM_PROCESS_H
#define _DYNMEM_PROCESS_H

#include <linux/dynmem.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <net/genetlink.h>

/* All of enum dynmem_field. */
#define DYNMEM_ALL_FIELDS	(2 * DYNMEM_FIELD_SWAP - 1)

/**
 * struct dynmem_process - a process and its memory
 * @pid: in the initial PID namespace
 * @flags: enum dynmem_process_flag bits
 * @start_time: ns, CLOCK_BOOTTIME
 * @cgroup: cgroup v2
 * @merging_pages: pages
 * @rmap_items: number
 * @zero_pages: pages
 * @profit: bytes
 * @rss_anon: pages
 * @rss_file: pages
 * @rss_shmem: pages
 * @swap: pages
 * @comm: its name
 */
struct dynmem_process {
	u32 pid;
	u32 flags;
	u64 start_time;
	u64 cgroup;
	u64 merging_pages;
	u64 rmap_items;
	u64 zero_pages;
	s64 profit;
	u64 rss_anon;
	u64 rss_file;
	u64 rss_shmem;
	u64 swap;
	char comm[TASK_COMM_LEN];
};

/**
 * struct dynmem_walk - a walk over the processes
 * @pid: where to go on
 * @fields: enum dynmem_field bits, what to read
 * @select: enum dynmem_select
 * @steps: PIDs visited
 * @exact: gather counters that the kernel keeps in parts
 * @cgroup: only processes in this cgroup or below it, 0: all
 */
struct dynmem_walk {
	u32 pid;
	u32 fields;
	u32 select;
	u32 steps;
	bool exact;
	u64 cgroup;
};

bool dynmem_walk_next(struct dynmem_walk *walk, struct dynmem_process *proc);
int dynmem_process_get_doit(struct sk_buff *skb, struct genl_info *info);
int dynmem_process_start(struct netlink_callback *cb, struct nlattr **attrs,
			 struct netlink_ext_ack *extack);
int dynmem_process_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* _DYNMEM_PROCESS_H */
