// SPDX-License-Identifier: GPL-2.0
/* Checks of the host's memory: what there is, what is promised, what is not dynmem's. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/dbus_names.h"
#include "common/util.h"
#include "dynmem/doctor/doctor.h"
#include "dynmem/out.h"

/* Percent. Swap with less than that free is no help any more. */
#define SWAP_LOW_SHARE 10
/* A cache of ZFS that may take more than that share competes with guests. */
#define ARC_HIGH_SHARE 50

/* Swap of zram devices that write nothing to a disk, in bytes. */
static uint64_t zram_bytes(const struct doctor *d, char *swaps)
{
	uint64_t sum = 0;
	char *save = NULL;

	for (char *line = strtok_r(swaps, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long kib;
		char name[32], disk[256];

		if (sscanf(line, "/dev/%31[a-z0-9] %*s %llu", name, &kib) != 2 ||
		    strncmp(name, "zram", 4) != 0)
			continue;
		if (fact(d, disk, sizeof(disk), "/sys/block/%s/backing_dev", name) <= 0 ||
		    !strcmp(disk, "none"))
			sum += kib << 10;
	}
	return sum;
}

void check_swap(const struct doctor *d, struct findings *f)
{
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX], text[DOCTOR_TEXT];
	uint64_t total = 0, unused = 0;

	fact_meminfo(d, "SwapTotal:", &total);
	fact_meminfo(d, "SwapFree:", &unused);
	fact(d, text, sizeof(text), "/proc/swaps");
	out_bytes(total, a);
	out_bytes(unused, b);
	if (!total)
		found(f, DOCTOR_WARN, "add a swap partition or file: mkswap, swapon, /etc/fstab",
		      "there is none: where guests call in memory faster than balloons give it, the "
		      "OOM killer ends one");
	else if (unused < total / 100 * SWAP_LOW_SHARE)
		found(f, DOCTOR_WARN, "add swap, or move guests to another host",
		      "only %s of %s is free", b, a);
	else if (zram_bytes(d, text) >= total)
		found(f, DOCTOR_NOTE,
		      "add swap on a disk with a lower priority, or a backing_dev of zram",
		      "all of it (%s) is zram without a disk behind it: what does not compress "
		      "stays in memory",
		      a);
	else
		found(f, DOCTOR_OK, NULL, "%s, %s of it free", a, b);
}

static uint64_t sum_of(struct json_object *guests, const char *key)
{
	uint64_t sum = 0;

	for (size_t i = 0; guests && i < json_object_array_length(guests); i++)
		sum += out_u64(json_object_array_get_idx(guests, i), key);
	return sum;
}

void check_overcommit(const struct doctor *d, struct findings *f)
{
	uint64_t max = sum_of(d->guests, DYNMEM_GUEST_MAX);
	uint64_t total = out_u64(d->host, DYNMEM_HOST_TOTAL);
	uint64_t reserve = out_u64(d->host, DYNMEM_HOST_RESERVE);
	uint64_t swap = out_u64(d->host, DYNMEM_HOST_SWAP_TOTAL);
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX];

	if (!max || !total)
		return;
	out_bytes(max, a);
	out_bytes(total + swap, b);
	if (max + reserve > total + swap)
		found(f, DOCTOR_WARN, "add swap, or lower the max of guests",
		      "guests may use %s together, memory and swap are %s: what they use at once "
		      "beyond that, nothing can hold",
		      a, b);
	else if (max + reserve > total)
		found(f, DOCTOR_OK, NULL, "guests may use %s together; memory and swap are %s", a,
		      b);
	else
		found(f, DOCTOR_OK, NULL, "guests may use %s together, which this host has", a);
}

void check_minima(const struct doctor *d, struct findings *f)
{
	uint64_t min = sum_of(d->guests, DYNMEM_GUEST_MIN);
	uint64_t total = out_u64(d->host, DYNMEM_HOST_TOTAL);
	uint64_t reserve = out_u64(d->host, DYNMEM_HOST_RESERVE);
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX];

	if (!min || !total)
		return;
	out_bytes(min, a);
	out_bytes(total > reserve ? total - reserve : 0, b);
	if (min + reserve > total)
		found(f, DOCTOR_FAIL, "lower 'min' in /etc/dynmem/dynmem.conf, or move guests away",
		      "guests were promised %s together, this host has %s for them", a, b);
	else
		found(f, DOCTOR_OK, NULL, "guests were promised %s of %s", a, b);
}

void check_strict(const struct doctor *d, struct findings *f)
{
	uint64_t mode;

	if (!fact_u64(d, &mode, "/proc/sys/vm/overcommit_memory"))
		return;
	if (mode == 2)
		found(f, DOCTOR_WARN, "sysctl vm.overcommit_memory=0",
		      "vm.overcommit_memory is 2: QEMU cannot start where balloons would make room");
	else
		found(f, DOCTOR_OK, NULL, "vm.overcommit_memory is %llu", (unsigned long long)mode);
}

/* A line "c_max   4    8589934592" of the kstat file. */
static bool arc_row(const char *text, const char *key, uint64_t *ret)
{
	char line[32];
	const char *at;

	snprintf(line, sizeof(line), "\n%s ", key);
	at = strstr(text, line);
	if (!at)
		return false;
	return sscanf(at + strlen(line), "%*u %" SCNu64, ret) == 1;
}

void check_zfs(const struct doctor *d, struct findings *f)
{
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX], mend[128], text[4 * DOCTOR_TEXT];
	uint64_t total = 0, size = 0, max = 0;

	if (fact(d, text, sizeof(text), "/proc/spl/kstat/zfs/arcstats") <= 0) {
		found(f, DOCTOR_OK, NULL, "not used");
		return;
	}
	fact_meminfo(d, "MemTotal:", &total);
	if (!arc_row(text, "c_max", &max) || !arc_row(text, "size", &size)) {
		found(f, DOCTOR_NOTE, NULL, "arcstats has no c_max and size");
		return;
	}
	out_bytes(size, a);
	out_bytes(max, b);
	if (max > total / 100 * ARC_HIGH_SHARE) {
		snprintf(mend, sizeof(mend),
			 "echo %llu >/sys/module/zfs/parameters/zfs_arc_max, and in modprobe.d",
			 (unsigned long long)(total / 10));
		found(f, DOCTOR_WARN, mend,
		      "its cache has %s and may take %s, which it gives back slower than guests ask",
		      a, b);
	} else {
		found(f, DOCTOR_OK, NULL, "its cache has %s of at most %s", a, b);
	}
}

void check_huge_pages(const struct doctor *d, struct findings *f)
{
	uint64_t total = 0, unused = 0, size = 0;
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX];

	fact_meminfo(d, "HugePages_Total:", &total);
	fact_meminfo(d, "HugePages_Free:", &unused);
	fact_meminfo(d, "Hugepagesize:", &size);
	out_bytes(total * size, a);
	out_bytes(unused * size, b);
	if (!total)
		found(f, DOCTOR_OK, NULL, "no pool is reserved");
	else if (unused)
		found(f, DOCTOR_NOTE, "sysctl vm.nr_hugepages=N, with what guests need",
		      "%s are reserved, %s of it unused, and no balloon reaches them", a, b);
	else
		found(f, DOCTOR_OK, NULL, "%s are reserved and in use; no balloon reaches them", a);
}

void check_oom(const struct doctor *d, struct findings *f)
{
	uint64_t kills = out_u64(d->host, DYNMEM_HOST_OOM_KILLS);

	if (!d->host || !out_has(d->host, DYNMEM_HOST_OOM_KILLS))
		return;
	if (kills)
		found(f, DOCTOR_WARN, "journalctl -k -g 'Out of memory'",
		      "the OOM killer of this host has ended %llu processes",
		      (unsigned long long)kills);
	else
		found(f, DOCTOR_OK, NULL, "no process was ended for lack of memory");
}
