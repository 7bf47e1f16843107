/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cgroup-get
 */

#ifndef _DYNMEM_CGROUP_H
#define _DYNMEM_CGROUP_H

#include <net/genetlink.h>

int dynmem_cgroup_start(struct netlink_callback *cb, struct nlattr **attrs,
			struct netlink_ext_ack *extack);
int dynmem_cgroup_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dynmem_cgroup_done(struct netlink_callback *cb);

#endif /* _DYNMEM_CGROUP_H */
