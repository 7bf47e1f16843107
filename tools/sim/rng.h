/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random numbers that are the same on every machine: SplitMix64 (Steele, Lea
 * and Flood, OOPSLA 2014).
 */
#ifndef DYNMEM_SIM_RNG_H
#define DYNMEM_SIM_RNG_H

#include <math.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/** rng_stream() - a generator of its own for each (seed, stream) */
static inline struct rng rng_stream(uint64_t seed, uint64_t stream)
{
	struct rng r = { seed };

	r.state = rng_next(&r) ^ (stream * UINT64_C(0xd1342543de82ef95));
	rng_next(&r);
	return r;
}

/** rng_unit() - from 0 up to, not including, 1 */
static inline double rng_unit(struct rng *r)
{
	return (double)(rng_next(r) >> 11) * 0x1p-53;
}

/** rng_between() - uniform */
static inline double rng_between(struct rng *r, double low, double high)
{
	return low + (high - low) * rng_unit(r);
}

/** rng_below() - an integer from 0 up to, not including, @n; @n > 0 */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return (uint32_t)(((rng_next(r) >> 32) * n) >> 32);
}

/** rng_exponential() - with the given mean */
static inline double rng_exponential(struct rng *r, double mean)
{
	return -mean * log1p(-rng_unit(r));
}

#endif
