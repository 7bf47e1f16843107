/* SPDX-License-Identifier: GPL-2.0 */
/* The host's NUMA nodes, from sysfs. */
#ifndef DYNMEMD_NUMA_H
#define DYNMEMD_NUMA_H

#include "policy/record.h"

struct numa {
	unsigned int nodes;
	int meminfo[RECORD_NODES_MAX];
};

/** numa_open() - the first nodes; none where the kernel has no NUMA */
void numa_open(struct numa *n);

/** numa_read() - fill in the nodes, if there are any. Allocates nothing */
void numa_read(const struct numa *n, struct host_record *into);

void numa_close(struct numa *n);

#endif
