/* SPDX-License-Identifier: GPL-2.0 */
/* Threads for what may block, beside the event loop. */
#ifndef DYNMEMD_THREAD_H
#define DYNMEMD_THREAD_H

#include <pthread.h>

/**
 * thread_start() - a thread with a small stack, that gets no signals
 *
 * All of its stack is locked in memory, and signals are the event loop's.
 * Return: 0 or a negative errno.
 */
int thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg);

/**
 * thread_join() - wait for its end, for a second at the most
 *
 * One that is stuck in a system call ends with the process.
 * Return: 0 or -ETIMEDOUT, when what it uses must stay.
 */
int thread_join(pthread_t thread);

#endif
