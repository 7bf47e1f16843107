// SPDX-License-Identifier: GPL-2.0
/* A host with so many guests that each has little to give. */
#include "policy_host.h"

#define GUESTS 100
#define SIZE   (8 * GIB)

/* All have 8 of 16 GiB, 40 MiB more than they want; the first may have @available left. */
static void crowd(struct fixture *f, u64 available)
{
	init(f, 900 * GIB, 9 * GIB);
	for (unsigned int n = 0; n < GUESTS; n++) {
		unsigned int g = add(f, GIB, 2 * SIZE);

		policy_command_sent(f->p, g, SIZE, f->now);
		policy_guest_actual(f->p, g, SIZE, f->now);
	}
	for (int second = 0; second < 60; second++) {
		for (unsigned int g = 1; g < GUESTS; g++)
			report(f, g, SIZE - 296 * MIB, SIZE);
		report(f, 0, SIZE - available, SIZE);
		pass(f, 1);
	}
	decide(f);
}

static u64 taken(const struct fixture *f)
{
	u64 sum = 0;

	for (unsigned int n = 0; n < f->r.count; n++)
		if ((f->r.decision[n].flags & POLICY_SEND) &&
		    f->r.decision[n].target < f->r.decision[n].from)
			sum += f->r.decision[n].from - f->r.decision[n].target;
	return sum;
}

/* Less than its dead band from each, for one that has nothing left. */
static void test_little_from_each(void **state)
{
	struct fixture f;

	(void)state;
	crowd(&f, 8 * MIB);
	assert_true(f.p->guest[1].band > 80 * MIB);
	assert_true(f.r.decision[0].pressed & POLICY_PRESSED_TIGHT);
	assert_true(taken(&f) > GIB);
	policy_free(f.p);
}

/* Where nobody lacks anything the same is noise. */
static void test_nobody_lacks(void **state)
{
	struct fixture f;

	(void)state;
	crowd(&f, 296 * MIB);
	assert_int_equal(taken(&f), 0);
	policy_free(f.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_little_from_each),
		cmocka_unit_test(test_nobody_lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
