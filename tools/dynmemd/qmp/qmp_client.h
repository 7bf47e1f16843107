/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A non-blocking QMP client: one connection to one QEMU monitor.
 *
 * Everything happens in the event loop, nothing here ever waits: a peer that
 * is slow, dead, hung or hostile costs only itself. What a peer sends is
 * bounded in size and depth; whatever is not QMP ends the connection.
 */
#ifndef DYNMEMD_QMP_H
#define DYNMEMD_QMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <json-c/json.h>
#include "dynmemd/qmp/json_pull.h"
#include "dynmemd/qmp/poller.h"

/*
 * Longest accepted message. The largest answer to what is asked here, a
 * qom-list of a hundred devices, has 8 KiB; json-c makes up to 140 times as
 * much of hostile input, and that has to fit into locked memory.
 */
#define QMP_MESSAGE_MAX 65536

/* Deepest accepted nesting; guest-stats and events need five. */
#define QMP_DEPTH_MAX 16

/* Commands that may wait for their replies at once. */
#define QMP_SLOTS 8

struct qmp;

/**
 * qmp_reply_t - the outcome of one command; called exactly once, unless the
 * connection closes first
 * @error: 0; -ETIMEDOUT: no reply by the deadline (one that still comes is
 *	dropped); -EREMOTEIO: the peer refused, @text is its explanation
 * @ret: the reply's "return" if @error is 0, borrowed
 * @text: untrusted text of the peer, or a fixed one; never NULL on an error
 */
typedef void (*qmp_reply_t)(struct qmp *q, int error, struct json_object *ret, const char *text,
			    void *userdata);

/**
 * qmp_text_t - as &qmp_reply_t, with the reply as text
 * @ret: the reply's "return" if @error is 0, for json_cursor(); borrowed
 */
typedef void (*qmp_text_t)(struct qmp *q, int error, struct json_span ret, const char *text,
			   void *userdata);

/**
 * struct qmp_handlers - what a connection reports; each may call qmp_free()
 * @greeted: the monitor is ours; may be NULL
 * @ready: the peer greeted and accepted qmp_capabilities
 * @event: an event; @data may be NULL, @name is untrusted
 * @event_text: an event that came in one piece, before @event is called for it. @data is an
 *	object, for json_cursor(). Return: true: taken, @event is not called. May be NULL
 * @balloon: the outcome of a qmp_balloon(), as for &qmp_reply_t
 * @closed: the connection is over; the last call ever. @why is fit for a log
 *	once escaped
 */
struct qmp_handlers {
	void (*greeted)(struct qmp *q, void *userdata);
	void (*ready)(struct qmp *q, void *userdata);
	void (*event)(struct qmp *q, const char *name, struct json_object *data, void *userdata);
	bool (*event_text)(struct qmp *q, struct json_span name, struct json_span data,
			   void *userdata);
	void (*balloon)(struct qmp *q, int error, const char *text, void *userdata);
	void (*closed)(struct qmp *q, int error, const char *why, void *userdata);
};

/**
 * struct qmp_limits - how long a peer may take, in microseconds
 * @greeting: until the greeting: QEMU serves one client per monitor and lets
 *	others wait in silence, so no greeting means "monitor busy"
 * @reply: until a command's reply; also until the rest of a half message
 * @eager: commands are sent without waiting for the greeting: the peer reads
 *	them when our turn has come. Only for what is a monitor for sure: others
 *	would take them for their own input
 */
struct qmp_limits {
	uint64_t greeting;
	uint64_t reply;
	bool eager;
};

/*
 * 2 s: a QEMU that is up greets within a millisecond; under load within a
 * second. 5 s: `balloon` and `qom-get` take the big QEMU lock, which a
 * migration's last phase or slow storage may hold for seconds.
 */
#define QMP_LIMITS_DEFAULT ((struct qmp_limits){ .greeting = 2000000ULL, .reply = 5000000ULL })

/**
 * qmp_connect() - connect to a monitor's socket, without waiting
 * @ret_fd: the connected socket, for qmp_new()
 * @path: of the socket; any length
 *
 * Return: 0; -EAGAIN: the listener's queue is full, try later; -ECONNREFUSED:
 * nobody listens any more; another negative errno.
 */
int qmp_connect(int *ret_fd, const char *path);

/**
 * qmp_new() - speak QMP over a connected socket
 * @ret: the connection; greeting and negotiation go on in the event loop
 * @poller: must outlive the connection
 * @fd: is taken over, also on failure; -1: qmp_open() brings one
 */
int qmp_new(struct qmp **ret, struct poller *poller, int fd, const struct qmp_limits *limits,
	    const struct qmp_handlers *handlers, void *userdata);

/**
 * qmp_open() - speak over another socket, when the last one is closed
 * @fd: is taken over, also on failure
 *
 * Allocates nothing.
 */
int qmp_open(struct qmp *q, int fd);

/** qmp_close() - leave; no handler is called until the next qmp_open() */
void qmp_close(struct qmp *q);

/** qmp_is_open() - between qmp_open() and qmp_close() or @closed */
bool qmp_is_open(const struct qmp *q);

/** qmp_idle() - every command has its reply */
bool qmp_idle(const struct qmp *q);

/**
 * qmp_free() - close; no handler is called afterwards. NULL is fine.
 *
 * Return: NULL
 */
struct qmp *qmp_free(struct qmp *q);

/**
 * qmp_execute() - send a command
 * @command: its name
 * @arguments: JSON text of an object, or NULL
 * @fn: gets the outcome; may be NULL
 *
 * Allocates nothing. Return: 0; -ENOTCONN: not ready, or closed; -EBUSY: all
 * slots wait for replies; -ENOBUFS: the peer does not read, or the command
 * is too long; another negative errno if the socket failed (@closed follows).
 */
int qmp_execute(struct qmp *q, const char *command, const char *arguments, qmp_reply_t fn,
		void *userdata);

/**
 * qmp_ask() - as qmp_execute(), for a reply that is read as text
 *
 * While that comes in one piece, nothing is allocated for it.
 */
int qmp_ask(struct qmp *q, const char *command, const char *arguments, qmp_text_t fn,
	    void *userdata);

/** qmp_hold() - commands wait until qmp_release(), and are sent in one piece */
void qmp_hold(struct qmp *q);

/** qmp_release() - send what was held. 0, or as qmp_execute() */
int qmp_release(struct qmp *q);

/**
 * qmp_balloon() - set the balloon's target
 * @bytes: what the guest shall have
 *
 * The way for emergencies: needs no slot, allocates nothing, and is one
 * send() when the peer keeps up. While one `balloon` waits for its reply,
 * the newest value is kept and sent right after that.
 *
 * Return: 0: written; 1: kept, will be written; -ENOTCONN; another negative
 * errno if the socket failed.
 */
int qmp_balloon(struct qmp *q, uint64_t bytes);

bool qmp_ready(const struct qmp *q);

/**
 * qmp_overdue() - commands whose reply is past its deadline
 */
unsigned int qmp_overdue(const struct qmp *q);

/**
 * qmp_peer_pid() - the process that listens on the socket: QEMU
 *
 * Return: its pid; -ENODATA when it is in another PID namespace.
 */
pid_t qmp_peer_pid(const struct qmp *q);

#endif
