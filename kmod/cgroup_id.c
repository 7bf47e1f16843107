// SPDX-License-Identifier: GPL-2.0
/*
 * Ids and paths of cgroups v2.
 */

#include <linux/cgroup.h>
#include <linux/limits.h>
#include <linux/nsproxy.h>
#include <linux/slab.h>

#include "cgroup_id.h"
#include "compat/compat.h"

/**
 * dynmem_task_cgroup() - the cgroup v2 of a task
 * @task: the task
 *
 * Under RCU.
 *
 * Return: its id.
 */
u64 dynmem_task_cgroup(struct task_struct *task)
{
	return cgroup_id(task_dfl_cgroup(task));
}

/**
 * dynmem_task_below() - whether a task is in a cgroup or below it
 * @task: the task
 * @cgroup: the cgroup's id
 *
 * Under RCU.
 *
 * Return: true if it is.
 */
bool dynmem_task_below(struct task_struct *task, u64 cgroup)
{
	struct cgroup *at;

	for (at = task_dfl_cgroup(task); at; at = cgroup_parent(at))
		if (cgroup_id(at) == cgroup)
			return true;
	return false;
}

/**
 * dynmem_cgroup_below() - whether a cgroup is another one or below it
 * @id: the cgroup
 * @above: the other
 *
 * Return: true if it is; false if it is gone.
 */
bool dynmem_cgroup_below(u64 id, u64 above)
{
	struct cgroup *cgroup = cgroup_get_from_id(id);
	struct cgroup *at;

	if (IS_ERR(cgroup))
		return false;
	for (at = cgroup; at && cgroup_id(at) != above;)
		at = cgroup_parent(at);
	cgroup_put(cgroup);
	return at;
}

/**
 * dynmem_cgroup_check_used() - refuse to sum by cgroup where there are none
 * @extack: where the refusal goes
 *
 * Where only cgroup v1 is used all tasks are in the root of v2.
 *
 * Return: 0 or -EOPNOTSUPP.
 */
int dynmem_cgroup_check_used(struct netlink_ext_ack *extack)
{
	if (READ_ONCE(cgrp_dfl_root.cgrp.nr_descendants))
		return 0;
	NL_SET_ERR_MSG(extack,
		       "cgroup v2 is not in use here: it has no cgroup but the root");
	return -EOPNOTSUPP;
}

/**
 * dynmem_cgroup_check() - refuse the id of a cgroup that is not there
 * @attr: the id
 * @extack: where the refusal goes
 *
 * Return: 0 or -ENOENT.
 */
int dynmem_cgroup_check(const struct nlattr *attr,
			struct netlink_ext_ack *extack)
{
	struct cgroup *cgroup = cgroup_get_from_id(nla_get_uint(attr));

	if (IS_ERR(cgroup)) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "no cgroup v2 has this id");
		return -ENOENT;
	}
	cgroup_put(cgroup);
	return 0;
}

/**
 * dynmem_cgroup_put_path() - put the path of a cgroup into a message
 * @skb: the message
 * @attr: the attribute
 * @id: the cgroup
 *
 * A cgroup that is gone has no path, and one of PATH_MAX bytes or more is left
 * out.
 *
 * Return: 0, -EMSGSIZE when the message is full, -ENOMEM.
 */
int dynmem_cgroup_put_path(struct sk_buff *skb, int attr, u64 id)
{
	struct cgroup *cgroup;
	char *path;
	int len;
	int err;

	cgroup = cgroup_get_from_id(id);
	if (IS_ERR(cgroup))
		return PTR_ERR(cgroup) == -ENOENT ? 0 : PTR_ERR(cgroup);
	path = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!path) {
		err = -ENOMEM;
		goto put;
	}
	len = cgroup_path_ns(cgroup, path, PATH_MAX,
			     current->nsproxy->cgroup_ns);
	/* Too long: before 6.8 its length, since then -E2BIG. */
	err = 0;
	if (len >= 0 && len < PATH_MAX)
		err = nla_put_string(skb, attr, path);
	kfree(path);
put:
	cgroup_put(cgroup);
	return err;
}
