/* SPDX-License-Identifier: GPL-2.0 */
/* What a process costs the host, from /proc. */
#ifndef DYNMEMD_COST_H
#define DYNMEMD_COST_H

#include <stdbool.h>
#include <sys/types.h>

#include "policy/policy.h"

/**
 * struct cost - open files of one process: reading anew is one pread() each
 *
 * They keep naming the process that they were opened for: of a PID that was
 * taken by another process nothing is read.
 */
struct cost {
	int statm;
	int status;
	int stat;
	int ksm;
};

/** cost_init() - nothing open */
void cost_init(struct cost *c);

/**
 * cost_open() - open the files of a process
 * @proc: "/proc", or a folder that looks like it
 * @pid: 0: unknown, then cost_read() finds nothing
 *
 * What cannot be opened is left out later.
 */
void cost_open(struct cost *c, const char *proc, pid_t pid);

/**
 * cost_read() - read it
 * @with_swap: also how much of it is swapped out, which is read from a
 *	slower file
 * @ret: @present says what was found, possibly nothing
 *
 * Allocates nothing.
 */
void cost_read(const struct cost *c, bool with_swap,
	       struct policy_guest_host_sample *ret);

/** cost_close() - close the files */
void cost_close(struct cost *c);

#endif
