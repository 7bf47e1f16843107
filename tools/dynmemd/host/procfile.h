/* SPDX-License-Identifier: GPL-2.0 */
/* Reading the small text files of /proc and /sys again and again. */
#ifndef DYNMEMD_PROC_H
#define DYNMEMD_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/util.h"

/**
 * proc_open() - open one of them
 * @flags: O_RDONLY etc.; O_CLOEXEC is added
 * @format: of its path
 *
 * Return: a descriptor, or a negative errno.
 */
int proc_open(int flags, const char *format, ...) _printf_(2, 3);

/**
 * proc_read() - the whole of an open file, from its start, as a string
 *
 * Return: its length; 0 or a negative errno: nothing is in @buf. What is longer than
 * @buf is cut.
 */
int proc_read(int fd, char *buf, size_t size);

/**
 * proc_read_of() - a file of a process, as proc_read()
 * @name: "comm" etc.
 */
int proc_read_of(const char *proc, pid_t pid, const char *name, char *buf, size_t size);

/**
 * proc_processes() - all processes there are
 * @proc: /proc, or a folder that looks like it
 * @fn: called for each, until it returns true
 *
 * Return: whether it did.
 */
bool proc_processes(const char *proc, bool (*fn)(void *data, pid_t pid), void *data);

/* Longer words of a command line are cut. */
#define PROC_WORD_MAX 1024

/**
 * proc_words() - the words of an open /proc/PID/cmdline, however many they are
 * @fn: called for each that is not empty, until it returns true
 *
 * Return: whether it did.
 */
bool proc_words(int fd, bool (*fn)(void *data, const char *word), void *data);

/**
 * proc_kib() - the value of a line "KEY:   123 kB"
 * @key: with its colon
 * @ret_bytes: set if the line is there
 */
bool proc_kib(const char *text, const char *key, uint64_t *ret_bytes);

uint64_t proc_page_size(void);

#endif
