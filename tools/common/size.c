// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/size.h"

#define PERCENT 1000ULL
#define LARGEST (1ULL << 62)

/* Digits with at most one point: strtod() takes too much (hex, inf, 1e9). */
static int parse_number(double *ret, const char *text, const char **end)
{
	const char *p = text;

	while (isdigit((unsigned char)*p))
		p++;
	if (p == text)
		return -EINVAL;
	if (*p == '.') {
		if (!isdigit((unsigned char)p[1]))
			return -EINVAL;
		for (p++; isdigit((unsigned char)*p); p++)
			;
	}
	if (p - text > 24)
		return -ERANGE;
	*ret = strtod(text, NULL);
	*end = p;
	return 0;
}

static int unit_of(const char *text)
{
	static const char units[] = "BKMGT";
	const char *found;

	if (*text == 0)
		return 0;
	found = strchr(units, toupper((unsigned char)*text));
	if (!found)
		return -EINVAL;
	text++;
	if (found != units && !strcasecmp(text, "iB"))
		text += 2;
	return *text ? -EINVAL : (int)(found - units) * 10;
}

int size_parse(struct size *ret, const char *text)
{
	const char *end;
	double number;
	int r, shift;

	r = parse_number(&number, text, &end);
	if (r < 0)
		return r;
	while (*end == ' ')
		end++;
	if (!strcmp(end, "%")) {
		if (number > 100)
			return -ERANGE;
		*ret = (struct size){
			.set = true,
			.relative = true,
			.value = (uint64_t)llround(number * PERCENT),
		};
		return 0;
	}
	shift = unit_of(end);
	if (shift < 0)
		return shift;
	number *= (double)(1ULL << shift);
	if (number > (double)LARGEST)
		return -ERANGE;
	*ret = (struct size){ .set = true, .value = (uint64_t)number };
	return 0;
}

uint64_t size_resolve(const struct size *s, uint64_t whole)
{
	if (!s->relative)
		return s->value;
	/* In two parts: whole * 100000 could overflow. */
	return whole / (100 * PERCENT) * s->value +
	       whole % (100 * PERCENT) * s->value / (100 * PERCENT);
}

const char *size_error(int error)
{
	switch (error) {
	case -ERANGE:
		return "out of range";
	case -EDOM:
		return "less than 1 MiB, its unit may be missing";
	default:
		return "not valid";
	}
}
