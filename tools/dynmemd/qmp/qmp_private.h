/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by qmp_send.c (what is sent), qmp_messages.c (what the peer says, which uses
 * that) and qmp_client.c (a client's life, which uses both).
 */
#ifndef DYNMEMD_QMP_PRIVATE_H
#define DYNMEMD_QMP_PRIVATE_H

#include "dynmemd/qmp/command_buffer.h"
#include "dynmemd/qmp/json_reader.h"
#include "dynmemd/qmp/qmp_client.h"
#include "common/util.h"

enum state {
	STATE_GREETING,
	STATE_NEGOTIATING,
	STATE_READY,
	STATE_CLOSED,
};

/* A command that was sent. Freed by its reply, however late that comes. */
struct slot {
	bool used;
	bool overdue; /* fn was called for it */
	int64_t id;
	uint64_t deadline;
	qmp_reply_t fn;
	qmp_text_t text_fn; /* instead of @fn */
	void *userdata;
};

struct qmp {
	enum state state;
	struct poll_item item; /* holds the socket */
	struct qmp_limits limits;
	const struct qmp_handlers *handlers;
	void *userdata;

	struct poller *poller;
	sd_event_source *timer;
	uint64_t timer_at; /* 0: off */
	bool want_out;

	/* A free in one of our own handlers waits until we have returned. */
	bool busy;
	bool freed;

	int64_t next_id;
	struct slot slots[QMP_SLOTS + 1]; /* the first one is `balloon`'s */
	uint64_t greeting_deadline;
	unsigned int sessions; /* so far */

	/* The value that comes after the `balloon` in flight. */
	bool balloon_kept;
	uint64_t balloon_bytes;

	struct json_reader reader;
	uint64_t message_deadline; /* for the rest of a half message */

	struct command_buffer out;
	bool held; /* commands wait there for qmp_release() */
	int write_error;
	char why[192];
};

/*
 * qmp_send.c
 */

/** qmp_now() - usec, of this turn of the event loop */
uint64_t qmp_now(const struct qmp *q);

/** qmp_arm() - have the timer fire at @when at the latest */
void qmp_arm(struct qmp *q, uint64_t when);

/** qmp_disconnect() - close the socket; nobody is called */
void qmp_disconnect(struct qmp *q);

/** qmp_give_up() - end the connection from within the event loop's callbacks */
_printf_(3, 4) void qmp_give_up(struct qmp *q, int error, const char *format, ...);

/** qmp_flush() - Return: 0: all is sent; 1: the peer does not read; -errno: it is shut down */
int qmp_flush(struct qmp *q);

/**
 * qmp_put() - send a command, also before the peer is ready
 * @waits: who waits for its reply
 *
 * Return: as for qmp_execute().
 */
int qmp_put(struct qmp *q, const char *command, const char *arguments, const struct slot *waits);

/** qmp_send_balloon() - send the kept target, unless an earlier one waits for its reply */
int qmp_send_balloon(struct qmp *q);

/*
 * qmp_messages.c
 */

/** qmp_negotiate() - leave the monitor's first mode; struct qmp_handlers.ready follows */
int qmp_negotiate(struct qmp *q);

/** qmp_read() - read what the peer has sent, one buffer's worth */
void qmp_read(struct qmp *q);

/** qmp_reply() - call what waits for a reply. @text: of an error */
void qmp_reply(struct qmp *q, const struct slot *slot, int error, struct json_object *ret,
	       const char *text);

#endif
