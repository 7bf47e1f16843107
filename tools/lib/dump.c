// SPDX-License-Identifier: LGPL-2.1-or-later
/* Commands whose answer is a list. */
#include <errno.h>
#include <netlink/attr.h>

#include "internal.h"

/*
 * How to hand on one entry. A union, so that a callback is called through a
 * pointer of its own type.
 */
struct dump {
	const struct layout *layout;
	union {
		dynmem_process_fn process;
		dynmem_cgroup_fn cgroup;
		dynmem_node_fn node;
		dynmem_stall_fn stall;
		dynmem_oom_fn oom;
	} fn;
	void *arg;
};

static int on_entry(struct dynmem *d, const struct nlmsghdr *nlh, void *arg)
{
	struct scratch path = { d->path, sizeof(d->path) };
	const struct dump *dump = arg;
	union {
		struct dynmem_process process;
		struct dynmem_cgroup cgroup;
		struct dynmem_node node;
		struct dynmem_stall stall;
		struct dynmem_oom oom;
	} entry;
	int r;

	r = dn_parse_message(dump->layout, nlh, &path, &entry);
	if (r < 0)
		return r;
	if (dump->layout == &dn_process_layout)
		return dump->fn.process(&entry.process, dump->arg);
	if (dump->layout == &dn_cgroup_layout)
		return dump->fn.cgroup(&entry.cgroup, dump->arg);
	if (dump->layout == &dn_node_layout)
		return dump->fn.node(&entry.node, dump->arg);
	if (dump->layout == &dn_stall_layout)
		return dump->fn.stall(&entry.stall, dump->arg);
	return dump->fn.oom(&entry.oom, dump->arg);
}

_public_ int dynmem_dump_processes(struct dynmem *d, const struct dynmem_process_filter *filter,
				   dynmem_process_fn fn, void *arg)
{
	struct dump dump = {
		.layout = &dn_process_layout,
		.fn.process = fn,
		.arg = arg,
	};
	struct nl_msg *msg = d->request;
	int r;

	r = dn_request_build(d, DYNMEM_CMD_PROCESS_GET, NLM_F_DUMP);
	if (r < 0)
		return r;
	if (filter) {
		r = nla_put_u32(msg, DYNMEM_A_PROCESS_SELECT, filter->select);
		if (r == 0 && filter->fields)
			r = nla_put_u32(msg, DYNMEM_A_PROCESS_FIELDS, filter->fields);
		if (r == 0 && filter->cgroup_id)
			r = nla_put_u64(msg, DYNMEM_A_PROCESS_CGROUP_ID, filter->cgroup_id);
		if (r < 0)
			return dn_fail(d, -ENOMEM, NULL);
	}
	return dn_request_run(d, on_entry, &dump);
}

_public_ int dynmem_dump_cgroups(struct dynmem *d, const struct dynmem_cgroup_filter *filter,
				 dynmem_cgroup_fn fn, void *arg)
{
	struct dump dump = {
		.layout = &dn_cgroup_layout,
		.fn.cgroup = fn,
		.arg = arg,
	};
	struct nl_msg *msg = d->request;
	int r;

	r = dn_request_build(d, DYNMEM_CMD_CGROUP_GET, NLM_F_DUMP);
	if (r < 0)
		return r;
	if (filter) {
		r = nla_put_u32(msg, DYNMEM_A_CGROUP_SELECT, filter->select);
		if (r == 0 && filter->tree)
			r = nla_put_flag(msg, DYNMEM_A_CGROUP_TREE);
		if (r == 0 && filter->id)
			r = nla_put_u64(msg, DYNMEM_A_CGROUP_ID, filter->id);
		if (r < 0)
			return dn_fail(d, -ENOMEM, NULL);
	}
	return dn_request_run(d, on_entry, &dump);
}

_public_ int dynmem_dump_nodes(struct dynmem *d, dynmem_node_fn fn, void *arg)
{
	struct dump dump = {
		.layout = &dn_node_layout,
		.fn.node = fn,
		.arg = arg,
	};
	int r;

	r = dn_request_build(d, DYNMEM_CMD_NODE_GET, NLM_F_DUMP);
	return r < 0 ? r : dn_request_run(d, on_entry, &dump);
}

_public_ int dynmem_dump_stalls(struct dynmem *d, const struct dynmem_stall_filter *filter,
				dynmem_stall_fn fn, void *arg)
{
	struct dump dump = {
		.layout = &dn_stall_layout,
		.fn.stall = fn,
		.arg = arg,
	};
	struct nl_msg *msg = d->request;
	int r;

	r = dn_request_build(d, DYNMEM_CMD_STALL_GET, NLM_F_DUMP);
	if (r < 0)
		return r;
	if (filter) {
		r = nla_put_u32(msg, DYNMEM_A_STALL_BY, filter->by);
		if (r == 0)
			r = nla_put_u32(msg, DYNMEM_A_STALL_KIND, filter->kind);
		if (r == 0 && filter->cgroup_id)
			r = nla_put_u64(msg, DYNMEM_A_STALL_CGROUP_ID, filter->cgroup_id);
		if (r < 0)
			return dn_fail(d, -ENOMEM, NULL);
	}
	return dn_request_run(d, on_entry, &dump);
}

_public_ int dynmem_dump_ooms(struct dynmem *d, dynmem_oom_fn fn, void *arg)
{
	struct dump dump = {
		.layout = &dn_oom_layout,
		.fn.oom = fn,
		.arg = arg,
	};
	int r;

	r = dn_request_build(d, DYNMEM_CMD_OOM_GET, NLM_F_DUMP);
	return r < 0 ? r : dn_request_run(d, on_entry, &dump);
}
