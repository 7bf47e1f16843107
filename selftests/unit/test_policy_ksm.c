// SPDX-License-Identifier: GPL-2.0
/* The pace of ksmd, and what merging exposes. */
#include <string.h>

#include "policy/figures.h"
#include "policy_host.h"

static void ksm_host(struct fixture *f)
{
	f->h.present |= HOST_HAS_ALL_KSM;
	f->h.ksm = (struct host_ksm){
		.run = 1,
		.pages_to_scan = 100,
		.sleep_ms = 20,
		.mergeable = 40 * GIB,
	};
}

static void test_ksm(void **state)
{
	u64 minfree = policy_minfree(64 * GIB), slow, fast;
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, 40 * GIB);
	decide(&f);
	assert_false(f.r.ksm.change);

	ksm_host(&f);
	decide(&f);
	assert_true(f.r.ksm.change);
	assert_int_equal(f.r.ksm.run, 1);
	slow = f.r.ksm.pages_to_scan;
	/* 10485760 pages in 1200 s of 20 ms turns that take 2 us a page */
	assert_in_range(slow, 175, 180);

	f.h.available = 2 * minfree - 1;
	decide(&f);
	fast = f.r.ksm.pages_to_scan;
	assert_true(fast > 10 * slow);
	/* at most 70 % of a CPU: n x 2 us / (n x 2 us + 20 ms) */
	assert_true((double)fast * 2000 / ((double)fast * 2000 + 2e7) <= 0.701);

	/* As it is now: no change. */
	f.h.ksm.pages_to_scan = fast;
	decide(&f);
	assert_false(f.r.ksm.change);

	/* Two whole scans that found nothing: no use in hurrying. */
	f.h.ksm.full_scans = 2;
	decide(&f);
	assert_false(f.r.ksm.change);
	f.h.ksm.full_scans = 3;
	decide(&f);
	assert_int_equal(f.r.ksm.pages_to_scan, slow);

	/* Savings move again. */
	f.h.ksm.full_scans = 6;
	f.h.ksm.saved = 4 * GIB;
	decide(&f);
	assert_in_range(f.r.ksm.pages_to_scan, fast - fast / 8, fast);

	/* With the kernel's advisor the pace is not ours. */
	f.h.ksm.pages_to_scan = f.r.ksm.pages_to_scan;
	decide(&f);
	assert_false(f.r.ksm.change);
	f.h.ksm.advisor = true;
	decide(&f);
	assert_true(f.r.ksm.change);

	/* An administrator's unmerge is left alone. */
	f.h.ksm.run = 2;
	decide(&f);
	assert_false(f.r.ksm.change);
	assert_int_equal(f.r.ksm.run, 2);
	policy_free(f.p);
}

/* What ksmd takes of a CPU, by a cost of @ns a page. */
static double share_of(const struct fixture *f, double ns)
{
	double busy = (double)f->r.ksm.pages_to_scan * ns;

	return busy / (busy + (double)f->r.ksm.sleep_ms * 1e6);
}

/* Programs that no guest is, and that ksmd has not come to: no waiting for that. */
static void test_ksm_finds_what_is_new(void **state)
{
	u64 minfree = policy_minfree(64 * GIB);
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, 40 * GIB);
	ksm_host(&f);
	f.h.ksm.mergeable = 0;
	decide(&f);
	assert_true(share_of(&f, 2000) < 0.02);
	f.h.ksm.full_scans = 1000;
	decide(&f);
	f.h.available = 2 * minfree - 1;
	decide(&f);
	assert_in_range(share_of(&f, 2000) * 100, 40, 71);
	/* There is none. */
	f.h.ksm.full_scans = 2000;
	decide(&f);
	assert_true(share_of(&f, 2000) < 0.02);
	policy_free(f.p);
}

/* At level low what can be merged is found at once; what comes later, ahead of need. */
static void test_ksm_first_scans(void **state)
{
	u64 minfree = policy_minfree(64 * GIB);
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, 40 * GIB);
	ksm_host(&f);
	decide(&f);
	f.h.available = 4 * minfree - 1;
	decide(&f);
	assert_int_equal(f.r.level, POLICY_LEVEL_LOW);
	assert_in_range(share_of(&f, 2000) * 100, 68, 71);
	f.h.ksm.full_scans = 2;
	decide(&f);
	assert_in_range(share_of(&f, 2000) * 100, 68, 71);

	/* They found something. In 200 s: 62 GiB in use take 33 s of CPU time. */
	f.h.ksm.full_scans = 3;
	f.h.ksm.saved = 10 * GIB;
	decide(&f);
	assert_in_range(share_of(&f, 2000) * 100, 14, 18);
	/* The next ones did not. */
	f.h.ksm.full_scans = 6;
	decide(&f);
	assert_true(share_of(&f, 2000) < 0.02);

	/* Plenty, and short again: not before that. */
	f.h.available = 40 * GIB;
	decide(&f);
	pass(&f, 60);
	decide(&f);
	assert_int_equal(f.r.level, POLICY_LEVEL_NONE);
	assert_true(share_of(&f, 2000) < 0.02);
	f.h.available = 4 * minfree - 1;
	decide(&f);
	assert_in_range(share_of(&f, 2000) * 100, 68, 71);
	/* Nothing found ends it, too. */
	f.h.ksm.full_scans = 9;
	decide(&f);
	assert_true(share_of(&f, 2000) < 0.02);
	policy_free(f.p);
}

/* A daemon that finds the host short knows nothing of it either. */
static void test_ksm_first_scans_at_start(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, 4 * policy_minfree(64 * GIB) - 1);
	ksm_host(&f);
	decide(&f);
	assert_int_equal(f.r.level, POLICY_LEVEL_LOW);
	assert_in_range(share_of(&f, 2000) * 100, 68, 71);
	policy_free(f.p);
}

/* After two whole scans without a find: slow, until there is something new. */
static void test_ksm_rests(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, 2 * policy_minfree(64 * GIB) - 1);
	ksm_host(&f);
	f.h.ksm.mergeable = GIB;
	decide(&f);
	assert_true(share_of(&f, 2000) > 0.5);

	f.h.ksm.full_scans = 2;
	decide(&f);
	assert_true(share_of(&f, 2000) > 0.5);
	f.h.ksm.full_scans = 3;
	decide(&f);
	assert_in_range(share_of(&f, 2000) * 1e6, 4000, 5500); /* ksm_cpu_idle */
	f.h.ksm.mergeable += 8 * MIB;
	decide(&f);
	assert_true(share_of(&f, 2000) < 0.01);
	f.h.ksm.mergeable += 16 * MIB;
	decide(&f);
	assert_true(share_of(&f, 2000) > 0.5);

	f.h.ksm.full_scans = 6;
	decide(&f);
	assert_true(share_of(&f, 2000) < 0.01);
	f.h.ksm.saved = 100 * MIB;
	decide(&f);
	assert_true(share_of(&f, 2000) > 0.5);

	f.h.ksm.full_scans = 9;
	decide(&f);
	f.h.ksm.full_scans = 12;
	decide(&f);
	assert_true(share_of(&f, 2000) < 0.01);
	f.h.available = GIB / 4;
	decide(&f);
	assert_int_equal(f.r.level, POLICY_LEVEL_CRITICAL);
	assert_true(share_of(&f, 2000) > 0.5);
	policy_free(f.p);
}

/* Without pages_scanned (before Linux 6.6) it follows from ksmd's CPU time. */
static void test_ksm_cost_without_count(void **state)
{
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, GIB);
	ksm_host(&f);
	decide(&f);
	for (int i = 0; i < 60; i++) {
		f.h.ksm.pages_to_scan = f.r.ksm.pages_to_scan;
		f.h.ksm.sleep_ms = f.r.ksm.sleep_ms;
		for (int s = 0; s < 5; s++) {
			f.h.ksm.cpu_ns += (u64)(share_of(&f, 30000) * 1e9);
			pass(&f, 1);
			decide(&f);
		}
	}
	assert_in_range(share_of(&f, 30000) * 1000, 600, 720);
	policy_free(f.p);
}

static void test_ksm_of_others_is_exposure(void **state)
{
	struct fixture f;
	u64 before;

	(void)state;
	init(&f, 64 * GIB, 20 * GIB);
	add(&f, GIB, 8 * GIB);
	decide(&f);
	before = f.r.exposure;
	ksm_host(&f);
	f.h.ksm.saved = 3 * GIB;
	decide(&f);
	assert_int_equal(f.r.exposure, before + 3 * GIB);
	assert_true(f.r.hold >= 3 * GIB);
	policy_free(f.p);
}

/* What is merged in a guest it can call in, and a balloon would not free it once more. */
static void test_ksm_of_a_guest(void **state)
{
	struct guest_record merged = { .present = GUEST_HAS_KSM_SAVED, .ksm_saved = 2 * GIB };
	struct policy_guest_info a, b;
	unsigned int plain, alike;
	struct fixture f;

	(void)state;
	init(&f, 64 * GIB, 40 * GIB);
	ksm_host(&f);
	f.h.ksm.saved = 2 * GIB;
	plain = add(&f, GIB, 8 * GIB);
	alike = add(&f, GIB, 8 * GIB);
	for (int i = 0; i < 5; i++) {
		policy_guest_update(f.p, alike, &merged, f.now);
		report(&f, plain, 2 * GIB, 8 * GIB);
		report(&f, alike, 2 * GIB, 8 * GIB);
		pass(&f, 1);
		decide(&f);
	}
	assert_int_equal(policy_guest_info(f.p, plain, f.now, &a), 0);
	assert_int_equal(policy_guest_info(f.p, alike, f.now, &b), 0);
	assert_int_equal(b.exposure, a.exposure + 2 * GIB);
	/* The host's savings are in it: they are not counted twice. */
	assert_int_equal(f.r.exposure, a.exposure + b.exposure);
	assert_true(touched_share(f.p, guest_get(f.p, plain)) >
		    touched_share(f.p, guest_get(f.p, alike)) * 1.3);
	policy_free(f.p);
}

static void test_ksm_cost_is_measured(void **state)
{
	struct fixture f;
	double busy;

	(void)state;
	init(&f, 64 * GIB, GIB);
	ksm_host(&f);
	decide(&f);
	for (int i = 1; i < 60; i++) {
		f.h.ksm.pages_scanned = (u64)i * 100000;
		f.h.ksm.cpu_ns = (u64)i * 100000 * 8000; /* four times as dear */
		pass(&f, 1);
		decide(&f);
	}
	/*
	 * A full scan in 60 s would now take more than a CPU: capped at 70 %.
	 */
	busy = (double)f.r.ksm.pages_to_scan * 8000;
	busy = busy / (busy + 2e7);
	assert_true(busy > 0.68 && busy < 0.71);
	policy_free(f.p);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ksm),
		cmocka_unit_test(test_ksm_finds_what_is_new),
		cmocka_unit_test(test_ksm_first_scans),
		cmocka_unit_test(test_ksm_first_scans_at_start),
		cmocka_unit_test(test_ksm_rests),
		cmocka_unit_test(test_ksm_cost_is_measured),
		cmocka_unit_test(test_ksm_cost_without_count),
		cmocka_unit_test(test_ksm_of_others_is_exposure),
		cmocka_unit_test(test_ksm_of_a_guest),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
