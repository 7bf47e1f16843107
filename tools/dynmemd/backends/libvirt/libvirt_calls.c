// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/escape.h"
#include "dynmemd/backends/libvirt/libvirt_dlopen.h"
#include "dynmemd/backends/libvirt/libvirt_calls.h"
#include "dynmemd/host/procfile.h"
#include "common/util.h"

#define RUN "/run/libvirt/qemu"

/* libvirt counts memory in KiB. */
static uint64_t bytes(unsigned long long kib)
{
	return MIN(kib, POLICY_GUEST_BYTES_MAX / KIB) * KIB;
}

/*
 * Which process
 */

static int read_file(const char *path, char *buf, size_t size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : proc_read(fd, buf, size);
}

struct domain_search {
	const char *uuid;
	bool next, found;
};

/* Is there an argument "-uuid", and this one after it? */
static bool next_word(void *data, const char *word)
{
	struct domain_search *s = data;

	if (s->next) {
		s->found = !strcmp(word, s->uuid);
		return true;
	}
	s->next = !strcmp(word, "-uuid");
	return false;
}

static bool started_with(const char *proc, pid_t pid, const char *uuid)
{
	_cleanup_(closep) int fd = proc_open(O_RDONLY, "%s/%d/cmdline", proc, (int)pid);
	struct domain_search s = { .uuid = uuid };

	proc_words(fd, next_word, &s);
	return s.found;
}

pid_t libvirt_find_pid(const char *run, const char *proc, const char *name, const char *uuid)
{
	char path[PATH_MAX], line[32];
	long pid;

	if (snprintf(path, sizeof(path), "%s/%s.pid", run, name) >= (int)sizeof(path) ||
	    read_file(path, line, sizeof(line)) <= 0)
		return 0;
	pid = strtol(line, NULL, 10);
	if (pid <= 0 || pid > INT_MAX)
		return 0;
	return started_with(proc, (pid_t)pid, uuid) ? (pid_t)pid : 0;
}

/*
 * A domain
 */

static void read_state(virDomainPtr dom, struct libvirt_domain *d)
{
	int state, reason;

	if (lv.virDomainGetState(dom, &state, &reason, 0) < 0)
		return;
	d->migrating = state == VIR_DOMAIN_PAUSED && (reason == VIR_DOMAIN_PAUSED_MIGRATION ||
						      reason == VIR_DOMAIN_PAUSED_POSTCOPY ||
						      reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED);
	d->paused =
		!d->migrating && (state == VIR_DOMAIN_PAUSED || state == VIR_DOMAIN_PMSUSPENDED);
}

int libvirt_describe(virDomainPtr dom, struct libvirt_domain *ret)
{
	_cleanup_(freep) char *xml = NULL;
	char uuid[VIR_UUID_STRING_BUFLEN];
	const char *name = lv.virDomainGetName(dom);
	struct libvirt_domain d = { 0 };
	virDomainInfo info;

	if (!name || lv.virDomainGetUUID(dom, d.uuid) < 0 ||
	    lv.virDomainGetUUIDString(dom, uuid) < 0)
		return -EIO;
	d.id = (int)lv.virDomainGetID(dom);
	xml = lv.virDomainGetXMLDesc(dom, 0);
	if (!xml || libvirt_xml_parse(&d.xml, xml) < 0 || lv.virDomainGetInfo(dom, &info) < 0)
		return -EIO;
	/* All that is plugged, of which the balloon counts memory and DIMMs. */
	d.memory = bytes(info.maxMem);
	d.memory -= MIN(d.xml.other, d.memory);
	d.actual = MIN(bytes(info.memory), d.memory);
	read_state(dom, &d);
	d.pid = libvirt_find_pid(RUN, "/proc", name, uuid);
	escape_text(d.name, sizeof(d.name), name);
	*ret = d;
	return 0;
}

/*
 * Statistics
 */

static const struct {
	int tag;
	uint64_t bit;
	size_t offset;
	uint64_t unit;
} fields[] = {
#define FIELD(TAG, BIT, member, unit)                               \
	{                                                           \
		VIR_DOMAIN_MEMORY_STAT_##TAG, GUEST_HAS_##BIT,      \
			offsetof(struct guest_record, member), unit \
	}
	/* "Available" is what the guest's kernel has in all, "unused" what is
	 * free, "usable" what programs could have. */
	FIELD(AVAILABLE, TOTAL, total, KIB),
	FIELD(USABLE, AVAILABLE, available, KIB),
	FIELD(UNUSED, FREE, free, KIB),
	FIELD(DISK_CACHES, DISK_CACHES, disk_caches, KIB),
	FIELD(SWAP_IN, SWAP_IN, swap_in, KIB),
	FIELD(SWAP_OUT, SWAP_OUT, swap_out, KIB),
	FIELD(MAJOR_FAULT, MAJOR_FAULTS, major_faults, 1),
	FIELD(MINOR_FAULT, MINOR_FAULTS, minor_faults, 1),
	FIELD(HUGETLB_PGALLOC, HUGE_ALLOCS, huge_allocs, 1),
	FIELD(HUGETLB_PGFAIL, HUGE_FAILS, huge_fails, 1),
};

static void convert_field(struct guest_record *s, const virDomainMemoryStatStruct *stat)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].tag != stat->tag || stat->val > UINT64_MAX / fields[i].unit)
			continue;
		*(uint64_t *)((char *)s + fields[i].offset) = stat->val * fields[i].unit;
		s->present |= fields[i].bit;
	}
}

static void convert_actual(struct guest_record *s, unsigned long long kib)
{
	s->stat_actual = bytes(kib);
	s->present |= GUEST_HAS_STAT_ACTUAL;
}

static void convert_update(struct guest_record *s, unsigned long long seconds)
{
	s->last_update = seconds;
	s->present |= GUEST_HAS_LAST_UPDATE;
}

void libvirt_stats_convert(struct libvirt_stats *ret, const virDomainMemoryStatStruct *stats,
			   int count)
{
	*ret = (struct libvirt_stats){ 0 };
	for (int i = 0; i < count; i++) {
		if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON)
			convert_actual(&ret->sample, stats[i].val);
		else if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE)
			convert_update(&ret->sample, stats[i].val);
		else if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_RSS)
			ret->rss = bytes(stats[i].val);
		else
			convert_field(&ret->sample, &stats[i]);
	}
}

/* What all its disks have read since its start. */
static void get_disks(virDomainPtr dom, struct guest_record *s)
{
	virDomainBlockStatsStruct disks;

	if (lv.virDomainBlockStats(dom, "", &disks, sizeof(disks)) < 0 || disks.rd_bytes < 0)
		return;
	s->disk_read = disks.rd_bytes;
	s->present |= GUEST_HAS_DISK_READ;
}

int libvirt_get_stats(virDomainPtr dom, bool disks, struct libvirt_stats *ret)
{
	virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
	int n = lv.virDomainMemoryStats(dom, stats, ARRAY_SIZE(stats), 0);

	if (n < 0)
		return -EIO;
	libvirt_stats_convert(ret, stats, n);
	if (disks)
		get_disks(dom, &ret->sample);
	return 0;
}

/* A backup may take hours, and minds nothing. */
int libvirt_is_frozen(virDomainPtr dom)
{
	virTypedParameterPtr params = NULL;
	int type, n = 0, operation = 0;

	if (lv.virDomainGetJobStats(dom, &type, &params, &n, 0) < 0)
		return -EIO;
	lv.virTypedParamsGetInt(params, n, VIR_DOMAIN_JOB_OPERATION, &operation);
	lv.virTypedParamsFree(params, n);
	return type != VIR_DOMAIN_JOB_NONE && operation != VIR_DOMAIN_JOB_OPERATION_BACKUP;
}
