// SPDX-License-Identifier: GPL-2.0
/*
 * Out of memory, for real: the host's is reported and makes the level critical, a
 * cgroup's own is counted apart and reported to nobody.
 */
#include "kselftest_harness.h"

#include "ftrace.h"

FIXTURE(oom)
{
	struct nl requests, events;
	struct eater eater, bystanders[2];
	struct nl_answer before, after, ev;
	uint64_t victims; /* marked before */
};

/* The number of the last victim, which goes to a; 0: there is none. */
static uint64_t last_victim(struct nl *nl, struct nl_answer *a)
{
	static struct nl_answer victims[64];
	int n;

	request(nl, DYNMEM_CMD_OOM_GET, NLM_F_DUMP);
	n = transact(nl, victims, ARRAY_LEN(victims));
	if (n <= 0)
		return 0;
	*a = victims[n - 1];
	/* Attributes are in the copy's own buffer. */
	for (size_t i = 0; i < ARRAY_LEN(a->tb); i++)
		if (a->tb[i])
			a->tb[i] = (const struct nlattr *)(a->buf + ((const char *)a->tb[i] -
								     victims[n - 1].buf));
	return get_head(a, DYNMEM_A_HEAD_SEQ);
}

FIXTURE_SETUP(oom)
{
	ASSERT_EQ(0, nl_open(&self->requests));
	ASSERT_EQ(0, nl_open(&self->events));
	ASSERT_EQ(0, eater_start(&self->eater));
	ASSERT_EQ(0, join(&self->events, self->events.pressure_group));
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->before));
	self->victims = last_victim(&self->requests, &self->ev);
}

FIXTURE_TEARDOWN(oom)
{
	eater_stop(&self->eater);
	for (size_t i = 0; i < ARRAY_LEN(self->bystanders); i++)
		eater_stop(&self->bystanders[i]);
	cgroup_remove("dynmem-oom");
	nl_close(&self->requests);
	nl_close(&self->events);
}

TEST_F_TIMEOUT(oom, host, 500)
{
	uint64_t end = now_ns() + 400 * NSEC_PER_SEC, killed = 0;
	bool reported = false;

	eater_order(&self->eater, meminfo("MemTotal") + meminfo("SwapTotal"), EAT_SMALL);
	while (!reported && now_ns() < end) {
		if (next_event(&self->events, &self->ev, 1000) < 0)
			continue;
		reported = get(&self->ev, DYNMEM_A_PRESSURE_EVENT) & DYNMEM_PRESSURE_EVENT_OOM;
	}
	ASSERT_TRUE(reported);
	EXPECT_FALSE(eater_done(&self->eater));
	EXPECT_EQ(DYNMEM_LEVEL_CRITICAL, get(&self->ev, DYNMEM_A_PRESSURE_LEVEL));
	EXPECT_TRUE(get(&self->ev, DYNMEM_A_PRESSURE_CAUSES) & DYNMEM_CAUSE_OOM);

	/* The kill may be reported with the OOM or right after it. */
	for (int i = 0; i < 50 && !killed; i++) {
		ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->after));
		killed = get(&self->after, DYNMEM_A_PRESSURE_OOM_KILLS) -
			 get(&self->before, DYNMEM_A_PRESSURE_OOM_KILLS);
		sleep_ms(100);
	}
	EXPECT_EQ(1, killed);
	ASSERT_EQ(self->victims + 1, last_victim(&self->requests, &self->ev));
	EXPECT_EQ(DYNMEM_OOM_KIND_HOST, get(&self->ev, DYNMEM_A_OOM_KIND));
	EXPECT_EQ(self->eater.pid, (pid_t)get(&self->ev, DYNMEM_A_OOM_PID));
	EXPECT_LT(get(&self->before, DYNMEM_A_PRESSURE_OOMS),
		  get(&self->after, DYNMEM_A_PRESSURE_OOMS));
	EXPECT_EQ(get(&self->before, DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS),
		  get(&self->after, DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS));

	/* It passes: memory is back, and the hold is over some time. */
	end = now_ns() + 60 * NSEC_PER_SEC;
	do {
		ASSERT_LT(now_ns(), end);
		sleep_ms(200);
		ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->after));
	} while (get(&self->after, DYNMEM_A_PRESSURE_LEVEL) != DYNMEM_LEVEL_NONE);
}

/* Nothing that was sent reports an OOM, or has a level for one. */
static void expect_no_alarm(struct __test_metadata *_metadata, FIXTURE_DATA(oom) * self)
{
	while (next_event(&self->events, &self->ev, 500) == 0) {
		EXPECT_FALSE(get(&self->ev, DYNMEM_A_PRESSURE_EVENT) & DYNMEM_PRESSURE_EVENT_OOM);
		EXPECT_FALSE(get(&self->ev, DYNMEM_A_PRESSURE_CAUSES) & DYNMEM_CAUSE_OOM);
	}
}

/* The module's own tracepoint, in an instance of ours. */
#define SENDS FTRACE "events/dynmem/dynmem_send/enable"

static bool send_traced(uint64_t seq)
{
	char line[64];

	snprintf(line, sizeof(line), "group=oom seq=%llu events=0x0 err=0",
		 (unsigned long long)seq);
	/* It follows what is sent. */
	for (int i = 0; i < 50; i++) {
		const char *text = slurp(FTRACE "trace");

		if (text && strstr(text, line))
			return true;
		sleep_ms(20);
	}
	return false;
}

TEST_F_TIMEOUT(oom, memcg, 500)
{
	uint64_t killed = 0, cgroup = cgroup_make("dynmem-oom");
	struct nl victims;

	ASSERT_NE(0, cgroup);
	ASSERT_EQ(0, cgroup_write("dynmem-oom", "memory.max", "32M"));
	ASSERT_EQ(0, cgroup_write("dynmem-oom", "memory.swap.max", "0"));
	ASSERT_EQ(0, cgroup_move("dynmem-oom", self->eater.pid));
	ASSERT_EQ(0, nl_open(&victims));
	ASSERT_EQ(0, join(&victims, victims.oom_group));
	ASSERT_TRUE(mkdir(FTRACE, 0700) == 0 || errno == EEXIST);
	ASSERT_EQ(0, spit(SENDS, "1"));
	drain(&self->events);
	EXPECT_FALSE(eat(&self->eater, 64 * MIB));
	for (int i = 0; i < 50 && !killed; i++) {
		ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->after));
		killed = get(&self->after, DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS) -
			 get(&self->before, DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS);
		sleep_ms(100);
	}
	EXPECT_EQ(1, killed);
	EXPECT_EQ(get(&self->before, DYNMEM_A_PRESSURE_OOMS),
		  get(&self->after, DYNMEM_A_PRESSURE_OOMS));
	EXPECT_EQ(get(&self->before, DYNMEM_A_PRESSURE_OOM_KILLS),
		  get(&self->after, DYNMEM_A_PRESSURE_OOM_KILLS));

	/* The privileged group has the victim, once. */
	ASSERT_EQ(0, next_event(&victims, &self->ev, 5000));
	EXPECT_EQ(DYNMEM_CMD_OOM_NTF, self->ev.cmd);
	EXPECT_EQ(self->victims + 1, get_head(&self->ev, DYNMEM_A_HEAD_SEQ));
	EXPECT_EQ(DYNMEM_OOM_KIND_MEMCG, get(&self->ev, DYNMEM_A_OOM_KIND));
	EXPECT_EQ(self->eater.pid, (pid_t)get(&self->ev, DYNMEM_A_OOM_PID));
	EXPECT_EQ(cgroup, get(&self->ev, DYNMEM_A_OOM_CGROUP_ID));
	EXPECT_EQ(0, get(&self->ev, DYNMEM_A_OOM_UID));
	EXPECT_GE(get(&self->ev, DYNMEM_A_OOM_RSS_ANON) + MIB, 16 * MIB);
	EXPECT_LE(get(&self->ev, DYNMEM_A_OOM_RSS_ANON), 33 * MIB);
	EXPECT_TRUE(send_traced(self->victims + 1));
	spit(SENDS, "0");
	rmdir(FTRACE);
	EXPECT_EQ(-ETIMEDOUT, next_event(&victims, &self->after, 500));
	EXPECT_EQ(self->victims + 1, last_victim(&self->requests, &self->after));
	nl_close(&victims);
	expect_no_alarm(_metadata, self);
}

/* All of the eater's cgroup goes with it. */
static void as_a_group(struct __test_metadata *_metadata, FIXTURE_DATA(oom) * self)
{
	ASSERT_NE(0, cgroup_make("dynmem-oom"));
	ASSERT_EQ(0, cgroup_write("dynmem-oom", "memory.oom.group", "1"));
	ASSERT_EQ(0, cgroup_move("dynmem-oom", self->eater.pid));
	for (size_t i = 0; i < ARRAY_LEN(self->bystanders); i++) {
		ASSERT_EQ(0, eater_start(&self->bystanders[i]));
		ASSERT_EQ(0, cgroup_move("dynmem-oom", self->bystanders[i].pid));
		ASSERT_TRUE(eat(&self->bystanders[i], 4 * MIB));
	}
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->before));
}

/* What a counter has grown by, once the last of the group is gone. */
static uint64_t grown(struct __test_metadata *_metadata, FIXTURE_DATA(oom) * self, int attr)
{
	for (size_t i = 0; i < ARRAY_LEN(self->bystanders); i++)
		if (self->bystanders[i].pid &&
		    waitpid(self->bystanders[i].pid, NULL, 0) == self->bystanders[i].pid)
			self->bystanders[i].pid = 0;
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->after));
	return get(&self->after, attr) - get(&self->before, attr);
}

TEST_F_TIMEOUT(oom, group_of_a_memcg, 500)
{
	as_a_group(_metadata, self);
	ASSERT_EQ(0, cgroup_write("dynmem-oom", "memory.max", "32M"));
	ASSERT_EQ(0, cgroup_write("dynmem-oom", "memory.swap.max", "0"));
	drain(&self->events);
	EXPECT_FALSE(eat(&self->eater, 64 * MIB));
	EXPECT_EQ(3, grown(_metadata, self, DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS));
	EXPECT_EQ(0, grown(_metadata, self, DYNMEM_A_PRESSURE_OOM_KILLS));
	EXPECT_EQ(0, grown(_metadata, self, DYNMEM_A_PRESSURE_OOMS));
	expect_no_alarm(_metadata, self);
}

/* One OOM of the host's kills three, and none of them for a cgroup's limit. */
TEST_F_TIMEOUT(oom, group_on_the_host, 500)
{
	as_a_group(_metadata, self);
	EXPECT_FALSE(eat(&self->eater, meminfo("MemTotal") + meminfo("SwapTotal")));
	EXPECT_EQ(3, grown(_metadata, self, DYNMEM_A_PRESSURE_OOM_KILLS));
	EXPECT_EQ(0, grown(_metadata, self, DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS));
	EXPECT_LT(0, grown(_metadata, self, DYNMEM_A_PRESSURE_OOMS));

	/* What a cgroup kills next is its own again. */
	ASSERT_EQ(0, eater_start(&self->eater));
	ASSERT_EQ(0, cgroup_write("dynmem-oom", "memory.oom.group", "0"));
	ASSERT_EQ(0, cgroup_move("dynmem-oom", self->eater.pid));
	ASSERT_EQ(0, cgroup_write("dynmem-oom", "memory.max", "32M"));
	ASSERT_EQ(0, cgroup_write("dynmem-oom", "memory.swap.max", "0"));
	EXPECT_FALSE(eat(&self->eater, 64 * MIB));
	EXPECT_EQ(1, grown(_metadata, self, DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS));
	EXPECT_EQ(3, grown(_metadata, self, DYNMEM_A_PRESSURE_OOM_KILLS));
}

TEST_HARNESS_MAIN
