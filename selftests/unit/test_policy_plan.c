// SPDX-License-Identifier: GPL-2.0
/* The emergency plan. */
#include <errno.h>
#include <string.h>

#include "policy_kinds.h"

static const struct policy_plan_step *step_for(const struct policy_plan *plan, unsigned int guest)
{
	for (unsigned int i = 0; i < plan->count; i++)
		if (plan->step[i].guest == guest)
			return &plan->step[i];
	return NULL;
}

/* Free memory that was touched goes first, and suffices for a little. */
static void test_plan_takes_free_first(void **state)
{
	const struct policy_plan_step *s;
	const struct policy_plan *plan;
	struct kinds f;

	(void)state;
	init(&f, GIB);
	assert_int_equal(policy_plan_emergency(f.p, GIB, f.now, &plan), 0);
	assert_int_equal(plan->class, POLICY_PLAN_FREE);
	assert_true(plan->frees >= GIB - 8 * MIB);
	s = step_for(plan, f.g[IDLE]);
	assert_non_null(s);
	assert_in_range(s->target, 3 * GIB - 16 * MIB, 3 * GIB + 16 * MIB);
	assert_null(step_for(plan, f.g[BUSY]));
	assert_null(step_for(plan, f.g[UNTOUCHED]));
	policy_free(f.p);
}

/* Memory never touched brings the host nothing, and is room for who grows next. */
static void test_plan_leaves_untouched(void **state)
{
	const struct policy_plan *plan;
	struct kinds f;

	(void)state;
	init(&f, GIB);
	f.h.swap_total = f.h.swap_free = 64 * GIB;
	host_falls_to(&f, GIB / 4);
	assert_int_equal(policy_plan_emergency(f.p, 8 * GIB, f.now, &plan), 0);
	assert_non_null(step_for(plan, f.g[IDLE]));
	assert_non_null(step_for(plan, f.g[CACHED]));
	assert_null(step_for(plan, f.g[UNTOUCHED]));
	policy_free(f.p);
}

/* What was free in a guest that was not heard lately may be in use by now. */
static void test_plan_trusts_no_old_sample(void **state)
{
	const struct policy_plan *plan;
	struct kinds f;

	(void)state;
	init(&f, GIB);
	f.now += 6 * SEC;
	report(&f, CACHED, GIB, 2 * GIB, 3 * GIB);
	policy_host_update(f.p, &f.h, f.now);
	assert_int_equal(policy_plan_emergency(f.p, GIB, f.now, &plan), 0);
	assert_int_equal(plan->class, POLICY_PLAN_CACHE);
	assert_null(step_for(plan, f.g[IDLE]));
	assert_non_null(step_for(plan, f.g[CACHED]));
	policy_free(f.p);
}

/* Nobody was asked while there was plenty, and then it is gone. */
static void nobody_is_asked(struct kinds *f)
{
	init(f, 8 * GIB);
	for (int i = 0; i < GUESTS; i++)
		policy_guest_polling(f->p, f->g[i], false, f->now);
	f->now += 600 * SEC;
}

/*
 * On a host that falls half of what was free then is taken, once, and no more before
 * they have answered.
 */
static void test_plan_guesses_once(void **state)
{
	const struct policy_plan_step *s;
	const struct policy_plan *plan;
	struct kinds f;

	(void)state;
	nobody_is_asked(&f);
	for (u64 n = 5; n--;) {
		f.now += SEC / 4;
		host_falls_to(&f, (300 + 500 * n) * MIB);
	}
	assert_int_equal(policy_plan_emergency(f.p, 8 * GIB, f.now, &plan), 0);
	s = step_for(plan, f.g[IDLE]);
	assert_non_null(s);
	assert_true(s->target >= (4 * GIB + GIB) / 2);
	policy_command_sent(f.p, f.g[IDLE], s->target, f.now);
	policy_guest_actual(f.p, f.g[IDLE], s->target, f.now);
	f.now += SEC;
	assert_int_equal(policy_plan_emergency(f.p, 8 * GIB, f.now, &plan), 0);
	assert_null(step_for(plan, f.g[IDLE]));
	f.now += SEC;
	report(&f, IDLE, GIB, 0, 2 * GIB);
	assert_int_equal(policy_plan_emergency(f.p, 8 * GIB, f.now, &plan), 0);
	assert_non_null(step_for(plan, f.g[IDLE]));
	policy_free(f.p);
}

/* One that stands still can wait until they have answered: a guess may hurt them. */
static void test_plan_does_not_guess(void **state)
{
	const struct policy_plan_step *step;
	const struct policy_plan *plan;
	struct policy_result r;
	struct kinds f;
	unsigned int n = 0;

	(void)state;
	nobody_is_asked(&f);
	for (int t = 0; t < 40; t++) {
		host_falls_to(&f, 300 * MIB - (u64)(t % 3) * 4 * MIB);
		assert_int_equal(policy_plan_emergency(f.p, 8 * GIB, f.now, &plan), 0);
		assert_int_equal(plan->count, 0);
		assert_int_equal(policy_emergency_begin(f.p, f.now, &step, &n), 0);
		assert_int_equal(n, 0);
		assert_true(policy_decide(f.p, f.now, &r) >= 0);
		assert_int_equal(r.shrunk, 0);
		f.now += SEC / 4;
	}
	report(&f, IDLE, GIB, 0, 4 * GIB);
	assert_int_equal(policy_emergency_begin(f.p, f.now, &step, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(step->guest, f.g[IDLE]);
	policy_free(f.p);
}

/* Nor what a guest that grows has grown by since its sample. */
static void test_plan_leaves_growth(void **state)
{
	const struct policy_plan *plan;
	struct kinds f;

	(void)state;
	init(&f, GIB);
	f.now += SEC;
	for (int i = 0; i < GUESTS; i++)
		report(&f, i, i == IDLE ? 2560 * MIB : 3990 * MIB, 0, 4 * GIB);
	policy_host_update(f.p, &f.h, f.now);
	assert_int_equal(policy_plan_emergency(f.p, GIB, f.now, &plan), 0);
	assert_true(plan->frees < 256 * MIB);
	assert_true(!step_for(plan, f.g[IDLE]) ||
		    step_for(plan, f.g[IDLE])->target > 4 * GIB - 256 * MIB);
	policy_free(f.p);
}

/* Nor what it was seen to touch since, also if a plan was made before. */
static void test_plan_leaves_touched(void **state)
{
	const struct policy_plan_step *step;
	const struct policy_plan *plan;
	struct guest_record c = { .present = GUEST_HAS_RSS };
	struct kinds f;
	unsigned int n;

	(void)state;
	init(&f, GIB);
	report(&f, IDLE, GIB, 0, 2 * GIB);
	report(&f, CACHED, 3990 * MIB, 0, 4 * GIB);
	assert_int_equal(policy_plan_emergency(f.p, GIB, f.now, &plan), 0);
	assert_non_null(step_for(plan, f.g[IDLE]));

	f.now += SEC / 2;
	c.rss = 4 * GIB;
	policy_guest_update(f.p, f.g[IDLE], &c, f.now);
	host_falls_to(&f, 300 * MIB);
	assert_int_equal(policy_emergency_begin(f.p, f.now, &step, &n), 0);
	for (unsigned int i = 0; i < n; i++)
		if (step[i].guest == f.g[IDLE])
			assert_true(step[i].target >= 3 * GIB);
	policy_free(f.p);
}

/* Then cold cache; what is used is not touched for it. */
static void test_plan_then_cache(void **state)
{
	const struct policy_plan *plan;
	struct kinds f;

	(void)state;
	init(&f, GIB);
	assert_int_equal(policy_plan_emergency(f.p, 4 * GIB, f.now, &plan), 0);
	assert_int_equal(plan->class, POLICY_PLAN_CACHE);
	assert_non_null(step_for(plan, f.g[CACHED]));
	assert_true(step_for(plan, f.g[CACHED])->target < 2 * GIB);
	assert_true(step_for(plan, f.g[CACHED])->target >= GIB + 96 * MIB);
	assert_null(step_for(plan, f.g[BUSY]));
	policy_free(f.p);
}

/* Down to min only for what the host can neither free nor swap. */
static void test_plan_min_is_last(void **state)
{
	const struct policy_plan *plan;
	struct kinds f;

	(void)state;
	init(&f, 64 * MIB);
	f.h.swap_total = f.h.swap_free = 4 * GIB;
	policy_host_update(f.p, &f.h, f.now);
	assert_int_equal(policy_plan_emergency(f.p, 12 * GIB, f.now, &plan), 0);
	assert_true(plan->class < POLICY_PLAN_MIN);

	f.h.swap_total = f.h.swap_free = 0;
	policy_host_update(f.p, &f.h, f.now);
	/*
	 * Nothing is free in them: what is lacking must come from what is used.
	 */
	f.now += SEC;
	for (int i = 0; i < GUESTS; i++)
		report(&f, i, 4 * GIB - MIB, 0, 4 * GIB);
	assert_int_equal(policy_plan_emergency(f.p, 0, f.now, &plan), 0);
	assert_true(plan->class >= POLICY_PLAN_EXCESS);
	assert_true(plan->frees > 500 * MIB);
	for (unsigned int i = 0; i < plan->count; i++)
		assert_true(plan->step[i].target >= GIB);
	policy_free(f.p);
}

/* A host that is critical is not one that kills: what guests use is theirs. */
static void test_plan_spares_what_is_used(void **state)
{
	const u64 used = 3 * GIB, slack = 128 * MIB;
	const struct policy_plan *plan;
	struct policy_result r;
	u64 least = 4 * GIB;
	struct kinds f;

	(void)state;
	init(&f, 8 * GIB);
	f.now += SEC;
	for (int i = 0; i < GUESTS; i++)
		report(&f, i, used, 0, 4 * GIB);
	host_falls_to(&f, 250 * MIB);
	assert_int_equal(policy_plan_emergency(f.p, 12 * GIB, f.now, &plan), 0);
	assert_true(plan->count > 0);
	for (unsigned int i = 0; i < plan->count; i++)
		assert_true(plan->step[i].target >= used + slack);
	assert_true(policy_decide(f.p, f.now, &r) >= 0);
	for (unsigned int i = 0; i < r.count; i++)
		assert_true(r.decision[i].target >= used + slack);

	/* One that would kill takes more, but not half of what they use. */
	f.now += SEC;
	for (int i = 0; i < GUESTS; i++)
		report(&f, i, 4 * GIB - 64 * MIB, 0, 4 * GIB);
	host_falls_to(&f, 50 * MIB);
	assert_int_equal(policy_plan_emergency(f.p, 12 * GIB, f.now, &plan), 0);
	for (unsigned int i = 0; i < plan->count; i++)
		least = min_of(least, plan->step[i].target);
	assert_in_range(least, 2 * GIB - 32 * MIB, 4 * GIB - 128 * MIB);
	policy_free(f.p);
}

/* What is plugged and was not brought online is not there to be taken. */
static void test_plan_knows_offline_memory(void **state)
{
	const struct policy_plan *plan;
	struct policy_result r;
	struct kinds f;

	(void)state;
	init(&f, 8 * GIB);
	for (int n = 0; n < 2; n++) {
		const struct guest_record s = {
			.present = GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE |
				   GUEST_HAS_FREE,
			.last_update = ++f.update,
			.stat_actual = 4 * GIB,
			.total = 972 * MIB,
			.available = 372 * MIB,
			.free = 222 * MIB,
		};

		f.now += SEC;
		for (int i = 0; i < GUESTS; i++)
			policy_guest_update(f.p, f.g[i], &s, f.now);
	}
	for (u64 available = 250 * MIB; available; available -= 50 * MIB) {
		host_falls_to(&f, available);
		assert_int_equal(policy_plan_emergency(f.p, 12 * GIB, f.now, &plan), 0);
		for (unsigned int i = 0; i < plan->count; i++)
			assert_true(plan->step[i].target > (3124 + 300) * MIB);
		policy_decide(f.p, f.now, &r);
		for (unsigned int i = 0; i < r.count; i++)
			assert_true(r.decision[i].target > (3124 + 300) * MIB);
	}
	policy_free(f.p);
}

static void sent(struct kinds *f, const struct policy_plan_step *s, unsigned int n, bool moves)
{
	for (unsigned int i = 0; i < n; i++) {
		policy_command_sent(f->p, s[i].guest, s[i].target, f->now);
		if (moves)
			policy_guest_actual(f->p, s[i].guest, s[i].target, f->now);
	}
}

static void test_emergency_runs_and_ends(void **state)
{
	const struct policy_plan_step *step;
	struct policy_result r;
	struct kinds f;
	unsigned int n = 0;

	(void)state;
	init(&f, GIB);
	/* Not critical: nothing to send. */
	assert_int_equal(policy_emergency_begin(f.p, f.now, &step, &n), 0);
	assert_int_equal(n, 0);

	host_falls_to(&f, 300 * MIB);
	assert_int_equal(policy_emergency_begin(f.p, f.now, &step, &n), 0);
	assert_true(n > 0);
	sent(&f, step, n, true);
	assert_int_equal(policy_emergency_begin(f.p, f.now, &step, &n), -EALREADY);

	/* While it runs, deciding shrinks nobody. */
	policy_decide(f.p, f.now, &r);
	assert_int_equal(r.shrunk, 0);

	f.now += 250 * MSEC;
	f.h.available = 2 * GIB;
	policy_host_update(f.p, &f.h, f.now);
	assert_int_equal(policy_emergency_next(f.p, f.now, &step, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(policy_emergency_next(f.p, f.now, &step, &n), 0);
	policy_free(f.p);
}

/* Balloons that move get time; those that do not are no longer waited for. */
static void test_emergency_goes_on(void **state)
{
	const struct policy_plan_step *step;
	struct kinds f;
	unsigned int n = 0, rounds = 0;
	s64 again;

	(void)state;
	init(&f, GIB);
	host_falls_to(&f, 300 * MIB);
	assert_int_equal(policy_emergency_begin(f.p, f.now, &step, &n), 0);
	sent(&f, step, n, false);

	f.now += 250 * MSEC;
	again = policy_emergency_next(f.p, f.now, &step, &n);
	assert_int_equal(again, 250 * MSEC);
	assert_int_equal(n, 0); /* in flight, and believed in */
	for (; again > 0 && rounds < 50; rounds++) {
		f.now += (u64)again;
		again = policy_emergency_next(f.p, f.now, &step, &n);
		sent(&f, step, n, false);
		if (n)
			break;
	}
	assert_in_range(rounds, 0, 5);
	assert_true(n > 0);
	/* It ends by itself, whatever happens. */
	for (rounds = 0; again > 0 && rounds < 50; rounds++) {
		f.now += (u64)again;
		again = policy_emergency_next(f.p, f.now, &step, &n);
	}
	assert_true(rounds < 50);
	policy_free(f.p);
}

/*
 * A balloon that does not follow is sent no further, however long the host is
 * critical: it would take all of that when it wakes.
 */
static void test_emergency_and_a_stuck_balloon(void **state)
{
	const struct policy_plan_step *step;
	struct policy_result r;
	unsigned int n = 0;
	u64 first = 0, last = 4 * GIB;
	struct kinds f;
	char why[256];

	(void)state;
	init(&f, GIB);
	for (int t = 0; t < 4 * 4; t++, f.now += 250 * MSEC) {
		host_falls_to(&f, 100 * MIB);
		if (t % 4 == 0)
			report(&f, IDLE, GIB, 0, 4 * GIB);
		if (policy_emergency_next(f.p, f.now, &step, &n) == 0)
			policy_emergency_begin(f.p, f.now, &step, &n);
		for (unsigned int i = 0; i < n; i++)
			if (step[i].guest == f.g[IDLE])
				last = step[i].target;
		sent(&f, step, n, false);
		if (!first)
			first = last;
		assert_true(policy_decide(f.p, f.now, &r) >= 0);
		assert_false(r.decision[IDLE].flags & POLICY_SEND);
	}
	assert_true(first < 4 * GIB);
	assert_int_equal(last, first);
	assert_int_equal(r.decision[IDLE].reason, POLICY_REASON_HELD_BALLOON);
	policy_reason_render(&r.decision[IDLE], why, sizeof(why));
	assert_non_null(strstr(why, "to go, and is not sent further"));

	/* It comes there after all. */
	policy_guest_actual(f.p, f.g[IDLE], first, f.now);
	report(&f, IDLE, GIB, 0, 4 * GIB);
	if (policy_emergency_next(f.p, f.now, &step, &n) == 0)
		policy_emergency_begin(f.p, f.now, &step, &n);
	policy_decide(f.p, f.now, &r);
	assert_int_not_equal(r.decision[IDLE].reason, POLICY_REASON_HELD_BALLOON);
	policy_free(f.p);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan_takes_free_first),
		cmocka_unit_test(test_plan_leaves_untouched),
		cmocka_unit_test(test_plan_trusts_no_old_sample),
		cmocka_unit_test(test_plan_guesses_once),
		cmocka_unit_test(test_plan_does_not_guess),
		cmocka_unit_test(test_plan_leaves_growth),
		cmocka_unit_test(test_plan_leaves_touched),
		cmocka_unit_test(test_plan_then_cache),
		cmocka_unit_test(test_plan_min_is_last),
		cmocka_unit_test(test_plan_spares_what_is_used),
		cmocka_unit_test(test_plan_knows_offline_memory),
		cmocka_unit_test(test_emergency_runs_and_ends),
		cmocka_unit_test(test_emergency_goes_on),
		cmocka_unit_test(test_emergency_and_a_stuck_balloon),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
