// SPDX-License-Identifier: GPL-2.0
/* Averages and quantiles in constant memory. */
#include <math.h>

#include "engine.h"

/* A learned quantile moves by half when it is exceeded. */
#define QUANTILE_GAIN 0.5

/* What is left of something after @dt that halves every @life. */
double half_life(u64 dt, u64 life)
{
	if (!dt)
		return 1;
	return exp2(-(double)dt / (double)life);
}

/*
 * A quantile tracked in constant memory: exceeded, it rises by half; not
 * exceeded, it sinks by just so much that both balance at the wanted quantile.
 * @samples: how many regular samples this one stands for.
 */
void quantile_step(double *q, double x, double quantile, double samples)
{
	if (x > *q)
		*q = *q > 0 ? min_of(*q * (1 + QUANTILE_GAIN), x) : x;
	else
		*q *= pow(1 + QUANTILE_GAIN, -samples * (1 - quantile) / quantile);
}
