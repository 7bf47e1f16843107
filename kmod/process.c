// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of processes, as KSM and the memory manager count it.
 */

#include <linux/dynmem.h>
#include <linux/ksm.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "attrs.h"
#include "cgroup_id.h"
#include "compat/compat.h"
#include "genl.h"
#include "ksm.h"
#include "process.h"
#include "reply.h"

static const u8 process_types[DYNMEM_A_PROCESS_MAX + 1] = {
	[DYNMEM_A_PROCESS_PID] = DYNMEM_U32,
	[DYNMEM_A_PROCESS_FLAGS] = DYNMEM_U32,
	[DYNMEM_A_PROCESS_PROFIT] = DYNMEM_SINT,
};

static bool process_known_to_ksm(struct mm_struct *mm)
{
	return mm_flags_test(MMF_VM_MERGEABLE, mm) || dynmem_merge_any(mm) ||
	       mm->ksm_merging_pages || mm->ksm_rmap_items ||
	       dynmem_zero_pages(mm);
}

/*
 * After vfork() two processes are in one address space; it is counted where
 * its owner is. Without memory cgroups the kernel does not know the owner.
 */
static bool process_borrowed(struct mm_struct *mm, struct task_struct *leader)
{
#ifdef CONFIG_MEMCG
	struct task_struct *owner = rcu_dereference(mm->owner);

	return owner && !same_thread_group(owner, leader);
#else
	return false;
#endif
}

static void process_read_ksm(struct mm_struct *mm, struct dynmem_process *proc)
{
	proc->merging_pages = mm->ksm_merging_pages;
	proc->rmap_items = mm->ksm_rmap_items;
	proc->zero_pages = dynmem_zero_pages(mm);
	proc->profit = ((proc->merging_pages + proc->zero_pages) <<
			PAGE_SHIFT) - proc->rmap_items * DYNMEM_RMAP_ITEM_SIZE;
}

static u32 process_read_flags(struct mm_struct *mm, struct task_struct *leader)
{
	u32 flags = DYNMEM_PROCESS_FLAG_PROFIT_ESTIMATED;

	if (mm_flags_test(MMF_VM_MERGEABLE, mm))
		flags |= DYNMEM_PROCESS_FLAG_MERGEABLE;
	if (dynmem_merge_any(mm))
		flags |= DYNMEM_PROCESS_FLAG_MERGE_ANY;
	if (process_borrowed(mm, leader))
		flags |= DYNMEM_PROCESS_FLAG_BORROWED;
	return flags;
}

/*
 * The kernel keeps parts of these counters with CPUs, or before 6.2 with
 * threads. To gather them takes too long for a dump of all processes.
 */
static u64 process_counter(struct mm_struct *mm, struct task_struct *leader,
			   int member, bool exact)
{
	if (exact)
		return dynmem_mm_counter_sum(mm, leader, member);
	return get_mm_counter(mm, member);
}

/* Under task_lock, which keeps the address space. */
static void process_read_mm(struct mm_struct *mm, struct task_struct *leader,
			    const struct dynmem_walk *walk, struct dynmem_process *proc)
{
	u32 fields = walk->fields;
	bool exact = walk->exact;

	if (fields & DYNMEM_FIELD_FLAGS)
		proc->flags = process_read_flags(mm, leader);
	if (fields & DYNMEM_FIELD_KSM)
		process_read_ksm(mm, proc);
	if (fields & DYNMEM_FIELD_RSS) {
		proc->rss_anon = process_counter(mm, leader, MM_ANONPAGES,
						 exact);
		proc->rss_file = process_counter(mm, leader, MM_FILEPAGES,
						 exact);
		proc->rss_shmem = process_counter(mm, leader, MM_SHMEMPAGES,
						  exact);
	}
	if (fields & DYNMEM_FIELD_SWAP)
		proc->swap = process_counter(mm, leader, MM_SWAPENTS, exact);
}

static bool process_read_task(struct task_struct *task, struct task_struct *leader,
			      const struct dynmem_walk *walk,
			      struct dynmem_process *proc)
{
	struct mm_struct *mm;
	bool wanted;

	task_lock(task);
	mm = task->mm;
	/* A kernel thread may have borrowed an address space. */
	wanted = mm && !(task->flags & PF_KTHREAD) &&
		 (walk->select == DYNMEM_SELECT_ALL || process_known_to_ksm(mm));
	if (wanted) {
		process_read_mm(mm, leader, walk, proc);
		if (walk->fields & DYNMEM_FIELD_COMM)
			memcpy(proc->comm, leader->comm, TASK_COMM_LEN);
	}
	task_unlock(task);
	return wanted;
}

/*
 * The leader may have exited while its threads live on: then the first of them
 * that still has memory speaks for the process.
 */
static bool process_read_memory(struct task_struct *leader,
				const struct dynmem_walk *walk,
				struct dynmem_process *proc)
{
	struct task_struct *task;

	if (likely(READ_ONCE(leader->mm)))
		return process_read_task(leader, leader, walk, proc);
	if (leader->flags & PF_KTHREAD)
		return false;
	for_each_thread(leader, task)
		if (READ_ONCE(task->mm))
			return process_read_task(task, leader, walk, proc);
	return false;
}

/* Under RCU. */
static bool process_read(struct task_struct *leader,
			 const struct dynmem_walk *walk,
			 struct dynmem_process *proc)
{
#ifdef CONFIG_CGROUPS
	if (walk->cgroup && !dynmem_task_below(leader, walk->cgroup))
		return false;
#endif
	if (!process_read_memory(leader, walk, proc))
		return false;
	proc->pid = leader->tgid;
	proc->start_time = leader->start_boottime;
#ifdef CONFIG_CGROUPS
	if (walk->fields & DYNMEM_FIELD_CGROUP)
		proc->cgroup = dynmem_task_cgroup(leader);
#endif
	return true;
}

/* Processes between two offers of the CPU to others. */
#define BATCH	64

/**
 * dynmem_walk_next() - the next process that has memory and is wanted
 * @walk: the walk; moved behind it
 * @proc: where to
 *
 * Holds RCU for one process at a time.
 *
 * Return: false at the end.
 */
bool dynmem_walk_next(struct dynmem_walk *walk, struct dynmem_process *proc)
{
	struct pid *pid;
	bool found = false;

	while (!found) {
		struct task_struct *leader;

		rcu_read_lock();
		pid = find_ge_pid(walk->pid, &init_pid_ns);
		if (pid) {
			walk->pid = pid_nr(pid) + 1;
			leader = pid_task(pid, PIDTYPE_TGID);
			found = leader && process_read(leader, walk, proc);
		}
		rcu_read_unlock();
		if (!pid)
			return false;
		if (!(++walk->steps % BATCH))
			cond_resched();
	}
	return true;
}

static void process_fill_ksm(struct dynmem_record *rec,
			     const struct dynmem_process *proc)
{
	dynmem_set(rec, DYNMEM_A_PROCESS_MERGING_PAGES, proc->merging_pages);
	dynmem_set(rec, DYNMEM_A_PROCESS_RMAP_ITEMS, proc->rmap_items);
	if (dynmem_has_zero_pages)
		dynmem_set(rec, DYNMEM_A_PROCESS_ZERO_PAGES, proc->zero_pages);
	dynmem_set(rec, DYNMEM_A_PROCESS_PROFIT, proc->profit);
}

static void process_fill(struct dynmem_record *rec, const struct dynmem_process *proc,
			 u32 fields)
{
	rec->present = 0;
	dynmem_set(rec, DYNMEM_A_PROCESS_PID, proc->pid);
	if (fields & DYNMEM_FIELD_START_TIME)
		dynmem_set(rec, DYNMEM_A_PROCESS_START_TIME, proc->start_time);
	if (IS_ENABLED(CONFIG_CGROUPS) && fields & DYNMEM_FIELD_CGROUP)
		dynmem_set(rec, DYNMEM_A_PROCESS_CGROUP_ID, proc->cgroup);
	if (fields & DYNMEM_FIELD_FLAGS)
		dynmem_set(rec, DYNMEM_A_PROCESS_FLAGS, proc->flags);
	if (fields & DYNMEM_FIELD_KSM)
		process_fill_ksm(rec, proc);
	if (fields & DYNMEM_FIELD_RSS) {
		dynmem_set_bytes(rec, DYNMEM_A_PROCESS_RSS_ANON,
				 proc->rss_anon);
		dynmem_set_bytes(rec, DYNMEM_A_PROCESS_RSS_FILE,
				 proc->rss_file);
		dynmem_set_bytes(rec, DYNMEM_A_PROCESS_RSS_SHMEM,
				 proc->rss_shmem);
	}
	if (fields & DYNMEM_FIELD_SWAP)
		dynmem_set_bytes(rec, DYNMEM_A_PROCESS_SWAP, proc->swap);
}

static int process_put(struct sk_buff *skb, const struct dynmem_process *proc,
		       u32 fields)
{
	struct dynmem_record rec;

	process_fill(&rec, proc, fields);
	if (fields & DYNMEM_FIELD_COMM &&
	    nla_put_string(skb, DYNMEM_A_PROCESS_COMM, proc->comm))
		return -EMSGSIZE;
	return dynmem_record_put(skb, process_types, &rec);
}

static u32 process_fields(struct nlattr **attrs)
{
	struct nlattr *fields = attrs[DYNMEM_A_PROCESS_FIELDS];

	return fields ? nla_get_u32(fields) : DYNMEM_ALL_FIELDS;
}

static int process_read_pid(u32 pid, u32 fields, struct dynmem_process *proc)
{
	const struct dynmem_walk walk = {
		.fields = fields,
		.select = DYNMEM_SELECT_ALL,
		.exact = true,
	};
	struct task_struct *leader;
	bool found;

	rcu_read_lock();
	leader = pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_TGID);
	found = leader && process_read(leader, &walk, proc);
	rcu_read_unlock();
	return found ? 0 : -ESRCH;
}

int dynmem_process_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	u32 fields = process_fields(attrs);
	struct dynmem_process proc = {};
	struct dynmem_reply reply;
	int err;

	err = dynmem_may_read(skb, info->extack);
	if (err)
		return err;
	if (GENL_REQ_ATTR_CHECK(info, DYNMEM_A_PROCESS_PID)) {
		NL_SET_ERR_MSG(info->extack,
			       "pid is needed; for all processes ask for a dump");
		return -EINVAL;
	}
	if (attrs[DYNMEM_A_PROCESS_SELECT] ||
	    attrs[DYNMEM_A_PROCESS_CGROUP_ID]) {
		NL_SET_ERR_MSG_ATTR(info->extack,
				    attrs[DYNMEM_A_PROCESS_SELECT] ?:
				    attrs[DYNMEM_A_PROCESS_CGROUP_ID],
				    "select and cgroup-id are for dumps");
		return -EINVAL;
	}
	err = process_read_pid(nla_get_u32(attrs[DYNMEM_A_PROCESS_PID]), fields, &proc);
	if (err) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[DYNMEM_A_PROCESS_PID],
				    "no process with memory has this pid in the initial PID namespace");
		return err;
	}
	err = dynmem_reply_new(&reply, info,
			       DYNMEM_RECORD_SIZE(DYNMEM_A_PROCESS_MAX) +
			       nla_total_size(TASK_COMM_LEN));
	if (err)
		return err;
	return dynmem_reply_send(&reply, info, process_put(reply.skb, &proc, fields));
}

static struct dynmem_walk *process_walk(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct dynmem_walk) > sizeof(cb->ctx));
	return (struct dynmem_walk *)cb->ctx;
}

int dynmem_process_start(struct netlink_callback *cb, struct nlattr **attrs,
			 struct netlink_ext_ack *extack)
{
	struct dynmem_walk *walk = process_walk(cb);
	struct nlattr *cgroup = attrs[DYNMEM_A_PROCESS_CGROUP_ID];
	int err;

	err = dynmem_may_read(cb->skb, extack);
	if (err)
		return err;
	if (attrs[DYNMEM_A_PROCESS_PID]) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[DYNMEM_A_PROCESS_PID],
				    "pid is not for dumps; ask for that process alone");
		return -EINVAL;
	}
#ifdef CONFIG_CGROUPS
	if (cgroup) {
		err = dynmem_cgroup_check(cgroup, extack);
		if (err)
			return err;
	}
#else
	if (cgroup) {
		NL_SET_ERR_MSG_ATTR(extack, cgroup,
				    "this kernel has no cgroups");
		return -EOPNOTSUPP;
	}
#endif
	walk->fields = process_fields(attrs);
	if (attrs[DYNMEM_A_PROCESS_SELECT])
		walk->select = nla_get_u32(attrs[DYNMEM_A_PROCESS_SELECT]);
	if (cgroup)
		walk->cgroup = nla_get_uint(cgroup);
	return 0;
}

int dynmem_process_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dynmem_walk *walk = process_walk(cb);
	struct dynmem_walk next = *walk;
	struct dynmem_process proc;

	while (dynmem_walk_next(&next, &proc)) {
		void *head = dynmem_dump_put(skb, cb, DYNMEM_CMD_PROCESS_GET);

		if (!head)
			return dynmem_dump_end(skb, -EMSGSIZE);
		if (process_put(skb, &proc, walk->fields)) {
			genlmsg_cancel(skb, head);
			return dynmem_dump_end(skb, -EMSGSIZE);
		}
		genlmsg_end(skb, head);
		*walk = next;
	}
	return skb->len;
}
