/* SPDX-License-Identifier: GPL-2.0 */
/* How long something took. */
#ifndef SECONDS_H
#define SECONDS_H

#include <time.h>

static inline double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#endif
