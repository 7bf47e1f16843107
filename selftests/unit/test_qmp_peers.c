// SPDX-License-Identifier: GPL-2.0
/* The QMP client against peers that break off, flood, or are no monitor. */
#include "qmp_link.h"

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
	hang_up(&l);
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
	hang_up(&l);
	settle(&l, 0);
	assert_int_equal(l.closed, 1);
	assert_int_equal(l.closed_error, -ECONNRESET);
	link_close(&l);

	/* Found by writing: the caller gets the error, and `closed` still follows. */
	link_ready(&l);
	hang_up(&l);
	assert_int_equal(qmp_execute(l.q, "x", NULL, on_reply, &l), -EPIPE);
	assert_int_equal(l.closed, 0);
	assert_int_equal(qmp_balloon(l.q, 1), -ENOTCONN);
	settle(&l, 0);
	assert_int_equal(l.closed, 1);
	assert_int_equal(l.closed_error, -EPIPE);
	assert_int_equal(l.replies, 0);
	link_close(&l);
}

/* A peer that does not read: what waits is bounded, has an error of its own, and no message is torn. */
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

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_reply_twice),
		cmocka_unit_test(test_not_a_monitor),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_stops_half_way),
		cmocka_unit_test(test_peer_gone),
		cmocka_unit_test(test_peer_does_not_read),
		cmocka_unit_test(test_neighbours),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("qmp_peers", tests, NULL, NULL);
}
