// SPDX-License-Identifier: GPL-2.0
/*
 * Answers that are read where they lie: what is taken, what is left to json-c, and that
 * nothing is allocated for it.
 */
#include <sys/epoll.h>

#include "qmp_link.h"
#include "malloc_watch.h"

static size_t split(const char *text, struct json_member *m, size_t *n)
{
	return json_split(text, strlen(text), m, 4, n);
}

static void is(struct json_span s, const char *text)
{
	if (!span_is(s, text))
		fail_msg("\"%.*s\", wanted \"%s\"", (int)s.len, s.p, text);
}

static void test_split(_unused_ void **state)
{
	static const char text[] =
		"{ \"return\" : {\"a\": [1, {\"b\": []}], \"c\": \"x}\"} ,\t\"id\":-7}\r\n{";
	struct json_member m[4];
	size_t n;

	assert_int_equal(split(text, m, &n), strlen(text) - 3);
	assert_int_equal(n, 2);
	is(m[0].key, "return");
	is(m[0].value, "{\"a\": [1, {\"b\": []}], \"c\": \"x}\"}");
	is(m[1].key, "id");
	is(m[1].value, "-7");
	assert_int_equal(split("{}", m, &n), 2);
	assert_int_equal(n, 0);
	assert_int_equal(split("{\"a\":null,\"a\":true,\"\":false,\"d\":\"\"}", m, &n), 35);
	assert_int_equal(n, 4);
	is(m[2].key, "");
	is(m[3].value, "\"\"");
}

/* Nothing of all this is taken; json-c says what it is. */
static void test_refused(_unused_ void **state)
{
	static const char *const texts[] = {
		"",
		" {}",
		"[]",
		"1",
		"{",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":1",
		"{\"a\":1,",
		"{\"a\":1,}",
		"{,\"a\":1}",
		"{\"a\" 1}",
		"{\"a\":1 \"b\":2}",
		"{\"a\":1]",
		"{a:1}",
		"{\"a\":[1,]}",
		"{\"a\":[,1]}",
		"{\"a\":[1}",
		"{\"a\":{\"b\"}}",
		"{\"a\":{\"b\":1,}}",
		"{\"a\":01}",
		"{\"a\":-}",
		"{\"a\":+1}",
		"{\"a\":1.5}",
		"{\"a\":1e5}",
		"{\"a\":NaN}",
		"{\"a\":nul}",
		"{\"a\":nullx}",
		"{\"a\":True}",
		"{\"a\":\"b}",
		"{\"a\":\"\\u0041\"}",
		"{\"a\\n\":1}",
		"{\"a\":\"\t\"}",
		"{\"a\":\"\x7f\"}",
		"{\"a\":\"\xc3\xa4\"}",
		/* more members than there is room for */
		"{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5}",
		/* nests too deeply */
		"{\"a\":[[[[[[[[1]]]]]]]]}",
		"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}",
	};
	struct json_member m[4];
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (split(texts[i], m, &n))
			fail_msg("taken: %s", texts[i]);
	assert_true(split("{\"a\":[[[[[[[1]]]]]]]}", m, &n) > 0);
}

/* Cut anywhere, it is not taken, and nothing behind the cut is read. */
static void test_cut(_unused_ void **state)
{
	static const char text[] =
		"{\"return\": [{\"a\": true, \"b\": \"text\"}, -12, null, {}, []], \"id\": 31}";
	struct json_member m[4];
	size_t n;

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		char *copy = malloc(len ?: 1);

		assert_non_null(copy);
		memcpy(copy, text, len);
		assert_int_equal(json_split(copy, len, m, 4, &n), 0);
		free(copy);
	}
	assert_int_equal(json_split(text, sizeof(text) - 1, m, 4, &n), sizeof(text) - 1);
}

static struct json_cursor at(const char *text)
{
	return json_cursor((struct json_span){ text, strlen(text) });
}

static void test_cursor(_unused_ void **state)
{
	struct json_cursor c =
		at("[ {\"a\": 1 , \"b\":[2,3]}, \"x\\\"]\", [], 18446744073709551616, -4, 5]");
	struct json_span key;
	uint64_t n = 77;

	assert_true(json_enter(&c, '['));
	assert_true(json_more(&c) && json_enter(&c, '{'));
	assert_true(json_key(&c, &key));
	is(key, "a");
	assert_true(json_number(&c, &n));
	assert_int_equal(n, 1);
	assert_true(json_key(&c, &key));
	is(key, "b");
	/* What is something else is left out. */
	assert_false(json_number(&c, &n));
	assert_int_equal(n, 1);
	assert_false(json_key(&c, &key));
	assert_true(json_more(&c));
	assert_false(json_enter(&c, '{'));
	assert_true(json_more(&c) && json_enter(&c, '['));
	assert_false(json_more(&c));
	assert_true(json_more(&c) && json_number(&c, &n));
	assert_true(n == UINT64_MAX);
	assert_true(json_more(&c));
	assert_false(json_number(&c, &n));
	assert_true(json_more(&c) && json_number(&c, &n));
	assert_int_equal(n, 5);
	assert_false(json_more(&c));
	assert_true(c.p == c.end);
}

static void test_member_number(_unused_ void **state)
{
	struct json_cursor c = at("{\"b\": {\"a\": 1}, \"a\": 2, \"a\": 99999999999999999999}");
	uint64_t n = 0;

	assert_true(json_member_number(&c, "a", &n));
	assert_int_equal(n, INT64_MAX);
	assert_true(c.p == c.end);
	c = at("{\"a\": 1, \"a\": \"x\"}");
	assert_false(json_member_number(&c, "a", &n));
	c = at("[1]");
	assert_false(json_member_number(&c, "a", &n));
	assert_true(c.p == c.end);
	c = at("");
	assert_false(json_member_number(&c, "a", &n));
	assert_int_equal(n, INT64_MAX);
}

/*
 * Through a connection
 */

static unsigned int texts;

static void on_text(struct qmp *q, int error, struct json_span ret, const char *text,
		    void *userdata)
{
	struct link *l = userdata;
	struct json_cursor c = json_cursor(ret);
	uint64_t n = 0;

	texts++;
	l->reply_error = error;
	snprintf(l->reply_text, sizeof(l->reply_text), "%s", error ? text : "");
	l->reply_value = !error && json_member_number(&c, "rd_bytes", &n) ? (int64_t)n : -1;
	if (l->free_in_reply)
		l->q = qmp_free(q);
}

#define ANSWER(id, n) "{\"return\": {\"rd_bytes\": " n ", \"x\": [1, {}]}, \"id\": " id "}\r\n"

static void ask(struct link *l)
{
	assert_int_equal(qmp_ask(l->q, "query", NULL, on_text, l), 0);
	hear(l);
}

/* Whole, in pieces, with escapes, refused, late: the same way in. */
static void test_replies(_unused_ void **state)
{
	struct link l;

	link_ready(&l);
	texts = 0;
	ask(&l);
	say(&l, ANSWER("2", "5"));
	assert_true(texts == 1 && l.reply_error == 0 && l.reply_value == 5);
	ask(&l);
	for (const char *p = ANSWER("3", "6"); *p; p++)
		say_bytes(&l, p, 1);
	assert_true(texts == 2 && l.reply_value == 6);
	ask(&l);
	say(&l, "{\"return\": {\"rd\\u005fbytes\": 7, \"x\": \"\\\"\"}, \"id\": 4}");
	assert_true(texts == 3 && l.reply_value == 7);
	ask(&l);
	say(&l, "{\"id\": 5, \"error\": {\"class\": \"X\", \"desc\": \"no\"}}");
	assert_true(texts == 4 && l.reply_error == -EREMOTEIO && !strcmp(l.reply_text, "no"));
	ask(&l);
	say(&l, "{\"return\": null, \"id\": 6}");
	assert_true(texts == 5 && l.reply_error == 0 && l.reply_value == -1);
	/* Two in one piece, out of order, half of a third. */
	ask(&l);
	ask(&l);
	ask(&l);
	say(&l, ANSWER("8", "8") ANSWER("7", "9") "{\"return\": {\"rd_by");
	assert_true(texts == 7 && l.reply_value == 9);
	say(&l, "tes\": 10}, \"id\": 9}");
	assert_true(texts == 8 && l.reply_value == 10 && !l.closed);
	/* One that nobody has asked for. */
	say(&l, ANSWER("9", "1"));
	assert_true(texts == 8 && l.closed == 1 && l.closed_error == -EPROTO);
	link_close(&l);
}

static void test_late(_unused_ void **state)
{
	struct link l;

	link_open(&l, USEC_PER_SEC, QUICK);
	negotiate(&l);
	texts = 0;
	ask(&l);
	settle(&l, 2 * QUICK);
	assert_true(texts == 1 && l.reply_error == -ETIMEDOUT);
	say(&l, ANSWER("2", "5"));
	assert_true(texts == 1 && !l.closed && qmp_idle(l.q));
	link_close(&l);
}

static void test_free_inside(_unused_ void **state)
{
	struct link l;

	link_ready(&l);
	texts = 0;
	ask(&l);
	ask(&l);
	l.free_in_reply = true;
	say(&l, ANSWER("2", "5") ANSWER("3", "6"));
	assert_true(texts == 1 && !l.q && !l.closed);
	link_close(&l);
}

/* What was held goes out in one piece, also where it is more than the buffer takes. */
static void test_hold(_unused_ void **state)
{
	char args[1500];
	struct link l;

	link_ready(&l);
	qmp_hold(l.q);
	assert_int_equal(qmp_ask(l.q, "a", NULL, on_text, &l), 0);
	assert_int_equal(qmp_execute(l.q, "b", "{}", NULL, NULL), 0);
	assert_string_equal(hear(&l), "");
	assert_int_equal(qmp_release(l.q), 0);
	assert_string_equal(hear(&l), "{\"execute\":\"a\",\"id\":2}\r\n"
				      "{\"execute\":\"b\",\"arguments\":{},\"id\":3}\r\n");
	snprintf(args, sizeof(args), "{\"x\":\"%01400d\"}", 0);
	qmp_hold(l.q);
	for (int i = 0; i < 3; i++)
		assert_int_equal(qmp_ask(l.q, "c", args, on_text, &l), 0);
	assert_int_equal(qmp_release(l.q), 0);
	hear(&l);
	assert_non_null(strstr(l.got, "\"id\":4}"));
	assert_non_null(strstr(l.got, "\"id\":6}\r\n"));
	/* A target does not wait for the rest. */
	qmp_hold(l.q);
	assert_int_equal(qmp_ask(l.q, "d", NULL, on_text, &l), 0);
	assert_int_equal(qmp_balloon(l.q, 1), 0);
	assert_non_null(strstr(hear(&l), "balloon"));
	assert_int_equal(qmp_release(l.q), 0);
	assert_string_equal(hear(&l), "");
	link_close(&l);
}

static bool take_change(_unused_ struct qmp *q, struct json_span name, struct json_span data,
			void *userdata)
{
	struct json_cursor c = json_cursor(data);
	struct link *l = userdata;
	uint64_t n;

	if (!span_is(name, "BALLOON_CHANGE") || !json_member_number(&c, "actual", &n))
		return false;
	l->reply_value = (int64_t)n;
	texts++;
	return true;
}

#define CHANGE(n)                                                            \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": " \
	"\"BALLOON_CHANGE\", \"data\": {\"actual\": " n "}}\r\n"

static void link_with_events(struct link *l)
{
	static const struct qmp_handlers with = {
		.ready = on_ready,
		.event = on_event,
		.event_text = take_change,
		.balloon = on_balloon,
		.closed = on_closed,
	};
	struct qmp_limits limits = { .greeting = USEC_PER_SEC, .reply = USEC_PER_SEC };
	int fds[2];

	link_open(l, USEC_PER_SEC, USEC_PER_SEC);
	qmp_free(l->q);
	close(l->peer);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	l->peer = fds[1];
	assert_int_equal(qmp_new(&l->q, l->poller, fds[0], &limits, &with, l), 0);
	negotiate(l);
	texts = 0;
}

static void test_events(_unused_ void **state)
{
	struct link l;

	link_with_events(&l);
	say(&l, CHANGE("12"));
	assert_true(texts == 1 && l.events == 0 && l.reply_value == 12);
	for (const char *p = CHANGE("13"); *p; p++)
		say_bytes(&l, p, 1);
	assert_true(texts == 1 && l.events == 1 && l.reply_value == 13);
	/* Not taken as text, and it is not lost. */
	say(&l, CHANGE("\"x\"") "{\"event\": \"RESET\", \"data\": {}}{\"event\": \"STOP\"}");
	assert_true(texts == 1 && l.events == 4 && !strcmp(l.event_name, "STOP"));
	say(&l, "{\"event\": 5, \"data\": {}}");
	assert_true(l.closed == 1 && l.closed_error == -EPROTO);
	link_close(&l);
}

/* All of a tick: a question, its answer, a target, its answer, its event. */
static void test_no_allocation(_unused_ void **state)
{
	struct link l;

	link_with_events(&l);
	for (int i = 0; i < 3; i++) {
		char text[512];

		allocations.on = i > 0;
		allocations.count = 0;
		ask(&l);
		assert_int_equal(qmp_balloon(l.q, 1 << 30), 0);
		hear(&l);
		snprintf(text, sizeof(text), "{\"return\": {\"rd_bytes\": 1}, \"id\": %d}\r\n%s%s",
			 i + 2, "{\"return\": {}, \"id\": 0}\r\n", CHANGE("5"));
		say(&l, text);
		allocations.on = false;
		assert_int_equal(allocations.count, 0);
		assert_true(l.balloons == i + 1 && l.reply_value == 5 && l.events == 0);
	}
	link_close(&l);
}

/*
 * The poller
 */

struct many {
	struct poll_item item;
	int peer;
	size_t *got;
};

static void on_many(struct poll_item *item, _unused_ uint32_t revents)
{
	struct many *m = container_of(item, struct many, item);
	char text[16];
	ssize_t n = recv(item->fd, text, sizeof(text), MSG_DONTWAIT);

	assert_true(n > 0);
	*m->got += n;
}

/* What comes one by one is read all the same, and soon. */
static void test_stream(_unused_ void **state)
{
	enum { MANY = 64, ROUNDS = 20 };
	static struct many many[MANY];
	size_t got = 0;
	struct poller *poller;
	sd_event *event;

	assert_int_equal(sd_event_new(&event), 0);
	assert_int_equal(poller_new(&poller, event, 0), 0);
	for (int i = 0; i < MANY; i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		many[i] = (struct many){ { fds[0], on_many }, fds[1], &got };
		assert_int_equal(poller_add(poller, &many[i].item, EPOLLIN), 0);
	}
	for (unsigned int round = 1; round <= ROUNDS; round++)
		for (unsigned int i = 0; i < MANY; i++) {
			assert_int_equal(send(many[i].peer, "x", 1, MSG_NOSIGNAL), 1);
			/* Half of them are waited for at once, the others come in a heap. */
			while (round % 2 && got < (round - 1) * MANY + i + 1)
				assert_true(sd_event_run(event, 10 * USEC_PER_SEC) > 0);
		}
	while (got < ROUNDS * MANY)
		assert_true(sd_event_run(event, 10 * USEC_PER_SEC) > 0);
	/* Removed while it rests, and the last one as well. */
	for (unsigned int i = 0; i < MANY; i++) {
		assert_int_equal(send(many[i].peer, "x", 1, MSG_NOSIGNAL), 1);
		sd_event_run(event, 0);
		poller_remove(poller, &many[i].item);
		close(many[i].item.fd);
		close(many[i].peer);
	}
	while (sd_event_run(event, 10 * USEC_PER_MSEC) > 0)
		;
	poller_free(poller);
	sd_event_unref(event);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_member_number),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_free_inside),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_no_allocation),
		cmocka_unit_test(test_stream),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("json_pull", tests, NULL, NULL);
}
