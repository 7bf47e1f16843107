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
#include "ksm.h"
#include "process.h"
#include "reply.h"

static const u8 process_types[DYNMEM_A_PROCESS_MAX + 1] = {
	[DYNMEM_A_PROCESS_PID] = DYNMEM_U32,
	[DYNMEM_A_PROCESS_FLAGS] = DYNMEM_U32,
	[DYNMEM_A_PROCESS_PROFIT] = DYNMEM_SINT,
};

static bool known_to_ksm(struct mm_struct *mm)
{
	return mm_flags_test(MMF_VM_MERGEABLE, mm) || dynmem_merge_any(mm) ||
	       mm->ksm_merging_pages || mm->ksm_rmap_items ||
	       dynmem_zero_pages(mm);
}

/*
 * After vfork() two processes are in one address space; it is counted where
 * its owner is. Without memory cgroups the kernel does not know the owner.
 */
static bool borrowed(struct mm_struct *mm, struct task_struct *leader)
{
#ifdef CONFIG_MEMCG
	struct task_struct *owner = rcu_dereference(mm->owner);

	return owner && !same_thread_group(owner, leader);
#else
	return false;
#endif
}

static void read_ksm(struct mm_struct *mm, struct dynmem_process *proc)
{
	proc->merging_pages = mm->ksm_merging_pages;
	proc->rmap_items = mm->ksm_rmap_items;
	proc->zero_pages = dynmem_zero_pages(mm);
	proc->profit = ((proc->merging_pages + proc->zero_pages) <<
			PAGE_SHIFT) - proc->rmap_items * DYNMEM_RMAP_ITEM_SIZE;
}

static u32 read_flags(struct mm_struct *mm, struct task_struct *leader)
{
	u32 flags = DYNMEM_PROCESS_FLAG_PROFIT_ESTIMATED;

	if (mm_flags_test(MMF_VM_MERGEABLE, mm))
		flags |= DYNMEM_PROCESS_FLAG_MERGEABLE;
	if (dynmem_merge_any(mm))
		flags |= DYNMEM_PROCESS_FLAG_MERGE_ANY;
	if (borrowed(mm, leader))
		flags |= DYNMEM_PROCESS_FLAG_BORROWED;
	return flags;
}

/* Under task_lock, which keeps the address space. */
static void read_mm(struct mm_struct *mm, struct task_struct *leader,
		    u32 fields, struct dynmem_process *proc)
{
	if (fields & DYNMEM_FIELD_FLAGS)
		proc->flags = read_flags(mm, leader);
	if (fields & DYNMEM_FIELD_KSM)
		read_ksm(mm, proc);
	if (fields & DYNMEM_FIELD_RSS) {
		proc->rss_anon = get_mm_counter(mm, MM_ANONPAGES);
		proc->rss_file = get_mm_counter(mm, MM_FILEPAGES);
		proc->rss_shmem = get_mm_counter(mm, MM_SHMEMPAGES);
	}
	if (fields & DYNMEM_FIELD_SWAP)
		proc->swap = get_mm_counter(mm, MM_SWAPENTS);
}

static bool read_task(struct task_struct *task, struct task_struct *leader,
		      const struct dynmem_walk *walk,
		      struct dynmem_process *proc)
{
	struct mm_struct *mm;
	bool wanted;

	task_lock(task);
	mm = task->mm;
	/* A kernel thread may have borrowed an address space. */
	wanted = mm && !(task->flags & PF_KTHREAD) &&
		 (walk->select == DYNMEM_SELECT_ALL || known_to_ksm(mm));
	if (wanted) {
		read_mm(mm, leader, walk->fields, proc);
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
static bool read_memory(struct task_struct *leader,
			const struct dynmem_walk *walk,
			struct dynmem_process *proc)
{
	struct task_struct *task;

	if (likely(READ_ONCE(leader->mm)))
		return read_task(leader, leader, walk, proc);
	if (leader->flags & PF_KTHREAD)
		return false;
	for_each_thread(leader, task)
		if (READ_ONCE(task->mm))
			return read_task(task, leader, walk, proc);
	return false;
}

/* Under RCU. */
static bool read_process(struct task_struct *leader,
			 const struct dynmem_walk *walk,
			 struct dynmem_process *proc)
{
#ifdef CONFIG_CGROUPS
	if (walk->cgroup && !dynmem_task_below(leader, walk->cgroup))
		return false;
#endif
	if (!read_memory(leader, walk, proc))
		return false;
	proc->pid = leader->tgid;
	proc->start_time = leader->start_boottime;
#ifdef CONFIG_CGROUPS
	if (walk->fields & DYNMEM_FIELD_CGROUP)
		proc->cgroup = dynmem_task_cgroup(leader);
#endif
	return true;
}

/* Processes between two looks at whether somebody else wants the CPU. */
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
			found = leader && read_process(leader, walk, proc);
		}
		rcu_read_unlock();
		if (!pid)
			return false;
		if (!(walk->pid % BATCH))
			cond_resched();
	}
	return true;
}

static void fill_ksm(struct dynmem_record *rec,
		     const struct dynmem_process *proc)
{
	dynmem_set(rec, DYNMEM_A_PROCESS_MERGING_PAGES, proc->merging_pages);
	dynmem_set(rec, DYNMEM_A_PROCESS_RMAP_ITEMS, proc->rmap_items);
	if (dynmem_has_zero_pages)
		dynmem_set(rec, DYNMEM_A_PROCESS_ZERO_PAGES, proc->zero_pages);
	dynmem_set(rec, DYNMEM_A_PROCESS_PROFIT, proc->profit);
}

static void fill(struct dynmem_record *rec, const struct dynmem_process *proc,
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
		fill_ksm(rec, proc);
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

static int put(struct sk_buff *skb, const struct dynmem_process *proc,
	       u32 fields)
{
	struct dynmem_record rec;

	fill(&rec, proc, fields);
	if (fields & DYNMEM_FIELD_COMM &&
	    nla_put_string(skb, DYNMEM_A_PROCESS_COMM, proc->comm))
		return -EMSGSIZE;
	return dynmem_record_put(skb, process_types, &rec);
}

static u32 wanted_fields(struct nlattr **attrs)
{
	struct nlattr *fields = attrs[DYNMEM_A_PROCESS_FIELDS];

	return fields ? nla_get_u32(fields) : DYNMEM_ALL_FIELDS;
}

static int read_pid(u32 pid, u32 fields, struct dynmem_process *proc)
{
	const struct dynmem_walk walk = {
		.fields = fields,
		.select = DYNMEM_SELECT_ALL,
	};
	struct task_struct *leader;
	bool found;

	rcu_read_lock();
	leader = pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_TGID);
	found = leader && read_process(leader, &walk, proc);
	rcu_read_unlock();
	return found ? 0 : -ESRCH;
}

int dynmem_process_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	u32 fields = wanted_fields(attrs);
	struct dynmem_process proc = {};
	struct dynmem_reply reply;
	int err;

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
	err = read_pid(nla_get_u32(attrs[DYNMEM_A_PROCESS_PID]), fields, &proc);
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
	return dynmem_reply_send(&reply, info, put(reply.skb, &proc, fields));
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

	if (attrs[DYNMEM_A_PROCESS_PID]) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[DYNMEM_A_PROCESS_PID],
				    "pid is not for dumps; ask for that process alone");
		return -EINVAL;
	}
#ifdef CONFIG_CGROUPS
	if (cgroup && dynmem_cgroup_check(cgroup, extack))
		return -ENOENT;
#else
	if (cgroup) {
		NL_SET_ERR_MSG_ATTR(extack, cgroup,
				    "this kernel has no cgroups");
		return -EOPNOTSUPP;
	}
#endif
	walk->fields = wanted_fields(attrs);
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
			break;
		if (put(skb, &proc, walk->fields)) {
			genlmsg_cancel(skb, head);
			break;
		}
		genlmsg_end(skb, head);
		*walk = next;
	}
	return skb->len;
}
