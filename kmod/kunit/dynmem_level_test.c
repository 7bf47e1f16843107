// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of level.c. selftests/unit compiles the same cases for user space,
 * for kernels without KUnit.
 */

#include <kunit/test.h>

#include "../level.c"

#define MS	((u64)NSEC_PER_MSEC)
#define S	((u64)NSEC_PER_SEC)
#define MIB	((u64)1 << 20)

#define START	(1000 * S)
/* Figures that are as far apart are kept: an eighth of the window. */
#define PART	(125 * MS)

struct dynmem_config dynmem_config;

/* A host: its level, and the next figures. */
static struct {
	struct dynmem_host host;
	struct dynmem_load load;
} w;

static void set(int attr, u64 value)
{
	dynmem_config.value[attr] = value;
}

static int level_test_init(struct kunit *test)
{
	set(DYNMEM_A_CONFIG_THRESHOLD_LOW, 400 * MIB);
	set(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, 200 * MIB);
	set(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, 100 * MIB);
	set(DYNMEM_A_CONFIG_STALL_LOW, 10);
	set(DYNMEM_A_CONFIG_STALL_MEDIUM, 70);
	set(DYNMEM_A_CONFIG_STALL_CRITICAL, 700);
	set(DYNMEM_A_CONFIG_WINDOW, S);
	set(DYNMEM_A_CONFIG_HOLD, 2 * S);
	set(DYNMEM_A_CONFIG_SAMPLE_MIN, 10 * MS);
	set(DYNMEM_A_CONFIG_SAMPLE_MAX, S);
	set(DYNMEM_A_CONFIG_FILL_RATE, 1024 * MIB);
	set(DYNMEM_A_CONFIG_REFAULT_COST, 20 * NSEC_PER_USEC);

	/* As if the host had been up for long: sums start anywhere. */
	w.load = (struct dynmem_load){
		.now = START,
		.available = 4096 * MIB,
		.stall_time = 77 * S,
		.refaults = 5000000,
		.reclaimed = 9000000,
		.memcg_reclaimed = 3000000,
		.throttles = 12,
		.ooms = 3,
	};
	dynmem_level_init(&w.host, &w.load);
	return 0;
}

/* The level when @delay has passed. */
static u32 after(u64 delay)
{
	w.load.now += delay;
	dynmem_level_update(&w.host, &w.load);
	return w.host.level.level;
}

/* The highest level while @time passes. */
static u32 highest_during(u64 time)
{
	u64 end = w.load.now + time;
	u32 highest = 0;

	while (w.load.now < end)
		highest = max(highest, after(PART));
	return highest;
}

/* Quiet until the ring has a whole window. */
static void settle(void)
{
	highest_during(3 * S);
}

static void test_quiet(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, highest_during(60 * S), DYNMEM_LEVEL_NONE);
	KUNIT_EXPECT_EQ(test, w.host.level.causes, 0);
	KUNIT_EXPECT_EQ(test, w.host.level.since, START);
}

static void test_available(struct kunit *test)
{
	static const struct {
		u64 available;
		u32 level;
	} steps[] = {
		{ 400 * MIB, DYNMEM_LEVEL_NONE },
		{ 400 * MIB - 1, DYNMEM_LEVEL_LOW },
		{ 200 * MIB, DYNMEM_LEVEL_LOW },
		{ 200 * MIB - 1, DYNMEM_LEVEL_MEDIUM },
		{ 100 * MIB, DYNMEM_LEVEL_MEDIUM },
		{ 100 * MIB - 1, DYNMEM_LEVEL_CRITICAL },
		{ 0, DYNMEM_LEVEL_CRITICAL },
	};
	int i;

	for (i = 0; i < (int)ARRAY_SIZE(steps); i++) {
		u32 cause = steps[i].level ? DYNMEM_CAUSE_AVAILABLE : 0;

		w.load.available = steps[i].available;
		KUNIT_EXPECT_EQ(test, after(100 * MS), steps[i].level);
		KUNIT_EXPECT_EQ(test, w.host.level.causes, cause);
	}
}

static void test_thresholds_off(struct kunit *test)
{
	set(DYNMEM_A_CONFIG_THRESHOLD_LOW, 0);
	set(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, 0);
	set(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, 0);
	set(DYNMEM_A_CONFIG_STALL_LOW, 0);
	set(DYNMEM_A_CONFIG_STALL_MEDIUM, 0);
	set(DYNMEM_A_CONFIG_STALL_CRITICAL, 0);
	w.load.available = 0;
	w.load.stall_time += 10 * S;
	w.load.throttles++;
	KUNIT_EXPECT_EQ(test, after(100 * MS), DYNMEM_LEVEL_NONE);
}

static void test_hold(struct kunit *test)
{
	w.load.available = 50 * MIB;
	KUNIT_EXPECT_EQ(test, after(100 * MS), DYNMEM_LEVEL_CRITICAL);

	/* What is asked for meanwhile is where it falls to. */
	w.load.available = 4096 * MIB;
	KUNIT_EXPECT_EQ(test, after(100 * MS), DYNMEM_LEVEL_CRITICAL);
	KUNIT_EXPECT_EQ(test, w.host.level.causes, 0);
	w.load.available = 150 * MIB;
	KUNIT_EXPECT_EQ(test, after(S), DYNMEM_LEVEL_CRITICAL);
	w.load.available = 4096 * MIB;
	KUNIT_EXPECT_EQ(test, after(900 * MS), DYNMEM_LEVEL_CRITICAL);
	KUNIT_EXPECT_EQ(test, after(100 * MS), DYNMEM_LEVEL_MEDIUM);
	KUNIT_EXPECT_EQ(test, w.host.level.since, w.load.now);

	/* Back up in the hold begins a new one. */
	KUNIT_EXPECT_EQ(test, after(S), DYNMEM_LEVEL_MEDIUM);
	w.load.available = 150 * MIB;
	KUNIT_EXPECT_EQ(test, after(900 * MS), DYNMEM_LEVEL_MEDIUM);
	w.load.available = 4096 * MIB;
	KUNIT_EXPECT_EQ(test, after(100 * MS), DYNMEM_LEVEL_MEDIUM);
	KUNIT_EXPECT_EQ(test, after(S), DYNMEM_LEVEL_MEDIUM);
	KUNIT_EXPECT_EQ(test, after(S), DYNMEM_LEVEL_NONE);
}

/* @stall of a second in stalls: the share is that of the window. */
static void expect_stall(struct kunit *test, u64 stall, u32 share, u32 level)
{
	level_test_init(test);
	settle();
	w.load.stall_time += stall;
	KUNIT_EXPECT_EQ(test, after(100 * MS), level);
	KUNIT_EXPECT_EQ(test, w.host.level.stall_share, share);
	KUNIT_EXPECT_EQ(test, w.host.level.causes,
			level ? DYNMEM_CAUSE_STALL : 0);
}

static void test_stall_levels(struct kunit *test)
{
	expect_stall(test, 9 * MS, 9, DYNMEM_LEVEL_NONE);
	expect_stall(test, 10 * MS, 10, DYNMEM_LEVEL_LOW);
	expect_stall(test, 69 * MS, 69, DYNMEM_LEVEL_LOW);
	expect_stall(test, 70 * MS, 70, DYNMEM_LEVEL_MEDIUM);
	expect_stall(test, 699 * MS, 699, DYNMEM_LEVEL_MEDIUM);
	expect_stall(test, 700 * MS, 700, DYNMEM_LEVEL_CRITICAL);
	/* Several tasks may stall at once. */
	expect_stall(test, 60 * S, 1000, DYNMEM_LEVEL_CRITICAL);
}

static void test_stall_leaves_the_window(struct kunit *test)
{
	settle();
	w.load.stall_time += 500 * MS;
	KUNIT_EXPECT_EQ(test, after(PART), DYNMEM_LEVEL_MEDIUM);
	highest_during(7 * PART);
	KUNIT_EXPECT_EQ(test, w.host.level.stall_share, 500);
	after(PART);
	KUNIT_EXPECT_EQ(test, w.host.level.stall_share, 0);
	KUNIT_EXPECT_EQ(test, w.host.level.level, DYNMEM_LEVEL_MEDIUM);
}

/* A stall triggers a pass: that nothing did before does not dilute it. */
static void test_first_stall_counts_in_full(struct kunit *test)
{
	settle();
	after(1900 * MS);
	w.load.stall_time += 70 * MS;
	KUNIT_EXPECT_EQ(test, after(MS), DYNMEM_LEVEL_MEDIUM);
}

static void test_stalls_while_nobody_listened(struct kunit *test)
{
	settle();
	/* A minute of stalls in a day. */
	w.load.stall_time += 60 * S;
	KUNIT_EXPECT_EQ(test, after(86400 * S), DYNMEM_LEVEL_NONE);
	KUNIT_EXPECT_EQ(test, w.host.level.stall_share, 0);
}

static void refault(u64 pages, u64 host, u64 memcg)
{
	w.load.refaults += pages;
	w.load.reclaimed += host;
	w.load.memcg_reclaimed += memcg;
}

static void test_refaults(struct kunit *test)
{
	settle();
	/* 3500 pages at 20 us: 70 ms. */
	refault(3500, 4000, 0);
	KUNIT_EXPECT_EQ(test, after(PART), DYNMEM_LEVEL_MEDIUM);
	KUNIT_EXPECT_EQ(test, w.host.level.refault_share, 70);
	KUNIT_EXPECT_EQ(test, w.host.level.causes, DYNMEM_CAUSE_REFAULT);

	refault(50000, 50000, 0);
	KUNIT_EXPECT_EQ(test, after(PART), DYNMEM_LEVEL_CRITICAL);
	KUNIT_EXPECT_EQ(test, w.host.level.refault_share, 1000);
}

/* A container that thrashes at its own limit, for a minute. */
static void test_refaults_of_a_cgroup_at_its_limit(struct kunit *test)
{
	int i;

	settle();
	for (i = 0; i < 480; i++) {
		refault(10000, 0, 10000);
		KUNIT_EXPECT_EQ(test, after(PART), DYNMEM_LEVEL_NONE);
		KUNIT_EXPECT_EQ(test, w.host.level.refault_share, 0);
	}
}

/* Both: neither hides the other. */
static void test_refaults_of_both(struct kunit *test)
{
	settle();
	refault(10000, 5000, 15000);
	after(PART);
	/* A quarter of 200 ms. */
	KUNIT_EXPECT_EQ(test, w.host.level.refault_share, 50);
}

/* Pages come back that were reclaimed long ago, and memory is there. */
static void test_refaults_without_reclaim(struct kunit *test)
{
	settle();
	refault(50000, 0, 0);
	KUNIT_EXPECT_EQ(test, after(PART), DYNMEM_LEVEL_NONE);
}

/* A CPU goes offline and its counts seem to be gone, and come back. */
static void test_sums_that_dip(struct kunit *test)
{
	struct dynmem_load before;

	settle();
	before = w.load;
	w.load.stall_time = 0;
	/* The host reclaims a little all the while. */
	refault(-4000000, 1000, -2000000);
	w.load.throttles = 0;
	w.load.ooms = 0;
	KUNIT_EXPECT_EQ(test, highest_during(2 * S), DYNMEM_LEVEL_NONE);
	before.now = w.load.now;
	before.reclaimed = w.load.reclaimed + 1000;
	w.load = before;
	KUNIT_EXPECT_EQ(test, highest_during(5 * S), DYNMEM_LEVEL_NONE);
	KUNIT_EXPECT_EQ(test, w.host.level.refault_share, 0);
	KUNIT_EXPECT_EQ(test, w.host.level.stall_share, 0);

	/* And what happens next is seen. */
	w.load.throttles++;
	KUNIT_EXPECT_EQ(test, after(100 * MS), DYNMEM_LEVEL_CRITICAL);
}

static void test_throttled(struct kunit *test)
{
	settle();
	w.load.throttles++;
	KUNIT_EXPECT_EQ(test, after(100 * MS), DYNMEM_LEVEL_CRITICAL);
	KUNIT_EXPECT_EQ(test, w.host.level.causes, DYNMEM_CAUSE_STALL);
	after(900 * MS);
	KUNIT_EXPECT_EQ(test, w.host.level.causes, DYNMEM_CAUSE_STALL);
	after(100 * MS);
	KUNIT_EXPECT_EQ(test, w.host.level.causes, 0);
	KUNIT_EXPECT_EQ(test, after(1900 * MS), DYNMEM_LEVEL_CRITICAL);
	KUNIT_EXPECT_EQ(test, after(100 * MS), DYNMEM_LEVEL_NONE);
}

static void test_oom(struct kunit *test)
{
	settle();
	w.load.ooms++;
	KUNIT_EXPECT_EQ(test, after(MS), DYNMEM_LEVEL_CRITICAL);
	KUNIT_EXPECT_EQ(test, w.host.level.causes, DYNMEM_CAUSE_OOM);
	KUNIT_EXPECT_EQ(test, after(S), DYNMEM_LEVEL_CRITICAL);
	KUNIT_EXPECT_EQ(test, w.host.level.causes, 0);
	KUNIT_EXPECT_EQ(test, after(2 * S), DYNMEM_LEVEL_NONE);
}

/* When it was nobody knows: no reason to act now. */
static void test_oom_while_nobody_listened(struct kunit *test)
{
	settle();
	w.load.ooms++;
	w.load.throttles++;
	KUNIT_EXPECT_EQ(test, after(3600 * S), DYNMEM_LEVEL_NONE);
	KUNIT_EXPECT_EQ(test, highest_during(2 * S), DYNMEM_LEVEL_NONE);
}

static void test_level_of_long_ago(struct kunit *test)
{
	w.load.available = 50 * MIB;
	KUNIT_EXPECT_EQ(test, after(100 * MS), DYNMEM_LEVEL_CRITICAL);
	w.load.available = 4096 * MIB;
	KUNIT_EXPECT_EQ(test, after(3600 * S), DYNMEM_LEVEL_NONE);
}

static void test_causes_add_up(struct kunit *test)
{
	settle();
	w.load.available = 50 * MIB;
	w.load.stall_time += 800 * MS;
	w.load.ooms++;
	refault(3500, 4000, 0);
	KUNIT_EXPECT_EQ(test, after(100 * MS), DYNMEM_LEVEL_CRITICAL);
	/* Refaults ask for medium only. */
	KUNIT_EXPECT_EQ(test, w.host.level.causes,
			DYNMEM_CAUSE_AVAILABLE | DYNMEM_CAUSE_STALL |
			DYNMEM_CAUSE_OOM);
}

static void test_next(struct kunit *test)
{
	settle();
	KUNIT_EXPECT_EQ(test, dynmem_level_next(&w.host), S);

	/* 512 MiB above the threshold at 1 GiB/s. */
	w.load.available = 912 * MIB;
	after(100 * MS);
	KUNIT_EXPECT_LE(test, dynmem_level_next(&w.host), 501 * MS);
	KUNIT_EXPECT_GE(test, dynmem_level_next(&w.host), 499 * MS);

	/* Not more often than that. */
	w.load.available = 400 * MIB;
	after(100 * MS);
	KUNIT_EXPECT_EQ(test, dynmem_level_next(&w.host), 10 * MS);

	/* Below the last one there is nothing to wait for but the hold. */
	w.load.available = 10 * MIB;
	after(100 * MS);
	KUNIT_EXPECT_EQ(test, dynmem_level_next(&w.host), S);
	w.load.available = 4096 * MIB;
	after(100 * MS);
	after(1800 * MS);
	KUNIT_EXPECT_EQ(test, dynmem_level_next(&w.host), 200 * MS);
}

/* Tasks that go on stalling reach a threshold without an event. */
static void test_next_while_stalled(struct kunit *test)
{
	settle();
	w.load.stalled = 2;
	after(100 * MS);
	/* Two tasks are at 10 per mille of a second in 5 ms; not before 10. */
	KUNIT_EXPECT_EQ(test, dynmem_level_next(&w.host), 10 * MS);
	w.load.stall_time += 20 * MS;
	after(10 * MS);
	KUNIT_EXPECT_EQ(test, dynmem_level_next(&w.host), 25 * MS);
}

static struct kunit_case level_cases[] = {
	KUNIT_CASE(test_quiet),
	KUNIT_CASE(test_available),
	KUNIT_CASE(test_thresholds_off),
	KUNIT_CASE(test_hold),
	KUNIT_CASE(test_stall_levels),
	KUNIT_CASE(test_stall_leaves_the_window),
	KUNIT_CASE(test_first_stall_counts_in_full),
	KUNIT_CASE(test_stalls_while_nobody_listened),
	KUNIT_CASE(test_refaults),
	KUNIT_CASE(test_refaults_of_a_cgroup_at_its_limit),
	KUNIT_CASE(test_refaults_of_both),
	KUNIT_CASE(test_refaults_without_reclaim),
	KUNIT_CASE(test_sums_that_dip),
	KUNIT_CASE(test_throttled),
	KUNIT_CASE(test_oom),
	KUNIT_CASE(test_oom_while_nobody_listened),
	KUNIT_CASE(test_level_of_long_ago),
	KUNIT_CASE(test_causes_add_up),
	KUNIT_CASE(test_next),
	KUNIT_CASE(test_next_while_stalled),
	{}
};

static struct kunit_suite level_suite = {
	.name = "dynmem_level",
	.init = level_test_init,
	.test_cases = level_cases,
};

kunit_test_suite(level_suite);

MODULE_LICENSE("GPL");
