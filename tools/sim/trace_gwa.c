// SPDX-License-Identifier: GPL-2.0
/*
 * GWA-T-12 (Grid Workloads Archive, Bitbrains): one machine a file, fields
 * separated by ";\t", memory in KB of 1024 bytes, disks in KB/s.
 *
 * Its timestamps are headed [ms] and are seconds; other sets of the archive
 * really hold milliseconds, which their size shows. Machines that were never
 * switched on have 0 provisioned in all rows: they are left out.
 */
#include <errno.h>
#include <string.h>

#include "sim/trace_read.h"

#define KB 1024.0

/* Seconds up to the year 2286, milliseconds from 1973 on. */
#define MILLISECONDS_FROM 1e10

enum { TIME, MAX, USED, DISK_READ, DISK_WRITE, COLUMNS };

static const char *const column_name[COLUMNS] = {
	[TIME] = "Timestamp [ms]",
	[MAX] = "Memory capacity provisioned [KB]",
	[USED] = "Memory usage [KB]",
	[DISK_READ] = "Disk read throughput [KB/s]",
	[DISK_WRITE] = "Disk write throughput [KB/s]",
};

struct gwa {
	int column[COLUMNS];
	unsigned long off; /* rows with 0 provisioned and 0 used, so far */
	unsigned long off_line;
	unsigned int off_column;
};

static int read_columns(struct reader *r, struct gwa *g)
{
	read_split(r, ';');
	if (read_find(r, "time") >= 0 && read_find(r, "guest") >= 0) {
		r->lenient = false;
		return read_bad(r, NULL, "expected ',' between fields, got ';'");
	}
	for (int i = 0; i < COLUMNS; i++) {
		g->column[i] = read_find(r, column_name[i]);
		if (i == TIME && g->column[i] < 0)
			g->column[i] = read_find(r, "Timestamp");
		if (g->column[i] < 0 && i <= USED)
			return read_missing(r, column_name[i]);
	}
	return 0;
}

/* All numbers of a row; 1: they are there, 0: skipped. */
static int read_numbers(struct reader *r, const struct gwa *g, double value[static COLUMNS])
{
	const struct read_field *at[COLUMNS];
	int err = read_fields(r, ';', column_name, g->column, COLUMNS, at);

	for (int i = 0; err > 0 && i < COLUMNS; i++) {
		value[i] = 0;
		if (at[i] && !read_number(at[i], &value[i]))
			return read_bad_field(r, at[i], "a number", column_name[i]);
	}
	return err;
}

/*
 * A machine that is switched on now and then is not what 0 provisioned means.
 */
static int check_off(struct reader *r, struct gwa *g)
{
	struct read_field f = { .column = g->off_column };
	unsigned long number = r->number;
	int err = 0;

	r->number = g->off_line;
	while (g->off > 0 && !err) {
		err = read_bad(
			r, &f,
			"expected provisioned memory above 0, as in the machine's other rows, got 0");
		g->off--;
	}
	r->number = number;
	return err;
}

static int read_row(struct reader *r, struct gwa *g, struct sim_series **s)
{
	double value[COLUMNS] = { 0 };
	struct read_row row;
	int err = read_numbers(r, g, value);

	if (err <= 0)
		return err;
	if (value[MAX] == 0 && value[USED] == 0) {
		if (!g->off++) {
			g->off_line = r->number;
			g->off_column = r->field[g->column[MAX]].column;
		}
		return *s ? check_off(r, g) : 0;
	}
	if (!*s) {
		*s = sim_trace_add(r->trace, r->machine, r->machine_length);
		if (!*s)
			return -ENOMEM;
		err = check_off(r, g);
		if (err)
			return err;
	}
	row = (struct read_row){
		.time = value[TIME] >= MILLISECONDS_FROM ? value[TIME] / 1000 : value[TIME],
		.max = value[MAX] * KB,
		.used = value[USED] * KB,
		.disk = (value[DISK_READ] + value[DISK_WRITE]) * KB,
		.at.time = &r->field[g->column[TIME]],
		.at.max = &r->field[g->column[MAX]],
		.at.used = &r->field[g->column[USED]],
		.at.disk = g->column[DISK_READ] < 0 ? NULL : &r->field[g->column[DISK_READ]],
	};
	return read_row_add(r, *s, &row);
}

int trace_read_gwa(struct reader *r)
{
	struct sim_series *s = NULL;
	struct gwa g = { 0 };
	int err = read_columns(r, &g);

	if (err)
		return err;
	while (read_line(r)) {
		err = read_row(r, &g, &s);
		if (err)
			return err;
	}
	if (!s && g.off)
		r->trace->left_out++;
	return 0;
}
