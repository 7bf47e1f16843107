// SPDX-License-Identifier: GPL-2.0
/* How fast the host's memory falls, and what that decides: who stands still kills nobody. */
#include <string.h>

#include "policy_host.h"

/* @n samples @every apart, each @step less than the one before. */
static u64 sample(struct policy_fall *f, u64 *now, u64 bytes, s64 step, u64 every, int n)
{
	for (int i = 0; i < n; i++) {
		*now += every;
		bytes -= (u64)step;
		policy_fall_sample(f, bytes, *now);
	}
	return bytes;
}

static u64 rate(const struct policy_fall *f, u64 now)
{
	return (u64)(policy_fall_rate(f, now) / (double)MIB + 0.5);
}

static void test_rate(void **state)
{
	struct policy_fall f = { 0 };
	u64 now = 0, bytes = 8 * GIB;

	(void)state;
	assert_int_equal(rate(&f, now), 0);
	bytes = sample(&f, &now, bytes, 256 * MIB, SEC / 4, 2);
	assert_int_equal(rate(&f, now), 0); /* one interval is no fall yet */
	bytes = sample(&f, &now, bytes, 256 * MIB, SEC / 4, 4);
	assert_int_equal(rate(&f, now), 1024);
	/* The slower of two. */
	bytes = sample(&f, &now, bytes, 128 * MIB, SEC / 4, 1);
	assert_int_equal(rate(&f, now), 512);
	/* What rises does not fall. */
	bytes = sample(&f, &now, bytes, -(s64)MIB, SEC, 1);
	assert_int_equal(rate(&f, now), 0);
	/* A fall that ended, and what nobody looked at any more. */
	bytes = sample(&f, &now, bytes, 256 * MIB, SEC / 4, 3);
	assert_int_equal(rate(&f, now), 1024);
	assert_int_equal(rate(&f, now + SEC / 2), 1024);
	assert_int_equal(rate(&f, now + SEC), 0);
	sample(&f, &now, bytes, 0, SEC / 4, 1);
	assert_int_equal(rate(&f, now), 0);
}

/* One sample that is odd, wherever it stands, is no fall. */
static void test_one_odd_sample(void **state)
{
	const u64 odd[] = { 0, MIB, 64 * GIB, UINT64_MAX };

	(void)state;
	for (unsigned int k = 0; k < 4; k++) {
		struct policy_fall f = { 0 };
		u64 now = 0;

		sample(&f, &now, 8 * GIB, 0, SEC, 3);
		policy_fall_sample(&f, odd[k], now += SEC);
		assert_int_equal(rate(&f, now), 0);
		for (int i = 0; i < 3; i++) {
			policy_fall_sample(&f, 8 * GIB, now += SEC);
			assert_int_equal(rate(&f, now), 0);
		}
	}
}

/* Of samples that are close together, or at one instant, the first counts. */
static void test_close_samples(void **state)
{
	struct policy_fall f = { 0 };
	u64 now = 0, bytes;

	(void)state;
	bytes = sample(&f, &now, 8 * GIB, 0, SEC, 3);
	bytes = sample(&f, &now, bytes, 16 * MIB, 5 * MSEC, 19);
	assert_int_equal(rate(&f, now), 0);
	bytes = sample(&f, &now, bytes, 16 * MIB, 0, 100);
	assert_int_equal(rate(&f, now), 0);
	sample(&f, &now, bytes, 16 * MIB, 10 * MSEC, 100);
	assert_in_range(rate(&f, now), 1500, 1700);
}

/* A clock that goes back stands; a host that slept has fallen slowly. */
static void test_clock_steps(void **state)
{
	struct policy_fall f = { 0 };
	u64 now = 1000 * SEC, bytes;

	(void)state;
	bytes = sample(&f, &now, 32 * GIB, GIB, SEC, 4);
	assert_int_equal(rate(&f, now), 1024);
	policy_fall_sample(&f, bytes - GIB, now - 500 * SEC);
	assert_int_equal(rate(&f, now), 1024);
	assert_int_equal(rate(&f, now - 500 * SEC), 1024);
	now += 3600 * SEC;
	policy_fall_sample(&f, bytes - GIB, now);
	assert_int_equal(rate(&f, now), 0);
	policy_fall_sample(&f, bytes - 2 * GIB, now += SEC);
	assert_int_equal(rate(&f, now), 0);
	policy_fall_sample(&f, bytes - 3 * GIB, now += SEC);
	assert_int_equal(rate(&f, now), 1024);
	policy_fall_sample(&f, bytes - 3 * GIB, UINT64_MAX);
	assert_int_equal(rate(&f, UINT64_MAX), 0);
}

/* The least that a decision or an emergency's plan leaves a guest. */
static u64 least(struct fixture *f)
{
	const struct policy_plan *plan;
	u64 size = NEVER;

	decide(f);
	for (unsigned int i = 0; i < f->r.count; i++)
		size = min_of(size, f->r.decision[i].target);
	assert_int_equal(policy_plan_emergency(f->p, 0, f->now, &plan), 0);
	for (unsigned int i = 0; i < plan->count; i++)
		size = min_of(size, plan->step[i].target);
	return size;
}

/* A host of 8 GiB that stands still, short, with 500 MiB, or critical, with 300. */
static void test_stands_still(void **state)
{
	const u64 used = 3 * GIB, slack = 128 * MIB;

	(void)state;
	for (u64 available = 500 * MIB; available >= 200 * MIB; available -= 100 * MIB) {
		struct fixture f;
		unsigned int g[2];

		init(&f, 8 * GIB, available);
		for (int i = 0; i < 2; i++)
			g[i] = add(&f, 256 * MIB, 4 * GIB);
		for (int n = 0; n < 60; n++) {
			pass(&f, 1);
			for (int i = 0; i < 2; i++)
				report(&f, g[i], used, 4 * GIB);
			/* It never quite stands. */
			f.h.available = available - (u64)(n % 3) * 4 * MIB;
			assert_true(least(&f) >= used + slack);
		}
		policy_free(f.p);
	}
}

/* A host of 64 GiB that falls by 1 GiB/s, each second or on events. */
static void test_falls(void **state)
{
	(void)state;
	for (u64 every = SEC / 4; every <= SEC; every *= 2) {
		const u64 used = 30 * GIB;
		struct fixture f;
		unsigned int g[2];

		init(&f, 64 * GIB, 8 * GIB);
		for (int i = 0; i < 2; i++)
			g[i] = add(&f, GIB, 32 * GIB);
		while (f.h.available >= policy_minfree(64 * GIB)) {
			f.now += every;
			f.h.available -= scale(GIB, (double)every / (double)SEC);
			for (int i = 0; i < 2; i++)
				report(&f, g[i], used, 32 * GIB);
			decide(&f);
		}
		/* There are some hundred MiB left, and it is still falling. */
		assert_true(f.p->b.kills);
		for (int i = 0; i < 2; i++)
			report(&f, g[i], 32 * GIB - 64 * MIB, 32 * GIB);
		assert_true(least(&f) < 32 * GIB - 64 * MIB);
		/* It has stopped: what is used is theirs again. */
		for (int n = 0; n < 2; n++) {
			pass(&f, 1);
			decide(&f);
		}
		assert_true(!f.p->b.kills);
		policy_free(f.p);
	}
}

/* A lie about the host in between, and what swap takes, is no fall. */
static void test_lies_and_swap(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, 1200 * MIB);
	for (int n = 0; n < 10; n++) {
		pass(&f, 1);
		decide(&f);
		assert_true(!f.p->b.kills);
		f.h.available = n == 4 ? UINT64_MAX : 1200 * MIB;
	}
	/* Half a GiB a second is swapped out, half of what was free counted. */
	f.h.swap_total = f.h.swap_free = 8 * GIB;
	while (f.h.swap_free) {
		pass(&f, 1);
		decide(&f);
		assert_true(!f.p->b.kills);
		f.h.swap_free -= GIB / 2;
	}
	policy_free(f.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),	      cmocka_unit_test(test_one_odd_sample),
		cmocka_unit_test(test_close_samples), cmocka_unit_test(test_clock_steps),
		cmocka_unit_test(test_stands_still),  cmocka_unit_test(test_falls),
		cmocka_unit_test(test_lies_and_swap),
	};

	return cmocka_run_group_tests_name("policy_fall", tests, NULL, NULL);
}
