/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stall-get
 */

#ifndef _DYNMEM_STALL_GET_H
#define _DYNMEM_STALL_GET_H

#include <net/genetlink.h>

int dynmem_stall_start(struct netlink_callback *cb, struct nlattr **attrs,
		       struct netlink_ext_ack *extack);
int dynmem_stall_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dynmem_stall_done(struct netlink_callback *cb);

#endif /* _DYNMEM_STALL_GET_H */
