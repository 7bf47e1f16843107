// SPDX-License-Identifier: GPL-2.0
/* The QMP client against a peer that this file plays, well and badly. */
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

static void on_greeted(_unused_ struct qmp *q, void *userdata)
{
	((struct link *)userdata)->greeted++;
}

static void on_ready(struct qmp *q, void *userdata)
{
	struct link *l = userdata;

	l->ready++;
	if (l->free_in_ready)
		l->q = qmp_free(q);
}

static void on_event(struct qmp *q, const char *name, struct json_object *data, void *userdata)
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

static void on_balloon(_unused_ struct qmp *q, int error, _unused_ const char *text, void *userdata)
{
	struct link *l = userdata;

	l->balloons++;
	l->balloon_error = error;
}

static void on_closed(struct qmp *q, int error, const char *why, void *userdata)
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

static void on_reply(struct qmp *q, int error, struct json_object *ret, const char *text,
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

static void link_open(struct link *l, uint64_t greeting, uint64_t reply)
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

static void link_close(struct link *l)
{
	qmp_free(l->q);
	if (l->peer >= 0)
		close(l->peer);
	poller_free(l->poller);
	sd_event_unref(l->event);
}

/* Runs the loop until nothing happens for @quiet microseconds. */
static void settle(struct link *l, uint64_t quiet)
{
	int r;

	do {
		r = sd_event_run(l->event, quiet);
		assert_true(r >= 0);
	} while (r > 0);
}

static void say_bytes(struct link *l, const char *p, size_t len)
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

static void say(struct link *l, const char *text)
{
	say_bytes(l, text, strlen(text));
}

/* What our client wrote since the last time, as text. */
static const char *hear(struct link *l)
{
	ssize_t n = recv(l->peer, l->got, sizeof(l->got) - 1, MSG_DONTWAIT);

	l->got_len = n > 0 ? n : 0;
	l->got[l->got_len] = 0;
	return l->got;
}

static void negotiate(struct link *l)
{
	say(l, GREETING);
	assert_string_equal(hear(l), "{\"execute\":\"qmp_capabilities\",\"id\":1}\r\n");
	say(l, NEGOTIATED);
	assert_int_equal(l->ready, 1);
	assert_true(qmp_ready(l->q));
}

static void link_ready(struct link *l)
{
	link_open(l, USEC_PER_SEC, USEC_PER_SEC);
	negotiate(l);
}

static void test_greeting(_unused_ void **state)
{
	static const char *const greetings[] = { GREETING, GREETING_OLD };

	for (size_t i = 0; i < ARRAY_SIZE(greetings); i++) {
		struct link l;

		link_open(&l, USEC_PER_SEC, USEC_PER_SEC);
		assert_int_equal(qmp_execute(l.q, "stop", NULL, NULL, NULL), -ENOTCONN);
		assert_int_equal(qmp_balloon(l.q, 1), -ENOTCONN);
		say(&l, greetings[i]);
		hear(&l);
		say(&l, NEGOTIATED);
		assert_int_equal(l.ready, 1);
		link_close(&l);
	}
}

static void test_no_greeting(_unused_ void **state)
{
	struct timespec t;
	struct link l;
	uint64_t start;

	clock_gettime(CLOCK_MONOTONIC, &t);
	start = t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
	link_open(&l, QUICK, USEC_PER_SEC);
	settle(&l, 2 * QUICK);
	assert_int_equal(l.closed, 1);
	assert_true(l.closed_at >= start + QUICK);
	assert_int_equal(l.closed_error, -ETIMEDOUT);
	assert_non_null(strstr(l.why, "monitor busy"));
	assert_int_equal(l.ready, 0);
	link_close(&l);
}

static void test_capabilities_refused(_unused_ void **state)
{
	struct link l;

	link_open(&l, USEC_PER_SEC, USEC_PER_SEC);
	say(&l, GREETING);
	say(&l, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": 1}\r\n");
	assert_int_equal(l.ready, 0);
	assert_int_equal(l.closed, 1);
	assert_string_equal(l.why, "qmp_capabilities failed: no");
	link_close(&l);
}

static void test_capabilities_unanswered(_unused_ void **state)
{
	struct link l;

	link_open(&l, USEC_PER_SEC, QUICK);
	say(&l, GREETING);
	settle(&l, 2 * QUICK);
	assert_int_equal(l.closed, 1);
	assert_int_equal(l.closed_error, -ETIMEDOUT);
	link_close(&l);
}

static void test_command(_unused_ void **state)
{
	struct link l;

	link_ready(&l);
	assert_int_equal(qmp_execute(l.q, "qom-get", "{\"path\":\"/x\"}", on_reply, &l), 0);
	assert_string_equal(
		hear(&l), "{\"execute\":\"qom-get\",\"arguments\":{\"path\":\"/x\"},\"id\":2}\r\n");
	say(&l, "{\"return\": 77, \"id\": 2}\r\n");
	assert_int_equal(l.replies, 1);
	assert_int_equal(l.reply_error, 0);
	assert_int_equal(l.reply_value, 77);

	assert_int_equal(qmp_execute(l.q, "nope", NULL, on_reply, &l), 0);
	say(&l,
	    "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"what?\"}, \"id\": 3}\r\n");
	assert_int_equal(l.replies, 2);
	assert_int_equal(l.reply_error, -EREMOTEIO);
	assert_string_equal(l.reply_text, "what?");
	assert_int_equal(l.closed, 0);
	link_close(&l);
}

static void test_out_of_order(_unused_ void **state)
{
	struct link a, *l = &a;
	struct link third = { 0 };

	link_ready(l);
	assert_int_equal(qmp_execute(l->q, "a", NULL, on_reply, l), 0);
	assert_int_equal(qmp_execute(l->q, "b", NULL, NULL, NULL), 0);
	assert_int_equal(qmp_execute(l->q, "c", NULL, on_reply, &third), 0);
	say(l, "{\"return\": 4, \"id\": 4}\r\n"
	       "{\"event\": \"RESET\", \"data\": {}}\r\n"
	       "{\"return\": 3, \"id\": 3}{\"return\": 2, \"id\": 2}");
	assert_int_equal(third.replies, 1);
	assert_int_equal(third.reply_value, 4);
	assert_int_equal(l->replies, 1);
	assert_int_equal(l->reply_value, 2);
	assert_int_equal(l->events, 1);
	assert_string_equal(l->event_name, "RESET");
	link_close(l);
}

static void test_late_reply(_unused_ void **state)
{
	struct link l;

	link_open(&l, USEC_PER_SEC, QUICK);
	negotiate(&l);
	assert_int_equal(qmp_execute(l.q, "slow", NULL, on_reply, &l), 0);
	settle(&l, 2 * QUICK);
	assert_int_equal(l.replies, 1);
	assert_int_equal(l.reply_error, -ETIMEDOUT);
	assert_int_equal(qmp_overdue(l.q), 1);
	assert_int_equal(l.closed, 0);

	/* A second one in between gets its own reply, not the late one's. */
	l.reply_value = 0;
	assert_int_equal(qmp_execute(l.q, "quick", NULL, on_reply, &l), 0);
	say(&l, "{\"return\": 99, \"id\": 2}\r\n{\"return\": 5, \"id\": 3}\r\n");
	assert_int_equal(l.replies, 2);
	assert_int_equal(l.reply_error, 0);
	assert_int_equal(l.reply_value, 5);
	assert_int_equal(qmp_overdue(l.q), 0);
	assert_int_equal(l.closed, 0);
	link_close(&l);
}

static void test_all_slots_late(_unused_ void **state)
{
	struct link l;

	link_open(&l, USEC_PER_SEC, QUICK);
	negotiate(&l);
	for (int i = 0; i < QMP_SLOTS; i++)
		assert_int_equal(qmp_execute(l.q, "x", NULL, on_reply, &l), 0);
	assert_int_equal(qmp_execute(l.q, "x", NULL, on_reply, &l), -EBUSY);
	settle(&l, 2 * QUICK);
	assert_int_equal(l.replies, QMP_SLOTS);
	assert_int_equal(qmp_execute(l.q, "x", NULL, on_reply, &l), -EBUSY);
	/* An emergency needs no slot. */
	assert_int_equal(qmp_balloon(l.q, 4096), 0);
	say(&l, "{\"return\": 0, \"id\": 5}");
	assert_int_equal(qmp_execute(l.q, "x", NULL, on_reply, &l), 0);
	assert_int_equal(l.replies, QMP_SLOTS);
	link_close(&l);
}

/* The same conversation, cut at every byte, means the same. */
static void test_split(_unused_ void **state)
{
	static const char talk[] = GREETING NEGOTIATED
		"{\"event\": \"BALLOON_CHANGE\", \"data\": {\"actual\": 123456789}, "
		"\"timestamp\": {\"seconds\": 1, \"microseconds\": -2}}\r\n\n \t"
		"{\"event\": \"A\\u00e9\\\"}{\"}\r\n";
	struct link l;

	for (size_t cut = 1; cut < sizeof(talk) - 1; cut++) {
		link_open(&l, USEC_PER_SEC, USEC_PER_SEC);
		say_bytes(&l, talk, cut);
		say_bytes(&l, talk + cut, sizeof(talk) - 1 - cut);
		assert_int_equal(l.closed, 0);
		assert_int_equal(l.ready, 1);
		assert_int_equal(l.events, 2);
		assert_int_equal(l.reply_value, 123456789);
		assert_string_equal(l.event_name, "A\xc3\xa9\"}{");
		link_close(&l);
	}

	link_open(&l, USEC_PER_SEC, USEC_PER_SEC);
	for (size_t i = 0; i < sizeof(talk) - 1; i++)
		say_bytes(&l, talk + i, 1);
	assert_int_equal(l.closed, 0);
	assert_int_equal(l.events, 2);
	link_close(&l);
}

static void refused(const char *text, size_t len, int error, const char *why)
{
	struct link l;

	link_ready(&l);
	assert_int_equal(qmp_execute(l.q, "x", NULL, on_reply, &l), 0);
	say_bytes(&l, text, len);
	if (l.closed != 1)
		print_error("not refused: %.60s\n", text);
	assert_int_equal(l.closed, 1);
	assert_int_equal(l.closed_error, error);
	if (!strstr(l.why, why))
		print_error("\"%s\" lacks \"%s\"\n", l.why, why);
	assert_non_null(strstr(l.why, why));
	assert_int_equal(l.replies, 0);
	assert_int_equal(qmp_execute(l.q, "x", NULL, NULL, NULL), -ENOTCONN);
	assert_int_equal(qmp_balloon(l.q, 1), -ENOTCONN);
	link_close(&l);
}

#define REFUSED(text, error, why) refused(text, sizeof(text) - 1, error, why)

static void test_malformed(_unused_ void **state)
{
	REFUSED("hello\r\n", -EBADMSG, "not JSON");
	REFUSED("{]", -EBADMSG, "not JSON");
	REFUSED("{\"return\": {}, \"id\": 2,}", -EBADMSG, "not JSON");
	REFUSED("\xff\xfe", -EBADMSG, "not ASCII");
	REFUSED("{\"event\": \"\xc3\xa9\"}", -EBADMSG, "not ASCII");
	REFUSED("{\"event\": \0 }", -EBADMSG, "not ASCII");
	REFUSED("[1,2]\r\n", -EPROTO, "not an object");
	REFUSED("12 ", -EPROTO, "not an object");
	REFUSED("null ", -EPROTO, "not an object");
	REFUSED("{}\r\n", -EPROTO, "neither event nor reply");
	REFUSED("{\"event\": 7}\r\n", -EPROTO, "event without a name");
	REFUSED("{\"return\": {}}\r\n", -EPROTO, "without our id");
	REFUSED("{\"return\": {}, \"id\": \"2\"}", -EPROTO, "without our id");
	REFUSED("{\"return\": {}, \"id\": 3}", -EPROTO, "not sent");
	REFUSED("{\"return\": {}, \"id\": 0}", -EPROTO, "not sent");
	REFUSED("{\"return\": {}, \"id\": -1}", -EPROTO, "not sent");
	REFUSED("{\"return\": {}, \"id\": 99999999999999999999}", -EPROTO, "not sent");
	REFUSED("{\"error\": {\"desc\": \"JSON parse error\"}}", -EPROTO, "JSON parse error");
	REFUSED("{\"error\": 3}", -EPROTO, "without our id");
	REFUSED("{\"QMP\": {}}", -EPROTO, "neither event nor reply");
}

static void test_reply_twice(_unused_ void **state)
{
	struct link l;

	link_ready(&l);
	assert_int_equal(qmp_execute(l.q, "x", NULL, on_reply, &l), 0);
	say(&l, "{\"return\": 1, \"id\": 2}{\"return\": 1, \"id\": 2}");
	assert_int_equal(l.replies, 1);
	assert_int_equal(l.closed, 1);
	link_close(&l);
}

static void test_not_a_monitor(_unused_ void **state)
{
	static const char *const first[] = {
		"{\"return\": {}, \"id\": 1}\r\n",
		"{\"event\": \"RESET\"}\r\n",
		"{\"QMP\": 1}\r\n",
		"{\"QMP\": null}\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		struct link l;

		link_open(&l, USEC_PER_SEC, USEC_PER_SEC);
		say(&l, first[i]);
		assert_int_equal(l.closed, 1);
		assert_int_equal(l.ready, 0);
		link_close(&l);
	}
}

static void test_huge(_unused_ void **state)
{
	size_t len = 4 * QMP_MESSAGE_MAX;
	char *text = malloc(len);
	struct link l;

	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, "{\"event\": \"", 11);
	refused(text, len, -EMSGSIZE, "more than");

	memset(text, '[', len);
	refused(text, len, -EBADMSG, "nesting");

	/* Blanks without end are no message; they cost nothing. */
	memset(text, ' ', len);
	link_ready(&l);
	say_bytes(&l, text, len);
	assert_int_equal(l.closed, 0);
	link_close(&l);

	/* Just below the limit is fine. */
	memset(text, 'x', len);
	memcpy(text, "{\"event\": \"", 11);
	memcpy(text + QMP_MESSAGE_MAX - 100, "\"}\r\n", 4);
	link_ready(&l);
	say_bytes(&l, text, QMP_MESSAGE_MAX - 96);
	assert_int_equal(l.closed, 0);
	assert_int_equal(l.events, 1);
	link_close(&l);
	free(text);
}

static void test_stops_half_way(_unused_ void **state)
{
	struct link l;

	link_open(&l, USEC_PER_SEC, QUICK);
	negotiate(&l);
	say(&l, "{\"event\": \"BALL");
	assert_int_equal(l.closed, 0);
	settle(&l, 2 * QUICK);
	assert_int_equal(l.closed, 1);
	assert_string_equal(l.why, "stopped in the middle of a message");
	link_close(&l);

	/* The rest comes in time: then it may be silent as long as it likes. */
	link_open(&l, USEC_PER_SEC, QUICK);
	negotiate(&l);
	say(&l, "{\"event\": \"BALL");
	say(&l, "OON_CHANGE\"}\r\n");
	assert_int_equal(l.events, 1);
	settle(&l, 2 * QUICK);
	assert_int_equal(l.closed, 0);
	link_close(&l);

	link_ready(&l);
	say(&l, "{\"event\": \"BALL");
	close(l.peer);
	l.peer = -1;
	settle(&l, 0);
	assert_int_equal(l.closed, 1);
	assert_string_equal(l.why, "closed by the peer in the middle of a message");
	link_close(&l);
}

static void test_peer_gone(_unused_ void **state)
{
	struct link l;

	/* Found by reading. */
	link_ready(&l);
	close(l.peer);
	l.peer = -1;
	settle(&l, 0);
	assert_int_equal(l.closed, 1);
	assert_int_equal(l.closed_error, -ECONNRESET);
	link_close(&l);

	/* Found by writing: the caller is told, and `closed` still follows. */
	link_ready(&l);
	close(l.peer);
	l.peer = -1;
	assert_int_equal(qmp_execute(l.q, "x", NULL, on_reply, &l), -EPIPE);
	assert_int_equal(l.closed, 0);
	assert_int_equal(qmp_balloon(l.q, 1), -ENOTCONN);
	settle(&l, 0);
	assert_int_equal(l.closed, 1);
	assert_int_equal(l.closed_error, -EPIPE);
	assert_int_equal(l.replies, 0);
	link_close(&l);
}

#define BALLOON(v) "{\"execute\":\"balloon\",\"arguments\":{\"value\":" v "},\"id\":0}\r\n"

static void test_balloon(_unused_ void **state)
{
	struct link l;

	link_ready(&l);
	assert_int_equal(qmp_balloon(l.q, 536870912), 0);
	assert_string_equal(hear(&l), BALLOON("           536870912"));

	/* While it waits, only the newest of the later ones is kept. */
	assert_int_equal(qmp_balloon(l.q, 1), 1);
	assert_int_equal(qmp_balloon(l.q, UINT64_MAX), 1);
	assert_string_equal(hear(&l), "");
	say(&l, "{\"return\": {}, \"id\": 0}\r\n");
	assert_int_equal(l.balloons, 1);
	assert_int_equal(l.balloon_error, 0);
	assert_string_equal(hear(&l), BALLOON("18446744073709551615"));
	say(&l,
	    "{\"error\": {\"class\": \"DeviceNotActive\", \"desc\": \"No balloon device\"}, \"id\": 0}\r\n");
	assert_int_equal(l.balloons, 2);
	assert_int_equal(l.balloon_error, -EREMOTEIO);
	assert_string_equal(hear(&l), "");
	assert_int_equal(l.closed, 0);
	link_close(&l);
}

static void test_balloon_late(_unused_ void **state)
{
	struct link l;

	link_open(&l, USEC_PER_SEC, QUICK);
	negotiate(&l);
	assert_int_equal(qmp_balloon(l.q, 5), 0);
	settle(&l, 2 * QUICK);
	assert_int_equal(l.balloons, 1);
	assert_int_equal(l.balloon_error, -ETIMEDOUT);
	assert_int_equal(qmp_overdue(l.q), 1);
	assert_int_equal(qmp_balloon(l.q, 6), 1);
	hear(&l);
	say(&l, "{\"return\": {}, \"id\": 0}\r\n");
	assert_int_equal(l.balloons, 1);
	assert_int_equal(qmp_overdue(l.q), 0);
	assert_string_equal(hear(&l), BALLOON("                   6"));
	link_close(&l);
}

/* A peer that does not read: bounded, told apart, and no message torn. */
static void test_peer_does_not_read(_unused_ void **state)
{
	char args[600];
	struct link l;
	int r = 0, sent = 0, small = 0;
	const char *line;
	char *text = NULL;
	size_t len = 0;
	FILE *stream;

	link_ready(&l);
	memset(args, ' ', sizeof(args));
	args[0] = '{';
	memcpy(args + sizeof(args) - 2, "}", 2);

	/* Fill the socket, answering as a peer does that never reads. */
	while (sent < 100000) {
		char reply[64];

		r = qmp_execute(l.q, "x", args, NULL, NULL);
		if (r < 0)
			break;
		snprintf(reply, sizeof(reply), "{\"return\": {}, \"id\": %d}", ++sent + 1);
		say(&l, reply);
	}
	assert_int_equal(r, -ENOBUFS);
	/* Up to the last byte: what comes now waits until there is room. */
	while (sent < 100000 && qmp_execute(l.q, "y", NULL, NULL, NULL) == 0) {
		char reply[64];

		small++;
		snprintf(reply, sizeof(reply), "{\"return\": {}, \"id\": %d}", ++sent + 1);
		say(&l, reply);
	}
	assert_int_equal(qmp_balloon(l.q, 7), 1);
	settle(&l, 0);
	assert_int_equal(l.closed, 0);

	/* It wakes up: everything arrives, whole and in order. */
	stream = open_memstream(&text, &len);
	assert_non_null(stream);
	while (*hear(&l)) {
		fwrite(l.got, 1, l.got_len, stream);
		settle(&l, 0);
	}
	fclose(stream);
	line = text;
	for (int i = 0; i < sent; i++) {
		char want[700];
		int n = i < sent - small
				? snprintf(want, sizeof(want),
					   "{\"execute\":\"x\",\"arguments\":%s,\"id\":%d}\r\n",
					   args, i + 2)
				: snprintf(want, sizeof(want), "{\"execute\":\"y\",\"id\":%d}\r\n",
					   i + 2);

		assert_memory_equal(line, want, n);
		line += n;
	}
	assert_string_equal(line, BALLOON("                   7"));
	free(text);
	link_close(&l);
}

static void test_free_inside(_unused_ void **state)
{
	struct link l;

	link_open(&l, USEC_PER_SEC, USEC_PER_SEC);
	l.free_in_ready = true;
	say(&l, GREETING NEGOTIATED "{\"event\": \"X\"}");
	assert_int_equal(l.ready, 1);
	assert_int_equal(l.events, 0);
	assert_null(l.q);
	link_close(&l);

	link_ready(&l);
	l.free_in_reply = true;
	assert_int_equal(qmp_execute(l.q, "a", NULL, on_reply, &l), 0);
	assert_int_equal(qmp_execute(l.q, "b", NULL, on_reply, &l), 0);
	say(&l, "{\"return\": 1, \"id\": 2}{\"return\": 1, \"id\": 3}");
	assert_int_equal(l.replies, 1);
	assert_int_equal(l.closed, 0);
	link_close(&l);

	link_ready(&l);
	l.free_in_event = true;
	say(&l, "{\"event\": \"X\"}{\"event\": \"Y\"}");
	assert_string_equal(l.event_name, "X");
	link_close(&l);

	link_ready(&l);
	l.free_in_closed = true;
	say(&l, "garbage");
	assert_int_equal(l.closed, 1);
	assert_null(l.q);
	link_close(&l);

	link_open(&l, USEC_PER_SEC, QUICK);
	negotiate(&l);
	l.free_in_reply = true;
	assert_int_equal(qmp_execute(l.q, "a", NULL, on_reply, &l), 0);
	assert_int_equal(qmp_execute(l.q, "b", NULL, on_reply, &l), 0);
	settle(&l, 2 * QUICK);
	assert_int_equal(l.replies, 1);
	assert_null(l.q);
	link_close(&l);
}

/* One peer that floods, one that is dead: a third is served all the same. */
static void test_neighbours(_unused_ void **state)
{
	static const char event[] = "{\"event\": \"NOISE\"}\r\n";
	struct qmp_limits limits = QMP_LIMITS_DEFAULT;
	struct link noisy, dead = { 0 }, good = { 0 };
	int fds[2], more[2];

	link_ready(&noisy);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, more), 0);
	assert_int_equal(qmp_new(&dead.q, noisy.poller, fds[0], &limits, &handlers, &dead), 0);
	assert_int_equal(qmp_new(&good.q, noisy.poller, more[0], &limits, &handlers, &good), 0);
	good.peer = more[1];
	assert_int_equal(send(good.peer, GREETING, strlen(GREETING), 0), strlen(GREETING));
	for (int turn = 0; turn < 50 && !good.ready; turn++) {
		while (send(noisy.peer, event, sizeof(event) - 1, MSG_DONTWAIT) > 0)
			;
		assert_true(sd_event_run(noisy.event, 0) >= 0);
		if (*hear(&good))
			assert_int_equal(send(good.peer, NEGOTIATED, strlen(NEGOTIATED), 0),
					 strlen(NEGOTIATED));
	}
	assert_int_equal(good.ready, 1);
	assert_true(noisy.events > 0);
	assert_int_equal(noisy.closed + dead.closed, 0);
	qmp_free(dead.q);
	qmp_free(good.q);
	close(fds[1]);
	close(more[1]);
	link_close(&noisy);
}

static void test_connect_errors(_unused_ void **state)
{
	int fd = -1;

	assert_int_equal(qmp_connect(&fd, "/nonexistent/socket"), -ENOENT);
	assert_int_equal(qmp_connect(&fd, "/etc/passwd"), -ECONNREFUSED);
	assert_int_equal(fd, -1);
}

/*
 * Eager: a monitor that is one for sure
 */

static void eager_open(struct link *l, int *peer)
{
	static const struct qmp_limits limits = {
		.greeting = 10 * QUICK,
		.reply = 20 * QUICK,
		.eager = true,
	};
	int fds[2];

	if (!l->q) {
		assert_int_equal(sd_event_new(&l->event), 0);
		assert_int_equal(poller_new(&l->poller, l->event, 0), 0);
		assert_int_equal(qmp_new(&l->q, l->poller, -1, &limits, &handlers, l), 0);
		assert_false(qmp_is_open(l->q));
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(qmp_open(l->q, fds[0]), 0);
	*peer = fds[1];
}

/* All is said at once, before the peer has said anything. */
static void test_eager(_unused_ void **state)
{
	static const char answers[] =
		GREETING NEGOTIATED "{\"return\": 7, \"id\": 2}\r\n{\"return\": {}, \"id\": 0}\r\n";
	struct link l = { .peer = -1 };
	char got[512] = "";
	int peer;

	eager_open(&l, &peer);
	assert_int_equal(qmp_execute(l.q, "query-status", NULL, on_reply, &l), 0);
	assert_int_equal(qmp_balloon(l.q, 123456789), 0);
	assert_true(recv(peer, got, sizeof(got) - 1, MSG_DONTWAIT) > 0);
	assert_non_null(strstr(got, "qmp_capabilities"));
	assert_non_null(strstr(got, "query-status"));
	assert_non_null(strstr(got, "123456789"));
	/* Its turn may come late. */
	for (int i = 0; i < 4; i++)
		sd_event_run(l.event, QUICK / 2);
	assert_int_equal(l.closed, 0);
	assert_false(qmp_idle(l.q));
	assert_true(write(peer, answers, strlen(answers)) > 0);
	while (!l.balloons && !l.closed)
		assert_true(sd_event_run(l.event, QUICK) >= 0);
	assert_int_equal(l.ready, 1);
	assert_int_equal(l.replies, 1);
	assert_int_equal(l.reply_value, 7);
	assert_true(qmp_idle(l.q));
	qmp_close(l.q);
	assert_int_equal(qmp_balloon(l.q, 1), -ENOTCONN);
	close(peer);

	/* The same again: nothing of the last connection is left. */
	eager_open(&l, &peer);
	assert_true(qmp_is_open(l.q));
	assert_int_equal(qmp_balloon(l.q, 1), 0);
	assert_true(write(peer, GREETING, strlen(GREETING)) > 0);
	for (int i = 0; i < 4; i++)
		sd_event_run(l.event, 0);
	assert_int_equal(l.greeted, 2);
	assert_int_equal(l.closed, 0);
	close(peer);
	link_close(&l);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greeting),
		cmocka_unit_test(test_no_greeting),
		cmocka_unit_test(test_capabilities_refused),
		cmocka_unit_test(test_capabilities_unanswered),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_late_reply),
		cmocka_unit_test(test_all_slots_late),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_reply_twice),
		cmocka_unit_test(test_not_a_monitor),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_stops_half_way),
		cmocka_unit_test(test_peer_gone),
		cmocka_unit_test(test_balloon),
		cmocka_unit_test(test_balloon_late),
		cmocka_unit_test(test_peer_does_not_read),
		cmocka_unit_test(test_free_inside),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_connect_errors),
		cmocka_unit_test(test_eager),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("qmp", tests, NULL, NULL);
}
