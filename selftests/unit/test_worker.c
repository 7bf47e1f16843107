// SPDX-License-Identifier: GPL-2.0
/* The thread that runs jobs beside the event loop. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/util.h"
#include "dynmemd/base/worker.h"

static sd_event *event;
static char order[64];
static pthread_t loop_thread;
static int gate[2];

struct letter {
	struct job job;
	char c;
	unsigned int runs;
};

static void append(char c)
{
	order[strlen(order)] = c;
}

static void run_letter(struct job *job)
{
	struct letter *l = container_of(job, struct letter, job);

	assert_false(pthread_equal(pthread_self(), loop_thread));
	l->runs++;
	append(l->c);
}

static void run_gate(struct job *job)
{
	char c;

	run_letter(job);
	assert_int_equal(read(gate[0], &c, 1), 1);
}

static void done_letter(struct job *job)
{
	struct letter *l = container_of(job, struct letter, job);

	assert_true(pthread_equal(pthread_self(), loop_thread));
	assert_true(job_idle(job));
	append((char)(l->c - 'a' + 'A'));
}

static int setup(void **state)
{
	(void)state;
	memset(order, 0, sizeof(order));
	loop_thread = pthread_self();
	assert_return_code(pipe(gate), 0);
	return sd_event_new(&event);
}

static int teardown(void **state)
{
	(void)state;
	close(gate[0]);
	close(gate[1]);
	event = sd_event_unref(event);
	return 0;
}

static void wait_idle(const struct job *job)
{
	for (int i = 0; !job_idle(job) && i < 2000; i++)
		usleep(5000);
	assert_true(job_idle(job));
}

static void test_in_order(void **state)
{
	struct letter a = { { .run = run_letter, .done = done_letter }, 'a', 0 };
	struct letter b = { { .run = run_letter, .done = done_letter }, 'b', 0 };
	struct worker *w = NULL;

	(void)state;
	assert_return_code(worker_new(&w, event), 0);
	worker_push(w, &a.job);
	while (!job_idle(&a.job))
		assert_return_code(sd_event_run(event, UINT64_MAX), 0);
	worker_push(w, &b.job);
	while (!job_idle(&b.job))
		assert_return_code(sd_event_run(event, UINT64_MAX), 0);
	assert_string_equal(order, "aAbB");
	assert_int_equal(worker_free(w, false), 0);
}

/* Queued twice is run once; pushed while it runs, it is run once more. */
static void test_again(void **state)
{
	struct letter g = { { .run = run_gate }, 'g', 0 };
	struct letter a = { { .run = run_letter }, 'a', 0 };
	struct worker *w = NULL;

	(void)state;
	assert_return_code(worker_new(&w, NULL), 0);
	worker_push(w, &g.job);
	while (atomic_load(&g.job.state) != JOB_RUNNING)
		usleep(1000);
	worker_push(w, &a.job);
	worker_push(w, &a.job);
	worker_push(w, &g.job);
	worker_push(w, &g.job);
	assert_int_equal(write(gate[1], "xx", 2), 2);
	wait_idle(&g.job);
	wait_idle(&a.job);
	assert_int_equal(a.runs, 1);
	assert_int_equal(g.runs, 2);
	assert_string_equal(order, "gag");
	assert_int_equal(worker_free(w, false), 0);
}

static void wait_done(const struct job *job)
{
	for (int i = 0; atomic_load(&job->state) != JOB_DONE && i < 2000; i++)
		usleep(5000);
	assert_int_equal(atomic_load(&job->state), JOB_DONE);
}

/* Pushed before the event loop has heard that it is done. */
static void test_again_when_done(void **state)
{
	struct letter a = { { .run = run_letter, .done = done_letter }, 'a', 0 };
	struct worker *w = NULL;

	(void)state;
	assert_return_code(worker_new(&w, event), 0);
	worker_push(w, &a.job);
	wait_done(&a.job);
	worker_push(w, &a.job);
	while (!job_idle(&a.job))
		assert_return_code(sd_event_run(event, UINT64_MAX), 0);
	assert_string_equal(order, "aaA");
	/* The last words of a daemon that ends. */
	worker_push(w, &a.job);
	wait_done(&a.job);
	worker_push(w, &a.job);
	assert_int_equal(worker_free(w, true), 0);
	assert_string_equal(order, "aaAaa");
}

static void free_with_one_queued(bool drain, unsigned int expected)
{
	struct letter g = { { .run = run_gate }, 'g', 0 };
	struct letter a = { { .run = run_letter }, 'a', 0 };
	struct worker *w = NULL;

	assert_return_code(worker_new(&w, NULL), 0);
	worker_push(w, &g.job);
	while (atomic_load(&g.job.state) != JOB_RUNNING)
		usleep(1000);
	worker_push(w, &a.job);
	assert_false(worker_stopping(w));
	/* Runs while worker_free() waits. */
	if (fork() == 0) {
		usleep(50000);
		_exit(write(gate[1], "x", 1) != 1);
	}
	assert_int_equal(worker_free(w, drain), 0);
	assert_int_equal(a.runs, expected);
}

static void test_free_drains(void **state)
{
	(void)state;
	free_with_one_queued(true, 1);
}

static void test_free_drops(void **state)
{
	(void)state;
	free_with_one_queued(false, 0);
}

/* A job that never returns: its owner learns that all must be left as it is. */
static void test_stuck(void **state)
{
	static struct letter g = { { .run = run_gate }, 'g', 0 };
	struct timespec start, end;
	static struct worker *w; /* stays: its thread uses it */

	(void)state;
	assert_return_code(worker_new(&w, NULL), 0);
	worker_push(w, &g.job);
	while (atomic_load(&g.job.state) != JOB_RUNNING)
		usleep(1000);
	clock_gettime(CLOCK_MONOTONIC, &start);
	assert_int_equal(worker_free(w, true), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_in_range(end.tv_sec - start.tv_sec, 0, 20);
	assert_int_equal(worker_free(NULL, true), 0);
	assert_int_equal(write(gate[1], "x", 1), 1);
	wait_idle(&g.job);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again_when_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_drains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_drops, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stuck, setup, teardown),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
