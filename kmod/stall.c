// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks in direct reclaim, and who stalled for how long.
 *
 * A task may leave reclaim on another CPU than it entered on, so per-CPU
 * counters cannot time it. Slots hold the tasks that are in reclaim: a fixed
 * table, for a probe cannot allocate, claimed without a lock. Accounts sum up
 * by process over a window, for stall-get: a table for each CPU, which its
 * stalls end on, so that CPUs do not take cache lines from each other. Readers
 * add up what a process has on several CPUs.
 */

#include <linux/cpumask.h>
#include <linux/hash.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "account.h"
#include "cgroup_id.h"
#include "settings.h"
#include "stall.h"

/* More tasks than that in reclaim at once are counted, but not timed. */
#define SLOT_BITS	10
#define SLOTS		((int)BIT(SLOT_BITS))
/* How far from its place a task may be. */
#define SLOT_REACH	16

/**
 * struct stall_slot - a task in reclaim
 * @task: the task, NULL: free; only compared, never followed
 * @start: when it entered, ns; 0: not filled in yet
 * @pid: its process
 * @start_time: that of its process
 * @cgroup: its cgroup
 * @kind: what reclaim is for
 */
struct stall_slot {
	struct task_struct *task;
	u64 start;
	u32 pid;
	u32 kind;
	u64 start_time;
	u64 cgroup;
} ____cacheline_aligned;

static struct stall_slot stall_slots[SLOTS];
/**
 * struct stall_cpu - accounts of stalls that ended on a CPU
 * @lock: held to read or write @accounts; probes run in task context, and hold
 *	it for a few hundred instructions
 * @accounts: the accounts
 */
struct stall_cpu {
	raw_spinlock_t lock;
	struct dynmem_accounts accounts;
};

static struct stall_cpu __percpu *stall_cpus;

/* Buckets of all CPUs together, at least; and of a CPU, for one percpu chunk. */
#define BUCKETS_BITS	6
#define BUCKET_BITS_MIN	2
#define BUCKET_BITS_MAX	5

static u64 stall_cgroup(void)
{
#ifdef CONFIG_CGROUPS
	u64 id;

	rcu_read_lock();
	id = dynmem_task_cgroup(current);
	rcu_read_unlock();
	return id;
#else
	return 0;
#endif
}

static struct stall_slot *stall_slot_find(void)
{
	unsigned int at = hash_ptr(current, SLOT_BITS);
	int i;

	for (i = 0; i < SLOT_REACH; i++) {
		struct stall_slot *slot = &stall_slots[(at + i) % SLOTS];

		if (READ_ONCE(slot->task) == current)
			return slot;
	}
	return NULL;
}

static struct stall_slot *stall_slot_claim(void)
{
	unsigned int at = hash_ptr(current, SLOT_BITS);
	int i;

	for (i = 0; i < SLOT_REACH; i++) {
		struct stall_slot *slot = &stall_slots[(at + i) % SLOTS];

		if (!READ_ONCE(slot->task) &&
		    !cmpxchg(&slot->task, NULL, current))
			return slot;
	}
	return NULL;
}

/**
 * dynmem_stall_begin() - the current task enters direct reclaim
 * @kind: what for
 *
 * Called by probes.
 */
void dynmem_stall_begin(enum dynmem_kind kind)
{
	struct stall_slot *slot = stall_slot_claim();

	dynmem_count(DYNMEM_STALLS + kind, 1);
	if (!slot) {
		dynmem_count(DYNMEM_UNTIMED_STALLS, 1);
		return;
	}
	slot->pid = current->tgid;
	slot->start_time = current->group_leader->start_boottime;
	slot->cgroup = stall_cgroup();
	slot->kind = kind;
	/* Readers trust the rest of the slot when they see a start. */
	smp_store_release(&slot->start, ktime_get_ns());
	if (kind == DYNMEM_KIND_HOST)
		dynmem_count(DYNMEM_TIMED_BEGUN, 1);
}

static void stall_account_add(const struct stall_slot *slot, u64 now, u64 time)
{
	const struct dynmem_stall stall = {
		.pid = slot->pid,
		.start_time = slot->start_time,
		.cgroup = slot->cgroup,
		.behalf = slot->kind == DYNMEM_KIND_MEMCG ?
			  DYNMEM_BEHALF_MEMCG : DYNMEM_BEHALF_HOST,
		.time = time,
	};
	/* In a probe preemption may be on. */
	struct stall_cpu *cpu = get_cpu_ptr(stall_cpus);

	raw_spin_lock(&cpu->lock);
	dynmem_accounts_add(&cpu->accounts, &stall, now,
			    dynmem_setting(WINDOW));
	raw_spin_unlock(&cpu->lock);
	put_cpu_ptr(stall_cpus);
}

/**
 * dynmem_stall_end() - the current task leaves direct reclaim
 *
 * Called by probes. Does nothing if the beginning was not seen, or had no room.
 */
void dynmem_stall_end(void)
{
	struct stall_slot *slot = stall_slot_find();
	u64 now = ktime_get_ns();
	u64 time;

	if (!slot)
		return;
	time = now - slot->start;
	dynmem_count(DYNMEM_STALL_TIME + slot->kind, time);
	if (slot->kind == DYNMEM_KIND_HOST)
		dynmem_count(DYNMEM_TIMED_ENDED, 1);
	if (slot->kind != DYNMEM_KIND_HUGE)
		stall_account_add(slot, now, time);
	/*
	 * Once it is counted: dynmem_stall_time() finds it either here or there,
	 * or sees that it was counted meanwhile.
	 */
	smp_store_release(&slot->start, 0);
	/* The next to claim the slot sees it empty. */
	smp_store_release(&slot->task, NULL);
}

/* Reads slot @i whole, but for its task; false: no stall is under way there. */
static bool stall_slot_read(int i, struct stall_slot *ret)
{
	const struct stall_slot *slot = &stall_slots[i];

	/* Pairs with the release in dynmem_stall_begin(). */
	ret->start = smp_load_acquire(&slot->start);
	ret->kind = READ_ONCE(slot->kind);
	ret->pid = READ_ONCE(slot->pid);
	ret->start_time = READ_ONCE(slot->start_time);
	ret->cgroup = READ_ONCE(slot->cgroup);
	/* Another task may have taken the slot while it was read. */
	smp_rmb();
	return ret->start && READ_ONCE(slot->start) == ret->start;
}

/* The time that tasks have been in reclaim for the host so far, summed, ns. */
static u64 stall_slots_time(u64 now, u32 *ret_tasks)
{
	struct stall_slot slot;
	u64 sum = 0;
	int i;

	*ret_tasks = 0;
	for (i = 0; i < SLOTS; i++) {
		if (!stall_slot_read(i, &slot) || slot.kind != DYNMEM_KIND_HOST)
			continue;
		++*ret_tasks;
		if (slot.start < now)
			sum += now - slot.start;
	}
	return sum;
}

/* Tries to find no stall ending between the counters and the slots. */
#define STALL_TRIES	3

/**
 * dynmem_stall_time() - time stalled on the host's behalf
 * @now: ns
 * @counters: where the module's counters go
 * @ret_tasks: tasks that are stalled
 *
 * Return: of all stalls that have ended or are under way, summed, ns.
 */
u64 dynmem_stall_time(u64 now, struct dynmem_counters *counters,
		      u32 *ret_tasks)
{
	u64 *value = counters->value;
	u64 under_way = 0;
	int i;

	*ret_tasks = 0;
	for (i = 0; i < STALL_TRIES; i++) {
		dynmem_counters_read(counters);
		if (value[DYNMEM_TIMED_BEGUN] == value[DYNMEM_TIMED_ENDED])
			return value[DYNMEM_STALL_TIME + DYNMEM_KIND_HOST];
		/* First the counters, then the slots, then the counters. */
		smp_rmb();
		under_way = stall_slots_time(now, ret_tasks);
		/* Likewise. */
		smp_rmb();
		if (dynmem_counter_read(DYNMEM_TIMED_ENDED) ==
		    value[DYNMEM_TIMED_ENDED])
			break;
	}
	/* One that ended meanwhile is missing then; the next pass has it. */
	return value[DYNMEM_STALL_TIME + DYNMEM_KIND_HOST] + under_way;
}

/* A growing array of stallers; what has no room is counted only. */
struct staller_list {
	struct dynmem_staller *stallers;
	unsigned int n;
	unsigned int room;
};

static void stallers_add(struct staller_list *list,
			 const struct dynmem_staller *staller)
{
	if (list->n < list->room)
		list->stallers[list->n] = *staller;
	list->n++;
}

static void stallers_add_account(struct staller_list *list,
				 const struct dynmem_account *account,
				 const struct dynmem_stall_sum *sum)
{
	const struct dynmem_stall_sum *host = &sum[DYNMEM_BEHALF_HOST];
	const struct dynmem_stall_sum *memcg = &sum[DYNMEM_BEHALF_MEMCG];

	stallers_add(list, &(struct dynmem_staller){
		.pid = account->pid,
		.start_time = account->start_time,
		.cgroup = account->cgroup,
		.stalls = host->stalls,
		.time = host->time,
		.memcg_stalls = memcg->stalls,
		.memcg_time = memcg->time,
	});
}

static void stallers_add_cpu(struct staller_list *list,
			     const struct stall_cpu *cpu, u64 now)
{
	const struct dynmem_accounts *accounts = &cpu->accounts;
	u64 length = dynmem_setting(WINDOW);
	int i, j;

	lockdep_assert_held(&cpu->lock);
	for (i = 0; i < (int)BIT(accounts->bits); i++) {
		for (j = 0; j < DYNMEM_BUCKET_SIZE; j++) {
			const struct dynmem_account *account =
				&accounts->buckets[i][j];
			struct dynmem_stall_sum sum[DYNMEM_BEHALVES];

			if (dynmem_account_sum(accounts, account, now, length,
					       sum))
				stallers_add_account(list, account, sum);
		}
	}
}

static void stallers_add_slots(struct staller_list *list, u64 now)
{
	struct stall_slot slot;
	int i;

	for (i = 0; i < SLOTS; i++) {
		struct dynmem_staller staller = {};
		u64 time;

		if (!stall_slot_read(i, &slot) || slot.kind == DYNMEM_KIND_HUGE)
			continue;
		staller.pid = slot.pid;
		staller.start_time = slot.start_time;
		staller.cgroup = slot.cgroup;
		time = now > slot.start ? now - slot.start : 0;
		if (slot.kind == DYNMEM_KIND_HOST) {
			staller.stalls = 1;
			staller.time = time;
			staller.stalled = 1;
		} else {
			staller.memcg_stalls = 1;
			staller.memcg_time = time;
		}
		stallers_add(list, &staller);
	}
}

static void stallers_fill(struct staller_list *list)
{
	/* As late as possible: an allocation before may have taken long. */
	u64 now = ktime_get_ns();
	int i;

	list->n = 0;
	for_each_possible_cpu(i) {
		struct stall_cpu *cpu = per_cpu_ptr(stall_cpus, i);

		raw_spin_lock(&cpu->lock);
		stallers_add_cpu(list, cpu, now);
		raw_spin_unlock(&cpu->lock);
		cond_resched();
	}
	stallers_add_slots(list, now);
}

/**
 * dynmem_stallers() - who stalled in the last whole window or since
 * @ret_n: how many entries
 *
 * A process has an entry for each CPU that its stalls ended on and one more for
 * each of its tasks that is in reclaim now; the caller sums them up.
 *
 * Return: the entries, to be freed with kvfree(), NULL without memory.
 */
struct dynmem_staller *dynmem_stallers(unsigned int *ret_n)
{
	struct staller_list list = {};

	for (;;) {
		stallers_fill(&list);
		if (list.stallers && list.n <= list.room)
			break;
		/* Others may begin to stall while this waits for memory. */
		list.room = list.n + list.n / 2 + 64;
		kvfree(list.stallers);
		list.stallers = kvcalloc(list.room, sizeof(*list.stallers),
					 GFP_KERNEL);
		if (!list.stallers)
			return NULL;
	}
	*ret_n = list.n;
	return list.stallers;
}

int __init dynmem_stall_init(void)
{
	unsigned int cpu_bits = ilog2(roundup_pow_of_two(nr_cpu_ids));
	unsigned int bits = clamp(BUCKETS_BITS - (int)cpu_bits,
				  BUCKET_BITS_MIN, BUCKET_BITS_MAX);
	size_t size = sizeof(struct stall_cpu) + dynmem_accounts_size(bits);
	int i;

	stall_cpus = (struct stall_cpu __percpu *)
		__alloc_percpu(size, L1_CACHE_BYTES);
	if (!stall_cpus)
		return -ENOMEM;
	for_each_possible_cpu(i) {
		struct stall_cpu *cpu = per_cpu_ptr(stall_cpus, i);

		raw_spin_lock_init(&cpu->lock);
		cpu->accounts.bits = bits;
	}
	return 0;
}

/* To be called when no probe runs any more, nor any request. */
void dynmem_stall_exit(void)
{
	free_percpu(stall_cpus);
}
