// SPDX-License-Identifier: GPL-2.0
/* dynmem ksm run: which processes are the program's. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dynmem/ksm_view.h"

/* Returns a child that has a child, whose number it writes. */
static pid_t start_family(pid_t *ret_grandchild)
{
	int link[2];
	pid_t child;

	assert_int_equal(pipe(link), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		pid_t own = fork();

		/* A group of its own does not matter. */
		if (own == 0)
			setsid();
		else if (write(link[1], &own, sizeof(own)) != sizeof(own))
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(link[0], ret_grandchild, sizeof(*ret_grandchild)),
			 sizeof(*ret_grandchild));
	close(link[0]);
	close(link[1]);
	return child;
}

static void test_descends(void **state)
{
	pid_t child, grandchild, sibling;

	(void)state;
	child = start_family(&grandchild);
	sibling = fork();
	assert_true(sibling >= 0);
	if (sibling == 0)
		for (;;)
			pause();
	assert_true(ksm_descends(child, getpid()));
	assert_true(ksm_descends(grandchild, getpid()));
	assert_true(ksm_descends(grandchild, child));
	assert_true(ksm_descends(getpid(), getppid()));
	/* Of the same group, and not of the program. */
	assert_int_equal(getpgid(sibling), getpgid(child));
	assert_false(ksm_descends(sibling, child));
	assert_false(ksm_descends(getpid(), getpid()));
	assert_false(ksm_descends(getpid(), child));
	assert_false(ksm_descends(1, getpid()));

	assert_int_equal(kill(grandchild, SIGKILL), 0);
	assert_int_equal(kill(sibling, SIGKILL), 0);
	assert_int_equal(waitpid(sibling, NULL, 0), sibling);
	assert_false(ksm_descends(sibling, getpid()));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
