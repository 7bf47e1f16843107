/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dynmem report: what a recording says, as one page.
 */
#ifndef DYNMEM_REPORT_H
#define DYNMEM_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "policy/policy.h"

/* Time is divided into that many cells at most; a longer recording has longer ones. */
#define REPORT_CELLS 960

#define REPORT_NAME_MAX 128

enum report_value {
	REPORT_USED,   /* of the guest, by its statistics */
	REPORT_WANTED, /* what the engine would have it have */
	REPORT_ACTUAL, /* what the balloon leaves it */
	REPORT_RSS,    /* what the host pays */
	REPORT_VALUES
};

/** struct report_mean - what was sampled within a cell; @count 0: nothing */
struct report_mean {
	double sum;
	uint32_t count;
};

/**
 * struct report_guest - one guest, by its name; it may come and go
 * @name: printable UTF-8, not escaped for HTML
 * @memory: the most that it had
 * @min: the last one; @max and @shares too
 * @present: per cell: it was there
 * @lacking: commands to grow that were due while it was under pressure
 * @pinned: its balloon frees nothing
 */
struct report_guest {
	char name[REPORT_NAME_MAX];
	uint64_t memory, actual;
	uint64_t min, max;
	unsigned int shares;
	bool exists, pinned, reports;
	unsigned int since; /* cell that it came in, while it exists */
	bool present[REPORT_CELLS];
	struct report_mean value[REPORT_VALUES][REPORT_CELLS];
};

/** struct report_decision - one that was due, @times in a row */
struct report_decision {
	uint64_t now; /* ns since the start, of the first */
	unsigned int guest;
	enum policy_reason reason;
	uint64_t from, to;
	unsigned long times;
	char text[192];
};

#define REPORT_DECISIONS 200

/**
 * struct report - all of a recording
 * @path: of the file
 * @version: of the dynmemd that wrote it
 * @start: seconds since 1970, 0: not known
 * @from: first cell that is shown; @cells: behind the last one
 * @width: of a cell, ns
 * @end: time of the last line, ns since the start
 * @cut: the last line was not whole: its number, else 0
 * @total: of the host; @available, @reserve: per cell
 * @decision: the last ones, a ring of which @decided were put in
 * @reasons: how often each was due
 */
struct report {
	char path[256], version[32];
	int64_t start;
	unsigned int from, cells;
	uint64_t first, width, end;
	unsigned long cut;
	uint64_t total;
	uint64_t stalls, oom_kills, stalls_first, oom_first;
	bool counted;
	struct report_mean available[REPORT_CELLS];
	struct report_guest **guest;
	unsigned int guests;
	struct report_decision decision[REPORT_DECISIONS];
	unsigned long decided;
	unsigned long reasons[POLICY_REASON_COUNT];
};

/**
 * report_read() - read a recording and let the engine decide on it
 * @since: ns before its end from which it counts; 0: all
 * @why: on failure, what is wrong, with the line
 *
 * Return: 0; -EBADMSG: see @why; -ENODATA: nothing to report, see @why; another negative errno.
 */
int report_read(struct report *r, const char *path, uint64_t since, char why[static 512]);
void report_clear(struct report *r);

/** report_value() - mean of a cell; false: nothing is known */
bool report_value(const struct report_guest *g, enum report_value v, unsigned int cell,
		  double *ret);

/** report_seconds() - how long the shown part is */
double report_seconds(const struct report *r);

/** report_lendable() - bytes that all guests could have lent in a cell, to what they wanted */
double report_lendable(const struct report *r, unsigned int cell);

/** report_hint() - what to do about a guest's min, in words. Return: false: nothing */
bool report_hint(const struct report *r, const struct report_guest *g, char *buf, size_t size);

/** report_html() - the page. Return: 0 or a negative errno */
int report_html(FILE *f, const struct report *r);

/** report_host_plot() - the host over time, as SVG; report_guest_plot(): a guest */
void report_host_plot(FILE *f, const struct report *r);
void report_guest_plot(FILE *f, const struct report *r, const struct report_guest *g);

/** report_peers() - the same time under other controllers, by the simulator, as HTML.
 * Return: 0 or a negative errno
 */
int report_peers(FILE *f, const struct report *r);

#endif
