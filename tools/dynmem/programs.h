/* SPDX-License-Identifier: GPL-2.0 */
/* Other programs that a subcommand runs: qm, virsh, systemctl. */
#ifndef DYNMEM_PROGRAMS_H
#define DYNMEM_PROGRAMS_H

#include <stdbool.h>

#define PROGRAM_OUT_MAX 1024

/** program_exists() - an executable of that name is in $PATH, or in a folder for root's programs */
bool program_exists(const char *name);

/**
 * program_run() - run a program and wait for it
 * @argv: ends with NULL; no shell reads it
 * @out: what it wrote to both streams, cut, as one line
 *
 * It speaks the language C. Return: its exit status, 128 + N for signal N; -ENOENT: it is not
 * there; another negative errno.
 */
int program_run(const char *const *argv, char out[static PROGRAM_OUT_MAX]);

/** program_print() - a command as one would type it, and a newline */
void program_print(const char *const *argv);

#endif
