// SPDX-License-Identifier: GPL-2.0
/* libdynmem's requests, against a kernel that this program plays. */
#include "lib_fake_kernel.h"

static struct dynmem *d;

static int setup(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	fake_load(30, false);
	return dynmem_open(&d, 0);
}

static int teardown(void **state)
{
	(void)state;
	dynmem_close(d);
	d = NULL;
	return 0;
}

static void test_close_null(void **state)
{
	(void)state;
	dynmem_close(NULL);
}

static void test_gets(void **state)
{
	struct dynmem_pressure p;
	struct dynmem_process process;
	struct dynmem_config c;
	struct dynmem_ksm k;

	(void)state;
	fake.pressure_seq = 3;
	assert_string_equal(dynmem_last_error(d), "");
	assert_int_equal(dynmem_get_pressure(d, &p), 0);
	assert_int_equal(p.stalls, 30);
	assert_int_equal(dynmem_get_ksm(d, &k), 0);
	assert_true(dynmem_has(k.present, DYNMEM_A_KSM_FULL_SCANS));
	assert_int_equal(dynmem_get_process(d, 42, 0, &process), 0);
	assert_int_equal(process.pid, 42);
	/* An answer of one unknown flag with a payload. */
	assert_int_equal(dynmem_get_config(d, &c), -EBADMSG);
}

/* The attributes that a request carries, by type. */
static const struct nlattr *requested(uint16_t type)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)fake.last;

	return nlmsg_find_attr(nlh, GENL_HDRLEN, type);
}

static void test_requests_carry_filters(void **state)
{
	struct dynmem_process_filter filter = {
		.select = DYNMEM_SELECT_ALL,
		.fields = DYNMEM_FIELD_RSS,
		.cgroup_id = 1ULL << 33,
	};
	struct dynmem_cgroup_filter cgroups = { .tree = 1, .id = 9 };
	struct dynmem_stall_filter stalls = {
		.by = DYNMEM_STALL_BY_CGROUP,
		.kind = DYNMEM_STALL_KIND_MEMCG,
		.cgroup_id = 1ULL << 33,
	};
	struct dynmem_node node;
	struct dynmem_process p;

	(void)state;
	assert_int_equal(dynmem_dump_processes(d, NULL, NULL, NULL), 0);
	assert_null(requested(DYNMEM_A_PROCESS_SELECT));
	assert_int_equal(dynmem_dump_processes(d, &filter, NULL, NULL), 0);
	assert_int_equal(nla_get_u32(requested(DYNMEM_A_PROCESS_SELECT)), DYNMEM_SELECT_ALL);
	assert_int_equal(nla_get_u32(requested(DYNMEM_A_PROCESS_FIELDS)), DYNMEM_FIELD_RSS);
	assert_int_equal(nla_get_u64(requested(DYNMEM_A_PROCESS_CGROUP_ID)), 1ULL << 33);
	assert_int_equal(dynmem_dump_cgroups(d, &cgroups, NULL, NULL), 0);
	assert_int_equal(nla_len(requested(DYNMEM_A_CGROUP_TREE)), 0);
	assert_int_equal(nla_get_u64(requested(DYNMEM_A_CGROUP_ID)), 9);
	assert_int_equal(dynmem_dump_stalls(d, NULL, NULL, NULL), 0);
	assert_null(requested(DYNMEM_A_STALL_BY));
	assert_int_equal(dynmem_dump_stalls(d, &stalls, NULL, NULL), 0);
	assert_int_equal(nla_get_u32(requested(DYNMEM_A_STALL_BY)), DYNMEM_STALL_BY_CGROUP);
	assert_int_equal(nla_get_u32(requested(DYNMEM_A_STALL_KIND)), DYNMEM_STALL_KIND_MEMCG);
	assert_int_equal(nla_get_u64(requested(DYNMEM_A_STALL_CGROUP_ID)), 1ULL << 33);
	assert_int_equal(dynmem_get_node(d, 3, &node), 0);
	assert_int_equal(nla_get_u32(requested(DYNMEM_A_NODE_ID)), 3);
	assert_int_equal(dynmem_get_process(d, 7, DYNMEM_FIELD_KSM, &p), 0);
	assert_int_equal(nla_get_u32(requested(DYNMEM_A_PROCESS_PID)), 7);
	assert_int_equal(nla_get_u32(requested(DYNMEM_A_PROCESS_FIELDS)), DYNMEM_FIELD_KSM);
}

static void test_set_config(void **state)
{
	struct dynmem_config c = { .hold = 5000000000ULL, .stall_low = 1000 };

	(void)state;
	assert_int_equal(dynmem_set_config(d, &c), -EINVAL);
	assert_int_equal(fake.gets, 0);
	c.present = dynmem_bit(DYNMEM_A_CONFIG_MAX + 1);
	assert_int_equal(dynmem_set_config(d, &c), -EINVAL);
	assert_int_equal(fake.gets, 0);
	assert_non_null(strstr(dynmem_last_error(d), "config.present"));

	c.present = dynmem_bit(DYNMEM_A_CONFIG_HOLD) | dynmem_bit(DYNMEM_A_CONFIG_STALL_LOW) |
		    dynmem_bit(DYNMEM_A_CONFIG_DEFAULTS);
	assert_int_equal(dynmem_set_config(d, &c), 0);
	assert_int_equal(nla_get_u64(requested(DYNMEM_A_CONFIG_HOLD)), 5000000000ULL);
	assert_int_equal(nla_get_u32(requested(DYNMEM_A_CONFIG_STALL_LOW)), 1000);
	assert_int_equal(nla_len(requested(DYNMEM_A_CONFIG_DEFAULTS)), 0);
	assert_null(requested(DYNMEM_A_CONFIG_WINDOW));
}

/* The offset in the request of CONFIG_SET below at which HOLD begins. */
#define HOLD_OFFSET (NLMSG_HDRLEN + GENL_HDRLEN + 8)

static void test_refusals(void **state)
{
	struct dynmem_config c = {
		.present = dynmem_bit(DYNMEM_A_CONFIG_STALL_LOW) | dynmem_bit(DYNMEM_A_CONFIG_HOLD),
	};
	struct dynmem_pressure p, before;

	(void)state;
	for (int echo = 0; echo < 2; echo++) {
		fake.refuse_echo = echo;
		fake.refuse = ERANGE;
		fake.refuse_text = "hold is above 1 h";
		fake.refuse_offset = HOLD_OFFSET;
		assert_int_equal(dynmem_set_config(d, &c), -ERANGE);
		assert_string_equal(dynmem_last_error(d), "hold is above 1 h");
		assert_int_equal(dynmem_last_error_attr(d), DYNMEM_A_CONFIG_HOLD);

		/* An offset that is none. */
		fake.refuse = ERANGE;
		fake.refuse_offset = 7;
		assert_int_equal(dynmem_set_config(d, &c), -ERANGE);
		assert_int_equal(dynmem_last_error_attr(d), 0);

		/* A text alone; and none. */
		fake.refuse = EINVAL;
		fake.refuse_offset = 0;
		fake.refuse_text = "no";
		assert_int_equal(dynmem_set_config(d, &c), -EINVAL);
		assert_string_equal(dynmem_last_error(d), "no");
		fake.refuse = EPERM;
		fake.refuse_text = NULL;
		assert_int_equal(dynmem_set_config(d, &c), -EPERM);
		assert_non_null(strstr(dynmem_last_error(d), "CAP_SYS_PTRACE"));
		fake.refuse = ESRCH;
		assert_int_equal(dynmem_set_config(d, &c), -ESRCH);
		assert_string_equal(dynmem_last_error(d), strerror(ESRCH));
	}

	/* Nothing is written on failure. */
	memset(&p, 0x5a, sizeof(p));
	before = p;
	fake.refuse = ENOMEM;
	assert_int_equal(dynmem_get_pressure(d, &p), -ENOMEM);
	fake.malformed = true;
	assert_int_equal(dynmem_get_pressure(d, &p), -EBADMSG);
	assert_memory_equal(&p, &before, sizeof(p));
}

/* ENOENT with words is the family's; without, the family may be gone. */
static void test_enoent(void **state)
{
	struct dynmem_pressure p;
	int lists = fake.lists;

	(void)state;
	fake.refuse = ENOENT;
	fake.refuse_text = "no such cgroup";
	assert_int_equal(dynmem_get_pressure(d, &p), -ENOENT);
	assert_string_equal(dynmem_last_error(d), "no such cgroup");
	assert_int_equal(fake.lists, lists);

	fake.refuse = ENOENT;
	fake.refuse_text = NULL;
	assert_int_equal(dynmem_get_pressure(d, &p), -ENOENT);
	assert_int_equal(fake.lists, lists + 1);
	assert_true(dynmem_present(d));

	fake_unload(false);
	assert_int_equal(dynmem_get_pressure(d, &p), -ENODEV);
	assert_non_null(strstr(dynmem_last_error(d), "modprobe dynmem"));
	assert_false(dynmem_present(d));
}

static void test_timeout(void **state)
{
	struct dynmem_pressure p;
	char late[FAKE_MESSAGE_MAX] __attribute__((aligned(8)));

	(void)state;
	fake.mute = true;
	fake.clock_ms = 0;
	assert_int_equal(dynmem_get_pressure(d, &p), -ETIMEDOUT);
	assert_in_range(fake.clock_ms, DYNMEM_TIMEOUT_MS - 10, DYNMEM_TIMEOUT_MS + 10);
	memcpy(late, fake.last, sizeof(late));

	/* The answer comes after all, before that of the next request. */
	fake.mute = false;
	fake.pressure_seq = 1;
	fake_request((struct nlmsghdr *)late);
	fake.pressure_seq = 2;
	assert_int_equal(dynmem_get_pressure(d, &p), 0);
	assert_int_equal(p.head.seq, 2);
}

static void test_send_fails(void **state)
{
	struct dynmem_pressure p;

	(void)state;
	fake.send_error = ENOBUFS;
	assert_int_equal(dynmem_get_pressure(d, &p), -ENOBUFS);
	fake.send_error = 0;
	fake.eintr = 1;
	assert_int_equal(dynmem_get_pressure(d, &p), 0);
	assert_int_equal(fake.eintr_seen, 1);
	queue_add(&fake.answers)->error = EIO;
	assert_int_equal(dynmem_get_pressure(d, &p), -EIO);
	/* The answer is still there, and is not that of the next request. */
	assert_int_equal(dynmem_get_pressure(d, &p), 0);
}

struct nodes_asked {
	int calls, stop_at, result;
	bool reenter;
};

static int on_node(const struct dynmem_node *n, void *arg)
{
	struct nodes_asked *s = arg;
	struct dynmem_pressure p;
	struct dynmem_event ev;

	assert_int_equal(n->id, s->calls);
	if (s->reenter) {
		assert_int_equal(dynmem_get_pressure(d, &p), -EBUSY);
		assert_int_equal(dynmem_dump_nodes(d, on_node, s), -EBUSY);
		/* Events may be taken: they have a socket of their own. */
		assert_true(dynmem_next_event(d, &ev) >= 0);
	}
	return ++s->calls == s->stop_at ? s->result : 0;
}

static void test_dump(void **state)
{
	struct nodes_asked s = {};

	(void)state;
	assert_int_equal(dynmem_dump_nodes(d, on_node, &s), 0);
	assert_int_equal(s.calls, 0);

	fake.entries = 5;
	assert_int_equal(dynmem_dump_nodes(d, on_node, &s), 0);
	assert_int_equal(s.calls, 5);

	/* The callback ends it; whatever it returns is returned. */
	s = (struct nodes_asked){ .stop_at = 2, .result = 7 };
	assert_int_equal(dynmem_dump_nodes(d, on_node, &s), 7);
	assert_int_equal(s.calls, 2);
	s = (struct nodes_asked){ .stop_at = 1, .result = -ENOENT };
	assert_int_equal(dynmem_dump_nodes(d, on_node, &s), -ENOENT);
	assert_int_equal(s.calls, 1);

	/* The rest was read: the next one sees its own alone. */
	s = (struct nodes_asked){ .reenter = true };
	assert_int_equal(dynmem_dump_nodes(d, on_node, &s), 0);
	assert_int_equal(s.calls, 5);
}

static void test_dump_fails(void **state)
{
	struct nodes_asked s = {};

	(void)state;
	fake.entries = 3;
	fake.disturbed = true;
	assert_int_equal(dynmem_dump_nodes(d, on_node, &s), -EAGAIN);
	assert_int_equal(s.calls, 3);
	fake.disturbed = false;

	s = (struct nodes_asked){};
	fake.done_error = -ENOMEM;
	assert_int_equal(dynmem_dump_nodes(d, on_node, &s), -ENOMEM);
	fake.done_error = 0;

	s = (struct nodes_asked){};
	fake.refuse = EOPNOTSUPP;
	fake.refuse_text = "this kernel has no cgroups";
	assert_int_equal(dynmem_dump_cgroups(d, NULL, NULL, NULL), -EOPNOTSUPP);
	assert_string_equal(dynmem_last_error(d), "this kernel has no cgroups");

	fake.malformed = true;
	assert_int_equal(dynmem_dump_nodes(d, on_node, &s), -EBADMSG);
	assert_int_equal(s.calls, 0);
	fake.malformed = false;

	fake.refuse_text = NULL;
	fake_unload(false);
	assert_int_equal(dynmem_dump_nodes(d, on_node, &s), -ENODEV);
	assert_int_equal(s.calls, 0);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(dynmem_level_name(DYNMEM_LEVEL_CRITICAL), "critical");
	assert_string_equal(dynmem_level_name(4), "unknown");
	assert_string_equal(dynmem_cause_name(DYNMEM_CAUSE_OOM), "oom");
	assert_string_equal(dynmem_cause_name(3), "unknown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		TEST(test_close_null),
		TEST(test_gets),
		TEST(test_requests_carry_filters),
		TEST(test_set_config),
		TEST(test_refusals),
		TEST(test_enoent),
		TEST(test_timeout),
		TEST(test_send_fails),
		TEST(test_dump),
		TEST(test_dump_fails),
		TEST(test_names),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("lib_requests", tests, NULL, NULL);
}
