/* SPDX-License-Identifier: GPL-2.0 */
/* The QMP client, and the socket of a peer that the test plays. */
#ifndef QMP_LINK_H
#define QMP_LINK_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "dynmemd/qmp/qmp_client.h"
#include "common/util.h"

#define GREETING                                                                           \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, " \
	"\"package\": \"Debian\"}, \"capabilities\": [\"oob\"]}}\r\n"
#define GREETING_OLD                                                                       \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 4, \"major\": 2}}, " \
	"\"capabilities\": []}}\r\n"
#define NEGOTIATED "{\"return\": {}, \"id\": 1}\r\n"
#define BALLOON(v) "{\"execute\":\"balloon\",\"arguments\":{\"value\":" v "},\"id\":0}\r\n"

/*
 * How long a peer may take where a test waits for that; long enough for what
 * comes before on a machine that is busy with other things.
 */
#define QUICK (250 * USEC_PER_MSEC)

/* One connection: our client at one end, the peer's socket at the other. */
struct link {
	sd_event *event;
	struct poller *poller;
	struct qmp *q;
	int peer;
	bool free_in_ready, free_in_reply, free_in_event, free_in_closed;

	int greeted, ready, events, closed, replies, balloons;
	int closed_error, reply_error, balloon_error;
	char why[256], event_name[64], reply_text[128];
	int64_t reply_value;
	uint64_t closed_at;
	char got[65536]; /* what the peer has read */
	size_t got_len;
};

static inline void on_greeted(_unused_ struct qmp *q, void *userdata)
{
	((struct link *)userdata)->greeted++;
}

static inline void on_ready(struct qmp *q, void *userdata)
{
	struct link *l = userdata;

	l->ready++;
	if (l->free_in_ready)
		l->q = qmp_free(q);
}

static inline void on_event(struct qmp *q, const char *name, struct json_object *data,
			    void *userdata)
{
	struct link *l = userdata;
	struct json_object *v;

	l->events++;
	snprintf(l->event_name, sizeof(l->event_name), "%s", name);
	if (json_object_object_get_ex(data, "actual", &v))
		l->reply_value = json_object_get_int64(v);
	if (l->free_in_event)
		l->q = qmp_free(q);
}

static inline void on_balloon(_unused_ struct qmp *q, int error, _unused_ const char *text,
			      void *userdata)
{
	struct link *l = userdata;

	l->balloons++;
	l->balloon_error = error;
}

static inline void on_closed(struct qmp *q, int error, const char *why, void *userdata)
{
	struct link *l = userdata;

	l->closed++;
	sd_event_now(l->event, CLOCK_MONOTONIC, &l->closed_at);
	l->closed_error = error;
	snprintf(l->why, sizeof(l->why), "%s", why);
	if (l->free_in_closed)
		l->q = qmp_free(q);
}

static const struct qmp_handlers handlers = {
	.greeted = on_greeted,
	.ready = on_ready,
	.event = on_event,
	.balloon = on_balloon,
	.closed = on_closed,
};

static inline void on_reply(struct qmp *q, int error, struct json_object *ret, const char *text,
			    void *userdata)
{
	struct link *l = userdata;

	l->replies++;
	l->reply_error = error;
	if (error)
		snprintf(l->reply_text, sizeof(l->reply_text), "%s", text);
	else
		l->reply_value = json_object_get_int64(ret);
	if (l->free_in_reply)
		l->q = qmp_free(q);
}

static inline void link_open(struct link *l, uint64_t greeting, uint64_t reply)
{
	struct qmp_limits limits = { .greeting = greeting, .reply = reply };
	int fds[2];

	memset(l, 0, sizeof(*l));
	assert_int_equal(sd_event_new(&l->event), 0);
	assert_int_equal(poller_new(&l->poller, l->event, 0), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	l->peer = fds[1];
	assert_int_equal(qmp_new(&l->q, l->poller, fds[0], &limits, &handlers, l), 0);
}

static inline void hang_up(struct link *l)
{
	close(l->peer);
	l->peer = -1;
}

static inline void link_close(struct link *l)
{
	qmp_free(l->q);
	if (l->peer >= 0)
		close(l->peer);
	poller_free(l->poller);
	sd_event_unref(l->event);
}

/* Runs the loop until nothing happens for @quiet microseconds. */
static inline void settle(struct link *l, uint64_t quiet)
{
	int r;

	do {
		r = sd_event_run(l->event, quiet);
		assert_true(r >= 0);
	} while (r > 0);
}

static inline void say_bytes(struct link *l, const char *p, size_t len)
{
	while (len) {
		ssize_t n = send(l->peer, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EPIPE)
			break;
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			settle(l, 0);
			continue;
		}
		p += n;
		len -= n;
	}
	settle(l, 0);
}

static inline void say(struct link *l, const char *text)
{
	say_bytes(l, text, strlen(text));
}

/* What our client wrote since the last time, as text. */
static inline const char *hear(struct link *l)
{
	ssize_t n = recv(l->peer, l->got, sizeof(l->got) - 1, MSG_DONTWAIT);

	l->got_len = n > 0 ? n : 0;
	l->got[l->got_len] = 0;
	return l->got;
}

static inline void negotiate(struct link *l)
{
	say(l, GREETING);
	assert_string_equal(hear(l), "{\"execute\":\"qmp_capabilities\",\"id\":1}\r\n");
	say(l, NEGOTIATED);
	assert_int_equal(l->ready, 1);
	assert_true(qmp_ready(l->q));
}

static inline void link_ready(struct link *l)
{
	link_open(l, USEC_PER_SEC, USEC_PER_SEC);
	negotiate(l);
}

#endif
