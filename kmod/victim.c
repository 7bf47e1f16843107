// SPDX-License-Identifier: GPL-2.0
/*
 * Victims of the OOM killer: oom-get has the last of them, and the group "oom"
 * hears of each.
 *
 * The probe that sees a victim runs under task_lock and cannot send: it writes
 * the victim down, and a thread sends. The number of a victim is that of its
 * notification, so that a listener sees from a gap that it missed some.
 */

#include <linux/cred.h>
#include <linux/dynmem.h>
#include <linux/irq_work.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uidgid.h>

#include "attrs.h"
#include "capability.h"
#include "cgroup_id.h"
#include "compat/compat.h"
#include "genl.h"
#include "notify.h"
#include "reply.h"
#include "sampler.h"
#include "settings.h"
#include "trace.h"
#include "victim.h"

static_assert((int)DYNMEM_OOM_HOST == DYNMEM_OOM_KIND_HOST);
static_assert((int)DYNMEM_OOM_CONSTRAINED == DYNMEM_OOM_KIND_CONSTRAINED);
static_assert((int)DYNMEM_OOM_MEMCG == DYNMEM_OOM_KIND_MEMCG);

#define VICTIMS		64

static const u8 victim_types[DYNMEM_A_OOM_MAX + 1] = {
	[DYNMEM_A_OOM_KIND] = DYNMEM_U32,
	[DYNMEM_A_OOM_PID] = DYNMEM_U32,
	[DYNMEM_A_OOM_UID] = DYNMEM_U32,
};

/**
 * struct victim - a victim
 * @send: somebody listened when it was marked
 * @kind: enum dynmem_oom_kind
 * @pid: in the initial PID namespace
 * @uid: in the initial user namespace
 * @time: when it was marked, ns
 * @start_time: of the process, ns, CLOCK_BOOTTIME
 * @cgroup: cgroup v2
 * @rss_anon: pages
 * @rss_file: pages
 * @rss_shmem: pages
 * @swap: pages
 * @comm: its name
 */
struct victim {
	bool send;
	u32 kind;
	u32 pid;
	u32 uid;
	u64 time;
	u64 start_time;
	u64 cgroup;
	u64 rss_anon;
	u64 rss_file;
	u64 rss_shmem;
	u64 swap;
	char comm[TASK_COMM_LEN];
};

/**
 * struct victims - the state
 * @lock: held to read or write @marked and @ring, for a copy at a time
 * @marked: victims since the module was loaded; the number of the last
 * @ring: the last of them, by number
 * @sampler: its thread sends
 * @sent: number of the last that was sent, or was not to be; the thread's
 * @failures: notifications that could not be made
 */
static struct victims {
	raw_spinlock_t lock; /* marked, ring */
	u64 marked;
	struct victim ring[VICTIMS];
	struct dynmem_sampler sampler;
	u64 sent;
	u64 failures;
} victims = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(victims.lock),
};

static void victim_irq(struct irq_work *work)
{
	dynmem_sampler_trigger(&victims.sampler);
}

static struct irq_work victim_irq_work = IRQ_WORK_INIT_HARD(victim_irq);

/* Under RCU; the task keeps its address space. */
static void victim_read(struct victim *victim, struct task_struct *task)
{
	struct mm_struct *mm = task->mm;

	victim->pid = task->tgid;
	victim->uid = __kuid_val(task_uid(task));
	victim->start_time = task->group_leader->start_boottime;
	memcpy(victim->comm, task->group_leader->comm, TASK_COMM_LEN);
	victim->comm[TASK_COMM_LEN - 1] = '\0';
#ifdef CONFIG_CGROUPS
	victim->cgroup = dynmem_task_cgroup(task);
#endif
	if (!mm)
		return;
	victim->rss_anon = get_mm_counter(mm, MM_ANONPAGES);
	victim->rss_file = get_mm_counter(mm, MM_FILEPAGES);
	victim->rss_shmem = get_mm_counter(mm, MM_SHMEMPAGES);
	victim->swap = get_mm_counter(mm, MM_SWAPENTS);
}

/**
 * dynmem_victim_add() - write down a victim
 * @task: the victim; it is current, or locked by task_lock()
 * @whose: whose OOM that is
 *
 * Called by a probe, under RCU.
 */
void dynmem_victim_add(struct task_struct *task, enum dynmem_oom whose)
{
	struct victim victim = {
		.send = dynmem_listened(DYNMEM_GROUP_OOM),
		.kind = whose,
		.time = ktime_get_ns(),
	};
	unsigned long flags;

	if (!task)
		return;
	victim_read(&victim, task);
	raw_spin_lock_irqsave(&victims.lock, flags);
	victims.ring[++victims.marked % VICTIMS] = victim;
	raw_spin_unlock_irqrestore(&victims.lock, flags);
	if (victim.send)
		irq_work_queue(&victim_irq_work);
}

/*
 * The victim of number @n, or the oldest that is left after it; returns its
 * number, 0: there is none yet.
 */
static u64 victim_get(struct victim *victim, u64 n)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&victims.lock, flags);
	if (victims.marked >= VICTIMS)
		n = max(n, victims.marked - VICTIMS + 1);
	if (n > victims.marked)
		n = 0;
	else
		*victim = victims.ring[n % VICTIMS];
	raw_spin_unlock_irqrestore(&victims.lock, flags);
	return n;
}

static int victim_put(struct sk_buff *skb, const struct victim *victim, u64 n)
{
	struct dynmem_record rec = {};
	const struct dynmem_stamp stamp = {
		.seq = n,
		.time = ktime_get_ns(),
		.failures = READ_ONCE(victims.failures),
	};
	int err;

	dynmem_stamp_put(&rec, &stamp);
	dynmem_set(&rec, DYNMEM_A_OOM_KIND, victim->kind);
	dynmem_set(&rec, DYNMEM_A_OOM_TIME, victim->time);
	dynmem_set(&rec, DYNMEM_A_OOM_PID, victim->pid);
	dynmem_set(&rec, DYNMEM_A_OOM_START_TIME, victim->start_time);
	dynmem_set(&rec, DYNMEM_A_OOM_UID, victim->uid);
	if (IS_ENABLED(CONFIG_CGROUPS))
		dynmem_set(&rec, DYNMEM_A_OOM_CGROUP_ID, victim->cgroup);
	dynmem_set_bytes(&rec, DYNMEM_A_OOM_RSS_ANON, victim->rss_anon);
	dynmem_set_bytes(&rec, DYNMEM_A_OOM_RSS_FILE, victim->rss_file);
	dynmem_set_bytes(&rec, DYNMEM_A_OOM_RSS_SHMEM, victim->rss_shmem);
	dynmem_set_bytes(&rec, DYNMEM_A_OOM_SWAP, victim->swap);
	err = dynmem_record_put(skb, victim_types, &rec);
	return err ?: nla_put_string(skb, DYNMEM_A_OOM_COMM, victim->comm);
}

#define VICTIM_SIZE	(DYNMEM_RECORD_SIZE(DYNMEM_A_OOM_MAX) + \
			 nla_total_size(TASK_COMM_LEN))
/* As for other notifications: see notify.c. */
#define VICTIM_GFP	(GFP_ATOMIC | __GFP_NOWARN)

static int victim_notify(const struct victim *victim, u64 n)
{
	struct sk_buff *skb = genlmsg_new(VICTIM_SIZE, VICTIM_GFP);
	void *head;

	if (!skb)
		return -ENOMEM;
	head = genlmsg_put(skb, 0, 0, &dynmem_family, 0, DYNMEM_CMD_OOM_NTF);
	if (WARN_ON_ONCE(!head || victim_put(skb, victim, n))) {
		nlmsg_free(skb);
		return 0;
	}
	genlmsg_end(skb, head);
	genlmsg_multicast(&dynmem_family, skb, 0, DYNMEM_GROUP_OOM, VICTIM_GFP);
	return 0;
}

static bool victim_send(const struct victim *victim, u64 n)
{
	int err = victim_notify(victim, n);

	trace_dynmem_send(DYNMEM_GROUP_OOM, n, 0, err);
	return !err;
}

static u64 victim_pass(u64 now)
{
	struct victim victim;
	u64 n;

	while ((n = victim_get(&victim, victims.sent + 1))) {
		if (victim.send && dynmem_listened(DYNMEM_GROUP_OOM) &&
		    !victim_send(&victim, n)) {
			WRITE_ONCE(victims.failures, victims.failures + 1);
			return dynmem_setting(SAMPLE_MIN);
		}
		victims.sent = n;
	}
	return DYNMEM_NO_TIMER;
}

int dynmem_victim_start(struct netlink_callback *cb, struct nlattr **attrs,
			struct netlink_ext_ack *extack)
{
	int err = dynmem_may_read(cb->skb, extack);

	if (err)
		return err;
	if (!(dynmem_capabilities & DYNMEM_CAPABILITY_OOM_KILL)) {
		NL_SET_ERR_MSG(extack,
			       "this kernel has no tracepoint of OOM victims");
		return -EOPNOTSUPP;
	}
	return 0;
}

int dynmem_victim_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	u64 *last = (u64 *)cb->ctx;
	struct victim victim;
	u64 n;

	while ((n = victim_get(&victim, *last + 1))) {
		void *head = dynmem_dump_put(skb, cb, DYNMEM_CMD_OOM_GET);

		if (!head)
			return dynmem_dump_end(skb, -EMSGSIZE);
		if (victim_put(skb, &victim, n)) {
			genlmsg_cancel(skb, head);
			return dynmem_dump_end(skb, -EMSGSIZE);
		}
		genlmsg_end(skb, head);
		*last = n;
	}
	return skb->len;
}

int __init dynmem_victim_init(void)
{
	victims.sampler.name = "dynmem-oom";
	victims.sampler.pass = victim_pass;
	return dynmem_sampler_init(&victims.sampler);
}

/* To be called when no probe runs any more; then no pass does. */
void dynmem_victim_stop(void)
{
	irq_work_sync(&victim_irq_work);
	dynmem_sampler_stop(&victims.sampler);
}

void dynmem_victim_exit(void)
{
	dynmem_sampler_exit(&victims.sampler);
}
