/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the readers of the trace formats share: lines, fields, numbers, and one
 * way to say what is wrong.
 */
#ifndef DYNMEM_SIM_TRACE_READ_H
#define DYNMEM_SIM_TRACE_READ_H

#include "sim/traces.h"

/* Most fields of a line that are read. */
#define READ_FIELDS_MAX 64

/**
 * struct read_field - a part of a line, without blanks and quotes around it
 * @column: of its first character in the line, from 1
 */
struct read_field {
	const char *at;
	unsigned int length, column;
};

/**
 * struct reader - a walk through the lines of a text
 * @name: of the file, for messages
 * @machine: what its machine is called, where a file is a machine
 * @line: the current one, without its end
 * @number: its number, from 1
 * @field: filled by read_split()
 */
struct reader {
	struct sim_trace *trace;
	const char *name;
	const char *machine;
	size_t machine_length;
	const char *at, *end;
	const char *line;
	size_t line_length;
	unsigned long number;
	bool lenient;
	struct sim_problem *problem;
	struct read_field field[READ_FIELDS_MAX];
	unsigned int fields;
};

/** read_line() - the next line that is neither empty nor a comment (#) */
bool read_line(struct reader *r);

/** read_split() - cut the line at @separator */
void read_split(struct reader *r, char separator);

/** read_find() - index of the field called @name, letters' case aside, or -1 */
int read_find(const struct reader *r, const char *name);

/**
 * read_number() - a finite decimal number
 * @ret: set on success
 *
 * Return: true if the whole field is one.
 */
bool read_number(const struct read_field *f, double *ret);

/**
 * read_size() - a number of bytes: 512, 512K, 1.5G (powers of 1024)
 */
bool read_size(const struct read_field *f, double *ret);

/**
 * read_bad() - note what is wrong with the current line
 * @f: the field; NULL: the line as a whole
 *
 * Return: 0 if lenient: the row is counted as skipped; else -EBADMSG.
 */
int read_bad(struct reader *r, const struct read_field *f, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** read_bad_field() - the same: @name was expected to be @what */
int read_bad_field(struct reader *r, const struct read_field *f, const char *what,
		   const char *name);

/** read_missing() - the header lacks a column: never skipped */
int read_missing(struct reader *r, const char *name);

/**
 * read_fields() - split the current line, and find fields in it
 * @name: of columns, @column: their index, -1: there is none
 * @ret: @count of them; NULL where there is no such column
 *
 * Return: 1; 0 if the line is too short and skipped; -EBADMSG.
 */
int read_fields(struct reader *r, char separator, const char *const *name, const int *column,
		unsigned int count, const struct read_field **ret);

/**
 * struct read_row - one sample as a row gives it
 * @time: seconds
 * @max: provisioned memory, bytes
 * @used: bytes
 * @disk: bytes per second
 * @at: the fields they come from; @at.disk may be NULL
 */
struct read_row {
	double time, max, used, disk;
	struct {
		const struct read_field *time, *max, *used, *disk;
	} at;
};

/**
 * read_row_add() - check a row and add it to its machine
 *
 * Time has to go forward with no hole above SIM_GAP_MAX, memory has to be above
 * zero and used within it.
 * Return: 0: added, or skipped if lenient; -EBADMSG or -ENOMEM.
 */
int read_row_add(struct reader *r, struct sim_series *s, const struct read_row *row);

/* The formats. The header line has been read; fields are not split yet. */
int trace_read_gwa(struct reader *r);
int trace_read_csv(struct reader *r);
int trace_read_recording(struct reader *r);

#endif
