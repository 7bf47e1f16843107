/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Enough of KUnit to run its suites in user space, with TAP.
 */

#ifndef _UNIT_KUNIT_TEST_H
#define _UNIT_KUNIT_TEST_H

#include <linux/kernel.h>
#include <stdio.h>

struct kunit {
	bool failed;
};

struct kunit_case {
	const char *name;
	void (*run)(struct kunit *test);
};

struct kunit_suite {
	const char *name;
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

#define KUNIT_CASE(function)        \
	{                           \
#function, function \
	}

#define KUNIT_EXPECT(test, left, op, right)                                                   \
	do {                                                                                  \
		long long left_ = (long long)(left);                                          \
		long long right_ = (long long)(right);                                        \
                                                                                              \
		if (!(left_ op right_)) {                                                     \
			(test)->failed = true;                                                \
			printf("# %s:%d: %s is %lld, not " #op " %lld\n", __FILE__, __LINE__, \
			       #left, left_, right_);                                         \
		}                                                                             \
	} while (0)

#define KUNIT_EXPECT_EQ(test, left, right) KUNIT_EXPECT(test, left, ==, right)
#define KUNIT_EXPECT_LE(test, left, right) KUNIT_EXPECT(test, left, <=, right)
#define KUNIT_EXPECT_TRUE(test, condition) KUNIT_EXPECT(test, !!(condition), ==, 1)
#define KUNIT_EXPECT_GE(test, left, right) KUNIT_EXPECT(test, left, >=, right)

static inline int kunit_run(const struct kunit_suite *suite)
{
	int n = 0, failed = 0;

	for (struct kunit_case *c = suite->test_cases; c->name; c++) {
		struct kunit test = {};

		if (suite->init && suite->init(&test))
			test.failed = true;
		else
			c->run(&test);
		if (suite->exit)
			suite->exit(&test);
		printf("%sok %d - %s.%s\n", test.failed ? "not " : "", ++n, suite->name, c->name);
		failed += test.failed;
	}
	printf("1..%d\n", n);
	return failed != 0;
}

#define kunit_test_suite(suite)             \
	int main(void)                      \
	{                                   \
		return kunit_run(&(suite)); \
	}                                   \
	_Static_assert(1, "takes the semicolon")

#define MODULE_LICENSE(license) _Static_assert(1, license)

#endif
