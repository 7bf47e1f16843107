// SPDX-License-Identifier: GPL-2.0
/*
 * Synthetic machines, in five-minute means, for when there is no trace.  They
 * are no claim about any data centre; they hold what makes memory management
 * hard: idle machines, days and nights, jobs that start together, short spikes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/rng.h"
#include "sim/traces.h"

#define PERIOD INT64_C(300)
#define HOUR   3600
#define DAY    86400
#define GIB    1073741824.0
/* Spikes of a spiky machine, of a day's samples. */
#define SPIKES (8.0 * 300 / 86400)

/* Machines of one group start their jobs together, give or take ten minutes. */
#define GROUP 4

enum kind { STEADY, BATCH, OFFICE, SPIKY, IDLE, KINDS };

static const char *const kind_name[KINDS] = {
	[STEADY] = "steady", [BATCH] = "batch", [OFFICE] = "office",
	[SPIKY] = "spiky",   [IDLE] = "idle",
};

/* Per cent. */
static const unsigned int kind_weight[KINDS] = {
	[STEADY] = 35, [BATCH] = 25, [OFFICE] = 20, [SPIKY] = 15, [IDLE] = 5,
};

static const struct {
	double gib;
	unsigned int weight;
} size_weight[] = { { 1, 15 }, { 2, 25 }, { 4, 25 }, { 8, 20 }, { 16, 10 }, { 32, 5 } };

struct machine {
	struct rng rng;
	enum kind kind;
	double base, high; /* shares of max */
	double peak_hour;
	int64_t until; /* end of the job or spike that runs */
	double level;  /* of it */
	int64_t start; /* of the next one */
};

static enum kind pick_kind(struct rng *r)
{
	uint32_t x = rng_below(r, 100);
	int k = 0;

	while (x >= kind_weight[k])
		x -= kind_weight[k++];
	return (enum kind)k;
}

static double pick_size(struct rng *r)
{
	uint32_t x = rng_below(r, 100);
	int k = 0;

	while (x >= size_weight[k].weight)
		x -= size_weight[k++].weight;
	return size_weight[k].gib * GIB;
}

static void machine_init(struct machine *m, uint64_t seed, unsigned int index)
{
	m->rng = rng_stream(seed, 2 * (uint64_t)index);
	m->kind = pick_kind(&m->rng);
	m->peak_hour = rng_between(&m->rng, 10, 16);
	m->high = rng_between(&m->rng, 0.4, 0.85);
	m->until = 0;
	m->start = 0;
	m->level = 0;
	switch (m->kind) {
	case STEADY:
		m->base = rng_between(&m->rng, 0.15, 0.40);
		break;
	case IDLE:
		m->base = rng_between(&m->rng, 0.01, 0.04);
		break;
	default:
		m->base = rng_between(&m->rng, 0.03, 0.08);
		break;
	}
}

/* Jobs of a group: the same stream, so the same times; each its own delay. */
static double batch_at(struct machine *m, struct rng *group, int64_t time)
{
	if (time >= m->start) {
		int64_t delay = rng_below(&m->rng, 600);

		m->until = m->start + delay + (int64_t)rng_between(group, 600, 2 * HOUR);
		m->level = m->high * rng_between(&m->rng, 0.8, 1);
		m->start += (int64_t)(2 * HOUR + rng_exponential(group, 4.0 * HOUR));
	}
	return time < m->until ? m->level : m->base;
}

static double spiky_at(struct machine *m, int64_t time)
{
	if (rng_unit(&m->rng) < SPIKES) {
		m->until = time + PERIOD * (1 + rng_below(&m->rng, 3));
		m->level = rng_between(&m->rng, 0.2, 0.7);
	}
	return time < m->until ? m->level : m->base;
}

static double share_at(struct machine *m, struct rng *group, int64_t time)
{
	double hour = (double)(time % DAY) / HOUR;
	double noise = rng_between(&m->rng, 0.97, 1.03);

	switch (m->kind) {
	case STEADY:
		return noise * m->base * (1 + 0.2 * cos((hour - m->peak_hour) * M_PI / 12));
	case BATCH:
		return noise * batch_at(m, group, time);
	case OFFICE:
		return noise * (hour >= m->peak_hour - 5 && hour < m->peak_hour + 4 ? m->high * 0.6
										    : m->base);
	case SPIKY:
		return noise * spiky_at(m, time);
	default:
		return noise * m->base;
	}
}

static int generate_one(struct sim_trace *t, unsigned int index, int64_t span, uint64_t seed)
{
	struct rng group = rng_stream(seed, 2 * (uint64_t)(index / GROUP) + 1);
	struct machine m;
	struct sim_series *s;
	char name[48];
	int n, err = 0;

	machine_init(&m, seed, index);
	n = snprintf(name, sizeof(name), "%s%u", kind_name[m.kind], index + 1);
	s = sim_trace_add(t, name, (size_t)n);
	if (!s)
		return -ENOMEM;
	s->max = pick_size(&m.rng);
	s->period = PERIOD;
	m.start = (int64_t)rng_exponential(&group, 2.0 * HOUR);
	for (int64_t time = 0; !err && time < span; time += PERIOD) {
		double share = share_at(&m, &group, time);

		err = sim_series_add(s, time, share * s->max, share * s->max / HOUR);
	}
	return err;
}

int sim_trace_generate(struct sim_trace *t, unsigned int machines, int64_t span, uint64_t seed)
{
	int err = 0;

	if (span < 2 * PERIOD)
		span = 2 * PERIOD;
	for (unsigned int i = 0; !err && i < machines; i++)
		err = generate_one(t, i, span, seed);
	if (err)
		return err;
	if (span > t->span)
		t->span = span;
	return 0;
}
