// SPDX-License-Identifier: GPL-2.0
/*
 * A new range is a goal: whatever an operator writes into a file, nothing is
 * taken that is used, nothing is granted that does not exist, and nothing goes
 * at once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy_world.h"

static void configure(struct policy_world *w, struct world_guest *g, uint64_t min, uint64_t max)
{
	const struct policy_guest_config c = { .min = min, .max = max };

	assert_int_equal(policy_guest_configure(w->p, g->handle, &c), 0);
	g->min = min;
	g->max = max;
}

/* The largest step down of one decision, and what a guest lacked, ever. */
static uint64_t largest_step, lacked;

static void watch(struct policy_world *w, const struct policy_decision *d)
{
	(void)w;
	if (d->target < d->from && d->from - d->target > largest_step)
		largest_step = d->from - d->target;
}

static void run_and_watch(struct policy_world *w, unsigned int seconds)
{
	for (unsigned int s = 0; s < seconds; s++) {
		world_run(w, 1);
		for (unsigned int i = 0; i < w->n; i++)
			if (w->g[i].short_of > lacked)
				lacked = w->g[i].short_of;
	}
}

static void begin(struct policy_world *w, uint64_t total, uint64_t swap)
{
	largest_step = lacked = 0;
	world_init(w, total, 2 * GiB, swap);
	w->on_decision = watch;
}

/* max = 6G, where 60G was meant; 50 GiB are in use. */
static void test_max_typo(void **state)
{
	struct world_guest *g;
	struct policy_world w;

	(void)state;
	begin(&w, 256 * GiB, 0);
	g = world_guest(&w, GiB, 64 * GiB);
	g->want = 50 * GiB;
	world_run(&w, 60);
	configure(&w, g, GiB, 6 * GiB);
	run_and_watch(&w, 600);
	assert_true(g->actual >= 50 * GiB + g->overhead);
	assert_int_equal(lacked, 0);
	assert_true(largest_step <= 64 * GiB / 20 + MiB);

	/* Once its work is done it goes where it is to be. */
	g->want = GiB;
	world_run(&w, 900);
	assert_int_equal(g->actual, 6 * GiB);
	world_free(&w);
}

/* The same while others lack memory: then it lends what it does not use, no more. */
static void test_max_typo_on_a_full_host(void **state)
{
	struct world_guest *g, *busy;
	struct policy_world w;

	(void)state;
	begin(&w, 64 * GiB, 8 * GiB);
	g = world_guest(&w, GiB, 40 * GiB);
	busy = world_guest(&w, GiB, 40 * GiB);
	g->want = 25 * GiB;
	busy->want = 20 * GiB;
	world_run(&w, 120);
	configure(&w, g, GiB, 3 * GiB);
	busy->want = 29 * GiB;
	for (int s = 0; s < 300; s++) {
		world_run(&w, 1);
		assert_true(g->actual >= 25 * GiB);
		assert_false(g->oom);
	}
	assert_false(w.host_oom);
	world_free(&w);
}

/* A max of nothing, again and again: a template that was filled with the wrong unit. */
static void test_many_reloads(void **state)
{
	struct world_guest *g[4];
	struct policy_world w;

	(void)state;
	begin(&w, 128 * GiB, 0);
	for (int i = 0; i < 4; i++) {
		g[i] = world_guest(&w, GiB, 16 * GiB);
		g[i]->want = (uint64_t)(2 + 3 * i) * GiB;
	}
	world_run(&w, 30);
	for (int n = 0; n < 40; n++) {
		for (int i = 0; i < 4; i++)
			configure(&w, g[i], 16 * MiB, n % 2 ? 16 * GiB : 64 * MiB);
		run_and_watch(&w, 3);
	}
	assert_int_equal(lacked, 0);
	for (int i = 0; i < 4; i++)
		assert_true(g[i]->actual >= g[i]->want + g[i]->overhead);
	world_free(&w);
}

/* min = 14G for four guests on a host that is critical: 30 GiB that are not there. */
static void test_min_on_a_critical_host(void **state)
{
	struct world_guest *g[4];
	uint64_t sum, before = 0;
	struct policy_world w;

	(void)state;
	begin(&w, 32 * GiB, 0);
	for (int i = 0; i < 4; i++) {
		g[i] = world_guest(&w, 2 * GiB, 16 * GiB);
		g[i]->want = 6500 * MiB;
	}
	world_run(&w, 120);
	w.other += sub0(world_available(&w), 900 * MiB);
	world_run(&w, 20);
	for (int i = 0; i < 4; i++)
		before += g[i]->target;
	for (int i = 0; i < 4; i++)
		configure(&w, g[i], 14 * GiB, 16 * GiB);
	for (int s = 0; s < 120; s++) {
		world_run(&w, 1);
		sum = 0;
		for (int i = 0; i < 4; i++)
			sum += g[i]->target;
		/* What is there above the last minfree, and no more. */
		assert_true(sum <= before + 900 * MiB);
	}
	assert_false(w.host_oom);

	/* The bytes come: it is a promise. */
	w.total += 64 * GiB;
	world_run(&w, 120);
	for (int i = 0; i < 4; i++)
		assert_int_equal(g[i]->target >= 14 * GiB, 1);
	world_free(&w);
}

/* A silent guest with a min that was raised gets it, without a sample. */
static void test_min_of_a_silent_guest(void **state)
{
	struct world_guest *g;
	struct policy_world w;

	(void)state;
	begin(&w, 64 * GiB, 0);
	g = world_guest(&w, GiB, 4 * GiB);
	g->driver = false;
	g->max = 16 * GiB;
	world_run(&w, 200);
	configure(&w, g, 8 * GiB, 16 * GiB);
	world_run(&w, 5);
	assert_true(g->target >= 8 * GiB);
	world_free(&w);
}

/* Found with more than its max, and never heard: it is left alone. */
static void test_max_of_a_silent_guest(void **state)
{
	struct world_guest *g;
	struct policy_world w;

	(void)state;
	begin(&w, 64 * GiB, 0);
	g = world_guest(&w, GiB, 16 * GiB);
	g->driver = false;
	world_run(&w, 200);
	configure(&w, g, GiB, 2 * GiB);
	world_run(&w, 600);
	assert_int_equal(g->target, 16 * GiB);
	assert_int_equal(g->commands, 0);
	world_free(&w);
}

/* It comes back to what it was before: nothing has been lost on the way. */
static void test_typo_is_mended(void **state)
{
	struct world_guest *g;
	struct policy_world w;

	(void)state;
	begin(&w, 256 * GiB, 0);
	g = world_guest(&w, GiB, 64 * GiB);
	g->want = 10 * GiB;
	world_run(&w, 60);
	configure(&w, g, GiB, 6 * GiB);
	run_and_watch(&w, 30);
	configure(&w, g, GiB, 64 * GiB);
	run_and_watch(&w, 60);
	assert_int_equal(g->target, 64 * GiB);
	assert_int_equal(lacked, 0);
	world_free(&w);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_max_typo),
		cmocka_unit_test(test_max_typo_on_a_full_host),
		cmocka_unit_test(test_many_reloads),
		cmocka_unit_test(test_min_on_a_critical_host),
		cmocka_unit_test(test_min_of_a_silent_guest),
		cmocka_unit_test(test_max_of_a_silent_guest),
		cmocka_unit_test(test_typo_is_mended),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("policy_range", tests, NULL, NULL);
}
