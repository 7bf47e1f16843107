// SPDX-License-Identifier: GPL-2.0
/*
 * What generic netlink itself says about the family, and who may do what: by
 * capability, and from other namespaces.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include "kselftest_harness.h"

#include "mem.h"

#define NOBODY 65534

FIXTURE(family)
{
	struct nl nl;
	struct nl_answer a;
};

FIXTURE_SETUP(family)
{
	ASSERT_EQ(0, nl_socket(&self->nl));
	ASSERT_EQ(0, resolve(&self->nl, &self->a));
}

FIXTURE_TEARDOWN(family)
{
	nl_close(&self->nl);
}

static const struct {
	uint8_t cmd;
	enum { ALL, READ, SET } who;
	bool can_do, can_dump;
} commands[] = {
	{ DYNMEM_CMD_KSM_GET, ALL, true, false },      { DYNMEM_CMD_PROCESS_GET, READ, true, true },
	{ DYNMEM_CMD_CGROUP_GET, READ, false, true },  { DYNMEM_CMD_NODE_GET, ALL, true, true },
	{ DYNMEM_CMD_PRESSURE_GET, ALL, true, false }, { DYNMEM_CMD_STALL_GET, READ, false, true },
	{ DYNMEM_CMD_CONFIG_GET, ALL, true, false },   { DYNMEM_CMD_CONFIG_SET, SET, true, false },
	{ DYNMEM_CMD_OOM_GET, READ, false, true },
};

/* The request of each command that is good in every respect. */
static void good_request(struct nl *nl, size_t i, bool dump)
{
	request(nl, commands[i].cmd, dump ? NLM_F_DUMP : NLM_F_ACK);
	if (commands[i].cmd == DYNMEM_CMD_PROCESS_GET && !dump)
		put_u32(DYNMEM_A_PROCESS_PID, (uint32_t)getpid());
	if (commands[i].cmd == DYNMEM_CMD_NODE_GET && !dump)
		put_u32(DYNMEM_A_NODE_ID, 0);
	if (commands[i].cmd == DYNMEM_CMD_CONFIG_SET)
		put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
}

TEST_F(family, numbers)
{
	ASSERT_TRUE(has(&self->a, CTRL_ATTR_VERSION));
	EXPECT_EQ(DYNMEM_FAMILY_VERSION, mnl_attr_get_u32(self->a.tb[CTRL_ATTR_VERSION]));
	EXPECT_EQ(0, mnl_attr_get_u32(self->a.tb[CTRL_ATTR_HDRSIZE]));
	EXPECT_NE(0, self->nl.ksm_group);
	EXPECT_NE(0, self->nl.pressure_group);
	EXPECT_NE(0, self->nl.oom_group);
}

/* Each command with its flags; and no other command. */
TEST_F(family, commands)
{
	const struct nlattr *op, *nla;
	size_t seen = 0;

	ASSERT_TRUE(has(&self->a, CTRL_ATTR_OPS));
	mnl_attr_for_each_nested (op, self->a.tb[CTRL_ATTR_OPS]) {
		uint32_t id = 0, flags = 0, want = 0;
		size_t i;

		mnl_attr_for_each_nested (nla, op) {
			if (mnl_attr_get_type(nla) == CTRL_ATTR_OP_ID)
				id = mnl_attr_get_u32(nla);
			if (mnl_attr_get_type(nla) == CTRL_ATTR_OP_FLAGS)
				flags = mnl_attr_get_u32(nla);
		}
		for (i = 0; i < ARRAY_LEN(commands); i++)
			if (commands[i].cmd == id)
				break;
		ASSERT_LT(i, ARRAY_LEN(commands)) TH_LOG("command %u", id);
		if (commands[i].can_do)
			want |= GENL_CMD_CAP_DO;
		if (commands[i].can_dump)
			want |= GENL_CMD_CAP_DUMP;
		flags &= ~(uint32_t)GENL_CMD_CAP_HASPOL;
		EXPECT_EQ(want, flags) TH_LOG("command %u", id);
		seen++;
	}
	EXPECT_EQ(ARRAY_LEN(commands), seen);
}

/* All of them answer to root. */
TEST_F(family, root)
{
	ASSERT_NE(0, cgroup_make("dynmem-family"));
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		for (int dump = 0; dump < 2; dump++) {
			if (!(dump ? commands[i].can_dump : commands[i].can_do))
				continue;
			good_request(&self->nl, i, dump);
			EXPECT_LE(0, transact(&self->nl, NULL, 0))
			{
				TH_LOG("command %u: %d %s", commands[i].cmd, nl_refusal.error,
				       nl_refusal.text);
			}
		}
	}
	cgroup_remove("dynmem-family");
}

/* What each may do; words say what is missing to the others. */
struct may {
	bool read, set, oom_group;
};

static void check_may(struct __test_metadata *_metadata, struct nl *nl, struct may may)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		for (int dump = 0; dump < 2; dump++) {
			bool allowed = commands[i].who == ALL ||
				       (commands[i].who == READ ? may.read : may.set);
			int r;

			if (!(dump ? commands[i].can_dump : commands[i].can_do))
				continue;
			good_request(nl, i, dump);
			r = transact(nl, NULL, 0);
			if (allowed) {
				EXPECT_LE(0, r)
				{
					TH_LOG("command %u: %d %s", commands[i].cmd, r,
					       nl_refusal.text);
				}
				continue;
			}
			EXPECT_EQ(-EPERM, r)
			{
				TH_LOG("command %u: %d", commands[i].cmd, r);
			}
			EXPECT_NE(NULL,
				  strstr(nl_refusal.text, commands[i].who == READ
								  ? "CAP_SYS_PTRACE or CAP_PERFMON"
								  : "CAP_SYS_RESOURCE"))
			{
				TH_LOG("'%s'", nl_refusal.text);
			}
		}
	}
	EXPECT_EQ(0, join(nl, nl->ksm_group));
	EXPECT_EQ(0, join(nl, nl->pressure_group));
	EXPECT_EQ(may.oom_group ? 0 : -EPERM, join(nl, nl->oom_group));
	leave(nl, nl->ksm_group);
	leave(nl, nl->pressure_group);
	leave(nl, nl->oom_group);
}

/* To nobody, but for these capabilities. */
static int become_nobody(uint64_t capabilities)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = {};

	for (int i = 0; i < 2; i++) {
		sets[i].permitted = (uint32_t)(capabilities >> 32 * i);
		sets[i].effective = sets[i].permitted;
	}
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return -errno;
	return syscall(SYS_capset, &head, sets) < 0 ? -errno : 0;
}

static const struct {
	int capability;
	struct may may;
} one_capability[] = {
	{ CAP_SYS_PTRACE, { .read = true } },
	{ CAP_PERFMON, { .read = true } },
	{ CAP_SYS_RESOURCE, { .set = true } },
	{ CAP_SYS_ADMIN, { .oom_group = true } },
	{ CAP_NET_ADMIN, {} },
};

TEST_F(family, one_capability)
{
	ASSERT_NE(0, cgroup_make("dynmem-family"));
	for (size_t i = 0; i < ARRAY_LEN(one_capability); i++) {
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (pid == 0) {
			struct nl nl;

			if (become_nobody(1ULL << one_capability[i].capability) < 0 ||
			    nl_open(&nl) < 0)
				_exit(KSFT_SKIP);
			check_may(_metadata, &nl, one_capability[i].may);
			_exit(!_metadata->passed);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status)
		{
			TH_LOG("capability %d", one_capability[i].capability);
		}
	}
	cgroup_remove("dynmem-family");
}

TEST_F(family, nobody)
{
	struct nl nl;

	ASSERT_EQ(0, setgid(NOBODY));
	ASSERT_EQ(0, setuid(NOBODY));
	ASSERT_EQ(0, nl_open(&nl));
	check_may(_metadata, &nl, (struct may){});
}

/* A socket of root's in the hands of nobody: whoever opened it may ask. */
TEST_F(family, nobody_with_roots_socket)
{
	ASSERT_EQ(0, setgid(NOBODY));
	ASSERT_EQ(0, setuid(NOBODY));
	check_may(_metadata, &self->nl, (struct may){});
}

/* Capabilities in a user namespace of one's own are not the host's. */
TEST_F(family, user_namespace)
{
	struct nl nl;

	ASSERT_EQ(0, unshare(CLONE_NEWUSER));
	ASSERT_EQ(0, nl_open(&nl));
	check_may(_metadata, &nl, (struct may){});
}

/* A change of the level, by settings alone. */
static void move_level(struct __test_metadata *_metadata, struct nl *nl, bool up)
{
	request(nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	if (up)
		put_u64(DYNMEM_A_CONFIG_THRESHOLD_LOW, 1ULL << 50);
	else
		put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	ASSERT_EQ(0, transact(nl, NULL, 0));
}

TEST_F(family, other_network_namespace)
{
	struct nl_answer a;
	struct nl nl, host;

	/* One that listens in the host's namespace, to see that there are events. */
	ASSERT_EQ(0, nl_open(&host));
	ASSERT_EQ(0, join(&host, host.pressure_group));
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, nl_socket(&nl));
	EXPECT_EQ(-ENOENT, resolve(&nl, NULL));

	/* Nor by its number, nor by joining the number of its group. */
	nl.family = self->nl.family;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		good_request(&nl, i, !commands[i].can_do);
		EXPECT_EQ(-ENOENT, transact(&nl, NULL, 0));
	}
	join(&nl, self->nl.pressure_group);
	join(&nl, self->nl.ksm_group);

	/* The socket that was opened in the host's still works. */
	EXPECT_EQ(0, ask(&self->nl, DYNMEM_CMD_PRESSURE_GET, &a));
	move_level(_metadata, &self->nl, true);
	EXPECT_EQ(0, next_event(&host, &a, 3000));
	EXPECT_EQ(-ETIMEDOUT, next_event(&nl, &a, 300));
	move_level(_metadata, &self->nl, false);
	nl_close(&nl);
	nl_close(&host);
}

/* PIDs are the host's, for all readers. */
TEST_F(family, pid_namespace)
{
	struct nl_answer a;
	int status;
	pid_t pid;

	ASSERT_EQ(0, unshare(CLONE_NEWPID));
	pid = fork();
	ASSERT_LE(0, pid);
	if (pid == 0) {
		char path[16] = "";

		/* 1 in its own; /proc is the host's. */
		if (getpid() != 1 || readlink("/proc/self", path, sizeof(path) - 1) < 0)
			_exit(2);
		prctl(PR_SET_NAME, "dynmem-inner");
		request(&self->nl, DYNMEM_CMD_PROCESS_GET, NLM_F_ACK);
		put_u32(DYNMEM_A_PROCESS_PID, (uint32_t)atoi(path));
		if (transact(&self->nl, &a, 1) != 1)
			_exit(3);
		_exit(!!strcmp("dynmem-inner", get_text(&a, DYNMEM_A_PROCESS_COMM)));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
