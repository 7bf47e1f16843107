/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Node-get
 */

#ifndef _DYNMEM_NODE_H
#define _DYNMEM_NODE_H

#include <net/genetlink.h>

int dynmem_node_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* _DYNMEM_NODE_H */
