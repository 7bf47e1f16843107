// SPDX-License-Identifier: GPL-2.0
/*
 * Nobody listening: no timer and no work, whatever the host goes through. Seen
 * with ftrace: every timer that is started and every work that is queued is
 * recorded with the name of its function, and those of the module end in
 * "[dynmem]".
 */
#include "kselftest_harness.h"

#include "mem.h"

#define TRACE "/sys/kernel/tracing/instances/dynmem-idle/"

static const char *const watched[] = {
	"events/timer/timer_start/enable",
	"events/timer/hrtimer_start/enable",
	"events/workqueue/workqueue_queue_work/enable",
	"events/workqueue/workqueue_execute_start/enable",
	/* What wakes the module's threads, and that they run. */
	"events/sched/sched_waking/enable",
	"events/dynmem/dynmem_sample/enable",
	"events/dynmem/dynmem_send/enable",
};

FIXTURE(idle)
{
	struct nl requests, events;
	struct eater eater;
	struct nl_answer a;
};

FIXTURE_SETUP(idle)
{
	char path[PATH_MAX];

	ASSERT_EQ(0, nl_open(&self->requests));
	ASSERT_EQ(0, nl_open(&self->events));
	ASSERT_EQ(0, eater_start(&self->eater));
	ASSERT_TRUE(mkdir(TRACE, 0700) == 0 || errno == EEXIST);
	ASSERT_EQ(0, spit(TRACE "buffer_size_kb", "16384"));
	ASSERT_EQ(0,
		  spit(TRACE "events/sched/sched_waking/filter",
		       "comm == \"dynmem\" || comm == \"dynmem-ksm\" || comm == \"dynmem-oom\""));
	for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
		snprintf(path, sizeof(path), TRACE "%s", watched[i]);
		ASSERT_EQ(0, spit(path, "1"));
	}
	ASSERT_EQ(0, spit(TRACE "tracing_on", "0"));
}

FIXTURE_TEARDOWN(idle)
{
	eater_stop(&self->eater);
	rmdir(TRACE);
	cgroup_remove("dynmem-idle");
	nl_close(&self->requests);
	nl_close(&self->events);
}

/* The lines that name the module. The trace is read once, from the start. */
static int module_lines(struct __test_metadata *_metadata)
{
	FILE *f;
	char line[512];
	int n = 0, all = 0;

	ASSERT_EQ(0, spit(TRACE "tracing_on", "0"));
	f = fopen(TRACE "trace", "r");
	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f)) {
		/* Not the header, and not what the test's processes do. */
		char *event = line[0] == '#' ? NULL : strchr(line, ':');

		all += !!event;
		if (event && strstr(event, "dynmem") && n++ < 5)
			TH_LOG("%s", strtok(line, "\n"));
	}
	fclose(f);
	/* The rest of the kernel was not idle. */
	EXPECT_LT(0, all);
	return n;
}

static void record(struct __test_metadata *_metadata)
{
	/* Truncating is what empties it. */
	int fd = open(TRACE "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	ASSERT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, spit(TRACE "tracing_on", "1"));
}

TEST_F_TIMEOUT(idle, idle, 30)
{
	sleep_ms(3000);
	record(_metadata);
	sleep_ms(3000);
	EXPECT_EQ(0, module_lines(_metadata));
}

/* The same instruments do see what there is. */
TEST_F_TIMEOUT(idle, listening, 30)
{
	ASSERT_EQ(0, join(&self->events, self->events.pressure_group));
	record(_metadata);
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->a));
	sleep_ms(2500);
	EXPECT_LT(0, module_lines(_metadata));

	/* And its end, soon after the last listener has left. */
	ASSERT_EQ(0, leave(&self->events, self->events.pressure_group));
	sleep_ms(2500);
	record(_metadata);
	sleep_ms(2500);
	EXPECT_EQ(0, module_lines(_metadata));
}

TEST_F_TIMEOUT(idle, ksm_listening, 30)
{
	ASSERT_EQ(0, join(&self->events, self->events.ksm_group));
	record(_metadata);
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_KSM_GET, &self->a));
	sleep_ms(2500);
	EXPECT_LT(0, module_lines(_metadata));
	ASSERT_EQ(0, leave(&self->events, self->events.ksm_group));
	sleep_ms(2500);
	record(_metadata);
	sleep_ms(2500);
	EXPECT_EQ(0, module_lines(_metadata));
}

/* Asking without listening starts nothing. */
TEST_F_TIMEOUT(idle, asking, 30)
{
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->a));
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_KSM_GET, &self->a));
	sleep_ms(2500);
	record(_metadata);
	sleep_ms(2000);
	EXPECT_EQ(0, module_lines(_metadata));
}

/* Reclaim, both a cgroup's and the host's, is counted all the same. */
TEST_F_TIMEOUT(idle, pressed, 400)
{
	uint64_t memcg, stalls;

	sleep_ms(2500);
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->a));
	memcg = get(&self->a, DYNMEM_A_PRESSURE_MEMCG_STALLS);
	stalls = get(&self->a, DYNMEM_A_PRESSURE_STALLS);
	sleep_ms(1500);
	record(_metadata);

	ASSERT_NE(0, cgroup_make("dynmem-idle"));
	ASSERT_EQ(0, cgroup_write("dynmem-idle", "memory.max", "32M"));
	ASSERT_EQ(0, cgroup_move("dynmem-idle", self->eater.pid));
	ASSERT_TRUE(eat(&self->eater, 64 * MIB));
	ASSERT_EQ(0, cgroup_write("dynmem-idle", "memory.max", "max"));
	ASSERT_TRUE(eat(&self->eater, pressing_bytes()));
	EXPECT_EQ(0, module_lines(_metadata));

	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->a));
	EXPECT_LT(memcg, get(&self->a, DYNMEM_A_PRESSURE_MEMCG_STALLS));
	EXPECT_LT(stalls, get(&self->a, DYNMEM_A_PRESSURE_STALLS));
}

TEST_HARNESS_MAIN
