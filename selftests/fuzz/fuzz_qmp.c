// SPDX-License-Identifier: GPL-2.0
/*
 * The QMP client: an input is what the peer says. Its first byte says where
 * the stream is cut, which must make no difference.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dynmemd/qmp/qmp_client.h"
#include "common/util.h"
#include "fuzz.h"

/* What one conversation came to. */
struct talk {
	struct qmp *q;
	unsigned int ready, events, replies, balloons, closed;
	char heard[4096]; /* in order */
	size_t len;
};

static sd_event *event;
static struct poller *poller;

_printf_(2, 3) static void note(struct talk *t, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(t->heard + t->len, sizeof(t->heard) - t->len, format, ap);
	va_end(ap);
	t->len = MIN(t->len + (size_t)MAX(n, 0), sizeof(t->heard) - 1);
}

static void on_reply(_unused_ struct qmp *q, int error, struct json_object *ret, const char *text,
		     void *userdata)
{
	struct talk *t = userdata;

	promise(!t->closed && ++t->replies <= 3);
	promise((error == 0) == (text == NULL));
	note(t, "reply %d %s\n", error, error ? text : json_object_to_json_string(ret));
}

/* As json-c writes it, however it came. */
static void note_text(struct talk *t, const char *what, struct json_span text)
{
	struct json_tokener *parser = json_tokener_new_ex(2 * QMP_DEPTH_MAX);
	struct json_object *o = json_tokener_parse_ex(parser, text.p, (int)text.len);

	/* A number may go on. */
	if (json_tokener_get_error(parser) == json_tokener_continue)
		o = json_tokener_parse_ex(parser, " ", 1);
	promise(json_tokener_get_error(parser) == json_tokener_success);
	note(t, "%s %s\n", what, json_object_to_json_string(o));
	json_object_put(o);
	json_tokener_free(parser);
}

static void on_text(_unused_ struct qmp *q, int error, struct json_span ret, const char *text,
		    void *userdata)
{
	struct talk *t = userdata;

	promise(!t->closed && ++t->replies <= 3);
	promise((error == 0) == (text == NULL));
	if (error)
		note(t, "reply %d %s\n", error, text);
	else
		note_text(t, "reply 0", ret);
}

static bool on_event_text(_unused_ struct qmp *q, struct json_span name, struct json_span data,
			  void *userdata)
{
	struct talk *t = userdata;
	char what[512];

	promise(t->ready && !t->closed && *data.p == '{');
	if (!name.len || name.len > 400 || *name.p != 'B')
		return false;
	t->events++;
	snprintf(what, sizeof(what), "event %.*s", (int)name.len, name.p);
	note_text(t, what, data);
	return true;
}

static void on_ready(struct qmp *q, void *userdata)
{
	struct talk *t = userdata;

	promise(++t->ready == 1 && qmp_ready(q));
	note(t, "ready\n");
	promise(qmp_execute(q, "query-name", NULL, on_reply, t) == 0);
	qmp_hold(q);
	promise(qmp_ask(q, "query-status", NULL, on_text, t) == 0);
	promise(qmp_release(q) == 0);
	promise(qmp_balloon(q, 1 << 30) == 0);
	promise(qmp_balloon(q, 1 << 29) == 1);
	promise(qmp_execute(q, "qom-get", "{}", on_reply, t) == 0);
}

static void on_event(_unused_ struct qmp *q, const char *name, struct json_object *data,
		     void *userdata)
{
	struct talk *t = userdata;

	promise(t->ready && !t->closed);
	promise(!data || json_object_is_type(data, json_type_object));
	t->events++;
	note(t, "event %s %s\n", name, json_object_to_json_string(data));
}

static void on_balloon(_unused_ struct qmp *q, int error, _unused_ const char *text, void *userdata)
{
	struct talk *t = userdata;

	promise(!t->closed && ++t->balloons <= 2);
	note(t, "balloon %d\n", error);
}

static void on_closed(struct qmp *q, int error, const char *why, void *userdata)
{
	struct talk *t = userdata;

	promise(++t->closed == 1 && error < 0 && *why);
	promise(qmp_execute(q, "x", NULL, NULL, NULL) == -ENOTCONN);
	promise(qmp_balloon(q, 1) == -ENOTCONN);
	note(t, "closed %s %s\n", error == -EBADMSG ? "(bad)" : "", why);
}

static const struct qmp_handlers handlers = {
	.ready = on_ready,
	.event = on_event,
	.event_text = on_event_text,
	.balloon = on_balloon,
	.closed = on_closed,
};

static void settle(void)
{
	while (sd_event_run(event, 0) > 0)
		;
}

/* Says all of it in pieces of up to @piece bytes. */
static void converse(struct talk *t, const uint8_t *data, size_t size, unsigned int piece)
{
	int fds[2];

	memset(t, 0, sizeof(*t));
	promise(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	promise(qmp_new(&t->q, poller, fds[0], &QMP_LIMITS_DEFAULT, &handlers, t) == 0);
	for (size_t at = 0, n; at < size; at += n) {
		n = MIN(size - at, (size_t)piece);
		if (send(fds[1], data + at, n, MSG_NOSIGNAL) < 0)
			break;
		settle();
	}
	qmp_free(t->q);
	close(fds[1]);
}

int LLVMFuzzerInitialize(_unused_ int *argc, _unused_ char ***argv)
{
	promise(sd_event_new(&event) >= 0);
	promise(poller_new(&poller, event, 0) == 0);
	return 0;
}

/* A byte that is none of JSON ends a conversation with all that came with it. */
static bool is_text(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] >= 0x7f || (data[i] < ' ' && !memchr("\t\r\n", data[i], 3)))
			return false;
	return true;
}

/*
 * What is no JSON may be noticed later when it comes in pieces: json-c looks
 * closer at a number that it sees whole.
 */
static void compare(const struct talk *whole, const struct talk *cut)
{
	const char *end = strstr(whole->heard, "closed (bad) ");
	size_t len = end ? (size_t)(end - whole->heard) : sizeof(whole->heard);

	if (!strncmp(whole->heard, cut->heard, len))
		return;
	fprintf(stderr, "whole:\n%scut:\n%s", whole->heard, cut->heard);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct talk whole, cut;
	unsigned int piece;

	if (size < 2)
		return 0;
	piece = data[0] % 64 + 1;
	data++;
	size--;
	converse(&whole, data, size, size);
	converse(&cut, data, size, piece);
	if (is_text(data, size))
		compare(&whole, &cut);
	return 0;
}
