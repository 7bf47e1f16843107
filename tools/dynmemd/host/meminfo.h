/* SPDX-License-Identifier: GPL-2.0 */
/* The host's memory, from /proc. */
#ifndef DYNMEMD_HOST_H
#define DYNMEMD_HOST_H

#include <stdint.h>

/**
 * struct host - the host's memory, bytes
 * @total: MemTotal
 * @hugetlb: of @total, pools of huge pages
 * @arc_size: of ZFS's cache, 0 if there is none
 * @arc_min: what that does not go below
 */
struct host {
	const char *proc;
	int meminfo;
	int arcstats;

	uint64_t total;
	uint64_t hugetlb;
	uint64_t free;
	uint64_t available;
	uint64_t swap_total;
	uint64_t swap_free;
	uint64_t arc_size;
	uint64_t arc_min;
};

/**
 * host_open() - open the files
 * @proc: "/proc", or a folder that looks like it; the string has to live as long
 *
 * Return: 0, or why meminfo cannot be read.
 */
int host_open(struct host *h, const char *proc);

/**
 * host_read() - read anew; allocates nothing
 *
 * Return: 0, or a negative errno: then all figures are those of before.
 */
int host_read(struct host *h);

void host_close(struct host *h);

#endif
