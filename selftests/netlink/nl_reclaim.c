// SPDX-License-Identifier: GPL-2.0
/*
 * Direct reclaim: on the host's behalf it is reported when it begins, and who
 * stalled can be asked; for a huge page or a cgroup's own limit it is counted
 * apart and reported to nobody.
 *
 * The host is pressed for real, into its swap, but not out of memory.
 */
#include <sched.h>

#include "kselftest_harness.h"

#include "ftrace.h"

/* Far below any poll; a loaded machine under TCG takes a few of these. */
#define TOLD_WITHIN (100 * NSEC_PER_MSEC)

FIXTURE(reclaim)
{
	struct nl requests, events;
	struct eater eaters[3];
	struct nl_answer before, after, ev;
};

static void reset(struct nl *nl)
{
	request(nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	transact(nl, NULL, 0);
}

FIXTURE_SETUP(reclaim)
{
	mlockall(MCL_CURRENT);
	ASSERT_EQ(0, nl_open(&self->requests));
	ASSERT_EQ(0, nl_open(&self->events));
	reset(&self->requests);
	for (size_t i = 0; i < ARRAY_LEN(self->eaters); i++)
		ASSERT_EQ(0, eater_start(&self->eaters[i]));
	ASSERT_EQ(0, join(&self->events, self->events.pressure_group));
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->before));
}

FIXTURE_TEARDOWN(reclaim)
{
	for (size_t i = 0; i < ARRAY_LEN(self->eaters); i++)
		eater_stop(&self->eaters[i]);
	cgroup_remove("dynmem-reclaim");
	reset(&self->requests);
	nl_close(&self->requests);
	nl_close(&self->events);
}

/* The first event with this bit within the time; 0 or -ETIMEDOUT. */
static int wait_event(FIXTURE_DATA(reclaim) * self, uint32_t bit, unsigned int seconds)
{
	uint64_t end = now_ns() + seconds * NSEC_PER_SEC;

	while (now_ns() < end) {
		int r = next_event(&self->events, &self->ev, 200);

		if (r < 0 && r != -ETIMEDOUT)
			return r;
		if (r == 0 && get(&self->ev, DYNMEM_A_PRESSURE_EVENT) & bit)
			return 0;
	}
	return -ETIMEDOUT;
}

/* By three at a time, which is faster than kswapd is. */
static void press(struct __test_metadata *_metadata, FIXTURE_DATA(reclaim) * self)
{
	uint64_t bytes = pressing_bytes();

	ASSERT_GT(meminfo("SwapFree"), 128 * MIB);
	for (size_t i = 0; i < ARRAY_LEN(self->eaters); i++)
		eater_order(&self->eaters[i], bytes / ARRAY_LEN(self->eaters), EAT_SMALL);
}

static void finish(struct __test_metadata *_metadata, FIXTURE_DATA(reclaim) * self)
{
	for (size_t i = 0; i < ARRAY_LEN(self->eaters); i++)
		ASSERT_TRUE(eater_done(&self->eaters[i]));
}

static void let_go(struct __test_metadata *_metadata, FIXTURE_DATA(reclaim) * self)
{
	for (size_t i = 0; i < ARRAY_LEN(self->eaters); i++)
		eater_order(&self->eaters[i], 0, EAT_DROP);
	finish(_metadata, self);
}

/* What is counted by node comes to what is counted for the host. */
static void check_nodes(struct __test_metadata *_metadata, FIXTURE_DATA(reclaim) * self)
{
	static const int counters[][2] = {
		{ DYNMEM_A_NODE_KSWAPD_WAKES, DYNMEM_A_PRESSURE_KSWAPD_WAKES },
		{ DYNMEM_A_NODE_THROTTLED, DYNMEM_A_PRESSURE_THROTTLED },
		{ DYNMEM_A_NODE_THROTTLED_TIME, DYNMEM_A_PRESSURE_THROTTLED_TIME },
	};
	static struct nl_answer nodes[16], host;

	for (size_t c = 0; c < ARRAY_LEN(counters); c++) {
		uint64_t before, after, sum;

		/* A probe may be between one counter and the other. */
		for (int i = 0; i < 10; i++) {
			int n;

			ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &host));
			before = get(&host, counters[c][1]);
			request(&self->requests, DYNMEM_CMD_NODE_GET, NLM_F_DUMP);
			n = transact(&self->requests, nodes, ARRAY_LEN(nodes));
			ASSERT_LT(0, n);
			ASSERT_LE(n, (int)ARRAY_LEN(nodes));
			sum = 0;
			while (n-- > 0)
				sum += get(&nodes[n], counters[c][0]);
			ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &host));
			after = get(&host, counters[c][1]);
			if (before <= sum && sum <= after)
				break;
			sleep_ms(50);
		}
		EXPECT_LE(before, sum) TH_LOG("attribute %d", counters[c][0]);
		EXPECT_LE(sum, after)
		{
			TH_LOG("attribute %d", counters[c][0]);
		}
	}
}

static void check_stallers(struct __test_metadata *_metadata, FIXTURE_DATA(reclaim) * self)
{
	static struct nl_answer stallers[256];
	uint64_t cgroup = cgroup_make("dynmem-reclaim"), last = UINT64_MAX;
	bool seen = false;
	int n;

	request(&self->requests, DYNMEM_CMD_STALL_GET, NLM_F_DUMP);
	n = transact(&self->requests, stallers, ARRAY_LEN(stallers));
	ASSERT_LT(0, n) TH_LOG("%s", nl_refusal.text);
	for (int i = 0; i < n && i < (int)ARRAY_LEN(stallers); i++) {
		struct nl_answer *a = &stallers[i];
		pid_t pid = (pid_t)get(a, DYNMEM_A_STALL_PID);

		EXPECT_LE(get(a, DYNMEM_A_STALL_STALL_TIME), last);
		last = get(a, DYNMEM_A_STALL_STALL_TIME);
		EXPECT_FALSE(has(a, DYNMEM_A_STALL_CGROUP_PATH));
		for (size_t e = 0; e < ARRAY_LEN(self->eaters); e++) {
			if (pid != self->eaters[e].pid)
				continue;
			seen = true;
			EXPECT_LT(0, get(a, DYNMEM_A_STALL_STALLS));
			EXPECT_STREQ("dynmem-eater", get_text(a, DYNMEM_A_STALL_COMM));
			EXPECT_EQ(cgroup, get(a, DYNMEM_A_STALL_CGROUP_ID));
			EXPECT_EQ(start_ticks(pid),
				  get(a, DYNMEM_A_STALL_START_TIME) /
					  (NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK)));
		}
	}
	EXPECT_TRUE(seen);

	seen = false;
	request(&self->requests, DYNMEM_CMD_STALL_GET, NLM_F_DUMP);
	put_u32(DYNMEM_A_STALL_BY, DYNMEM_STALL_BY_CGROUP);
	n = transact(&self->requests, stallers, ARRAY_LEN(stallers));
	ASSERT_LT(0, n);
	for (int i = 0; i < n && i < (int)ARRAY_LEN(stallers); i++) {
		EXPECT_FALSE(has(&stallers[i], DYNMEM_A_STALL_PID));
		EXPECT_FALSE(has(&stallers[i], DYNMEM_A_STALL_START_TIME));
		if (get(&stallers[i], DYNMEM_A_STALL_CGROUP_ID) != cgroup)
			continue;
		seen = true;
		EXPECT_STREQ("/dynmem-reclaim", get_text(&stallers[i], DYNMEM_A_STALL_CGROUP_PATH));
	}
	EXPECT_TRUE(seen);
}

/*
 * How long after the first stall of one pressing it was reported, ns. Ftrace is
 * called behind the module: this can be below zero.
 */
static int64_t press_and_hear(struct __test_metadata *_metadata, FIXTURE_DATA(reclaim) * self)
{
	uint64_t began, reported;

	drain(&self->events);
	/* As one listens who has to act: before those who eat. */
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ 1 }));
	ASSERT_EQ(0, ftrace_on());
	press(_metadata, self);
	ASSERT_EQ(0, wait_event(self, DYNMEM_PRESSURE_EVENT_STALL, 90));
	reported = now_ns();
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 }));
	began = ftrace_first_stall();
	ftrace_off();
	ASSERT_NE(0, began);
	TH_LOG("reported %lld us after the first direct reclaim began",
	       (long long)(reported - began) / 1000);
	finish(_metadata, self);
	return (int64_t)(reported - began);
}

TEST_F_TIMEOUT(reclaim, stall, 500)
{
	uint64_t counted;
	int tries = 1;

	/* So that what is asked for below is still in the window. */
	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_WINDOW, 30 * NSEC_PER_SEC);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
	ASSERT_NE(0, cgroup_make("dynmem-reclaim"));
	for (size_t i = 0; i < ARRAY_LEN(self->eaters); i++)
		ASSERT_EQ(0, cgroup_move("dynmem-reclaim", self->eaters[i].pid));
	/* The machine under this one may be busy just then: thrice at most. */
	while (press_and_hear(_metadata, self) > (int64_t)TOLD_WITHIN) {
		ASSERT_LT(tries++, 3);
		let_go(_metadata, self);
		sleep_ms(500);
	}
	counted = get(&self->ev, DYNMEM_A_PRESSURE_STALLS);
	EXPECT_LT(get(&self->before, DYNMEM_A_PRESSURE_STALLS), counted);

	check_stallers(_metadata, self);

	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->after));
	EXPECT_LE(counted, get(&self->after, DYNMEM_A_PRESSURE_STALLS));
	EXPECT_LT(get(&self->before, DYNMEM_A_PRESSURE_STALL_TIME),
		  get(&self->after, DYNMEM_A_PRESSURE_STALL_TIME));
	EXPECT_LT(get(&self->before, DYNMEM_A_PRESSURE_RECLAIMED),
		  get(&self->after, DYNMEM_A_PRESSURE_RECLAIMED));
	EXPECT_LT(get(&self->before, DYNMEM_A_PRESSURE_KSWAPD_WAKES),
		  get(&self->after, DYNMEM_A_PRESSURE_KSWAPD_WAKES));
	EXPECT_LT(get(&self->before, DYNMEM_A_PRESSURE_ALLOCSTALLS),
		  get(&self->after, DYNMEM_A_PRESSURE_ALLOCSTALLS));
	check_nodes(_metadata, self);
	EXPECT_LT(0, get(&self->after, DYNMEM_A_PRESSURE_STALL_SHARE));
	EXPECT_EQ(get(&self->before, DYNMEM_A_PRESSURE_OOMS),
		  get(&self->after, DYNMEM_A_PRESSURE_OOMS));
}

/* A level for stalls alone: thresholds of available memory are off. */
TEST_F_TIMEOUT(reclaim, stall_level, 500)
{
	uint64_t end;
	uint32_t causes = 0;

	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_LOW, 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, 0);
	put_u32(DYNMEM_A_CONFIG_STALL_LOW, 1);
	put_u32(DYNMEM_A_CONFIG_STALL_MEDIUM, 0);
	put_u32(DYNMEM_A_CONFIG_STALL_CRITICAL, 0);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
	/* What the test before has caused must have passed, and its hold. */
	end = now_ns() + 30 * NSEC_PER_SEC;
	do {
		ASSERT_LT(now_ns(), end);
		sleep_ms(200);
		ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->before));
	} while (get(&self->before, DYNMEM_A_PRESSURE_LEVEL) != DYNMEM_LEVEL_NONE);
	drain(&self->events);
	press(_metadata, self);

	end = now_ns() + 90 * NSEC_PER_SEC;
	while (now_ns() < end && !(causes & DYNMEM_CAUSE_STALL)) {
		ASSERT_EQ(0, wait_event(self, DYNMEM_PRESSURE_EVENT_LEVEL, 90));
		causes = (uint32_t)get(&self->ev, DYNMEM_A_PRESSURE_CAUSES);
		EXPECT_FALSE(causes & DYNMEM_CAUSE_AVAILABLE);
	}
	EXPECT_TRUE(causes & DYNMEM_CAUSE_STALL);
	EXPECT_EQ(DYNMEM_LEVEL_LOW, get(&self->ev, DYNMEM_A_PRESSURE_LEVEL));
}

/* Takes the events of one pressing; only a rise may come before its time. */
static unsigned int check_events(struct __test_metadata *_metadata, FIXTURE_DATA(reclaim) * self,
				 uint64_t interval)
{
	static uint64_t last, seq;
	static uint32_t level = DYNMEM_LEVEL_CRITICAL;
	unsigned int events = 0;

	seq = seq ?: get_head(&self->before, DYNMEM_A_HEAD_SEQ);
	while (wait_event(self, ~0U, 2) == 0) {
		uint32_t now = (uint32_t)get(&self->ev, DYNMEM_A_PRESSURE_LEVEL);
		uint64_t time = get_head(&self->ev, DYNMEM_A_HEAD_TIME);

		if (last && now <= level)
			EXPECT_GE(time - last, interval);
		EXPECT_EQ(++seq, get_head(&self->ev, DYNMEM_A_HEAD_SEQ));
		level = now;
		last = time;
		events++;
	}
	return events;
}

/* However many stalls there are, they come no faster than the interval. */
TEST_F_TIMEOUT(reclaim, coalesced, 500)
{
	unsigned int events = 0;

	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_MIN_INTERVAL, 500 * NSEC_PER_MSEC);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
	drain(&self->events);
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->before));
	/* Stalls close together are a matter of luck; it comes. */
	for (int i = 0; i < 10; i++) {
		press(_metadata, self);
		events += check_events(_metadata, self, 490 * NSEC_PER_MSEC);
		finish(_metadata, self);
		ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->after));
		if (events >= 3 && get_head(&self->after, DYNMEM_A_HEAD_COALESCED) >
					   get_head(&self->before, DYNMEM_A_HEAD_COALESCED))
			break;
		let_go(_metadata, self);
	}
	EXPECT_LE(3, events);
	EXPECT_LT(get_head(&self->before, DYNMEM_A_HEAD_COALESCED),
		  get_head(&self->after, DYNMEM_A_HEAD_COALESCED));
}

/* A cgroup at its own limit is no pressure of the host's. */
static bool is_staller(FIXTURE_DATA(reclaim) * self, uint32_t kind, uint64_t cgroup, pid_t pid)
{
	static struct nl_answer stallers[64];
	int n;

	request(&self->requests, DYNMEM_CMD_STALL_GET, NLM_F_DUMP);
	put_u32(DYNMEM_A_STALL_KIND, kind);
	if (cgroup)
		put_u64(DYNMEM_A_STALL_CGROUP_ID, cgroup);
	n = transact(&self->requests, stallers, ARRAY_LEN(stallers));
	for (int i = 0; i < n && i < (int)ARRAY_LEN(stallers); i++)
		if (get(&stallers[i], DYNMEM_A_STALL_PID) == (uint64_t)pid)
			return get(&stallers[i], kind == DYNMEM_STALL_KIND_MEMCG
							 ? DYNMEM_A_STALL_MEMCG_STALLS
							 : DYNMEM_A_STALL_STALLS) > 0;
	return false;
}

TEST_F_TIMEOUT(reclaim, memcg, 500)
{
	uint64_t cgroup = cgroup_make("dynmem-reclaim"), other = cgroup_make("dynmem-other");

	ASSERT_NE(0, cgroup);
	ASSERT_NE(0, other);
	ASSERT_EQ(0, cgroup_write("dynmem-reclaim", "memory.max", "32M"));
	ASSERT_EQ(0, cgroup_move("dynmem-reclaim", self->eaters[0].pid));
	drain(&self->events);
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->before));
	ASSERT_TRUE(eat(&self->eaters[0], 64 * MIB));
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->after));
	EXPECT_LT(get(&self->before, DYNMEM_A_PRESSURE_MEMCG_STALLS),
		  get(&self->after, DYNMEM_A_PRESSURE_MEMCG_STALLS));
	EXPECT_LT(get(&self->before, DYNMEM_A_PRESSURE_MEMCG_STALL_TIME),
		  get(&self->after, DYNMEM_A_PRESSURE_MEMCG_STALL_TIME));
	EXPECT_LT(get(&self->before, DYNMEM_A_PRESSURE_MEMCG_RECLAIMED),
		  get(&self->after, DYNMEM_A_PRESSURE_MEMCG_RECLAIMED));
	EXPECT_EQ(get(&self->before, DYNMEM_A_PRESSURE_STALLS),
		  get(&self->after, DYNMEM_A_PRESSURE_STALLS));

	/* Who that was is listed where it is asked for, and not as the host's. */
	EXPECT_TRUE(is_staller(self, DYNMEM_STALL_KIND_MEMCG, 0, self->eaters[0].pid));
	EXPECT_TRUE(is_staller(self, DYNMEM_STALL_KIND_MEMCG, cgroup, self->eaters[0].pid));
	EXPECT_FALSE(is_staller(self, DYNMEM_STALL_KIND_MEMCG, other, self->eaters[0].pid));
	EXPECT_FALSE(is_staller(self, DYNMEM_STALL_KIND_HOST, 0, self->eaters[0].pid));
	cgroup_remove("dynmem-other");
	EXPECT_EQ(-ETIMEDOUT, wait_event(self, DYNMEM_PRESSURE_EVENT_STALL, 1));
}

#define DEFRAG "/sys/kernel/mm/transparent_hugepage/defrag"

static uint64_t grown(FIXTURE_DATA(reclaim) * self, int attr)
{
	return get(&self->after, attr) - get(&self->before, attr);
}

/* From no level on, for which available memory is no reason and nothing lingers. */
static void begin_quiet(struct __test_metadata *_metadata, FIXTURE_DATA(reclaim) * self)
{
	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_LOW, 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, 0);
	put_u64(DYNMEM_A_CONFIG_HOLD, 100 * NSEC_PER_MSEC);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
	ASSERT_EQ(0, wait_quiet(&self->requests, &self->events, &self->before));
}

static void expect_quiet(struct __test_metadata *_metadata, FIXTURE_DATA(reclaim) * self)
{
	while (next_event(&self->events, &self->ev, 500) == 0) {
		EXPECT_EQ(DYNMEM_LEVEL_NONE, get(&self->ev, DYNMEM_A_PRESSURE_LEVEL));
		EXPECT_EQ(0, get(&self->ev, DYNMEM_A_PRESSURE_CAUSES));
	}
}

/* There is memory, but in pieces: faults that want huge pages find it by compaction. */
TEST_F_TIMEOUT(reclaim, huge_page_faults, 400)
{
	uint64_t free;

	if (spit(DEFRAG, "madvise") < 0)
		SKIP(return, "no transparent huge pages");
	free = meminfo("MemFree");
	eater_order(&self->eaters[0], free * 7 / 10, EAT_HOLES);
	ASSERT_TRUE(eater_done(&self->eaters[0]));
	begin_quiet(_metadata, self);

	eater_order(&self->eaters[1], free * 5 / 10, EAT_HUGE);
	ASSERT_TRUE(eater_done(&self->eaters[1]));
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->after));
	TH_LOG("%llu compactions, %llu stalls for huge pages, %llu others",
	       (unsigned long long)grown(self, DYNMEM_A_PRESSURE_COMPACT_STALLS),
	       (unsigned long long)grown(self, DYNMEM_A_PRESSURE_HUGE_STALLS),
	       (unsigned long long)grown(self, DYNMEM_A_PRESSURE_STALLS));
	if (!grown(self, DYNMEM_A_PRESSURE_COMPACT_STALLS) &&
	    !grown(self, DYNMEM_A_PRESSURE_HUGE_STALLS))
		SKIP(return, "huge pages were found at once");
	EXPECT_EQ(0, grown(self, DYNMEM_A_PRESSURE_STALLS));
	expect_quiet(_metadata, self);
}

/* A CPU goes and comes, again and again, while a cgroup thrashes at its own limit. */
TEST_F_TIMEOUT(reclaim, cpus_under_load, 700)
{
	int cpu = (int)sysconf(_SC_NPROCESSORS_CONF) - 1;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	if (cpu < 1 || spit(path, "1") < 0)
		SKIP(return, "no CPU can go offline");
	if (meminfo("SwapFree") < 128 * MIB)
		SKIP(return, "no swap");
	begin_quiet(_metadata, self);
	ASSERT_NE(0, cgroup_make("dynmem-reclaim"));
	ASSERT_EQ(0, cgroup_write("dynmem-reclaim", "memory.max", "32M"));
	ASSERT_EQ(0, cgroup_move("dynmem-reclaim", self->eaters[0].pid));
	ASSERT_TRUE(eat(&self->eaters[0], 96 * MIB));
	for (int i = 0; i < 5; i++) {
		eater_order(&self->eaters[0], 0, EAT_TOUCH);
		EXPECT_EQ(0, spit(path, "0"));
		EXPECT_EQ(0, spit(path, "1"));
		ASSERT_TRUE(eater_done(&self->eaters[0]));
	}
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->after));
	EXPECT_LT(64 * MIB, grown(self, DYNMEM_A_PRESSURE_SWAP_INS));
	EXPECT_LT(0, grown(self, DYNMEM_A_PRESSURE_MEMCG_STALLS));
	expect_quiet(_metadata, self);
}

TEST_HARNESS_MAIN
