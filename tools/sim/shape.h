/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What happens between two samples of a trace: a demand curve, piecewise
 * linear, that keeps each sample's mean.
 *
 * A trace says the mean of five minutes and nothing about the seconds in it,
 * and the seconds decide whether a controller's reaction matters. Two shapes
 * bracket it: "step" jumps from mean to mean as fast as software fills and
 * frees memory, "linear" has no jumps, but has to swing beyond the means to
 * keep them.
 */
#ifndef DYNMEM_SIM_SHAPE_H
#define DYNMEM_SIM_SHAPE_H

#include <stdint.h>

#include "sim/rng.h"
#include "sim/traces.h"

enum sim_shape { SIM_SHAPE_STEP, SIM_SHAPE_LINEAR, SIM_SHAPES };

/** sim_shape_name() - "step", "linear" */
const char *sim_shape_name(enum sim_shape shape);

/* How fast demand rises in a step, bytes per second: one rate for each rise,
 * log-uniform. A program that loads or computes fills some 100 MiB/s; one
 * thread that only touches fresh pages about 1 GiB/s in a guest.
 */
#define SIM_RISE_MIN (128.0 * 1048576)
#define SIM_RISE_MAX (1024.0 * 1048576)

/* How fast it falls: munmap() and exit() free about this much. */
#define SIM_FALL (4096.0 * 1048576)

/* No ramp is shorter than this, seconds, ... */
#define SIM_RAMP_MIN 0.5
/* ... nor takes more than this share of a sample's time. */
#define SIM_RAMP_SHARE 0.4

/**
 * struct sim_knot - a point of a curve; straight lines between them
 * @time: seconds
 * @value: bytes
 */
struct sim_knot {
	double time, value;
};

/**
 * struct sim_curve - demand over time
 * @count: of @knot, at least 2
 * @knot: in order of time
 */
struct sim_curve {
	uint32_t count;
	struct sim_knot *knot;
};

/**
 * struct sim_window - the part of a trace that is replayed, as a circle
 * @start: of the part, seconds of the trace
 * @length: of it, seconds
 * @warmup: seconds before time 0, taken from the end of the circle; at most
 * @length
 * @phase: what was at @start happens at this time, seconds below @length
 * @floor: least demand, bytes
 */
struct sim_window {
	double start, length, warmup, phase;
	double floor;
};

/**
 * sim_curve_build() - the demand of one machine from -warmup to length
 * @rng: for the rates of rises
 *
 * Return: 0 or -ENOMEM.
 */
int sim_curve_build(const struct sim_series *s, enum sim_shape shape, const struct sim_window *w,
		    struct rng *rng, struct sim_curve *ret);

void sim_curve_clear(struct sim_curve *c);

/**
 * sim_curve_at() - demand at a time
 * @cursor: index of the knot before; times may not go back between calls
 */
static inline double sim_curve_at(const struct sim_curve *c, uint32_t *cursor, double time)
{
	const struct sim_knot *k = &c->knot[*cursor];

	while (*cursor + 2 < c->count && k[1].time <= time) {
		k++;
		++*cursor;
	}
	if (time >= k[1].time)
		return k[1].value;
	return k->value + (k[1].value - k->value) * (time - k->time) / (k[1].time - k->time);
}

#endif
