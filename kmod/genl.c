// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: commands and policies.
 *
 * The data is the host's, so that the family is in the initial network
 * namespace alone. The policies are what ynl-gen-c makes of the specification,
 * written by hand because they have to do for kernels without NLA_UINT and
 * without an operation for each of do and dump.
 */

#include <linux/capability.h>
#include <linux/dynmem.h>

#include "capability.h"
#include "cgroup.h"
#include "compat/compat.h"
#include "config.h"
#include "genl.h"
#include "ksm_ntf.h"
#include "node.h"
#include "pressure.h"
#include "process.h"
#include "sampler.h"
#include "stall_get.h"
#include "victim.h"

static const struct nla_policy process_policy[] = {
	[DYNMEM_A_PROCESS_PID] = { .type = NLA_U32 },
	[DYNMEM_A_PROCESS_SELECT] =
		NLA_POLICY_MAX(NLA_U32, DYNMEM_SELECT_ALL),
	[DYNMEM_A_PROCESS_FIELDS] =
		NLA_POLICY_MASK(NLA_U32, DYNMEM_ALL_FIELDS),
	[DYNMEM_A_PROCESS_CGROUP_ID] = DYNMEM_POLICY_UINT,
};

static const struct nla_policy node_policy[] = {
	[DYNMEM_A_NODE_ID] = { .type = NLA_U32 },
};

static const struct nla_policy stall_policy[] = {
	[DYNMEM_A_STALL_BY] = NLA_POLICY_MAX(NLA_U32, DYNMEM_STALL_BY_CGROUP),
	[DYNMEM_A_STALL_KIND] =
		NLA_POLICY_MAX(NLA_U32, DYNMEM_STALL_KIND_MEMCG),
	[DYNMEM_A_STALL_CGROUP_ID] = DYNMEM_POLICY_UINT,
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

DYNMEM_START(node)
DYNMEM_START(process)
DYNMEM_START(stall)
DYNMEM_START(victim)
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
		.policy = process_policy,
		.maxattr = ARRAY_SIZE(process_policy) - 1,
		.doit = dynmem_process_get_doit,
		.start = process_start,
		.dumpit = dynmem_process_dumpit,
	},
#ifdef CONFIG_CGROUPS
	{
		.cmd = DYNMEM_CMD_CGROUP_GET,
		.policy = cgroup_policy,
		.maxattr = ARRAY_SIZE(cgroup_policy) - 1,
		.start = cgroup_start,
		.dumpit = dynmem_cgroup_dumpit,
		.done = dynmem_cgroup_done,
	},
#endif
	{
		.cmd = DYNMEM_CMD_NODE_GET,
		.policy = node_policy,
		.maxattr = ARRAY_SIZE(node_policy) - 1,
		.doit = dynmem_node_get_doit,
		.start = node_start,
		.dumpit = dynmem_node_dumpit,
	},
	{
		.cmd = DYNMEM_CMD_PRESSURE_GET,
		.doit = dynmem_pressure_get_doit,
	},
	{
		.cmd = DYNMEM_CMD_STALL_GET,
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
		.policy = dynmem_config_policy,
		.maxattr = DYNMEM_A_CONFIG_MAX,
		.doit = dynmem_config_set_doit,
	},
	{
		.cmd = DYNMEM_CMD_OOM_GET,
		.start = victim_start,
		.dumpit = dynmem_victim_dumpit,
	},
};

static const struct genl_multicast_group dynmem_groups[] = {
	[DYNMEM_GROUP_KSM] = { .name = DYNMEM_MCGRP_KSM },
	[DYNMEM_GROUP_PRESSURE] = { .name = DYNMEM_MCGRP_PRESSURE },
#ifdef GENL_MCAST_CAP_SYS_ADMIN
	[DYNMEM_GROUP_OOM] = {
		.name = DYNMEM_MCGRP_OOM,
		.flags = GENL_MCAST_CAP_SYS_ADMIN,
	},
#endif
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
 * dynmem_may_read() - may a request read what names processes
 * @request: the request
 * @extack: where a refusal goes
 *
 * Who may trace any process, or watch the performance of all, may. Both the
 * opener of the socket and the sender must have the capability.
 *
 * Return: 0 or -EPERM.
 */
int dynmem_may_read(struct sk_buff *request,
		    struct netlink_ext_ack *extack)
{
	if (netlink_capable(request, CAP_SYS_PTRACE) ||
	    netlink_capable(request, CAP_PERFMON))
		return 0;
	NL_SET_ERR_MSG(extack,
		       "CAP_SYS_PTRACE or CAP_PERFMON is needed, in the initial user namespace");
	return -EPERM;
}

/**
 * dynmem_may_set() - may a request change settings
 * @request: the request
 * @extack: where a refusal goes
 *
 * Return: 0 or -EPERM.
 */
int dynmem_may_set(struct sk_buff *request,
		   struct netlink_ext_ack *extack)
{
	if (netlink_capable(request, CAP_SYS_RESOURCE))
		return 0;
	NL_SET_ERR_MSG(extack,
		       "CAP_SYS_RESOURCE is needed, in the initial user namespace");
	return -EPERM;
}

/* Written by init and exit: groups may be asked for listeners. */
bool dynmem_family_ready __read_mostly;

int __init dynmem_genl_init(void)
{
	int err;

#ifdef GENL_MCAST_CAP_SYS_ADMIN
	if (dynmem_capabilities & DYNMEM_CAPABILITY_OOM_KILL)
		dynmem_capabilities |= DYNMEM_CAPABILITY_OOM_VICTIM;
#endif
	err = genl_register_family(&dynmem_family);
	if (err)
		return err;
	WRITE_ONCE(dynmem_family_ready, true);
	/* An agent that was quick to join and ask found nobody to listen. */
	dynmem_sampler_trigger_all();
	return 0;
}

/* To be called when no pass runs any more: it could send. */
void dynmem_genl_exit(void)
{
	WRITE_ONCE(dynmem_family_ready, false);
	genl_unregister_family(&dynmem_family);
}
