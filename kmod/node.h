/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Node-get
 */

#ifndef _DYNMEM_NODE_H
#define _DYNMEM_NODE_H

#include <net/genetlink.h>

void dynmem_node_count_wake(int nid);
void dynmem_node_count_throttled(int nid, u64 time);
int dynmem_node_init(void);
void dynmem_node_exit(void);
int dynmem_node_get_doit(struct sk_buff *skb, struct genl_info *info);
int dynmem_node_start(struct netlink_callback *cb, struct nlattr **attrs,
		      struct netlink_ext_ack *extack);
int dynmem_node_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* _DYNMEM_NODE_H */
