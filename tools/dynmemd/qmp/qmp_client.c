// SPDX-License-Identifier: GPL-2.0
/* A client's life: its event loop, its deadlines, its beginning and end. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "dynmemd/qmp/qmp_private.h"

/* How late a timer may fire, so that those of a thousand guests coalesce. */
#define TIMER_ACCURACY (50 * USEC_PER_MSEC)

static void leave(struct qmp *q)
{
	q->busy = false;
	if (q->freed)
		qmp_free(q);
}

static void on_io(struct poll_item *item, uint32_t revents)
{
	struct qmp *q = container_of(item, struct qmp, item);

	q->busy = true;
	if (revents & EPOLLOUT && qmp_flush(q) == 0)
		qmp_send_balloon(q);
	if (q->state != STATE_CLOSED && revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
		qmp_read(q);
	leave(q);
}

/* Earliest of two points in time, 0 being never. */
static uint64_t earliest(uint64_t a, uint64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return MIN(a, b);
}

static uint64_t expire_slot(struct qmp *q, struct slot *slot, uint64_t now)
{
	if (!slot->used || slot->overdue)
		return 0;
	if (slot->deadline > now)
		return slot->deadline;
	slot->overdue = true;
	qmp_reply(q, slot, -ETIMEDOUT, NULL, "no reply in time");
	return 0;
}

static uint64_t expire(struct qmp *q, uint64_t now)
{
	uint64_t next = 0;

	if (q->state == STATE_GREETING) {
		if (q->greeting_deadline <= now) {
			qmp_give_up(
				q, -ETIMEDOUT,
				"no greeting within %.1f s: monitor busy (it serves one client at a time)",
				(double)q->limits.greeting / USEC_PER_SEC);
			return 0;
		}
		next = q->greeting_deadline;
	}
	if (q->message_deadline && q->message_deadline <= now) {
		qmp_give_up(q, -ETIMEDOUT, "stopped in the middle of a message");
		return 0;
	}
	next = earliest(next, q->message_deadline);
	for (size_t i = 0; i < ARRAY_SIZE(q->slots) && q->state != STATE_CLOSED; i++)
		next = earliest(next, expire_slot(q, &q->slots[i], now));
	return next;
}

static int on_timer(_unused_ sd_event_source *s, uint64_t usec, void *userdata)
{
	struct qmp *q = userdata;
	uint64_t next;

	q->busy = true;
	q->timer_at = 0;
	next = expire(q, MAX(qmp_now(q), usec));
	if (next && q->state != STATE_CLOSED)
		qmp_arm(q, next);
	leave(q);
	return 0;
}

void qmp_close(struct qmp *q)
{
	qmp_disconnect(q);
}

struct qmp *qmp_free(struct qmp *q)
{
	if (!q)
		return NULL;
	qmp_disconnect(q);
	if (q->busy) {
		q->freed = true;
		return NULL;
	}
	sd_event_source_disable_unref(q->timer);
	json_reader_free(&q->reader);
	free(q);
	return NULL;
}

static int prepare(struct qmp *q)
{
	int r = json_reader_init(&q->reader, QMP_DEPTH_MAX);

	if (r == 0)
		r = sd_event_add_time(poller_event(q->poller), &q->timer, CLOCK_MONOTONIC, 0,
				      TIMER_ACCURACY, on_timer, q);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(q->timer, SD_EVENT_OFF);
}

int qmp_open(struct qmp *q, int fd)
{
	int r;

	q->item.fd = fd;
	q->sessions++;
	q->want_out = q->held = false;
	q->write_error = 0;
	q->out.start = q->out.end = 0;
	q->balloon_kept = false;
	q->message_deadline = 0;
	memset(q->slots, 0, sizeof(q->slots));
	json_reader_reset(&q->reader);
	r = poller_add(q->poller, &q->item, EPOLLIN);
	if (r < 0) {
		close(fd);
		q->item.fd = -1;
		return r;
	}
	q->state = STATE_GREETING;
	q->greeting_deadline = qmp_now(q) + q->limits.greeting;
	qmp_arm(q, q->greeting_deadline);
	if (q->limits.eager)
		r = qmp_negotiate(q);
	if (r < 0)
		qmp_disconnect(q);
	return r;
}

int qmp_new(struct qmp **ret, struct poller *poller, int fd, const struct qmp_limits *limits,
	    const struct qmp_handlers *handlers, void *userdata)
{
	struct qmp *q = calloc(1, sizeof(*q));
	int r;

	if (!q) {
		closep(&fd);
		return -ENOMEM;
	}
	q->state = STATE_CLOSED;
	q->item.fd = -1;
	q->item.fn = on_io;
	q->limits = *limits;
	q->handlers = handlers;
	q->userdata = userdata;
	q->poller = poller;
	q->next_id = BALLOON_ID + 1;
	r = prepare(q);
	if (r < 0)
		closep(&fd);
	else if (fd >= 0)
		r = qmp_open(q, fd);
	if (r < 0) {
		qmp_free(q);
		return r;
	}
	*ret = q;
	return 0;
}

bool qmp_is_open(const struct qmp *q)
{
	return q->state != STATE_CLOSED;
}

bool qmp_idle(const struct qmp *q)
{
	for (size_t i = 0; i < ARRAY_SIZE(q->slots); i++)
		if (q->slots[i].used)
			return false;
	return !q->balloon_kept;
}

bool qmp_ready(const struct qmp *q)
{
	return q && q->state == STATE_READY && !q->write_error;
}

unsigned int qmp_overdue(const struct qmp *q)
{
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(q->slots); i++)
		n += q->slots[i].used && q->slots[i].overdue;
	return n;
}

pid_t qmp_peer_pid(const struct qmp *q)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(q->item.fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	return cred.pid > 0 ? cred.pid : -ENODATA;
}
