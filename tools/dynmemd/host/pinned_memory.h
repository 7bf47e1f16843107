/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of a QEMU that no balloon gives back to the host: why it stays.
 *
 * Each function returns half a sentence that lives for ever, or NULL: nothing
 * says so. How a guest was started does not matter: the same rules read QEMU's
 * object types, its command line and the kernel's counters.
 */
#ifndef DYNMEMD_PINNED_MEMORY_H
#define DYNMEMD_PINNED_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PINNED_VFIO	 "a passed-through device keeps all of its memory in place"
#define PINNED_VDPA	 "a vDPA device keeps all of its memory in place"
#define PINNED_NVME	 "an NVMe disk driven by QEMU keeps all of its memory in place"
#define PINNED_HUGE	 "its memory is in reserved huge pages"
#define PINNED_LOCKED	 "its memory is locked"
#define PINNED_ENCRYPTED "its memory is encrypted"

/**
 * pinned_by_type() - a QOM type: "vfio-pci", "sev-guest"
 *
 * Channel and crypto adapters of s390 (vfio-ccw, vfio-ap) pin no more than
 * what is in flight, and vfio-user devices share memory.
 */
const char *pinned_by_type(const char *type);

/**
 * pinned_by_args() - QEMU's options
 * @text: divided by NUL bytes, or as for a shell by blanks and quotes
 */
const char *pinned_by_args(const char *text, size_t len);

/** pinned_by_command() - the command line of a process, which never changes */
const char *pinned_by_command(const char *proc, pid_t pid);

/**
 * pinned_by_counters() - what the kernel has counted so far
 * @status: an open /proc/PID/status
 * @memory: the guest's, bytes
 */
const char *pinned_by_counters(int status, uint64_t memory);

/** pinned_bit() - GUEST_PIN_* of such a sentence; 0 of NULL */
uint32_t pinned_bit(const char *why);

#endif
