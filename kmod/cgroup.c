// SPDX-License-Identifier: GPL-2.0
/*
 * cgroup-get: the memory of processes, summed per cgroup v2.
 *
 * The sums are made when the dump starts, and then sent as they are.
 */

#include <linux/cgroup.h>
#include <linux/dynmem.h>
#include <linux/nsproxy.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/xarray.h>

#include "attrs.h"
#include "cgroup.h"
#include "cgroup_id.h"
#include "compat/compat.h"
#include "genl.h"
#include "process.h"
#include "reply.h"

static const u8 cgroup_types[DYNMEM_A_CGROUP_MAX + 1] = {
	[DYNMEM_A_CGROUP_PROCESSES] = DYNMEM_U32,
	[DYNMEM_A_CGROUP_KSM_PROCESSES] = DYNMEM_U32,
	[DYNMEM_A_CGROUP_FLAGS] = DYNMEM_U32,
	[DYNMEM_A_CGROUP_PROFIT] = DYNMEM_SINT,
};

/**
 * struct cgroup_sum - a cgroup, and what its processes have
 * @id: its id
 * @parent: that of the cgroup above, 0: this is the root
 * @depth: cgroups above it
 * @processes: address spaces counted
 * @ksm_processes: those that KSM knows
 * @sum: their figures; pid, start_time, cgroup and comm are not used
 */
struct cgroup_sum {
	u64 id;
	u64 parent;
	u32 depth;
	u32 processes;
	u32 ksm_processes;
	struct dynmem_process sum;
};

/**
 * struct cgroup_dump - a dump under way
 * @sums: struct cgroup_sum by id
 * @order: the same in the order in which they are sent
 * @n: how many
 * @at: the next one
 * @only: the cgroup at the top, 0: the root
 * @tree: sums include the cgroups below
 * @select: enum dynmem_select
 */
struct cgroup_dump {
	struct xarray sums;
	struct cgroup_sum **order;
	unsigned int n;
	unsigned int at;
	u64 only;
	bool tree;
	u32 select;
};

static struct cgroup_dump *cgroup_dump(struct netlink_callback *cb)
{
	return (struct cgroup_dump *)cb->args[0];
}

/* NULL: this is the root, or that of the reader's cgroup namespace. */
static struct cgroup *cgroup_parent_seen(struct cgroup *cgroup)
{
	if (cgroup == current->nsproxy->cgroup_ns->root_cset->dfl_cgrp)
		return NULL;
	return cgroup_parent(cgroup);
}

static struct cgroup_sum *cgroup_sum_new(struct cgroup_dump *dump,
					 struct cgroup *cgroup)
{
	struct cgroup_sum *sum = kzalloc(sizeof(*sum), GFP_KERNEL);
	struct cgroup *parent = cgroup_parent_seen(cgroup);
	int err;

	if (!sum)
		return ERR_PTR(-ENOMEM);
	sum->id = cgroup_id(cgroup);
	sum->parent = parent ? cgroup_id(parent) : 0;
	sum->depth = cgroup->level;
	err = xa_insert(&dump->sums, sum->id, sum, GFP_KERNEL);
	if (err) {
		kfree(sum);
		return ERR_PTR(err);
	}
	dump->n++;
	return sum;
}

/*
 * The sum of a cgroup, and in a tree those of the cgroups above it. NULL: the
 * cgroup is gone, or not to be seen from the reader's cgroup namespace.
 */
static struct cgroup_sum *cgroup_sum_get(struct cgroup_dump *dump, u64 id)
{
	struct cgroup_sum *sum = xa_load(&dump->sums, id);
	struct cgroup *cgroup, *at;

	if (sum)
		return sum;
	cgroup = cgroup_get_from_id(id);
	if (IS_ERR(cgroup))
		return NULL;
	sum = cgroup_sum_new(dump, cgroup);
	/* The cgroups above are there as long as one below is. */
	for (at = cgroup; dump->tree && !IS_ERR(sum);) {
		struct cgroup_sum *above;

		if (cgroup_id(at) == dump->only)
			break;
		at = cgroup_parent_seen(at);
		if (!at || xa_load(&dump->sums, cgroup_id(at)))
			break;
		above = cgroup_sum_new(dump, at);
		if (IS_ERR(above))
			sum = above;
	}
	cgroup_put(cgroup);
	return sum;
}

static void cgroup_add(struct dynmem_process *to, const struct dynmem_process *from)
{
	to->flags |= from->flags;
	to->merging_pages += from->merging_pages;
	to->rmap_items += from->rmap_items;
	to->zero_pages += from->zero_pages;
	to->profit += from->profit;
	to->rss_anon += from->rss_anon;
	to->rss_file += from->rss_file;
	to->rss_shmem += from->rss_shmem;
	to->swap += from->swap;
}

static bool cgroup_is_ksm_user(const struct dynmem_process *proc)
{
	return proc->flags & (DYNMEM_PROCESS_FLAG_MERGEABLE |
			      DYNMEM_PROCESS_FLAG_MERGE_ANY) ||
	       proc->merging_pages || proc->rmap_items || proc->zero_pages;
}

static int cgroup_sum_processes(struct cgroup_dump *dump)
{
	struct dynmem_walk walk = {
		.fields = DYNMEM_FIELD_CGROUP | DYNMEM_FIELD_FLAGS |
			  DYNMEM_FIELD_KSM | DYNMEM_FIELD_RSS |
			  DYNMEM_FIELD_SWAP,
		.select = DYNMEM_SELECT_ALL,
		.cgroup = dump->only,
	};
	struct dynmem_process proc;

	while (dynmem_walk_next(&walk, &proc)) {
		struct cgroup_sum *sum;

		if (fatal_signal_pending(current))
			return -EINTR;
		if (proc.flags & DYNMEM_PROCESS_FLAG_BORROWED)
			continue;
		sum = cgroup_sum_get(dump, proc.cgroup);
		if (IS_ERR(sum))
			return PTR_ERR(sum);
		if (!sum)
			continue;
		sum->processes++;
		sum->ksm_processes += cgroup_is_ksm_user(&proc);
		cgroup_add(&sum->sum, &proc);
	}
	return 0;
}

static int cgroup_by_depth(const void *x, const void *y)
{
	const struct cgroup_sum *a = *(const struct cgroup_sum **)x;
	const struct cgroup_sum *b = *(const struct cgroup_sum **)y;

	if (a->depth != b->depth)
		return a->depth < b->depth ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static int cgroup_put_in_order(struct cgroup_dump *dump)
{
	struct cgroup_sum *sum;
	unsigned long id;
	unsigned int n = 0;

	if (!dump->n)
		return 0;
	dump->order = kvmalloc_array(dump->n, sizeof(*dump->order),
				     GFP_KERNEL);
	if (!dump->order)
		return -ENOMEM;
	xa_for_each(&dump->sums, id, sum)
		dump->order[n++] = sum;
	sort(dump->order, n, sizeof(*dump->order), cgroup_by_depth, NULL);
	return 0;
}

/* From the leaves to the root, each adds to the one above. */
static void cgroup_sum_tree(struct cgroup_dump *dump)
{
	unsigned int i;

	for (i = dump->n; i--;) {
		const struct cgroup_sum *sum = dump->order[i];
		struct cgroup_sum *above = xa_load(&dump->sums, sum->parent);

		if (!above)
			continue;
		above->processes += sum->processes;
		above->ksm_processes += sum->ksm_processes;
		cgroup_add(&above->sum, &sum->sum);
	}
}

static void cgroup_dump_free(struct cgroup_dump *dump)
{
	struct cgroup_sum *sum;
	unsigned long id;

	xa_for_each(&dump->sums, id, sum)
		kfree(sum);
	xa_destroy(&dump->sums);
	kvfree(dump->order);
	kfree(dump);
}

static int cgroup_check_request(struct cgroup_dump *dump, struct nlattr **attrs,
				struct netlink_ext_ack *extack)
{
	int err = dynmem_cgroup_check_used(extack);

	if (err)
		return err;
	dump->tree = nla_get_flag(attrs[DYNMEM_A_CGROUP_TREE]);
	if (attrs[DYNMEM_A_CGROUP_SELECT])
		dump->select = nla_get_u32(attrs[DYNMEM_A_CGROUP_SELECT]);
	if (!attrs[DYNMEM_A_CGROUP_ID])
		return 0;
	dump->only = nla_get_uint(attrs[DYNMEM_A_CGROUP_ID]);
	return dynmem_cgroup_check(attrs[DYNMEM_A_CGROUP_ID], extack);
}

int dynmem_cgroup_start(struct netlink_callback *cb, struct nlattr **attrs,
			struct netlink_ext_ack *extack)
{
	struct cgroup_dump *dump;
	int err;

	err = dynmem_may_read(cb->skb, extack);
	if (err)
		return err;
	dump = kzalloc(sizeof(*dump), GFP_KERNEL);
	if (!dump)
		return -ENOMEM;
	xa_init(&dump->sums);
	err = cgroup_check_request(dump, attrs, extack) ?:
	      cgroup_sum_processes(dump) ?: cgroup_put_in_order(dump);
	if (err) {
		cgroup_dump_free(dump);
		return err;
	}
	if (dump->tree)
		cgroup_sum_tree(dump);
	cb->args[0] = (long)dump;
	cb->min_dump_alloc = DYNMEM_PATH_DUMP_SIZE;
	return 0;
}

int dynmem_cgroup_done(struct netlink_callback *cb)
{
	cgroup_dump_free(cgroup_dump(cb));
	return 0;
}

static void cgroup_fill(struct dynmem_record *rec, const struct cgroup_sum *sum)
{
	const struct dynmem_process *proc = &sum->sum;

	dynmem_set(rec, DYNMEM_A_CGROUP_PROCESSES, sum->processes);
	dynmem_set(rec, DYNMEM_A_CGROUP_KSM_PROCESSES, sum->ksm_processes);
	dynmem_set(rec, DYNMEM_A_CGROUP_FLAGS, proc->flags);
	dynmem_set(rec, DYNMEM_A_CGROUP_MERGING_PAGES, proc->merging_pages);
	dynmem_set(rec, DYNMEM_A_CGROUP_RMAP_ITEMS, proc->rmap_items);
	if (dynmem_has_zero_pages)
		dynmem_set(rec, DYNMEM_A_CGROUP_ZERO_PAGES, proc->zero_pages);
	dynmem_set(rec, DYNMEM_A_CGROUP_PROFIT, proc->profit);
	dynmem_set_bytes(rec, DYNMEM_A_CGROUP_RSS_ANON, proc->rss_anon);
	dynmem_set_bytes(rec, DYNMEM_A_CGROUP_RSS_FILE, proc->rss_file);
	dynmem_set_bytes(rec, DYNMEM_A_CGROUP_RSS_SHMEM, proc->rss_shmem);
	dynmem_set_bytes(rec, DYNMEM_A_CGROUP_SWAP, proc->swap);
}

static int cgroup_put_sum(struct sk_buff *skb, const struct cgroup_sum *sum)
{
	struct dynmem_record rec = {};
	int err;

	if (nla_put_uint(skb, DYNMEM_A_CGROUP_ID, sum->id))
		return -EMSGSIZE;
	if (sum->parent &&
	    nla_put_uint(skb, DYNMEM_A_CGROUP_PARENT_ID, sum->parent))
		return -EMSGSIZE;
	/* A cgroup that is gone meanwhile has no path, but had its sum. */
	err = dynmem_cgroup_put_path(skb, DYNMEM_A_CGROUP_PATH, sum->id);
	if (err)
		return err;
	cgroup_fill(&rec, sum);
	return dynmem_record_put(skb, cgroup_types, &rec);
}

static bool cgroup_wanted(const struct cgroup_dump *dump,
			  const struct cgroup_sum *sum)
{
	return dump->select == DYNMEM_SELECT_ALL || sum->ksm_processes;
}

int dynmem_cgroup_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cgroup_dump *dump = cgroup_dump(cb);
	int err = 0;

	for (; dump->at < dump->n; dump->at++) {
		const struct cgroup_sum *sum = dump->order[dump->at];
		void *head;

		if (!cgroup_wanted(dump, sum))
			continue;
		err = -EMSGSIZE;
		head = dynmem_dump_put(skb, cb, DYNMEM_CMD_CGROUP_GET);
		if (!head)
			break;
		err = cgroup_put_sum(skb, sum);
		if (err) {
			genlmsg_cancel(skb, head);
			break;
		}
		genlmsg_end(skb, head);
	}
	return dynmem_dump_end(skb, err);
}
