// SPDX-License-Identifier: GPL-2.0
/*
 * No false alarm: what happens while the host has memory raises no level. The
 * alarms that are real are in kmod/kunit, reclaim.c and oom.c.
 */
#include <sched.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"

#include "mem.h"

#ifndef MPOL_BIND
#define MPOL_BIND 2
#endif

#define POOL "/proc/sys/vm/nr_hugepages"

FIXTURE(alarms)
{
	struct nl requests, events;
	struct eater eaters[3];
	struct nl_answer before, after, ev;
};

/* Available memory says nothing here, and a level does not linger. */
static void configure(struct __test_metadata *_metadata, struct nl *nl)
{
	request(nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_LOW, 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, 0);
	put_u64(DYNMEM_A_CONFIG_HOLD, 100 * NSEC_PER_MSEC);
	put_u64(DYNMEM_A_CONFIG_SAMPLE_MAX, 100 * NSEC_PER_MSEC);
	ASSERT_EQ(0, transact(nl, NULL, 0))
	{
		TH_LOG("%s", nl_refusal.text);
	}
}

FIXTURE_SETUP(alarms)
{
	mlockall(MCL_CURRENT);
	ASSERT_EQ(0, nl_open(&self->requests));
	ASSERT_EQ(0, nl_open(&self->events));
	configure(_metadata, &self->requests);
	for (size_t i = 0; i < ARRAY_LEN(self->eaters); i++)
		ASSERT_EQ(0, eater_start(&self->eaters[i]));
	ASSERT_EQ(0, join(&self->events, self->events.pressure_group));
	ASSERT_EQ(0, wait_quiet(&self->requests, &self->events, &self->before));
}

FIXTURE_TEARDOWN(alarms)
{
	for (size_t i = 0; i < ARRAY_LEN(self->eaters); i++)
		eater_stop(&self->eaters[i]);
	cgroup_remove("dynmem-alarms");
	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	transact(&self->requests, NULL, 0);
	nl_close(&self->requests);
	nl_close(&self->events);
}

/* What a counter has grown by since @before. */
static uint64_t grown(struct __test_metadata *_metadata, FIXTURE_DATA(alarms) * self, int attr)
{
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->after));
	return get(&self->after, attr) - get(&self->before, attr);
}

/* The highest level in what was sent; @causes are all that were named. */
static uint32_t highest(FIXTURE_DATA(alarms) * self, uint32_t *causes)
{
	uint32_t level = 0;

	*causes = 0;
	while (next_event(&self->events, &self->ev, 500) == 0) {
		uint32_t now = (uint32_t)get(&self->ev, DYNMEM_A_PRESSURE_LEVEL);

		level = now > level ? now : level;
		*causes |= (uint32_t)get(&self->ev, DYNMEM_A_PRESSURE_CAUSES);
	}
	return level;
}

static bool alive(const struct eater *e)
{
	return waitpid(e->pid, NULL, WNOHANG) == 0;
}

/* Swap-ins that a CPU has counted may appear to be new ones when it goes and comes. */
TEST_F_TIMEOUT(alarms, cpu_hotplug, 500)
{
	int cpu = (int)sysconf(_SC_NPROCESSORS_CONF) - 1;
	char path[PATH_MAX];
	uint32_t causes;
	cpu_set_t set;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	if (cpu < 1 || spit(path, "1") < 0)
		SKIP(return, "no CPU can go offline");
	if (meminfo("SwapFree") < 128 * MIB)
		SKIP(return, "no swap");

	/* A history of swap-ins, all of them counted on that CPU. */
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	ASSERT_EQ(0, sched_setaffinity(self->eaters[0].pid, sizeof(set), &set));
	ASSERT_NE(0, cgroup_make("dynmem-alarms"));
	ASSERT_EQ(0, cgroup_write("dynmem-alarms", "memory.max", "32M"));
	ASSERT_EQ(0, cgroup_move("dynmem-alarms", self->eaters[0].pid));
	ASSERT_TRUE(eat(&self->eaters[0], 96 * MIB));
	for (int i = 0; i < 3; i++) {
		eater_order(&self->eaters[0], 0, EAT_TOUCH);
		ASSERT_TRUE(eater_done(&self->eaters[0]));
	}
	EXPECT_LT(64 * MIB, grown(_metadata, self, DYNMEM_A_PRESSURE_SWAP_INS));
	eater_stop(&self->eaters[0]);
	ASSERT_EQ(0, wait_quiet(&self->requests, &self->events, &self->before));

	for (int i = 0; i < 8; i++) {
		ASSERT_EQ(0, spit(path, "0"));
		sleep_ms(150);
		ASSERT_EQ(0, spit(path, "1"));
		sleep_ms(150);
		ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->after));
		EXPECT_EQ(0, get(&self->after, DYNMEM_A_PRESSURE_REFAULT_SHARE));
		EXPECT_EQ(DYNMEM_LEVEL_NONE, get(&self->after, DYNMEM_A_PRESSURE_LEVEL));
		EXPECT_LE(get(&self->before, DYNMEM_A_PRESSURE_SWAP_INS),
			  get(&self->after, DYNMEM_A_PRESSURE_SWAP_INS));
		EXPECT_GT(get(&self->before, DYNMEM_A_PRESSURE_SWAP_INS) + 16 * MIB,
			  get(&self->after, DYNMEM_A_PRESSURE_SWAP_INS));
	}
	EXPECT_EQ(DYNMEM_LEVEL_NONE, highest(self, &causes));
}

static long movable_block(void)
{
	char path[PATH_MAX];

	for (long i = 1024; i > 0; i--) {
		snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%ld/state", i);
		if (access(path, F_OK) == 0 && spit(path, "offline") == 0)
			return i;
	}
	return 0;
}

static uint64_t threshold(struct __test_metadata *_metadata, FIXTURE_DATA(alarms) * self)
{
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_CONFIG_GET, &self->after));
	return get(&self->after, DYNMEM_A_CONFIG_THRESHOLD_LOW);
}

/* Thresholds that nobody gave follow the size of memory. */
TEST_F_TIMEOUT(alarms, memory_hotplug, 500)
{
	char path[PATH_MAX];
	uint64_t before;
	uint32_t causes;
	long block;

	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
	ASSERT_EQ(0, wait_quiet(&self->requests, &self->events, &self->before));
	before = threshold(_metadata, self);
	block = movable_block();
	if (!block)
		SKIP(return, "no memory can go offline");
	EXPECT_GT(before, threshold(_metadata, self));
	snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%ld/state", block);
	sleep_ms(500);
	EXPECT_EQ(0, spit(path, "online"));
	EXPECT_EQ(before, threshold(_metadata, self));
	sleep_ms(500);
	EXPECT_EQ(DYNMEM_LEVEL_NONE, highest(self, &causes));
	EXPECT_EQ(0, causes);
}

/*
 * Memory in a pool of huge pages is not available, nor is it what thresholds are
 * made from: between the old one and the new one a level does not last.
 */
TEST_F_TIMEOUT(alarms, pool_of_huge_pages, 500)
{
	uint64_t before, available, pages;
	uint32_t level = 0;

	if (access(POOL, F_OK) < 0)
		SKIP(return, "this kernel has no pools of huge pages");
	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	put_u64(DYNMEM_A_CONFIG_HOLD, 100 * NSEC_PER_MSEC);
	put_u64(DYNMEM_A_CONFIG_SAMPLE_MAX, 100 * NSEC_PER_MSEC);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
	ASSERT_EQ(0, wait_quiet(&self->requests, &self->events, &self->before));
	before = threshold(_metadata, self);
	available = meminfo("MemAvailable");
	ASSERT_LT(before, available);
	ASSERT_EQ(0, spit("/proc/sys/vm/drop_caches", "3"));
	ASSERT_EQ(0, spit("/proc/sys/vm/compact_memory", "1"));
	ASSERT_EQ(0, spit(POOL, "%llu",
			  (unsigned long long)((available - before * 3 / 4) / (2 * MIB))));
	pages = (uint64_t)number_of("/proc/meminfo", "HugePages_Total");
	EXPECT_LT(0, pages);
	available = meminfo("MemAvailable");
	/* The level that was reported last, without a request meanwhile. */
	sleep_ms(4000);
	while (next_event(&self->events, &self->ev, 500) == 0)
		level = (uint32_t)get(&self->ev, DYNMEM_A_PRESSURE_LEVEL);
	EXPECT_EQ(DYNMEM_LEVEL_NONE, level);
	TH_LOG("threshold %llu to %llu MiB, %llu MiB available, %llu in the pool",
	       (unsigned long long)(before / MIB),
	       (unsigned long long)(threshold(_metadata, self) / MIB),
	       (unsigned long long)(available / MIB), (unsigned long long)pages * 2);
	EXPECT_GT(before, threshold(_metadata, self));
	ASSERT_EQ(0, spit(POOL, "0"));
	EXPECT_EQ(before, threshold(_metadata, self));
	if (available >= before)
		SKIP(return, "the pool did not get as large as that");
}

/* A container that thrashes at its own limit. */
TEST_F_TIMEOUT(alarms, cgroup_at_its_limit, 500)
{
	uint32_t causes;

	if (meminfo("SwapFree") < 128 * MIB)
		SKIP(return, "no swap");
	ASSERT_NE(0, cgroup_make("dynmem-alarms"));
	ASSERT_EQ(0, cgroup_write("dynmem-alarms", "memory.max", "32M"));
	ASSERT_EQ(0, cgroup_move("dynmem-alarms", self->eaters[0].pid));
	ASSERT_TRUE(eat(&self->eaters[0], 96 * MIB));
	for (int i = 0; i < 4; i++) {
		eater_order(&self->eaters[0], 0, EAT_TOUCH);
		ASSERT_TRUE(eater_done(&self->eaters[0]));
	}
	/* Some 20,000 pages: 400 ms of their cost, and more than low asks for. */
	EXPECT_LT(64 * MIB, grown(_metadata, self, DYNMEM_A_PRESSURE_SWAP_INS));
	EXPECT_LT(0, grown(_metadata, self, DYNMEM_A_PRESSURE_MEMCG_STALLS));
	EXPECT_EQ(0, grown(_metadata, self, DYNMEM_A_PRESSURE_STALLS));
	EXPECT_EQ(DYNMEM_LEVEL_NONE, highest(self, &causes));
	EXPECT_EQ(0, causes);
}

/* Somebody asks for a kill. */
TEST_F_TIMEOUT(alarms, sysrq_oom, 500)
{
	uint32_t causes;

	ASSERT_TRUE(eat(&self->eaters[0], 64 * MIB));
	ASSERT_EQ(0, spit("/proc/sys/kernel/sysrq", "1"));
	ASSERT_EQ(0, spit("/proc/sysrq-trigger", "f"));
	for (int i = 0; i < 50 && alive(&self->eaters[0]) && alive(&self->eaters[1]) &&
			alive(&self->eaters[2]);
	     i++)
		sleep_ms(100);
	EXPECT_FALSE(alive(&self->eaters[0]) && alive(&self->eaters[1]) && alive(&self->eaters[2]));
	EXPECT_EQ(0, grown(_metadata, self, DYNMEM_A_PRESSURE_OOMS));
	EXPECT_EQ(0, grown(_metadata, self, DYNMEM_A_PRESSURE_OOM_KILLS));
	EXPECT_EQ(0, grown(_metadata, self, DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS));
	EXPECT_EQ(DYNMEM_LEVEL_NONE, highest(self, &causes));
	EXPECT_EQ(0, causes);
}

/* A task that may use one node only, with @bind, runs that node out. */
static void node_oom(struct __test_metadata *_metadata, FIXTURE_DATA(alarms) * self, bool cpuset)
{
	unsigned long nodes = 2;
	uint32_t causes;
	pid_t pid;

	if (access("/sys/devices/system/node/node1", F_OK) < 0)
		SKIP(return, "one node only; see lab --numa");
	if (meminfo("SwapFree"))
		SKIP(return, "with swap a node does not run out; see lab --zram 0");
	if (cpuset) {
		ASSERT_NE(0, cgroup_make("dynmem-alarms"));
		ASSERT_EQ(0, spit(CGROUP_ROOT "/cgroup.subtree_control", "+cpuset"));
		ASSERT_EQ(0, cgroup_write("dynmem-alarms", "cpuset.mems", "1"));
		ASSERT_EQ(0, cgroup_move("dynmem-alarms", self->eaters[0].pid));
	} else {
		/* A policy of the process that the eater is forked with. */
		eater_stop(&self->eaters[0]);
		ASSERT_EQ(0, syscall(SYS_set_mempolicy, MPOL_BIND, &nodes, 8 * sizeof(nodes)));
		ASSERT_EQ(0, eater_start(&self->eaters[0]));
		ASSERT_EQ(0, syscall(SYS_set_mempolicy, 0, NULL, 0));
	}
	pid = self->eaters[0].pid;
	EXPECT_FALSE(eat(&self->eaters[0], meminfo("MemTotal")));
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	self->eaters[0].pid = 0;
	EXPECT_EQ(0, grown(_metadata, self, DYNMEM_A_PRESSURE_OOMS));
	EXPECT_EQ(0, grown(_metadata, self, DYNMEM_A_PRESSURE_OOM_KILLS));
	EXPECT_EQ(0, grown(_metadata, self, DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS));
	highest(self, &causes);
	EXPECT_FALSE(causes & DYNMEM_CAUSE_OOM);
}

TEST_F_TIMEOUT(alarms, cpuset_oom, 500)
{
	node_oom(_metadata, self, true);
}

TEST_F_TIMEOUT(alarms, mempolicy_oom, 500)
{
	node_oom(_metadata, self, false);
}

/* Pages for a pool of huge pages are no pressure. */
TEST_F_TIMEOUT(alarms, huge_pages, 500)
{
	uint32_t causes;

	if (access(POOL, F_OK) < 0)
		SKIP(return, "this kernel has no pools of huge pages");
	/* Memory that has to be reclaimed for them, in pieces. */
	for (size_t i = 0; i < ARRAY_LEN(self->eaters); i++)
		ASSERT_TRUE(eat(&self->eaters[i], meminfo("MemFree") / 4));
	ASSERT_EQ(0, wait_quiet(&self->requests, &self->events, &self->before));
	ASSERT_EQ(0, spit(POOL, "%llu", (unsigned long long)(meminfo("MemFree") / (2 * MIB)) + 16));
	ASSERT_EQ(0, spit(POOL, "0"));
	if (!grown(_metadata, self, DYNMEM_A_PRESSURE_HUGE_STALLS))
		SKIP(return, "huge pages were found without reclaim");
	highest(self, &causes);
	EXPECT_FALSE(causes & DYNMEM_CAUSE_OOM);
	/* Those of order 0 that it drives out others for are the host's. */
	EXPECT_GE(16, grown(_metadata, self, DYNMEM_A_PRESSURE_STALLS));
}

TEST_HARNESS_MAIN
