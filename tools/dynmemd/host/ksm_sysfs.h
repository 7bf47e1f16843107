/* SPDX-License-Identifier: GPL-2.0 */
/* KSM's counters from /sys/kernel/mm/ksm, and savings of a process by them. */
#ifndef DYNMEMD_KSM_SYSFS_H
#define DYNMEMD_KSM_SYSFS_H

#include "policy/policy.h"

#define KSM_SYSFS_FILES 12

/**
 * struct ksm_sysfs - open files
 * @has_advisor: this kernel can set the pace by itself
 */
struct ksm_sysfs {
	int fd[KSM_SYSFS_FILES];
	bool has_advisor;
};

/**
 * struct ksm_pages - of the whole host
 * @shared: copies that are left of what was merged
 * @sharing: pages that were given up for them
 * @zero: pages replaced by the kernel's zero page; not in @sharing
 * @unshared: pages found once
 * @changing: pages that change from scan to scan, and are not merged
 * @chains: pages of which there are more copies than max_page_sharing lets one replace
 */
struct ksm_pages {
	uint64_t shared, sharing, zero, unshared, changing, chains;
};

/**
 * ksm_sysfs_open() - what the kernel does not have is left out
 * @dir: /sys/kernel/mm/ksm, or a folder that looks like it
 */
void ksm_sysfs_open(struct ksm_sysfs *k, const char *dir);

/** ksm_sysfs_read() - fill in KSM; nothing on a kernel without it */
void ksm_sysfs_read(const struct ksm_sysfs *k, struct host_record *into);

/** ksm_sysfs_pages() - all 0 on a kernel without KSM */
void ksm_sysfs_pages(const struct ksm_sysfs *k, struct ksm_pages *ret);

/**
 * ksm_saved() - bytes that are saved in a process
 * @merged: its merged pages, bytes
 * @zero: of it the zero page's, bytes
 *
 * Of what was merged, the copies that are left are not saved: each process has its part
 * of them. So the sum over all processes is what the host saves.
 */
uint64_t ksm_saved(const struct ksm_pages *p, uint64_t merged, uint64_t zero);

void ksm_sysfs_close(struct ksm_sysfs *k);

#endif
