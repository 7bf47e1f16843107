// SPDX-License-Identifier: GPL-2.0
/* Figures computed from the means of a recording. */
#include <stdlib.h>

#include "common/util.h"
#include "dynmem/report/report.h"

/* Sizes of min go in steps that people would write. */
#define MIN_STEP ((double)(64 * MIB))
/* Below this much a better min is not worth a change. */
#define MIN_WORTH ((double)(128 * MIB))
/* Of a day and less nobody can say what a guest needs. */
#define HINT_SECONDS 3600

bool report_value(const struct report_guest *g, enum report_value v, unsigned int cell, double *ret)
{
	const struct report_mean *m = &g->value[v][cell];

	if (!m->count || !g->present[cell])
		return false;
	*ret = m->sum / m->count;
	return true;
}

double report_seconds(const struct report *r)
{
	uint64_t from = r->from * r->width;

	return (double)(r->end > from ? r->end - from : 0) / NSEC_PER_SEC;
}

double report_lendable(const struct report *r, unsigned int cell)
{
	double sum = 0;

	for (unsigned int i = 0; i < r->guests; i++) {
		const struct report_guest *g = r->guest[i];
		double actual, wanted;

		if (g->pinned || !report_value(g, REPORT_ACTUAL, cell, &actual) ||
		    !report_value(g, REPORT_WANTED, cell, &wanted))
			continue;
		wanted = MAX(wanted, (double)g->min);
		if (actual > wanted)
			sum += actual - wanted;
	}
	return sum;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The largest that it used, and what it used at least in 95 of 100 cells. */
static bool usage(const struct report *r, const struct report_guest *g, double *ret_peak,
		  double *ret_low)
{
	double all[REPORT_CELLS];
	unsigned int n = 0;

	for (unsigned int c = r->from; c < r->cells; c++)
		if (report_value(g, REPORT_USED, c, &all[n]))
			n++;
	if (!n)
		return false;
	qsort(all, n, sizeof(*all), compare);
	*ret_peak = all[n - 1];
	*ret_low = all[n / 20];
	return true;
}

static double rounded(double bytes)
{
	return (double)((uint64_t)(bytes / MIN_STEP) + 1) * MIN_STEP;
}

bool report_hint(const struct report *r, const struct report_guest *g, char *buf, size_t size)
{
	double peak, low, better;

	if (report_seconds(r) < HINT_SECONDS || !usage(r, g, &peak, &low))
		return false;
	better = MIN(rounded(peak), (double)g->memory);
	if (better + MIN_WORTH <= (double)g->min) {
		snprintf(
			buf, size,
			"min could be %.0fM: it never used more, and what is below min is never lent",
			better / MIB);
		return true;
	}
	better = MIN(rounded(low), (double)g->memory);
	if ((double)g->min + MIN_WORTH <= better) {
		snprintf(
			buf, size,
			"min should be %.0fM: it used that much in 95 %% of the time, and a host that is about to kill would take more",
			better / MIB);
		return true;
	}
	return false;
}
