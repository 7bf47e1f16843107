// SPDX-License-Identifier: GPL-2.0
/*
 * stall-get: who stalled most in the last window, by process or by cgroup.
 */

#include <linux/dynmem.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sort.h>

#include "capability.h"
#include "cgroup_id.h"
#include "compat/compat.h"
#include "genl.h"
#include "reply.h"
#include "stall.h"
#include "stall_get.h"

/**
 * struct stall_dump - a dump under way, in struct netlink_callback::ctx
 * @stallers: the answers, the longest time first
 * @n: how many
 * @at: the next one
 * @by: enum dynmem_stall_by
 */
struct stall_dump {
	struct dynmem_staller *stallers;
	unsigned int n;
	unsigned int at;
	u32 by;
};

static struct stall_dump *stall_dump(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct stall_dump) > sizeof(cb->ctx));
	return (struct stall_dump *)cb->ctx;
}

static int stall_compare(u64 a, u64 b)
{
	return a < b ? -1 : a > b;
}

static int stall_by_process(const void *x, const void *y)
{
	const struct dynmem_staller *a = x, *b = y;

	return stall_compare(a->pid, b->pid) ?:
	       stall_compare(a->start_time, b->start_time);
}

static int stall_by_cgroup(const void *x, const void *y)
{
	const struct dynmem_staller *a = x, *b = y;

	return stall_compare(a->cgroup, b->cgroup);
}

static int stall_by_time(const void *x, const void *y)
{
	const struct dynmem_staller *a = x, *b = y;

	return stall_compare(b->time, a->time);
}

/* Sums up entries of the same process or cgroup; returns how many are left. */
static unsigned int stall_sum_up(struct dynmem_staller *s, unsigned int n, u32 by)
{
	cmp_func_t same = by == DYNMEM_STALL_BY_CGROUP ? stall_by_cgroup : stall_by_process;
	unsigned int last = 0;
	unsigned int i;

	if (!n)
		return 0;
	sort(s, n, sizeof(*s), same, NULL);
	for (i = 1; i < n; i++) {
		if (same(&s[last], &s[i])) {
			s[++last] = s[i];
			continue;
		}
		s[last].stalls += s[i].stalls;
		s[last].time += s[i].time;
		s[last].stalled += s[i].stalled;
		s[last].memcg_stalls += s[i].memcg_stalls;
		s[last].memcg_time += s[i].memcg_time;
	}
	sort(s, last + 1, sizeof(*s), stall_by_time, NULL);
	return last + 1;
}

int dynmem_stall_start(struct netlink_callback *cb, struct nlattr **attrs,
		       struct netlink_ext_ack *extack)
{
	struct stall_dump *dump = stall_dump(cb);
	int err;

	err = dynmem_may_read(cb->skb, extack);
	if (err)
		return err;
	if (!(dynmem_capabilities & DYNMEM_CAPABILITY_STALL)) {
		NL_SET_ERR_MSG(extack,
			       "this kernel has no tracepoints of direct reclaim");
		return -EOPNOTSUPP;
	}
	if (attrs[DYNMEM_A_STALL_BY])
		dump->by = nla_get_u32(attrs[DYNMEM_A_STALL_BY]);
#ifndef CONFIG_CGROUPS
	if (dump->by == DYNMEM_STALL_BY_CGROUP) {
		NL_SET_ERR_MSG(extack, "this kernel has no cgroups");
		return -EOPNOTSUPP;
	}
#endif
	dump->stallers = dynmem_stallers(&dump->n);
	if (!dump->stallers)
		return -ENOMEM;
	dump->n = stall_sum_up(dump->stallers, dump->n, dump->by);
	return 0;
}

int dynmem_stall_done(struct netlink_callback *cb)
{
	kvfree(stall_dump(cb)->stallers);
	return 0;
}

/* The name of a process that still lives, else "". */
static void stall_read_comm(const struct dynmem_staller *staller, char *comm)
{
	struct task_struct *task;

	comm[0] = '\0';
	rcu_read_lock();
	task = pid_task(find_pid_ns(staller->pid, &init_pid_ns), PIDTYPE_TGID);
	if (task && task->start_boottime == staller->start_time)
		strscpy(comm, task->comm, TASK_COMM_LEN);
	rcu_read_unlock();
}

static int stall_put_process(struct sk_buff *skb,
			     const struct dynmem_staller *staller)
{
	char comm[TASK_COMM_LEN];

	stall_read_comm(staller, comm);
	if (nla_put_u32(skb, DYNMEM_A_STALL_PID, staller->pid) ||
	    nla_put_uint(skb, DYNMEM_A_STALL_START_TIME, staller->start_time))
		return -EMSGSIZE;
	if (comm[0] && nla_put_string(skb, DYNMEM_A_STALL_COMM, comm))
		return -EMSGSIZE;
	return 0;
}

static int stall_put(struct sk_buff *skb, const struct dynmem_staller *staller,
		     u32 by)
{
	if (by == DYNMEM_STALL_BY_PROCESS && stall_put_process(skb, staller))
		return -EMSGSIZE;
#ifdef CONFIG_CGROUPS
	if (nla_put_uint(skb, DYNMEM_A_STALL_CGROUP_ID, staller->cgroup))
		return -EMSGSIZE;
	if (by == DYNMEM_STALL_BY_CGROUP &&
	    dynmem_cgroup_put_path(skb, DYNMEM_A_STALL_CGROUP_PATH,
				   staller->cgroup) == -EMSGSIZE)
		return -EMSGSIZE;
#endif
	if (nla_put_uint(skb, DYNMEM_A_STALL_STALLS, staller->stalls) ||
	    nla_put_uint(skb, DYNMEM_A_STALL_STALL_TIME, staller->time) ||
	    nla_put_u32(skb, DYNMEM_A_STALL_STALLED, staller->stalled))
		return -EMSGSIZE;
	return 0;
}

int dynmem_stall_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct stall_dump *dump = stall_dump(cb);

	for (; dump->at < dump->n; dump->at++) {
		const struct dynmem_staller *staller = &dump->stallers[dump->at];
		void *head;
		int err;

		/* At a cgroup's own limit, which is not the host's matter. */
		if (!staller->stalls)
			continue;
		head = dynmem_dump_put(skb, cb, DYNMEM_CMD_STALL_GET);
		err = head ? stall_put(skb, staller, dump->by) : -EMSGSIZE;
		if (!err) {
			genlmsg_end(skb, head);
			continue;
		}
		if (head)
			genlmsg_cancel(skb, head);
		/* What does not fit an empty message never will. */
		return skb->len ? skb->len : err;
	}
	return skb->len;
}
