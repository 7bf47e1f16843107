/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kernel for libdynmem's tests: the system calls that the library makes are
 * defined here, in the program, and so take the place of libc's. One thread,
 * no waiting: what would sleep moves the clock instead.
 *
 * It behaves as the module's contract says, and breaks it where a test asks
 * for that. Include it in one file of a program only.
 */
#ifndef LIB_FAKE_KERNEL_H
#define LIB_FAKE_KERNEL_H

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "lib/internal.h"

/* What only some of the programs need. */
#define _unused_ __attribute__((unused))

#define QUEUE_MAX	 64
#define FAKE_MESSAGE_MAX 4096

/* A datagram, or an errno in place of one. */
struct datagram {
	int error;
	uint32_t from;
	int len;
	char data[FAKE_MESSAGE_MAX] __attribute__((aligned(8)));
};

struct queue {
	struct datagram items[QUEUE_MAX];
	int head, tail;
};

static struct fake {
	int events_fd; /* known once it joins the controller's group */
	struct queue events, answers;

	/* The module. */
	uint16_t family; /* 0: not loaded */
	uint32_t pressure_group, ksm_group;
	uint64_t pressure_seq, ksm_seq, since;

	/* What was seen. */
	bool in_pressure, in_ksm;
	int by_name, lists, gets, eintr_seen;
	uint8_t last_cmd;
	char last[FAKE_MESSAGE_MAX] __attribute__((aligned(8)));

	/* What to do wrong. */
	int refuse; /* errno of the next request to the family */
	const char *refuse_text;
	uint32_t refuse_offset;
	bool refuse_echo; /* the request comes back with the refusal */
	bool mute;	  /* do not answer */
	int send_error, eintr;
	bool disturbed; /* a dump was */
	int done_error;
	int entries;	/* of a dump */
	bool malformed; /* answers */
	int64_t clock_ms;

	/* Spoils a datagram of @len bytes on its way; returns its new length. */
	int (*spoil)(void *room, size_t size, int len);
} fake;

static struct datagram *queue_add(struct queue *q)
{
	struct datagram *d = &q->items[q->tail++ % QUEUE_MAX];

	assert_true(q->tail - q->head <= QUEUE_MAX);
	memset(d, 0, sizeof(*d));
	return d;
}

/* Building messages; lengths are ours, so that they can be wrong. */
static struct nlmsghdr *fake_begin(struct datagram *d, uint16_t type, uint16_t flags, uint32_t seq,
				   uint8_t cmd)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)(d->data + d->len);
	struct genlmsghdr *gnlh = NLMSG_DATA(nlh);

	nlh->nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	nlh->nlmsg_seq = seq;
	gnlh->cmd = cmd;
	gnlh->version = 1;
	return nlh;
}

static struct nlattr *fake_attr(struct nlmsghdr *nlh, uint16_t type, const void *data, size_t len)
{
	struct nlattr *nla = (struct nlattr *)((char *)nlh + NLMSG_ALIGN(nlh->nlmsg_len));

	nla->nla_type = type;
	nla->nla_len = (uint16_t)(NLA_HDRLEN + len);
	if (len)
		memcpy((char *)nla + NLA_HDRLEN, data, len);
	nlh->nlmsg_len = NLMSG_ALIGN(nlh->nlmsg_len) + (uint32_t)NLA_ALIGN(nla->nla_len);
	return nla;
}

static void fake_u32(struct nlmsghdr *nlh, uint16_t type, uint32_t v)
{
	fake_attr(nlh, type, &v, sizeof(v));
}

static void fake_u64(struct nlmsghdr *nlh, uint16_t type, uint64_t v)
{
	fake_attr(nlh, type, &v, sizeof(v));
}

static void fake_string(struct nlmsghdr *nlh, uint16_t type, const char *s)
{
	fake_attr(nlh, type, s, strlen(s) + 1);
}

static void fake_end(struct datagram *d, struct nlmsghdr *nlh)
{
	d->len += (int)NLMSG_ALIGN(nlh->nlmsg_len);
}

static void fake_group(struct nlmsghdr *nlh, struct nlattr *list, const char *name, uint32_t id)
{
	struct nlattr *nest = fake_attr(nlh, 1, NULL, 0);

	fake_string(nlh, CTRL_ATTR_MCAST_GRP_NAME, name);
	fake_u32(nlh, CTRL_ATTR_MCAST_GRP_ID, id);
	nest->nla_len = (uint16_t)((char *)nlh + nlh->nlmsg_len - (char *)nest);
	list->nla_len = (uint16_t)((char *)nlh + nlh->nlmsg_len - (char *)list);
}

/* The controller's words about a family. */
static void fake_family(struct datagram *d, uint8_t cmd, const char *name, uint16_t id,
			uint16_t flags, uint32_t seq)
{
	struct nlmsghdr *nlh = fake_begin(d, GENL_ID_CTRL, flags, seq, cmd);
	struct nlattr *list;

	fake_string(nlh, CTRL_ATTR_FAMILY_NAME, name);
	fake_attr(nlh, CTRL_ATTR_FAMILY_ID, &id, sizeof(id));
	fake_u32(nlh, CTRL_ATTR_VERSION, DYNMEM_FAMILY_VERSION);
	if (id == fake.family) {
		list = fake_attr(nlh, CTRL_ATTR_MCAST_GROUPS, NULL, 0);
		fake_group(nlh, list, DYNMEM_MCGRP_KSM, fake.ksm_group);
		fake_group(nlh, list, "unheard-of", 99);
		fake_group(nlh, list, DYNMEM_MCGRP_PRESSURE, fake.pressure_group);
	}
	fake_end(d, nlh);
}

static void fake_load(uint16_t id, bool notify)
{
	static uint64_t loads;

	fake.family = id;
	fake.pressure_group = id + 100U;
	fake.ksm_group = id + 200U;
	fake.pressure_seq = fake.ksm_seq = 0;
	fake.since = ++loads;
	fake.in_pressure = fake.in_ksm = false;
	if (notify)
		fake_family(queue_add(&fake.events), CTRL_CMD_NEWFAMILY, DYNMEM_FAMILY_NAME, id, 0,
			    0);
}

static void fake_unload(bool notify)
{
	if (notify)
		fake_family(queue_add(&fake.events), CTRL_CMD_DELFAMILY, DYNMEM_FAMILY_NAME,
			    fake.family, 0, 0);
	fake.family = 0;
	fake.in_pressure = fake.in_ksm = false;
}

static void fake_head(struct nlmsghdr *nlh, uint64_t seq)
{
	struct nlattr *nest = fake_attr(nlh, NLA_F_NESTED | DYNMEM_A_PRESSURE_HEAD, NULL, 0);

	fake_u64(nlh, DYNMEM_A_HEAD_SEQ, seq);
	fake_u64(nlh, DYNMEM_A_HEAD_SINCE, fake.since);
	nest->nla_len = (uint16_t)((char *)nlh + nlh->nlmsg_len - (char *)nest);
}

static void fake_pressure(struct nlmsghdr *nlh, uint32_t event)
{
	fake_head(nlh, fake.pressure_seq);
	if (event)
		fake_u32(nlh, DYNMEM_A_PRESSURE_EVENT, event);
	fake_u32(nlh, DYNMEM_A_PRESSURE_LEVEL, DYNMEM_LEVEL_LOW);
	fake_u64(nlh, DYNMEM_A_PRESSURE_STALLS, fake.pressure_seq * 10);
}

static void fake_ksm(struct nlmsghdr *nlh, uint32_t event)
{
	fake_head(nlh, fake.ksm_seq);
	if (event)
		fake_u32(nlh, DYNMEM_A_KSM_EVENT, event);
	fake_u64(nlh, DYNMEM_A_KSM_FULL_SCANS, fake.ksm_seq * 2);
}

/* A notification happens; it reaches the socket unless it is lost. */
_unused_ static void fake_notify_pressure(bool lost)
{
	struct datagram *d;
	struct nlmsghdr *nlh;

	fake.pressure_seq++;
	if (lost || !fake.in_pressure)
		return;
	d = queue_add(&fake.events);
	nlh = fake_begin(d, fake.family, 0, 0, DYNMEM_CMD_PRESSURE_NTF);
	fake_pressure(nlh, DYNMEM_PRESSURE_EVENT_STALL);
	fake_end(d, nlh);
}

_unused_ static void fake_notify_ksm(bool lost)
{
	struct datagram *d;
	struct nlmsghdr *nlh;

	fake.ksm_seq++;
	if (lost || !fake.in_ksm)
		return;
	d = queue_add(&fake.events);
	nlh = fake_begin(d, fake.family, 0, 0, DYNMEM_CMD_KSM_NTF);
	fake_ksm(nlh, DYNMEM_KSM_EVENT_SCAN);
	fake_end(d, nlh);
}

_unused_ static void fake_overrun(void)
{
	queue_add(&fake.events)->error = ENOBUFS;
}

/* NLMSG_ERROR, with an extended acknowledgement if there is a text. */
static void fake_error(const struct nlmsghdr *request, int error)
{
	struct datagram *d = queue_add(&fake.answers);
	struct nlmsghdr *nlh = (struct nlmsghdr *)d->data;
	struct nlmsgerr *e = NLMSG_DATA(nlh);

	nlh->nlmsg_type = NLMSG_ERROR;
	nlh->nlmsg_seq = request->nlmsg_seq;
	nlh->nlmsg_len = NLMSG_LENGTH(sizeof(*e));
	nlh->nlmsg_flags = NLM_F_CAPPED;
	e->error = -error;
	e->msg = *request;
	if (error && fake.refuse_echo) {
		nlh->nlmsg_flags = 0;
		nlh->nlmsg_len += request->nlmsg_len - NLMSG_HDRLEN;
		memcpy(&e->msg, request, request->nlmsg_len);
	}
	if (error && fake.refuse_text) {
		nlh->nlmsg_flags |= NLM_F_ACK_TLVS;
		nlh->nlmsg_len = NLMSG_ALIGN(nlh->nlmsg_len);
		fake_string(nlh, NLMSGERR_ATTR_MSG, fake.refuse_text);
		if (fake.refuse_offset)
			fake_u32(nlh, NLMSGERR_ATTR_OFFS, fake.refuse_offset);
	}
	fake_end(d, nlh);
}

static void fake_done(const struct nlmsghdr *request)
{
	struct datagram *d = queue_add(&fake.answers);
	struct nlmsghdr *nlh = (struct nlmsghdr *)d->data;

	nlh->nlmsg_type = NLMSG_DONE;
	nlh->nlmsg_flags = NLM_F_MULTI;
	nlh->nlmsg_seq = request->nlmsg_seq;
	nlh->nlmsg_len = NLMSG_LENGTH(sizeof(int));
	*(int *)NLMSG_DATA(nlh) = fake.done_error;
	fake_end(d, nlh);
}

static void fake_controller(const struct nlmsghdr *nlh)
{
	struct datagram *d;

	if (nlh->nlmsg_flags & NLM_F_DUMP) {
		fake.lists++;
		d = queue_add(&fake.answers);
		fake_family(d, CTRL_CMD_NEWFAMILY, "nlctrl", GENL_ID_CTRL, NLM_F_MULTI,
			    nlh->nlmsg_seq);
		if (fake.family)
			fake_family(d, CTRL_CMD_NEWFAMILY, DYNMEM_FAMILY_NAME, fake.family,
				    NLM_F_MULTI, nlh->nlmsg_seq);
		fake_family(d, CTRL_CMD_NEWFAMILY, "dynmem2", 77, NLM_F_MULTI, nlh->nlmsg_seq);
		fake_done(nlh);
		return;
	}
	fake.by_name++;
	if (!fake.family) {
		fake_error(nlh, ENOENT);
		return;
	}
	fake_family(queue_add(&fake.answers), CTRL_CMD_NEWFAMILY, DYNMEM_FAMILY_NAME, fake.family,
		    0, nlh->nlmsg_seq);
	fake_error(nlh, 0);
}

static void fake_dump(const struct nlmsghdr *request)
{
	for (int i = 0; i < fake.entries; i++) {
		struct datagram *d = queue_add(&fake.answers);
		struct nlmsghdr *nlh;

		nlh = fake_begin(d, fake.family,
				 NLM_F_MULTI | (fake.disturbed ? NLM_F_DUMP_INTR : 0),
				 request->nlmsg_seq, fake.last_cmd);
		fake_u32(nlh, DYNMEM_A_NODE_ID, (uint32_t)i);
		if (fake.malformed)
			fake_string(nlh, DYNMEM_A_NODE_TOTAL, "x");
		fake_end(d, nlh);
	}
	fake_done(request);
}

static void fake_get(const struct nlmsghdr *request)
{
	struct datagram *d;
	struct nlmsghdr *nlh;

	if (fake.last_cmd == DYNMEM_CMD_CONFIG_SET) {
		fake_error(request, 0);
		return;
	}
	d = queue_add(&fake.answers);
	nlh = fake_begin(d, fake.family, 0, request->nlmsg_seq, fake.last_cmd);
	if (fake.malformed)
		fake_string(nlh, DYNMEM_A_KSM_PAGES_TO_SCAN, "x");
	else if (fake.last_cmd == DYNMEM_CMD_PRESSURE_GET)
		fake_pressure(nlh, 0);
	else if (fake.last_cmd == DYNMEM_CMD_KSM_GET)
		fake_ksm(nlh, 0);
	else
		fake_u32(nlh, 1, 42);
	fake_end(d, nlh);
	fake_error(request, 0);
}

static void fake_request(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *gnlh = NLMSG_DATA(nlh);
	int error = fake.refuse;

	memcpy(fake.last, nlh, nlh->nlmsg_len);
	if (fake.mute)
		return;
	if (nlh->nlmsg_type == GENL_ID_CTRL) {
		fake_controller(nlh);
		return;
	}
	fake.last_cmd = gnlh->cmd;
	fake.gets++;
	fake.refuse = 0;
	if (nlh->nlmsg_type != fake.family)
		fake_error(nlh, ENOENT);
	else if (error)
		fake_error(nlh, error);
	else if (nlh->nlmsg_flags & NLM_F_DUMP)
		fake_dump(nlh);
	else
		fake_get(nlh);
}

/* The system calls. */

ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
	       socklen_t addrlen)
{
	(void)fd;
	(void)flags;
	(void)addr;
	(void)addrlen;
	if (fake.eintr > 0) {
		fake.eintr--;
		fake.eintr_seen++;
		errno = EINTR;
		return -1;
	}
	if (fake.send_error) {
		errno = fake.send_error;
		return -1;
	}
	assert_int_equal(((const struct nlmsghdr *)buf)->nlmsg_len, len);
	fake_request(buf);
	return (ssize_t)len;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct queue *q = fd == fake.events_fd ? &fake.events : &fake.answers;
	struct sockaddr_nl *from = msg->msg_name;
	size_t room = msg->msg_iov[0].iov_len;
	struct datagram *d;

	/* The library must never sleep in here. */
	assert_true(flags & MSG_DONTWAIT);
	if (fake.eintr > 0) {
		fake.eintr--;
		fake.eintr_seen++;
		errno = EINTR;
		return -1;
	}
	if (q->head == q->tail) {
		errno = EAGAIN;
		return -1;
	}
	d = &q->items[q->head++ % QUEUE_MAX];
	if (d->error) {
		errno = d->error;
		return -1;
	}
	memset(from, 0, sizeof(*from));
	from->nl_family = AF_NETLINK;
	from->nl_pid = d->from;
	msg->msg_flags = (size_t)d->len > room ? MSG_TRUNC : 0;
	memcpy(msg->msg_iov[0].iov_base, d->data, (size_t)d->len > room ? room : (size_t)d->len);
	if (fake.spoil)
		return fake.spoil(msg->msg_iov[0].iov_base, room, d->len);
	return d->len;
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	assert_int_equal(n, 1);
	assert_int_not_equal(fds[0].fd, fake.events_fd);
	assert_true(timeout > 0);
	fake.clock_ms += timeout;
	return 0;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ts);

	ts->tv_sec += fake.clock_ms / 1000;
	return r;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	uint32_t group;

	if (level != SOL_NETLINK ||
	    (name != NETLINK_ADD_MEMBERSHIP && name != NETLINK_DROP_MEMBERSHIP))
		return 0;
	assert_int_equal(len, sizeof(group));
	memcpy(&group, value, sizeof(group));
	if (group == GENL_ID_CTRL)
		fake.events_fd = fd;
	assert_int_equal(fd, fake.events_fd);
	if (fake.family && group == fake.pressure_group)
		fake.in_pressure = name == NETLINK_ADD_MEMBERSHIP;
	if (fake.family && group == fake.ksm_group)
		fake.in_ksm = name == NETLINK_ADD_MEMBERSHIP;
	return 0;
}

#endif
