/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DYNMEMD_SIZE_H
#define DYNMEMD_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct size - an amount of memory, absolute or a share of something
 * @set: false: not given
 * @relative: @value is in units of 1/1000 of a percent, else bytes
 */
struct size {
	bool set;
	bool relative;
	uint64_t value;
};

#define SIZE_SYNTAX "a number with K, M, G or T (of 1024), or a percentage"

/**
 * size_parse() - "1536M", "1.5G", "25%"; a plain number is bytes
 *
 * Return: 0; -EINVAL: not a size; -ERANGE: above 2^62 bytes, or above 100 %.
 */
int size_parse(struct size *ret, const char *text);

/**
 * size_error() - what is wrong with a size: -ERANGE; -EDOM: it is less than any
 * machine has; else it is none
 */
const char *size_error(int error);

/**
 * size_resolve() - in bytes
 * @s: the size
 * @whole: what a percentage refers to, bytes
 */
uint64_t size_resolve(const struct size *s, uint64_t whole);

#endif
