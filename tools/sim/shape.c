// SPDX-License-Identifier: GPL-2.0
#include "sim/shape.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "sim/least.h"

/* Sweeps until the levels of steps give the samples' means: they converge by a
 * factor of SIM_RAMP_SHARE / 2 and better each.
 */
#define SWEEPS 8

/* A time with its mean, on the simulation's clock. */
struct span {
	double start, end, mean;
	double level; /* step: the plateau; linear: at the middle */
	double rise;  /* step: rate into this span */
};

struct spans {
	struct span *span;
	size_t count;
};

const char *sim_shape_name(enum sim_shape shape)
{
	return shape == SIM_SHAPE_LINEAR ? "linear" : "step";
}

static void put(struct spans *s, double start, double end, double mean)
{
	if (end - start < 1e-6)
		return;
	s->span[s->count++] = (struct span){
		.start = start,
		.end = end,
		.mean = mean,
	};
}

/* The part [from, to) of the trace, moved by @shift. */
static void put_part(struct spans *out, const struct sim_series *s, double from, double to,
		     double shift)
{
	double at = from;

	for (uint32_t i = 0; i < s->count && at < to; i++) {
		double start = (double)s->sample[i].time;
		double end = i + 1 < s->count ? (double)s->sample[i + 1].time
					      : start + (double)s->period;

		if (end <= at)
			continue;
		if (start > at) { /* before its first sample */
			put(out, at + shift, (start < to ? start : to) + shift, 0);
			at = start < to ? start : to;
		}
		if (start >= to)
			break;
		put(out, at + shift, (end < to ? end : to) + shift, (double)s->sample[i].used);
		at = end < to ? end : to;
	}
	if (at < to)
		put(out, at + shift, to + shift, 0);
}

/* Time [from, to) of the simulation, to <= length, from >= 0: two parts at
 * most. */
static void put_circle(struct spans *out, const struct sim_series *s, const struct sim_window *w,
		       double from, double to, double shift)
{
	double wrap = w->length - w->phase; /* of the trace, seen at time 0 */

	if (from < w->phase)
		put_part(out, s, w->start + wrap + from,
			 w->start + wrap + (to < w->phase ? to : w->phase),
			 shift - w->start - wrap);
	if (to > w->phase)
		put_part(out, s, w->start + (from > w->phase ? from - w->phase : 0),
			 w->start + to - w->phase, shift - w->start + w->phase);
}

/* How long the ramp between two levels takes inside @s, where it lies. */
static double ramp_time(const struct span *s, double change, double rate)
{
	return least(most(change / rate, SIM_RAMP_MIN), SIM_RAMP_SHARE * (s->end - s->start));
}

/* Both ramps lie in the higher of the two spans: one at 0 stays at 0. */
static double step_lost(const struct spans *s, size_t i)
{
	const struct span *at = &s->span[i];
	double lost = 0, change;

	if (i > 0 && (change = at->level - at[-1].level) > 0)
		lost += change * ramp_time(at, change, at->rise) / 2;
	if (i + 1 < s->count && (change = at->level - at[1].level) > 0)
		lost += change * ramp_time(at, change, SIM_FALL) / 2;
	return lost / (at->end - at->start);
}

static void step_levels(struct spans *s, double max, struct rng *rng)
{
	for (size_t i = 0; i < s->count; i++) {
		s->span[i].level = s->span[i].mean;
		s->span[i].rise = SIM_RISE_MIN * pow(SIM_RISE_MAX / SIM_RISE_MIN, rng_unit(rng));
	}
	for (int sweep = 0; sweep < SWEEPS; sweep++)
		for (size_t i = 0; i < s->count; i++)
			s->span[i].level = least(s->span[i].mean + step_lost(s, i), max);
}

static void step_knots(const struct spans *s, struct sim_curve *c)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct span *at = &s->span[i];
		double before = i ? at[-1].level : at->level;
		double after = i + 1 < s->count ? at[1].level : at->level;

		c->knot[c->count++] = (struct sim_knot){ at->start, least(before, at->level) };
		if (at->level > before)
			c->knot[c->count++] = (struct sim_knot){
				at->start + ramp_time(at, at->level - before, at->rise), at->level
			};
		if (at->level > after)
			c->knot[c->count++] = (struct sim_knot){
				at->end - ramp_time(at, at->level - after, SIM_FALL), at->level
			};
	}
	c->knot[c->count] =
		(struct sim_knot){ s->span[s->count - 1].end, s->span[s->count - 1].level };
	c->count++;
}

/* The value where two means meet: half-way, but so that neither side's middle
 * has to go below 0 or above @max to keep its mean.
 */
static double meeting(double a, double b, double max)
{
	double low = 2 * most(a, b) - max;
	double high = 2 * least(a, b);

	return least(most((a + b) / 2, low), high);
}

static void linear_knots(const struct spans *s, double max, struct sim_curve *c)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct span *at = &s->span[i];
		double left = i ? meeting(at[-1].mean, at->mean, max) : at->mean;
		double right = i + 1 < s->count ? meeting(at->mean, at[1].mean, max) : at->mean;
		double middle = 2 * at->mean - (left + right) / 2;

		c->knot[c->count++] = (struct sim_knot){ at->start, left };
		c->knot[c->count++] =
			(struct sim_knot){ (at->start + at->end) / 2, most(0, least(middle, max)) };
	}
	c->knot[c->count] =
		(struct sim_knot){ s->span[s->count - 1].end, s->span[s->count - 1].mean };
	c->count++;
}

int sim_curve_build(const struct sim_series *series, enum sim_shape shape,
		    const struct sim_window *w, struct rng *rng, struct sim_curve *ret)
{
	/* The samples twice (circle and warm-up), their cuts, the ends. */
	size_t room = 2 * (size_t)series->count + 16;
	struct spans s = { malloc(room * sizeof(*s.span)), 0 };
	struct sim_curve c = { 0, malloc((3 * room + 1) * sizeof(*c.knot)) };
	struct sim_knot *shrunk;

	if (!s.span || !c.knot) {
		free(s.span);
		free(c.knot);
		return -ENOMEM;
	}
	if (w->warmup > 0)
		put_circle(&s, series, w, w->length - w->warmup, w->length, -w->length);
	put_circle(&s, series, w, 0, w->length, 0);
	if (!s.count) /* shorter than a moment: a point needs a line, too */
		s.span[s.count++] = (struct span){ .end = fmax(w->length, 1) };
	if (shape == SIM_SHAPE_LINEAR) {
		linear_knots(&s, series->max, &c);
	} else {
		step_levels(&s, series->max, rng);
		step_knots(&s, &c);
	}
	free(s.span);
	for (uint32_t i = 0; i < c.count; i++)
		c.knot[i].value = least(most(c.knot[i].value, w->floor), series->max);
	shrunk = reallocarray(c.knot, c.count, sizeof(*c.knot));
	if (shrunk)
		c.knot = shrunk;
	*ret = c;
	return 0;
}

void sim_curve_clear(struct sim_curve *c)
{
	free(c->knot);
	*c = (struct sim_curve){ 0 };
}
