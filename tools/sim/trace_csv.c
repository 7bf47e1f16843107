// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem's own CSV: all machines in one file, a header that names the columns.
 *
 *	time,guest,max,used,disk
 *	0,web1,4G,812M,120K
 *
 * time in seconds; sizes in bytes, or with K, M, G, T (powers of 1024); disk,
 * in bytes per second, may be missing. Other columns are passed over. The rows
 * of a guest are in order of time, guests may be mixed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/trace_read.h"

enum { TIME, GUEST, MAX, USED, DISK, COLUMNS };

static const char *const column_name[COLUMNS] = {
	[TIME] = "time", [GUEST] = "guest", [MAX] = "max", [USED] = "used", [DISK] = "disk",
};

/* Rows of a guest mostly follow each other: the last one, then a search. */
struct names {
	unsigned int last;
	unsigned int first; /* machine of this file */
	uint32_t *slot;	    /* open addressing: index + 1 */
	unsigned int slots; /* a power of two */
};

static uint32_t hash_of(const char *name, unsigned int length)
{
	uint32_t h = 2166136261u;

	for (unsigned int i = 0; i < length; i++)
		h = (h ^ (unsigned char)name[i]) * 16777619u;
	return h;
}

static bool named(const struct sim_series *s, const struct read_field *f)
{
	return strlen(s->name) == f->length && !memcmp(s->name, f->at, f->length);
}

static void slot_put(struct names *n, const char *name, unsigned int index)
{
	uint32_t i = hash_of(name, (unsigned int)strlen(name));

	while (n->slot[i & (n->slots - 1)])
		i++;
	n->slot[i & (n->slots - 1)] = index + 1;
}

static int slots_grow(struct names *n, const struct sim_trace *t)
{
	unsigned int slots = n->slots ? n->slots * 2 : 256;
	uint32_t *slot = calloc(slots, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	free(n->slot);
	n->slot = slot;
	n->slots = slots;
	for (unsigned int i = n->first; i < t->count; i++)
		slot_put(n, t->machine[i].name, i);
	return 0;
}

static struct sim_series *find_or_add(struct reader *r, struct names *n, const struct read_field *f)
{
	struct sim_trace *t = r->trace;
	struct sim_series *s;

	if (t->count > n->first && named(&t->machine[n->last], f))
		return &t->machine[n->last];
	for (uint32_t i = hash_of(f->at, f->length); n->slots; i++) {
		uint32_t entry = n->slot[i & (n->slots - 1)];

		if (!entry)
			break;
		if (named(&t->machine[entry - 1], f)) {
			n->last = entry - 1;
			return &t->machine[n->last];
		}
	}
	if ((!n->slots || (t->count - n->first + 1) * 2 > n->slots) && slots_grow(n, t))
		return NULL;
	s = sim_trace_add(t, f->at, f->length);
	if (!s)
		return NULL;
	n->last = t->count - 1;
	slot_put(n, s->name, n->last);
	return s;
}

static int read_columns(struct reader *r, int column[static COLUMNS])
{
	read_split(r, ',');
	for (int i = 0; i < COLUMNS; i++) {
		column[i] = read_find(r, column_name[i]);
		if (column[i] < 0 && i != DISK)
			return read_missing(r, column_name[i]);
	}
	return 0;
}

static int read_row(struct reader *r, struct names *n, const int *column)
{
	const struct read_field *at[COLUMNS];
	struct sim_series *s;
	struct read_row row = { 0 };
	int err = read_fields(r, ',', column_name, column, COLUMNS, at);

	if (err <= 0)
		return err;
	if (!at[GUEST]->length || at[GUEST]->length > 255)
		return read_bad_field(r, at[GUEST], "a name of 1 to 255 characters", "guest");
	if (!read_number(at[TIME], &row.time))
		return read_bad_field(r, at[TIME], "seconds", "time");
	if (!read_size(at[MAX], &row.max))
		return read_bad_field(r, at[MAX], "a size", "max");
	if (!read_size(at[USED], &row.used))
		return read_bad_field(r, at[USED], "a size", "used");
	if (at[DISK] && !read_size(at[DISK], &row.disk))
		return read_bad_field(r, at[DISK], "a size", "disk");
	row.at.time = at[TIME];
	row.at.max = at[MAX];
	row.at.used = at[USED];
	row.at.disk = at[DISK];
	s = find_or_add(r, n, at[GUEST]);
	return s ? read_row_add(r, s, &row) : -ENOMEM;
}

int trace_read_csv(struct reader *r)
{
	struct names n = { .first = r->trace->count };
	int column[COLUMNS] = { 0 };
	int err = read_columns(r, column);

	while (!err && read_line(r))
		err = read_row(r, &n, column);
	free(n.slot);
	return err;
}
