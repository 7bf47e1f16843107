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
 * protect_stdio() - keep the log out of other files, and its end from ending us
 *
 * Whoever starts the daemon may have closed what it logs to: the next file that is
 * opened, such as a guest's monitor, would get the log. And a log whose reader has
 * ended would end the daemon by SIGPIPE.
 */
void protect_stdio(void);

/**
 * protect_files() - be able to open files for thousands of guests
 *
 * A socket, four files of /proc and a cgroup's folder are open for each.
 */
void protect_files(void);

/**
 * protect_capabilities() - give up what the daemon does not need of root's
 *
 * For good, and before the first thread: each has its own. Kept are
 * CAP_DAC_OVERRIDE: monitors, cgroups and counters of QEMUs that run as other
 * users; CAP_SYS_RESOURCE: PSI triggers of a second, oom_score_adj;
 * CAP_IPC_LOCK: memory that is locked later.
 *
 * Return: 0 or a negative errno.
 */
int protect_capabilities(void);

#endif
