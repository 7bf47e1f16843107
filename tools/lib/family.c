// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Is the family there, and under which numbers?
 *
 * Asking for a family by name makes the kernel load a module of that name.
 * That is right when a program starts and wrong when an administrator has
 * just unloaded it: all later look-ups list the families instead.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>

#include "internal.h"

static const char *const group_names[GROUPS] = {
	[GROUP_PRESSURE] = DYNMEM_MCGRP_PRESSURE,
	[GROUP_KSM] = DYNMEM_MCGRP_KSM,
	[GROUP_OOM] = DYNMEM_MCGRP_OOM,
};

static int parse_group(struct nlattr *nla, struct family *family)
{
	static struct nla_policy policy[CTRL_ATTR_MCAST_GRP_MAX + 1] = {
		[CTRL_ATTR_MCAST_GRP_NAME] = { .type = NLA_STRING },
		[CTRL_ATTR_MCAST_GRP_ID] = { .type = NLA_U32 },
	};
	struct nlattr *tb[CTRL_ATTR_MCAST_GRP_MAX + 1];

	if (nla_parse_nested(tb, CTRL_ATTR_MCAST_GRP_MAX, nla, policy) < 0)
		return -EBADMSG;
	if (!tb[CTRL_ATTR_MCAST_GRP_NAME] || !tb[CTRL_ATTR_MCAST_GRP_ID])
		return -EBADMSG;

	for (int i = 0; i < GROUPS; i++)
		if (nla_strcmp(tb[CTRL_ATTR_MCAST_GRP_NAME], group_names[i]) == 0)
			family->groups[i] = nla_get_u32(tb[CTRL_ATTR_MCAST_GRP_ID]);
	return 0;
}

/**
 * dn_family_parse() - a message of the controller
 * @nlh: CTRL_CMD_NEWFAMILY or CTRL_CMD_DELFAMILY
 * @ret: its numbers, if the message is about our family
 *
 * Return: 1 if it is, 0 if it is about another one, -EBADMSG.
 */
int dn_family_parse(const struct nlmsghdr *nlh, struct family *ret)
{
	static struct nla_policy policy[CTRL_ATTR_MAX + 1] = {
		[CTRL_ATTR_FAMILY_ID] = { .type = NLA_U16 },
		[CTRL_ATTR_FAMILY_NAME] = { .type = NLA_STRING },
		[CTRL_ATTR_MCAST_GROUPS] = { .type = NLA_NESTED },
	};
	struct nlattr *tb[CTRL_ATTR_MAX + 1], *nla;
	struct family family = {};
	int rest, r;

	if (!genlmsg_valid_hdr((struct nlmsghdr *)nlh, 0) ||
	    nla_parse(tb, CTRL_ATTR_MAX, nlmsg_attrdata(nlh, GENL_HDRLEN),
		      nlmsg_attrlen(nlh, GENL_HDRLEN), policy) < 0 ||
	    !tb[CTRL_ATTR_FAMILY_NAME])
		return -EBADMSG;
	if (nla_strcmp(tb[CTRL_ATTR_FAMILY_NAME], DYNMEM_FAMILY_NAME) != 0)
		return 0;
	if (!tb[CTRL_ATTR_FAMILY_ID])
		return -EBADMSG;

	family.id = nla_get_u16(tb[CTRL_ATTR_FAMILY_ID]);
	if (tb[CTRL_ATTR_MCAST_GROUPS]) {
		nla_for_each_nested (nla, tb[CTRL_ATTR_MCAST_GROUPS], rest) {
			r = parse_group(nla, &family);
			if (r < 0)
				return r;
		}
	}
	*ret = family;
	return 1;
}

static int on_family(struct dynmem *d, const struct nlmsghdr *nlh, void *arg)
{
	(void)d;
	return dn_family_parse(nlh, arg);
}

/**
 * dn_family_lookup() - ask the controller for our family
 * @d: the handle, which is left as it is
 * @load: let the kernel load the module
 * @ret: the family's numbers; all zero if it is not there
 *
 * Return: 0 or a negative errno.
 */
int dn_family_lookup(struct dynmem *d, bool load, struct family *ret)
{
	struct family family = {};
	int r, result = 0;

	r = dn_message_build(d, d->lookup, GENL_ID_CTRL, CTRL_CMD_GETFAMILY,
			     load ? NLM_F_ACK : NLM_F_DUMP);
	if (r < 0)
		return r;
	if (load && nla_put_string(d->lookup, CTRL_ATTR_FAMILY_NAME, DYNMEM_FAMILY_NAME) < 0)
		return dn_fail(d, -ENOMEM, NULL);

	r = dn_transact(d, d->lookup, on_family, &family, &result);
	if (r == -ENOENT)
		r = result = 0;
	/* A list that changed meanwhile: the news of it are on their way. */
	if (r < 0 && r != -EAGAIN)
		return r;
	if (result < 0)
		return dn_fail(d, result, NULL);
	*ret = family;
	return 0;
}

/**
 * dn_membership() - join or leave a multicast group of the family
 * @d: the handle
 * @group: enum group_index
 * @join: join, else leave; either may be done twice
 *
 * Return: 0 or a negative errno.
 */
int dn_membership(struct dynmem *d, int group, bool join)
{
	int id = (int)d->family.groups[group];

	if (!id)
		return dn_fail(d, -EOPNOTSUPP, "this module has no such multicast group");
	if (setsockopt(nl_socket_get_fd(d->events), SOL_NETLINK,
		       join ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP, &id,
		       sizeof(id)) < 0)
		return dn_fail(d, -errno, NULL);
	return 0;
}

/**
 * dn_family_changed() - take over the family's numbers, with the events for it
 * @d: the handle
 * @now: the numbers; all zero if it is not there
 */
void dn_family_changed(struct dynmem *d, const struct family *now)
{
	if (d->family.id == now->id)
		return;

	d->pending &= ~(unsigned int)PENDING_STATES;
	d->retry &= ~(unsigned int)PENDING_STATES;
	if (d->family.id) {
		/* The kernel did so, but for one that we joined too late. */
		for (int i = 0; i < GROUPS; i++)
			dn_membership(d, i, false);
		/* One that was never reported to be there is not reported to go. */
		if (d->pending & PENDING_APPEARED)
			d->pending &= ~(unsigned int)PENDING_APPEARED;
		else
			d->pending |= PENDING_VANISHED;
		memset(d->baseline, 0, sizeof(d->baseline));
	}
	d->family = *now;
	if (!now->id)
		return;

	d->pending |= PENDING_APPEARED;
	for (int i = 0; i < GROUPS; i++)
		if (d->groups >> i & 1)
			d->pending |= PENDING_STATE << i;
}

/**
 * dn_family_recheck() - find out whether what we know of the family still holds
 * @d: the handle
 *
 * Return: 0 or a negative errno.
 */
int dn_family_recheck(struct dynmem *d)
{
	struct family now = {};
	int r;

	r = dn_family_lookup(d, false, &now);
	if (r < 0)
		return r;
	dn_family_changed(d, &now);
	return 0;
}
