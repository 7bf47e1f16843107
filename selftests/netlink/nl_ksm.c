// SPDX-License-Identifier: GPL-2.0
/* Group "ksm": run switched, counters moved, scan completed; and the merged. */
#include "kselftest_harness.h"

#include "mem.h"

#define KSM_DIR	   "/sys/kernel/mm/ksm/"
#define INTERVAL   (50 * NSEC_PER_MSEC)
#define PATIENCE_S 20
#define PAGES	   1024ULL

FIXTURE(ksm)
{
	struct nl requests, events;
	struct nl_answer state, ev;
	char *area;
	uint64_t seq;
};

static void config(struct nl *nl, bool defaults)
{
	request(nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	if (!defaults)
		put_u64(DYNMEM_A_CONFIG_KSM_INTERVAL, INTERVAL);
	transact(nl, NULL, 0);
}

FIXTURE_SETUP(ksm)
{
	/* All that was merged by others away; then quick. */
	ASSERT_EQ(0, spit(KSM_DIR "run", "2"));
	ASSERT_EQ(0, spit(KSM_DIR "run", "0"));
	ASSERT_EQ(0, spit(KSM_DIR "sleep_millisecs", "10"));
	ASSERT_EQ(0, spit(KSM_DIR "pages_to_scan", "2000"));
	ASSERT_EQ(0, nl_open(&self->requests));
	ASSERT_EQ(0, nl_open(&self->events));
	config(&self->requests, false);

	self->area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	ASSERT_NE(MAP_FAILED, self->area);
	ASSERT_EQ(0, madvise(self->area, PAGES * PAGE, MADV_MERGEABLE));
	memset(self->area, 'k', PAGES * PAGE);

	ASSERT_EQ(0, join(&self->events, self->events.ksm_group));
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_KSM_GET, &self->state));
	self->seq = get_head(&self->state, DYNMEM_A_HEAD_SEQ);
}

FIXTURE_TEARDOWN(ksm)
{
	spit(KSM_DIR "run", "2");
	spit(KSM_DIR "run", "0");
	spit(KSM_DIR "sleep_millisecs", "20");
	spit(KSM_DIR "pages_to_scan", "100");
	config(&self->requests, true);
	nl_close(&self->requests);
	nl_close(&self->events);
}

/* Waits for an event with this bit; all on the way are checked, too. */
static bool wait_event(struct __test_metadata *_metadata, FIXTURE_DATA(ksm) * self, uint32_t bit)
{
	uint64_t end = now_ns() + PATIENCE_S * NSEC_PER_SEC;

	while (now_ns() < end) {
		if (next_event(&self->events, &self->ev, 1000) < 0)
			continue;
		EXPECT_EQ(DYNMEM_CMD_KSM_NTF, self->ev.cmd);
		EXPECT_EQ(++self->seq, get_head(&self->ev, DYNMEM_A_HEAD_SEQ));
		EXPECT_EQ(get_head(&self->state, DYNMEM_A_HEAD_SINCE),
			  get_head(&self->ev, DYNMEM_A_HEAD_SINCE));
		EXPECT_EQ(0, get(&self->ev, DYNMEM_A_KSM_EVENT) & ~7U);
		if (get(&self->ev, DYNMEM_A_KSM_EVENT) & bit)
			return true;
	}
	return false;
}

TEST_F_TIMEOUT(ksm, run, 60)
{
	ASSERT_EQ(0, spit(KSM_DIR "run", "1"));
	ASSERT_TRUE(wait_event(_metadata, self, DYNMEM_KSM_EVENT_RUN));
	EXPECT_EQ(1, get(&self->ev, DYNMEM_A_KSM_RUN));
	ASSERT_EQ(0, spit(KSM_DIR "run", "0"));
	ASSERT_TRUE(wait_event(_metadata, self, DYNMEM_KSM_EVENT_RUN));
	EXPECT_EQ(0, get(&self->ev, DYNMEM_A_KSM_RUN));
}

TEST_F_TIMEOUT(ksm, merged, 90)
{
	uint64_t scans = get(&self->state, DYNMEM_A_KSM_FULL_SCANS);
	uint64_t end = now_ns() + 2 * PATIENCE_S * NSEC_PER_SEC;
	uint64_t breaks;
	char path[64];

	ASSERT_EQ(0, get(&self->state, DYNMEM_A_KSM_PAGES_SHARING));
	ASSERT_EQ(0, spit(KSM_DIR "run", "1"));
	ASSERT_TRUE(wait_event(_metadata, self, DYNMEM_KSM_EVENT_SCAN));
	EXPECT_LT(scans, get(&self->ev, DYNMEM_A_KSM_FULL_SCANS));
	/* That event may have reported all of it already. */
	while (get(&self->ev, DYNMEM_A_KSM_PAGES_SHARING) < PAGES * 9 / 10) {
		ASSERT_TRUE(wait_event(_metadata, self, DYNMEM_KSM_EVENT_COUNTERS));
		ASSERT_LT(now_ns(), end);
	}
	EXPECT_GE(get(&self->ev, DYNMEM_A_KSM_SAVED), PAGES * 9 / 10 * PAGE);
	EXPECT_GE(get_signed(&self->ev, DYNMEM_A_KSM_PROFIT), 0);
	ASSERT_EQ(0, spit(KSM_DIR "run", "0"));
	breaks = get(&self->ev, DYNMEM_A_KSM_COW_BREAKS);

	/* The process says the same as its own file. */
	request(&self->requests, DYNMEM_CMD_PROCESS_GET, NLM_F_ACK);
	put_u32(DYNMEM_A_PROCESS_PID, (uint32_t)getpid());
	ASSERT_EQ(1, transact(&self->requests, &self->ev, 1));
	snprintf(path, sizeof(path), "/proc/%d/ksm_merging_pages", getpid());
	ASSERT_NE(NULL, slurp(path));
	EXPECT_EQ(strtoull(slurp(path), NULL, 10), get(&self->ev, DYNMEM_A_PROCESS_MERGING_PAGES));
	EXPECT_GE(get(&self->ev, DYNMEM_A_PROCESS_MERGING_PAGES), PAGES * 9 / 10);
	EXPECT_GE(get(&self->ev, DYNMEM_A_PROCESS_RMAP_ITEMS), PAGES * 9 / 10);
	EXPECT_GT(get_signed(&self->ev, DYNMEM_A_PROCESS_PROFIT), 0);
	EXPECT_LT(get_signed(&self->ev, DYNMEM_A_PROCESS_PROFIT), (int64_t)(PAGES * PAGE));

	/* Written to, they break apart again. */
	drain(&self->events);
	for (uint64_t i = 0; i < PAGES; i++)
		self->area[i * PAGE] = (char)i;
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_KSM_GET, &self->state));
	EXPECT_GE(get(&self->state, DYNMEM_A_KSM_COW_BREAKS), breaks + PAGES * 9 / 10);
}

/* Nothing moves, nothing is reported. */
TEST_F_TIMEOUT(ksm, quiet, 30)
{
	sleep_ms(300);
	drain(&self->events);
	EXPECT_EQ(-ETIMEDOUT, next_event(&self->events, &self->ev, 1500));
}

/*
 * Looks no more often than the interval says. Run is switched all the time,
 * but hardly anything scanned, for the end of a scan triggers a sample, too.
 */
TEST_F_TIMEOUT(ksm, interval, 60)
{
	uint64_t end, gap, last = 0, shortest = UINT64_MAX;
	int n = 0, run = 0;

	ASSERT_EQ(0, spit(KSM_DIR "sleep_millisecs", "5000"));
	ASSERT_EQ(0, spit(KSM_DIR "pages_to_scan", "1"));
	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_KSM_INTERVAL, NSEC_PER_SEC);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
	sleep_ms(50);
	drain(&self->events);

	/*
	 * A sample that comes late may see run as the one before did, and has
	 * nothing to report: there is time for more than the three that count.
	 */
	end = now_ns() + 12 * NSEC_PER_SEC;
	while (now_ns() < end) {
		/* Never the same in two samples, one second apart. */
		run = now_ns() / NSEC_PER_SEC % 2;
		ASSERT_EQ(0, spit(KSM_DIR "run", "%d", run));
		if (next_event(&self->events, &self->ev, 70) < 0)
			continue;
		gap = get_head(&self->ev, DYNMEM_A_HEAD_TIME) - last;
		if (last && gap < shortest)
			shortest = gap;
		last = get_head(&self->ev, DYNMEM_A_HEAD_TIME);
		n++;
	}
	EXPECT_GE(n, 2);
	EXPECT_GE(shortest, 900 * NSEC_PER_MSEC);
}

TEST_HARNESS_MAIN
