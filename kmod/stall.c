// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks in direct reclaim, and who stalled for how long.
 *
 * A task may leave reclaim on another CPU than it entered on, so per-CPU
 * counters cannot time it. Two fixed tables, for a probe cannot allocate:
 * slots hold the tasks that are in reclaim, and are claimed without a lock;
 * accounts sum up by process over a window, for stall-get.
 */

#include <linux/hash.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "cgroup_id.h"
#include "config.h"
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

static struct stall_slot slots[SLOTS];
/* Tasks in reclaim on the host's behalf that are in a slot. */
static atomic_t stalled_tasks;

/* Processes that stalled in the last two windows; the least is forgotten. */
#define BUCKET_BITS	6
#define BUCKETS		((int)BIT(BUCKET_BITS))
#define BUCKET_SIZE	8

struct stall_sum {
	u64 stalls;
	u64 time;
};

/**
 * struct stall_account - what a process stalled
 * @pid: the process, 0: free
 * @start_time: its start time
 * @cgroup: its cgroup
 * @window: number of the window that @now is about
 * @now: in that window
 * @before: in the window before
 */
struct stall_account {
	u32 pid;
	u64 start_time;
	u64 cgroup;
	u64 window;
	struct stall_sum now;
	struct stall_sum before;
};

/* Probes run in task context, and hold this for some ten instructions. */
struct stall_bucket {
	raw_spinlock_t lock;
	struct stall_account accounts[BUCKET_SIZE];
} ____cacheline_aligned;

static struct stall_bucket buckets[BUCKETS] = {
	[0 ... BUCKETS - 1] = {
		.lock = __RAW_SPIN_LOCK_UNLOCKED(buckets.lock),
	},
};

static u64 current_cgroup(void)
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

static struct stall_slot *slot_find(void)
{
	unsigned int at = hash_ptr(current, SLOT_BITS);
	int i;

	for (i = 0; i < SLOT_REACH; i++) {
		struct stall_slot *slot = &slots[(at + i) % SLOTS];

		if (READ_ONCE(slot->task) == current)
			return slot;
	}
	return NULL;
}

static struct stall_slot *slot_claim(void)
{
	unsigned int at = hash_ptr(current, SLOT_BITS);
	int i;

	for (i = 0; i < SLOT_REACH; i++) {
		struct stall_slot *slot = &slots[(at + i) % SLOTS];

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
 *
 * Return: false if there is no room to time it.
 */
bool dynmem_stall_begin(enum dynmem_kind kind)
{
	struct stall_slot *slot = slot_claim();

	if (!slot)
		return false;
	slot->pid = current->tgid;
	slot->start_time = current->group_leader->start_boottime;
	slot->cgroup = current_cgroup();
	slot->kind = kind;
	/* Readers trust the rest of the slot when they see a start. */
	smp_store_release(&slot->start, ktime_get_ns());
	if (kind == DYNMEM_KIND_HOST)
		atomic_inc(&stalled_tasks);
	return true;
}

static u64 window_number(u64 now)
{
	return div64_u64(now, dynmem_setting(WINDOW));
}

/* Moves an account on to the window @window. */
static void account_turn(struct stall_account *account, u64 window)
{
	if (account->window == window)
		return;
	if (account->window + 1 == window)
		account->before = account->now;
	else
		account->before = (struct stall_sum){};
	account->now = (struct stall_sum){};
	account->window = window;
}

static u64 account_time(const struct stall_account *account)
{
	return account->now.time + account->before.time;
}

/* The process's account, else the one with the least in it, made anew. */
static struct stall_account *account_find(struct stall_bucket *bucket,
					  const struct stall_slot *slot,
					  u64 window)
{
	struct stall_account *least = &bucket->accounts[0];
	int i;

	for (i = 0; i < BUCKET_SIZE; i++) {
		struct stall_account *account = &bucket->accounts[i];

		account_turn(account, window);
		if (account->pid == slot->pid &&
		    account->start_time == slot->start_time)
			return account;
		if (account_time(account) < account_time(least))
			least = account;
	}
	*least = (struct stall_account){
		.pid = slot->pid,
		.start_time = slot->start_time,
		.window = window,
	};
	return least;
}

static struct stall_bucket *bucket_of(u32 pid)
{
	return &buckets[hash_32(pid, BUCKET_BITS)];
}

static void account_add(const struct stall_slot *slot, u64 now, u64 time)
{
	struct stall_bucket *bucket = bucket_of(slot->pid);
	struct stall_account *account;

	raw_spin_lock(&bucket->lock);
	account = account_find(bucket, slot, window_number(now));
	account->cgroup = slot->cgroup;
	account->now.stalls++;
	account->now.time += time;
	raw_spin_unlock(&bucket->lock);
}

/**
 * dynmem_stall_end() - the current task leaves direct reclaim
 * @ret_kind: what it was for
 * @ret_time: how long it took, ns
 *
 * Called by probes.
 *
 * Return: false if its beginning was not seen, or had no room.
 */
bool dynmem_stall_end(enum dynmem_kind *ret_kind, u64 *ret_time)
{
	struct stall_slot *slot = slot_find();
	u64 now = ktime_get_ns();
	u64 time;

	if (!slot)
		return false;
	time = now - slot->start;
	*ret_kind = slot->kind;
	*ret_time = time;
	if (slot->kind == DYNMEM_KIND_HOST) {
		atomic_dec(&stalled_tasks);
		account_add(slot, now, time);
	}
	WRITE_ONCE(slot->start, 0);
	/* The next to claim the slot sees it empty. */
	smp_store_release(&slot->task, NULL);
	return true;
}

/**
 * dynmem_stalled() - tasks that are in direct reclaim on the host's behalf
 * @now: ns
 * @ret_tasks: their number
 *
 * Return: the time that they have been in it so far, summed, ns.
 */
u64 dynmem_stalled(u64 now, u32 *ret_tasks)
{
	u64 sum = 0;
	int i;

	*ret_tasks = max(atomic_read(&stalled_tasks), 0);
	if (!*ret_tasks)
		return 0;
	for (i = 0; i < SLOTS; i++) {
		/* Pairs with the release in dynmem_stall_begin(). */
		u64 start = smp_load_acquire(&slots[i].start);

		if (start && start < now &&
		    READ_ONCE(slots[i].kind) == DYNMEM_KIND_HOST)
			sum += now - start;
	}
	return sum;
}

static unsigned int copy_accounts(struct dynmem_staller *out, u64 window)
{
	unsigned int n = 0;
	int i, j;

	for (i = 0; i < BUCKETS; i++) {
		struct stall_bucket *bucket = &buckets[i];

		raw_spin_lock(&bucket->lock);
		for (j = 0; j < BUCKET_SIZE; j++) {
			struct stall_account *account = &bucket->accounts[j];

			account_turn(account, window);
			if (!account->now.stalls && !account->before.stalls)
				continue;
			out[n++] = (struct dynmem_staller){
				.pid = account->pid,
				.start_time = account->start_time,
				.cgroup = account->cgroup,
				.stalls = account->now.stalls +
					  account->before.stalls,
				.time = account_time(account),
			};
		}
		raw_spin_unlock(&bucket->lock);
		cond_resched();
	}
	return n;
}

static unsigned int copy_slots(struct dynmem_staller *out, u64 now)
{
	unsigned int n = 0;
	int i;

	for (i = 0; i < SLOTS; i++) {
		const struct stall_slot *slot = &slots[i];
		/* Pairs with the release in dynmem_stall_begin(). */
		u64 start = smp_load_acquire(&slot->start);

		if (!start || READ_ONCE(slot->kind) != DYNMEM_KIND_HOST)
			continue;
		out[n++] = (struct dynmem_staller){
			.pid = READ_ONCE(slot->pid),
			.start_time = READ_ONCE(slot->start_time),
			.cgroup = READ_ONCE(slot->cgroup),
			.stalls = 1,
			.time = now > start ? now - start : 0,
			.stalled = 1,
		};
	}
	return n;
}

/**
 * dynmem_stallers() - who stalled in the last whole window or since
 * @ret_n: how many entries
 *
 * A process has an entry for what has ended and one more for each of its tasks
 * that is in reclaim now; the caller sums them up.
 *
 * Return: the entries, to be freed with kvfree(), NULL without memory.
 */
struct dynmem_staller *dynmem_stallers(unsigned int *ret_n)
{
	struct dynmem_staller *stallers;
	u64 now = ktime_get_ns();
	unsigned int n;

	stallers = kvcalloc(BUCKETS * BUCKET_SIZE + SLOTS, sizeof(*stallers),
			    GFP_KERNEL);
	if (!stallers)
		return NULL;
	n = copy_accounts(stallers, window_number(now));
	n += copy_slots(stallers + n, now);
	*ret_n = n;
	return stallers;
}
