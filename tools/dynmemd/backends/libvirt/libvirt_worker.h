/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread with a connection to libvirt, whose calls block.
 *
 * The event loop gives it commands and takes its news, neither of which
 * waits: an eventfd says that there are some. A command is a slot of a guest,
 * so to give one allocates nothing, and the latest target replaces one that
 * was not sent yet. Targets go before everything else.
 *
 * The thread connects again when the connection is lost. What it cannot do is
 * to get out of a call that does not return: that one sees the event loop
 * (libvirt_worker_busy()), and takes another worker.
 */
#ifndef DYNMEMD_LIBVIRT_WORKER_H
#define DYNMEMD_LIBVIRT_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/queue.h>

#include "dynmemd/backends/libvirt/libvirt_calls.h"

struct libvirt_worker;

/**
 * struct libvirt_command - what is to be sent to a guest's domain, and asked of it
 * @uuid: its domain's; the rest is the worker's
 */
struct libvirt_command {
	unsigned char uuid[VIR_UUID_BUFLEN];
	TAILQ_ENTRY(libvirt_command) urgent_entry, entry;
	bool urgent, queued;
	uint64_t target;
	bool poll, set_period, align, describe;
	unsigned int period;
};

/**
 * enum libvirt_kind - what the news is
 * @LIBVIRT_FOUND: a domain runs, or something about it is new: @domain
 * @LIBVIRT_CONNECTED: all that run were found
 * @LIBVIRT_LOST: there is no connection (any more), and why: @text
 * @LIBVIRT_GONE: it does not run any more: @text
 * @LIBVIRT_STATS: the answer to a poll: @stats, if @answered, else @text
 * @LIBVIRT_REFUSED: a target was not set: @text
 * @LIBVIRT_FAILED: something else did not work: @text
 * @LIBVIRT_ACTUAL: its balloon's size: @actual
 * @LIBVIRT_EVENT: @event
 * @LIBVIRT_ENDED: the thread; there is no more news
 */
enum libvirt_kind {
	LIBVIRT_FOUND,
	LIBVIRT_CONNECTED,
	LIBVIRT_LOST,
	LIBVIRT_GONE,
	LIBVIRT_STATS,
	LIBVIRT_REFUSED,
	LIBVIRT_FAILED,
	LIBVIRT_ACTUAL,
	LIBVIRT_EVENT,
	LIBVIRT_ENDED,
};

struct libvirt_news {
	STAILQ_ENTRY(libvirt_news) entry;
	enum libvirt_kind kind;
	unsigned char uuid[VIR_UUID_BUFLEN];
	bool answered;
	union {
		struct libvirt_domain domain;
		struct libvirt_stats stats;
		uint64_t actual;
		enum policy_guest_event event;
		char text[256];
	};
};

/**
 * libvirt_worker_new() - start a thread that connects to @uri
 *
 * libvirt_loop_start() comes first. Return: 0 or a negative errno.
 */
int libvirt_worker_new(struct libvirt_worker **ret, const char *uri);

/**
 * libvirt_worker_free() - end the thread
 *
 * One that is in a call ends when that returns; it is not waited for for long.
 * Commands must be forgotten before.
 */
struct libvirt_worker *libvirt_worker_free(struct libvirt_worker *w);

/** libvirt_worker_stop() - let it end as soon as it can: LIBVIRT_ENDED */
void libvirt_worker_stop(struct libvirt_worker *w);

/** libvirt_worker_fd() - is readable when there is news */
int libvirt_worker_fd(const struct libvirt_worker *w);

/** libvirt_worker_take() - the next news, or NULL; free() it */
struct libvirt_news *libvirt_worker_take(struct libvirt_worker *w);

/** struct libvirt_busy - the call that a worker is in
 * @since: CLOCK_MONOTONIC, usec; 0: in none
 * @of_domain: it is about the one of @uuid
 */
struct libvirt_busy {
	uint64_t since;
	bool of_domain;
	unsigned char uuid[VIR_UUID_BUFLEN];
};

/**
 * libvirt_worker_busy() - what it is doing
 *
 * The eventfd also signals that a worker that did nothing begins a call, once;
 * again after this function has found it in none.
 */
void libvirt_worker_busy(struct libvirt_worker *w, struct libvirt_busy *ret);

/** Commands; nothing here waits or allocates. */
void libvirt_worker_target(struct libvirt_worker *w, struct libvirt_command *c, uint64_t bytes);
void libvirt_worker_poll(struct libvirt_worker *w, struct libvirt_command *c);
void libvirt_worker_describe(struct libvirt_worker *w, struct libvirt_command *c);
void libvirt_worker_period(struct libvirt_worker *w, struct libvirt_command *c,
			   unsigned int seconds);
/* ... and begin it anew. */
void libvirt_worker_align(struct libvirt_worker *w, struct libvirt_command *c,
			  unsigned int seconds);

/**
 * libvirt_worker_untarget() - drop a target that was not sent yet
 *
 * Return: there was one.
 */
bool libvirt_worker_untarget(struct libvirt_worker *w, struct libvirt_command *c);

/**
 * libvirt_worker_forget() - drop what is not done yet of a command
 *
 * Return: a target was.
 */
bool libvirt_worker_forget(struct libvirt_worker *w, struct libvirt_command *c);

#endif
