// SPDX-License-Identifier: GPL-2.0
/* Settings: defaults, ranges, order among them, all or none. */
#include <sys/sysinfo.h>

#include "kselftest_harness.h"

#include "nl.h"

#define DYNMEM_A_CONFIG_FIRST DYNMEM_A_CONFIG_THRESHOLD_LOW

/* The contract's table, once more: a test that reads the header proves it. */
static const struct {
	int attr;
	const char *name;
	uint64_t min, max, dflt; /* thresholds' defaults follow from memory */
	bool is_u32;
} settings[] = {
#define S(NAME, name, min, max, dflt, is_u32)                        \
	{                                                            \
		DYNMEM_A_CONFIG_##NAME, name, min, max, dflt, is_u32 \
	}
	S(THRESHOLD_LOW, "threshold_low", 0, 1ULL << 50, 4, false),
	S(THRESHOLD_MEDIUM, "threshold_medium", 0, 1ULL << 50, 2, false),
	S(THRESHOLD_CRITICAL, "threshold_critical", 0, 1ULL << 50, 1, false),
	S(STALL_LOW, "stall_low", 0, 1000, 10, true),
	S(STALL_MEDIUM, "stall_medium", 0, 1000, 70, true),
	S(STALL_CRITICAL, "stall_critical", 0, 1000, 700, true),
	S(WINDOW, "window", 100 * NSEC_PER_MSEC, 60 * NSEC_PER_SEC, NSEC_PER_SEC, false),
	S(HOLD, "hold", 0, 3600 * NSEC_PER_SEC, 2 * NSEC_PER_SEC, false),
	S(MIN_INTERVAL, "min_interval", 0, 60 * NSEC_PER_SEC, 10 * NSEC_PER_MSEC, false),
	S(SAMPLE_MIN, "sample_min", NSEC_PER_MSEC, 60 * NSEC_PER_SEC, 10 * NSEC_PER_MSEC, false),
	S(SAMPLE_MAX, "sample_max", NSEC_PER_MSEC, 60 * NSEC_PER_SEC, NSEC_PER_SEC, false),
	S(FILL_RATE, "fill_rate", 1ULL << 20, 1ULL << 44, 1ULL << 32, false),
	S(REFAULT_COST, "refault_cost", 0, 10 * NSEC_PER_MSEC, 20000, false),
	S(KSM_INTERVAL, "ksm_interval", 10 * NSEC_PER_MSEC, 3600 * NSEC_PER_SEC, NSEC_PER_SEC,
	  false),
#undef S
};

FIXTURE(config)
{
	struct nl nl;
	struct nl_answer a, before;
};

static int reset(struct nl *nl)
{
	request(nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	return transact(nl, NULL, 0);
}

FIXTURE_SETUP(config)
{
	ASSERT_EQ(0, nl_open(&self->nl));
	ASSERT_EQ(0, reset(&self->nl));
	ASSERT_EQ(0, ask(&self->nl, DYNMEM_CMD_CONFIG_GET, &self->before));
}

FIXTURE_TEARDOWN(config)
{
	reset(&self->nl);
	nl_close(&self->nl);
}

static void put_setting(size_t i, uint64_t value)
{
	if (settings[i].is_u32)
		put_u32(settings[i].attr, (uint32_t)value);
	else
		put_u64(settings[i].attr, value);
}

static int set_one(struct nl *nl, int attr, uint64_t value)
{
	size_t i = (size_t)(attr - DYNMEM_A_CONFIG_FIRST);

	request(nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_setting(i, value);
	return transact(nl, NULL, 0);
}

/* MemTotal; the module takes the same figure from the same place. */
static uint64_t mem_total(void)
{
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	if (!f || fscanf(f, "MemTotal: %llu kB", &kib) != 1)
		abort();
	fclose(f);
	return kib * KIB;
}

static uint64_t minfree(uint64_t total)
{
	static const struct {
		uint64_t size;
		unsigned int percent;
	} steps[] = { { 4096 * MIB, 6 }, { 8192 * MIB, 4 }, { 16384 * MIB, 2 }, { UINT64_MAX, 1 } };
	double sum = 0;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		uint64_t part = total < steps[i].size ? total : steps[i].size;

		sum += (double)part * steps[i].percent / 100;
		total -= part;
	}
	return (uint64_t)sum;
}

/* A read that has all settings, and nothing else. */
TEST_F(config, defaults)
{
	uint64_t floor = minfree(mem_total());

	EXPECT_FALSE(has(&self->before, DYNMEM_A_CONFIG_DEFAULTS));
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		uint64_t v = get(&self->before, settings[i].attr);

		ASSERT_EQ((int)i + DYNMEM_A_CONFIG_FIRST, settings[i].attr);
		if (settings[i].attr > DYNMEM_A_CONFIG_THRESHOLD_CRITICAL) {
			EXPECT_EQ(settings[i].dflt, v)
			{
				TH_LOG("%s", settings[i].name);
			}
			continue;
		}
		/* Rounding may differ by a few bytes, not by a page. */
		EXPECT_LT(v, floor * settings[i].dflt + 4096);
		EXPECT_GT(v + 4096, floor * settings[i].dflt);
	}
}

TEST_F(config, ranges)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		uint64_t bad[] = { settings[i].max + 1, settings[i].min - 1,
				   settings[i].is_u32 ? UINT32_MAX : UINT64_MAX,
				   settings[i].is_u32 ? 1U << 31 : 1ULL << 63 };
		for (size_t b = 0; b < ARRAY_LEN(bad); b++) {
			if (b == 1 && settings[i].min == 0)
				continue;
			EXPECT_EQ(-ERANGE, set_one(&self->nl, settings[i].attr, bad[b]));
			EXPECT_STREQ("integer out of range", nl_refusal.text)
			{
				TH_LOG("%s", settings[i].name);
			}
			/* Of a uint the kernel knows the range from 6.7 on. */
			if (settings[i].is_u32 || nl_refusal.has_range) {
				EXPECT_EQ(settings[i].min, nl_refusal.min);
				EXPECT_EQ(settings[i].max, nl_refusal.max);
			}
			EXPECT_EQ(settings[i].attr, nl_refusal.attr);
		}
	}
	ASSERT_EQ(0, ask(&self->nl, DYNMEM_CMD_CONFIG_GET, &self->a));
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		EXPECT_EQ(get(&self->before, settings[i].attr), get(&self->a, settings[i].attr));
}

/* Both ends of each range are taken, and read back. */
TEST_F(config, bounds)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		for (int upper = 0; upper < 2; upper++) {
			uint64_t v = upper ? settings[i].max : settings[i].min;
			int attr = settings[i].attr;

			request(&self->nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
			put_setting(i, v);
			/* The others of its kind out of its way. */
			if (attr == DYNMEM_A_CONFIG_SAMPLE_MIN)
				put_u64(DYNMEM_A_CONFIG_SAMPLE_MAX, 60 * NSEC_PER_SEC);
			if (attr == DYNMEM_A_CONFIG_SAMPLE_MAX)
				put_u64(DYNMEM_A_CONFIG_SAMPLE_MIN, NSEC_PER_MSEC);
			for (int j = DYNMEM_A_CONFIG_THRESHOLD_LOW;
			     j <= DYNMEM_A_CONFIG_THRESHOLD_CRITICAL; j++)
				if (attr <= DYNMEM_A_CONFIG_THRESHOLD_CRITICAL && j != attr)
					put_u32(j, 0);
			for (int j = DYNMEM_A_CONFIG_STALL_LOW; j <= DYNMEM_A_CONFIG_STALL_CRITICAL;
			     j++)
				if (attr >= DYNMEM_A_CONFIG_STALL_LOW &&
				    attr <= DYNMEM_A_CONFIG_STALL_CRITICAL && j != attr)
					put_u32(j, 0);
			EXPECT_EQ(0, transact(&self->nl, NULL, 0))
			{
				TH_LOG("%s %llu: %s", settings[i].name, (unsigned long long)v,
				       nl_refusal.text);
			}
			ASSERT_EQ(0, ask(&self->nl, DYNMEM_CMD_CONFIG_GET, &self->a));
			EXPECT_EQ(v, get(&self->a, attr));
			ASSERT_EQ(0, reset(&self->nl));
		}
	}
}

/* A uint of 4 bytes is as good as one of 8. */
TEST_F(config, short_uint)
{
	request(&self->nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u32(DYNMEM_A_CONFIG_WINDOW, 500 * NSEC_PER_MSEC);
	EXPECT_EQ(0, transact(&self->nl, NULL, 0));
	ASSERT_EQ(0, ask(&self->nl, DYNMEM_CMD_CONFIG_GET, &self->a));
	EXPECT_EQ(500 * NSEC_PER_MSEC, get(&self->a, DYNMEM_A_CONFIG_WINDOW));
}

static const struct {
	int attrs[2];
	uint64_t values[2];
	const char *text;
} disorder[] = {
	{ { DYNMEM_A_CONFIG_THRESHOLD_LOW, DYNMEM_A_CONFIG_THRESHOLD_MEDIUM },
	  { 100 * MIB, 200 * MIB },
	  "threshold_low must not be below threshold_medium, nor that below threshold_critical" },
	{ { DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, DYNMEM_A_CONFIG_THRESHOLD_CRITICAL },
	  { 1 * MIB, 2 * MIB },
	  "threshold_low must not be below threshold_medium, nor that below threshold_critical" },
	{ { DYNMEM_A_CONFIG_STALL_LOW, DYNMEM_A_CONFIG_STALL_MEDIUM },
	  { 200, 100 },
	  "stall_medium must not be below stall_low, nor stall_critical below that" },
	{ { DYNMEM_A_CONFIG_STALL_LOW, DYNMEM_A_CONFIG_STALL_CRITICAL },
	  { 50, 40 },
	  "stall_medium must not be below stall_low, nor stall_critical below that" },
	{ { DYNMEM_A_CONFIG_STALL_MEDIUM, DYNMEM_A_CONFIG_STALL_CRITICAL },
	  { 900, 800 },
	  "stall_medium must not be below stall_low, nor stall_critical below that" },
	{ { DYNMEM_A_CONFIG_SAMPLE_MIN, DYNMEM_A_CONFIG_SAMPLE_MAX },
	  { NSEC_PER_SEC, NSEC_PER_SEC - 1 },
	  "sample_max must not be below sample_min" },
};

TEST_F(config, order)
{
	for (size_t i = 0; i < ARRAY_LEN(disorder); i++) {
		request(&self->nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
		for (int j = 0; j < 2; j++)
			put_setting((size_t)(disorder[i].attrs[j] - DYNMEM_A_CONFIG_FIRST),
				    disorder[i].values[j]);
		EXPECT_EQ(-EINVAL, transact(&self->nl, NULL, 0))
		{
			TH_LOG("no. %zu", i);
		}
		EXPECT_NE(NULL, strstr(nl_refusal.text, disorder[i].text))
		{
			TH_LOG("'%s'", nl_refusal.text);
		}
		EXPECT_TRUE((int)nl_refusal.attr == disorder[i].attrs[0] ||
			    (int)nl_refusal.attr == disorder[i].attrs[1]);
	}
	/* Against what is in force, not in the request, it holds as well. */
	EXPECT_EQ(-EINVAL, set_one(&self->nl, DYNMEM_A_CONFIG_SAMPLE_MIN, 2 * NSEC_PER_SEC));
	EXPECT_NE('\0', nl_refusal.text[0]);
	EXPECT_EQ(DYNMEM_A_CONFIG_SAMPLE_MIN, nl_refusal.attr);
	EXPECT_EQ(-EINVAL, set_one(&self->nl, DYNMEM_A_CONFIG_SAMPLE_MAX, NSEC_PER_MSEC));
	EXPECT_EQ(DYNMEM_A_CONFIG_SAMPLE_MAX, nl_refusal.attr);
	EXPECT_EQ(-EINVAL, set_one(&self->nl, DYNMEM_A_CONFIG_STALL_LOW, 71));
	EXPECT_EQ(DYNMEM_A_CONFIG_STALL_LOW, nl_refusal.attr);
	/* What is off is in nobody's way. */
	request(&self->nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u32(DYNMEM_A_CONFIG_STALL_MEDIUM, 0);
	put_u32(DYNMEM_A_CONFIG_STALL_LOW, 500);
	EXPECT_EQ(0, transact(&self->nl, NULL, 0));
}

TEST_F(config, all_or_none)
{
	request(&self->nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	put_u64(DYNMEM_A_CONFIG_HOLD, 5 * NSEC_PER_SEC);
	put_u64(DYNMEM_A_CONFIG_WINDOW, 1);
	EXPECT_EQ(-ERANGE, transact(&self->nl, NULL, 0));
	ASSERT_EQ(0, ask(&self->nl, DYNMEM_CMD_CONFIG_GET, &self->a));
	EXPECT_EQ(2 * NSEC_PER_SEC, get(&self->a, DYNMEM_A_CONFIG_HOLD));
}

TEST_F(config, defaults_first)
{
	ASSERT_EQ(0, set_one(&self->nl, DYNMEM_A_CONFIG_HOLD, 0));
	request(&self->nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_WINDOW, 2 * NSEC_PER_SEC);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	EXPECT_EQ(0, transact(&self->nl, NULL, 0));
	ASSERT_EQ(0, ask(&self->nl, DYNMEM_CMD_CONFIG_GET, &self->a));
	EXPECT_EQ(2 * NSEC_PER_SEC, get(&self->a, DYNMEM_A_CONFIG_HOLD));
	EXPECT_EQ(2 * NSEC_PER_SEC, get(&self->a, DYNMEM_A_CONFIG_WINDOW));
}

TEST_F(config, nothing_given)
{
	request(&self->nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	EXPECT_EQ(-EINVAL, transact(&self->nl, NULL, 0));
	EXPECT_NE(NULL, strstr(nl_refusal.text, "no setting given"));
}

TEST_HARNESS_MAIN
