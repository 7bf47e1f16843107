/* SPDX-License-Identifier: GPL-2.0 */
/* KSM's counters from /sys/kernel/mm/ksm. */
#ifndef DYNMEMD_KSM_SYSFS_H
#define DYNMEMD_KSM_SYSFS_H

#include "policy/policy.h"

#define KSM_SYSFS_FILES 10

struct ksm_sysfs {
	int fd[KSM_SYSFS_FILES];
};

/** ksm_sysfs_open() - what the kernel does not have is left out */
void ksm_sysfs_open(struct ksm_sysfs *k);

/** ksm_sysfs_read() - fill in KSM; nothing on a kernel without it */
void ksm_sysfs_read(const struct ksm_sysfs *k, struct host_record *into);

void ksm_sysfs_close(struct ksm_sysfs *k);

#endif
