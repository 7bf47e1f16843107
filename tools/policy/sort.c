// SPDX-License-Identifier: GPL-2.0
/*
 * Sort the knees of all guests by mu.
 *
 * Radix sort has no worst case that a guest could provoke, and, unlike qsort(),
 * never calls malloc().  Of 1,000 guests' knees a heapsort makes a whole decision
 * take a quarter longer, of 10,000 guests' twice as long.
 */
#include <string.h>

#include "engine.h"

/* Fewer than this are inserted one by one. */
#define FEW 48u
/* Counting digits costs as much as moving so many knees. */
#define MANY		2048u
#define DIGIT_BITS	8
#define DIGIT_BITS_MANY 11
/* What is sorted by: sign, exponent, and at least 21 bits of the mantissa. */
#define KEY_BITS 33

static void insertion_sort(struct knee *k, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct knee x = k[i];
		size_t j = i;

		for (; j && k[j - 1].mu > x.mu; j--)
			k[j] = k[j - 1];
		k[j] = x;
	}
}

/* Doubles that are not negative sort as their bits. */
static u32 digit_of(double mu, int shift, u32 digits)
{
	u64 key;

	memcpy(&key, &mu, sizeof(key));
	return key >> shift & (digits - 1);
}

/*
 * Knees closer than 2^-21 of each other may stay in any order: the sum of the
 * sweep does not depend on it, and where it stops is less than a dead band away.
 */
struct knee *sort_knees(struct knee *k, struct knee *tmp, size_t n)
{
	int bits = n < MANY ? DIGIT_BITS : DIGIT_BITS_MANY;
	int passes = (KEY_BITS + bits - 1) / bits;
	u32 at[1u << DIGIT_BITS_MANY], digits = 1u << bits;

	if (n < FEW) {
		insertion_sort(k, n);
		return k;
	}
	for (int shift = 64 - passes * bits; shift < 64; shift += bits) {
		struct knee *from = k;
		u32 sum = 0;

		memset(at, 0, digits * sizeof(at[0]));
		for (size_t i = 0; i < n; i++)
			at[digit_of(k[i].mu, shift, digits)]++;
		if (at[digit_of(k[0].mu, shift, digits)] == n)
			continue;
		for (u32 d = 0; d < digits; d++) {
			u32 count = at[d];

			at[d] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			tmp[at[digit_of(k[i].mu, shift, digits)]++] = k[i];
		k = tmp;
		tmp = from;
	}
	return k;
}
