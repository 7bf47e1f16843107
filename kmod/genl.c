// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: commands, policies, replies and notifications.
 *
 * The data is the host's, so that the family is in the initial network
 * namespace alone. What changes settings or names a process needs
 * CAP_NET_ADMIN.
 */

#include "dynmem.h"

static const struct nla_policy process_policy[] = {
	[DYNMEM_A_PROCESS_PID] = { .type = NLA_U32 },
	[DYNMEM_A_PROCESS_SELECT] =
		NLA_POLICY_MAX(NLA_U32, DYNMEM_SELECT_ALL),
	[DYNMEM_A_PROCESS_FIELDS] =
		NLA_POLICY_MASK(NLA_U32, DYNMEM_ALL_FIELDS),
	[DYNMEM_A_PROCESS_CGROUP_ID] = DYNMEM_POLICY_UINT,
};

static const struct nla_policy stall_policy[] = {
	[DYNMEM_A_STALL_BY] = NLA_POLICY_MAX(NLA_U32, DYNMEM_STALL_BY_CGROUP),
};

static const struct nla_policy config_policy[] = {
	[DYNMEM_A_CONFIG_DEFAULTS] = { .type = NLA_FLAG },
	[DYNMEM_A_CONFIG_THRESHOLD_LOW] = DYNMEM_POLICY_UINT,
	[DYNMEM_A_CONFIG_THRESHOLD_MEDIUM] = DYNMEM_POLICY_UINT,
	[DYNMEM_A_CONFIG_THRESHOLD_CRITICAL] = DYNMEM_POLICY_UINT,
	[DYNMEM_A_CONFIG_STALL_LOW] = { .type = NLA_U32 },
	[DYNMEM_A_CONFIG_STALL_MEDIUM] = { .type = NLA_U32 },
	[DYNMEM_A_CONFIG_STALL_CRITICAL] = { .type = NLA_U32 },
	[DYNMEM_A_CONFIG_WINDOW] = DYNMEM_POLICY_UINT,
	[DYNMEM_A_CONFIG_HOLD] = DYNMEM_POLICY_UINT,
	[DYNMEM_A_CONFIG_MIN_INTERVAL] = DYNMEM_POLICY_UINT,
	[DYNMEM_A_CONFIG_SAMPLE_MIN] = DYNMEM_POLICY_UINT,
	[DYNMEM_A_CONFIG_SAMPLE_MAX] = DYNMEM_POLICY_UINT,
	[DYNMEM_A_CONFIG_FILL_RATE] = DYNMEM_POLICY_UINT,
	[DYNMEM_A_CONFIG_REFAULT_COST] = DYNMEM_POLICY_UINT,
	[DYNMEM_A_CONFIG_KSM_INTERVAL] = DYNMEM_POLICY_UINT,
};

#ifdef CONFIG_CGROUPS
static const struct nla_policy cgroup_policy[] = {
	[DYNMEM_A_CGROUP_ID] = DYNMEM_POLICY_UINT,
	[DYNMEM_A_CGROUP_TREE] = { .type = NLA_FLAG },
	[DYNMEM_A_CGROUP_SELECT] = NLA_POLICY_MAX(NLA_U32, DYNMEM_SELECT_ALL),
};
#endif

#define DYNMEM_START(name)						\
	static int name ## _start(struct netlink_callback *cb)		\
	{								\
		return dynmem_dump_start(cb, dynmem_ ## name ## _start);	\
	}

DYNMEM_START(process)
DYNMEM_START(stall)
#ifdef CONFIG_CGROUPS
DYNMEM_START(cgroup)
#endif

/* A command without a policy takes no attributes: the core refuses them. */
static const struct genl_ops dynmem_ops[] = {
	{
		.cmd = DYNMEM_CMD_KSM_GET,
		.doit = dynmem_ksm_get_doit,
	},
	{
		.cmd = DYNMEM_CMD_PROCESS_GET,
		.flags = GENL_ADMIN_PERM,
		.policy = process_policy,
		.maxattr = ARRAY_SIZE(process_policy) - 1,
		.doit = dynmem_process_get_doit,
		.start = process_start,
		.dumpit = dynmem_process_dumpit,
	},
#ifdef CONFIG_CGROUPS
	{
		.cmd = DYNMEM_CMD_CGROUP_GET,
		.flags = GENL_ADMIN_PERM,
		.policy = cgroup_policy,
		.maxattr = ARRAY_SIZE(cgroup_policy) - 1,
		.start = cgroup_start,
		.dumpit = dynmem_cgroup_dumpit,
		.done = dynmem_cgroup_done,
	},
#endif
	{
		.cmd = DYNMEM_CMD_NODE_GET,
		.dumpit = dynmem_node_dumpit,
	},
	{
		.cmd = DYNMEM_CMD_PRESSURE_GET,
		.doit = dynmem_pressure_get_doit,
	},
	{
		.cmd = DYNMEM_CMD_STALL_GET,
		.flags = GENL_ADMIN_PERM,
		.policy = stall_policy,
		.maxattr = ARRAY_SIZE(stall_policy) - 1,
		.start = stall_start,
		.dumpit = dynmem_stall_dumpit,
		.done = dynmem_stall_done,
	},
	{
		.cmd = DYNMEM_CMD_CONFIG_GET,
		.doit = dynmem_config_get_doit,
	},
	{
		.cmd = DYNMEM_CMD_CONFIG_SET,
		.flags = GENL_ADMIN_PERM,
		.policy = config_policy,
		.maxattr = ARRAY_SIZE(config_policy) - 1,
		.doit = dynmem_config_set_doit,
	},
};

static const struct genl_multicast_group dynmem_groups[] = {
	[DYNMEM_GROUP_KSM] = { .name = DYNMEM_MCGRP_KSM },
	[DYNMEM_GROUP_PRESSURE] = { .name = DYNMEM_MCGRP_PRESSURE },
};

struct genl_family dynmem_family __ro_after_init = {
	.name = DYNMEM_FAMILY_NAME,
	.version = DYNMEM_FAMILY_VERSION,
	.netnsok = false,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = dynmem_ops,
	.n_ops = ARRAY_SIZE(dynmem_ops),
	.mcgrps = dynmem_groups,
	.n_mcgrps = ARRAY_SIZE(dynmem_groups),
};

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

int __init dynmem_genl_init(void)
{
	return genl_register_family(&dynmem_family);
}

void dynmem_genl_exit(void)
{
	genl_unregister_family(&dynmem_family);
}
