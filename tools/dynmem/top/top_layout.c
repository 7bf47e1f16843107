// SPDX-License-Identifier: GPL-2.0
/*
 * From what is known to rows of text: no terminal, no clock, no bus.
 *
 *	mode, level, time
 *	the host's bar
 *	what KSM saves, swap, reserve, held
 *	titles of columns
 *	a bar for each guest
 *	the last decisions
 *	keys
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/dbus_names.h"
#include "common/util.h"
#include "dynmem/out.h"
#include "dynmem/top/top_row.h"

#define HEAD_ROWS     4u
#define NAME_COLUMNS  16u
#define SIZE_COLUMNS  9u
#define CLASS_COLUMNS 12u
/* Four sizes and the class beside the bar; less where that leaves it narrower. */
#define BAR_WANTED 18u

static const char *const sort_names[] = {
	[TOP_BY_NAME] = "name", [TOP_BY_USED] = "used", [TOP_BY_ACTUAL] = "actual",
	[TOP_BY_MAX] = "max",	[TOP_BY_RSS] = "rss",
};

static const char *const sort_keys[] = {
	[TOP_BY_USED] = DYNMEM_GUEST_USED,
	[TOP_BY_ACTUAL] = DYNMEM_GUEST_ACTUAL,
	[TOP_BY_MAX] = DYNMEM_GUEST_MAX,
	[TOP_BY_RSS] = DYNMEM_GUEST_RSS,
};

const char *top_sort_name(enum top_sort sort)
{
	return sort_names[sort];
}

void top_decision(struct top_data *d, const char *text)
{
	snprintf(d->decision[d->decisions++ % TOP_DECISIONS], sizeof(d->decision[0]), "%s",
		 out_safe(text));
}

/* A column of a bar that stands for @value of @whole. */
static unsigned int at(uint64_t value, uint64_t whole, unsigned int width)
{
	if (!whole || value >= whole)
		return whole ? width : 0;
	return (unsigned int)((double)value / (double)whole * width + 0.5);
}

static void host_bar(struct top_row *r, struct json_object *host, unsigned int columns)
{
	uint64_t total = out_u64(host, DYNMEM_HOST_TOTAL);
	uint64_t available = MIN(out_u64(host, DYNMEM_HOST_AVAILABLE), total);
	uint64_t reserve = MIN(out_u64(host, DYNMEM_HOST_RESERVE), available);
	uint64_t held = MIN(out_u64(host, DYNMEM_HOST_HOLD), available - reserve);
	unsigned int width = columns > 50 ? columns - 40 : 10;
	unsigned int start;
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX];

	row_put(r, columns, TOP_PLAIN, "Host [");
	start = r->columns;
	row_fill(r, start + at(total - available, total, width), TOP_USED, '#');
	row_fill(r, start + at(total - available + reserve, total, width), TOP_MARK, 'R');
	row_fill(r, start + at(total - available + reserve + held, total, width), TOP_HELD, 'h');
	row_fill(r, start + width, TOP_FREE, '.');
	row_put(r, columns, TOP_PLAIN, "] %s of %s available", out_bytes(available, a),
		out_bytes(total, b));
}

static void host_figures(struct top_row *r, struct json_object *host, unsigned int columns)
{
	uint64_t swap = out_u64(host, DYNMEM_HOST_SWAP_TOTAL);
	uint64_t swap_free = out_u64(host, DYNMEM_HOST_SWAP_FREE);
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX], c[OUT_BYTES_MAX], d[OUT_BYTES_MAX];

	row_put(r, columns, TOP_PLAIN, "R reserve %s  h held %s  KSM saves %s  swap used %s",
		out_bytes(out_u64(host, DYNMEM_HOST_RESERVE), a),
		out_bytes(out_u64(host, DYNMEM_HOST_HOLD), b),
		out_bytes(out_u64(host, DYNMEM_HOST_KSM_SAVED), c),
		out_bytes(swap > swap_free ? swap - swap_free : 0, d));
	if (out_has(host, DYNMEM_HOST_GATE))
		row_put(r, columns, TOP_WARN, "  gate: %s", out_str(host, DYNMEM_HOST_GATE));
}

static void head(const struct top_data *d, const struct top_view *v, struct top_row *rows)
{
	const char *level = out_str(d->host, DYNMEM_HOST_LEVEL);
	struct top_row *r = &rows[0];
	unsigned int clock =
		v->columns > strlen(d->clock) ? v->columns - (unsigned int)strlen(d->clock) : 0;

	row_put(r, clock, TOP_BOLD, "dynmem ");
	if (*d->problem) {
		row_put(r, clock - 1, TOP_WARN, "%s", d->problem);
	} else if (d->host) {
		row_put(r, clock - 1, TOP_PLAIN, "mode %s, source %s, %zu guests, level ",
			out_str(d->host, DYNMEM_HOST_MODE), out_str(d->host, DYNMEM_HOST_SOURCE),
			json_object_array_length(d->guests));
		row_put(r, clock - 1, strcmp(level, "none") != 0 ? TOP_WARN : TOP_PLAIN, "%s",
			level);
	}
	row_right(r, v->columns, TOP_PLAIN, d->clock);
	if (!d->host)
		return;
	host_bar(&rows[1], d->host, v->columns);
	host_figures(&rows[2], d->host, v->columns);
}

/*
 * Guests
 */

struct columns {
	unsigned int bar; /* width, with its brackets not */
	bool sizes[4];	  /* used, actual, target, max are shown */
	bool class;
};

/* What does not fit is left out, the least wanted first. */
static struct columns columns_of(unsigned int width)
{
	struct columns c = { .sizes = { true, true, true, true }, .class = true };
	unsigned int rest = NAME_COLUMNS + 3 + 4 * SIZE_COLUMNS + CLASS_COLUMNS;

	if (width < rest + BAR_WANTED) {
		c.sizes[2] = false;
		rest -= SIZE_COLUMNS;
	}
	if (width < rest + BAR_WANTED) {
		c.class = false;
		rest -= CLASS_COLUMNS;
	}
	if (width < rest + BAR_WANTED) {
		c.sizes[1] = false;
		rest -= SIZE_COLUMNS;
	}
	if (width < rest + BAR_WANTED) {
		c.sizes[0] = false;
		rest -= SIZE_COLUMNS;
	}
	c.bar = width - rest;
	return c;
}

static void guest_bar(struct top_row *r, struct json_object *guest, uint64_t whole,
		      unsigned int width)
{
	uint64_t max = out_u64(guest, DYNMEM_GUEST_MAX);
	uint64_t actual = MIN(out_u64(guest, DYNMEM_GUEST_ACTUAL), max);
	uint64_t used = MIN(out_u64(guest, DYNMEM_GUEST_USED), actual);
	unsigned int start = r->columns, from = (unsigned int)r->length;
	unsigned int min = at(out_u64(guest, DYNMEM_GUEST_MIN), whole, width);
	unsigned int target = at(out_u64(guest, DYNMEM_GUEST_TARGET), whole, width);

	row_fill(r, start + at(used, whole, width), TOP_USED, '#');
	row_fill(r, start + at(actual, whole, width), TOP_FREE, '=');
	row_fill(r, start + at(max, whole, width), TOP_LENT, '.');
	row_fill(r, start + width, TOP_PLAIN, ' ');
	if (r->length < from + width)
		return;
	/* Where the balloon is on its way, and the end of what can be taken. */
	if (out_has(guest, DYNMEM_GUEST_TARGET) && target && target != at(actual, whole, width)) {
		r->text[from + target - 1] = '>';
		r->style[from + target - 1] = TOP_MARK;
	}
	if (min) {
		r->text[from + min - 1] = '|';
		r->style[from + min - 1] = TOP_MARK;
	}
}

static void guest_row(struct top_row *r, struct json_object *guest, uint64_t whole,
		      const struct top_view *v)
{
	static const char *const keys[] = { DYNMEM_GUEST_USED, DYNMEM_GUEST_ACTUAL,
					    DYNMEM_GUEST_TARGET, DYNMEM_GUEST_MAX };
	const struct columns c = columns_of(v->columns);
	bool pressed = json_object_get_boolean(json_object_object_get(guest, DYNMEM_GUEST_PRESSED));
	bool alert = json_object_get_boolean(json_object_object_get(guest, DYNMEM_GUEST_ALERT));
	unsigned int end;
	char text[OUT_BYTES_MAX];

	row_put(r, NAME_COLUMNS - 1, pressed || alert ? TOP_WARN : TOP_PLAIN, "%s",
		out_safe(out_str(guest, DYNMEM_GUEST_NAME)));
	row_fill(r, NAME_COLUMNS, TOP_PLAIN, ' ');
	row_put(r, v->columns, TOP_PLAIN, "[");
	guest_bar(r, guest, whole, c.bar);
	row_put(r, v->columns, TOP_PLAIN, "]");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!c.sizes[i])
			continue;
		end = MIN(r->columns + SIZE_COLUMNS, v->columns);
		row_right(r, end, TOP_PLAIN,
			  out_has(guest, keys[i]) ? out_bytes(out_u64(guest, keys[i]), text) : "-");
	}
	if (c.class)
		row_put(r, v->columns, pressed || alert ? TOP_WARN : TOP_PLAIN, " %s",
			alert	  ? "ALERT"
			: pressed ? "pressed"
				  : out_safe(out_str(guest, DYNMEM_GUEST_CLASS)));
}

static void titles(struct top_row *r, const struct top_view *v)
{
	static const char *const names[] = { "USED", "ACTUAL", "TARGET", "MAX" };
	const struct columns c = columns_of(v->columns);

	row_put(r, v->columns, TOP_TITLE, "GUEST");
	row_fill(r, NAME_COLUMNS, TOP_TITLE, ' ');
	row_put(r, NAME_COLUMNS + c.bar + 2, TOP_TITLE, " # used = free . lent | min > target");
	row_fill(r, NAME_COLUMNS + c.bar + 2, TOP_TITLE, ' ');
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		unsigned int end = r->columns + SIZE_COLUMNS;

		if (!c.sizes[i])
			continue;
		row_fill(r, end - (unsigned int)strlen(names[i]), TOP_TITLE, ' ');
		row_put(r, v->columns, TOP_TITLE, "%s", names[i]);
	}
	if (c.class)
		row_put(r, v->columns, TOP_TITLE, " STATE");
	row_fill(r, v->columns, TOP_TITLE, ' ');
}

static const struct top_view *sorted_by;

static int compare(const void *a, const void *b)
{
	struct json_object *x = *(struct json_object *const *)a,
			   *y = *(struct json_object *const *)b;
	const char *key = sort_keys[sorted_by->sort];
	int order = 0;

	if (key) {
		uint64_t m = out_u64(x, key), n = out_u64(y, key);

		order = (m < n) - (m > n);
	}
	if (!order)
		order = strverscmp(out_str(x, DYNMEM_GUEST_NAME), out_str(y, DYNMEM_GUEST_NAME));
	return sorted_by->reverse ? -order : order;
}

/* Those that the filter lets through, in order; free() it. */
static struct json_object **chosen(const struct top_data *d, const struct top_view *v, size_t *n,
				   uint64_t *largest)
{
	size_t all = d->guests ? json_object_array_length(d->guests) : 0;
	struct json_object **list = calloc(all + 1, sizeof(struct json_object *));

	*n = 0;
	*largest = 0;
	for (size_t i = 0; list && i < all; i++) {
		struct json_object *guest = json_object_array_get_idx(d->guests, i);

		if (!strcasestr(out_str(guest, DYNMEM_GUEST_NAME), v->filter))
			continue;
		list[(*n)++] = guest;
		*largest = MAX(*largest, out_u64(guest, DYNMEM_GUEST_MAX));
	}
	sorted_by = v;
	if (*n)
		qsort(list, *n, sizeof(struct json_object *), compare);
	return list;
}

/* As many rows as there are, or fewer: then the last says how many are not shown. */
static void guests(const struct top_data *d, struct top_view *v, struct top_row *rows,
		   unsigned int room)
{
	uint64_t largest;
	size_t n;
	struct json_object **list = chosen(d, v, &n, &largest);
	unsigned int shown = n > room && room ? room - 1 : (unsigned int)n;

	v->first = MIN(v->first, n - shown);
	for (unsigned int i = 0; i < shown; i++)
		guest_row(&rows[i], list[v->first + i], largest, v);
	if (n > room && room)
		row_put(&rows[shown], v->columns, TOP_TITLE, "%zu to %zu of %zu guests",
			v->first + 1, v->first + shown, n);
	else if (!n && room && d->host)
		row_put(&rows[0], v->columns, TOP_PLAIN,
			*v->filter ? "no guest has '%s' in its name" : "no guests%.0s", v->filter);
	free(list);
}

static void decisions(const struct top_data *d, const struct top_view *v, struct top_row *rows,
		      unsigned int room)
{
	size_t n = MIN(MIN(d->decisions, TOP_DECISIONS), (size_t)room - 1);

	row_put(&rows[0], v->columns, TOP_TITLE, "DECISIONS");
	row_fill(&rows[0], v->columns, TOP_TITLE, ' ');
	for (size_t i = 0; i < n; i++)
		row_put(&rows[1 + i], v->columns, TOP_PLAIN, "%s",
			d->decision[(d->decisions - n + i) % TOP_DECISIONS]);
}

static void keys(const struct top_view *v, struct top_row *r)
{
	if (v->typing)
		row_put(r, v->columns, TOP_BOLD, "Filter: %s_  (Enter: done, Esc: none)",
			v->filter);
	else
		row_put(r, v->columns, TOP_PLAIN,
			"q quit  s sort: %s%s  r reverse  / filter: %s  arrows",
			top_sort_name(v->sort), v->reverse ? " (reverse)" : "",
			*v->filter ? v->filter : "none");
}

void top_layout(const struct top_data *d, struct top_view *v, struct top_row *rows)
{
	unsigned int below = MIN(v->rows / 3, 7u);

	memset(rows, 0, v->rows * sizeof(*rows));
	if (v->columns < TOP_MIN_COLUMNS || v->rows < TOP_MIN_ROWS) {
		if (v->rows)
			row_put(&rows[0], v->columns, TOP_PLAIN, "%ux%u needed", TOP_MIN_COLUMNS,
				TOP_MIN_ROWS);
		return;
	}
	head(d, v, rows);
	titles(&rows[HEAD_ROWS - 1], v);
	guests(d, v, &rows[HEAD_ROWS], v->rows - HEAD_ROWS - below - 1);
	decisions(d, v, &rows[v->rows - below - 1], below);
	keys(v, &rows[v->rows - 1]);
}
