// SPDX-License-Identifier: LGPL-2.1-or-later
/* Requests to the family, which may come and go between two of them. */
#include <errno.h>

#include "internal.h"

/**
 * dn_request_build() - start a request to the family, in d->request
 * @d: the handle
 * @cmd: DYNMEM_CMD_...
 * @flags: NLM_F_ACK or NLM_F_DUMP
 *
 * Return: 0, -ENODEV if the family is not there, or another negative errno.
 */
int dn_request_build(struct dynmem *d, uint8_t cmd, int flags)
{
	int r;

	/* It may have come without an event having been read. */
	if (!d->family.id) {
		r = dn_family_recheck(d);
		if (r < 0)
			return r;
		if (!d->family.id)
			return dn_fail(d, -ENODEV, NULL);
	}
	return dn_message_build(d, d->request, d->family.id, cmd, flags);
}

/**
 * dn_request_run() - send d->request, read all answers
 * @d: the handle
 * @fn: called for each answer until it does not return 0
 * @arg: passed on to @fn
 *
 * Return: 0, what @fn returned, or a negative errno; -ENODEV if the family is
 * gone.
 */
int dn_request_run(struct dynmem *d, answer_fn fn, void *arg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(d->request);
	int r, result = 0;

	for (int try = 0; try < 2; try++) {
		r = dn_transact(d, d->request, fn, arg, &result);
		if (result != 0)
			return result == -EBADMSG ? dn_fail(d, result, NULL) : result;
		if (r != -ENOENT || d->error_explained)
			return r;

		/*
		 * Generic netlink knows no family of this number: it is gone,
		 * or was loaded anew and has another one.
		 */
		r = dn_family_recheck(d);
		if (r < 0)
			return r;
		if (d->family.id == nlh->nlmsg_type)
			return dn_fail(d, -ENOENT, NULL);
		if (!d->family.id)
			break;
		nlh->nlmsg_type = d->family.id;
		nlh->nlmsg_seq = ++d->seq;
	}
	return dn_fail(d, -ENODEV, NULL);
}
