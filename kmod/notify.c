// SPDX-License-Identifier: GPL-2.0
/*
 * Notifications: the sending side of the multicast groups.
 */

#include <linux/dynmem.h>
#include <net/genetlink.h>

#include "capability.h"
#include "notify.h"
#include "trace.h"

/**
 * dynmem_listened() - does anybody listen to a group
 * @group: the group
 *
 * Takes no lock and may be called by a probe. Members in other network
 * namespaces count: they get nothing, but netlink does not distinguish them.
 *
 * Return: true if somebody does.
 */
bool dynmem_listened(enum dynmem_group group)
{
	/* Before that the numbers of its groups are those of others. */
	return READ_ONCE(dynmem_family_ready) &&
	       group < dynmem_family.n_mcgrps &&
	       genl_has_listeners(&dynmem_family, &init_net, group);
}

/*
 * Notifications are made when memory is out. GFP_KERNEL would go into the
 * very reclaim that is to be reported, GFP_NOWAIT has no reserves.
 */
#define DYNMEM_GFP	(GFP_ATOMIC | __GFP_NOWARN)

int dynmem_channel_init(struct dynmem_channel *channel)
{
	channel->reserve = genlmsg_new(channel->size, GFP_KERNEL);
	return channel->reserve ? 0 : -ENOMEM;
}

void dynmem_channel_exit(struct dynmem_channel *channel)
{
	kfree_skb(channel->reserve);
	channel->reserve = NULL;
}

static struct sk_buff *channel_take(struct dynmem_channel *channel)
{
	struct sk_buff *skb = genlmsg_new(channel->size, DYNMEM_GFP);

	if (!skb)
		swap(skb, channel->reserve);
	else if (!channel->reserve)
		channel->reserve = genlmsg_new(channel->size, DYNMEM_GFP);
	return skb;
}

/**
 * dynmem_stamp_put() - set what all messages of a group begin with
 * @rec: record of a reply or a notification
 * @stamp: the values
 */
void dynmem_stamp_put(struct dynmem_record *rec,
		      const struct dynmem_stamp *stamp)
{
	dynmem_set_head(rec, DYNMEM_A_HEAD_SEQ, stamp->seq);
	dynmem_set_head(rec, DYNMEM_A_HEAD_TIME, stamp->time);
	dynmem_set_head(rec, DYNMEM_A_HEAD_SINCE, dynmem_since);
	dynmem_set_head(rec, DYNMEM_A_HEAD_COALESCED, stamp->coalesced);
	dynmem_set_head(rec, DYNMEM_A_HEAD_SEND_FAILURES, stamp->failures);
	dynmem_set_head(rec, DYNMEM_A_HEAD_CAPABILITIES, dynmem_capabilities);
}

/*
 * What multicast returns is ignored. It fails when a listener has no
 * room, and asked to have that reported to the sender: an option that any
 * process may set. Netlink has marked that listener's socket as overrun, and
 * all others have the message. Only a message that could not be made has failed.
 */
static int channel_send(struct dynmem_channel *channel,
			const struct dynmem_record *rec)
{
	struct sk_buff *skb;
	void *head;
	int err;

	skb = channel_take(channel);
	if (!skb)
		return -ENOMEM;
	head = genlmsg_put(skb, 0, 0, &dynmem_family, 0, channel->cmd);
	err = head ? dynmem_record_put(skb, channel->types, rec) : -EMSGSIZE;
	if (WARN_ON_ONCE(err)) {
		nlmsg_free(skb);
		return err;
	}
	genlmsg_end(skb, head);
	genlmsg_multicast(&dynmem_family, skb, 0, channel->group, DYNMEM_GFP);
	return 0;
}

/**
 * dynmem_notify() - notify a group
 * @channel: the group
 * @rec: what to send; stamped here
 * @events: why
 * @changes: how many changes this reports, at least 1
 * @now: when @rec was filled, ns
 *
 * Return: 0, or a negative errno: it is counted, the caller tries again later.
 */
int dynmem_notify(struct dynmem_channel *channel, struct dynmem_record *rec,
		  u32 events, u64 changes, u64 now)
{
	struct dynmem_stamp before = channel->stamp;
	int err;

	channel->stamp.seq++;
	channel->stamp.coalesced += changes - 1;
	channel->stamp.time = now;
	dynmem_stamp_put(rec, &channel->stamp);
	static_assert((int)DYNMEM_A_KSM_EVENT == DYNMEM_A_PRESSURE_EVENT);
	dynmem_set(rec, DYNMEM_A_KSM_EVENT, events);
	err = channel_send(channel, rec);
	trace_dynmem_send(channel->group, channel->stamp.seq, events, err);
	if (err) {
		channel->stamp = before;
		channel->stamp.failures++;
		return err;
	}
	channel->sent = now;
	return 0;
}
