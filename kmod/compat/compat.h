/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All differences between kernels, so that the sources are written for the
 * newest one. have.h, made by kmod/Kbuild, says what this kernel has.
 */

#ifndef _DYNMEM_COMPAT_H
#define _DYNMEM_COMPAT_H

#include "have.h"

#include <linux/hrtimer.h>
#include <linux/ksm.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/percpu_counter.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/coredump.h>
#include <linux/sched/signal.h>
#include <linux/vmstat.h>
#include <net/genetlink.h>
#ifdef HAVE_LINUX_UNALIGNED
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#ifndef HAVE_NLA_UINT
static inline int nla_put_uint(struct sk_buff *skb, int type, u64 value)
{
	if (value == (u32)value)
		return nla_put_u32(skb, type, value);
	return nla_put(skb, type, sizeof(value), &value);
}

static inline int nla_put_sint(struct sk_buff *skb, int type, s64 value)
{
	if (value == (s32)value)
		return nla_put_s32(skb, type, value);
	return nla_put(skb, type, sizeof(value), &value);
}

static inline u64 nla_get_uint(const struct nlattr *nla)
{
	if (nla_len(nla) == sizeof(u32))
		return nla_get_u32(nla);
	return nla_get_u64(nla);
}

static inline int compat_nla_validate_uint(const struct nlattr *nla,
					   struct netlink_ext_ack *extack)
{
	if (nla_len(nla) == sizeof(u32) || nla_len(nla) == sizeof(u64))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, nla, "invalid attribute length");
	return -ERANGE;
}

#define DYNMEM_POLICY_UINT \
	NLA_POLICY_VALIDATE_FN(NLA_BINARY, compat_nla_validate_uint)
#else
#define DYNMEM_POLICY_UINT	{ .type = NLA_UINT }
#endif

#ifdef HAVE_GENL_INFO_DUMP
static inline struct nlattr **dynmem_dump_attrs(struct netlink_callback *cb)
{
	return genl_info_dump(cb)->attrs;
}
#else
static inline struct nlattr **dynmem_dump_attrs(struct netlink_callback *cb)
{
	return genl_dumpit_info(cb)->attrs;
}
#endif

typedef int (*dynmem_start_t)(struct netlink_callback *cb,
			      struct nlattr **attrs,
			      struct netlink_ext_ack *extack);

/*
 * Before 6.8 a dump's start cannot explain why it refuses. It sends the
 * acknowledgment itself then; -EINTR means to the core that it is done.
 */
static inline int dynmem_dump_start(struct netlink_callback *cb,
				    dynmem_start_t start)
{
	struct netlink_ext_ack extack = {};
	int err;

	if (cb->extack)
		return start(cb, dynmem_dump_attrs(cb), cb->extack);
	err = start(cb, dynmem_dump_attrs(cb), &extack);
	if (!err)
		return 0;
	netlink_ack(cb->skb, nlmsg_hdr(cb->skb), err, &extack);
	return -EINTR;
}

#ifndef HAVE_KTHREAD_RUN_WORKER
#define kthread_run_worker	kthread_create_worker
#endif

#ifndef HAVE_HRTIMER_SETUP
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*func)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = func;
}
#endif

#ifndef HAVE_MM_FLAGS_TEST
#define mm_flags_test(flag, mm)	test_bit(flag, &(mm)->flags)
#endif

/* Absent before 6.4; the caller asks dynmem_has_merge_any. */
#ifdef MMF_VM_MERGE_ANY
#define dynmem_has_merge_any	true
#define dynmem_merge_any(mm)	mm_flags_test(MMF_VM_MERGE_ANY, mm)
#else
#define dynmem_has_merge_any	false
#define dynmem_merge_any(mm)	false
#endif

#ifdef HAVE_MM_KSM_ZERO_PAGES
#define dynmem_has_zero_pages	true
#define dynmem_zero_pages(mm)	mm_ksm_zero_pages(mm)
#else
#define dynmem_has_zero_pages	false
#define dynmem_zero_pages(mm)	0
#endif

/*
 * An exact counter of an address space, whose process @leader leads. Before 6.2
 * threads keep back part of it; where they do not, it is exact anyway.
 */
static inline u64 dynmem_mm_counter_sum(struct mm_struct *mm,
					struct task_struct *leader, int member)
{
#ifdef HAVE_MM_COUNTER_SUM
	return get_mm_counter_sum(mm, member);
#elif defined(HAVE_MM_COUNTER_PERCPU)
	return percpu_counter_sum_positive(&mm->rss_stat[member]);
#else
	long sum = atomic_long_read(&mm->rss_stat.count[member]);
#ifdef SPLIT_RSS_COUNTING
	struct task_struct *task;

	for_each_thread(leader, task)
		sum += READ_ONCE(task->rss_stat.count[member]);
#endif
	return max(sum, 0L);
#endif
}

/* Prototypes of the probes; probe.c has the kernel's headers check them. */
#ifdef HAVE_RECLAIM_BEGIN_MEMCG
#define DYNMEM_RECLAIM_BEGIN_ARGS \
	void *data, gfp_t gfp, int order, struct mem_cgroup *memcg
#define DYNMEM_RECLAIM_END_ARGS \
	void *data, unsigned long reclaimed, struct mem_cgroup *memcg
#else
#define DYNMEM_RECLAIM_BEGIN_ARGS	void *data, int order, gfp_t gfp
#define DYNMEM_RECLAIM_END_ARGS		void *data, unsigned long reclaimed
#endif

#ifdef HAVE_MARK_VICTIM_TASK
#define DYNMEM_MARK_VICTIM_ARGS	void *data, struct task_struct *task, uid_t uid
#define DYNMEM_MARK_VICTIM_TASK	task
#else
#define DYNMEM_MARK_VICTIM_ARGS	void *data, int pid
#define DYNMEM_MARK_VICTIM_TASK \
	pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_PID)
#endif

#endif /* _DYNMEM_COMPAT_H */
