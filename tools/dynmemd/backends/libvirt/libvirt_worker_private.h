/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of a worker: libvirt_worker.c has its two queues, which the event loop
 * and libvirt's callbacks use as well; libvirt_thread.c is the thread.
 */
#ifndef DYNMEMD_LIBVIRT_WORKER_PRIVATE_H
#define DYNMEMD_LIBVIRT_WORKER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "dynmemd/backends/libvirt/libvirt_dlopen.h"
#include "dynmemd/backends/libvirt/libvirt_events.h"
#include "dynmemd/backends/libvirt/libvirt_worker.h"

/* An event of libvirt's, until there is the time for it. */
struct libvirt_message {
	STAILQ_ENTRY(libvirt_message) entry;
	enum libvirt_change what;
	unsigned char uuid[VIR_UUID_BUFLEN];
	uint64_t actual;
	const char *why;
};

/* A domain that was reported as found. */
struct libvirt_known {
	LIST_ENTRY(libvirt_known) entry;
	virDomainPtr dom;
	unsigned char uuid[VIR_UUID_BUFLEN];
	bool frozen;
	uint64_t disks_due; /* when they are read next, usec */
};

struct libvirt_worker {
	atomic_uint refs; /* its owner, its thread, libvirt's callbacks */
	pthread_t thread;
	char *uri;
	int fd;

	/* The thread's own. */
	virConnectPtr conn;
	LIST_HEAD(, libvirt_known) known;
	unsigned int n_frozen;
	uint64_t checked; /* for the end of what froze them, usec */
	struct libvirt_events events;

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work;
	bool stop;
	const char *closed; /* why the connection is; NULL: it is not */
	TAILQ_HEAD(, libvirt_command) urgent, commands;
	STAILQ_HEAD(, libvirt_message) messages;
	STAILQ_HEAD(, libvirt_news) news;
	struct libvirt_busy busy;
	bool busy_notified;
};

static inline void libvirt_worker_lock(struct libvirt_worker *w)
{
	pthread_mutex_lock(&w->lock);
}

static inline void libvirt_worker_unlock(struct libvirt_worker *w)
{
	pthread_mutex_unlock(&w->lock);
}

/** libvirt_now() - CLOCK_MONOTONIC, usec */
uint64_t libvirt_now(void);

/** libvirt_worker_begin() - a call begins, about the domain of @uuid, or of none */
void libvirt_worker_begin(struct libvirt_worker *w, const unsigned char *uuid);
void libvirt_worker_end(struct libvirt_worker *w);

/**
 * libvirt_worker_news() - news for the event loop, to be filled in
 *
 * Return: NULL: no memory; then the connection is made anew, which finds out all.
 */
struct libvirt_news *libvirt_worker_news(struct libvirt_worker *w, enum libvirt_kind kind,
					 const unsigned char *uuid);

/** libvirt_worker_post() - send it; NULL is fine */
void libvirt_worker_post(struct libvirt_worker *w, struct libvirt_news *n);
void libvirt_worker_post_text(struct libvirt_worker *w, enum libvirt_kind kind,
			      const unsigned char *uuid, const char *text);
void libvirt_worker_post_event(struct libvirt_worker *w, const unsigned char *uuid,
			       enum policy_guest_event event);

/** libvirt_worker_starve() - something was lost for lack of memory: begin anew */
void libvirt_worker_starve(struct libvirt_worker *w);

/** libvirt_worker_drop_messages() - locked */
void libvirt_worker_drop_messages(struct libvirt_worker *w);

#endif
