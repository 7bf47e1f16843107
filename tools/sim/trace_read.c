// SPDX-License-Identifier: GPL-2.0
#include "sim/trace_read.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Rounding in a trace may put use above what is provisioned by this much. */
#define USED_TOLERANCE 1.001

/* No clock of a trace shows more than this: the year 5138, in seconds. */
#define TIME_MAX 1e11

bool read_line(struct reader *r)
{
	while (r->at < r->end) {
		const char *nl = memchr(r->at, '\n', (size_t)(r->end - r->at));
		const char *stop = nl ? nl : r->end;

		r->line = r->at;
		r->at = nl ? nl + 1 : r->end;
		r->number++;
		while (stop > r->line && isspace((unsigned char)stop[-1]))
			stop--;
		r->line_length = (size_t)(stop - r->line);
		if (r->line_length && r->line[0] != '#')
			return true;
	}
	return false;
}

static bool trimmed(char c)
{
	return isspace((unsigned char)c) || c == '"';
}

void read_split(struct reader *r, char separator)
{
	const char *at = r->line, *end = r->line + r->line_length;

	r->fields = 0;
	while (r->fields < READ_FIELDS_MAX) {
		const char *stop = memchr(at, separator, (size_t)(end - at));
		const char *next = stop ? stop + 1 : NULL;
		struct read_field *f = &r->field[r->fields++];

		if (!stop)
			stop = end;
		while (at < stop && trimmed(*at))
			at++;
		while (stop > at && trimmed(stop[-1]))
			stop--;
		f->at = at;
		f->length = (unsigned int)(stop - at);
		f->column = (unsigned int)(at - r->line) + 1;
		if (!next)
			break;
		at = next;
	}
}

int read_find(const struct reader *r, const char *name)
{
	size_t length = strlen(name);

	for (unsigned int i = 0; i < r->fields; i++)
		if (r->field[i].length == length && !strncasecmp(r->field[i].at, name, length))
			return (int)i;
	return -1;
}

/* strtod() also takes "nan", "inf" and hexadecimal: none is a number here. */
static bool number_of(const struct read_field *f, double *ret, unsigned int *ret_used)
{
	char text[64], *end;
	double value;

	if (!f->length || f->length >= sizeof(text))
		return false;
	memcpy(text, f->at, f->length);
	text[f->length] = '\0';
	if (text[strspn(text, "+-.0123456789eE")] == 'x' ||
	    !isdigit((unsigned char)text[strspn(text, "+-.")]))
		return false;
	value = strtod(text, &end);
	if (end == text || !isfinite(value))
		return false;
	*ret = value;
	*ret_used = (unsigned int)(end - text);
	return true;
}

bool read_number(const struct read_field *f, double *ret)
{
	unsigned int used;
	double value;

	if (!number_of(f, &value, &used) || used != f->length)
		return false;
	*ret = value;
	return true;
}

bool read_size(const struct read_field *f, double *ret)
{
	static const char units[] = "KMGT";
	unsigned int used;
	double value;
	const char *unit;

	if (!number_of(f, &value, &used) || f->length - used > 1)
		return false;
	if (used < f->length) {
		unit = strchr(units, toupper((unsigned char)f->at[used]));
		if (!unit || !*unit)
			return false;
		value = ldexp(value, 10 * (int)(unit - units + 1));
	}
	*ret = value;
	return true;
}

int read_bad(struct reader *r, const struct read_field *f, const char *format, ...)
{
	struct sim_problem p = {
		.line = r->number,
		.column = f ? f->column : 0,
	};
	va_list ap;

	snprintf(p.file, sizeof(p.file), "%s", r->name);
	va_start(ap, format);
	vsnprintf(p.text, sizeof(p.text), format, ap);
	va_end(ap);
	if (!r->lenient) {
		*r->problem = p;
		return -EBADMSG;
	}
	if (!r->trace->skipped++ && !r->trace->skipped_files)
		r->trace->first = p;
	return 0;
}

/* A field as a message shows it: short, and nothing that steers a terminal. */
static const char *shown(const struct read_field *f, char buf[static 32])
{
	unsigned int n = f->length < 28 ? f->length : 28;

	for (unsigned int i = 0; i < n; i++)
		buf[i] = isprint((unsigned char)f->at[i]) ? f->at[i] : '?';
	memcpy(buf + n, f->length > n ? "..." : "", f->length > n ? 4 : 1);
	return buf;
}

int read_bad_field(struct reader *r, const struct read_field *f, const char *what, const char *name)
{
	char buf[32];

	return read_bad(r, f, "expected %s for '%s', got '%s'", what, name, shown(f, buf));
}

int read_fields(struct reader *r, char separator, const char *const *name, const int *column,
		unsigned int count, const struct read_field **ret)
{
	read_split(r, separator);
	for (unsigned int i = 0; i < count; i++) {
		if (column[i] >= (int)r->fields)
			return read_bad(r, NULL,
					"expected '%s' as field %d, got a line of %u fields",
					name[i], column[i] + 1, r->fields);
		ret[i] = column[i] < 0 ? NULL : &r->field[column[i]];
	}
	return 1;
}

int read_missing(struct reader *r, const char *name)
{
	/* Without its columns no row can be read. */
	r->lenient = false;
	return read_bad(r, NULL, "expected a column '%s' in the header", name);
}

int read_row_add(struct reader *r, struct sim_series *s, const struct read_row *row)
{
	const struct sim_sample *last = s->count ? &s->sample[s->count - 1] : NULL;
	char buf[32];
	double gap;

	if (!(row->time >= 0) || row->time > TIME_MAX)
		return read_bad(r, row->at.time, "expected a time from 0 to %.0f s, got '%s'",
				TIME_MAX, shown(row->at.time, buf));
	gap = last ? floor(row->time) - (double)last->time : 0;
	if (last && gap <= 0)
		return read_bad(r, row->at.time,
				"expected a time after %lld, the one before, got '%s'",
				(long long)last->time, shown(row->at.time, buf));
	if (!(row->max > 0) || row->max > SIM_MACHINE_BYTES_MAX)
		return read_bad(r, row->at.max,
				"expected provisioned memory above 0 and up to 64 TiB, got '%s'",
				shown(row->at.max, buf));
	if (!(row->used >= 0) || row->used > row->max * USED_TOLERANCE)
		return read_bad(r, row->at.used,
				"expected used memory from 0 to what is provisioned, got '%s'",
				shown(row->at.used, buf));
	if (row->at.disk && (!(row->disk >= 0) || row->disk > 1e12))
		return read_bad(r, row->at.disk,
				"expected disk throughput from 0 to 1 TB/s, got '%s'",
				shown(row->at.disk, buf));
	if (gap > SIM_GAP_MAX) {
		/* The row itself is good: lenient bridges the hole with it. */
		int err = read_bad(
			r, row->at.time,
			"expected a sample at most %d s after the one before, got a gap of %.0f s",
			SIM_GAP_MAX, gap);

		if (err < 0)
			return err;
	}
	if (row->max > s->max)
		s->max = row->max;
	return sim_series_add(s, (int64_t)row->time, row->used, row->disk);
}
