// SPDX-License-Identifier: GPL-2.0
/* Demand between samples: means kept, ramps bounded, circles closed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/shape.h"

#define MIB  1048576.0
#define DAYS 3

/* A machine whose samples are random, with zeros and full ones among them. */
static struct sim_series machine(uint64_t seed)
{
	struct rng r = rng_stream(seed, 0);
	struct sim_series s = { .max = 16384 * MIB, .period = 300 };

	for (int64_t time = 0; time < DAYS * 86400; time += 300) {
		double x = rng_unit(&r);

		assert_int_equal(sim_series_add(&s, time, x < 0.2 ? 0 : s.max * x * x * 0.7, 0), 0);
	}
	return s;
}

static double area(const struct sim_curve *c, double from, double to)
{
	uint32_t cursor = 0;
	double sum = 0;

	for (uint32_t i = 1; i < c->count; i++) {
		double a = fmax(from, c->knot[i - 1].time);
		double b = fmin(to, c->knot[i].time);

		if (b <= a)
			continue;
		sum += (b - a) * (sim_curve_at(c, &cursor, a) + sim_curve_at(c, &cursor, b)) / 2;
	}
	return sum;
}

static void check_order(const struct sim_curve *c, double max)
{
	for (uint32_t i = 0; i < c->count; i++) {
		assert_true(c->knot[i].value >= 0 && c->knot[i].value <= max);
		assert_true(!i || c->knot[i].time > c->knot[i - 1].time);
	}
}

/* Each sample's mean is kept: @tolerance of max, where neither 0 nor max is
 * hit. */
static void keeps_means(enum sim_shape shape, double tolerance)
{
	struct sim_window w = { .length = DAYS * 86400 };
	struct sim_series s = machine(1);
	struct rng r = rng_stream(1, 1);
	struct sim_curve c;

	assert_int_equal(sim_curve_build(&s, shape, &w, &r, &c), 0);
	check_order(&c, s.max);
	assert_true(c.knot[0].time == 0);
	assert_true(c.knot[c.count - 1].time == w.length);
	for (uint32_t i = 0; i < s.count; i++) {
		double from = (double)s.sample[i].time;
		double mean = area(&c, from, from + 300) / 300;
		double off = fabs(mean - (double)s.sample[i].used);

		assert_true(off <= tolerance * s.max);
	}
	sim_curve_clear(&c);
	free(s.sample);
}

static void step_keeps_means(void **state)
{
	(void)state;
	keeps_means(SIM_SHAPE_STEP, 1e-5);
}

/*
 * A straight line cannot go from 0 for five minutes to full for five minutes.
 */
static void linear_keeps_means(void **state)
{
	(void)state;
	keeps_means(SIM_SHAPE_LINEAR, 0.25);
}

/* Where neighbours differ by less than half of max, it can, and does. */
static void linear_keeps_means_exactly(void **state)
{
	struct sim_window w = { .length = 86400 };
	struct sim_series s = { .max = 1024 * MIB, .period = 300 };
	struct rng r = rng_stream(3, 1);
	struct sim_curve c;
	double worst = 0;

	(void)state;
	for (int64_t time = 0; time < 86400; time += 300)
		sim_series_add(&s, time, s.max * rng_between(&r, 0.3, 0.7), 0);
	assert_int_equal(sim_curve_build(&s, SIM_SHAPE_LINEAR, &w, &r, &c), 0);
	for (uint32_t i = 0; i < s.count; i++)
		worst = fmax(worst, fabs(area(&c, 300.0 * i, 300.0 * i + 300) / 300 -
					 (double)s.sample[i].used));
	assert_true(worst < 1e-6 * s.max);
	sim_curve_clear(&c);
	free(s.sample);
}

static void step_ramps_are_bounded(void **state)
{
	struct sim_window w = { .length = DAYS * 86400 };
	struct sim_series s = machine(2);
	struct rng r = rng_stream(2, 1);
	struct sim_curve c;
	unsigned int rises = 0;

	(void)state;
	assert_int_equal(sim_curve_build(&s, SIM_SHAPE_STEP, &w, &r, &c), 0);
	for (uint32_t i = 1; i < c.count; i++) {
		double rate = (c.knot[i].value - c.knot[i - 1].value) /
			      (c.knot[i].time - c.knot[i - 1].time);

		assert_true(rate <= SIM_RISE_MAX * 1.001);
		assert_true(rate >= -SIM_FALL * 1.001);
		if (rate > 0)
			rises++;
	}
	assert_true(rises > 200);
	sim_curve_clear(&c);
	free(s.sample);
}

/* Shifted by a phase, demand is the same, later; what falls off the end comes
 * first. */
static void phase_turns_the_circle(void **state)
{
	struct sim_window w = { .length = DAYS * 86400 };
	struct sim_series s = machine(4);
	struct rng r = rng_stream(4, 1);
	struct sim_curve a, b;

	(void)state;
	assert_int_equal(sim_curve_build(&s, SIM_SHAPE_STEP, &w, &r, &a), 0);
	w.phase = 86400 + 123.5;
	w.warmup = 7200;
	assert_int_equal(sim_curve_build(&s, SIM_SHAPE_STEP, &w, &r, &b), 0);
	assert_true(b.knot[0].time == -7200);
	for (int k = 1; k < 2 * 288 - 1; k++) {
		double from = 300.0 * k;

		assert_true(fabs(area(&a, from, from + 300) -
				 area(&b, from + w.phase, from + w.phase + 300)) <
			    1e-4 * 300 * s.max);
	}
	/* The last two hours of the circle are the warm-up. */
	assert_true(fabs(area(&b, -7200, 0) - area(&b, w.length - 7200, w.length)) <
		    1e-3 * 7200 * s.max);
	sim_curve_clear(&a);
	sim_curve_clear(&b);
	free(s.sample);
}

/* Only the part that is asked for; the floor holds everywhere. */
static void part_and_floor(void **state)
{
	struct sim_window w = {
		.start = 86400,
		.length = 43200,
		.floor = 100 * MIB,
	};
	struct sim_series s = machine(5);
	struct rng r = rng_stream(5, 1);
	struct sim_curve c;

	(void)state;
	assert_int_equal(sim_curve_build(&s, SIM_SHAPE_STEP, &w, &r, &c), 0);
	assert_true(c.knot[c.count - 1].time == 43200);
	for (uint32_t i = 0; i < c.count; i++)
		assert_true(c.knot[i].value >= w.floor);
	for (uint32_t i = 0; i < 144; i++) {
		double used = (double)s.sample[288 + i].used;

		if (used > 2 * w.floor)
			assert_true(fabs(area(&c, 300.0 * i, 300.0 * i + 300) / 300 - used) <
				    1e-3 * s.max);
	}
	sim_curve_clear(&c);
	free(s.sample);
}

/* A machine that appears late and leaves early demands nothing else. */
static void outside_its_samples(void **state)
{
	struct sim_series s = { .max = 1024 * MIB, .period = 300 };
	struct sim_window w = { .length = 3600, .warmup = 600 };
	struct rng r = rng_stream(6, 1);
	uint32_t cursor = 0;
	struct sim_curve c;

	(void)state;
	sim_series_add(&s, 1200, 512 * MIB, 0);
	sim_series_add(&s, 1500, 512 * MIB, 0);
	assert_int_equal(sim_curve_build(&s, SIM_SHAPE_STEP, &w, &r, &c), 0);
	check_order(&c, s.max);
	assert_true(sim_curve_at(&c, &cursor, -300) == 0);
	assert_true(sim_curve_at(&c, &cursor, 1000) == 0);
	assert_true(sim_curve_at(&c, &cursor, 1500) > 500 * MIB);
	assert_true(sim_curve_at(&c, &cursor, 2000) == 0);
	sim_curve_clear(&c);
	free(s.sample);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(step_keeps_means),
		cmocka_unit_test(linear_keeps_means),
		cmocka_unit_test(linear_keeps_means_exactly),
		cmocka_unit_test(step_ramps_are_bounded),
		cmocka_unit_test(phase_turns_the_circle),
		cmocka_unit_test(part_and_floor),
		cmocka_unit_test(outside_its_samples),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
