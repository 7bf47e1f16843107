// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing that an unprivileged process does with its own sockets changes what
 * another listener receives: each change of the level, once, numbered without a
 * gap, and not faster than the minimum interval.
 *
 * The level is moved by settings alone, so that the host has all its memory.
 */
#include <grp.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/resource.h>

#include "kselftest_harness.h"

#include "mem.h"

#define NOBODY	 65534
#define ROUNDS	 30
#define INTERVAL (20 * NSEC_PER_MSEC)

#ifndef NETLINK_BROADCAST_ERROR
#define NETLINK_BROADCAST_ERROR 4
#endif

FIXTURE(silence)
{
	struct nl requests, events;
	struct nl_answer before, after, ev;
	pid_t attackers[8];
	int n;
};

/*
 * What each of @processes does: @sockets members that never read, with @option
 * set if it is not 0; in another network namespace; asking all the time.
 */
FIXTURE_VARIANT(silence)
{
	int processes, sockets, option;
	bool netns, asks;
};

FIXTURE_VARIANT_ADD(silence, nobody_attacks){};

FIXTURE_VARIANT_ADD(silence, full_socket){
	.processes = 1,
	.sockets = 1,
};

FIXTURE_VARIANT_ADD(silence, broadcast_error){
	.processes = 2,
	.sockets = 4,
	.option = NETLINK_BROADCAST_ERROR,
};

FIXTURE_VARIANT_ADD(silence, no_enobufs){
	.processes = 2,
	.sockets = 4,
	.option = NETLINK_NO_ENOBUFS,
};

FIXTURE_VARIANT_ADD(silence, thousands_of_members){
	.processes = 4,
	.sockets = 1000,
};

FIXTURE_VARIANT_ADD(silence, other_namespace){
	.processes = 1,
	.sockets = 16,
	.netns = true,
	.option = NETLINK_BROADCAST_ERROR,
};

FIXTURE_VARIANT_ADD(silence, asks_all_the_time){
	.processes = 3,
	.asks = true,
};

static int member(uint32_t group, int option)
{
	int one = 1, small = 1;
	struct sockaddr_nl nladdr = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0 || bind(fd, (struct sockaddr *)&nladdr, sizeof(nladdr)) < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (option && setsockopt(fd, SOL_NETLINK, option, &one, sizeof(one)) < 0)
		return -1;
	return setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
}

_Noreturn static void attacker(const FIXTURE_VARIANT(silence) * v, uint32_t group, int ready)
{
	struct rlimit files = { 2048, 2048 };
	struct nl_answer a;
	struct nl nl;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_NOFILE, &files);
	if (v->netns && unshare(CLONE_NEWNET) < 0)
		_exit(2);
	if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		_exit(3);
	for (int i = 0; i < v->sockets; i++)
		if (member(group, v->option) < 0)
			_exit(4);
	if (v->asks && nl_open(&nl) < 0)
		_exit(5);
	if (write(ready, "", 1) != 1)
		_exit(6);
	while (v->asks)
		if (ask(&nl, DYNMEM_CMD_PRESSURE_GET, &a) < 0)
			_exit(7);
	for (;;)
		pause();
}

/* Low is on or off; nothing else asks for a level, and there is no hold. */
static void set_low(struct __test_metadata *_metadata, struct nl *nl, bool on)
{
	request(nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_LOW, on ? 1ULL << 50 : 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, 0);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, 0);
	put_u32(DYNMEM_A_CONFIG_STALL_LOW, 0);
	put_u32(DYNMEM_A_CONFIG_STALL_MEDIUM, 0);
	put_u32(DYNMEM_A_CONFIG_STALL_CRITICAL, 0);
	put_u64(DYNMEM_A_CONFIG_HOLD, 0);
	put_u64(DYNMEM_A_CONFIG_MIN_INTERVAL, INTERVAL);
	ASSERT_EQ(0, transact(nl, NULL, 0))
	{
		TH_LOG("%s", nl_refusal.text);
	}
}

FIXTURE_SETUP(silence)
{
	int ready[2];
	char c;

	ASSERT_EQ(0, nl_open(&self->requests));
	ASSERT_EQ(0, nl_open(&self->events));
	set_low(_metadata, &self->requests, false);
	ASSERT_EQ(0, pipe(ready));
	for (self->n = 0; self->n < variant->processes; self->n++) {
		self->attackers[self->n] = fork();
		ASSERT_LE(0, self->attackers[self->n]);
		if (!self->attackers[self->n])
			attacker(variant, self->events.pressure_group, ready[1]);
		ASSERT_EQ(1, read(ready[0], &c, 1));
	}
	close(ready[0]);
	close(ready[1]);
	ASSERT_EQ(0, join(&self->events, self->events.pressure_group));
	/* A level from before goes first, and what was sent about it. */
	do {
		sleep_ms(50);
		ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->before));
	} while (get(&self->before, DYNMEM_A_PRESSURE_LEVEL) != DYNMEM_LEVEL_NONE);
	drain(&self->events);
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->before));
}

FIXTURE_TEARDOWN(silence)
{
	/* Each is still at it: none has failed to attack. */
	for (int i = 0; i < self->n; i++) {
		EXPECT_EQ(0, waitpid(self->attackers[i], NULL, WNOHANG));
		reap(self->attackers[i]);
	}
	request(&self->requests, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	transact(&self->requests, NULL, 0);
	nl_close(&self->requests);
	nl_close(&self->events);
}

/* The next notification of the level, which must be @level. */
static void expect_level(struct __test_metadata *_metadata, FIXTURE_DATA(silence) * self,
			 uint32_t level, uint64_t *seq, uint64_t *time)
{
	uint64_t at;

	do {
		ASSERT_EQ(0, next_event(&self->events, &self->ev, 5000));
		ASSERT_EQ(DYNMEM_CMD_PRESSURE_NTF, self->ev.cmd);
		ASSERT_EQ(++*seq, get_head(&self->ev, DYNMEM_A_HEAD_SEQ));
		at = get_head(&self->ev, DYNMEM_A_HEAD_TIME);
		if (level == DYNMEM_LEVEL_NONE)
			EXPECT_GE(at - *time, INTERVAL);
		*time = at;
	} while (!(get(&self->ev, DYNMEM_A_PRESSURE_EVENT) & DYNMEM_PRESSURE_EVENT_LEVEL));
	EXPECT_EQ(level, get(&self->ev, DYNMEM_A_PRESSURE_LEVEL));
}

TEST_F_TIMEOUT(silence, listener, 120)
{
	uint64_t seq = get_head(&self->before, DYNMEM_A_HEAD_SEQ), time = 0;

	for (int i = 0; i < ROUNDS; i++) {
		set_low(_metadata, &self->requests, true);
		expect_level(_metadata, self, DYNMEM_LEVEL_LOW, &seq, &time);
		set_low(_metadata, &self->requests, false);
		expect_level(_metadata, self, DYNMEM_LEVEL_NONE, &seq, &time);
	}
	/* And no other, and none again. */
	EXPECT_EQ(-ETIMEDOUT, next_event(&self->events, &self->ev, 300));
	ASSERT_EQ(0, ask(&self->requests, DYNMEM_CMD_PRESSURE_GET, &self->after));
	EXPECT_EQ(seq, get_head(&self->after, DYNMEM_A_HEAD_SEQ));
	EXPECT_EQ(get_head(&self->before, DYNMEM_A_HEAD_SEND_FAILURES),
		  get_head(&self->after, DYNMEM_A_HEAD_SEND_FAILURES));
}

TEST_HARNESS_MAIN
