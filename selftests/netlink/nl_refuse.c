// SPDX-License-Identifier: GPL-2.0
/* Every refusal of the family: the errno, the words, and what they are about.
 */
#include "kselftest_harness.h"

#include "mem.h"

FIXTURE(refuse)
{
	struct nl nl;
};

FIXTURE_SETUP(refuse)
{
	ASSERT_EQ(0, nl_open(&self->nl));
}

FIXTURE_TEARDOWN(refuse)
{
	nl_close(&self->nl);
}

#define DUMP NLM_F_DUMP
#define DO   NLM_F_ACK

/* Every command, and how it may be asked. */
static const struct {
	uint8_t cmd;
	int how;
	int max; /* the last attribute that it takes, 0 if none */
} commands[] = {
	{ DYNMEM_CMD_KSM_GET, DO, 0 },
	{ DYNMEM_CMD_PROCESS_GET, DO, DYNMEM_A_PROCESS_CGROUP_ID },
	{ DYNMEM_CMD_PROCESS_GET, DUMP, DYNMEM_A_PROCESS_CGROUP_ID },
	{ DYNMEM_CMD_CGROUP_GET, DUMP, DYNMEM_A_CGROUP_SELECT },
	{ DYNMEM_CMD_NODE_GET, DO, DYNMEM_A_NODE_ID },
	{ DYNMEM_CMD_NODE_GET, DUMP, DYNMEM_A_NODE_ID },
	{ DYNMEM_CMD_PRESSURE_GET, DO, 0 },
	{ DYNMEM_CMD_STALL_GET, DUMP, DYNMEM_A_STALL_CGROUP_ID },
	{ DYNMEM_CMD_CONFIG_GET, DO, 0 },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_KSM_INTERVAL },
	{ DYNMEM_CMD_OOM_GET, DUMP, 0 },
};

TEST_F(refuse, unknown_attribute)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		int types[] = { commands[i].max + 1, 63, 0x3fff };

		for (size_t t = 0; t < ARRAY_LEN(types); t++) {
			request(&self->nl, commands[i].cmd, commands[i].how);
			put_u32(types[t], 1);
			EXPECT_EQ(-EINVAL, transact(&self->nl, NULL, 0))
			{
				TH_LOG("command %u, attribute %d", commands[i].cmd, types[t]);
			}
			/* Three places in the kernel refuse them. */
			EXPECT_TRUE(!strcmp("Unknown attribute type", nl_refusal.text) ||
				    !strcmp("Unsupported attribute", nl_refusal.text) ||
				    !strcmp("Attribute failed policy validation", nl_refusal.text))
			{
				TH_LOG("command %u, attribute %d: '%s'", commands[i].cmd, types[t],
				       nl_refusal.text);
			}
			EXPECT_EQ(types[t], nl_refusal.attr);
		}
	}
}

TEST_F(refuse, trailing_bytes)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		request(&self->nl, commands[i].cmd, commands[i].how);
		/* Half an attribute's header. */
		nl_request->nlmsg_len += 2;
		EXPECT_EQ(-EINVAL, transact(&self->nl, NULL, 0))
		{
			TH_LOG("command %u", commands[i].cmd);
		}
		EXPECT_STREQ("bytes leftover after parsing attributes", nl_refusal.text);
	}
}

TEST_F(refuse, wrong_command)
{
	uint8_t unknown[] = { 0,
			      DYNMEM_CMD_KSM_NTF,
			      DYNMEM_CMD_PRESSURE_NTF,
			      DYNMEM_CMD_OOM_NTF,
			      DYNMEM_CMD_MAX + 1,
			      255 };

	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		request(&self->nl, unknown[i], DO);
		EXPECT_EQ(-EOPNOTSUPP, transact(&self->nl, NULL, 0))
		{
			TH_LOG("command %u", unknown[i]);
		}
		request(&self->nl, unknown[i], DUMP);
		EXPECT_EQ(-EOPNOTSUPP, transact(&self->nl, NULL, 0));
	}
}

TEST_F(refuse, wrong_way_to_ask)
{
	uint8_t dump_only[] = { DYNMEM_CMD_CGROUP_GET, DYNMEM_CMD_STALL_GET, DYNMEM_CMD_OOM_GET };
	uint8_t do_only[] = { DYNMEM_CMD_KSM_GET, DYNMEM_CMD_PRESSURE_GET, DYNMEM_CMD_CONFIG_GET,
			      DYNMEM_CMD_CONFIG_SET };

	for (size_t i = 0; i < ARRAY_LEN(dump_only); i++) {
		request(&self->nl, dump_only[i], DO);
		EXPECT_EQ(-EOPNOTSUPP, transact(&self->nl, NULL, 0));
	}
	for (size_t i = 0; i < ARRAY_LEN(do_only); i++) {
		request(&self->nl, do_only[i], DUMP);
		EXPECT_EQ(-EOPNOTSUPP, transact(&self->nl, NULL, 0));
	}
}

/* Attributes that requests take, with their type. */
enum width { U32, UINT, FLAG };

static const struct {
	uint8_t cmd;
	int how;
	int type;
	enum width kind;
} attributes[] = {
	{ DYNMEM_CMD_PROCESS_GET, DO, DYNMEM_A_PROCESS_PID, U32 },
	{ DYNMEM_CMD_PROCESS_GET, DUMP, DYNMEM_A_PROCESS_SELECT, U32 },
	{ DYNMEM_CMD_PROCESS_GET, DUMP, DYNMEM_A_PROCESS_FIELDS, U32 },
	{ DYNMEM_CMD_PROCESS_GET, DUMP, DYNMEM_A_PROCESS_CGROUP_ID, UINT },
	{ DYNMEM_CMD_CGROUP_GET, DUMP, DYNMEM_A_CGROUP_ID, UINT },
	{ DYNMEM_CMD_CGROUP_GET, DUMP, DYNMEM_A_CGROUP_TREE, FLAG },
	{ DYNMEM_CMD_CGROUP_GET, DUMP, DYNMEM_A_CGROUP_SELECT, U32 },
	{ DYNMEM_CMD_NODE_GET, DO, DYNMEM_A_NODE_ID, U32 },
	{ DYNMEM_CMD_STALL_GET, DUMP, DYNMEM_A_STALL_BY, U32 },
	{ DYNMEM_CMD_STALL_GET, DUMP, DYNMEM_A_STALL_KIND, U32 },
	{ DYNMEM_CMD_STALL_GET, DUMP, DYNMEM_A_STALL_CGROUP_ID, UINT },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_DEFAULTS, FLAG },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_THRESHOLD_LOW, UINT },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_THRESHOLD_MEDIUM, UINT },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_THRESHOLD_CRITICAL, UINT },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_STALL_LOW, U32 },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_STALL_MEDIUM, U32 },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_STALL_CRITICAL, U32 },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_WINDOW, UINT },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_HOLD, UINT },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_MIN_INTERVAL, UINT },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_SAMPLE_MIN, UINT },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_SAMPLE_MAX, UINT },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_FILL_RATE, UINT },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_REFAULT_COST, UINT },
	{ DYNMEM_CMD_CONFIG_SET, DO, DYNMEM_A_CONFIG_KSM_INTERVAL, UINT },
};

TEST_F(refuse, wrong_length)
{
	static const char zeroes[16];

	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		for (size_t len = 0; len <= sizeof(zeroes); len++) {
			enum width kind = attributes[i].kind;
			int r;

			if (kind == FLAG ? len == 0 : kind == U32 ? len == 4 : len == 4 || len == 8)
				continue;
			request(&self->nl, attributes[i].cmd, attributes[i].how);
			put_raw(attributes[i].type, zeroes, len);
			r = transact(&self->nl, NULL, 0);
			EXPECT_TRUE(r == -EINVAL || r == -ERANGE)
			{
				TH_LOG("command %u, attribute %d, %zu bytes: %d", attributes[i].cmd,
				       attributes[i].type, len, r);
			}
			EXPECT_NE('\0', nl_refusal.text[0])
			{
				TH_LOG("no word about command %u, attribute %d, %zu bytes",
				       attributes[i].cmd, attributes[i].type, len);
			}
			EXPECT_EQ(attributes[i].type, nl_refusal.attr);
		}
	}
}

TEST_F(refuse, nested)
{
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
		size_t len = attributes[i].kind == FLAG ? 0 : 4;

		request(&self->nl, attributes[i].cmd, attributes[i].how);
		put_raw(NLA_F_NESTED | attributes[i].type, "\0\0\0", len);
		EXPECT_EQ(-EINVAL, transact(&self->nl, NULL, 0));
		EXPECT_STREQ("NLA_F_NESTED not expected", nl_refusal.text);
		EXPECT_EQ(attributes[i].type, nl_refusal.attr);
	}
}

TEST_F(refuse, selections)
{
	static const struct {
		uint8_t cmd;
		int how, type;
		uint32_t value;
	} bad[] = {
		{ DYNMEM_CMD_PROCESS_GET, DUMP, DYNMEM_A_PROCESS_SELECT, 2 },
		{ DYNMEM_CMD_PROCESS_GET, DUMP, DYNMEM_A_PROCESS_SELECT, UINT32_MAX },
		{ DYNMEM_CMD_PROCESS_GET, DUMP, DYNMEM_A_PROCESS_FIELDS, 128 },
		{ DYNMEM_CMD_PROCESS_GET, DUMP, DYNMEM_A_PROCESS_FIELDS, UINT32_MAX },
		{ DYNMEM_CMD_CGROUP_GET, DUMP, DYNMEM_A_CGROUP_SELECT, 2 },
		{ DYNMEM_CMD_STALL_GET, DUMP, DYNMEM_A_STALL_BY, 2 },
		{ DYNMEM_CMD_STALL_GET, DUMP, DYNMEM_A_STALL_KIND, 2 },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int r;

		request(&self->nl, bad[i].cmd, bad[i].how);
		put_u32(bad[i].type, bad[i].value);
		r = transact(&self->nl, NULL, 0);
		EXPECT_TRUE(r == -ERANGE || r == -EINVAL)
		{
			TH_LOG("command %u, attribute %d: %d", bad[i].cmd, bad[i].type, r);
		}
		EXPECT_NE('\0', nl_refusal.text[0]);
		EXPECT_EQ(bad[i].type, nl_refusal.attr);
	}
}

TEST_F(refuse, no_such_process)
{
	uint32_t pids[] = { 0, 2 /* kthreadd */, 1U << 22, 1U << 31, UINT32_MAX };

	request(&self->nl, DYNMEM_CMD_PROCESS_GET, DO);
	EXPECT_EQ(-EINVAL, transact(&self->nl, NULL, 0));
	EXPECT_NE('\0', nl_refusal.text[0]);

	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		request(&self->nl, DYNMEM_CMD_PROCESS_GET, DO);
		put_u32(DYNMEM_A_PROCESS_PID, pids[i]);
		EXPECT_EQ(-ESRCH, transact(&self->nl, NULL, 0))
		{
			TH_LOG("pid %u", pids[i]);
		}
		EXPECT_NE('\0', nl_refusal.text[0]);
		EXPECT_EQ(DYNMEM_A_PROCESS_PID, nl_refusal.attr);
	}
}

TEST_F(refuse, no_such_node)
{
	uint32_t ids[] = { 1, 63, 1023, 1024, 1U << 31, UINT32_MAX };

	request(&self->nl, DYNMEM_CMD_NODE_GET, DO);
	EXPECT_EQ(-EINVAL, transact(&self->nl, NULL, 0));
	EXPECT_NE(NULL, strstr(nl_refusal.text, "id is needed"));

	request(&self->nl, DYNMEM_CMD_NODE_GET, DUMP);
	put_u32(DYNMEM_A_NODE_ID, 0);
	EXPECT_EQ(-EINVAL, transact(&self->nl, NULL, 0));
	EXPECT_EQ(DYNMEM_A_NODE_ID, nl_refusal.attr);

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		request(&self->nl, DYNMEM_CMD_NODE_GET, DO);
		put_u32(DYNMEM_A_NODE_ID, ids[i]);
		EXPECT_EQ(-ENOENT, transact(&self->nl, NULL, 0))
		{
			TH_LOG("node %u", ids[i]);
		}
		EXPECT_NE(NULL, strstr(nl_refusal.text, "no node with memory"));
		EXPECT_EQ(DYNMEM_A_NODE_ID, nl_refusal.attr);
	}
}

TEST_F(refuse, zombie)
{
	siginfo_t info;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (pid == 0)
		_exit(0);
	ASSERT_EQ(0, waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	request(&self->nl, DYNMEM_CMD_PROCESS_GET, DO);
	put_u32(DYNMEM_A_PROCESS_PID, (uint32_t)pid);
	EXPECT_EQ(-ESRCH, transact(&self->nl, NULL, 0));
	EXPECT_NE('\0', nl_refusal.text[0]);
	waitpid(pid, NULL, 0);
}

/* What belongs to the other way of asking is refused, not overlooked. */
TEST_F(refuse, attributes_of_the_other_way)
{
	request(&self->nl, DYNMEM_CMD_PROCESS_GET, DUMP);
	put_u32(DYNMEM_A_PROCESS_PID, 1);
	EXPECT_EQ(-EINVAL, transact(&self->nl, NULL, 0));
	EXPECT_NE('\0', nl_refusal.text[0]);
	EXPECT_EQ(DYNMEM_A_PROCESS_PID, nl_refusal.attr);

	request(&self->nl, DYNMEM_CMD_PROCESS_GET, DO);
	put_u32(DYNMEM_A_PROCESS_PID, 1);
	put_u32(DYNMEM_A_PROCESS_SELECT, DYNMEM_SELECT_ALL);
	EXPECT_EQ(-EINVAL, transact(&self->nl, NULL, 0));
	EXPECT_NE('\0', nl_refusal.text[0]);
	EXPECT_EQ(DYNMEM_A_PROCESS_SELECT, nl_refusal.attr);

	request(&self->nl, DYNMEM_CMD_PROCESS_GET, DO);
	put_u32(DYNMEM_A_PROCESS_PID, 1);
	put_u64(DYNMEM_A_PROCESS_CGROUP_ID, 1);
	EXPECT_EQ(-EINVAL, transact(&self->nl, NULL, 0));
	EXPECT_NE('\0', nl_refusal.text[0]);
	EXPECT_EQ(DYNMEM_A_PROCESS_CGROUP_ID, nl_refusal.attr);
}

TEST_F(refuse, no_such_cgroup)
{
	/* Without any the kernel may use cgroup v1 only. */
	ASSERT_NE(0, cgroup_make("dynmem-refuse"));
	request(&self->nl, DYNMEM_CMD_PROCESS_GET, DUMP);
	put_u64(DYNMEM_A_PROCESS_CGROUP_ID, 1ULL << 40);
	EXPECT_EQ(-ENOENT, transact(&self->nl, NULL, 0));
	EXPECT_NE('\0', nl_refusal.text[0]);
	EXPECT_EQ(DYNMEM_A_PROCESS_CGROUP_ID, nl_refusal.attr);

	request(&self->nl, DYNMEM_CMD_CGROUP_GET, DUMP);
	put_u64(DYNMEM_A_CGROUP_ID, 1ULL << 40);
	EXPECT_EQ(-ENOENT, transact(&self->nl, NULL, 0));
	EXPECT_NE('\0', nl_refusal.text[0]);
	EXPECT_EQ(DYNMEM_A_CGROUP_ID, nl_refusal.attr);

	request(&self->nl, DYNMEM_CMD_STALL_GET, DUMP);
	put_u64(DYNMEM_A_STALL_CGROUP_ID, 1ULL << 40);
	EXPECT_EQ(-ENOENT, transact(&self->nl, NULL, 0));
	EXPECT_NE('\0', nl_refusal.text[0]);
	EXPECT_EQ(DYNMEM_A_STALL_CGROUP_ID, nl_refusal.attr);
	cgroup_remove("dynmem-refuse");
}

TEST_F(refuse, no_cgroups)
{
	const char *s = slurp(CGROUP_ROOT "/cgroup.stat");

	ASSERT_NE(NULL, s);
	if (!strstr(s, "nr_descendants 0\n"))
		SKIP(return, "this host uses cgroup v2");
	request(&self->nl, DYNMEM_CMD_CGROUP_GET, DUMP);
	EXPECT_EQ(-EOPNOTSUPP, transact(&self->nl, NULL, 0));
	EXPECT_NE(NULL, strstr(nl_refusal.text, "cgroup v2 is not in use"));
	request(&self->nl, DYNMEM_CMD_STALL_GET, NLM_F_DUMP);
	put_u32(DYNMEM_A_STALL_BY, DYNMEM_STALL_BY_CGROUP);
	EXPECT_EQ(-EOPNOTSUPP, transact(&self->nl, NULL, 0));
	EXPECT_NE(NULL, strstr(nl_refusal.text, "cgroup v2 is not in use"));
}

TEST_HARNESS_MAIN
