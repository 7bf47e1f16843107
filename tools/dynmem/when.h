/* SPDX-License-Identifier: GPL-2.0 */
/* Times as people type them. */
#ifndef DYNMEM_WHEN_H
#define DYNMEM_WHEN_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define WHEN_SYNTAX \
	"-7d, -2h, 03:00, today, yesterday, now, \"YYYY-MM-DD[ HH:MM[:SS]]\" or @SECONDS"
#define WHEN_SPAN_SYNTAX "a whole number with s, min, h, d or w"

/**
 * when_parse() - a point in time, in the local time zone
 * @now: what it is relative to
 * @ret: seconds since the epoch
 *
 * Return: @text is one, see WHEN_SYNTAX.
 */
bool when_parse(const char *text, time_t now, time_t *ret);

/** when_span() - a span of time: "2h"; @ret: seconds, above 0 */
bool when_span(const char *text, uint64_t *ret);

#define WHEN_TEXT_MAX 32

/** when_text() - "2026-11-28 03:00:00" */
const char *when_text(time_t t, char buf[static WHEN_TEXT_MAX]);

/** when_age() - a span for people: "12 s", "3 min", "5 h", "2 d"; @usec: microseconds */
const char *when_age(uint64_t usec, char buf[static WHEN_TEXT_MAX]);

#endif
