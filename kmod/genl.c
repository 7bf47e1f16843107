// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: commands and policies.
 *
 * The data is the host's, so that the family is in the initial network
 * namespace alone. What changes settings or names a process needs
 * CAP_NET_ADMIN.
 */

#include <linux/dynmem.h>

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

/* Written by init and exit: groups may be asked for listeners. */
bool dynmem_family_ready;

int __init dynmem_genl_init(void)
{
	int err = genl_register_family(&dynmem_family);

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
