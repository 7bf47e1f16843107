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
 * @kind: enum dynmem_stall_kind
 */
struct stall_dump {
	struct dynmem_staller *stallers;
	unsigned int n;
	unsigned int at;
	u32 by;
	u32 kind;
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

static int stall_by_memcg_time(const void *x, const void *y)
{
	const struct dynmem_staller *a = x, *b = y;

	return stall_compare(b->memcg_time, a->memcg_time);
}

/* Leaves those that stalled for lack of what is asked for; returns their number. */
static unsigned int stall_select(struct dynmem_staller *s, unsigned int n,
				 u32 kind, u64 cgroup)
{
	unsigned int left = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (!(kind == DYNMEM_STALL_KIND_MEMCG ? s[i].memcg_stalls :
							s[i].stalls))
			continue;
#ifdef CONFIG_CGROUPS
		if (cgroup && !dynmem_cgroup_below(s[i].cgroup, cgroup))
			continue;
#endif
		s[left++] = s[i];
	}
	return left;
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
	return last + 1;
}

#ifdef CONFIG_CGROUPS
static int stall_check_cgroups(const struct stall_dump *dump,
			       struct nlattr **attrs,
			       struct netlink_ext_ack *extack)
{
	struct nlattr *cgroup = attrs[DYNMEM_A_STALL_CGROUP_ID];

	if (dump->by != DYNMEM_STALL_BY_CGROUP && !cgroup)
		return 0;
	return dynmem_cgroup_check_used(extack) ?:
	       (cgroup ? dynmem_cgroup_check(cgroup, extack) : 0);
}
#else
static int stall_check_cgroups(const struct stall_dump *dump,
			       struct nlattr **attrs,
			       struct netlink_ext_ack *extack)
{
	if (dump->by != DYNMEM_STALL_BY_CGROUP &&
	    !attrs[DYNMEM_A_STALL_CGROUP_ID])
		return 0;
	NL_SET_ERR_MSG(extack, "this kernel has no cgroups");
	return -EOPNOTSUPP;
}
#endif

int dynmem_stall_start(struct netlink_callback *cb, struct nlattr **attrs,
		       struct netlink_ext_ack *extack)
{
	struct stall_dump *dump = stall_dump(cb);
	u64 cgroup = 0;
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
	if (attrs[DYNMEM_A_STALL_KIND])
		dump->kind = nla_get_u32(attrs[DYNMEM_A_STALL_KIND]);
	err = stall_check_cgroups(dump, attrs, extack);
	if (err)
		return err;
	if (attrs[DYNMEM_A_STALL_CGROUP_ID])
		cgroup = nla_get_uint(attrs[DYNMEM_A_STALL_CGROUP_ID]);
	dump->stallers = dynmem_stallers(&dump->n);
	if (!dump->stallers)
		return -ENOMEM;
	dump->n = stall_sum_up(dump->stallers, dump->n, dump->by);
	dump->n = stall_select(dump->stallers, dump->n, dump->kind, cgroup);
	sort(dump->stallers, dump->n, sizeof(*dump->stallers),
	     dump->kind == DYNMEM_STALL_KIND_MEMCG ? stall_by_memcg_time :
						     stall_by_time, NULL);
#ifdef CONFIG_CGROUPS
	cb->min_dump_alloc = DYNMEM_PATH_DUMP_SIZE;
#endif
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
	int err = 0;

	if (by == DYNMEM_STALL_BY_PROCESS && stall_put_process(skb, staller))
		return -EMSGSIZE;
#ifdef CONFIG_CGROUPS
	if (nla_put_uint(skb, DYNMEM_A_STALL_CGROUP_ID, staller->cgroup))
		return -EMSGSIZE;
	if (by == DYNMEM_STALL_BY_CGROUP)
		err = dynmem_cgroup_put_path(skb, DYNMEM_A_STALL_CGROUP_PATH,
					     staller->cgroup);
	if (err)
		return err;
#endif
	if (nla_put_uint(skb, DYNMEM_A_STALL_STALLS, staller->stalls) ||
	    nla_put_uint(skb, DYNMEM_A_STALL_STALL_TIME, staller->time) ||
	    nla_put_u32(skb, DYNMEM_A_STALL_STALLED, staller->stalled) ||
	    nla_put_uint(skb, DYNMEM_A_STALL_MEMCG_STALLS,
			 staller->memcg_stalls) ||
	    nla_put_uint(skb, DYNMEM_A_STALL_MEMCG_STALL_TIME,
			 staller->memcg_time))
		return -EMSGSIZE;
	return err;
}

int dynmem_stall_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct stall_dump *dump = stall_dump(cb);

	for (; dump->at < dump->n; dump->at++) {
		const struct dynmem_staller *staller = &dump->stallers[dump->at];
		void *head;
		int err;

		head = dynmem_dump_put(skb, cb, DYNMEM_CMD_STALL_GET);
		err = head ? stall_put(skb, staller, dump->by) : -EMSGSIZE;
		if (!err) {
			genlmsg_end(skb, head);
			continue;
		}
		if (head)
			genlmsg_cancel(skb, head);
		return dynmem_dump_end(skb, err);
	}
	return skb->len;
}
