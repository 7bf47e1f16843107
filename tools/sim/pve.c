// SPDX-License-Identifier: GPL-2.0
/*
 * Proxmox VE, as shipped: guests start with their balloon at min, report free
 * pages, and are moved by pvestatd every ten seconds.
 */
#include "sim/pve.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "sim/control.h"

/* Who takes part in a pass. */
enum who { PRESSED, COMFORTABLE, ALL };

static bool takes_part(const struct pve_guest *g, enum who who)
{
	return g->listed && (who == ALL || g->comfortable == (who == COMFORTABLE));
}

static double size_of(const struct pve_guest *g)
{
	return g->result != 0 ? g->result : g->balloon;
}

/*
 * One guest's part of a round. Its size is measured against where it was before
 * the whole computation: a second round cannot take it further than max_change
 * either.
 */
static double change_one(struct pve_guest *g, double desired, bool growing, double max_change)
{
	double to, change;

	if (growing && desired > g->balloon) {
		to = fmin(g->balloon + max_change, desired);
	} else if (desired < g->balloon) {
		to = fmax(g->balloon - max_change, desired);
	} else {
		g->done = true;
		return 0;
	}
	if (to == g->balloon)
		return 0;
	change = to - size_of(g);
	g->result = to;
	return change;
}

/* Spreads @bytes by shares; returns what could not be. */
static double change_all(struct pve_guest *guest, unsigned int count, enum who who, double bytes,
			 double max_change)
{
	double rest = bytes;
	bool again = true, progress = true;

	for (unsigned int i = 0; i < count; i++)
		guest[i].done = !takes_part(&guest[i], who);
	while (rest != 0 && again && progress) {
		double shares = 0, above = 0, changes = 0;

		again = progress = false;
		for (unsigned int i = 0; i < count; i++) {
			if (guest[i].done)
				continue;
			above += size_of(&guest[i]) - guest[i].balloon_min;
			shares += guest[i].shares;
		}
		above += rest;
		for (unsigned int i = 0; i < count; i++) {
			struct pve_guest *g = &guest[i];
			double desired, change;

			if (g->done)
				continue;
			desired = g->balloon_min + trunc(above / shares * g->shares);
			if (desired > g->maxmem || desired < g->balloon_min) {
				desired = desired > g->maxmem ? g->maxmem : g->balloon_min;
				again = true;
			}
			change = change_one(g, desired, bytes > 0, max_change);
			changes += change;
			if (change != 0)
				again = progress = true;
		}
		rest -= changes;
	}
	return rest;
}

void pve_compute_alg1(struct pve_guest *guest, unsigned int count, double goal, double max_change)
{
	double rest;

	for (unsigned int i = 0; i < count; i++) {
		struct pve_guest *g = &guest[i];

		g->result = 0;
		g->listed =
			g->balloon != 0 && g->balloon_min != 0 && g->shares != 0 && !g->migrating;
		g->comfortable = g->freemem > g->balloon_min * 0.25 && g->balloon >= g->balloon_min;
	}
	if (goal > PVE_DEAD_BAND) {
		rest = change_all(guest, count, PRESSED, goal, max_change);
		if (rest >= goal)
			change_all(guest, count, ALL, rest, max_change);
	} else if (goal < -PVE_DEAD_BAND) {
		rest = change_all(guest, count, COMFORTABLE, goal, max_change);
		if (rest <= goal)
			change_all(guest, count, ALL, rest, max_change);
	}
}

static void pve_tick(struct sim *s)
{
	struct pve_guest *guest = s->state;
	struct sim_host *h = &s->host;
	double goal = trunc(h->total * PVE_TARGET - (h->total - h->available));

	for (unsigned int i = 0; i < h->count; i++) {
		const struct sim_guest *g = &h->guest[i];

		guest[i] = (struct pve_guest){
			.balloon = trunc(g->actual),
			.balloon_min = trunc(g->min),
			.maxmem = trunc(g->max),
			.freemem = trunc(g->stats.free),
			.shares = g->shares,
		};
	}
	pve_compute_alg1(guest, h->count, goal, PVE_MAX_CHANGE);
	for (unsigned int i = 0; i < h->count; i++)
		if (guest[i].result != 0)
			sim_command(s, &h->guest[i], trunc(guest[i].result));
	s->wake += PVE_PERIOD;
}

static int pve_init(struct sim *s)
{
	s->state = calloc(s->host.count, sizeof(struct pve_guest));
	if (!s->state)
		return -ENOMEM;
	s->wake = s->host.now + PVE_PERIOD;
	return 0;
}

static void pve_clear(struct sim *s)
{
	free(s->state);
}

const struct sim_policy sim_policy_pve = {
	.name = "pve",
	.summary =
		"Proxmox VE as shipped: shares, 100 MiB a guest and 10 s, host at 80 %; free page reporting",
	.promise = SIM_PROMISE_MIN,
	.reporting = true,
	.ksmtuned = true,
	.start_at_min = true,
	.stats_period = PVE_STATS_PERIOD,
	.init = pve_init,
	.tick = pve_tick,
	.clear = pve_clear,
};
