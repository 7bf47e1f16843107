/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Replies to requests and dumps
 */

#ifndef _DYNMEM_REPLY_H
#define _DYNMEM_REPLY_H

#include <net/genetlink.h>

/**
 * struct dynmem_reply - a reply under way
 * @skb: the message
 * @head: its generic netlink header
 */
struct dynmem_reply {
	struct sk_buff *skb;
	void *head;
};

int dynmem_reply_new(struct dynmem_reply *reply, struct genl_info *info,
		     size_t size);
int dynmem_reply_send(struct dynmem_reply *reply, struct genl_info *info,
		      int err);
int dynmem_dump_end(const struct sk_buff *skb, int err);
void *dynmem_dump_put(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd);

#endif /* _DYNMEM_REPLY_H */
