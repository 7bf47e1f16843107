// SPDX-License-Identifier: GPL-2.0
/* libdynmem's parser, against messages built in memory, sound and not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/genetlink.h>
#include <netlink/attr.h>

#include "lib/internal.h"

/*
 * A message that ends where its memory ends, so that AddressSanitizer sees any
 * byte that is read behind it.
 */
struct blob {
	char *data;
	int len;
};

static void append(struct blob *b, const void *data, size_t len)
{
	b->data = realloc(b->data, b->len + len + 1);
	assert_non_null(b->data);
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += (int)len;
}

/* An attribute of any claimed length; the payload is padded if pad is set. */
static void attr_raw(struct blob *b, uint16_t type, uint16_t nla_len, const void *data, size_t len,
		     bool pad)
{
	struct nlattr nla = { .nla_len = nla_len, .nla_type = type };

	append(b, &nla, sizeof(nla));
	append(b, data, len);
	if (pad && len % 4)
		append(b, "\0\0\0", 4 - len % 4);
}

static void attr(struct blob *b, uint16_t type, const void *data, size_t len)
{
	attr_raw(b, type, (uint16_t)(NLA_HDRLEN + len), data, len, true);
}

static void attr_u32(struct blob *b, uint16_t type, uint32_t v)
{
	attr(b, type, &v, sizeof(v));
}

static void attr_u64(struct blob *b, uint16_t type, uint64_t v)
{
	attr(b, type, &v, sizeof(v));
}

/* Parses a copy of exactly the message's size, then drops the message. */
static int parse(const struct layout *layout, struct blob *b, struct scratch *path, void *ret)
{
	char *copy = malloc(b->len ? b->len : 1);
	int r;

	assert_non_null(copy);
	if (b->len)
		memcpy(copy, b->data, b->len);
	r = dn_parse_attrs(layout, copy, b->len, path, ret);
	free(copy);
	free(b->data);
	*b = (struct blob){};
	return r;
}

static void test_widths(void **state)
{
	struct dynmem_pressure p;
	struct blob b = {};

	(void)state;
	attr_u32(&b, DYNMEM_A_PRESSURE_LEVEL, DYNMEM_LEVEL_MEDIUM);
	attr_u32(&b, DYNMEM_A_PRESSURE_AVAILABLE, 4096);
	attr_u64(&b, DYNMEM_A_PRESSURE_TOTAL, 1ULL << 40);
	attr_u64(&b, DYNMEM_A_PRESSURE_STALLED, 3);
	assert_int_equal(parse(&dn_pressure_layout, &b, NULL, &p), 0);
	assert_int_equal(p.level, DYNMEM_LEVEL_MEDIUM);
	assert_int_equal(p.available, 4096);
	assert_int_equal(p.total, 1ULL << 40);
	assert_int_equal(p.stalled, 3);
	assert_int_equal(p.present, dynmem_bit(DYNMEM_A_PRESSURE_LEVEL) |
					    dynmem_bit(DYNMEM_A_PRESSURE_AVAILABLE) |
					    dynmem_bit(DYNMEM_A_PRESSURE_TOTAL) |
					    dynmem_bit(DYNMEM_A_PRESSURE_STALLED));
	assert_true(dynmem_has(p.present, DYNMEM_A_PRESSURE_TOTAL));
	assert_false(dynmem_has(p.present, DYNMEM_A_PRESSURE_FREE));
	assert_int_equal(p.free, 0);

	/* A value that the member cannot hold is no value. */
	attr_u64(&b, DYNMEM_A_PRESSURE_LEVEL, 1ULL << 32);
	assert_int_equal(parse(&dn_pressure_layout, &b, NULL, &p), -EBADMSG);
}

static void test_signed(void **state)
{
	int32_t s32 = -5;
	int64_t s64 = -(1LL << 40);
	struct dynmem_ksm k;
	struct blob b = {};

	(void)state;
	attr(&b, DYNMEM_A_KSM_PROFIT, &s32, sizeof(s32));
	attr(&b, DYNMEM_A_KSM_PROFIT_ESTIMATED, NULL, 0);
	assert_int_equal(parse(&dn_ksm_layout, &b, NULL, &k), 0);
	assert_true(k.profit == -5);
	assert_int_equal(k.profit_estimated, 1);

	attr(&b, DYNMEM_A_KSM_PROFIT, &s64, sizeof(s64));
	assert_int_equal(parse(&dn_ksm_layout, &b, NULL, &k), 0);
	assert_true(k.profit == -(1LL << 40));
	assert_int_equal(k.profit_estimated, 0);

	attr(&b, DYNMEM_A_KSM_PROFIT, &s64, 6);
	assert_int_equal(parse(&dn_ksm_layout, &b, NULL, &k), -EBADMSG);
	attr_u32(&b, DYNMEM_A_KSM_PROFIT_ESTIMATED, 1);
	assert_int_equal(parse(&dn_ksm_layout, &b, NULL, &k), -EBADMSG);
}

/* Every attribute of every set at every length: taken or refused, no more. */
static void test_all_lengths(void **state)
{
	static const struct layout *const layouts[] = {
		&dn_pressure_layout, &dn_ksm_layout,  &dn_process_layout,
		&dn_cgroup_layout,   &dn_node_layout, &dn_stall_layout,
		&dn_config_layout,   &dn_oom_layout,  &dn_head_layout,
	};
	char path[4096], payload[4200];
	struct scratch scratch = { path, sizeof(path) };
	union {
		struct dynmem_pressure pressure;
		struct dynmem_ksm ksm;
		struct dynmem_cgroup cgroup;
		struct dynmem_process process;
		struct dynmem_config config;
		struct dynmem_oom oom;
	} u;

	(void)state;
	memset(payload, 'x', sizeof(payload));
	for (size_t l = 0; l < sizeof(layouts) / sizeof(layouts[0]); l++) {
		for (unsigned int type = 1; type <= layouts[l]->max; type++) {
			const struct field *f = &layouts[l]->fields[type];

			for (size_t len = 0; len <= 20; len++) {
				bool good = true;
				struct blob b = {};
				int r;

				if (f->kind == FIELD_UINT)
					good = len == f->size || (len == 4 && f->size == 8);
				else if (f->kind == FIELD_SINT)
					good = len == 4 || len == 8;
				else if (f->kind == FIELD_FLAG || f->kind == FIELD_HEAD)
					good = len == 0;
				/* 8 bytes of 'x' are no 4 byte value. */
				attr(&b, (uint16_t)type, payload, len);
				r = parse(layouts[l], &b, &scratch, &u);
				assert_int_equal(r, good ? 0 : -EBADMSG);
			}
		}
	}
}

static void test_text(void **state)
{
	struct dynmem_process p;
	struct blob b = {};

	(void)state;
	/* Terminated and not, too long, empty. */
	attr(&b, DYNMEM_A_PROCESS_COMM, "qemu", 4);
	assert_int_equal(parse(&dn_process_layout, &b, NULL, &p), 0);
	assert_string_equal(p.comm, "qemu");
	attr(&b, DYNMEM_A_PROCESS_COMM, "qemu", 5);
	assert_int_equal(parse(&dn_process_layout, &b, NULL, &p), 0);
	assert_string_equal(p.comm, "qemu");
	attr(&b, DYNMEM_A_PROCESS_COMM, "0123456789abcdefghij", 20);
	assert_int_equal(parse(&dn_process_layout, &b, NULL, &p), 0);
	assert_string_equal(p.comm, "0123456789abcde");
	attr(&b, DYNMEM_A_PROCESS_COMM, "0123456789abcdef", 16);
	assert_int_equal(parse(&dn_process_layout, &b, NULL, &p), 0);
	assert_string_equal(p.comm, "0123456789abcde");
	attr(&b, DYNMEM_A_PROCESS_COMM, NULL, 0);
	assert_int_equal(parse(&dn_process_layout, &b, NULL, &p), 0);
	assert_string_equal(p.comm, "");
	assert_true(dynmem_has(p.present, DYNMEM_A_PROCESS_COMM));
}

static void test_path(void **state)
{
	char path[16];
	struct scratch scratch = { path, sizeof(path) };
	struct dynmem_cgroup c;
	struct blob b = {};

	(void)state;
	attr(&b, DYNMEM_A_CGROUP_PATH, "/machine.slice", 14);
	assert_int_equal(parse(&dn_cgroup_layout, &b, &scratch, &c), 0);
	assert_string_equal(c.path, "/machine.slice");

	attr(&b, DYNMEM_A_CGROUP_PATH, "/a\0b", 4);
	assert_int_equal(parse(&dn_cgroup_layout, &b, &scratch, &c), 0);
	assert_string_equal(c.path, "/a");

	/* Longer than the buffer: refused, not cut into another's path. */
	attr(&b, DYNMEM_A_CGROUP_PATH, "/machine.slice/x", 16);
	assert_int_equal(parse(&dn_cgroup_layout, &b, &scratch, &c), -EBADMSG);
	attr(&b, DYNMEM_A_CGROUP_PATH, "/", 1);
	assert_int_equal(parse(&dn_cgroup_layout, &b, NULL, &c), -EBADMSG);

	/* Absent: NULL. */
	attr_u64(&b, DYNMEM_A_CGROUP_ID, 7);
	assert_int_equal(parse(&dn_cgroup_layout, &b, &scratch, &c), 0);
	assert_null(c.path);
	assert_int_equal(c.id, 7);
}

static void test_unknown(void **state)
{
	struct dynmem_node n;
	struct blob b = {};

	(void)state;
	/* From a newer kernel; among them a nest that is nonsense inside. */
	attr_u32(&b, DYNMEM_A_NODE_MAX + 1, 1);
	attr(&b, 0x3fff, "abc", 3);
	attr(&b, NLA_F_NESTED | (DYNMEM_A_NODE_MAX + 2), "\xff\xff\xff\xff", 4);
	attr_u32(&b, 0, 1);
	attr_u32(&b, DYNMEM_A_NODE_ID, 1);
	assert_int_equal(parse(&dn_node_layout, &b, NULL, &n), 0);
	assert_int_equal(n.id, 1);
	assert_int_equal(n.present, dynmem_bit(DYNMEM_A_NODE_ID));

	/* A known one that claims to be a nest: the length decides. */
	attr(&b, NLA_F_NESTED | DYNMEM_A_NODE_TOTAL, "abc", 3);
	assert_int_equal(parse(&dn_node_layout, &b, NULL, &n), -EBADMSG);

	/* Request attributes are skipped in answers. */
	attr_u32(&b, DYNMEM_A_PROCESS_SELECT, 1);
	struct dynmem_process p;

	assert_int_equal(parse(&dn_process_layout, &b, NULL, &p), 0);
	assert_int_equal(p.present, 0);
}

static void test_twice(void **state)
{
	struct dynmem_node n;
	struct blob b = {};

	(void)state;
	attr_u32(&b, DYNMEM_A_NODE_ID, 1);
	attr_u32(&b, DYNMEM_A_NODE_ID, 2);
	assert_int_equal(parse(&dn_node_layout, &b, NULL, &n), 0);
	assert_int_equal(n.id, 2);
}

static void test_nonsense(void **state)
{
	struct dynmem_node n;
	struct blob b = {};

	(void)state;
	/* An attribute shorter than its own header. */
	for (uint16_t len = 0; len < NLA_HDRLEN; len++) {
		attr_raw(&b, DYNMEM_A_NODE_ID, len, "\1\0\0\0", 4, true);
		assert_int_equal(parse(&dn_node_layout, &b, NULL, &n), -EBADMSG);
	}
	/* One that goes on behind the end. */
	attr_raw(&b, DYNMEM_A_NODE_TOTAL, NLA_HDRLEN + 8, "\1\0\0\0", 4, true);
	assert_int_equal(parse(&dn_node_layout, &b, NULL, &n), -EBADMSG);
	attr_raw(&b, DYNMEM_A_NODE_TOTAL, 0xffff, "\1\0\0\0", 4, true);
	assert_int_equal(parse(&dn_node_layout, &b, NULL, &n), -EBADMSG);
	/* Half a header at the end. */
	attr_u32(&b, DYNMEM_A_NODE_ID, 1);
	append(&b, "\1\0", 2);
	assert_int_equal(parse(&dn_node_layout, &b, NULL, &n), -EBADMSG);
	/* The last one without its padding is fine. */
	attr_raw(&b, 0x3fff, NLA_HDRLEN + 1, "x", 1, false);
	assert_int_equal(parse(&dn_node_layout, &b, NULL, &n), 0);
	/* Nothing at all is fine, too. */
	assert_int_equal(parse(&dn_node_layout, &b, NULL, &n), 0);
	assert_int_equal(n.present, 0);
}

/* A sound message, cut off after every byte. */
static void test_truncated(void **state)
{
	struct nlmsghdr nlh = { .nlmsg_type = 30 };
	struct genlmsghdr gnlh = { .cmd = DYNMEM_CMD_PRESSURE_NTF };
	struct dynmem_pressure p;
	struct blob b = {};
	int good = 0;

	(void)state;
	append(&b, &nlh, sizeof(nlh));
	append(&b, &gnlh, sizeof(gnlh));
	attr_u32(&b, DYNMEM_A_PRESSURE_LEVEL, 1);
	attr_u64(&b, DYNMEM_A_PRESSURE_TOTAL, 1ULL << 40);
	attr_u32(&b, DYNMEM_A_PRESSURE_CAUSES, 1);

	for (int len = sizeof(nlh); len <= b.len; len++) {
		char *copy = malloc(len);

		assert_non_null(copy);
		memcpy(copy, b.data, len);
		((struct nlmsghdr *)copy)->nlmsg_len = len;
		if (dn_parse_message(&dn_pressure_layout, (struct nlmsghdr *)copy, NULL, &p) == 0)
			good++;
		free(copy);
	}
	/* Only where an attribute ends: after 0, 1, 2 and 3 of them. */
	assert_int_equal(good, 4);
	free(b.data);
}

/* Random bytes: nothing to check but that a sanitizer has nothing to say. */
static void test_random(void **state)
{
	char path[64];
	struct scratch scratch = { path, sizeof(path) };
	unsigned int seed = 1;
	int good = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct dynmem_cgroup c;
		struct blob b = {};
		int n = rand_r(&seed) % 4;

		while (n--) {
			char payload[32];
			size_t len = rand_r(&seed) % sizeof(payload);
			int claimed = (int)len + NLA_HDRLEN;

			for (size_t j = 0; j < len; j++)
				payload[j] = (char)rand_r(&seed);
			if (rand_r(&seed) % 8 == 0)
				claimed += rand_r(&seed) % 16 - 8;
			attr_raw(&b, rand_r(&seed) % 20, (uint16_t)claimed, payload, len,
				 rand_r(&seed) % 8);
		}
		if (parse(&dn_cgroup_layout, &b, &scratch, &c) == 0)
			good++;
	}
	assert_in_range(good, 10000, 90000);
}

static void test_put(void **state)
{
	struct dynmem_config c = { .threshold_low = 1ULL << 33, .stall_low = 5 };
	struct nl_msg *msg = nlmsg_alloc();
	struct dynmem_config back;

	(void)state;
	assert_non_null(msg);
	assert_non_null(genlmsg_put(msg, 0, 1, 30, 0, 0, DYNMEM_CMD_CONFIG_SET, 1));
	c.present = dynmem_bit(DYNMEM_A_CONFIG_DEFAULTS) |
		    dynmem_bit(DYNMEM_A_CONFIG_THRESHOLD_LOW) |
		    dynmem_bit(DYNMEM_A_CONFIG_STALL_LOW);
	assert_int_equal(dn_put_attrs(&dn_config_layout, msg, &c), 0);
	assert_int_equal(dn_parse_message(&dn_config_layout, nlmsg_hdr(msg), NULL, &back), 0);
	assert_memory_equal(&back, &c, sizeof(c));

	c.present = dynmem_bit(DYNMEM_A_CONFIG_MAX + 1);
	assert_int_equal(dn_put_attrs(&dn_config_layout, msg, &c), -EINVAL);
	c.present = dynmem_bit(63);
	assert_int_equal(dn_put_attrs(&dn_config_layout, msg, &c), -EINVAL);
	c.present = dynmem_bit(0);
	assert_int_equal(dn_put_attrs(&dn_config_layout, msg, &c), -EINVAL);
	nlmsg_free(msg);
}

/* A member of the header that no attribute fills would stay zero for ever. */
static void test_layouts_cover_structs(void **state)
{
	static const struct {
		const struct layout *layout;
		size_t reserved, padding;
	} structs[] = {
		{ &dn_pressure_layout, 16 * 8, 0 }, { &dn_ksm_layout, 16 * 8, 0 },
		{ &dn_process_layout, 8 * 8, 0 },   { &dn_cgroup_layout, 8 * 8, 4 },
		{ &dn_node_layout, 8 * 8, 4 },	    { &dn_stall_layout, 8 * 8, 0 },
		{ &dn_config_layout, 8 * 8, 4 },    { &dn_oom_layout, 8 * 8, 4 },
		{ &dn_head_layout, 2 * 8, 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(structs) / sizeof(structs[0]); i++) {
		const struct layout *l = structs[i].layout;
		size_t used = sizeof(uint64_t);

		assert_true(l->max < 64);
		for (unsigned int type = 0; type <= l->max; type++)
			used += l->fields[type].size;
		assert_int_equal(used + structs[i].reserved + structs[i].padding, l->size);
	}
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_all_lengths),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_layouts_cover_structs),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("lib_parse", tests, NULL, NULL);
}
