/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's thread that merges pages. */
#ifndef DYNMEMD_KSMD_H
#define DYNMEMD_KSMD_H

#include <sys/types.h>

/** ksmd_pid() - of the thread ksmd; 0: there is none */
pid_t ksmd_pid(const char *proc);

#endif
