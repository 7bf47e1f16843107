// SPDX-License-Identifier: GPL-2.0
/* The QMP client against a peer that this file plays. */
#include "qmp_link.h"

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

/* All is sent at once, before the peer has sent anything. */
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
		cmocka_unit_test(test_balloon),
		cmocka_unit_test(test_balloon_late),
		cmocka_unit_test(test_free_inside),
		cmocka_unit_test(test_connect_errors),
		cmocka_unit_test(test_eager),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("qmp", tests, NULL, NULL);
}
