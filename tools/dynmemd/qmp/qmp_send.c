// SPDX-License-Identifier: GPL-2.0
/* A connection: what is sent, who waits for a reply, and its end. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "dynmemd/qmp/qmp_private.h"

uint64_t qmp_now(const struct qmp *q)
{
	uint64_t now = 0;

	sd_event_now(poller_event(q->poller), CLOCK_MONOTONIC, &now);
	return now;
}

/*
 * The timer is pulled forward when needed and otherwise left alone: in a
 * steady stream of commands it fires once a deadline's length, not moved at
 * every command.
 */
void qmp_arm(struct qmp *q, uint64_t when)
{
	if (q->state == STATE_CLOSED || (q->timer_at && q->timer_at <= when))
		return;
	q->timer_at = when;
	sd_event_source_set_time(q->timer, when);
	sd_event_source_set_enabled(q->timer, SD_EVENT_ONESHOT);
}

static void want_out(struct qmp *q, bool want)
{
	if (q->want_out == want)
		return;
	q->want_out = want;
	poller_set(q->poller, &q->item, EPOLLIN | (want ? EPOLLOUT : 0));
}

void qmp_disconnect(struct qmp *q)
{
	q->state = STATE_CLOSED;
	q->timer_at = 0;
	if (q->timer)
		sd_event_source_set_enabled(q->timer, SD_EVENT_OFF);
	if (q->item.fd < 0)
		return;
	poller_remove(q->poller, &q->item);
	close(q->item.fd);
	q->item.fd = -1;
}

_printf_(3, 4) void qmp_give_up(struct qmp *q, int error, const char *format, ...)
{
	va_list ap;

	if (q->state == STATE_CLOSED)
		return;
	va_start(ap, format);
	vsnprintf(q->why, sizeof(q->why), format, ap);
	va_end(ap);
	qmp_disconnect(q);
	if (!q->freed && q->handlers->closed)
		q->handlers->closed(q, error, q->why, q->userdata);
}

/*
 * A failed write is met in the middle of a caller's work: the connection is
 * only shut down here, and the event loop then finds its end.
 */
static int write_failed(struct qmp *q, int error)
{
	q->write_error = error;
	q->out.start = q->out.end = 0;
	want_out(q, false);
	shutdown(q->item.fd, SHUT_RDWR);
	return error;
}

int qmp_flush(struct qmp *q)
{
	int r = command_send(&q->out, q->item.fd);

	if (r < 0)
		return write_failed(q, r);
	want_out(q, r);
	return r;
}

/* @waits: who waits for its reply */
static void use_slot(struct qmp *q, struct slot *slot, int64_t id, const struct slot *waits)
{
	*slot = *waits;
	slot->used = true;
	slot->id = id;
	slot->deadline = qmp_now(q) + q->limits.reply;
	qmp_arm(q, slot->deadline);
}

static void on_balloon(struct qmp *q, int error, _unused_ struct json_span ret, const char *text,
		       _unused_ void *userdata)
{
	if (q->handlers->balloon)
		q->handlers->balloon(q, error, text, q->userdata);
}

int qmp_send_balloon(struct qmp *q)
{
	static const struct slot waits = { .text_fn = on_balloon };

	if (!q->balloon_kept || q->slots[0].used ||
	    command_put_balloon(&q->out, q->balloon_bytes) < 0)
		return q->balloon_kept;
	q->balloon_kept = false;
	use_slot(q, &q->slots[0], BALLOON_ID, &waits);
	return qmp_flush(q);
}

static bool may_send(const struct qmp *q)
{
	return q->state == STATE_READY || (q->limits.eager && q->state != STATE_CLOSED);
}

int qmp_balloon(struct qmp *q, uint64_t bytes)
{
	if (!may_send(q) || q->write_error)
		return -ENOTCONN;
	q->balloon_bytes = bytes;
	q->balloon_kept = true;
	return qmp_send_balloon(q);
}

static int put(struct qmp *q, const char *command, const char *arguments)
{
	int r = command_put(&q->out, command, arguments, q->next_id);

	if (r != -ENOBUFS || !q->held)
		return r;
	/* What is held makes room. */
	r = qmp_flush(q);
	return r < 0 ? r : command_put(&q->out, command, arguments, q->next_id);
}

int qmp_put(struct qmp *q, const char *command, const char *arguments, const struct slot *waits)
{
	struct slot *slot = q->slots + 1, *end = slot + QMP_SLOTS;
	int r;

	if (q->write_error)
		return -ENOTCONN;
	while (slot < end && slot->used)
		slot++;
	if (slot == end)
		return -EBUSY;
	r = put(q, command, arguments);
	if (r < 0)
		return r;
	use_slot(q, slot, q->next_id++, waits);
	r = q->held ? 0 : qmp_flush(q);
	return r < 0 ? r : 0;
}

int qmp_execute(struct qmp *q, const char *command, const char *arguments, qmp_reply_t fn,
		void *userdata)
{
	const struct slot waits = { .fn = fn, .userdata = userdata };

	return may_send(q) ? qmp_put(q, command, arguments, &waits) : -ENOTCONN;
}

int qmp_ask(struct qmp *q, const char *command, const char *arguments, qmp_text_t fn,
	    void *userdata)
{
	const struct slot waits = { .text_fn = fn, .userdata = userdata };

	return may_send(q) ? qmp_put(q, command, arguments, &waits) : -ENOTCONN;
}

void qmp_hold(struct qmp *q)
{
	q->held = true;
}

int qmp_release(struct qmp *q)
{
	int r;

	q->held = false;
	if (!may_send(q) || q->write_error)
		return -ENOTCONN;
	r = qmp_flush(q);
	return r < 0 ? r : 0;
}
