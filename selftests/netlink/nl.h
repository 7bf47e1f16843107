/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Raw netlink for the tests of the dynmem family, on libmnl. On purpose not
 * on libdynmem: the tests say what goes over the wire, byte by byte, also what
 * no library would send.
 */
#ifndef DYNMEM_TEST_NL_H
#define DYNMEM_TEST_NL_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/dynmem.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#define _maybe_unused_ __attribute__((unused))

#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC  1000000000ULL
#define KIB	      (1ULL << 10)
#define MIB	      (1ULL << 20)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Longer than any command of the module takes, shorter than a test may. */
#define NL_TIMEOUT_MS 10000

struct nl {
	struct mnl_socket *sk;
	uint32_t seq;
	uint16_t family;
	uint32_t ksm_group, pressure_group, oom_group;
};

/* One message of the family, with its attributes by type. */
struct nl_answer {
	uint8_t cmd;
	const struct nlattr *tb[64];
	char buf[4096 + 1024] __attribute__((aligned(8)));
};

/* How a request ended: 0 or a negative errno, and the kernel's words. */
struct refusal {
	int error;
	char text[256];
	unsigned int attr; /* the type at the offset that was reported */
	uint32_t offset;
	bool has_range;
	uint64_t min, max;
};

static struct refusal nl_refusal;

static char nl_request_buf[8192] __attribute__((aligned(8)));
static struct nlmsghdr *const nl_request = (struct nlmsghdr *)nl_request_buf;

_maybe_unused_ static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

_maybe_unused_ static void sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/*
 * Values. A uint has 4 bytes where it fits, 8 where it does not: anything else
 * breaks the contract, so these abort the test.
 */
_maybe_unused_ static bool has(const struct nl_answer *a, int type)
{
	return a->tb[type];
}

static uint64_t get_uint(const struct nlattr *nla, int type)
{
	uint64_t v = 0;
	uint16_t len;

	if (!nla) {
		fprintf(stderr, "# attribute %d is missing\n", type);
		abort();
	}
	len = mnl_attr_get_payload_len(nla);
	if (len != 4 && len != 8) {
		fprintf(stderr, "# attribute %d has %u bytes\n", type, len);
		abort();
	}
	memcpy(&v, mnl_attr_get_payload(nla), len);
	if (len == 8 && v <= UINT32_MAX) {
		fprintf(stderr, "# attribute %d: 8 bytes for %llu\n", type, (unsigned long long)v);
		abort();
	}
	return v;
}

_maybe_unused_ static uint64_t get(const struct nl_answer *a, int type)
{
	return get_uint(a->tb[type], type);
}

/* The head is the first attribute of all sets that have one. */
static const struct nlattr *find_head(const struct nl_answer *a, int type)
{
	const struct nlattr *nla;

	if (!a->tb[DYNMEM_A_PRESSURE_HEAD])
		return NULL;
	mnl_attr_for_each_nested (nla, a->tb[DYNMEM_A_PRESSURE_HEAD])
		if (mnl_attr_get_type(nla) == type)
			return nla;
	return NULL;
}

_maybe_unused_ static bool has_head(const struct nl_answer *a, int type)
{
	return find_head(a, type);
}

_maybe_unused_ static uint64_t get_head(const struct nl_answer *a, int type)
{
	return get_uint(find_head(a, type), type);
}

_maybe_unused_ static int64_t get_signed(const struct nl_answer *a, int type)
{
	int64_t s64;
	int32_t s32;

	if (!a->tb[type])
		abort();
	switch (mnl_attr_get_payload_len(a->tb[type])) {
	case 4:
		memcpy(&s32, mnl_attr_get_payload(a->tb[type]), 4);
		return s32;
	case 8:
		memcpy(&s64, mnl_attr_get_payload(a->tb[type]), 8);
		if (s64 != (int32_t)s64)
			return s64;
		/* fall through */
	default:
		fprintf(stderr, "# attribute %d: wrong width\n", type);
		abort();
	}
}

/* A string, with or without its end on the wire; valid until the next call. */
_maybe_unused_ static const char *get_text(const struct nl_answer *a, int type)
{
	static char text[4097];
	size_t len;

	if (!a->tb[type])
		abort();
	len = mnl_attr_get_payload_len(a->tb[type]);
	if (len >= sizeof(text))
		abort();
	memcpy(text, mnl_attr_get_payload(a->tb[type]), len);
	text[len] = '\0';
	return text;
}

/* Requests: one at a time, in nl_request. */
_maybe_unused_ static void request(struct nl *nl, uint8_t cmd, int flags)
{
	struct genlmsghdr *gnlh;

	memset(nl_request_buf, 0, sizeof(nl_request_buf));
	mnl_nlmsg_put_header(nl_request_buf);
	nl_request->nlmsg_type = nl->family;
	nl_request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nl_request->nlmsg_seq = ++nl->seq;
	gnlh = mnl_nlmsg_put_extra_header(nl_request, sizeof(*gnlh));
	gnlh->cmd = cmd;
	gnlh->version = DYNMEM_FAMILY_VERSION;
}

_maybe_unused_ static void put_u32(int type, uint32_t v)
{
	mnl_attr_put_u32(nl_request, (uint16_t)type, v);
}

_maybe_unused_ static void put_u64(int type, uint64_t v)
{
	mnl_attr_put_u64(nl_request, (uint16_t)type, v);
}

_maybe_unused_ static void put_raw(int type, const void *data, size_t len)
{
	mnl_attr_put(nl_request, (uint16_t)type, len, data);
}

/* The attribute of our request that begins at this offset. */
static unsigned int nl_attr_at(uint32_t offset)
{
	const struct nlattr *nla;

	mnl_attr_for_each (nla, nl_request, sizeof(struct genlmsghdr))
		if ((const char *)nla - (const char *)nl_request == offset)
			return mnl_attr_get_type(nla);
	return 0;
}

static int nl_on_policy(const struct nlattr *nla, void *data)
{
	(void)data;
	switch (mnl_attr_get_type(nla)) {
	case NL_POLICY_TYPE_ATTR_MIN_VALUE_U:
		nl_refusal.min = mnl_attr_get_u64(nla);
		break;
	case NL_POLICY_TYPE_ATTR_MAX_VALUE_U:
		nl_refusal.max = mnl_attr_get_u64(nla);
		nl_refusal.has_range = true;
		break;
	}
	return MNL_CB_OK;
}

static int nl_on_extack(const struct nlattr *nla, void *data)
{
	(void)data;
	switch (mnl_attr_get_type(nla)) {
	case NLMSGERR_ATTR_MSG:
		snprintf(nl_refusal.text, sizeof(nl_refusal.text), "%s", mnl_attr_get_str(nla));
		break;
	case NLMSGERR_ATTR_OFFS:
		nl_refusal.offset = mnl_attr_get_u32(nla);
		nl_refusal.attr = nl_attr_at(nl_refusal.offset);
		break;
	case NLMSGERR_ATTR_POLICY:
		mnl_attr_parse_nested(nla, nl_on_policy, NULL);
		break;
	}
	return MNL_CB_OK;
}

/* NLMSG_ERROR or NLMSG_DONE, remembered in nl_refusal. */
static int nl_on_end(const struct nlmsghdr *nlh)
{
	size_t skip = nlh->nlmsg_type == NLMSG_ERROR ? sizeof(struct nlmsgerr) : sizeof(int);
	int error = 0;

	memset(&nl_refusal, 0, sizeof(nl_refusal));
	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	nl_refusal.error = error;
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_parse(nlh, (unsigned int)skip, nl_on_extack, NULL);
	return error;
}

static int nl_on_attr(const struct nlattr *nla, void *data)
{
	const struct nlattr **tb = data;
	uint16_t type = mnl_attr_get_type(nla);

	if (type < 64)
		tb[type] = nla;
	return MNL_CB_OK;
}

static void nl_copy(const struct nlmsghdr *nlh, struct nl_answer *a)
{
	struct genlmsghdr *gnlh = mnl_nlmsg_get_payload(nlh);

	memset(a->tb, 0, sizeof(a->tb));
	if (nlh->nlmsg_len > sizeof(a->buf)) {
		fprintf(stderr, "# a message of %u bytes\n", nlh->nlmsg_len);
		abort();
	}
	a->cmd = gnlh->cmd;
	memcpy(a->buf, nlh, nlh->nlmsg_len);
	mnl_attr_parse((struct nlmsghdr *)a->buf, sizeof(*gnlh), nl_on_attr, a->tb);
}

static ssize_t nl_receive(struct nl *nl, void *buf, size_t size, int timeout_ms)
{
	struct pollfd fd = { mnl_socket_get_fd(nl->sk), POLLIN, 0 };
	int r = poll(&fd, 1, timeout_ms);

	if (r <= 0)
		return r == 0 ? -ETIMEDOUT : -errno;
	r = (int)mnl_socket_recvfrom(nl->sk, buf, size);
	return r < 0 ? -errno : r;
}

/*
 * Sends nl_request and reads all answers; at most max of them are kept in a.
 * Return: how many there were, or the refusal.
 */
_maybe_unused_ static int transact(struct nl *nl, struct nl_answer *a, int max)
{
	static char buf[65536] __attribute__((aligned(8)));
	int n = 0;

	memset(&nl_refusal, 0, sizeof(nl_refusal));
	if (mnl_socket_sendto(nl->sk, nl_request, nl_request->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t got = nl_receive(nl, buf, sizeof(buf), NL_TIMEOUT_MS);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
		int len = (int)got;

		if (got < 0)
			return (int)got;
		for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			if (nlh->nlmsg_seq != nl_request->nlmsg_seq)
				continue;
			if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
				int error = nl_on_end(nlh);

				return error < 0 ? error : n;
			}
			if (n < max)
				nl_copy(nlh, &a[n]);
			n++;
		}
	}
}

/* A request without attributes that has one answer. */
_maybe_unused_ static int ask(struct nl *nl, uint8_t cmd, struct nl_answer *a)
{
	int r;

	request(nl, cmd, NLM_F_ACK);
	r = transact(nl, a, 1);
	if (r < 0)
		return r;
	return r == 1 && a->cmd == cmd ? 0 : -EBADMSG;
}

static void nl_on_group(const struct nlattr *group, struct nl *nl)
{
	const struct nlattr *nla;
	const char *name = "";
	uint32_t id = 0;

	mnl_attr_for_each_nested (nla, group) {
		if (mnl_attr_get_type(nla) == CTRL_ATTR_MCAST_GRP_NAME)
			name = mnl_attr_get_str(nla);
		if (mnl_attr_get_type(nla) == CTRL_ATTR_MCAST_GRP_ID)
			id = mnl_attr_get_u32(nla);
	}
	if (!strcmp(name, DYNMEM_MCGRP_KSM))
		nl->ksm_group = id;
	if (!strcmp(name, DYNMEM_MCGRP_PRESSURE))
		nl->pressure_group = id;
	if (!strcmp(name, DYNMEM_MCGRP_OOM))
		nl->oom_group = id;
}

/* Asks the controller for the family. Return: 0, -ENOENT, ... */
_maybe_unused_ static int resolve(struct nl *nl, struct nl_answer *a)
{
	static struct nl_answer own;
	const struct nlattr *nla;
	int r;

	a = a ?: &own;
	nl->family = GENL_ID_CTRL;
	request(nl, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	mnl_attr_put_strz(nl_request, CTRL_ATTR_FAMILY_NAME, DYNMEM_FAMILY_NAME);
	r = transact(nl, a, 1);
	nl->family = 0;
	if (r < 0)
		return r;
	if (r != 1 || !has(a, CTRL_ATTR_FAMILY_ID))
		return -EBADMSG;
	nl->family = mnl_attr_get_u16(a->tb[CTRL_ATTR_FAMILY_ID]);
	if (has(a, CTRL_ATTR_MCAST_GROUPS))
		mnl_attr_for_each_nested (nla, a->tb[CTRL_ATTR_MCAST_GROUPS])
			nl_on_group(nla, nl);
	return 0;
}

_maybe_unused_ static int nl_socket(struct nl *nl)
{
	int on = 1;

	memset(nl, 0, sizeof(*nl));
	nl->sk = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->sk)
		return -errno;
	if (mnl_socket_bind(nl->sk, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(nl->sk, NETLINK_EXT_ACK, &on, sizeof(on)) < 0 ||
	    mnl_socket_setsockopt(nl->sk, NETLINK_CAP_ACK, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

/* A socket, and the family's numbers. */
_maybe_unused_ static int nl_open(struct nl *nl)
{
	int r = nl_socket(nl);

	return r < 0 ? r : resolve(nl, NULL);
}

_maybe_unused_ static void nl_close(struct nl *nl)
{
	if (nl->sk)
		mnl_socket_close(nl->sk);
	nl->sk = NULL;
}

_maybe_unused_ static int join(struct nl *nl, uint32_t group)
{
	return mnl_socket_setsockopt(nl->sk, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0
		       ? -errno
		       : 0;
}

_maybe_unused_ static int leave(struct nl *nl, uint32_t group)
{
	return mnl_socket_setsockopt(nl->sk, NETLINK_DROP_MEMBERSHIP, &group, sizeof(group)) < 0
		       ? -errno
		       : 0;
}

/*
 * The next notification on a socket that makes no requests. Return: 0,
 * -ETIMEDOUT, -ENOBUFS, ...
 */
_maybe_unused_ static int next_event(struct nl *nl, struct nl_answer *a, int timeout_ms)
{
	char buf[8192] __attribute__((aligned(8)));
	ssize_t got = nl_receive(nl, buf, sizeof(buf), timeout_ms);

	if (got < 0)
		return (int)got;
	nl_copy((struct nlmsghdr *)buf, a);
	return 0;
}

/* Drops what has arrived. */
_maybe_unused_ static void drain(struct nl *nl)
{
	static struct nl_answer a;

	while (next_event(nl, &a, 0) != -ETIMEDOUT)
		;
}

/*
 * Until there is no level, nor what would raise one again; nothing of before is left in
 * @events then. Return: 0, or a negative errno.
 */
_maybe_unused_ static int wait_quiet(struct nl *requests, struct nl *events,
				     struct nl_answer *state)
{
	uint64_t end = now_ns() + 60 * NSEC_PER_SEC;
	int r;

	do {
		if (now_ns() >= end)
			return -ETIMEDOUT;
		sleep_ms(200);
		r = ask(requests, DYNMEM_CMD_PRESSURE_GET, state);
		if (r)
			return r;
	} while (get(state, DYNMEM_A_PRESSURE_LEVEL) != DYNMEM_LEVEL_NONE ||
		 get(state, DYNMEM_A_PRESSURE_REFAULT_SHARE));
	drain(events);
	return 0;
}

#endif
