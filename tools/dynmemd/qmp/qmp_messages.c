// SPDX-License-Identifier: GPL-2.0
/* Parse what a monitor sends: greeting, replies, events. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "dynmemd/qmp/json_pull.h"
#include "dynmemd/qmp/qmp_answers.h"
#include "dynmemd/qmp/qmp_private.h"

/* A message that has more members than an event is no usual one. */
#define MEMBERS_MAX 4

/* All connections read into the same buffer, one after another. */
static char rx[16 * 1024];

static void on_capabilities(struct qmp *q, int error, _unused_ struct json_object *ret,
			    const char *text, _unused_ void *userdata)
{
	if (error) {
		qmp_give_up(q, error, "qmp_capabilities failed: %s", text);
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
int qmp_negotiate(struct qmp *q)
{
	static const struct slot waits = { .fn = on_capabilities };

	return qmp_put(q, "qmp_capabilities", NULL, &waits);
}

static void on_greeting(struct qmp *q, struct json_object *message)
{
	struct json_object *qmp;
	int r;

	if (!json_object_object_get_ex(message, "QMP", &qmp) ||
	    !json_object_is_type(qmp, json_type_object)) {
		qmp_give_up(q, -EPROTO, "no QMP greeting: not a QMP monitor");
		return;
	}
	q->state = STATE_NEGOTIATING;
	if (q->handlers->greeted)
		q->handlers->greeted(q, q->userdata);
	r = q->limits.eager ? 0 : qmp_negotiate(q);
	if (r < 0)
		qmp_give_up(q, r, "cannot send qmp_capabilities: %s", strerror(-r));
}

static void on_event(struct qmp *q, struct json_object *message, struct json_object *event)
{
	struct json_object *data = NULL;

	if (!json_object_is_type(event, json_type_string)) {
		qmp_give_up(q, -EPROTO, "an event without a name");
		return;
	}
	json_object_object_get_ex(message, "data", &data);
	if (!json_object_is_type(data, json_type_object))
		data = NULL;
	if (q->state == STATE_READY && q->handlers->event)
		q->handlers->event(q, json_object_get_string(event), data, q->userdata);
}

/* The text of what json-c has made of it. */
static void reply_text(struct qmp *q, const struct slot *slot, int error, struct json_object *ret,
		       const char *text)
{
	struct json_span span = { "", 0 };

	if (!error) {
		span.p = json_object_to_json_string_ext(ret, JSON_C_TO_STRING_PLAIN);
		if (!span.p) {
			qmp_give_up(q, -ENOMEM, "out of memory");
			return;
		}
		span.len = strlen(span.p);
	}
	slot->text_fn(q, error, span, text, slot->userdata);
}

void qmp_reply(struct qmp *q, const struct slot *slot, int error, struct json_object *ret,
	       const char *text)
{
	if (slot->text_fn)
		reply_text(q, slot, error, ret, text);
	else if (slot->fn)
		slot->fn(q, error, ret, text, slot->userdata);
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

/* Its reply has come. Returns who waits for that. */
static struct slot end_slot(struct qmp *q, struct slot *slot)
{
	struct slot done = *slot;

	slot->used = false;
	if (done.id == BALLOON_ID)
		qmp_send_balloon(q);
	return done;
}

static void on_reply(struct qmp *q, struct json_object *message, struct json_object *ret,
		     struct json_object *failure)
{
	int error = failure ? -EREMOTEIO : 0;
	const char *text = failure ? error_text(failure) : NULL;
	struct json_object *number;
	struct slot *slot, done;

	if (!json_object_object_get_ex(message, "id", &number) ||
	    !json_object_is_type(number, json_type_int)) {
		qmp_give_up(q, -EPROTO, "a reply without our id%s%s", text ? ": " : "",
			    text ? text : "");
		return;
	}
	slot = find_slot(q, json_object_get_int64(number));
	if (!slot) {
		qmp_give_up(q, -EPROTO, "a reply to a command that was not sent");
		return;
	}
	done = end_slot(q, slot);
	if (!done.overdue)
		qmp_reply(q, &done, error, ret, text);
}

static void on_message(struct qmp *q, struct json_object *message)
{
	struct json_object *part;

	if (!json_object_is_type(message, json_type_object))
		qmp_give_up(q, -EPROTO, "a message that is not an object");
	else if (q->state == STATE_GREETING)
		on_greeting(q, message);
	else if (json_object_object_get_ex(message, "event", &part))
		on_event(q, message, part);
	else if (json_object_object_get_ex(message, "return", &part))
		on_reply(q, message, part, NULL);
	else if (json_object_object_get_ex(message, "error", &part))
		on_reply(q, message, NULL, part);
	else
		qmp_give_up(q, -EPROTO, "a message that is neither event nor reply");
}

/*
 * What most messages are: answers to what was asked for as text, and events that are
 * taken as such. Nothing is made of them but what is asked for.
 */

/* Of equal names the last one counts. */
static const struct json_span *find_member(const struct json_member *m, size_t n, const char *key)
{
	const struct json_span *found = NULL;

	for (size_t i = 0; i < n; i++)
		if (span_is(m[i].key, key))
			found = &m[i].value;
	return found;
}

static bool plain_event(struct qmp *q, const struct json_member *m, size_t n,
			struct json_span event)
{
	const struct json_span *data = find_member(m, n, "data");
	struct json_span name = { event.p + 1, event.len - 2 };

	return q->handlers->event_text && *event.p == '"' && data && *data->p == '{' &&
	       q->handlers->event_text(q, name, *data, q->userdata);
}

static bool plain_reply(struct qmp *q, struct json_span ret, const struct json_span *number)
{
	struct json_cursor c;
	struct slot *slot, done;
	uint64_t id;

	if (!number)
		return false;
	c = json_cursor(*number);
	if (!json_number(&c, &id) || id > INT64_MAX)
		return false;
	slot = find_slot(q, (int64_t)id);
	if (!slot || !slot->text_fn)
		return false;
	done = end_slot(q, slot);
	if (!done.overdue)
		done.text_fn(q, 0, ret, NULL, done.userdata);
	return true;
}

/* Returns how much was taken: a whole message, or nothing. */
static size_t take_plain(struct qmp *q, const char *p, size_t len)
{
	struct json_member m[MEMBERS_MAX];
	const struct json_span *event, *ret;
	size_t n, used;

	if (q->reader.len || q->state != STATE_READY)
		return 0;
	used = json_split(p, len, m, ARRAY_SIZE(m), &n);
	if (!used || find_member(m, n, "error"))
		return 0;
	event = find_member(m, n, "event");
	ret = find_member(m, n, "return");
	if (!event == !ret)
		return 0;
	if (event ? plain_event(q, m, n, *event) : plain_reply(q, *ret, find_member(m, n, "id")))
		return used;
	return 0;
}

/* Returns how many bytes were consumed: one message, or a part of one. */
static size_t feed(struct qmp *q, const char *p, size_t len)
{
	bool half = q->reader.len > 0;
	struct json_object *message;
	const char *why;
	size_t used;
	int r;

	used = half ? 0 : json_blanks(p, len);
	if (!used)
		used = take_plain(q, p, len);
	if (used)
		return used;
	if (!json_is_text(p, len)) {
		qmp_give_up(q, -EBADMSG, "not JSON: bytes that are not ASCII text");
		return len;
	}
	r = json_reader_feed(&q->reader, p, len, &message, &used, &why);
	if (r < 0) {
		qmp_give_up(q, -EBADMSG, "not JSON: %s", why);
		return len;
	}
	if (q->reader.len > QMP_MESSAGE_MAX) {
		qmp_give_up(q, -EMSGSIZE, "a message of more than %d bytes", QMP_MESSAGE_MAX);
		return len;
	}
	if (q->reader.len && !half) {
		q->message_deadline = qmp_now(q) + q->limits.reply;
		qmp_arm(q, q->message_deadline);
	}
	if (!q->reader.len)
		q->message_deadline = 0;
	if (r > 0)
		on_message(q, message);
	json_object_put(message);
	return used;
}

/*
 * One buffer's worth a turn: a peer that sends without end gets its turn among
 * the others, and no more.
 */
void qmp_read(struct qmp *q)
{
	unsigned int session = q->sessions;
	ssize_t n = recv(q->item.fd, rx, sizeof(rx), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		qmp_give_up(q, -errno, "cannot read: %s", strerror(errno));
	else if (n == 0 && q->write_error)
		qmp_give_up(q, q->write_error, "cannot write: %s", strerror(-q->write_error));
	else if (n == 0)
		qmp_give_up(q, -ECONNRESET, "%s",
			    q->reader.len ? "closed by the peer in the middle of a message"
					  : "closed by the peer");
	for (size_t at = 0, used;
	     q->state != STATE_CLOSED && q->sessions == session && at < (size_t)n; at += used)
		used = feed(q, rx + at, n - at);
}
