/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a libvirt is asked about a domain. Each function blocks, for half a
 * minute if another operation holds the domain, and for ever if its QEMU
 * hangs: they are for a thread of its own.
 *
 * When one fails, virGetLastErrorMessage() says why.
 */
#ifndef DYNMEMD_LIBVIRT_CALLS_H
#define DYNMEMD_LIBVIRT_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include <libvirt/libvirt.h>

#include "dynmemd/core/guest.h"
#include "dynmemd/backends/libvirt/libvirt_metadata.h"

/**
 * struct libvirt_domain - a running domain
 * @uuid: its own for ever
 * @id: another one each time that it is started
 * @name: printable UTF-8
 * @pid: QEMU's, 0 if not known
 * @memory: what its balloon counts from, bytes
 * @actual: <currentMemory>, which follows the balloon within a second, bytes
 * @migrating: paused for a migration
 */
struct libvirt_domain {
	unsigned char uuid[VIR_UUID_BUFLEN];
	int id;
	char name[GUEST_NAME_MAX];
	pid_t pid;
	uint64_t memory;
	uint64_t actual;
	bool paused;
	bool migrating;
	struct libvirt_xml xml;
};

/**
 * struct libvirt_stats - what the balloon and the host say
 * @sample: with @sample.actual as it is now
 * @rss: bytes that QEMU holds; 0: not known
 */
struct libvirt_stats {
	struct guest_record sample;
	uint64_t rss;
};

/**
 * libvirt_describe() - all that is needed to manage it
 *
 * Waits for no other operation on the domain. Return: 0 or -EIO.
 */
int libvirt_describe(virDomainPtr dom, struct libvirt_domain *ret);

/**
 * libvirt_get_stats() - statistics
 * @disks: also what its disks have read, which is a second call; where that one
 *	fails it is not present
 *
 * Return: 0 or -EIO.
 */
int libvirt_get_stats(virDomainPtr dom, bool disks, struct libvirt_stats *ret);

/** libvirt_stats_convert() - libvirt's statistics as ours */
void libvirt_stats_convert(struct libvirt_stats *ret, const virDomainMemoryStatStruct *stats,
			   int count);

/**
 * libvirt_is_frozen() - an operation is under way that forbids others, as a
 *	migration does
 *
 * Return: 0, 1 or -EIO.
 */
int libvirt_is_frozen(virDomainPtr dom);

/**
 * libvirt_find_pid() - the QEMU of a domain
 * @run: where libvirt keeps pid files: "/run/libvirt/qemu"
 * @proc: "/proc"
 * @uuid: as text
 *
 * libvirt has no call for this. Its file is believed only if that process was
 * started with the domain's UUID. Return: 0 where there is none.
 */
pid_t libvirt_find_pid(const char *run, const char *proc, const char *name, const char *uuid);

#endif
