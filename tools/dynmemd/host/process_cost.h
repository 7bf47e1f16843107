/* SPDX-License-Identifier: GPL-2.0 */
/* What a process costs the host, from /proc. */
#ifndef DYNMEMD_COST_H
#define DYNMEMD_COST_H

#include <stdbool.h>
#include <sys/types.h>

#include "dynmemd/host/ksm_sysfs.h"
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
 *
 * Return: 0; -EMFILE: too many files are open, and none of these is.
 */
int cost_open(struct cost *c, const char *proc, pid_t pid);

/**
 * enum cost_field - what to read besides what is resident; each costs a read
 * @COST_SWAP: what is swapped out, and in huge pages of pools
 * @COST_CPU: CPU time of all its threads, the dearest
 */
enum cost_field {
	COST_SWAP = 1,
	COST_CPU = 2,
};

/**
 * cost_read() - read
 * @fields: enum cost_field bits
 * @ksm: of the host, for what KSM saves in the process; NULL: that is left out
 * @ret: @present says what was found, possibly nothing
 *
 * Allocates nothing.
 */
void cost_read(const struct cost *c, unsigned int fields, const struct ksm_pages *ksm,
	       struct guest_record *ret);

/**
 * cost_mapped() - what the process has mapped, bytes
 *
 * Return: UINT64_MAX where that is not known.
 */
uint64_t cost_mapped(const struct cost *c);

/**
 * cost_start() - when the process started, clock ticks since boot
 *
 * Return: 0 where that is not known.
 */
uint64_t cost_start(const struct cost *c);

/**
 * cost_unmergeable() - why KSM cannot merge the process's memory
 *
 * Judged by what is resident, so of a process that has just started not much
 * is known. Return: half a sentence that lives for ever; NULL: nothing speaks
 * against it.
 */
const char *cost_unmergeable(const struct cost *c);

/** cost_close() - close the files */
void cost_close(struct cost *c);

#endif
