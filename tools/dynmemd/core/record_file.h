/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file that lines are written to by a thread of its own: a disk that hangs stops
 * nobody.
 */
#ifndef DYNMEMD_RECORD_FILE_H
#define DYNMEMD_RECORD_FILE_H

#include <stddef.h>

/* So many bytes may wait for the disk. */
#define RECORD_FILE_WAITING (4u << 20)

struct record_file;

/**
 * record_file_new() - start to write to a file
 * @fd: taken over, unless this fails
 *
 * Return: 0 or a negative errno.
 */
int record_file_new(struct record_file **ret, int fd);

/**
 * record_file_add() - add a line; never waits
 *
 * Return: 0; -ENOBUFS: the disk does not keep up; -ENOMEM; another negative errno, by
 * which the file could not be written before.
 */
int record_file_add(struct record_file *f, const char *line);

/** record_file_free() - write what waits, for a second at the most, and close it */
struct record_file *record_file_free(struct record_file *f);

#endif
