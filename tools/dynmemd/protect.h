/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DYNMEMD_PROTECT_H
#define DYNMEMD_PROTECT_H

/**
 * protect_self() - be able to run when there is no memory
 *
 * Locks the daemon in memory and keeps the OOM killer away from it. What is
 * not permitted is logged, and the daemon runs without it.
 */
void protect_self(void);

/**
 * protect_files() - be able to open files for thousands of guests
 *
 * A socket, four files of /proc and a cgroup's folder are open for each.
 */
void protect_files(void);

#endif
