/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of the backend libvirt: backend_libvirt.c has its workers and what becomes
 * of their news, libvirt_guest.c the guests.
 */
#ifndef DYNMEMD_LIBVIRT_PRIVATE_H
#define DYNMEMD_LIBVIRT_PRIVATE_H

#include "dynmemd/backends/backend.h"
#include "dynmemd/backends/libvirt/libvirt_worker.h"

struct libvirt_backend;

/* A worker, the current one or one that is in a call too long. */
struct libvirt_line {
	LIST_ENTRY(libvirt_line) entry;
	struct libvirt_backend *backend;
	struct libvirt_worker *worker;
	sd_event_source *io;
	bool left;
	unsigned char uuid[VIR_UUID_BUFLEN]; /* of the guest that it hangs on */
};

struct libvirt_guest {
	LIST_ENTRY(libvirt_guest) entry;
	struct guest guest; /* the manager's view */
	struct libvirt_backend *backend;
	struct libvirt_command command;
	int id;
	bool added;
	bool seen;	       /* since the connection was made */
	bool late;	       /* a call about it does not return */
	bool asked;	       /* for statistics */
	bool unsure;	       /* whether its last target was set */
	unsigned int refusals; /* of targets, in a row */
	uint64_t quiet_until;  /* usec: no target before */
	uint64_t described;    /* the size that made us ask for all of it */
	bool paused;
	bool frozen;		   /* by an operation that forbids others */
	unsigned int found_period; /* the statistics period that we found */
	unsigned int period;	   /* as it shall be now, seconds ... */
	unsigned int sent_period;  /* ... and as libvirt got it last */
	char wrong[256];	   /* in its metadata, as it was logged */
};

struct libvirt_backend {
	struct backend backend;
	struct manager *manager;
	sd_event *event;
	char *uri; /* NULL: nothing is configured */
	LIST_HEAD(, libvirt_line) lines;
	unsigned int n_lines;
	struct libvirt_line *line; /* the current one; NULL: there is none */
	bool connected;
	sd_event_source *timer;
	bool warned_slow;
	char why[256]; /* the last failure that was logged */
	LIST_HEAD(, libvirt_guest) guests;
};

/** libvirt_guest_find() - that of this domain, or NULL */
struct libvirt_guest *libvirt_guest_find(struct libvirt_backend *b, const unsigned char *uuid);

/** libvirt_guest_free() - release it; @why: for the log; NULL: the daemon ends */
void libvirt_guest_free(struct libvirt_guest *s, const char *why);

/** libvirt_guest_found() - a domain runs, or something about it is new */
void libvirt_guest_found(struct libvirt_backend *b, const struct libvirt_domain *d);

/** libvirt_guest_stats() - the answer to a poll */
void libvirt_guest_stats(struct libvirt_guest *s, const struct libvirt_news *n);

/** libvirt_guest_resized() - its balloon has this size now, bytes */
void libvirt_guest_resized(struct libvirt_guest *s, uint64_t actual);

/** libvirt_guest_event() - it was paused, rebooted, ... */
void libvirt_guest_event(struct libvirt_guest *s, enum policy_guest_event event);

/** libvirt_guest_refused() - its target was not set; the next waits, longer each time */
void libvirt_guest_refused(struct libvirt_guest *s, const char *why);

/** libvirt_guest_lost() - there is no connection: it is asked nothing until there is */
void libvirt_guest_lost(struct libvirt_guest *s);

/** libvirt_guest_repeat() - send what could not be sent, or was lost with a connection */
void libvirt_guest_repeat(struct libvirt_guest *s);

#endif
