// SPDX-License-Identifier: GPL-2.0
/* Machines from public reports, with the figures that those have. */
#include <string.h>

#include "policy_host.h"

/* What the balloon may leave a guest whose kernel uses that much, and lacks so much of it. */
static void stats(struct fixture *f, unsigned int g, u64 offline, u64 used, u64 cache)
{
	u64 actual = guest_get(f->p, g)->actual;
	struct guest_record s = {
		.present = GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE |
			   GUEST_HAS_FREE | GUEST_HAS_DISK_CACHES,
		.last_update = ++f->update,
		.stat_actual = actual,
		.total = actual - offline,
		.available = over(actual, offline + used),
		.free = over(actual, offline + used + cache),
		.disk_caches = cache,
	};

	policy_guest_update(f->p, g, &s, f->now);
}

static void cost(struct fixture *f, unsigned int g, u64 rss, u64 hugetlb)
{
	struct guest_record c = {
		.present = GUEST_HAS_RSS | GUEST_HAS_HUGETLB,
		.rss = rss,
		.hugetlb = hugetlb,
	};

	policy_guest_update(f->p, g, &c, f->now);
}

/* What is decided is done, in an emergency as well. */
static void obey(struct fixture *f)
{
	const struct policy_plan_step *step;
	unsigned int n;

	decide(f);
	for (unsigned int i = 0; i < f->r.count; i++) {
		const struct policy_decision *d = &f->r.decision[i];

		if (!(d->flags & POLICY_SEND))
			continue;
		policy_command_sent(f->p, d->guest, d->target, f->now);
		policy_guest_actual(f->p, d->guest, d->target, f->now);
	}
	if (policy_emergency_begin(f->p, f->now, &step, &n) < 0 &&
	    policy_emergency_next(f->p, f->now, &step, &n) < 0)
		return;
	for (unsigned int i = 0; i < n; i++) {
		policy_command_sent(f->p, step[i].guest, step[i].target, f->now);
		policy_guest_actual(f->p, step[i].guest, step[i].target, f->now);
	}
}

/*
 * A machine of 1 GiB and DIMMs of 3 GiB, which its kernel never brings online, or only
 * some of them, on a host of 8 GiB that becomes short after 12 s, or critical after 30.
 * The guest needs what is not online, 52 MiB of its kernel, and 600 MiB.
 */
static void test_dimms_stay_offline(void **state)
{
	static const struct {
		u64 offline, rss, cache, available, at;
	} c[] = {
		{ 3124 * MIB, 900 * MIB, 150 * MIB, 250 * MIB, 30 },
		{ 3124 * MIB, 900 * MIB, 150 * MIB, 850 * MIB, 12 },
		{ 1852 * MIB, 2200 * MIB, 100 * MIB, 800 * MIB, 12 },
	};

	(void)state;
	for (unsigned int k = 0; k < 3; k++) {
		u64 needs = c[k].offline + 600 * MIB;
		struct fixture f;
		unsigned int g;

		init(&f, 8 * GIB, 4000 * MIB);
		g = add(&f, GIB, 4 * GIB);
		for (u64 n = 0; n < 90; n++) {
			pass(&f, 1);
			if (n == c[k].at)
				f.h.available = c[k].available;
			cost(&f, g, c[k].rss, 0);
			stats(&f, g, c[k].offline, 600 * MIB, c[k].cache);
			obey(&f);
			assert_true(guest_get(f.p, g)->target >= needs);
			assert_true(guest_get(f.p, g)->floor > needs || !n);
		}
		policy_free(f.p);
	}
}

/* All of a guest of 64 GiB is in pages of 1 GiB, and a device holds it: it owes nothing. */
static void test_guest_in_a_pool(void **state)
{
	(void)state;
	/* Without it, and with it: the other one is left alone. */
	for (int there = 0; there < 2; there++) {
		struct fixture f;
		unsigned int gpu = 0, web;

		init(&f, 128 * GIB, 9000 * MIB);
		f.h.present |= HOST_HAS_POOL_TOTAL;
		f.h.pool_total = 64 * GIB;
		web = add(&f, GIB, 2 * GIB);
		if (there) {
			gpu = add(&f, 4 * GIB, 64 * GIB);
			policy_guest_event(f.p, gpu, POLICY_GUEST_PINNED, f.now);
		}
		for (int n = 0; n < 30; n++) {
			pass(&f, 1);
			cost(&f, web, 2000 * MIB, 0);
			stats(&f, web, 0, 700 * MIB, 900 * MIB);
			if (there) {
				cost(&f, gpu, 150 * MIB, 64 * GIB);
				stats(&f, gpu, 0, 60000 * MIB, 1000 * MIB);
			}
			obey(&f);
			assert_int_equal(guest_get(f.p, web)->target, 2 * GIB);
			assert_true(f.r.exposure < 128 * MIB && f.r.hold < 128 * MIB);
			assert_true(f.r.deficit < 0);
			if (there)
				assert_int_equal(guest_get(f.p, gpu)->target, 64 * GIB);
		}
		policy_free(f.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dimms_stay_offline),
		cmocka_unit_test(test_guest_in_a_pool),
	};

	return cmocka_run_group_tests_name("policy_cases", tests, NULL, NULL);
}
