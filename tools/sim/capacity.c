// SPDX-License-Identifier: GPL-2.0
/*
 * How many guests fit: a search over runs.  A run of days is expensive, and
 * most numbers that are too large fail in the same few hours: those in which
 * guests want most, or want it soonest. They are tried first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario.h"

/* Hours to try first: by the largest sum of what guests want, by its steepest
 * rise. */
#define HARD_HIGH  4
#define HARD_STEEP 2

/* Each is run with this much around it, s; the warm-up comes before that. */
#define AROUND_BEFORE 600
#define AROUND_AFTER  300
#define HARD_WARMUP   3600

/* And those in which a run over the whole time failed; the last one makes way.
 */
#define HARD_MAX 16

#define HOUR   3600
#define MINUTE 60

struct hour {
	double start, most, steepest;
	unsigned int fits; /* so many guests were served in it */
};

struct search {
	struct sim_scenario *scenario;
	const struct sim_policy *policy;
	const struct sim_run_options *options;
	struct hour hard[HARD_MAX];
	unsigned int hard_count;
	unsigned int runs;
	double seconds;
	enum sim_failure limit; /* of the last run that failed, */
	double failed_at;	/* and when it did */
};

static int by_most(const void *a, const void *b)
{
	double x = ((const struct hour *)a)->most;
	double y = ((const struct hour *)b)->most;

	return (x < y) - (x > y);
}

static int by_steepest(const void *a, const void *b)
{
	double x = ((const struct hour *)a)->steepest;
	double y = ((const struct hour *)b)->steepest;

	return (x < y) - (x > y);
}

/* The sum of max(min, demand) at each minute, as the highest and steepest of
 * each hour. */
static void scan_hours(const struct sim_scenario *s, unsigned int guests, struct hour *hour,
		       unsigned int hours, uint32_t *cursor)
{
	double before = -1;

	for (unsigned int h = 0; h < hours; h++) {
		hour[h] = (struct hour){ .start = h * (double)HOUR };
		for (int m = 0; m < HOUR / MINUTE; m++) {
			double time = hour[h].start + m * MINUTE, sum = 0;

			for (unsigned int i = 0; i < guests; i++)
				sum += fmax(s->guest[i].min,
					    sim_curve_at(&s->guest[i].curve, &cursor[i], time));
			hour[h].most = fmax(hour[h].most, sum);
			if (before >= 0)
				hour[h].steepest = fmax(hour[h].steepest, sum - before);
			before = sum;
		}
	}
}

static int find_hard_hours(struct search *s, unsigned int guests)
{
	unsigned int hours = (unsigned int)(s->scenario->options.length / HOUR);
	struct hour *hour;
	uint32_t *cursor;

	/* Of a short part all hours are tried anyway. */
	if (hours < 4 * (HARD_HIGH + HARD_STEEP))
		return 0;
	hour = calloc(hours, sizeof(*hour));
	cursor = calloc(guests, sizeof(*cursor));
	if (!hour || !cursor) {
		free(hour);
		free(cursor);
		return -ENOMEM;
	}
	scan_hours(s->scenario, guests, hour, hours, cursor);
	qsort(hour, hours, sizeof(*hour), by_most);
	memcpy(s->hard, hour, HARD_HIGH * sizeof(*hour));
	qsort(hour + HARD_HIGH, hours - HARD_HIGH, sizeof(*hour), by_steepest);
	memcpy(s->hard + HARD_HIGH, hour + HARD_HIGH, HARD_STEEP * sizeof(*hour));
	s->hard_count = HARD_HIGH + HARD_STEEP;
	free(hour);
	free(cursor);
	return 0;
}

/* Whether one run serves so many; < 0: error. */
static int try_part(struct search *s, unsigned int guests, double from, double to, double warmup)
{
	struct sim_run_options o = {
		.from = from,
		.to = to,
		.warmup = warmup,
		.stop = true,
		.progress = s->options->progress,
		.userdata = s->options->userdata,
	};
	struct sim_result r;
	int err = sim_run(s->scenario, s->policy, guests, &o, &r);

	if (err)
		return err;
	s->runs++;
	s->seconds += r.seconds;
	if (r.failure != SIM_OK) {
		s->limit = r.failure;
		s->failed_at = r.failed_at;
	}
	return r.failure == SIM_OK;
}

static int try_all(struct search *s, unsigned int guests)
{
	int r = try_part(s, guests, 0, s->scenario->options.length, s->scenario->options.warmup);

	/* Where so many failed, fewer are to be tried first. */
	if (!r && s->hard_count) {
		if (s->hard_count < HARD_MAX)
			s->hard_count++;
		s->hard[s->hard_count - 1] =
			(struct hour){ .start = fmax(0, s->failed_at - HOUR / 2.0) };
	}
	return r;
}

/* One hard hour, by guests that have started not long before. */
static int try_hour(struct search *s, struct hour *h, unsigned int guests)
{
	const struct sim_options *o = &s->scenario->options;
	int r = try_part(s, guests, fmax(0, h->start - AROUND_BEFORE),
			 fmin(o->length, h->start + HOUR + AROUND_AFTER),
			 fmin(o->warmup, HARD_WARMUP));

	if (r > 0)
		h->fits = guests;
	return r;
}

/*
 * No number above this needs to be tried: promises would exceed the host, or
 * what all demand on the mean does, with what KSM and zram could save of it.
 */
static double could_hold(const struct search *s)
{
	const struct sim_options *o = &s->scenario->options;
	double host = o->host;

	if (s->policy->zram)
		host += sim_zram_size(o->host) * (1 - 1 / SIM_ZRAM_RATIO);
	return host / (1 - o->physics.ksm_share);
}

static int bound(struct search *s, unsigned int *ret)
{
	struct sim_scenario *sc = s->scenario;
	double host = could_hold(s), sum = 0;
	unsigned int n = 0;
	int err;

	do {
		err = scenario_grow(sc, n + 1);
		if (err)
			return err;
		if (scenario_admitted(sc, s->policy, n + 1) <= n)
			break;
		/* The mean over all time: never more than the largest. */
		for (uint32_t i = 1; i < sc->guest[n].curve.count; i++) {
			const struct sim_knot *k = &sc->guest[n].curve.knot[i];

			sum += (k[0].time - k[-1].time) * (k[0].value + k[-1].value) / 2;
		}
		if (sum / (sc->options.length + sc->options.warmup) > host) {
			s->limit = SIM_DEMAND;
			break;
		}
		n++;
	} while (n < SIM_MACHINES_MAX);
	*ret = n;
	return 0;
}

/* The largest number from @low on, below @high, that an hour allows. */
static int fit_hour(struct search *s, struct hour *h, unsigned int low, unsigned int high,
		    unsigned int *ret)
{
	unsigned int next = high - 1;

	low = h->fits > low ? h->fits : low;
	while (low < high - 1) {
		int r = try_hour(s, h, next);

		if (r < 0)
			return r;
		*(r > 0 ? &low : &high) = next;
		next = low + (high - low) / 2;
	}
	*ret = high - 1;
	return 0;
}

/* ... and that all hard hours allow. */
static int guess(struct search *s, unsigned int low, unsigned int high, unsigned int *ret)
{
	for (unsigned int i = 0; i < s->hard_count; i++) {
		int r = fit_hour(s, &s->hard[i], low, high, ret);

		if (r < 0)
			return r;
		high = *ret + 1;
	}
	*ret = high - 1;
	return 0;
}

/*
 * Hard hours are run by guests, and a policy, that know nothing yet: what they
 * allow is what to try, not what is true.  @low was served over the whole time,
 * @high was not.
 */
static int search(struct search *s, unsigned int *ret)
{
	unsigned int low = 0, high = *ret + 1, step = 1, next;
	int r = 0;

	while (r >= 0 && high - low > 1) {
		r = guess(s, low, high, &next);
		if (r < 0)
			break;
		if (!s->hard_count)
			next = low + (high - low) / 2;
		if (next == low) { /* they see none, and may be wrong */
			next = low + step < high ? low + step : high - 1;
			step *= 2;
		}
		r = try_all(s, next);
		if (r == 0)
			step = 1;
		if (r >= 0)
			*(r > 0 ? &low : &high) = next;
	}
	*ret = low;
	return r < 0 ? r : 0;
}

int sim_capacity(struct sim_scenario *s, const struct sim_policy *p,
		 const struct sim_run_options *o, struct sim_capacity *ret)
{
	struct sim_capacity c = { 0 };
	struct search find = {
		.scenario = s,
		.policy = p,
		.options = o,
		.limit = SIM_FULL,
	};
	int err = bound(&find, &c.bound);

	if (!err && c.bound)
		err = find_hard_hours(&find, c.bound);
	c.guests = c.bound;
	if (!err)
		err = search(&find, &c.guests);
	if (err)
		return err;
	for (unsigned int i = 0; i < c.guests; i++)
		c.provisioned += s->guest[i].max;
	c.limit = find.limit;
	c.runs = find.runs;
	c.seconds = find.seconds;
	*ret = c;
	return 0;
}
