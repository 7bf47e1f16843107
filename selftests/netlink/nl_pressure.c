// SPDX-License-Identifier: GPL-2.0
/*
 * The level: up at once as available memory goes, down after the hold; what
 * notifications carry and how often they come. Memory is really eaten; the
 * thresholds are set below what is available now, so that little is enough.
 */
#include "kselftest_harness.h"

#include "mem.h"

/* Between two thresholds, and how far past one a test goes. */
#define STEP (96 * MIB)

/* Longest time between samples of available memory plus what a busy machine adds. */
#define PATIENCE_MS 3000

#define HOLD_MS 600ULL

FIXTURE(pressure)
{
	struct nl requests, events;
	struct eater eater;
	struct nl_answer state, ev;
	uint64_t low; /* the threshold; the others are a step apart */
};

static void set(struct __test_metadata *_metadata, struct nl *nl, int attr, uint64_t value)
{
	request(nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	if (attr >= DYNMEM_A_CONFIG_STALL_LOW && attr <= DYNMEM_A_CONFIG_STALL_CRITICAL)
		put_u32(attr, (uint32_t)value);
	else
		put_u64(attr, value);
	ASSERT_EQ(0, transact(nl, NULL, 0))
	{
		TH_LOG("%s", nl_refusal.text);
	}
}

/* Thresholds one, two and three steps below what is available. */
static void set_thresholds(struct __test_metadata *_metadata, FIXTURE_DATA(pressure) * self)
{
	uint64_t available = meminfo("MemAvailable");
	struct nl *nl = &self->requests;

	ASSERT_GT(available, 4 * STEP);
	request(nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	self->low = available - STEP;
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_LOW, self->low);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, available - 2 * STEP);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, available - 3 * STEP);
	put_u64(DYNMEM_A_CONFIG_HOLD, HOLD_MS * NSEC_PER_MSEC);
	/* Nothing but available memory shall speak here. */
	put_u32(DYNMEM_A_CONFIG_STALL_LOW, 0);
	put_u32(DYNMEM_A_CONFIG_STALL_MEDIUM, 0);
	put_u32(DYNMEM_A_CONFIG_STALL_CRITICAL, 0);
	ASSERT_EQ(0, transact(nl, NULL, 0));
}

static void reset(struct nl *nl)
{
	request(nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	transact(nl, NULL, 0);
}

FIXTURE_SETUP(pressure)
{
	ASSERT_EQ(0, nl_open(&self->requests));
	ASSERT_EQ(0, nl_open(&self->events));
	reset(&self->requests);
	/* Before the thresholds, for it takes memory, too. */
	ASSERT_EQ(0, eater_start(&self->eater));
}

FIXTURE_TEARDOWN(pressure)
{
	eater_stop(&self->eater);
	reset(&self->requests);
	nl_close(&self->requests);
	nl_close(&self->events);
}

static void listen_in(struct __test_metadata *_metadata, FIXTURE_DATA(pressure) * self)
{
	ASSERT_EQ(0, join(&self->events, self->events.pressure_group));
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->state));
}

/* The same, once whatever the test before left behind has passed. */
static void listen_at_none(struct __test_metadata *_metadata, FIXTURE_DATA(pressure) * self)
{
	uint64_t end = now_ns() + 10 * NSEC_PER_SEC;

	ASSERT_EQ(0, join(&self->events, self->events.pressure_group));
	do {
		ASSERT_LT(now_ns(), end);
		sleep_ms(50);
		ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->state));
	} while (get(&self->state, DYNMEM_A_PRESSURE_LEVEL) != DYNMEM_LEVEL_NONE);
	drain(&self->events);
}

/* The next level that is reported; other events in between are fine. */
static uint32_t next_level(struct __test_metadata *_metadata, FIXTURE_DATA(pressure) * self,
			   int timeout_ms)
{
	uint64_t end = now_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;

	for (;;) {
		int64_t left = (int64_t)(end - now_ns()) / 1000000;
		int r = next_event(&self->events, &self->ev, left > 0 ? (int)left : 0);

		if (r < 0) {
			TH_LOG("no level in %d ms: %llu KiB available, low below %llu KiB",
			       timeout_ms, (unsigned long long)meminfo("MemAvailable") / KIB,
			       (unsigned long long)self->low / KIB);
			return UINT32_MAX;
		}
		EXPECT_EQ(DYNMEM_CMD_PRESSURE_NTF, self->ev.cmd);
		if (get(&self->ev, DYNMEM_A_PRESSURE_EVENT) & DYNMEM_PRESSURE_EVENT_LEVEL)
			return (uint32_t)get(&self->ev, DYNMEM_A_PRESSURE_LEVEL);
	}
}

/* Half a step below the threshold of this level, wherever memory stands. */
static void sink_to(struct __test_metadata *_metadata, FIXTURE_DATA(pressure) * self,
		    uint32_t level)
{
	uint64_t goal = self->low - (level - DYNMEM_LEVEL_LOW) * STEP - STEP / 2;
	uint64_t available;

	/*
	 * In steps, for free pages in the lists of CPUs are not available in
	 * the figure, and are what is eaten first. They can hold as much again as
	 * is missing in the end, so no step is smaller than a part of STEP.
	 */
	for (int i = 0; (available = meminfo("MemAvailable")) > goal; i++) {
		uint64_t over = available - goal;

		ASSERT_LT(i, 32);
		ASSERT_TRUE(eat(&self->eater, over > STEP / 8 ? over : STEP / 8));
	}
}

/* Up step by step, each reported at once; then down in one, after the hold. */
TEST_F_TIMEOUT(pressure, levels, 240)
{
	uint64_t seq, dropping, dropped, since, fell;
	uint32_t level;

	set_thresholds(_metadata, self);
	listen_at_none(_metadata, self);
	EXPECT_EQ(DYNMEM_LEVEL_NONE, get(&self->state, DYNMEM_A_PRESSURE_LEVEL));
	EXPECT_EQ(0, get(&self->state, DYNMEM_A_PRESSURE_CAUSES));
	seq = get_head(&self->state, DYNMEM_A_HEAD_SEQ);

	for (level = DYNMEM_LEVEL_LOW; level <= DYNMEM_LEVEL_CRITICAL; level++) {
		uint64_t before = now_ns();

		sink_to(_metadata, self, level);
		ASSERT_EQ(level, next_level(_metadata, self, PATIENCE_MS));
		EXPECT_EQ(DYNMEM_CAUSE_AVAILABLE, get(&self->ev, DYNMEM_A_PRESSURE_CAUSES));
		EXPECT_GE(get(&self->ev, DYNMEM_A_PRESSURE_LEVEL_SINCE), before);
		EXPECT_LE(get(&self->ev, DYNMEM_A_PRESSURE_LEVEL_SINCE),
			  get_head(&self->ev, DYNMEM_A_HEAD_TIME));
		EXPECT_LE(get_head(&self->ev, DYNMEM_A_HEAD_TIME), now_ns());
		EXPECT_EQ(++seq, get_head(&self->ev, DYNMEM_A_HEAD_SEQ));
	}

	/* A get has the same as the notification. */
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->state));
	EXPECT_EQ(DYNMEM_LEVEL_CRITICAL, get(&self->state, DYNMEM_A_PRESSURE_LEVEL));
	EXPECT_EQ(seq, get_head(&self->state, DYNMEM_A_HEAD_SEQ));
	EXPECT_FALSE(has(&self->state, DYNMEM_A_PRESSURE_EVENT));

	dropping = now_ns();
	eater_order(&self->eater, 0, EAT_DROP);
	ASSERT_TRUE(eater_done(&self->eater));
	dropped = since = now_ns();
	level = next_level(_metadata, self, PATIENCE_MS);
	/* A slow kernel needs more than a hold to get all of it back. */
	if (dropped - dropping > HOLD_MS * NSEC_PER_MSEC / 2) {
		for (; level != DYNMEM_LEVEL_NONE && level != UINT32_MAX; seq++)
			level = next_level(_metadata, self, PATIENCE_MS);
		since = dropping;
	}
	ASSERT_EQ(DYNMEM_LEVEL_NONE, level);
	fell = now_ns();
	EXPECT_EQ(++seq, get_head(&self->ev, DYNMEM_A_HEAD_SEQ));
	EXPECT_EQ(0, get(&self->ev, DYNMEM_A_PRESSURE_CAUSES));
	/* What was seen just before it had all dropped may count. */
	EXPECT_GT(fell - since, HOLD_MS * NSEC_PER_MSEC * 3 / 4);
	EXPECT_LT(fell, dropped + (HOLD_MS + PATIENCE_MS) * NSEC_PER_MSEC);
}

/* While the hold keeps the level, nothing asks for it: no causes. */
TEST_F_TIMEOUT(pressure, hold, 240)
{
	set_thresholds(_metadata, self);
	listen_at_none(_metadata, self);
	set(_metadata, &self->requests, DYNMEM_A_CONFIG_HOLD, 30 * NSEC_PER_SEC);
	sink_to(_metadata, self, DYNMEM_LEVEL_LOW);
	ASSERT_EQ(DYNMEM_LEVEL_LOW, next_level(_metadata, self, PATIENCE_MS));
	eater_order(&self->eater, 0, EAT_DROP);
	ASSERT_TRUE(eater_done(&self->eater));
	EXPECT_EQ(UINT32_MAX, next_level(_metadata, self, 1500));
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->state));
	EXPECT_EQ(DYNMEM_LEVEL_LOW, get(&self->state, DYNMEM_A_PRESSURE_LEVEL));
	EXPECT_EQ(0, get(&self->state, DYNMEM_A_PRESSURE_CAUSES));

	/* A shorter hold is in force at once. */
	set(_metadata, &self->requests, DYNMEM_A_CONFIG_HOLD, 0);
	EXPECT_EQ(DYNMEM_LEVEL_NONE, next_level(_metadata, self, PATIENCE_MS));
}

/* New thresholds are in force at once, without any memory moving. */
TEST_F_TIMEOUT(pressure, config_moves_level, 240)
{
	set(_metadata, &self->requests, DYNMEM_A_CONFIG_HOLD, 0);
	listen_in(_metadata, self);
	set(_metadata, &self->requests, DYNMEM_A_CONFIG_THRESHOLD_LOW, 1ULL << 50);
	EXPECT_EQ(DYNMEM_LEVEL_LOW, next_level(_metadata, self, PATIENCE_MS));
	set(_metadata, &self->requests, DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, 1ULL << 50);
	EXPECT_EQ(DYNMEM_LEVEL_MEDIUM, next_level(_metadata, self, PATIENCE_MS));
	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_LOW, 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, 0);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
	EXPECT_EQ(DYNMEM_LEVEL_NONE, next_level(_metadata, self, PATIENCE_MS));
}

/* A rise is reported at once, whatever the interval; the fall waits for it. */
TEST_F_TIMEOUT(pressure, interval, 240)
{
	uint64_t up, down;

	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_HOLD, 0);
	put_u64(DYNMEM_A_CONFIG_MIN_INTERVAL, 2 * NSEC_PER_SEC);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
	listen_in(_metadata, self);

	set(_metadata, &self->requests, DYNMEM_A_CONFIG_THRESHOLD_LOW, 1ULL << 50);
	ASSERT_EQ(DYNMEM_LEVEL_LOW, next_level(_metadata, self, PATIENCE_MS));
	up = get_head(&self->ev, DYNMEM_A_HEAD_TIME);
	set(_metadata, &self->requests, DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, 1ULL << 50);
	ASSERT_EQ(DYNMEM_LEVEL_MEDIUM, next_level(_metadata, self, PATIENCE_MS));
	EXPECT_LT(get_head(&self->ev, DYNMEM_A_HEAD_TIME) - up, 1500 * NSEC_PER_MSEC);
	up = get_head(&self->ev, DYNMEM_A_HEAD_TIME);

	reset(&self->requests);
	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_HOLD, 0);
	put_u64(DYNMEM_A_CONFIG_MIN_INTERVAL, 2 * NSEC_PER_SEC);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_LOW, 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, 0);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
	ASSERT_EQ(DYNMEM_LEVEL_NONE, next_level(_metadata, self, 5000));
	down = get_head(&self->ev, DYNMEM_A_HEAD_TIME);
	EXPECT_GE(down - up, 1990 * NSEC_PER_MSEC);
}

/* Every listener gets the same; one that does not read loses, and learns of it. */
TEST_F_TIMEOUT(pressure, listeners, 240)
{
	struct nl other, lazy;
	struct nl_answer a;
	int size = 1, r;

	ASSERT_EQ(0, nl_open(&other));
	ASSERT_EQ(0, nl_open(&lazy));
	ASSERT_EQ(0, setsockopt(mnl_socket_get_fd(lazy.sk), SOL_SOCKET, SO_RCVBUF, &size,
				sizeof(size)));
	ASSERT_EQ(0, join(&other, other.pressure_group));
	ASSERT_EQ(0, join(&lazy, lazy.pressure_group));
	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_HOLD, 0);
	put_u64(DYNMEM_A_CONFIG_MIN_INTERVAL, 0);
	ASSERT_EQ(0, transact(&self->requests, NULL, 0));
	listen_in(_metadata, self);

	for (int i = 0; i < 20; i++) {
		uint32_t level = i % 2 ? DYNMEM_LEVEL_NONE : DYNMEM_LEVEL_LOW;

		request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
		put_u64(DYNMEM_A_CONFIG_THRESHOLD_LOW, level == DYNMEM_LEVEL_LOW ? 1ULL << 50 : 0);
		put_u64(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, 0);
		put_u64(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, 0);
		ASSERT_EQ(0, transact(&self->requests, NULL, 0));
		ASSERT_EQ(level, next_level(_metadata, self, PATIENCE_MS));
		ASSERT_EQ(0, next_event(&other, &a, PATIENCE_MS));
		EXPECT_EQ(get_head(&self->ev, DYNMEM_A_HEAD_SEQ), get_head(&a, DYNMEM_A_HEAD_SEQ));
		EXPECT_EQ(get_head(&self->ev, DYNMEM_A_HEAD_TIME),
			  get_head(&a, DYNMEM_A_HEAD_TIME));
	}
	/* That is no failure of the module's. */
	EXPECT_EQ(get_head(&self->state, DYNMEM_A_HEAD_SEND_FAILURES),
		  get_head(&self->ev, DYNMEM_A_HEAD_SEND_FAILURES));
	do {
		r = next_event(&lazy, &a, 0);
	} while (r == 0);
	EXPECT_EQ(-ENOBUFS, r);
	nl_close(&other);
	nl_close(&lazy);
}

/* Sampling needs no repeated asking: it goes on until the last one leaves. */
TEST_F_TIMEOUT(pressure, stays_armed, 240)
{
	struct nl other;

	set_thresholds(_metadata, self);
	listen_at_none(_metadata, self);
	ASSERT_EQ(0, nl_open(&other));
	ASSERT_EQ(0, join(&other, other.pressure_group));
	nl_close(&other);
	sleep_ms(2500);
	sink_to(_metadata, self, DYNMEM_LEVEL_LOW);
	EXPECT_EQ(DYNMEM_LEVEL_LOW, next_level(_metadata, self, PATIENCE_MS));
}

TEST_HARNESS_MAIN
