// SPDX-License-Identifier: GPL-2.0
#include "when.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"

#define SPAN_MAX (100ULL * 365 * 86400)

bool when_span(const char *text, uint64_t *ret)
{
	static const struct {
		const char *unit;
		uint64_t seconds;
	} units[] = {
		{ "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 }, { "w", 604800 },
	};
	size_t digits = strspn(text, "0123456789");
	uint64_t n = strtoull(text, NULL, 10);

	if (!digits || digits > 10 || !n)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(text + digits, units[i].unit) && n <= SPAN_MAX / units[i].seconds) {
			*ret = n * units[i].seconds;
			return true;
		}
	return false;
}

static bool day(time_t now, int days, struct tm *tm)
{
	if (!localtime_r(&now, tm))
		return false;
	tm->tm_mday += days;
	tm->tm_hour = tm->tm_min = tm->tm_sec = 0;
	tm->tm_isdst = -1;
	return true;
}

/* All of @text by a format; fields of @tm that it has not stay. */
static bool fits(const char *text, const char *format, struct tm *tm)
{
	struct tm try = *tm;
	const char *end = strptime(text, format, &try);

	if (!end || *end)
		return false;
	*tm = try;
	return true;
}

static bool parse_date(const char *text, time_t now, time_t *ret)
{
	static const char *const formats[] = {
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M",
	};
	struct tm tm;

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (!day(now, 0, &tm) || !fits(text, formats[i], &tm))
			continue;
		tm.tm_isdst = -1;
		*ret = mktime(&tm);
		return *ret != (time_t)-1;
	}
	return false;
}

bool when_parse(const char *text, time_t now, time_t *ret)
{
	uint64_t span;
	struct tm tm;

	if (!strcmp(text, "now")) {
		*ret = now;
		return true;
	}
	if (*text == '-') {
		if (!when_span(text + 1, &span))
			return false;
		*ret = now - (time_t)span;
		return true;
	}
	if (*text == '@') {
		size_t digits = strspn(text + 1, "0123456789");

		if (!digits || digits > 11 || text[1 + digits])
			return false;
		*ret = (time_t)strtoull(text + 1, NULL, 10);
		return true;
	}
	if (!strcmp(text, "today") || !strcmp(text, "yesterday")) {
		if (!day(now, *text == 'y' ? -1 : 0, &tm))
			return false;
		*ret = mktime(&tm);
		return true;
	}
	return parse_date(text, now, ret);
}

const char *when_text(time_t t, char buf[static WHEN_TEXT_MAX])
{
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(buf, WHEN_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(buf, WHEN_TEXT_MAX, "@%lld", (long long)t);
	return buf;
}

const char *when_age(uint64_t usec, char buf[static WHEN_TEXT_MAX])
{
	static const struct {
		uint64_t seconds;
		const char *unit;
	} units[] = { { 172800, "d" }, { 7200, "h" }, { 120, "min" } };
	uint64_t seconds = usec / 1000000;

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (seconds >= units[i].seconds) {
			uint64_t one = i == 2 ? 60 : units[i].seconds / 2;

			snprintf(buf, WHEN_TEXT_MAX, "%llu %s", (unsigned long long)(seconds / one),
				 units[i].unit);
			return buf;
		}
	snprintf(buf, WHEN_TEXT_MAX, "%llu s", (unsigned long long)seconds);
	return buf;
}
