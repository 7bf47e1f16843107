/* SPDX-License-Identifier: GPL-2.0 */
/* Programs that are no guests, and whose memory KSM takes. */
#ifndef DYNMEMD_KSM_PROGRAM_H
#define DYNMEMD_KSM_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct ksm_program - one of them
 * @name: printable
 * @slice: the innermost slice of its cgroup, printable; "-.slice", the root, where there
 *	is none
 */
struct ksm_program {
	pid_t pid;
	char name[32], slice[64];
};

/** ksm_program_skip_t - whether a process is left out, as it is a guest */
typedef bool (*ksm_program_skip_t)(const void *userdata, pid_t pid);

/**
 * ksm_program_find() - the first one outside a slice
 * @proc: /proc, or a folder that looks like it
 * @slice: whose programs are left out
 *
 * Reads a file of each process. Return: false: there is none.
 */
bool ksm_program_find(const char *proc, const char *slice, ksm_program_skip_t skip,
		      const void *userdata, struct ksm_program *ret);

#endif
