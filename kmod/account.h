/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who stalled for how long, over the last two windows
 */

#ifndef _DYNMEM_ACCOUNT_H
#define _DYNMEM_ACCOUNT_H

#include <linux/types.h>

/**
 * struct dynmem_stall_sum - stalls that have ended
 * @stalls: their number
 * @time: their duration, ns
 */
struct dynmem_stall_sum {
	u64 stalls;
	u64 time;
};

/* On whose behalf. */
enum dynmem_behalf {
	DYNMEM_BEHALF_HOST,
	DYNMEM_BEHALF_MEMCG,
	DYNMEM_BEHALVES,
};

/**
 * struct dynmem_account - what a process stalled
 * @pid: the process, 0: free
 * @start_time: its start time
 * @cgroup: its cgroup
 * @window: number of the window that @now is about
 * @now: in that window, by enum dynmem_behalf
 * @before: in the window before
 */
struct dynmem_account {
	u32 pid;
	u64 start_time;
	u64 cgroup;
	u64 window;
	struct dynmem_stall_sum now[DYNMEM_BEHALVES];
	struct dynmem_stall_sum before[DYNMEM_BEHALVES];
};

/* Accounts of processes that share a hash; the least is forgotten. */
#define DYNMEM_BUCKET_SIZE	8

/**
 * struct dynmem_accounts - a table of accounts
 * @length: of a window, ns, 0: nothing was added yet
 * @bits: there are two to the power of that many buckets
 * @buckets: the accounts
 *
 * Guarded by its owner.
 */
struct dynmem_accounts {
	u64 length;
	unsigned int bits;
	struct dynmem_account buckets[][DYNMEM_BUCKET_SIZE];
};

/**
 * struct dynmem_stall - a stall that has ended
 * @pid: the process
 * @start_time: its start time
 * @cgroup: its cgroup
 * @behalf: enum dynmem_behalf
 * @time: how long it took, ns
 */
struct dynmem_stall {
	u32 pid;
	u64 start_time;
	u64 cgroup;
	u32 behalf;
	u64 time;
};

static inline size_t dynmem_accounts_size(unsigned int bits)
{
	return sizeof(struct dynmem_accounts) +
	       (sizeof(struct dynmem_account) * DYNMEM_BUCKET_SIZE << bits);
}

void dynmem_accounts_add(struct dynmem_accounts *accounts,
			 const struct dynmem_stall *stall, u64 now, u64 length);
bool dynmem_account_sum(const struct dynmem_accounts *accounts,
			const struct dynmem_account *account, u64 now,
			u64 length, struct dynmem_stall_sum *sum);

#endif /* _DYNMEM_ACCOUNT_H */
