// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is not to be had, injected by the kernel: a notification that
 * cannot be sent is counted and sent later; loading and requests that fail at
 * any of their allocations leave nothing behind. Needs the debug kernel.
 */
#include <dirent.h>

#include "kselftest_harness.h"

#include "mem.h"
#include "module.h"

#define FAILSLAB "/sys/kernel/debug/failslab/"
#define KSM_RUN	 "/sys/kernel/mm/ksm/run"

FIXTURE(faults)
{
	struct nl requests, events;
	struct nl_answer state, ev;
};

FIXTURE_SETUP(faults)
{
	if (access(FAILSLAB, F_OK) < 0)
		SKIP(return, "this kernel injects no faults");
	/* All allocations, but only those of tasks that are marked. */
	ASSERT_EQ(0, spit(FAILSLAB "verbose", "0"));
	ASSERT_EQ(0, spit(FAILSLAB "ignore-gfp-wait", "N"));
	ASSERT_EQ(0, spit(FAILSLAB "task-filter", "Y"));
	ASSERT_EQ(0, spit(FAILSLAB "times", "-1"));
	ASSERT_EQ(0, spit(FAILSLAB "probability", "100"));
	module_unload_patiently();
	ASSERT_EQ(0, module_load(""));
	ASSERT_EQ(0, nl_open(&self->requests));
	ASSERT_EQ(0, nl_open(&self->events));
}

FIXTURE_TEARDOWN(faults)
{
	spit(FAILSLAB "probability", "0");
	spit(KSM_RUN, "0");
	module_load("");
	nl_close(&self->requests);
	nl_close(&self->events);
}

/* A thread of the module by its name: 0 if there is none. */
static pid_t module_thread(const char *name)
{
	char path[300];
	struct dirent *entry;
	pid_t pid = 0;
	DIR *proc = opendir("/proc");

	while (proc && !pid && (entry = readdir(proc))) {
		const char *comm;

		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		comm = slurp(path);
		if (comm && !strncmp(comm, name, strlen(name)) && comm[strlen(name)] == '\n')
			pid = atoi(entry->d_name);
	}
	closedir(proc);
	return pid;
}

/* From now on the thread @name gets memory, or none. */
static int starve(const char *name, bool yes)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/make-it-fail", module_thread(name));
	return spit(path, "%d", yes);
}

/* The next event has this number. Return: the failures that it reports. */
static uint64_t next_failures(struct __test_metadata *_metadata, FIXTURE_DATA(faults) * self,
			      uint64_t seq)
{
	ASSERT_EQ(0, next_event(&self->events, &self->ev, 5000));
	/* Both groups have these under the same numbers. */
	EXPECT_EQ(seq, get_head(&self->ev, DYNMEM_A_HEAD_SEQ));
	return get_head(&self->ev, DYNMEM_A_HEAD_SEND_FAILURES);
}

/*
 * The first one goes by the message in reserve, the second fails, and is tried
 * again until there is memory.
 */
TEST_F_TIMEOUT(faults, ksm, 60)
{
	uint64_t seq;

	/* Nothing but run moves. */
	ASSERT_EQ(0, spit(KSM_RUN, "0"));
	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_KSM_INTERVAL, 20 * NSEC_PER_MSEC);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
	ASSERT_EQ(0, join(&self->events, self->events.ksm_group));
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_KSM_GET, &self->state));
	seq = get_head(&self->state, DYNMEM_A_HEAD_SEQ);

	ASSERT_EQ(0, starve("dynmem-ksm", true));
	ASSERT_EQ(0, spit(KSM_RUN, "2"));
	EXPECT_EQ(0, next_failures(_metadata, self, seq + 1));
	EXPECT_EQ(2, get(&self->ev, DYNMEM_A_KSM_RUN));
	ASSERT_EQ(0, spit(KSM_RUN, "0"));
	EXPECT_EQ(-ETIMEDOUT, next_event(&self->events, &self->ev, 1000));
	ASSERT_EQ(0, starve("dynmem-ksm", false));
	EXPECT_LE(2, next_failures(_metadata, self, seq + 2));
	EXPECT_TRUE(get(&self->ev, DYNMEM_A_KSM_EVENT) & DYNMEM_KSM_EVENT_RUN);
	EXPECT_EQ(0, get(&self->ev, DYNMEM_A_KSM_RUN));
}

static void set_thresholds(struct __test_metadata *_metadata, FIXTURE_DATA(faults) * self,
			   uint64_t low, uint64_t medium)
{
	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_LOW, low);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, medium);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, 0);
	put_u64(DYNMEM_A_CONFIG_HOLD, 500 * NSEC_PER_MSEC);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
}

/* Who set the thresholds reports the rise, the thread reports the falls. */
TEST_F_TIMEOUT(faults, pressure, 60)
{
	const uint64_t all = 1ULL << 50;
	uint64_t seq;

	ASSERT_EQ(0, join(&self->events, self->events.pressure_group));
	set_thresholds(_metadata, self, all, all);
	ASSERT_EQ(0, next_event(&self->events, &self->ev, 5000));
	EXPECT_EQ(DYNMEM_LEVEL_MEDIUM, get(&self->ev, DYNMEM_A_PRESSURE_LEVEL));
	seq = get_head(&self->ev, DYNMEM_A_HEAD_SEQ);

	ASSERT_EQ(0, starve("dynmem", true));
	set_thresholds(_metadata, self, all, 0);
	EXPECT_EQ(0, next_failures(_metadata, self, seq + 1));
	EXPECT_EQ(DYNMEM_LEVEL_LOW, get(&self->ev, DYNMEM_A_PRESSURE_LEVEL));
	set_thresholds(_metadata, self, 0, 0);
	EXPECT_EQ(-ETIMEDOUT, next_event(&self->events, &self->ev, 2000));
	ASSERT_EQ(0, starve("dynmem", false));
	EXPECT_LE(2, next_failures(_metadata, self, seq + 2));
	EXPECT_EQ(DYNMEM_PRESSURE_EVENT_LEVEL, get(&self->ev, DYNMEM_A_PRESSURE_EVENT));
	EXPECT_EQ(DYNMEM_LEVEL_NONE, get(&self->ev, DYNMEM_A_PRESSURE_LEVEL));
}

/*
 * This task's n-th allocation from now on fails, and only that. Return: the
 * file that says 0 once it has.
 */
static int fail_nth(int n)
{
	char text[16];
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);

	snprintf(text, sizeof(text), "%d", n);
	if (fd >= 0 && write(fd, text, strlen(text)) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* Ends that, and closes the file. Return: whether one has failed. */
static bool has_failed(int fd)
{
	char text[16] = "";
	bool failed = pread(fd, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;

	if (pwrite(fd, "0", 1, 0) < 0)
		failed = false;
	close(fd);
	return failed;
}

/* Loading fails at each of its allocations in turn, the kernel's own too. */
TEST_F_TIMEOUT(faults, load, 600)
{
	int n = 0, failures = 0, fd, r;
	bool failed;

	ASSERT_EQ(0, module_unload_patiently());
	do {
		fd = fail_nth(++n);
		ASSERT_LE(0, fd);
		r = module_load("");
		failed = has_failed(fd);
		if (r == 0) {
			ASSERT_EQ(0, module_unload_patiently());
			continue;
		}
		failures++;
		EXPECT_TRUE(failed);
		EXPECT_TRUE(r == -ENOMEM || r == -ENOENT)
		{
			TH_LOG("allocation %d: %d", n, r);
		}
	} while (failed);
	TH_LOG("%d allocations, of which %d are needed", n - 1, failures);
	EXPECT_LT(20, failures);
	ASSERT_EQ(0, module_load(""));
	ASSERT_EQ(0, resolve(&self->requests, NULL));
	EXPECT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->state));
}

/* Each command in turn fails at each of its allocations. */
TEST_F_TIMEOUT(faults, commands, 600)
{
	static const struct {
		uint8_t cmd;
		int flags;
	} commands[] = {
		{ DYNMEM_CMD_KSM_GET, NLM_F_ACK },	{ DYNMEM_CMD_PROCESS_GET, NLM_F_ACK },
		{ DYNMEM_CMD_PROCESS_GET, NLM_F_DUMP }, { DYNMEM_CMD_CGROUP_GET, NLM_F_DUMP },
		{ DYNMEM_CMD_NODE_GET, NLM_F_DUMP },	{ DYNMEM_CMD_PRESSURE_GET, NLM_F_ACK },
		{ DYNMEM_CMD_STALL_GET, NLM_F_DUMP },	{ DYNMEM_CMD_CONFIG_GET, NLM_F_ACK },
		{ DYNMEM_CMD_CONFIG_SET, NLM_F_ACK },	{ DYNMEM_CMD_OOM_GET, NLM_F_DUMP },
	};

	ASSERT_NE(0, cgroup_make("dynmem-faults"));
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		int n = 0, fd, r;
		bool failed;

		do {
			struct nl nl;

			ASSERT_EQ(0, nl_open(&nl));
			request(&nl, commands[i].cmd, commands[i].flags);
			if (commands[i].cmd == DYNMEM_CMD_PROCESS_GET) {
				if (commands[i].flags == NLM_F_ACK)
					put_u32(DYNMEM_A_PROCESS_PID, 1);
				else
					put_u32(DYNMEM_A_PROCESS_SELECT, DYNMEM_SELECT_ALL);
			}
			if (commands[i].cmd == DYNMEM_CMD_CGROUP_GET)
				put_raw(DYNMEM_A_CGROUP_TREE, NULL, 0);
			if (commands[i].cmd == DYNMEM_CMD_CONFIG_SET)
				put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
			fd = fail_nth(++n);
			ASSERT_LE(0, fd);
			r = transact(&nl, NULL, 0);
			failed = has_failed(fd);
			EXPECT_TRUE(r >= 0 || (failed && r != -ETIMEDOUT))
			{
				TH_LOG("command %u, allocation %d: %d", commands[i].cmd, n, r);
			}
			nl_close(&nl);
		} while (failed);
		/* The request, the reply. */
		EXPECT_LT(2, n) TH_LOG("command %u", commands[i].cmd);
	}
	cgroup_remove("dynmem-faults");
	EXPECT_EQ(0, module_unload_patiently());
}

TEST_HARNESS_MAIN
