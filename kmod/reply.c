// SPDX-License-Identifier: GPL-2.0
/*
 * Replies to requests and dumps.
 */

#include "genl.h"
#include "reply.h"

/**
 * dynmem_reply_new() - begin a reply
 * @reply: the reply
 * @info: the request
 * @size: bytes of attributes at most
 *
 * Return: 0 or a negative errno.
 */
int dynmem_reply_new(struct dynmem_reply *reply, struct genl_info *info,
		     size_t size)
{
	reply->skb = genlmsg_new(size, GFP_KERNEL);
	if (!reply->skb)
		return -ENOMEM;
	reply->head = genlmsg_put_reply(reply->skb, info, &dynmem_family, 0,
					info->genlhdr->cmd);
	if (!reply->head) {
		nlmsg_free(reply->skb);
		return -EMSGSIZE;
	}
	return 0;
}

/**
 * dynmem_reply_send() - send a reply, or drop it
 * @reply: the reply
 * @info: the request
 * @err: not 0 drops it
 *
 * Return: @err, or that of sending.
 */
int dynmem_reply_send(struct dynmem_reply *reply, struct genl_info *info,
		      int err)
{
	if (err) {
		nlmsg_free(reply->skb);
		return err;
	}
	genlmsg_end(reply->skb, reply->head);
	return genlmsg_reply(reply->skb, info);
}

/**
 * dynmem_dump_put() - begin one answer of a dump
 * @skb: the dump's message
 * @cb: the dump
 * @cmd: the command
 *
 * Return: the generic netlink header, NULL when the message is full.
 */
void *dynmem_dump_put(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   &dynmem_family, NLM_F_MULTI, cmd);
}

/**
 * dynmem_dump_end() - what a dump's callback returns
 * @skb: the dump's message
 * @err: 0 at the end of the dump, else why the message goes out now
 *
 * Return: bytes in the message if there are any, for then the dump goes on;
 * else @err, so that what fits no message ends the dump with an error.
 */
int dynmem_dump_end(const struct sk_buff *skb, int err)
{
	return skb->len ?: err;
}
