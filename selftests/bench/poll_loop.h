/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process that counts direct reclaims every so often, as managers without events
 * do, and commands a balloon whenever there were some.
 */
#ifndef DYNMEM_BENCH_POLL_LOOP_H
#define DYNMEM_BENCH_POLL_LOOP_H

#include <stdint.h>
#include <sys/types.h>

/**
 * poll_loop_start() - start it; it ends with the caller
 * @path: socket of a QMP monitor
 * @period: ns between two polls
 *
 * Return: its PID, or a negative errno.
 */
pid_t poll_loop_start(const char *path, uint64_t period);

#endif
