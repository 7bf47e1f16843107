/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libvirt's events about domains and a connection. They come in the
 * thread of its event loop, and are passed on to the worker.
 */
#ifndef DYNMEMD_LIBVIRT_EVENTS_H
#define DYNMEMD_LIBVIRT_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "dynmemd/backends/libvirt/libvirt_dlopen.h"

struct libvirt_worker;

/**
 * enum libvirt_change - what happened to a domain
 * @LIBVIRT_STARTED: or woke up
 * @LIBVIRT_JOB_BEGAN: an operation that forbids others, as a migration
 * @LIBVIRT_JOB_ENDED: maybe
 * @LIBVIRT_DESCRIBED: its metadata or its devices changed
 */
enum libvirt_change {
	LIBVIRT_STARTED,
	LIBVIRT_STOPPED,
	LIBVIRT_PAUSED,
	LIBVIRT_RESUMED,
	LIBVIRT_REBOOTED,
	LIBVIRT_RESIZED,
	LIBVIRT_JOB_BEGAN,
	LIBVIRT_JOB_ENDED,
	LIBVIRT_DESCRIBED,
};

/** struct libvirt_events - what is registered with a connection */
struct libvirt_events {
	int ids[9];
	unsigned int n;
	bool close;
};

/**
 * libvirt_events_open() - register
 *
 * Each callback holds a reference to the worker. Return: 0 or -EIO; then
 * libvirt_events_close() is needed all the same.
 */
int libvirt_events_open(struct libvirt_events *e, virConnectPtr conn, struct libvirt_worker *w);

/** libvirt_events_close() - while they are registered, they hold @conn */
void libvirt_events_close(struct libvirt_events *e, virConnectPtr conn);

/**
 * libvirt_worker_notify() - something happened to a domain
 * @actual: of LIBVIRT_RESIZED, bytes
 * @why: of LIBVIRT_STOPPED, lives for ever
 */
void libvirt_worker_notify(struct libvirt_worker *w, virDomainPtr dom, enum libvirt_change what,
			   uint64_t actual, const char *why);

/** libvirt_worker_closed() - the connection is of no use; @why lives for ever */
void libvirt_worker_closed(struct libvirt_worker *w, const char *why);

void libvirt_worker_ref(struct libvirt_worker *w);
void libvirt_worker_unref(void *worker);

#endif
