// SPDX-License-Identifier: GPL-2.0
/*
 * Who stalled for how long, over the last two windows.
 *
 * Time is cut into windows of equal length. An account has the sums of the
 * newest window that something was added in, and of the one before. Readers and
 * writers may be a little behind each other: an account never goes back to an
 * older window, and reading changes nothing.
 */

#include <linux/hash.h>
#include <linux/math64.h>
#include <linux/string.h>

#include "account.h"

/* Moves an account on to the window @window. */
static void account_turn(struct dynmem_account *account, u64 window)
{
	if (window <= account->window)
		return;
	if (window == account->window + 1)
		memcpy(account->before, account->now, sizeof(account->before));
	else
		memset(account->before, 0, sizeof(account->before));
	memset(account->now, 0, sizeof(account->now));
	account->window = window;
}

static u64 account_time(const struct dynmem_account *account, u32 behalf)
{
	return account->now[behalf].time + account->before[behalf].time;
}

/* A cgroup at its own limit does not push out who stalls for the host. */
static bool account_is_less(const struct dynmem_account *a,
			    const struct dynmem_account *b)
{
	u64 a_time = account_time(a, DYNMEM_BEHALF_HOST);
	u64 b_time = account_time(b, DYNMEM_BEHALF_HOST);

	if (a_time != b_time)
		return a_time < b_time;
	return account_time(a, DYNMEM_BEHALF_MEMCG) <
	       account_time(b, DYNMEM_BEHALF_MEMCG);
}

/* The process's account, else the one with the least in it, made anew. */
static struct dynmem_account *account_find(struct dynmem_account *bucket,
					   const struct dynmem_stall *stall,
					   u64 window)
{
	struct dynmem_account *least = bucket;
	struct dynmem_account *account;

	for (account = bucket; account < bucket + DYNMEM_BUCKET_SIZE;
	     account++) {
		account_turn(account, window);
		if (account->pid == stall->pid &&
		    account->start_time == stall->start_time)
			return account;
		if (account_is_less(account, least))
			least = account;
	}
	*least = (struct dynmem_account){
		.pid = stall->pid,
		.start_time = stall->start_time,
		.window = window,
	};
	return least;
}

/**
 * dynmem_accounts_add() - add a stall that has ended
 * @accounts: the table
 * @stall: the stall
 * @now: when it ended, ns
 * @length: of a window, ns; another one than before empties the table
 */
void dynmem_accounts_add(struct dynmem_accounts *accounts,
			 const struct dynmem_stall *stall, u64 now, u64 length)
{
	struct dynmem_account *account;

	if (accounts->length != length) {
		memset(accounts->buckets, 0,
		       dynmem_accounts_size(accounts->bits) -
		       sizeof(*accounts));
		accounts->length = length;
	}
	account = account_find(accounts->buckets[hash_32(stall->pid,
							 accounts->bits)],
			       stall, div64_u64(now, length));
	account->cgroup = stall->cgroup;
	account->now[stall->behalf].stalls++;
	account->now[stall->behalf].time += stall->time;
}

/**
 * dynmem_account_sum() - the stalls of the last whole window or since
 * @accounts: the table
 * @account: one of its accounts
 * @now: ns
 * @length: of a window, ns
 * @sum: by enum dynmem_behalf
 *
 * Return: false if there are none.
 */
bool dynmem_account_sum(const struct dynmem_accounts *accounts,
			const struct dynmem_account *account, u64 now,
			u64 length, struct dynmem_stall_sum *sum)
{
	u64 window = div64_u64(now, length);
	u64 stalls = 0;
	int i;

	if (accounts->length != length || !account->pid ||
	    window > account->window + 1)
		return false;
	for (i = 0; i < DYNMEM_BEHALVES; i++) {
		sum[i] = account->now[i];
		if (window <= account->window) {
			sum[i].stalls += account->before[i].stalls;
			sum[i].time += account->before[i].time;
		}
		stalls += sum[i].stalls;
	}
	return stalls;
}
