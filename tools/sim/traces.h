/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Traces: how much memory machines used over time, from files or generated.
 */
#ifndef DYNMEM_SIM_TRACES_H
#define DYNMEM_SIM_TRACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest time between two samples of a machine that is bridged by the earlier
 * one without complaint, seconds: GWA-T-12's own files have holes of 66
 * minutes.
 */
#define SIM_GAP_MAX 7200

/* Longest trace, seconds. */
#define SIM_SPAN_MAX (INT64_C(366) * 86400)

/* Most machines of one trace. */
#define SIM_MACHINES_MAX 65536

/* Most memory of one machine, bytes. */
#define SIM_MACHINE_BYTES_MAX 70368744177664.0 /* 64 TiB */

/**
 * struct sim_sample - a mean from its time to that of the next sample
 * @time: seconds from the start of the trace
 * @used: bytes
 * @disk: bytes read from and written to disks per second
 */
struct sim_sample {
	int64_t time;
	float used;
	float disk;
};

/**
 * struct sim_series - one machine
 * @name: of the file, or as the trace names it
 * @max: provisioned memory, bytes: the largest that any sample gives
 * @count: of @sample, at least 2
 * @period: usual distance of samples, seconds: the median
 * @sample: in order of time
 */
struct sim_series {
	char *name;
	double max;
	uint32_t count, room;
	int64_t period;
	struct sim_sample *sample;
};

/**
 * struct sim_problem - what is wrong with a trace, and where
 * @line: from 1; 0: the file as a whole
 * @column: of the first character of the field, from 1; 0: the line as a whole
 * @text: what was expected and what was found
 */
struct sim_problem {
	char file[256];
	unsigned long line, column;
	char text[256];
};

/**
 * struct sim_trace - machines
 * @machine: in the order of the files
 * @count: of @machine
 * @span: end of the last sample, seconds
 * @left_out: machines that never had any memory
 * @gaps: holes bridged by the sample before
 * @gap_longest: longest of them, seconds
 * @skipped: rows skipped in lenient mode
 * @skipped_files: files skipped in lenient mode
 * @first: the first problem that was skipped
 */
struct sim_trace {
	struct sim_series *machine;
	unsigned int count, room;
	int64_t span;
	unsigned int left_out;
	unsigned long gaps;
	int64_t gap_longest;
	unsigned long skipped, skipped_files;
	struct sim_problem first;
};

/**
 * sim_trace_load() - add a file, or all *.csv and *.jsonl files of a folder
 * @lenient: skip bad rows and files, and count them
 * @ret_problem: set on -EBADMSG
 *
 * Each call's machines start at time 0, so that traces of different months can
 * be put together. Formats: GWA-T-12, dynmem's CSV, recordings; see
 * Documentation/simulator.rst. The first line shows the format.
 *
 * Return: 0; -EBADMSG: see @ret_problem; -ENOMEM, or what opening gave.
 */
int sim_trace_load(struct sim_trace *t, const char *path, bool lenient,
		   struct sim_problem *ret_problem);

/**
 * sim_trace_parse() - the same from memory
 * @name: of the file, for messages and for formats with one machine a file
 */
int sim_trace_parse(struct sim_trace *t, const char *name, const char *text, size_t length,
		    bool lenient, struct sim_problem *ret_problem);

/**
 * sim_trace_generate() - synthetic machines, for when there is no trace
 * @machines: how many
 * @span: seconds
 * @seed: same seed, same machines
 *
 * What they do: Documentation/simulator.rst. Return: 0 or -ENOMEM.
 */
int sim_trace_generate(struct sim_trace *t, unsigned int machines, int64_t span, uint64_t seed);

/** sim_series_clear() - free what @s points at */
void sim_series_clear(struct sim_series *s);

/** sim_trace_clear() - free what @t points at, and zero it */
void sim_trace_clear(struct sim_trace *t);

/* For the readers. */

/** sim_trace_add() - a new machine, or NULL */
struct sim_series *sim_trace_add(struct sim_trace *t, const char *name, size_t name_length);

/** sim_series_add() - 0 or -ENOMEM */
int sim_series_add(struct sim_series *s, int64_t time, double used, double disk);

#endif
