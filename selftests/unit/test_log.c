// SPDX-License-Identifier: GPL-2.0
/* The daemon's log: nobody waits for it, and nothing is lost unsaid. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dynmemd/base/log.h"
#include "seconds.h"

static int saved_stderr, reader;

static int setup(_unused_ void **state)
{
	int fds[2];

	unsetenv("JOURNAL_STREAM");
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	/* The smallest there is: it is full soon. */
	fcntl(fds[1], F_SETPIPE_SZ, 4096);
	saved_stderr = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	reader = fds[0];
	return 0;
}

static int teardown(_unused_ void **state)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(reader);
	return 0;
}

/* All that was written so far. */
static size_t read_log(char *buf, size_t size)
{
	size_t n = 0;
	ssize_t r;

	fcntl(reader, F_SETFL, O_NONBLOCK);
	while (n < size - 1 && (r = read(reader, buf + n, size - 1 - n)) > 0)
		n += r;
	buf[n] = 0;
	return n;
}

static void test_lines(_unused_ void **state)
{
	char text[4096];

	log_open(LOG_INFO);
	log_error("bad %d", 7);
	log_debug("not written");
	log_guest(LOG_WARNING, "a\x1b[2J", "said \"\n\xff\"");
	log_decision("web1", 512 * MIB, 400 * MIB, "shrink-host", "why\tnot", true);
	log_decision("web1", 512 * MIB, 400 * MIB, "shrink-host", "why", false);
	read_log(text, sizeof(text));
	assert_string_equal(
		text, "dynmemd: error: bad 7\n"
		      "dynmemd: warning: guest a\\x1b[2J: said \"\\x0a\\xff\"\n"
		      "dynmemd: guest web1: 512.0 -> 400.0 MiB: why\\x09not [shrink-host]\n"
		      "dynmemd: guest web1: would go 512.0 -> 400.0 MiB: why [shrink-host]\n");
}

/* What was written, and what is reported lost, however often. */
static void count_lines(const char *text, unsigned int *lines, unsigned int *lost)
{
	unsigned int n;

	*lines = *lost = 0;
	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, "dynmemd: message ", 17) == 0)
			(*lines)++;
		else if (sscanf(text, "dynmemd: warning: %u messages came", &n) == 1)
			*lost += n;
	}
}

/* Nobody reads: all of it is taken at once, and what was lost is reported. */
static void test_stuck_reader(_unused_ void **state)
{
	static char text[1 << 20];
	unsigned int lost = 0, lines = 0;
	double start = seconds();
	size_t n = 0;

	log_open(LOG_INFO);
	assert_int_equal(log_start(), 0);
	for (int i = 0; i < 2000; i++)
		log_info("message %d", i);
	assert_true(seconds() - start < 2);

	/* It is read at last. */
	for (int i = 0; i < 200 && lines + lost < 2000; i++) {
		n += read_log(text + n, sizeof(text) - n);
		count_lines(text, &lines, &lost);
		usleep(10000);
	}
	log_stop();
	assert_int_equal(lines + lost, 2000);
	assert_true(lines >= 256);
	assert_true(lost > 0);
}

/* After the thread has ended, lines are written at once again. */
static void test_stop(_unused_ void **state)
{
	char text[4096];

	log_open(LOG_INFO);
	assert_int_equal(log_start(), 0);
	for (int i = 0; i < 20; i++)
		log_info("queued %d", i);
	log_stop();
	log_info("after");
	read_log(text, sizeof(text));
	assert_non_null(strstr(text, "queued 0\n"));
	assert_non_null(strstr(text, "queued 19\ndynmemd: after\n"));
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stuck_reader, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
