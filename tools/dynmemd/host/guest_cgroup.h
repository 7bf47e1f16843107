/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cgroup (v2) of a guest's QEMU: what no balloon reaches is reclaimed
 * there, and what a guest was granted can be enforced.
 *
 * Only a cgroup that QEMU has to itself, but for helpers that are small beside
 * it, is touched: systemd's scope of a machine, say. One that it shares with
 * another QEMU, or with programs of some size, is not.
 */
#ifndef DYNMEMD_CGROUP_H
#define DYNMEMD_CGROUP_H

#include <stdint.h>
#include <sys/types.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

/**
 * struct cgroup - the one that accounts a process's memory
 * @dir: its folder, -1: there is none
 * @pid: the process
 */
struct cgroup {
	int dir;
	pid_t pid;
};

/**
 * cgroup_open() - find it
 * @proc: "/proc", or a folder that looks like it
 * @root: where cgroup2 is mounted
 *
 * There is none without cgroup v2 or its memory controller, and none for a
 * process in the root of it.
 */
void cgroup_open(struct cgroup *c, const char *proc, const char *root, pid_t pid);

/**
 * cgroup_other() - who else is in it, when that is why nothing is done
 *
 * Return: @buf with "NAME (pid N)", or a constant.
 */
const char *cgroup_other(const struct cgroup *c, char *buf, size_t size);

/** cgroup_close() - accepts one that is closed */
void cgroup_close(struct cgroup *c);

/**
 * cgroup_reclaim() - have the kernel take memory from it; blocks meanwhile
 * @bytes: so much
 * @ret_freed: by how much its memory went down, also on failure
 *
 * Return: 0; -EAGAIN: there was not so much to be had; -EBUSY: QEMU shares the
 * cgroup with other processes; -ENOENT: no cgroup; -EOPNOTSUPP: the kernel is
 * older than 5.19; another negative errno.
 */
int cgroup_reclaim(const struct cgroup *c, uint64_t bytes, uint64_t *ret_freed);

/**
 * cgroup_set_high() - limit it by memory.high; blocks while that takes memory
 * @bytes: the limit
 *
 * What memory.high was before is kept with the cgroup itself, so that it
 * outlives the daemon. Return: as cgroup_reclaim(); -EOPNOTSUPP: the kernel is
 * older than 5.7.
 */
int cgroup_set_high(const struct cgroup *c, uint64_t bytes);

/**
 * cgroup_reset_high() - put memory.high back to what it was
 *
 * Does nothing if cgroup_set_high() was never called for the cgroup, by
 * whichever daemon; does not block. Return: 1 if it was put back, 0 or a
 * negative errno.
 */
int cgroup_reset_high(const struct cgroup *c);

#endif
