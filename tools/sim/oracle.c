// SPDX-License-Identifier: GPL-2.0
/*
 * A fair clairvoyant: knows all demands, now and to come, but its balloons are
 * no faster than anybody's. The most that a policy could reach.
 *
 * A guest's need is the least size from which it can still grow in time for
 * what comes: the largest demand ahead, less what the slew brings until then.
 * While all needs fit, each gets its own, and nobody ever lacks anything; else
 * what there is above min is divided in proportion to what each needs above
 * min.
 *
 * Guests without page cache do not fill what they are given: then all have
 * their max, and free page reporting sees to it that the host pays for demand
 * alone.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "sim/control.h"

#define PERIOD 1000 /* ms */

/* It acts once a second, and others have to shrink before one can grow: so much
 * earlier, seconds.
 */
#define LEAD 2.5

/* So that rounding is no lack, bytes. */
#define MARGIN (8 * SIM_MIB)

static double need(const struct sim_host *h, const struct sim_guest *g)
{
	double slew = h->physics.deflate;
	double now = (double)h->now / 1000;
	double horizon = now + LEAD + (g->max - g->min) / slew;
	uint32_t cursor = g->cursor;
	double most = fmax(g->demand, sim_curve_at(g->curve, &cursor, now + LEAD));

	/* Less slew * time, a straight line has its largest value at an end:
	 * knots do. */
	for (uint32_t i = g->cursor + 1; i < g->curve->count; i++) {
		const struct sim_knot *k = &g->curve->knot[i];

		if (k->time > horizon)
			break;
		most = fmax(most, k->value - slew * fmax(0, k->time - now - LEAD));
	}
	return fmin(fmax(most + MARGIN, g->min), g->max);
}

static void oracle_tick(struct sim *s)
{
	struct sim_host *h = &s->host;
	double *needed = s->state;
	double budget = h->total - h->physics.host_base - h->physics.host_base_share * h->total -
			h->count * h->physics.qemu - 64 * SIM_MIB;
	double above = 0, share = 1;

	if (h->cache == SIM_CACHE_NONE) {
		s->wake = SIM_NEVER; /* they have their max from the start */
		return;
	}
	for (unsigned int i = 0; i < h->count; i++) {
		needed[i] = need(h, &h->guest[i]);
		budget -= h->guest[i].min;
		above += needed[i] - h->guest[i].min;
	}
	if (above > budget)
		share = budget > 0 ? budget / above : 0;
	for (unsigned int i = 0; i < h->count; i++) {
		struct sim_guest *g = &h->guest[i];

		sim_command(s, g, g->min + share * (needed[i] - g->min));
	}
	s->wake += PERIOD;
}

static int oracle_init(struct sim *s)
{
	s->state = calloc(s->host.count, sizeof(double));
	if (!s->state)
		return -ENOMEM;
	s->wake = s->host.now;
	return 0;
}

static void oracle_clear(struct sim *s)
{
	free(s->state);
}

const struct sim_policy sim_policy_oracle = {
	.name = "oracle",
	.summary = "fair, and knows the future; balloons as fast as anybody's",
	.promise = SIM_PROMISE_MIN,
	.reporting = true,
	.init = oracle_init,
	.tick = oracle_tick,
	.clear = oracle_clear,
};
