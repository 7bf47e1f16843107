/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libvirt needs an event loop, one a process: it receives a connection's events
 * and its end, and sends what keeps it alive. A thread runs it, so that
 * nothing of libvirt's runs in ours.
 */
#ifndef DYNMEMD_LIBVIRT_LOOP_H
#define DYNMEMD_LIBVIRT_LOOP_H

/** libvirt_loop_start() - Return: 0 or a negative errno. */
int libvirt_loop_start(void);

/** libvirt_loop_stop() - all workers must be freed */
void libvirt_loop_stop(void);

#endif
