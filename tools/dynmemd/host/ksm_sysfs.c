// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "dynmemd/host/ksm_sysfs.h"
#include "dynmemd/host/procfile.h"

enum file {
	FILE_RUN,
	FILE_PAGES_TO_SCAN,
	FILE_SLEEP,
	FILE_SHARED,
	FILE_SHARING,
	FILE_UNSHARED,
	FILE_VOLATILE,
	FILE_FULL_SCANS,
	/* of newer kernels */
	FILE_SCANNED,
	FILE_ADVISOR,
	FILE_ZERO,
	FILE_CHAINS,
	FILE_COUNT
};

static const char *const names[] = {
	[FILE_RUN] = "run",
	[FILE_PAGES_TO_SCAN] = "pages_to_scan",
	[FILE_SLEEP] = "sleep_millisecs",
	[FILE_SHARED] = "pages_shared",
	[FILE_SHARING] = "pages_sharing",
	[FILE_UNSHARED] = "pages_unshared",
	[FILE_VOLATILE] = "pages_volatile",
	[FILE_FULL_SCANS] = "full_scans",
	[FILE_SCANNED] = "pages_scanned",
	[FILE_ADVISOR] = "advisor_mode",
	[FILE_ZERO] = "ksm_zero_pages",
	[FILE_CHAINS] = "stable_node_chains",
};

_Static_assert((int)FILE_COUNT == KSM_SYSFS_FILES, "one descriptor a file");

void ksm_sysfs_open(struct ksm_sysfs *k, const char *dir)
{
	for (int i = 0; i < FILE_COUNT; i++)
		k->fd[i] = proc_open(O_RDONLY, "%s/%s", dir, names[i]);
	k->has_advisor = k->fd[FILE_ADVISOR] >= 0;
}

static uint64_t number(const struct ksm_sysfs *k, enum file file)
{
	char text[64];

	if (proc_read(k->fd[file], text, sizeof(text)) <= 0)
		return 0;
	return strtoull(text, NULL, 10);
}

/* "none [scan-time]": the one in brackets is on. */
static bool advisor_is_on(const struct ksm_sysfs *k)
{
	char text[64];

	if (proc_read(k->fd[FILE_ADVISOR], text, sizeof(text)) <= 0)
		return false;
	return !strstr(text, "[none]");
}

void ksm_sysfs_pages(const struct ksm_sysfs *k, struct ksm_pages *ret)
{
	*ret = (struct ksm_pages){
		.shared = number(k, FILE_SHARED),
		.sharing = number(k, FILE_SHARING),
		.zero = number(k, FILE_ZERO),
		.unshared = number(k, FILE_UNSHARED),
		.changing = number(k, FILE_VOLATILE),
		.chains = number(k, FILE_CHAINS),
	};
}

uint64_t ksm_saved(const struct ksm_pages *p, uint64_t merged, uint64_t zero)
{
	double all = (double)p->sharing + (double)p->shared;

	return (all > 0 ? (uint64_t)((double)merged * ((double)p->sharing / all)) : 0) + zero;
}

void ksm_sysfs_read(const struct ksm_sysfs *k, struct host_record *into)
{
	struct host_ksm *ret = &into->ksm;
	struct ksm_pages p;

	if (k->fd[FILE_RUN] < 0)
		return;
	into->present |= HOST_HAS_KSM;
	ret->run = number(k, FILE_RUN);
	ret->pages_to_scan = number(k, FILE_PAGES_TO_SCAN);
	ret->sleep_ms = number(k, FILE_SLEEP);
	ret->advisor = advisor_is_on(k);
	ksm_sysfs_pages(k, &p);
	ret->saved = (p.sharing + p.zero) * proc_page_size();
	ret->mergeable = (p.shared + p.unshared + p.changing) * proc_page_size() + ret->saved;
	ret->full_scans = number(k, FILE_FULL_SCANS);
	if (k->fd[FILE_SCANNED] < 0)
		return;
	into->present |= HOST_HAS_KSM_PAGES_SCANNED;
	ret->pages_scanned = number(k, FILE_SCANNED);
}

void ksm_sysfs_close(struct ksm_sysfs *k)
{
	for (int i = 0; i < FILE_COUNT; i++)
		closep(&k->fd[i]);
}
