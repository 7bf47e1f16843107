// SPDX-License-Identifier: GPL-2.0
/*
 * What the gets about the host answer, held against what the kernel says
 * elsewhere: sysfs, /proc/meminfo, vmstat and zoneinfo.
 */
#include "kselftest_harness.h"

#include "mem.h"

FIXTURE(get)
{
	struct nl nl;
	struct nl_answer a;
};

FIXTURE_SETUP(get)
{
	ASSERT_EQ(PAGE, (unsigned long long)sysconf(_SC_PAGESIZE));
	ASSERT_EQ(0, nl_open(&self->nl));
}

FIXTURE_TEARDOWN(get)
{
	nl_close(&self->nl);
}

/* KSM: its files, under their own names. */
#define KSM_DIR "/sys/kernel/mm/ksm/"

static const struct {
	const char *file;
	int attr;
	uint32_t capability; /* that says the attribute is there */
} ksm_files[] = {
	{ "run", DYNMEM_A_KSM_RUN, 0 },
	{ "pages_to_scan", DYNMEM_A_KSM_PAGES_TO_SCAN, 0 },
	{ "sleep_millisecs", DYNMEM_A_KSM_SLEEP_MILLISECS, 0 },
	{ "merge_across_nodes", DYNMEM_A_KSM_MERGE_ACROSS_NODES, 0 },
	{ "max_page_sharing", DYNMEM_A_KSM_MAX_PAGE_SHARING, 0 },
	{ "use_zero_pages", DYNMEM_A_KSM_USE_ZERO_PAGES, 0 },
	{ "stable_node_chains_prune_millisecs", DYNMEM_A_KSM_STABLE_NODE_CHAINS_PRUNE_MILLISECS,
	  0 },
	{ "smart_scan", DYNMEM_A_KSM_SMART_SCAN, 0 },
	{ "advisor_max_cpu", DYNMEM_A_KSM_ADVISOR_MAX_CPU, DYNMEM_CAPABILITY_KSM_ADVISOR },
	{ "advisor_min_pages_to_scan", DYNMEM_A_KSM_ADVISOR_MIN_PAGES_TO_SCAN,
	  DYNMEM_CAPABILITY_KSM_ADVISOR },
	{ "advisor_max_pages_to_scan", DYNMEM_A_KSM_ADVISOR_MAX_PAGES_TO_SCAN,
	  DYNMEM_CAPABILITY_KSM_ADVISOR },
	{ "advisor_target_scan_time", DYNMEM_A_KSM_ADVISOR_TARGET_SCAN_TIME,
	  DYNMEM_CAPABILITY_KSM_ADVISOR },
	{ "pages_shared", DYNMEM_A_KSM_PAGES_SHARED, DYNMEM_CAPABILITY_KSM },
	{ "pages_sharing", DYNMEM_A_KSM_PAGES_SHARING, DYNMEM_CAPABILITY_KSM },
	{ "pages_unshared", DYNMEM_A_KSM_PAGES_UNSHARED, DYNMEM_CAPABILITY_KSM },
	{ "pages_volatile", DYNMEM_A_KSM_PAGES_VOLATILE, DYNMEM_CAPABILITY_KSM },
	{ "pages_scanned", DYNMEM_A_KSM_PAGES_SCANNED, 0 },
	{ "pages_skipped", DYNMEM_A_KSM_PAGES_SKIPPED, 0 },
	{ "ksm_zero_pages", DYNMEM_A_KSM_ZERO_PAGES, DYNMEM_CAPABILITY_KSM_ZERO_PAGES },
	{ "full_scans", DYNMEM_A_KSM_FULL_SCANS, DYNMEM_CAPABILITY_KSM },
	{ "stable_node_chains", DYNMEM_A_KSM_STABLE_NODE_CHAINS, 0 },
	{ "stable_node_dups", DYNMEM_A_KSM_STABLE_NODE_DUPS, 0 },
	{ "general_profit", DYNMEM_A_KSM_PROFIT, DYNMEM_CAPABILITY_KSM_PROFIT },
};

TEST_F(get, ksm)
{
	uint32_t capabilities;

	ASSERT_EQ(0, ask(&self->nl, DYNMEM_CMD_KSM_GET, &self->a));
	capabilities = (uint32_t)get_head(&self->a, DYNMEM_A_HEAD_CAPABILITIES);
	EXPECT_TRUE(capabilities & DYNMEM_CAPABILITY_KSM);
	EXPECT_EQ(PAGE, get(&self->a, DYNMEM_A_KSM_PAGE_SIZE));
	EXPECT_FALSE(has(&self->a, DYNMEM_A_KSM_EVENT));

	for (size_t i = 0; i < ARRAY_LEN(ksm_files); i++) {
		bool there = has(&self->a, ksm_files[i].attr);
		char path[128];
		char *text;

		snprintf(path, sizeof(path), KSM_DIR "%s", ksm_files[i].file);
		text = slurp(path);
		if (ksm_files[i].attr == DYNMEM_A_KSM_PROFIT) {
			/* Without the file it is computed, and says so. */
			EXPECT_TRUE(there);
			EXPECT_EQ(!text, has(&self->a, DYNMEM_A_KSM_PROFIT_ESTIMATED));
		} else {
			EXPECT_EQ(!!text, there)
			{
				TH_LOG("%s", ksm_files[i].file);
			}
		}
		if (text && there) {
			EXPECT_EQ(strtoll(text, NULL, 10), get_signed(&self->a, ksm_files[i].attr))
			{
				TH_LOG("%s", ksm_files[i].file);
			}
		}
		if (ksm_files[i].capability) {
			EXPECT_EQ(!!text, !!(capabilities & ksm_files[i].capability))
			{
				TH_LOG("capability for %s", ksm_files[i].file);
			}
		}
	}
	EXPECT_EQ((get(&self->a, DYNMEM_A_KSM_PAGES_SHARING) +
		   (has(&self->a, DYNMEM_A_KSM_ZERO_PAGES) ? get(&self->a, DYNMEM_A_KSM_ZERO_PAGES)
							   : 0)) *
			  PAGE,
		  get(&self->a, DYNMEM_A_KSM_SAVED));
	EXPECT_EQ(number_of("/proc/vmstat", "cow_ksm"),
		  (long long)get(&self->a, DYNMEM_A_KSM_COW_BREAKS));
	EXPECT_EQ(number_of("/proc/vmstat", "ksm_swpin_copy"),
		  (long long)get(&self->a, DYNMEM_A_KSM_SWAPIN_COPIES));

	if (slurp(KSM_DIR "advisor_mode")) {
		EXPECT_EQ(strstr(slurp(KSM_DIR "advisor_mode"), "[none]")
				  ? DYNMEM_ADVISOR_NONE
				  : DYNMEM_ADVISOR_SCAN_TIME,
			  get(&self->a, DYNMEM_A_KSM_ADVISOR_MODE));
	} else {
		EXPECT_FALSE(has(&self->a, DYNMEM_A_KSM_ADVISOR_MODE));
	}
}

/* A setting that is changed in sysfs is read back at once. */
TEST_F(get, ksm_settings_follow)
{
	char old[32];

	snprintf(old, sizeof(old), "%s", slurp(KSM_DIR "pages_to_scan"));
	ASSERT_EQ(0, spit(KSM_DIR "pages_to_scan", "4711"));
	EXPECT_EQ(0, ask(&self->nl, DYNMEM_CMD_KSM_GET, &self->a));
	EXPECT_EQ(4711, get(&self->a, DYNMEM_A_KSM_PAGES_TO_SCAN));
	ASSERT_EQ(0, spit(KSM_DIR "pages_to_scan", "%s", old));
}

#define HUGEPAGES "/sys/kernel/mm/hugepages/hugepages-2048kB/"

/* Counters of the kernel's own: between two samples of /proc/vmstat. */
static uint64_t vmstat(const char *key)
{
	long long v = number_of("/proc/vmstat", key);

	return v < 0 ? 0 : (uint64_t)v;
}

static uint64_t allocstalls(void)
{
	uint64_t sum = 0;

	/* Every zone has its own. */
	for (const char *s = slurp("/proc/vmstat"); (s = strstr(s, "allocstall_")); s++)
		sum += strtoull(strchr(s, ' '), NULL, 10);
	return sum;
}

static const struct {
	int attr;
	const char *key; /* NULL: allocstalls() */
	uint64_t unit;
} vm_counters[] = {
	{ DYNMEM_A_PRESSURE_ALLOCSTALLS, NULL, 1 },
	{ DYNMEM_A_PRESSURE_SCANNED_DIRECT, "pgscan_direct", PAGE },
	{ DYNMEM_A_PRESSURE_SCANNED_KSWAPD, "pgscan_kswapd", PAGE },
	{ DYNMEM_A_PRESSURE_RECLAIMED_KSWAPD, "pgsteal_kswapd", PAGE },
	{ DYNMEM_A_PRESSURE_REFAULTS_ANON, "workingset_refault_anon", PAGE },
	{ DYNMEM_A_PRESSURE_REFAULTS_FILE, "workingset_refault_file", PAGE },
	{ DYNMEM_A_PRESSURE_RESTORES_ANON, "workingset_restore_anon", PAGE },
	{ DYNMEM_A_PRESSURE_RESTORES_FILE, "workingset_restore_file", PAGE },
	{ DYNMEM_A_PRESSURE_SWAP_INS, "pswpin", PAGE },
	{ DYNMEM_A_PRESSURE_SWAP_OUTS, "pswpout", PAGE },
	{ DYNMEM_A_PRESSURE_ZSWAP_INS, "zswpin", PAGE },
	{ DYNMEM_A_PRESSURE_ZSWAP_OUTS, "zswpout", PAGE },
	{ DYNMEM_A_PRESSURE_COMPACT_STALLS, "compact_stall", 1 },
	{ DYNMEM_A_PRESSURE_COMPACT_FAILS, "compact_fail", 1 },
	{ DYNMEM_A_PRESSURE_THP_FALLBACKS, "thp_fault_fallback", 1 },
};

static uint64_t vm_counter(size_t i)
{
	return (vm_counters[i].key ? vmstat(vm_counters[i].key) : allocstalls()) *
	       vm_counters[i].unit;
}

/* PREEMPT_RT has no huge pages, others may have no zswap: then /proc/vmstat has no such line. */
static bool counted(int attr)
{
	for (size_t i = 0; i < ARRAY_LEN(vm_counters); i++)
		if (vm_counters[i].attr == attr && vm_counters[i].key)
			return number_of("/proc/vmstat", vm_counters[i].key) >= 0;
	if (attr == DYNMEM_A_PRESSURE_HUGETLB_TOTAL || attr == DYNMEM_A_PRESSURE_HUGETLB_FREE)
		return access(HUGEPAGES, F_OK) == 0;
	return true;
}

TEST_F(get, pressure)
{
	uint32_t capabilities;
	uint64_t before = now_ns();

	ASSERT_EQ(0, ask(&self->nl, DYNMEM_CMD_PRESSURE_GET, &self->a));
	EXPECT_FALSE(has(&self->a, DYNMEM_A_PRESSURE_EVENT));
	EXPECT_GE(get_head(&self->a, DYNMEM_A_HEAD_TIME), before);
	EXPECT_LE(get_head(&self->a, DYNMEM_A_HEAD_TIME), now_ns());
	EXPECT_LT(get_head(&self->a, DYNMEM_A_HEAD_SINCE), before);
	EXPECT_EQ(meminfo("MemTotal"), get(&self->a, DYNMEM_A_PRESSURE_TOTAL));
	EXPECT_LT(distance(meminfo("MemFree"), get(&self->a, DYNMEM_A_PRESSURE_FREE)), 32 * MIB);
	EXPECT_LT(distance(meminfo("MemAvailable"), get(&self->a, DYNMEM_A_PRESSURE_AVAILABLE)),
		  32 * MIB);
	EXPECT_LT(distance(meminfo("SwapFree"), get(&self->a, DYNMEM_A_PRESSURE_SWAP_FREE)),
		  32 * MIB);
	EXPECT_LE(get(&self->a, DYNMEM_A_PRESSURE_LEVEL), DYNMEM_LEVEL_CRITICAL);
	EXPECT_LE(get(&self->a, DYNMEM_A_PRESSURE_STALL_SHARE), 1000);

	/* Debian's kernels have all the tracepoints. */
	capabilities = (uint32_t)get_head(&self->a, DYNMEM_A_HEAD_CAPABILITIES);
	EXPECT_EQ(DYNMEM_CAPABILITY_STALL | DYNMEM_CAPABILITY_MEMCG_STALL |
			  DYNMEM_CAPABILITY_THROTTLED | DYNMEM_CAPABILITY_KSWAPD |
			  DYNMEM_CAPABILITY_OOM | DYNMEM_CAPABILITY_OOM_KILL |
			  DYNMEM_CAPABILITY_KSM | DYNMEM_CAPABILITY_CGROUP,
		  capabilities & (127U | DYNMEM_CAPABILITY_CGROUP));
	for (int attr = DYNMEM_A_PRESSURE_STALLED; attr <= DYNMEM_A_PRESSURE_MAX; attr++) {
		if (!counted(attr)) {
			EXPECT_FALSE(has(&self->a, attr));
			continue;
		}
		EXPECT_TRUE(has(&self->a, attr)) TH_LOG("attribute %d", attr);
		get(&self->a, attr);
	}
}

TEST_F(get, pressure_counters)
{
	uint64_t before[ARRAY_LEN(vm_counters)];

	for (size_t i = 0; i < ARRAY_LEN(vm_counters); i++)
		before[i] = vm_counter(i);
	ASSERT_EQ(0, ask(&self->nl, DYNMEM_CMD_PRESSURE_GET, &self->a));
	for (size_t i = 0; i < ARRAY_LEN(vm_counters); i++) {
		uint64_t v;

		if (!counted(vm_counters[i].attr))
			continue;
		v = get(&self->a, vm_counters[i].attr);
		/* Node counters lag on each CPU by a few pages. */
		EXPECT_LE(before[i], v + MIB) TH_LOG("%s", vm_counters[i].key);
		EXPECT_LE(v, vm_counter(i) + MIB)
		{
			TH_LOG("%s", vm_counters[i].key);
		}
	}
}

/* A node's figures, summed over the zones of /proc/zoneinfo. */
static uint64_t zoneinfo(unsigned int node, const char *key)
{
	static char copy[65536];
	bool mine = false;
	uint64_t sum = 0, value = 0;
	char *line, *rest;
	size_t len = strlen(key);

	snprintf(copy, sizeof(copy), "%s", slurp("/proc/zoneinfo"));
	for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned int n;

		if (sscanf(line, "Node %u,", &n) == 1)
			mine = n == node;
		line += strspn(line, " ");
		if (!strncmp(line, "pages ", 6))
			line += 6;
		line += strspn(line, " ");
		if (mine && !strncmp(line, key, len) && line[len] == ' ')
			value = strtoull(line + len, NULL, 10);
		/* A zone without memory has watermarks, too: none of ours. */
		if (mine && !strncmp(line, "managed ", 8)) {
			sum += strtoull(line + 8, NULL, 10) ? value : 0;
			value = 0;
		}
	}
	return sum * PAGE;
}

TEST_F(get, nodes)
{
	static struct nl_answer nodes[16];
	unsigned int expected = 0, first, last;
	uint64_t total = 0;
	int n;
	char *s = slurp("/sys/devices/system/node/has_memory");

	ASSERT_NE(NULL, s);
	for (; *s && *s != '\n'; s += strcspn(s, ",\n"), s += *s == ',') {
		if (sscanf(s, "%u-%u", &first, &last) != 2) {
			first = (unsigned int)strtoul(s, NULL, 10);
			last = first;
		}
		expected += last - first + 1;
	}
	request(&self->nl, DYNMEM_CMD_NODE_GET, NLM_F_DUMP);
	n = transact(&self->nl, nodes, ARRAY_LEN(nodes));
	ASSERT_EQ(expected, (unsigned int)n);
	for (int i = 0; i < n; i++) {
		unsigned int id = (unsigned int)get(&nodes[i], DYNMEM_A_NODE_ID);

		EXPECT_EQ(zoneinfo(id, "managed"), get(&nodes[i], DYNMEM_A_NODE_TOTAL));
		EXPECT_EQ(zoneinfo(id, "min"), get(&nodes[i], DYNMEM_A_NODE_WATERMARK_MIN));
		EXPECT_EQ(zoneinfo(id, "low"), get(&nodes[i], DYNMEM_A_NODE_WATERMARK_LOW));
		EXPECT_EQ(zoneinfo(id, "high"), get(&nodes[i], DYNMEM_A_NODE_WATERMARK_HIGH));
		EXPECT_LT(distance(zoneinfo(id, "free"), get(&nodes[i], DYNMEM_A_NODE_FREE)),
			  32 * MIB);
		EXPECT_LT(distance(zoneinfo(id, "nr_inactive_anon"),
				   get(&nodes[i], DYNMEM_A_NODE_INACTIVE_ANON)),
			  32 * MIB);
		EXPECT_LT(distance(zoneinfo(id, "nr_active_anon"),
				   get(&nodes[i], DYNMEM_A_NODE_ACTIVE_ANON)),
			  32 * MIB);
		EXPECT_LT(distance(zoneinfo(id, "nr_inactive_file"),
				   get(&nodes[i], DYNMEM_A_NODE_INACTIVE_FILE)),
			  32 * MIB);
		EXPECT_LT(distance(zoneinfo(id, "nr_active_file"),
				   get(&nodes[i], DYNMEM_A_NODE_ACTIVE_FILE)),
			  32 * MIB);
		EXPECT_LT(distance(zoneinfo(id, "nr_unevictable"),
				   get(&nodes[i], DYNMEM_A_NODE_UNEVICTABLE)),
			  32 * MIB);
		EXPECT_LT(distance(zoneinfo(id, "nr_slab_reclaimable"),
				   get(&nodes[i], DYNMEM_A_NODE_SLAB_RECLAIMABLE)),
			  32 * MIB);
		total += get(&nodes[i], DYNMEM_A_NODE_TOTAL);
		for (int attr = 1; attr <= DYNMEM_A_NODE_MAX; attr++) {
			EXPECT_TRUE(has(&nodes[i], attr))
			{
				TH_LOG("attribute %d", attr);
			}
		}

		/* The same node, alone. */
		request(&self->nl, DYNMEM_CMD_NODE_GET, NLM_F_ACK);
		put_u32(DYNMEM_A_NODE_ID, id);
		ASSERT_EQ(1, transact(&self->nl, &self->a, 1));
		EXPECT_EQ(id, get(&self->a, DYNMEM_A_NODE_ID));
		EXPECT_EQ(get(&nodes[i], DYNMEM_A_NODE_TOTAL), get(&self->a, DYNMEM_A_NODE_TOTAL));
	}
	EXPECT_EQ(meminfo("MemTotal"), total);
}

/* What is in a pool, and what of it is free. */
TEST_F(get, hugetlb)
{
	uint64_t total, got;
	char *p;

	ASSERT_EQ(0, ask(&self->nl, DYNMEM_CMD_PRESSURE_GET, &self->a));
	if (access(HUGEPAGES, F_OK)) {
		EXPECT_FALSE(get_head(&self->a, DYNMEM_A_HEAD_CAPABILITIES) &
			     DYNMEM_CAPABILITY_HUGETLB);
		SKIP(return, "this kernel has no pools of huge pages");
	}
	ASSERT_TRUE(get_head(&self->a, DYNMEM_A_HEAD_CAPABILITIES) & DYNMEM_CAPABILITY_HUGETLB);
	total = get(&self->a, DYNMEM_A_PRESSURE_HUGETLB_TOTAL);
	ASSERT_EQ(0, spit(HUGEPAGES "nr_hugepages", "4"));
	got = strtoull(slurp(HUGEPAGES "nr_hugepages"), NULL, 10) * 2 * MIB;
	ASSERT_LT(0, got);
	ASSERT_EQ(0, ask(&self->nl, DYNMEM_CMD_PRESSURE_GET, &self->a));
	EXPECT_EQ(total + got, get(&self->a, DYNMEM_A_PRESSURE_HUGETLB_TOTAL));
	EXPECT_EQ(got, get(&self->a, DYNMEM_A_PRESSURE_HUGETLB_FREE));

	p = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		 -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	*p = 1;
	ASSERT_EQ(0, ask(&self->nl, DYNMEM_CMD_PRESSURE_GET, &self->a));
	EXPECT_EQ(got - 2 * MIB, get(&self->a, DYNMEM_A_PRESSURE_HUGETLB_FREE));
	munmap(p, 2 * MIB);
	ASSERT_EQ(0, spit(HUGEPAGES "nr_hugepages", "0"));
}

TEST_HARNESS_MAIN
