/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fmin() and fmax() care for NaN, which costs a call in the innermost loops.
 */
#ifndef DYNMEM_SIM_LEAST_H
#define DYNMEM_SIM_LEAST_H

static inline double least(double a, double b)
{
	return a < b ? a : b;
}

static inline double most(double a, double b)
{
	return a > b ? a : b;
}

static inline double clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

#endif
