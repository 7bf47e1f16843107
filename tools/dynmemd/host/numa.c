// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "dynmemd/host/numa.h"
#include "dynmemd/host/procfile.h"

void numa_open(struct numa *n)
{
	*n = (struct numa){ 0 };
	while (n->nodes < RECORD_NODES_MAX) {
		int fd = proc_open(O_RDONLY, "/sys/devices/system/node/node%u/meminfo", n->nodes);

		if (fd < 0)
			return;
		n->meminfo[n->nodes++] = fd;
	}
}

/* "Node 0 MemFree:  123 kB": there is no MemAvailable of a node. */
static bool read_node(int fd, struct host_node *ret)
{
	uint64_t free, active, inactive, slab;
	char buf[4096];

	if (proc_read(fd, buf, sizeof(buf)) <= 0)
		return false;
	/* Lines as in /proc/meminfo, but for what stands before them. */
	for (char *p = strstr(buf, "Node "); p; p = strstr(p, "Node ")) {
		size_t prefix = strlen("Node ") + strspn(p + 5, "0123456789") + 1;

		memmove(p, p + prefix, strlen(p + prefix) + 1);
	}
	if (!proc_kib(buf, "MemTotal:", &ret->total) || !proc_kib(buf, "MemFree:", &free) ||
	    !proc_kib(buf, "Active(file):", &active) ||
	    !proc_kib(buf, "Inactive(file):", &inactive) || !proc_kib(buf, "SReclaimable:", &slab))
		return false;
	ret->available = MIN(free + active + inactive + slab, ret->total);
	return true;
}

void numa_read(const struct numa *n, struct host_record *into)
{
	for (unsigned int i = 0; i < n->nodes; i++)
		if (!read_node(n->meminfo[i], &into->node[i]))
			return;
	if (!n->nodes)
		return;
	into->nodes = n->nodes;
	into->present |= HOST_HAS_NODES;
}

void numa_close(struct numa *n)
{
	while (n->nodes)
		closep(&n->meminfo[--n->nodes]);
}
