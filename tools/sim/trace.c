// SPDX-License-Identifier: GPL-2.0
#include "sim/traces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/trace_read.h"

static int problem(const char *name, struct sim_problem *ret, const char *text)
{
	*ret = (struct sim_problem){ 0 };
	snprintf(ret->file, sizeof(ret->file), "%s", name);
	snprintf(ret->text, sizeof(ret->text), "%s", text);
	return -EBADMSG;
}

static int read_format(struct reader *r)
{
	if (!read_line(r))
		return read_bad(r, NULL, "expected a trace, got a file without a line");
	if (r->line[0] == '{')
		return trace_read_recording(r);
	read_split(r, ';');
	if (r->fields > 1)
		return trace_read_gwa(r);
	read_split(r, ',');
	if (r->fields > 1)
		return trace_read_csv(r);
	r->lenient = false;
	return read_bad(
		r, NULL,
		"expected the header of GWA-T-12 ('Timestamp [ms];...'), of dynmem's CSV ('time,guest,max,used'), or a recording ('{...}')");
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The median distance; holes are counted in passing. */
static int series_finish(struct sim_trace *t, struct sim_series *s)
{
	int64_t *d = malloc((s->count - 1) * sizeof(*d));

	if (!d)
		return -ENOMEM;
	for (uint32_t i = 1; i < s->count; i++)
		d[i - 1] = s->sample[i].time - s->sample[i - 1].time;
	qsort(d, s->count - 1, sizeof(*d), by_value);
	s->period = d[(s->count - 1) / 2];
	for (uint32_t i = s->count - 1; i-- > 0 && d[i] > 2 * s->period;) {
		t->gaps++;
		if (d[i] > t->gap_longest)
			t->gap_longest = d[i];
	}
	free(d);
	return 0;
}

/* A machine with less than two samples has no length of time. */
static int finish(struct sim_trace *t, unsigned int first, const char *name, bool lenient,
		  struct sim_problem *ret)
{
	unsigned int keep = first;

	for (unsigned int i = first; i < t->count; i++) {
		struct sim_series *s = &t->machine[i];
		struct sim_problem p;
		char text[160];
		int err;

		if (s->count < 2) {
			snprintf(text, sizeof(text),
				 "expected at least two good samples of machine '%.64s', got %u",
				 s->name, s->count);
			problem(name, &p, text);
			if (!lenient) {
				*ret = p;
				return -EBADMSG;
			}
			if (!t->skipped_files++ && !t->skipped)
				t->first = p;
			sim_series_clear(s);
			continue;
		}
		err = series_finish(t, s);
		if (err)
			return err;
		t->machine[keep++] = *s;
	}
	t->count = keep;
	return 0;
}

static void forget(struct sim_trace *t, unsigned int first)
{
	while (t->count > first)
		sim_series_clear(&t->machine[--t->count]);
}

/* One file; its times stay as they are. */
static int parse(struct sim_trace *t, const char *name, const char *text, size_t length,
		 bool lenient, struct sim_problem *ret)
{
	/* As spreadsheets write it in front of UTF-8. */
	size_t bom = length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
	const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	const char *dot = strrchr(base, '.');
	unsigned int first = t->count;
	struct reader r = {
		.trace = t,
		.name = name,
		.machine = base,
		.machine_length = dot > base ? (size_t)(dot - base) : strlen(base),
		.at = text + bom,
		.end = text + length,
		.lenient = lenient,
		.problem = ret,
	};
	int err = read_format(&r);

	if (!err)
		err = finish(t, first, name, lenient, ret);
	if (err)
		forget(t, first);
	if (err == -EBADMSG && lenient) {
		if (!t->skipped_files++ && !t->skipped)
			t->first = *ret;
		return 0;
	}
	return err;
}

/* Starts the machines from @first on at time 0. */
static int rebase(struct sim_trace *t, unsigned int first, const char *name,
		  struct sim_problem *ret)
{
	int64_t start = INT64_MAX, end = 0;

	for (unsigned int i = first; i < t->count; i++)
		if (t->machine[i].sample[0].time < start)
			start = t->machine[i].sample[0].time;
	for (unsigned int i = first; i < t->count; i++) {
		struct sim_series *s = &t->machine[i];

		for (uint32_t k = 0; k < s->count; k++)
			s->sample[k].time -= start;
		if (s->sample[s->count - 1].time + s->period > end)
			end = s->sample[s->count - 1].time + s->period;
	}
	if (end > SIM_SPAN_MAX)
		return problem(name, ret, "expected a trace of at most 366 days");
	if (end > t->span)
		t->span = end;
	return 0;
}

int sim_trace_parse(struct sim_trace *t, const char *name, const char *text, size_t length,
		    bool lenient, struct sim_problem *ret)
{
	unsigned int first = t->count;
	int err = parse(t, name, text, length, lenient, ret);

	if (!err)
		err = rebase(t, first, name, ret);
	if (err)
		forget(t, first);
	return err;
}

static int read_all(int fd, char **ret_text, size_t *ret_length)
{
	size_t length = 0, room = 0;
	char *text = NULL;
	ssize_t n;

	do {
		if (room - length < 65536) {
			char *more = realloc(text, room = room * 2 + 262144);

			if (!more) {
				free(text);
				return -ENOMEM;
			}
			text = more;
		}
		n = read(fd, text + length, room - length);
		if (n < 0 && errno != EINTR) {
			free(text);
			return -errno;
		}
		length += n > 0 ? (size_t)n : 0;
	} while (n);
	*ret_text = text;
	*ret_length = length;
	return 0;
}

static int load_file(struct sim_trace *t, const char *path, bool lenient, struct sim_problem *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	char *text = NULL;
	int err;

	if (fd < 0)
		return -errno;
	err = read_all(fd, &text, &length);
	close(fd);
	if (!err)
		err = parse(t, path, text, length, lenient, ret);
	free(text);
	return err;
}

static int wanted(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot && dot != d->d_name && (!strcmp(dot, ".csv") || !strcmp(dot, ".jsonl"));
}

static int load_folder(struct sim_trace *t, const char *path, bool lenient, struct sim_problem *ret)
{
	struct dirent **entry;
	int n = scandir(path, &entry, wanted, versionsort);
	int err = 0;

	if (n < 0)
		return -errno;
	if (!n)
		err = problem(path, ret, "expected files *.csv or *.jsonl in the folder");
	for (int i = 0; i < n; i++) {
		char *file;

		if (!err && asprintf(&file, "%s/%s", path, entry[i]->d_name) < 0)
			err = -ENOMEM;
		if (!err) {
			err = load_file(t, file, lenient, ret);
			free(file);
		}
		free(entry[i]);
	}
	free(entry);
	return err;
}

int sim_trace_load(struct sim_trace *t, const char *path, bool lenient, struct sim_problem *ret)
{
	unsigned int first = t->count;
	struct stat st;
	int err;

	if (stat(path, &st) < 0)
		return -errno;
	err = S_ISDIR(st.st_mode) ? load_folder(t, path, lenient, ret)
				  : load_file(t, path, lenient, ret);
	if (!err)
		err = rebase(t, first, path, ret);
	if (err)
		forget(t, first);
	return err;
}
