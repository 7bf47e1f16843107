// SPDX-License-Identifier: GPL-2.0
/*
 * oVirt's MoM with the policies that oVirt ships: shrink everybody while less
 * than a fifth of the host is free, else grow everybody, by a twentieth each
 * fifteen seconds.
 */
#include "sim/mom.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "sim/control.h"

static double if_big_enough(const struct mom_guest *g, double size)
{
	return fabs(size - g->cur) > MOM_MIN_CHANGE * g->cur ? size : -1;
}

/* The free share that guests may have; negative: they are made to swap. */
static double free_share(double host_free)
{
	return host_free <= MOM_CRITICAL ? host_free - 0.05
					 : MOM_GUEST_FREE * (host_free / MOM_PRESSURE);
}

static double shrink(const struct mom_guest *g, double least)
{
	double size = fmax(g->cur * (1 - MOM_MAX_CHANGE), least);

	return size <= g->cur ? if_big_enough(g, size) : -1;
}

static double grow(const struct mom_guest *g, double least)
{
	double size = fmax(g->cur * (1 + MOM_MAX_CHANGE), least);

	return g->cur < g->max ? if_big_enough(g, fmin(size, g->max)) : -1;
}

double mom_rules(const struct mom_guest *g, double host_free)
{
	double used = g->cur_mean - g->unused_mean;
	double least = fmax(g->min, used + free_share(host_free) * g->cur);

	/* The last policy that asks for a size gets it. */
	if (g->cur < g->min)
		return g->min;
	return host_free < MOM_PRESSURE ? shrink(g, least) : grow(g, least);
}

void mom_ksm_rules(struct mom_ksm *k, double total, double free, double shareable)
{
	double threshold = total * MOM_PRESSURE;
	double pages = k->pages + (free < threshold ? MOM_KSM_BOOST : -MOM_KSM_DECAY);

	k->run = threshold + shareable >= total || free <= threshold;
	if (!k->run)
		return;
	k->pages = fmax(MOM_KSM_PAGES_MIN, fmin(pages, MOM_KSM_PAGES_MAX));
	k->sleep_ms = fmax(MOM_KSM_SLEEP, trunc(MOM_KSM_SLEEP * 16777216 / total));
}

/* The last samples of one quantity. */
struct ring {
	double sample[MOM_HISTORY];
};

struct mom {
	unsigned int samples; /* taken so far */
	struct ring host_free;
	struct {
		struct ring cur, unused;
	} guest[];
};

static double mean(const struct ring *r, unsigned int samples)
{
	unsigned int n = samples < MOM_HISTORY ? samples : MOM_HISTORY;
	double sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += r->sample[i];
	return sum / n;
}

static void monitor(struct sim *s)
{
	struct mom *m = s->state;
	unsigned int at = m->samples++ % MOM_HISTORY;

	m->host_free.sample[at] = s->host.available;
	for (unsigned int i = 0; i < s->host.count; i++) {
		const struct sim_guest *g = &s->host.guest[i];

		m->guest[i].cur.sample[at] = g->actual / SIM_KIB;
		m->guest[i].unused.sample[at] = g->stats.free / SIM_KIB;
	}
}

/* What it takes for shareable is how large QEMUs are, not what they have touched. */
static void tune_ksm(struct sim_host *h, double free)
{
	struct mom_ksm k = { .run = h->ksm_run,
			     .pages = h->ksm_pages,
			     .sleep_ms = h->ksm_sleep_ms };
	double shareable = 0;

	for (unsigned int i = 0; i < h->count; i++)
		shareable += h->guest[i].max + h->physics.qemu;
	mom_ksm_rules(&k, h->total / SIM_KIB, free / SIM_KIB, shareable / SIM_KIB);
	h->ksm_run = k.run;
	h->ksm_pages = k.pages;
	h->ksm_sleep_ms = k.sleep_ms;
}

static void mom_tick(struct sim *s)
{
	struct mom *m = s->state;
	double host_free;

	monitor(s);
	s->wake += MOM_PERIOD;
	tune_ksm(&s->host, mean(&m->host_free, m->samples));
	host_free = mean(&m->host_free, m->samples) / s->host.total;
	for (unsigned int i = 0; i < s->host.count; i++) {
		struct sim_guest *g = &s->host.guest[i];
		struct mom_guest rule = {
			.cur = g->actual / SIM_KIB,
			.cur_mean = mean(&m->guest[i].cur, m->samples),
			.unused_mean = mean(&m->guest[i].unused, m->samples),
			.min = g->min / SIM_KIB,
			.max = g->max / SIM_KIB,
		};
		double target = mom_rules(&rule, host_free);

		if (target >= 0)
			sim_command(s, g, trunc(target) * SIM_KIB);
	}
}

static int mom_init(struct sim *s)
{
	s->state =
		calloc(1, sizeof(struct mom) + s->host.count * sizeof(((struct mom *)0)->guest[0]));
	if (!s->state)
		return -ENOMEM;
	s->wake = s->host.now + MOM_PERIOD;
	return 0;
}

static void mom_clear(struct sim *s)
{
	free(s->state);
}

const struct sim_policy sim_policy_mom = {
	.name = "mom",
	.summary =
		"oVirt's MoM with oVirt's policies: 5 % of a guest each 15 s; free page reporting",
	.promise = SIM_PROMISE_MIN,
	.reporting = true,
	.stats_period = MOM_PERIOD,
	.init = mom_init,
	.tick = mom_tick,
	.clear = mom_clear,
};
