// SPDX-License-Identifier: LGPL-2.1-or-later
/* The handle: its sockets and its life. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <netlink/genl/ctrl.h>

#include "internal.h"

/*
 * The group on which the generic netlink controller reports that families come
 * and go; its number is fixed (genetlink.c: genl_validate_assign_mc_groups).
 */
#define NOTIFY_GROUP GENL_ID_CTRL

/* libnl has error numbers of its own; these are the ones of a new socket. */
static int from_nl(int r)
{
	return -r == NLE_NOMEM ? -ENOMEM : errno > 0 ? -errno : -EIO;
}

static int socket_open(struct nl_sock **ret)
{
	struct nl_sock *sk;
	int r;

	sk = nl_socket_alloc();
	if (!sk)
		return -ENOMEM;

	errno = 0;
	r = genl_connect(sk);
	if (r < 0) {
		r = from_nl(r);
		nl_socket_free(sk);
		return r;
	}
	*ret = sk;
	return 0;
}

/* Neither of these is worth failing for: they make errors and loss rarer. */
static void socket_tune(struct dynmem *d)
{
	int fd = nl_socket_get_fd(d->events), size = EVENT_BUFFER_SIZE, on = 1;

	/* FORCE passes net.core.rmem_max, but wants CAP_NET_ADMIN. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));

	fd = nl_socket_get_fd(d->requests);
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
}

static int handle_init(struct dynmem *d, unsigned int flags)
{
	struct family family;
	int r;

	d->request = nlmsg_alloc();
	d->lookup = nlmsg_alloc();
	if (!d->request || !d->lookup)
		return -ENOMEM;

	r = socket_open(&d->events);
	if (r < 0)
		return r;
	r = socket_open(&d->requests);
	if (r < 0)
		return r;
	socket_tune(d);

	/* First listen, then ask: what comes in between is reported twice. */
	errno = 0;
	r = nl_socket_add_membership(d->events, NOTIFY_GROUP);
	if (r < 0)
		return from_nl(r);
	r = dn_family_lookup(d, !(flags & DYNMEM_OPEN_NO_LOAD), &family);
	if (r < 0)
		return r;
	dn_family_changed(d, &family);
	return 0;
}

_public_ int dynmem_open(struct dynmem **ret, unsigned int flags)
{
	struct dynmem *d;
	int r;

	if (flags & ~DYNMEM_OPEN_NO_LOAD)
		return -EINVAL;

	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;

	r = handle_init(d, flags);
	if (r < 0) {
		dynmem_close(d);
		return r;
	}
	*ret = d;
	return 0;
}

_public_ void dynmem_close(struct dynmem *d)
{
	if (!d)
		return;
	nl_socket_free(d->events);
	nl_socket_free(d->requests);
	nlmsg_free(d->request);
	nlmsg_free(d->lookup);
	free(d);
}

_public_ int dynmem_fd(const struct dynmem *d)
{
	return nl_socket_get_fd(d->events);
}

_public_ bool dynmem_present(const struct dynmem *d)
{
	return d->family.id != 0;
}

_public_ void dynmem_get_stats(const struct dynmem *d, struct dynmem_stats *ret)
{
	*ret = d->stats;
}
