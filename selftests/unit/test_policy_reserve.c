// SPDX-License-Identifier: GPL-2.0
/*
 * Reservations from what can be kept to the last page that their guest touches; and
 * that whoever asks how things stand changes nothing.
 */
#include <errno.h>

#include "policy_kinds.h"
#include "policy_one.h"
#include "policy_random.h"
#include "policy_world.h"

/* An old script releases its own, not what somebody else has got since. */
static void test_numbers_are_not_reused(void **state)
{
	struct policy_reserve_status s;
	unsigned int a, b, c;
	struct one o;

	(void)state;
	one_init(&o, GIB, 8 * GIB, 8 * GIB);
	ticks(&o, 3);
	assert_int_equal(policy_reserve(o.p, GIB, 10 * SEC, o.now, &a, &s), 0);
	ticks(&o, 20);
	assert_int_equal(policy_reserve(o.p, GIB, 600 * SEC, o.now, &b, &s), 0);
	assert_int_not_equal(a, b);
	assert_int_equal(policy_reserve_release(o.p, a), 0);
	assert_int_equal(policy_reserve_release(o.p, a), -ENOENT);
	assert_int_equal(policy_reserve_status(o.p, b, o.now, &s), 0);
	assert_int_equal(policy_reserve_release(o.p, b), 0);
	assert_int_equal(policy_reserve(o.p, GIB, 600 * SEC, o.now, &c, &s), 0);
	assert_true(c > b && b > a);
	policy_free(o.p);
}

/* A daemon that starts again keeps what the one before promised. */
static void test_restored(void **state)
{
	struct policy_reserve_status s;
	unsigned int id;
	struct one o;

	(void)state;
	one_init(&o, GIB, 8 * GIB, 8 * GIB);
	assert_int_equal(policy_reserve_restore(o.p, 7, 2 * GIB, 60 * SEC, o.now), 0);
	assert_int_equal(policy_reserve_restore(o.p, 7, GIB, 60 * SEC, o.now), -EEXIST);
	assert_int_equal(policy_reserve_restore(o.p, 8, 0, 60 * SEC, o.now), -EINVAL);
	assert_int_equal(policy_reserve_next(o.p, 41), 41);
	assert_int_equal(policy_reserve_next(o.p, 3), 41);
	ticks(&o, 3);
	assert_int_equal(o.p->b.reserved, 2 * GIB);
	assert_int_equal(policy_reserve_status(o.p, 7, o.now, &s), 0);
	assert_int_equal(s.state, POLICY_RESERVE_READY);
	assert_int_equal(policy_reserve(o.p, GIB, 60 * SEC, o.now, &id, &s), 0);
	assert_int_equal(id, 41);
	ticks(&o, 60);
	assert_int_equal(o.p->b.reserved, 0);
	policy_free(o.p);
}

/* It boots for a minute, then it needs what was kept for it. */
static void test_kept_until_touched(void **state)
{
	struct policy_reserve_status st;
	struct world_guest *b, *n;
	unsigned int id;
	struct policy_world w;

	(void)state;
	world_init(&w, 64 * GiB, 2 * GiB, 0);
	b = world_guest(&w, 8 * GiB, 60 * GiB);
	b->want = 10 * GiB;
	b->want_cache = 45 * GiB;
	world_rush(&w, 600);
	assert_int_equal(policy_reserve(w.p, 30 * GiB, 3600 * S, w.now, &id, &st), 0);
	for (int i = 0; i < 300 && st.state != POLICY_RESERVE_READY; i++) {
		world_rush(&w, 1);
		policy_reserve_status(w.p, id, w.now, &st);
	}
	assert_int_equal(st.state, POLICY_RESERVE_READY);

	n = world_guest(&w, 8 * GiB, 30 * GiB);
	n->want = 500 * MiB;
	assert_int_equal(policy_reserve_started(w.p, id, n->handle, w.now), 0);
	world_rush(&w, 300);
	/* Neither the neighbour nor anybody else got it. */
	assert_true(world_available(&w) > 29 * GiB);
	policy_reserve_status(w.p, id, w.now, &st);
	assert_int_equal(st.state, POLICY_RESERVE_STARTED);
	assert_in_range(st.missing, 29 * GiB, 30 * GiB);
	assert_non_null(strstr(st.why, "until it has touched"));

	n->want = 29 * GiB + 800 * MiB;
	world_run(&w, 60);
	assert_int_equal(n->short_of, 0);
	assert_int_equal(b->short_of, 0);
	assert_false(w.host_oom || w.critical_seen);
	/* It has got it: that is the end. */
	n->want = 29 * GiB + 936 * MiB;
	world_run(&w, 10);
	assert_int_equal(n->touched, 30 * GiB - 24 * MiB);
	world_free(&w);
}

/* What is kept for a guest that does not run yet is there for one that would kill. */
static void test_pressed_before_reserved(void **state)
{
	struct policy_reserve_status st;
	struct world_guest *a;
	unsigned int id;
	struct policy_world w;

	(void)state;
	world_init(&w, 20 * GiB, 4 * GiB, 0);
	a = world_guest(&w, GiB, 14 * GiB);
	a->want = 4 * GiB;
	a->touched = 14 * GiB;
	world_rush(&w, 120);
	assert_int_equal(policy_reserve(w.p, 4 * GiB, 3600 * S, w.now, &id, &st), 0);
	world_rush(&w, 600);
	a->want = 11 * GiB;
	world_rush(&w, 30);
	assert_false(a->oom);
	assert_int_equal(a->short_of, 0);
	world_free(&w);
}

/* With its guest, or with its time, at the latest. */
static void test_kept_not_for_ever(void **state)
{
	struct policy_guest_config config = { .min = GIB, .max = 4 * GIB };
	struct guest_record cost = { .present = GUEST_HAS_RSS, .rss = 32 * MIB };
	struct policy_reserve_status s;
	unsigned int id, guest;
	struct one o;

	(void)state;
	one_init(&o, GIB, 8 * GIB, 8 * GIB);
	o.h.available = 14 * GIB;
	ticks(&o, 3);
	assert_int_equal(policy_reserve(o.p, 4 * GIB, 30 * SEC, o.now, &id, &s), 0);
	assert_int_equal(policy_guest_add(o.p, &config, 4 * GIB, o.now, &guest), 0);
	assert_int_equal(policy_reserve_started(o.p, id, guest + 1, o.now), -ENOENT);
	assert_int_equal(policy_reserve_started(o.p, id, guest, o.now), 0);
	/* Found at the last moment, it has its minutes all the same. */
	ticks(&o, 240);
	assert_int_equal(o.p->b.reserved, 4 * GIB);
	ticks(&o, 70);
	assert_int_equal(o.p->b.reserved, 0);

	assert_int_equal(policy_reserve(o.p, 2 * GIB, 3600 * SEC, o.now, &id, &s), 0);
	assert_int_equal(policy_reserve_started(o.p, id, guest, o.now), 0);
	policy_guest_update(o.p, guest, &cost, o.now);
	ticks(&o, 2);
	assert_int_equal(o.p->b.reserved, 2 * GIB);
	/* Not twice: what is kept is no exposure as well. */
	assert_int_equal(o.p->b.exposure,
			 o.p->guest[o.g].exposure + o.p->guest[guest].exposure - 2 * GIB);
	policy_guest_remove(o.p, guest);
	ticks(&o, 1);
	assert_int_equal(o.p->b.reserved, 0);
	assert_int_equal(policy_reserve_status(o.p, id, o.now, &s), -ENOENT);
	policy_free(o.p);
}

/* Whoever asks waits for a decision; it comes even where no guest needs one. */
static void test_decides_while_reserved(void **state)
{
	struct policy_reserve_status s;
	unsigned int id;
	struct one o;

	(void)state;
	one_init(&o, GIB, 4 * GIB, 4 * GIB);
	o.h.available = 15 * GIB;
	ticks(&o, 3);
	assert_int_equal(o.r.next, 0);
	assert_int_equal(policy_reserve(o.p, GIB, 60 * SEC, o.now, &id, &s), 0);
	ticks(&o, 1);
	assert_int_equal(o.r.next, SEC);
	ticks(&o, 60);
	assert_int_equal(o.r.next, 0);
	policy_free(o.p);
}

static void read_all(const struct policy *p, const unsigned int *map, unsigned int n,
		     unsigned int id, u64 now)
{
	struct policy_reserve_status s;
	struct policy_guest_state kept;
	struct policy_guest_info info;
	struct policy_host_state host;
	u64 at_once, squeezed;

	for (unsigned int i = 0; i < n; i++) {
		policy_guest_info(p, map[i], now, &info);
		policy_guest_export(p, map[i], now, &kept);
	}
	policy_host_export(p, &host);
	policy_largest(p, now, &at_once, &squeezed);
	policy_reserve_status(p, id, now, &s);
	policy_guest_count(p);
}

/* Any number of reads between two decisions: the same decisions. */
static void test_readers_change_nothing(void **state)
{
	static struct random_snapshot x;
	unsigned int map[2][RANDOM_GUESTS];
	struct policy_reserve_status s;

	(void)state;
	for (u64 seed = 1; seed <= 2000; seed++) {
		struct rng r = { seed };
		struct policy *p[2];
		unsigned int id = 0;

		random_snapshot(&x, seed, seed % 4 == 0);
		for (int k = 0; k < 2; k++) {
			p[k] = random_engine(&x, NULL, false, map[k]);
			assert_non_null(p[k]);
			if (seed % 3 == 0)
				policy_reserve_restore(p[k], 1, GIB, 2 * SEC, x.start);
		}
		for (unsigned int t = 0; t < RANDOM_TICKS; t++) {
			u64 now = x.start + t * x.step;
			struct policy_result res[2];

			for (int k = 0; k < 2; k++) {
				random_feed(p[k], &x, map[k], t);
				if (k)
					for (u64 n = rnd_to(&r, 4); n--;)
						read_all(p[k], map[k], x.n, 1, now + n * SEC);
				assert_true(policy_decide(p[k], now, &res[k]) >= 0);
				if (k)
					for (u64 n = rnd_to(&r, 4); n--;)
						read_all(p[k], map[k], x.n, 1, now + n * SEC);
				if (t == 1 && seed % 5 == 0)
					policy_reserve(p[k], 64 * MIB, SEC, now, &id, &s);
			}
			assert_int_equal(res[0].deficit, res[1].deficit);
			assert_int_equal(res[0].next, res[1].next);
			assert_int_equal(res[0].tier, res[1].tier);
			for (unsigned int i = 0; i < res[0].count; i++) {
				const struct policy_decision *a = &res[0].decision[i];
				const struct policy_decision *b = &res[1].decision[i];

				if (a->target != b->target || a->reason != b->reason ||
				    a->entitled != b->entitled || a->class != b->class)
					fail_msg("seed %llu: a reader changed a decision",
						 (unsigned long long)seed);
			}
		}
		policy_free(p[0]);
		policy_free(p[1]);
	}
}

static void test_reserve_ready(void **state)
{
	struct policy_reserve_status s;
	struct kinds f;
	unsigned int id;

	(void)state;
	init(&f, 14 * GIB);
	assert_int_equal(policy_reserve(f.p, 0, SEC, f.now, &id, &s), -EINVAL);
	assert_int_equal(policy_reserve(f.p, 2 * GIB, 60 * SEC, f.now, &id, &s), 0);
	assert_int_equal(s.state, POLICY_RESERVE_READY);
	assert_string_equal(s.why, "2.0 GiB are kept for it");
	/* It counts for the next one. */
	assert_int_equal(reserve_sum(f.p), 2 * GIB);
	assert_int_equal(policy_reserve_status(f.p, id, f.now, &s), 0);
	assert_int_equal(s.state, POLICY_RESERVE_READY);
	f.now += 61 * SEC;
	assert_int_equal(policy_reserve_status(f.p, id, f.now, &s), 0);
	assert_int_equal(s.state, POLICY_RESERVE_EXPIRED);
	policy_host_update(f.p, &f.h, f.now);
	assert_int_equal(reserve_sum(f.p), 0);
	assert_int_equal(policy_reserve_release(f.p, id), 0);
	assert_int_equal(policy_reserve_release(f.p, id), -ENOENT);
	assert_int_equal(policy_reserve_status(f.p, 999, f.now, &s), -ENOENT);
	policy_free(f.p);
}

/* Guests are shrunk for it, to their floors at the most; then it is ready. */
static void test_reserve_frees(void **state)
{
	struct policy_reserve_status s;
	struct policy_result r;
	struct kinds f;
	unsigned int id;
	u64 free_before = 7 * GIB, rss[GUESTS] = { 4 * GIB, 3 * GIB, 4 * GIB, GIB };

	(void)state;
	init(&f, free_before);
	assert_int_equal(policy_reserve(f.p, 3 * GIB, 600 * SEC, f.now, &id, &s), 0);
	assert_int_equal(s.state, POLICY_RESERVE_FREEING);
	assert_true(s.missing > 0 && s.missing < 3 * GIB);

	for (int n = 0; n < 60; n++) {
		policy_decide(f.p, f.now, &r);
		for (unsigned int i = 0; i < r.count; i++) {
			const struct policy_decision *d = &r.decision[i];

			if (!(d->flags & POLICY_SEND))
				continue;
			if (n < 2)
				assert_int_equal(d->reason, POLICY_REASON_SHRINK_RESERVE);
			policy_command_sent(f.p, d->guest, d->target, f.now);
			policy_guest_actual(f.p, d->guest, d->target, f.now);
			if (rss[i] > d->target) {
				f.h.available += rss[i] - d->target;
				rss[i] = d->target;
			}
		}
		f.now += SEC;
		report(&f, IDLE, GIB, 0, rss[IDLE]);
		report(&f, CACHED, GIB, 0, rss[CACHED]);
		report(&f, BUSY, 3900 * MIB, 0, rss[BUSY]);
		report(&f, UNTOUCHED, GIB, 0, rss[UNTOUCHED]);
		policy_host_update(f.p, &f.h, f.now);
		policy_reserve_status(f.p, id, f.now, &s);
		if (s.state == POLICY_RESERVE_READY)
			break;
	}
	assert_int_equal(s.state, POLICY_RESERVE_READY);
	assert_true(rss[IDLE] >= GIB);
	assert_true(rss[BUSY] >= 3900 * MIB);
	policy_free(f.p);
}

static void test_reserve_refused(void **state)
{
	struct policy_reserve_status s;
	struct policy_result r;
	u64 at_once, squeezed;
	struct kinds f;
	unsigned int id = 77;

	(void)state;
	init(&f, 6 * GIB);
	/* By the last decision, so not before the first. */
	assert_int_equal(policy_largest(f.p, f.now, &at_once, &squeezed), -ENODATA);
	policy_decide(f.p, f.now, &r);
	assert_int_equal(policy_largest(f.p, f.now, &at_once, &squeezed), 0);
	assert_true(at_once < squeezed);
	assert_int_equal(policy_reserve(f.p, squeezed + GIB, 60 * SEC, f.now, &id, &s), -ENOSPC);
	assert_int_equal(id, 77);
	assert_int_equal(s.state, POLICY_RESERVE_REFUSED);
	assert_int_equal(s.largest, squeezed);
	assert_int_equal(s.missing, GIB);
	assert_non_null(strstr(s.why, "1.0 GiB short"));
	/* Just what fits is not refused. */
	assert_int_equal(policy_reserve(f.p, squeezed, 60 * SEC, f.now, &id, &s), 0);

	host_falls_to(&f, 300 * MIB);
	assert_int_equal(policy_reserve(f.p, MIB, 60 * SEC, f.now, &id, &s), -ENOSPC);
	assert_non_null(strstr(s.why, "critical"));
	policy_free(f.p);
}

static void test_reserve_many(void **state)
{
	struct policy_reserve_status s;
	struct kinds f;
	unsigned int id;

	(void)state;
	init(&f, 14 * GIB);
	for (unsigned int i = 0; i < POLICY_RESERVES_MAX; i++)
		assert_int_equal(policy_reserve(f.p, MIB, SEC, f.now, &id, &s), 0);
	assert_int_equal(policy_reserve(f.p, MIB, SEC, f.now, &id, &s), -EBUSY);
	f.now += 2 * SEC; /* those that ran out make room */
	assert_int_equal(policy_reserve(f.p, MIB, UINT64_MAX, f.now, &id, &s), 0);
	policy_free(f.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserve_ready),
		cmocka_unit_test(test_reserve_frees),
		cmocka_unit_test(test_reserve_refused),
		cmocka_unit_test(test_reserve_many),
		cmocka_unit_test(test_numbers_are_not_reused),
		cmocka_unit_test(test_restored),
		cmocka_unit_test(test_kept_until_touched),
		cmocka_unit_test(test_pressed_before_reserved),
		cmocka_unit_test(test_kept_not_for_ever),
		cmocka_unit_test(test_decides_while_reserved),
		cmocka_unit_test(test_readers_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
