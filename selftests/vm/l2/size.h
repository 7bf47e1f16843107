/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAB_SIZE_H
#define LAB_SIZE_H

#include <errno.h>
#include <stdlib.h>

/* Parses "500M", "1G", "4096"; negative errno when it is something else. */
static inline int parse_size(const char *text, unsigned long long *ret_size)
{
	unsigned long long value;
	unsigned int shift = 0;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -errno;
	switch (*end) {
	case 'K':
		shift = 10;
		break;
	case 'M':
		shift = 20;
		break;
	case 'G':
		shift = 30;
		break;
	}
	if (shift)
		end++;
	if (*end && *end != ' ')
		return -EINVAL;
	if (value > ~0ULL >> shift)
		return -ERANGE;
	*ret_size = value << shift;
	return 0;
}

#endif
