// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of threshold.c. selftests/unit compiles the same cases for user
 * space, for kernels without KUnit.
 */

#include <kunit/test.h>

#include "../threshold.c"

#define MIB	((u64)1 << 20)
#define GIB	((u64)1 << 30)
#define AUTO	DYNMEM_THRESHOLD_AUTO

static struct dynmem_config compute(u64 low, u64 medium, u64 critical,
				    u64 memory)
{
	struct dynmem_config config = {};

	config.value[DYNMEM_A_CONFIG_THRESHOLD_LOW] = low;
	config.value[DYNMEM_A_CONFIG_THRESHOLD_MEDIUM] = medium;
	config.value[DYNMEM_A_CONFIG_THRESHOLD_CRITICAL] = critical;
	dynmem_threshold_compute(&config, memory);
	return config;
}

static void expect(struct kunit *test, const struct dynmem_config *config,
		   u64 low, u64 medium, u64 critical)
{
	const u64 *value = config->value;

	KUNIT_EXPECT_EQ(test, value[DYNMEM_A_CONFIG_THRESHOLD_LOW], low);
	KUNIT_EXPECT_EQ(test, value[DYNMEM_A_CONFIG_THRESHOLD_MEDIUM], medium);
	KUNIT_EXPECT_EQ(test, value[DYNMEM_A_CONFIG_THRESHOLD_CRITICAL],
			critical);
}

static void test_sliding_scale(struct kunit *test)
{
	static const struct {
		u64 gib;
		u64 percents; /* hundredths of a GiB that are kept free */
	} hosts[] = {
		{ 4, 4 * 6 },
		{ 12, 4 * 6 + 8 * 4 },
		{ 28, 4 * 6 + 8 * 4 + 16 * 2 },
		{ 1024, 4 * 6 + 8 * 4 + 16 * 2 + 996 },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(hosts); i++) {
		struct dynmem_config config = compute(AUTO, AUTO, AUTO,
						      hosts[i].gib * GIB);
		u64 low = config.value[DYNMEM_A_CONFIG_THRESHOLD_LOW];
		u64 floor = div_u64(hosts[i].percents * GIB, 100);

		/* Rounded down in each step, to a percent of bytes. */
		KUNIT_EXPECT_LE(test, low, 4 * floor);
		KUNIT_EXPECT_GE(test, low, 4 * floor - MIB);
		expect(test, &config, low, low / 2, low / 4);
	}
}

static void test_no_memory(struct kunit *test)
{
	struct dynmem_config config = compute(AUTO, AUTO, AUTO, 0);

	expect(test, &config, 0, 0, 0);
}

/* Of 512 GiB 480 in a pool: what is left is a host of 32 GiB. */
static void test_pool(struct kunit *test)
{
	struct dynmem_config whole = compute(AUTO, AUTO, AUTO, 512 * GIB);
	struct dynmem_config rest = compute(AUTO, AUTO, AUTO, 32 * GIB);

	KUNIT_EXPECT_GE(test,
			whole.value[DYNMEM_A_CONFIG_THRESHOLD_LOW], 22 * GIB);
	KUNIT_EXPECT_LE(test,
			rest.value[DYNMEM_A_CONFIG_THRESHOLD_LOW], 4 * GIB);
}

/* Those that are given stand, and the others keep the order. */
static void test_given(struct kunit *test)
{
	struct dynmem_config config;

	config = compute(3 * GIB, 2 * GIB, GIB, 32 * GIB);
	expect(test, &config, 3 * GIB, 2 * GIB, GIB);
	/* The scale asks for less than what is given for medium, critical. */
	config = compute(AUTO, 10 * GIB, AUTO, 4 * GIB);
	expect(test, &config, 10 * GIB, 10 * GIB,
	       div_u64(4 * GIB, 100) * 6);
	config = compute(AUTO, AUTO, 10 * GIB, 4 * GIB);
	expect(test, &config, 10 * GIB, 10 * GIB, 10 * GIB);
	/* And for more than what is given for low. */
	config = compute(MIB, AUTO, AUTO, 4 * GIB);
	expect(test, &config, MIB, MIB, MIB);
}

/* What is off stays off, and bounds nothing. */
static void test_off(struct kunit *test)
{
	struct dynmem_config config = compute(0, 0, 0, 4 * GIB);
	u64 floor = div_u64(4 * GIB, 100) * 6;

	expect(test, &config, 0, 0, 0);
	config = compute(0, 0, AUTO, 4 * GIB);
	expect(test, &config, 0, 0, floor);
	config = compute(0, AUTO, 0, 4 * GIB);
	expect(test, &config, 0, 2 * floor, 0);
}

static struct kunit_case threshold_cases[] = {
	KUNIT_CASE(test_sliding_scale),
	KUNIT_CASE(test_no_memory),
	KUNIT_CASE(test_pool),
	KUNIT_CASE(test_given),
	KUNIT_CASE(test_off),
	{}
};

static struct kunit_suite threshold_suite = {
	.name = "dynmem_threshold",
	.test_cases = threshold_cases,
};

kunit_test_suite(threshold_suite);

MODULE_LICENSE("GPL");
