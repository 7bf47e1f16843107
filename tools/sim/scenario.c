// SPDX-License-Identifier: GPL-2.0
#include "sim/scenario.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400.0

/* Streams of random numbers: the order of machines, then each guest. */
#define STREAM_ORDER 0
#define STREAM_GUEST 1

void sim_options_init(struct sim_options *o, int64_t span)
{
	*o = (struct sim_options){
		.host = 256 * SIM_GIB,
		.min_share = 0.25,
		.shape = SIM_SHAPE_STEP,
		.cache = SIM_CACHE_GROW,
		.tick = 1000,
		.seed = 1,
		.length = (double)span,
		.train_length = (double)span,
		.warmup = 2 * 3600,
		.service = 0.001,
		.episode = 5,
	};
	sim_physics_init(&o->physics);
	if (o->warmup > o->length)
		o->warmup = o->length;
}

const struct sim_options *sim_scenario_options(const struct sim_scenario *s)
{
	return &s->options;
}

unsigned int sim_scenario_machines(const struct sim_scenario *s, unsigned int *ret_left_out)
{
	*ret_left_out = s->left_out;
	return s->machines;
}

static bool too_large(const struct sim_scenario *s, const struct sim_series *m, double all)
{
	return m->max > s->options.host ||
	       (s->options.machine_share > 0 && m->max > s->options.machine_share * all);
}

static int choose(struct sim_scenario *s)
{
	struct rng rng = rng_stream(s->options.seed, STREAM_ORDER);
	double all = 0;

	s->order = calloc(s->trace->count ?: 1, sizeof(*s->order));
	if (!s->order)
		return -ENOMEM;
	for (unsigned int i = 0; i < s->trace->count; i++)
		all += s->trace->machine[i].max;
	for (unsigned int i = 0; i < s->trace->count; i++) {
		if (too_large(s, &s->trace->machine[i], all))
			s->left_out++;
		else
			s->order[s->machines++] = i;
	}
	for (unsigned int i = s->machines; i > 1; i--) {
		unsigned int k = rng_below(&rng, i);
		unsigned int swap = s->order[k];

		s->order[k] = s->order[i - 1];
		s->order[i - 1] = swap;
	}
	return s->machines ? 0 : -ENODATA;
}

int sim_scenario_new(const struct sim_trace *trace, const struct sim_options *o,
		     struct sim_scenario **ret)
{
	struct sim_scenario *s;
	int err;

	if (!(o->length > 0) || o->start < 0 || o->warmup < 0 || o->start >= (double)trace->span)
		return -ERANGE;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->trace = trace;
	s->options = *o;
	if (s->options.warmup > o->length)
		s->options.warmup = o->length;
	err = choose(s);
	if (err) {
		sim_scenario_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void sim_scenario_free(struct sim_scenario *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < s->count; i++)
		sim_curve_clear(&s->guest[i].curve);
	free(s->guest);
	free(s->order);
	free(s);
}

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* The 99.9th percentile of samples that begin within the training part. */
static int train(const struct sim_scenario *s, struct sim_machine *m)
{
	const struct sim_series *series = m->series;
	double from = s->options.train_start;
	double to = from + s->options.train_length;
	float *value = malloc(series->count * sizeof(*value));
	size_t n = 0, at;

	if (!value)
		return -ENOMEM;
	for (uint32_t i = 0; i < series->count; i++)
		if ((double)series->sample[i].time >= from && (double)series->sample[i].time < to)
			value[n++] = series->sample[i].used;
	qsort(value, n, sizeof(*value), by_value);
	at = (size_t)(0.999 * (double)n);
	m->trained = n ? (double)value[at < n ? at : n - 1] : m->max;
	if (m->trained < m->min)
		m->trained = m->min;
	free(value);
	return 0;
}

static double mean_disk(const struct sim_series *series)
{
	double sum = 0;

	for (uint32_t i = 0; i < series->count; i++)
		sum += (double)series->sample[i].disk;
	return sum / series->count;
}

/*
 * The machine's n-th coming: each its own phase, the second time a day later.
 */
static int build(const struct sim_scenario *s, struct sim_machine *m, unsigned int index)
{
	const struct sim_options *o = &s->options;
	const struct sim_series *series = &s->trace->machine[s->order[index % s->machines]];
	struct rng rng = rng_stream(o->seed, STREAM_GUEST + index);
	double days = floor(o->length / DAY);
	unsigned int coming = index / s->machines;
	struct sim_window w = {
		.start = o->start,
		.length = o->length,
		.warmup = o->warmup,
		.floor = sim_overhead(series->max),
	};

	w.phase = rng_unit(&rng) * fmin((double)series->period, o->length);
	if (days > 1)
		w.phase += DAY * fmod(coming, days);
	w.phase = fmod(w.phase, o->length);
	m->series = series;
	m->max = series->max;
	m->min = fmin(m->max, o->min_bytes > 0 ? o->min_bytes : o->min_share * m->max);
	/* Less than a kernel needs is no machine. */
	m->min = fmax(m->min, w.floor);
	m->disk = mean_disk(series);
	if (train(s, m))
		return -ENOMEM;
	return sim_curve_build(series, o->shape, &w, &rng, &m->curve);
}

int scenario_grow(struct sim_scenario *s, unsigned int count)
{
	if (count > s->room) {
		unsigned int room = count + count / 2;
		struct sim_machine *guest = reallocarray(s->guest, room, sizeof(*guest));

		if (!guest)
			return -ENOMEM;
		s->guest = guest;
		s->room = room;
	}
	while (s->count < count) {
		s->guest[s->count] = (struct sim_machine){ 0 };
		if (build(s, &s->guest[s->count], s->count))
			return -ENOMEM;
		s->count++;
	}
	return 0;
}

double scenario_promised(const struct sim_policy *p, const struct sim_machine *m)
{
	switch (p->promise) {
	case SIM_PROMISE_MIN:
		return m->min;
	case SIM_PROMISE_MAX:
		return m->max;
	case SIM_PROMISE_TRAINED:
		return m->trained;
	default:
		return 0;
	}
}

unsigned int scenario_admitted(const struct sim_scenario *s, const struct sim_policy *p,
			       unsigned int guests)
{
	const struct sim_physics *ph = &s->options.physics;
	double left = s->options.host * (1 - ph->host_base_share) - ph->host_base;

	for (unsigned int i = 0; i < guests; i++) {
		left -= scenario_promised(p, &s->guest[i]) + ph->qemu;
		if (left < 0)
			return i;
	}
	return guests;
}
