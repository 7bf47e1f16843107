/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state's file. It is read once, at the start, and written by a thread:
 * a disk that stands still holds up nobody.
 *
 * A file is written beside the old one, synced to disk, and renamed over
 * it: whenever the daemon or the host dies, there is a whole one.
 */
#ifndef DYNMEMD_STATE_FILE_H
#define DYNMEMD_STATE_FILE_H

#include <sys/types.h>

#include "dynmemd/state/state_format.h"

#define STATE_PATH "/var/lib/dynmem/state"

/**
 * state_file_read() - what an earlier daemon has left
 * @s: all zero; stays so where there is nothing to be had
 * @path: one that is damaged or of another version is renamed to
 *	@path.damaged or @path.version-N, and that is logged
 *
 * Return: 0 also without a file; -ENOMEM.
 */
int state_file_read(struct state *s, const char *path);

/**
 * state_file_store() - write a file in its place; waits for the disk
 *
 * Return: 0 or a negative errno: the old one is still there.
 */
int state_file_store(const char *path, const char *text, size_t len);

struct state_file;

/**
 * state_file_new() - start the thread
 * @ret_owner: the process that has the file, if another one does
 *
 * Two daemons that write the same file take each other's knowledge away, and move
 * the same guests. It is held until state_file_free(), or the end of the process,
 * by a lock on @path.lock; where that cannot be made, it is not.
 *
 * Return: 0; -EBUSY: another process has it; another negative errno.
 */
int state_file_new(struct state_file **ret, const char *path, pid_t *ret_owner);

/**
 * state_file_write() - hand over what is to be written, and wait for nothing
 *
 * What is as it was written last is not written again. Return: 0 or -ENOMEM.
 */
int state_file_write(struct state_file *f, const struct state *s);

/** state_file_free() - wait for the last write, a second at most. NULL */
struct state_file *state_file_free(struct state_file *f);

#endif
