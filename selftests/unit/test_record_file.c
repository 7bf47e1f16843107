// SPDX-License-Identifier: GPL-2.0
/* A recording's file: in order and whole, and a disk that hangs stops nobody. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/util.h"
#include "dynmemd/core/record_file.h"
#include "seconds.h"

#define LINES 20000

static void test_in_order(_unused_ void **state)
{
	char path[] = "/tmp/record-file-XXXXXX", line[64];
	struct record_file *f;
	unsigned int n = 0;
	FILE *in;

	assert_int_equal(record_file_new(&f, mkstemp(path)), 0);
	for (unsigned int i = 0; i < LINES; i++) {
		snprintf(line, sizeof(line), "line %u", i);
		assert_int_equal(record_file_add(f, line), 0);
	}
	record_file_free(f);

	in = fopen(path, "re");
	assert_non_null(in);
	while (fgets(line, sizeof(line), in)) {
		char want[64];

		snprintf(want, sizeof(want), "line %u\n", n++);
		assert_string_equal(line, want);
	}
	assert_int_equal(n, LINES);
	fclose(in);
	unlink(path);
}

/* A pipe that nobody reads. */
static void test_disk_hangs(_unused_ void **state)
{
	double begin = seconds();
	struct record_file *f;
	size_t added = 0;
	char line[1001];
	int fd[2], r;

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = 0;
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_int_equal(record_file_new(&f, fd[1]), 0);
	while (!(r = record_file_add(f, line)) && added < 4 * (size_t)RECORD_FILE_WAITING)
		added += sizeof(line);
	assert_int_equal(r, -ENOBUFS);
	assert_true(added > RECORD_FILE_WAITING / 2);
	assert_true(seconds() - begin < 5);
	/* It comes back, and what failed is reported. */
	close(fd[0]);
	for (int i = 0; i < 1000 && (r == 0 || r == -ENOBUFS); i++) {
		usleep(10000);
		r = record_file_add(f, line);
	}
	assert_int_equal(r, -EPIPE);
	record_file_free(f);
}

static void test_full_disk(_unused_ void **state)
{
	struct record_file *f;
	int r = 0;

	assert_int_equal(record_file_new(&f, open("/dev/full", O_WRONLY | O_CLOEXEC)), 0);
	for (int i = 0; i < 1000 && !r; i++) {
		r = record_file_add(f, "a line");
		usleep(10000);
	}
	assert_int_equal(r, -ENOSPC);
	record_file_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_disk_hangs),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
