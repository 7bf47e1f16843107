// SPDX-License-Identifier: GPL-2.0
/*
 * A fall is what two intervals in a row show, and the slower one counts: one odd sample
 * makes one of the two rise or stand, and so does the end of a fall.  An interval in
 * which the host, or who samples it, slept says little, and is slow for the same reason.
 */
#include <string.h>

#include "engine.h"

#define NEWEST (POLICY_FALL_SAMPLES - 1)

/* Huge pages come and go within less: that is noise. */
#define INTERVAL (100 * MSEC)

void policy_fall_sample(struct policy_fall *f, u64 bytes, u64 now)
{
	if (f->count && over(now, f->at[NEWEST]) < INTERVAL)
		return;
	memmove(f->bytes, f->bytes + 1, sizeof(f->bytes) - sizeof(f->bytes[0]));
	memmove(f->at, f->at + 1, sizeof(f->at) - sizeof(f->at[0]));
	f->bytes[NEWEST] = bytes;
	f->at[NEWEST] = now;
	if (f->count < POLICY_FALL_SAMPLES)
		f->count++;
}

double policy_fall_rate(const struct policy_fall *f, u64 now)
{
	double slowest = (double)UINT64_MAX;

	if (f->count < POLICY_FALL_SAMPLES)
		return 0;
	/* It is not believed for longer than it was seen. */
	if (over(now, f->at[NEWEST]) > f->at[NEWEST] - f->at[0])
		return 0;
	for (int i = 0; i < NEWEST; i++)
		slowest = min_of(slowest, (double)over(f->bytes[i], f->bytes[i + 1]) * (double)SEC /
						  (double)(f->at[i + 1] - f->at[i]));
	return slowest;
}
