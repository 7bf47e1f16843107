// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "dynmemd/qmp/command_buffer.h"
#include "dynmemd/qmp/json_reader.h"
#include "dynmemd/qmp/qmp_answers.h"
#include "dynmemd/qmp/qmp_client.h"
#include "common/util.h"

/* How late a timer may fire, so that those of a thousand guests coalesce. */
#define TIMER_ACCURACY (50 * USEC_PER_MSEC)

enum state {
	STATE_GREETING,
	STATE_NEGOTIATING,
	STATE_READY,
	STATE_CLOSED,
};

/* A command that was sent. Freed by its reply, however late that comes. */
struct slot {
	bool used;
	bool overdue; /* fn was told */
	int64_t id;
	uint64_t deadline;
	qmp_reply_t fn;
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
	int write_error;
	char why[192];
};

/* All connections read into the same buffer, one after another. */
static char rx[16 * 1024];

static uint64_t now_usec(const struct qmp *q)
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
static void arm(struct qmp *q, uint64_t when)
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

static void disconnect(struct qmp *q)
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

/* Ends the connection from within the event loop's callbacks. */
_printf_(3, 4) static void give_up(struct qmp *q, int error, const char *format, ...)
{
	va_list ap;

	if (q->state == STATE_CLOSED)
		return;
	va_start(ap, format);
	vsnprintf(q->why, sizeof(q->why), format, ap);
	va_end(ap);
	disconnect(q);
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

static int flush(struct qmp *q)
{
	int r = command_send(&q->out, q->item.fd);

	if (r < 0)
		return write_failed(q, r);
	want_out(q, r);
	return r;
}

static void use_slot(struct qmp *q, struct slot *slot, int64_t id, qmp_reply_t fn, void *userdata)
{
	*slot = (struct slot){
		.used = true,
		.id = id,
		.deadline = now_usec(q) + q->limits.reply,
		.fn = fn,
		.userdata = userdata,
	};
	arm(q, slot->deadline);
}

static void on_balloon(struct qmp *q, int error, _unused_ struct json_object *ret, const char *text,
		       _unused_ void *userdata)
{
	if (q->handlers->balloon)
		q->handlers->balloon(q, error, text, q->userdata);
}

/* Sends the kept target unless an earlier one still waits for its reply. */
static int send_balloon(struct qmp *q)
{
	if (!q->balloon_kept || q->slots[0].used ||
	    command_put_balloon(&q->out, q->balloon_bytes) < 0)
		return q->balloon_kept;
	q->balloon_kept = false;
	use_slot(q, &q->slots[0], BALLOON_ID, on_balloon, NULL);
	return flush(q);
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
	return send_balloon(q);
}

static int execute(struct qmp *q, const char *command, const char *arguments, qmp_reply_t fn,
		   void *userdata)
{
	struct slot *slot = q->slots + 1, *end = slot + QMP_SLOTS;
	int r;

	if (q->write_error)
		return -ENOTCONN;
	while (slot < end && slot->used)
		slot++;
	if (slot == end)
		return -EBUSY;
	r = command_put(&q->out, command, arguments, q->next_id);
	if (r < 0)
		return r;
	use_slot(q, slot, q->next_id++, fn, userdata);
	r = flush(q);
	return r < 0 ? r : 0;
}

int qmp_execute(struct qmp *q, const char *command, const char *arguments, qmp_reply_t fn,
		void *userdata)
{
	if (!may_send(q))
		return -ENOTCONN;
	return execute(q, command, arguments, fn, userdata);
}

static void on_capabilities(struct qmp *q, int error, _unused_ struct json_object *ret,
			    const char *text, _unused_ void *userdata)
{
	if (error) {
		give_up(q, error, "qmp_capabilities failed: %s", text);
		return;
	}
	q->state = STATE_READY;
	if (q->handlers->ready)
		q->handlers->ready(q, q->userdata);
}

/*
 * Out-of-band execution, which newer monitors offer, is not asked for: none
 * of the commands used here can run out of band.
 */
static int negotiate(struct qmp *q)
{
	return execute(q, "qmp_capabilities", NULL, on_capabilities, NULL);
}

static void on_greeting(struct qmp *q, struct json_object *message)
{
	struct json_object *qmp;
	int r;

	if (!json_object_object_get_ex(message, "QMP", &qmp) ||
	    !json_object_is_type(qmp, json_type_object)) {
		give_up(q, -EPROTO, "no QMP greeting: not a QMP monitor");
		return;
	}
	q->state = STATE_NEGOTIATING;
	if (q->handlers->greeted)
		q->handlers->greeted(q, q->userdata);
	r = q->limits.eager ? 0 : negotiate(q);
	if (r < 0)
		give_up(q, r, "cannot send qmp_capabilities: %s", strerror(-r));
}

static void on_event(struct qmp *q, struct json_object *message, struct json_object *event)
{
	struct json_object *data = NULL;

	if (!json_object_is_type(event, json_type_string)) {
		give_up(q, -EPROTO, "an event without a name");
		return;
	}
	json_object_object_get_ex(message, "data", &data);
	if (!json_object_is_type(data, json_type_object))
		data = NULL;
	if (q->state == STATE_READY && q->handlers->event)
		q->handlers->event(q, json_object_get_string(event), data, q->userdata);
}

static const char *error_text(struct json_object *error)
{
	const char *text = answer_text(error, "desc");

	return text ? text : "an error without description";
}

static struct slot *find_slot(struct qmp *q, int64_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(q->slots); i++)
		if (q->slots[i].used && q->slots[i].id == id)
			return &q->slots[i];
	return NULL;
}

static void on_reply(struct qmp *q, struct json_object *message, struct json_object *ret,
		     struct json_object *failure)
{
	int error = failure ? -EREMOTEIO : 0;
	const char *text = failure ? error_text(failure) : NULL;
	struct json_object *number;
	struct slot *slot, done;
	int64_t id;

	if (!json_object_object_get_ex(message, "id", &number) ||
	    !json_object_is_type(number, json_type_int)) {
		give_up(q, -EPROTO, "a reply without our id%s%s", text ? ": " : "",
			text ? text : "");
		return;
	}
	id = json_object_get_int64(number);
	slot = find_slot(q, id);
	if (!slot) {
		give_up(q, -EPROTO, "a reply to a command that was not sent");
		return;
	}
	done = *slot;
	slot->used = false;
	if (id == BALLOON_ID)
		send_balloon(q);
	if (!done.overdue && done.fn)
		done.fn(q, error, ret, text, done.userdata);
}

static void on_message(struct qmp *q, struct json_object *message)
{
	struct json_object *part;

	if (!json_object_is_type(message, json_type_object))
		give_up(q, -EPROTO, "a message that is not an object");
	else if (q->state == STATE_GREETING)
		on_greeting(q, message);
	else if (json_object_object_get_ex(message, "event", &part))
		on_event(q, message, part);
	else if (json_object_object_get_ex(message, "return", &part))
		on_reply(q, message, part, NULL);
	else if (json_object_object_get_ex(message, "error", &part))
		on_reply(q, message, NULL, part);
	else
		give_up(q, -EPROTO, "a message that is neither event nor reply");
}

/* Returns how many bytes were consumed: one message, or a part of one. */
static size_t feed(struct qmp *q, const char *p, size_t len)
{
	bool half = q->reader.len > 0;
	struct json_object *message;
	const char *why;
	size_t used;
	int r = json_reader_feed(&q->reader, p, len, &message, &used, &why);

	if (r < 0) {
		give_up(q, -EBADMSG, "not JSON: %s", why);
		return len;
	}
	if (q->reader.len > QMP_MESSAGE_MAX) {
		give_up(q, -EMSGSIZE, "a message of more than %d bytes", QMP_MESSAGE_MAX);
		return len;
	}
	if (q->reader.len && !half) {
		q->message_deadline = now_usec(q) + q->limits.reply;
		arm(q, q->message_deadline);
	}
	if (!q->reader.len)
		q->message_deadline = 0;
	if (r > 0)
		on_message(q, message);
	json_object_put(message);
	return used;
}

/*
 * One buffer's worth a turn: whoever sends without end gets his turn among
 * the others, and no more.
 */
static void read_some(struct qmp *q)
{
	unsigned int session = q->sessions;
	ssize_t n = recv(q->item.fd, rx, sizeof(rx), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		give_up(q, -errno, "cannot read: %s", strerror(errno));
	else if (n == 0 && q->write_error)
		give_up(q, q->write_error, "cannot write: %s", strerror(-q->write_error));
	else if (n == 0)
		give_up(q, -ECONNRESET, "%s",
			q->reader.len ? "closed by the peer in the middle of a message"
				      : "closed by the peer");
	else if (!json_is_text(rx, n))
		give_up(q, -EBADMSG, "not JSON: bytes that are not ASCII text");
	for (size_t at = 0, used;
	     q->state != STATE_CLOSED && q->sessions == session && at < (size_t)n; at += used)
		used = feed(q, rx + at, n - at);
}

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
	if (revents & EPOLLOUT && flush(q) == 0)
		send_balloon(q);
	if (q->state != STATE_CLOSED && revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_some(q);
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
	if (slot->fn)
		slot->fn(q, -ETIMEDOUT, NULL, "no reply in time", slot->userdata);
	return 0;
}

static uint64_t expire(struct qmp *q, uint64_t now)
{
	uint64_t next = 0;

	if (q->state == STATE_GREETING) {
		if (q->greeting_deadline <= now) {
			give_up(q, -ETIMEDOUT,
				"no greeting within %.1f s: monitor busy (it serves one client at a time)",
				(double)q->limits.greeting / USEC_PER_SEC);
			return 0;
		}
		next = q->greeting_deadline;
	}
	if (q->message_deadline && q->message_deadline <= now) {
		give_up(q, -ETIMEDOUT, "stopped in the middle of a message");
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
	next = expire(q, MAX(now_usec(q), usec));
	if (next && q->state != STATE_CLOSED)
		arm(q, next);
	leave(q);
	return 0;
}

void qmp_close(struct qmp *q)
{
	disconnect(q);
}

struct qmp *qmp_free(struct qmp *q)
{
	if (!q)
		return NULL;
	disconnect(q);
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
	q->want_out = false;
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
	q->greeting_deadline = now_usec(q) + q->limits.greeting;
	arm(q, q->greeting_deadline);
	if (q->limits.eager)
		r = negotiate(q);
	if (r < 0)
		disconnect(q);
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
