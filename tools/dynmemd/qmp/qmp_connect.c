// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "dynmemd/qmp/qmp_client.h"
#include "common/util.h"

/*
 * A socket's address holds 107 characters and folders of guests are often
 * deeper: a longer path is reached through a descriptor of the socket file.
 */
static int fill_address(struct sockaddr_un *addr, const char *path, int *ret_pathfd)
{
	size_t size = strlen(path) + 1;

	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (size <= sizeof(addr->sun_path)) {
		memcpy(addr->sun_path, path, size);
		return 0;
	}
	*ret_pathfd = open(path, O_PATH | O_CLOEXEC);
	if (*ret_pathfd < 0)
		return -errno;
	snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d", *ret_pathfd);
	return 0;
}

int qmp_connect(int *ret_fd, const char *path)
{
	_cleanup_(closep) int pathfd = -1;
	struct sockaddr_un addr;
	int fd, r;

	r = fill_address(&addr, path, &pathfd);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}
