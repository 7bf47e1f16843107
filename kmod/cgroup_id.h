/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ids and paths of cgroups v2
 */

#ifndef _DYNMEM_CGROUP_ID_H
#define _DYNMEM_CGROUP_ID_H

#include <linux/types.h>
#include <net/netlink.h>

struct task_struct;

#ifdef CONFIG_CGROUPS
u64 dynmem_task_cgroup(struct task_struct *task);
bool dynmem_task_below(struct task_struct *task, u64 cgroup);
bool dynmem_cgroup_below(u64 id, u64 above);
int dynmem_cgroup_check_used(struct netlink_ext_ack *extack);
int dynmem_cgroup_check(const struct nlattr *attr,
			struct netlink_ext_ack *extack);
/* A message that holds one record with any path. */
#define DYNMEM_PATH_DUMP_SIZE	8192

int dynmem_cgroup_put_path(struct sk_buff *skb, int attr, u64 cgroup);
#endif

#endif /* _DYNMEM_CGROUP_ID_H */
