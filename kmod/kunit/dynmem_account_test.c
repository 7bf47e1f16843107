// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of account.c. selftests/unit compiles the same cases for user
 * space, for kernels without KUnit.
 */

#include <kunit/test.h>
#include <linux/slab.h>

#include "../account.c"

#define WINDOW	1000000000ULL
/* A window begins there. */
#define START	(5000 * WINDOW)

#define BITS	2

static struct dynmem_accounts *accounts;

static int account_test_init(struct kunit *test)
{
	accounts = kzalloc(dynmem_accounts_size(BITS), GFP_KERNEL);
	if (!accounts)
		return -ENOMEM;
	accounts->bits = BITS;
	return 0;
}

static void account_test_exit(struct kunit *test)
{
	kfree(accounts);
}

static void add(u32 pid, u64 start_time, u32 behalf, u64 now, u64 time)
{
	const struct dynmem_stall stall = {
		.pid = pid,
		.start_time = start_time,
		.cgroup = 10 + pid,
		.behalf = behalf,
		.time = time,
	};

	dynmem_accounts_add(accounts, &stall, now, WINDOW);
}

static void add_host(u32 pid, u64 now, u64 time)
{
	add(pid, 1, DYNMEM_BEHALF_HOST, now, time);
}

/* What a reader sees of a process, summed over its accounts. */
static void read(u32 pid, u64 now, u64 length, struct dynmem_stall_sum *sum)
{
	int i, j, k;

	memset(sum, 0, DYNMEM_BEHALVES * sizeof(*sum));
	for (i = 0; i < 1 << BITS; i++) {
		for (j = 0; j < DYNMEM_BUCKET_SIZE; j++) {
			const struct dynmem_account *account =
				&accounts->buckets[i][j];
			struct dynmem_stall_sum part[DYNMEM_BEHALVES];

			if (account->pid != pid ||
			    !dynmem_account_sum(accounts, account, now, length,
						part))
				continue;
			for (k = 0; k < DYNMEM_BEHALVES; k++) {
				sum[k].stalls += part[k].stalls;
				sum[k].time += part[k].time;
			}
		}
	}
}

static u64 host_time(u32 pid, u64 now)
{
	struct dynmem_stall_sum sum[DYNMEM_BEHALVES];

	read(pid, now, WINDOW, sum);
	return sum[DYNMEM_BEHALF_HOST].time;
}

static void test_windows(struct kunit *test)
{
	struct dynmem_stall_sum sum[DYNMEM_BEHALVES];

	KUNIT_EXPECT_EQ(test, host_time(7, START), 0);
	add_host(7, START + 10, 100);
	add_host(7, START + 20, 200);
	read(7, START + 30, WINDOW, sum);
	KUNIT_EXPECT_EQ(test, sum[DYNMEM_BEHALF_HOST].stalls, 2);
	KUNIT_EXPECT_EQ(test, sum[DYNMEM_BEHALF_HOST].time, 300);
	KUNIT_EXPECT_EQ(test, sum[DYNMEM_BEHALF_MEMCG].stalls, 0);

	/* The whole window before is in, with what came since. */
	KUNIT_EXPECT_EQ(test, host_time(7, START + WINDOW), 300);
	add_host(7, START + WINDOW + 5, 1000);
	KUNIT_EXPECT_EQ(test, host_time(7, START + 2 * WINDOW - 1), 1300);
	KUNIT_EXPECT_EQ(test, host_time(7, START + 2 * WINDOW), 1000);
	KUNIT_EXPECT_EQ(test, host_time(7, START + 3 * WINDOW), 0);
}

/* A reader whose clock is from before an allocation that took long. */
static void test_late_reader(struct kunit *test)
{
	add_host(7, START + WINDOW, 610);
	KUNIT_EXPECT_EQ(test, host_time(7, START), 610);
	KUNIT_EXPECT_EQ(test, host_time(7, START + WINDOW), 610);
}

/* Two probes at a window's edge: the one that was first is second here. */
static void test_late_writer(struct kunit *test)
{
	add_host(7, START - 1, 50);
	add_host(7, START + 1, 100);
	add_host(7, START - 1, 200);
	KUNIT_EXPECT_EQ(test, host_time(7, START + 1), 350);
	/* It counts in the window that had begun. */
	KUNIT_EXPECT_EQ(test, host_time(7, START + WINDOW), 300);
}

static void test_window_changes(struct kunit *test)
{
	struct dynmem_stall_sum sum[DYNMEM_BEHALVES];
	const struct dynmem_stall stall = { .pid = 8, .time = 40 };

	add_host(7, START, 100);
	read(7, START, 10 * WINDOW, sum);
	KUNIT_EXPECT_EQ(test, sum[DYNMEM_BEHALF_HOST].time, 0);
	/* Longer windows have lower numbers: nothing must be stuck. */
	dynmem_accounts_add(accounts, &stall, START, 10 * WINDOW);
	read(8, START, 10 * WINDOW, sum);
	KUNIT_EXPECT_EQ(test, sum[DYNMEM_BEHALF_HOST].time, 40);
	read(7, START, 10 * WINDOW, sum);
	KUNIT_EXPECT_EQ(test, sum[DYNMEM_BEHALF_HOST].time, 0);
	add_host(7, START + 1, 5);
	KUNIT_EXPECT_EQ(test, host_time(7, START + 2), 5);
	KUNIT_EXPECT_EQ(test, host_time(8, START + 2), 0);
}

static void test_pid_used_again(struct kunit *test)
{
	int i, n = 0;

	add(7, 1, DYNMEM_BEHALF_HOST, START, 100);
	add(7, 2, DYNMEM_BEHALF_HOST, START, 200);
	for (i = 0; i < DYNMEM_BUCKET_SIZE; i++)
		n += accounts->buckets[hash_32(7, BITS)][i].pid == 7;
	KUNIT_EXPECT_EQ(test, n, 2);
}

/* PIDs of one bucket, from @pid on. */
static u32 next_in_bucket(u32 pid)
{
	u32 bucket = hash_32(7, BITS);

	while (hash_32(pid, BITS) != bucket)
		pid++;
	return pid;
}

static void test_least_is_forgotten(struct kunit *test)
{
	u32 pids[DYNMEM_BUCKET_SIZE + 1];
	u32 pid = 100;
	int i;

	for (i = 0; i <= DYNMEM_BUCKET_SIZE; i++) {
		pids[i] = next_in_bucket(pid);
		pid = pids[i] + 1;
		add_host(pids[i], START, i == 3 ? 1 : 100 + i);
	}
	for (i = 0; i <= DYNMEM_BUCKET_SIZE; i++)
		KUNIT_EXPECT_EQ(test, host_time(pids[i], START),
				i == 3 ? 0 : 100 + i);
}

/* Containers at their own limit do not push out who stalls for the host. */
static void test_cgroups_push_out_each_other(struct kunit *test)
{
	struct dynmem_stall_sum sum[DYNMEM_BEHALVES];
	u32 pid = 100;
	int i;

	add_host(7, START, 1);
	for (i = 0; i < 100; i++) {
		pid = next_in_bucket(pid + 1);
		add(pid, 1, DYNMEM_BEHALF_MEMCG, START, 1000000 + i);
	}
	KUNIT_EXPECT_EQ(test, host_time(7, START), 1);
	read(pid, START, WINDOW, sum);
	KUNIT_EXPECT_EQ(test, sum[DYNMEM_BEHALF_MEMCG].time, 1000099);
	KUNIT_EXPECT_EQ(test, sum[DYNMEM_BEHALF_MEMCG].stalls, 1);
	KUNIT_EXPECT_EQ(test, sum[DYNMEM_BEHALF_HOST].stalls, 0);
}

static struct kunit_case account_cases[] = {
	KUNIT_CASE(test_windows),
	KUNIT_CASE(test_late_reader),
	KUNIT_CASE(test_late_writer),
	KUNIT_CASE(test_window_changes),
	KUNIT_CASE(test_pid_used_again),
	KUNIT_CASE(test_least_is_forgotten),
	KUNIT_CASE(test_cgroups_push_out_each_other),
	{}
};

static struct kunit_suite account_suite = {
	.name = "dynmem_account",
	.init = account_test_init,
	.exit = account_test_exit,
	.test_cases = account_cases,
};

kunit_test_suite(account_suite);

MODULE_LICENSE("GPL");
