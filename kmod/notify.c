// SPDX-License-Identifier: GPL-2.0
/*
 * Notifications: the sending side of the multicast groups.
 */

#include <linux/dynmem.h>
#include <net/genetlink.h>

#include "capability.h"
#include "notify.h"

/**
 * dynmem_listened() - does anybody listen to a group
 * @group: the group
 *
 * Takes no lock and may be called by a probe.
 *
 * Return: true if somebody does.
 */
bool dynmem_listened(enum dynmem_group group)
{
	return genl_has_listeners(&dynmem_family, &init_net, group);
}

/*
 * Notifications are made when memory is out. GFP_KERNEL would go into the
 * very reclaim that is to be told of, GFP_NOWAIT has no reserves.
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
 * dynmem_channel_stamp() - set what all messages of a group begin with
 * @channel: the group
 * @rec: record of a reply or a notification
 * @now: when it was filled, ns
 */
void dynmem_channel_stamp(const struct dynmem_channel *channel,
			  struct dynmem_record *rec, u64 now)
{
#define SAME(name) \
	static_assert((int)DYNMEM_A_KSM_ ## name == DYNMEM_A_PRESSURE_ ## name)
	SAME(EVENT);
	SAME(SEQ);
	SAME(TIME);
	SAME(SINCE);
	SAME(COALESCED);
	SAME(SEND_FAILURES);
	SAME(CAPABILITIES);
#undef SAME
	dynmem_set(rec, DYNMEM_A_KSM_SEQ, channel->seq);
	dynmem_set(rec, DYNMEM_A_KSM_TIME, now);
	dynmem_set(rec, DYNMEM_A_KSM_SINCE, dynmem_since);
	dynmem_set(rec, DYNMEM_A_KSM_COALESCED, channel->coalesced);
	dynmem_set(rec, DYNMEM_A_KSM_SEND_FAILURES, channel->failures);
	dynmem_set(rec, DYNMEM_A_KSM_CAPABILITIES, dynmem_capabilities);
}

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
	err = genlmsg_multicast(&dynmem_family, skb, 0, channel->group,
				DYNMEM_GFP);
	/* The last listener has left meanwhile: nothing failed. */
	return err == -ESRCH ? 0 : err;
}

/**
 * dynmem_notify() - tell a group
 * @channel: the group
 * @rec: what to tell; stamped here
 * @events: why
 * @changes: how many changes this tells of, at least 1
 * @now: when @rec was filled, ns
 *
 * A listener that has no room is told by netlink itself (ENOBUFS) and is none
 * of the failures here.
 *
 * Return: 0, or a negative errno: it is counted, the caller tries again later.
 */
int dynmem_notify(struct dynmem_channel *channel, struct dynmem_record *rec,
		  u32 events, u64 changes, u64 now)
{
	int err;

	channel->seq++;
	channel->coalesced += changes - 1;
	dynmem_channel_stamp(channel, rec, now);
	dynmem_set(rec, DYNMEM_A_KSM_EVENT, events);
	err = channel_send(channel, rec);
	if (err) {
		channel->seq--;
		channel->coalesced -= changes - 1;
		channel->failures++;
		return err;
	}
	channel->sent = now;
	return 0;
}
