// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of stall.c. selftests/unit compiles the same cases for user space,
 * for kernels without KUnit.
 *
 * Its tasks are not there, its clock stands, and what another CPU does while the
 * table is read happens in between. So a few names are other ones in the sources
 * below; those that other suites define as well, for they may be in one kernel.
 */

#include <kunit/test.h>
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/cpumask.h>
#include <linux/hash.h>
#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "../cgroup_id.h"

#define WINDOW	1000000000ULL
/* A window begins there. */
#define START	(5000 * WINDOW)

static struct task_struct *stall_test_task;
static u64 stall_test_now;
/*
 * What happens once a reader has seen that a slot's stall began at START, and how
 * many of those that see it come before.
 */
static void (*stall_test_meanwhile)(void);
static int stall_test_before;

static u64 stall_test_load(const u64 *at)
{
	void (*meanwhile)(void) = stall_test_meanwhile;
	u64 start = READ_ONCE(*at);

	if (start == START && meanwhile && !stall_test_before--) {
		stall_test_meanwhile = NULL;
		meanwhile();
	}
	return start;
}

#undef __init
#define __init
#undef current
#define current			stall_test_task
#define ktime_get_ns()		stall_test_now
#undef smp_load_acquire
#define smp_load_acquire(at)	stall_test_load(at) /* of a slot's start */
#define dynmem_config		stall_test_config
#define dynmem_accounts_add	stall_test_accounts_add
#define dynmem_account_sum	stall_test_account_sum

#include "../account.c"
#include "../counter.c"
#include "../stall.c"

struct dynmem_config stall_test_config;

#ifdef CONFIG_CGROUPS
#define CGROUP(pid)	(10 + (pid))

u64 dynmem_task_cgroup(struct task_struct *task)
{
	return CGROUP(task->tgid);
}
#else
#define CGROUP(pid)	0
#endif

/* Two of a process, one of another. */
#define TASKS	3

static struct task_struct *tasks[TASKS];

static int stall_test_init(struct kunit *test)
{
	int i;

	stall_test_config.value[DYNMEM_A_CONFIG_WINDOW] = WINDOW;
	stall_test_now = START;
	stall_test_meanwhile = NULL;
	stall_test_before = 0;
	memset(stall_slots, 0, sizeof(stall_slots));
	for_each_possible_cpu(i)
		memset(&per_cpu(dynmem_counters, i), 0,
		       sizeof(struct dynmem_counters));
	for (i = 0; i < TASKS; i++) {
		tasks[i] = kzalloc(sizeof(*tasks[i]), GFP_KERNEL);
		if (!tasks[i])
			return -ENOMEM;
		tasks[i]->tgid = i < 2 ? 100 : 200;
		tasks[i]->group_leader = tasks[i < 2 ? 0 : i];
		tasks[i]->start_boottime = 7 + tasks[i]->tgid;
	}
	return dynmem_stall_init();
}

static void stall_test_exit(struct kunit *test)
{
	int i;

	dynmem_stall_exit();
	for (i = 0; i < TASKS; i++) {
		kfree(tasks[i]);
		tasks[i] = NULL;
	}
}

static void begin(int task, enum dynmem_kind kind, u64 at)
{
	stall_test_task = tasks[task];
	stall_test_now = at;
	dynmem_stall_begin(kind);
}

static void end(int task, u64 at)
{
	stall_test_task = tasks[task];
	stall_test_now = at;
	dynmem_stall_end();
}

/* The host's time in stalls, and how many tasks are in one. */
static u64 stalled(u64 at, u32 *ret_tasks)
{
	struct dynmem_counters counters;

	stall_test_now = at;
	return dynmem_stall_time(at, &counters, ret_tasks);
}

/* A process or cgroup, summed over its entries; returns how many these are. */
static int staller(u32 pid, u64 at, struct dynmem_staller *sum)
{
	struct dynmem_staller *list;
	unsigned int i, n = 0, found = 0;

	stall_test_now = at;
	memset(sum, 0, sizeof(*sum));
	list = dynmem_stallers(&n);
	for (i = 0; list && i < n; i++) {
		if (list[i].pid != pid)
			continue;
		found++;
		sum->start_time = list[i].start_time;
		sum->cgroup = list[i].cgroup;
		sum->stalls += list[i].stalls;
		sum->time += list[i].time;
		sum->stalled += list[i].stalled;
		sum->memcg_stalls += list[i].memcg_stalls;
		sum->memcg_time += list[i].memcg_time;
	}
	kvfree(list);
	return found;
}

static void test_under_way(struct kunit *test)
{
	u32 n;

	KUNIT_EXPECT_EQ(test, stalled(START, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 0);
	begin(0, DYNMEM_KIND_HOST, START);
	begin(2, DYNMEM_KIND_HOST, START + 10);
	KUNIT_EXPECT_EQ(test, stalled(START + 100, &n), 190);
	KUNIT_EXPECT_EQ(test, n, 2);
	end(0, START + 100);
	KUNIT_EXPECT_EQ(test, stalled(START + 110, &n), 200);
	KUNIT_EXPECT_EQ(test, n, 1);
	/* A clock that was read before the stall began. */
	KUNIT_EXPECT_EQ(test, stalled(START, &n), 100);
	end(2, START + 130);
	KUNIT_EXPECT_EQ(test, stalled(START + 500, &n), 220);
	KUNIT_EXPECT_EQ(test, n, 0);
	KUNIT_EXPECT_EQ(test, dynmem_counter_read(DYNMEM_STALLS), 2);
}

static void test_kinds(struct kunit *test)
{
	struct dynmem_staller sum;
	u32 n;

	begin(0, DYNMEM_KIND_HUGE, START);
	begin(2, DYNMEM_KIND_MEMCG, START);
	KUNIT_EXPECT_EQ(test, stalled(START + 50, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 0);
	KUNIT_EXPECT_EQ(test, staller(100, START + 50, &sum), 0);
	KUNIT_EXPECT_EQ(test, staller(200, START + 50, &sum), 1);
	KUNIT_EXPECT_EQ(test, sum.memcg_time, 50);
	KUNIT_EXPECT_EQ(test, sum.stalled, 0);
	end(0, START + 60);
	end(2, START + 70);
	KUNIT_EXPECT_EQ(test, stalled(START + 100, &n), 0);
	KUNIT_EXPECT_EQ(test, staller(100, START + 100, &sum), 0);
	KUNIT_EXPECT_EQ(test, staller(200, START + 100, &sum), 1);
	KUNIT_EXPECT_EQ(test, sum.stalls, 0);
	KUNIT_EXPECT_EQ(test, sum.memcg_stalls, 1);
	KUNIT_EXPECT_EQ(test, sum.memcg_time, 70);
	KUNIT_EXPECT_EQ(test, dynmem_counter_read(DYNMEM_STALL_TIME +
						  DYNMEM_KIND_HUGE), 60);
	KUNIT_EXPECT_EQ(test, dynmem_counter_read(DYNMEM_STALL_TIME +
						  DYNMEM_KIND_MEMCG), 70);
}

/* It began before the probes were there. */
static void test_end_without_begin(struct kunit *test)
{
	u32 n;

	begin(0, DYNMEM_KIND_HOST, START);
	end(1, START + 40);
	KUNIT_EXPECT_EQ(test, stalled(START + 50, &n), 50);
	KUNIT_EXPECT_EQ(test, n, 1);
	KUNIT_EXPECT_EQ(test, dynmem_counter_read(DYNMEM_TIMED_ENDED), 0);
}

static void test_no_room(struct kunit *test)
{
	u32 n;
	int i;

	for (i = 0; i < SLOTS; i++)
		stall_slots[i].task = tasks[1];
	begin(0, DYNMEM_KIND_HOST, START);
	KUNIT_EXPECT_EQ(test, dynmem_counter_read(DYNMEM_STALLS), 1);
	KUNIT_EXPECT_EQ(test, dynmem_counter_read(DYNMEM_UNTIMED_STALLS), 1);
	end(0, START + 100);
	KUNIT_EXPECT_EQ(test, stalled(START + 100, &n), 0);
	KUNIT_EXPECT_EQ(test, n, 0);

	/* Room as far from its place as a task may be. */
	stall_slots[(hash_ptr(tasks[0], SLOT_BITS) + SLOT_REACH - 1) % SLOTS].task =
		NULL;
	begin(0, DYNMEM_KIND_HOST, START + 100);
	KUNIT_EXPECT_EQ(test, stalled(START + 130, &n), 30);
	end(0, START + 140);
	KUNIT_EXPECT_EQ(test, stalled(START + 150, &n), 40);
	KUNIT_EXPECT_EQ(test, dynmem_counter_read(DYNMEM_UNTIMED_STALLS), 1);
}

static void test_stallers(struct kunit *test)
{
	struct dynmem_staller sum;

	begin(0, DYNMEM_KIND_HOST, START);
	begin(1, DYNMEM_KIND_HOST, START);
	begin(2, DYNMEM_KIND_HOST, START + 20);
	end(0, START + 100);
	/* A thread that has stalled, and one that does. */
	KUNIT_EXPECT_EQ(test, staller(100, START + 120, &sum), 2);
	KUNIT_EXPECT_EQ(test, sum.stalls, 2);
	KUNIT_EXPECT_EQ(test, sum.time, 220);
	KUNIT_EXPECT_EQ(test, sum.stalled, 1);
	KUNIT_EXPECT_EQ(test, sum.start_time, 107);
	KUNIT_EXPECT_EQ(test, sum.cgroup, CGROUP(100));
	KUNIT_EXPECT_EQ(test, staller(200, START + 120, &sum), 1);
	KUNIT_EXPECT_EQ(test, sum.time, 100);
	end(1, START + 200);
	end(2, START + 200);
	KUNIT_EXPECT_EQ(test, staller(100, START + 2 * WINDOW - 1, &sum), 1);
	KUNIT_EXPECT_EQ(test, sum.stalls, 2);
	KUNIT_EXPECT_EQ(test, sum.time, 300);
	KUNIT_EXPECT_EQ(test, staller(100, START + 2 * WINDOW, &sum), 0);
}

/* The stall of a cgroup ends after an hour, and one for the host begins. */
static void take_slot(void)
{
	u64 now = stall_test_now;

	end(0, now);
	begin(0, DYNMEM_KIND_HOST, now);
}

#define HOUR	(3600 * WINDOW)

static void test_slot_is_taken(struct kunit *test)
{
	u32 n;

	begin(0, DYNMEM_KIND_MEMCG, START);
	begin(2, DYNMEM_KIND_HOST, START + HOUR - 5);
	stall_test_meanwhile = take_slot;
	KUNIT_EXPECT_EQ(test, stalled(START + HOUR, &n), 5);
	KUNIT_EXPECT_TRUE(test, !stall_test_meanwhile);
	KUNIT_EXPECT_EQ(test, stalled(START + HOUR + 10, &n), 25);
}

static void test_slot_is_taken_from_staller(struct kunit *test)
{
	struct dynmem_staller sum;

	begin(0, DYNMEM_KIND_MEMCG, START);
	stall_test_meanwhile = take_slot;
	/* The first finds out how much room is needed. */
	stall_test_before = 1;
	KUNIT_EXPECT_EQ(test, staller(100, START + HOUR, &sum), 0);
	KUNIT_EXPECT_TRUE(test, !stall_test_meanwhile);
	KUNIT_EXPECT_EQ(test, staller(100, START + HOUR + 10, &sum), 2);
	KUNIT_EXPECT_EQ(test, sum.time, 10);
	KUNIT_EXPECT_EQ(test, sum.memcg_time, HOUR);
}

static void end_stall(void)
{
	end(0, stall_test_now);
}

/* Neither missing, nor there twice. */
static void test_stall_ends_meanwhile(struct kunit *test)
{
	u32 n;

	begin(0, DYNMEM_KIND_HOST, START);
	stall_test_meanwhile = end_stall;
	KUNIT_EXPECT_EQ(test, stalled(START + 100, &n), 100);
	KUNIT_EXPECT_EQ(test, n, 0);
	KUNIT_EXPECT_EQ(test, stalled(START + 200, &n), 100);
}

static struct kunit_case stall_cases[] = {
	KUNIT_CASE(test_under_way),
	KUNIT_CASE(test_kinds),
	KUNIT_CASE(test_end_without_begin),
	KUNIT_CASE(test_no_room),
	KUNIT_CASE(test_stallers),
	KUNIT_CASE(test_slot_is_taken),
	KUNIT_CASE(test_slot_is_taken_from_staller),
	KUNIT_CASE(test_stall_ends_meanwhile),
	{}
};

static struct kunit_suite stall_suite = {
	.name = "dynmem_stall",
	.init = stall_test_init,
	.exit = stall_test_exit,
	.test_cases = stall_cases,
};

kunit_test_suite(stall_suite);

MODULE_LICENSE("GPL");
