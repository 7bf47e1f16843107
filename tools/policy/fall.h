/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How fast the host's memory falls: what distinguishes a host that is short and
 * stands still from one that is about to kill.
 */
#ifndef DYNMEM_POLICY_FALL_H
#define DYNMEM_POLICY_FALL_H

#include <stdint.h>

#define POLICY_FALL_SAMPLES 3

/**
 * struct policy_fall - the last samples, no closer together than says something
 * @bytes: that the host could still use, the newest last
 * @at: when that was
 * @count: how many there are
 */
struct policy_fall {
	uint64_t bytes[POLICY_FALL_SAMPLES], at[POLICY_FALL_SAMPLES];
	unsigned int count;
};

/** policy_fall_sample() - it has so much at this moment; a clock that goes back stands */
void policy_fall_sample(struct policy_fall *f, uint64_t bytes, uint64_t now);

/** policy_fall_rate() - bytes per second by which it falls now, 0: it does not */
double policy_fall_rate(const struct policy_fall *f, uint64_t now);

#endif /* DYNMEM_POLICY_FALL_H */
