// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One message at a time: build, send, read the answers.
 *
 * Not with libnl's own receive functions: they allocate for every message, and
 * turn the kernel's errno into numbers of which several mean the same.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/netlink.h>
#include <netlink/attr.h>

#include "internal.h"

/**
 * dn_message_build() - start a message
 * @d: the handle
 * @msg: where; its former content is dropped
 * @type: number of the family that it is for
 * @cmd: command
 * @flags: NLM_F_ACK or NLM_F_DUMP
 *
 * Return: 0, -EBUSY, -ENOMEM.
 */
int dn_message_build(struct dynmem *d, struct nl_msg *msg, uint16_t type, uint8_t cmd, int flags)
{
	if (d->busy)
		return dn_fail(d, -EBUSY, NULL);

	nlmsg_hdr(msg)->nlmsg_len = NLMSG_HDRLEN;
	if (!genlmsg_put(msg, 0, ++d->seq, type, 0, NLM_F_REQUEST | flags, cmd,
			 DYNMEM_FAMILY_VERSION))
		return dn_fail(d, -ENOMEM, NULL);
	return 0;
}

static int send_message(struct dynmem *d, struct nl_msg *msg)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const struct nlmsghdr *nlh = nlmsg_hdr(msg);
	ssize_t n;

	do {
		n = sendto(nl_socket_get_fd(d->requests), nlh, nlh->nlmsg_len, 0,
			   (const struct sockaddr *)&kernel, sizeof(kernel));
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/**
 * dn_receive() - one datagram of the kernel, without waiting
 * @sk: the socket
 * @buffer: BUFFER_SIZE bytes
 * @ret_len: bytes in the datagram
 *
 * Return: 1: a datagram; 0: there is none; -ENOBUFS: some were dropped;
 * -EMSGSIZE: this one was too long; or what recvmsg(2) says.
 */
int dn_receive(struct nl_sock *sk, void *buffer, int *ret_len)
{
	struct sockaddr_nl from = {};
	struct iovec iov = { buffer, BUFFER_SIZE };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	ssize_t n;

	for (;;) {
		n = recvmsg(nl_socket_get_fd(sk), &msg, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		/* Root may send to us, too; only the kernel is believed. */
		if (from.nl_pid != 0) {
			msg.msg_namelen = sizeof(from);
			continue;
		}
		if (msg.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		*ret_len = n;
		return 1;
	}
}

static int now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int)(ts.tv_sec % 1000000 * 1000 + ts.tv_nsec / 1000000);
}

/* The next datagram of an answer; its length or a negative errno. */
static int wait_answer(struct dynmem *d)
{
	struct pollfd fd = { nl_socket_get_fd(d->requests), POLLIN, 0 };
	int start = now_ms(), len = 0, r;

	for (;;) {
		int left = DYNMEM_TIMEOUT_MS - (now_ms() - start);

		r = dn_receive(d->requests, d->request_buffer, &len);
		if (r != 0)
			return r < 0 ? r : len;
		/* Also when the clock above wrapped, once in 12 days. */
		if (left <= 0 || left > DYNMEM_TIMEOUT_MS)
			return -ETIMEDOUT;
		if (poll(&fd, 1, left) < 0 && errno != EINTR)
			return -errno;
	}
}

/* The type of the attribute that begins at this offset of our message. */
static unsigned int attr_at(const struct nl_msg *msg, uint32_t offset)
{
	const struct nlmsghdr *nlh = nlmsg_hdr((struct nl_msg *)msg);
	const struct nlattr *nla;
	int rest;

	nla_for_each_attr (nla, nlmsg_attrdata(nlh, GENL_HDRLEN), nlmsg_attrlen(nlh, GENL_HDRLEN),
			   rest) {
		if ((const char *)nla - (const char *)nlh == offset)
			return nla_type(nla);
	}
	return 0;
}

/*
 * The kernel sends the policy of an attribute that is out of range: its limits
 * are what the reader of the refusal wants to know.
 */
static void add_range(struct dynmem *d, struct nlattr *policy)
{
	struct nlattr *tb[NL_POLICY_TYPE_ATTR_MAX + 1], *min, *max;
	size_t len = strlen(d->error);

	if (nla_parse_nested(tb, NL_POLICY_TYPE_ATTR_MAX, policy, NULL) < 0)
		return;
	min = tb[NL_POLICY_TYPE_ATTR_MIN_VALUE_U];
	max = tb[NL_POLICY_TYPE_ATTR_MAX_VALUE_U];
	if (min && max && nla_len(min) == sizeof(uint64_t) && nla_len(max) == sizeof(uint64_t))
		snprintf(d->error + len, sizeof(d->error) - len, ": must be %llu to %llu",
			 (unsigned long long)nla_get_u64(min),
			 (unsigned long long)nla_get_u64(max));
}

/* A refusal, with the kernel's words about it, if it has any. */
static int refused(struct dynmem *d, const struct nl_msg *msg, const struct nlmsghdr *nlh,
		   int error, int skip)
{
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	const char *text = NULL;
	int r;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || nlmsg_attrlen(nlh, skip) < 0 ||
	    nla_parse(tb, NLMSGERR_ATTR_MAX, nlmsg_attrdata(nlh, skip), nlmsg_attrlen(nlh, skip),
		      NULL) < 0)
		return dn_fail(d, error, NULL);

	if (tb[NLMSGERR_ATTR_MSG] && nla_len(tb[NLMSGERR_ATTR_MSG]) > 0) {
		/* The kernel terminates it; do not depend on that. */
		text = nla_data(tb[NLMSGERR_ATTR_MSG]);
		((char *)text)[nla_len(tb[NLMSGERR_ATTR_MSG]) - 1] = '\0';
	}
	r = dn_fail(d, error, text);

	if (text && tb[NLMSGERR_ATTR_POLICY])
		add_range(d, tb[NLMSGERR_ATTR_POLICY]);
	d->error_explained = text != NULL;
	if (tb[NLMSGERR_ATTR_OFFS] && nla_len(tb[NLMSGERR_ATTR_OFFS]) == sizeof(uint32_t))
		d->error_attr = attr_at(msg, nla_get_u32(tb[NLMSGERR_ATTR_OFFS]));
	return r;
}

/* NLMSG_ERROR: an error, or 0 as an acknowledgement. */
static int on_error(struct dynmem *d, const struct nl_msg *msg, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = nlmsg_data(nlh);
	int skip = sizeof(*e);

	if (nlmsg_datalen(nlh) < skip || e->error > 0)
		return dn_fail(d, -EBADMSG, NULL);
	if (e->error == 0)
		return 0;
	/* Our request comes back behind it, unless it was left out. */
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED)) {
		if (e->msg.nlmsg_len < NLMSG_HDRLEN ||
		    e->msg.nlmsg_len > (uint32_t)nlmsg_datalen(nlh))
			return dn_fail(d, e->error, NULL);
		skip += (int)e->msg.nlmsg_len - NLMSG_HDRLEN;
	}
	return refused(d, msg, nlh, e->error, skip);
}

/* NLMSG_DONE: the end of a dump, good or bad. */
static int on_done(struct dynmem *d, const struct nl_msg *msg, const struct nlmsghdr *nlh)
{
	int error;

	if (nlmsg_datalen(nlh) < (int)sizeof(error))
		return 0;
	memcpy(&error, nlmsg_data(nlh), sizeof(error));
	return error < 0 ? refused(d, msg, nlh, error, sizeof(error)) : 0;
}

/**
 * dn_transact() - send a message and read all that the kernel answers
 * @d: the handle
 * @msg: the message, by dn_message_build()
 * @fn: called for each answer until it does not return 0
 * @arg: passed on to @fn
 * @ret_result: what @fn returned last; 0 if it was never called
 *
 * All answers are read in any case: the next request would find the rest.
 *
 * Return: 0 once the kernel says that it is done; -EAGAIN if it also says
 * that a dump was disturbed; else its refusal, -ETIMEDOUT, -EBADMSG, or what
 * the socket says. @ret_result is set in any case.
 */
int dn_transact(struct dynmem *d, struct nl_msg *msg, answer_fn fn, void *arg, int *ret_result)
{
	const struct nlmsghdr *request = nlmsg_hdr(msg), *nlh;
	bool disturbed = false, done = false;
	int r, len;

	*ret_result = 0;
	d->busy = true;
	r = send_message(d, msg);
	if (r < 0)
		dn_fail(d, r, NULL);

	while (r == 0 && !done) {
		len = wait_answer(d);
		if (len < 0) {
			r = dn_fail(d, len, NULL);
			break;
		}
		nlh = (const struct nlmsghdr *)d->request_buffer;
		for (; r == 0 && !done && nlmsg_ok(nlh, len);
		     nlh = nlmsg_next((struct nlmsghdr *)nlh, &len)) {
			/* The late answer to one that had timed out. */
			if (nlh->nlmsg_seq != request->nlmsg_seq)
				continue;
			if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
				disturbed = true;
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				r = on_error(d, msg, nlh);
				done = true;
			} else if (nlh->nlmsg_type == NLMSG_DONE) {
				r = on_done(d, msg, nlh);
				done = true;
			} else if (nlh->nlmsg_type == request->nlmsg_type && *ret_result == 0) {
				*ret_result = fn(d, nlh, arg);
			}
		}
	}
	d->busy = false;
	if (r == 0 && disturbed)
		r = dn_fail(
			d, -EAGAIN,
			"the list changed while it was read; entries may be doubled or missing");
	return r;
}
