// SPDX-License-Identifier: GPL-2.0
/* dynmem report: recordings as pages, and those that are none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/recording.h"
#include "common/util.h"
#include "dynmem/report/report.h"

#define STEP_SECONDS 10
#define HOUR	     (3600 / STEP_SECONDS)
#define HOURS	     3
/* Whoever boots a host has been up for a while. */
#define BOOT (5000 * NSEC_PER_SEC)

enum { IDLE, BUSY, GONE, SILENT, GUESTS };

static const struct {
	const char *name;
	uint64_t memory, min;
} guests[GUESTS] = {
	[IDLE] = { "<img src=x onerror=alert(1)>", 4 * GIB, 2 * GIB },
	[BUSY] = { "b\u00fasy \"\u30b2\u30b9\u30c8\" & 'co'", 2 * GIB, 256 * MIB },
	[GONE] = { "gone\u202eexe</title>", GIB, 128 * MIB },
	[SILENT] = { "silent", GIB, 256 * MIB },
};

struct recorded_world {
	char path[64];
	FILE *file;
	struct policy *policy;
	unsigned int number[GUESTS];
};

static void on_input(void *userdata, const struct policy_input *in)
{
	struct recorded_world *w = userdata;
	const char *name = NULL;
	struct json_object *line;

	for (unsigned int i = 0; i < GUESTS; i++)
		if (in->type == POLICY_INPUT_GUEST_ADD ? in->config->max == guests[i].memory &&
								 in->config->min == guests[i].min
						       : w->number[i] == in->guest)
			name = guests[i].name;
	line = recording_line(in, name);
	fprintf(w->file, "%s\n", json_object_to_json_string_ext(line, JSON_C_TO_STRING_PLAIN));
	json_object_put(line);
}

static void put_header(struct recorded_world *w)
{
	struct json_object *header = recording_header("1.2<3>", true);

	fprintf(w->file, "%s\n", json_object_to_json_string_ext(header, JSON_C_TO_STRING_PLAIN));
	json_object_put(header);
}

/* An idle guest uses 300 MiB; a busy one 1 GiB, and 1.5 GiB in the second hour. */
static void step(struct recorded_world *w, unsigned int t)
{
	uint64_t now = BOOT + t * STEP_SECONDS * NSEC_PER_SEC;
	struct host_record host = { .present =
					    HOST_HAS_MEMORY | HOST_HAS_STALLS | HOST_HAS_OOM_KILLS,
				    .total = 8 * GIB,
				    .available = 600 * MIB,
				    .stalls = t / 100,
				    .oom_kills = 0 };
	struct policy_result result;

	policy_host_update(w->policy, &host, now);
	for (unsigned int i = 0; i < GUESTS; i++) {
		uint64_t used = i != BUSY ? 300 * MIB : t / HOUR == 1 ? 1536 * MIB : GIB;
		struct guest_record g = {
			.present = GUEST_HAS_MEMORY | GUEST_HAS_ACTUAL | GUEST_HAS_RSS,
			.memory = guests[i].memory,
			.actual = guests[i].memory,
			.rss = guests[i].memory * 3 / 4,
			.last_update = 1 + t,
			.stat_actual = guests[i].memory,
			.total = guests[i].memory,
			.available = guests[i].memory - used,
			.free = guests[i].memory - used,
		};

		if (i == GONE && t > HOUR)
			continue;
		if (i != SILENT)
			g.present |= GUEST_HAS_LAST_UPDATE | GUEST_HAS_STAT_ACTUAL |
				     GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE | GUEST_HAS_FREE;
		policy_guest_update(w->policy, w->number[i], &g, now);
	}
	if (t == HOUR)
		policy_guest_remove(w->policy, w->number[GONE]);
	/* It only observes: no command is sent. */
	policy_decide(w->policy, now, &result);
}

static int record(void **state)
{
	struct recorded_world *w = calloc(1, sizeof(*w));
	int fd;

	snprintf(w->path, sizeof(w->path), "/tmp/dynmem-report-XXXXXX");
	fd = mkstemp(w->path);
	w->file = fdopen(fd, "w");
	put_header(w);
	assert_int_equal(policy_new(NULL, &w->policy), 0);
	memset(w->number, 0xff, sizeof(w->number));
	policy_listen(w->policy, on_input, w);
	for (unsigned int i = 0; i < GUESTS; i++) {
		struct policy_guest_config c = { .min = guests[i].min,
						 .max = guests[i].memory,
						 .shares = 1000 };

		assert_int_equal(
			policy_guest_add(w->policy, &c, guests[i].memory, BOOT, &w->number[i]), 0);
	}
	for (unsigned int t = 0; t < HOURS * HOUR; t++)
		step(w, t);
	policy_free(w->policy);
	fflush(w->file);
	*state = w;
	return 0;
}

static int clean(void **state)
{
	struct recorded_world *w = *state;

	fclose(w->file);
	unlink(w->path);
	free(w);
	return 0;
}

static char *page_of(const struct report *r)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(report_html(f, r), 0);
	fclose(f);
	return text;
}

static unsigned int times(const char *text, const char *what)
{
	unsigned int n = 0;

	while ((text = strstr(text, what))) {
		n++;
		text += strlen(what);
	}
	return n;
}

static struct report *read_file(const char *path, uint64_t since, int want, char why[static 512])
{
	struct report *r = calloc(1, sizeof(*r));

	*why = 0;
	if (report_read(r, path, since, why) != want)
		fail_msg("wanted %d: %s", want, why);
	return r;
}

static void drop(struct report *r)
{
	report_clear(r);
	free(r);
}

static unsigned int index_of(const struct report *r, const char *part)
{
	for (unsigned int i = 0; i < r->guests; i++)
		if (strstr(r->guest[i]->name, part))
			return i;
	fail_msg("no guest %s", part);
	return 0;
}

static void test_figures(void **state)
{
	const struct recorded_world *w = *state;
	char why[512], hint[256];
	struct report *r = read_file(w->path, 0, 0, why);
	const struct report_guest *g;
	double value;

	assert_int_equal(r->guests, GUESTS);
	assert_int_equal(r->total, 8 * GIB);
	assert_int_equal(r->width, 16 * NSEC_PER_SEC);
	assert_int_equal(r->cut, 0);
	assert_true(report_seconds(r) > HOURS * 3600 - 60 && report_seconds(r) <= HOURS * 3600);
	assert_int_equal(r->stalls - r->stalls_first, (HOURS * HOUR - 1) / 100);

	g = r->guest[index_of(r, "img")];
	assert_true(report_value(g, REPORT_USED, 10, &value));
	assert_true(value == 300.0 * MIB);
	assert_true(report_value(g, REPORT_WANTED, r->cells - 1, &value));
	/* Never below its min. */
	assert_true(value >= 2.0 * GIB && value < 2.2 * GIB);
	assert_true(report_hint(r, g, hint, sizeof(hint)));
	assert_non_null(strstr(hint, "min could be 320M"));

	g = r->guest[index_of(r, "\u30b2\u30b9\u30c8")];
	assert_true(report_value(g, REPORT_USED, r->cells / 2, &value));
	assert_true(value == 1536.0 * MIB);
	assert_true(report_hint(r, g, hint, sizeof(hint)));
	assert_non_null(strstr(hint, "min should be 1088M"));

	g = r->guest[index_of(r, "gone")];
	assert_true(report_value(g, REPORT_USED, 0, &value));
	assert_false(report_value(g, REPORT_USED, r->cells - 1, &value));
	assert_false(g->exists);

	g = r->guest[index_of(r, "silent")];
	assert_false(g->reports);
	assert_false(report_value(g, REPORT_USED, 5, &value));
	assert_false(report_hint(r, g, hint, sizeof(hint)));

	/* The idle one keeps its min of 2 GiB, the busy one wants more than a GiB. */
	value = report_lendable(r, r->cells - 1);
	assert_true(value > 2.0 * GIB && value < 3.0 * GIB);
	assert_true(r->decided > 0);
	drop(r);
}

static void test_page(void **state)
{
	static const char *const pairs[] = { "svg", "table", "tr",    "figure", "h2",  "h3",
					     "p",   "thead", "tbody", "html",	"body" };
	const struct recorded_world *w = *state;
	char why[512];
	struct report *r = read_file(w->path, 0, 0, why);
	char *text = page_of(r);

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		char open[16], open_more[16], close[16];

		snprintf(open, sizeof(open), "<%s>", pairs[i]);
		snprintf(open_more, sizeof(open_more), "<%s ", pairs[i]);
		snprintf(close, sizeof(close), "</%s>", pairs[i]);
		assert_true(times(text, close) > 0);
		assert_int_equal(times(text, open) + times(text, open_more), times(text, close));
	}
	/* Nothing that a guest is called is markup, moves text, or is lost. */
	assert_null(strstr(text, "<img"));
	assert_non_null(strstr(text, "&lt;img src=x onerror=alert(1)&gt;"));
	assert_non_null(
		strstr(text, "b\u00fasy &quot;\u30b2\u30b9\u30c8&quot; &amp; &#39;co&#39;"));
	assert_null(strstr(text, "\u202e"));
	assert_non_null(strstr(text, "gone\\xe2\\x80\\xaeexe&lt;/title&gt;"));
	assert_non_null(strstr(text, "1.2&lt;3&gt;"));
	/* It needs nothing but itself. */
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "<link"));
	assert_null(strstr(text, "src='"));
	assert_null(strstr(text, "url("));
	assert_int_equal(times(text, "http"), times(text, "http://www.w3.org/2000/svg") + 1);
	/* The host, four guests, four controllers in one. */
	assert_int_equal(times(text, "<svg "), 1 + GUESTS + 1);
	assert_non_null(strstr(text, "<th scope='row'>dynmem</th>"));
	assert_non_null(strstr(text, "<th scope='row'>pve</th>"));
	assert_non_null(strstr(text, "<th scope='row'>mom</th>"));
	assert_non_null(strstr(text, "<th scope='row'>static</th>"));
	assert_non_null(strstr(text, "it reported no statistics"));
	assert_null(strstr(text, "nan"));
	assert_null(strstr(text, "cut off"));
	free(text);
	drop(r);
}

static void test_since(void **state)
{
	const struct recorded_world *w = *state;
	char why[512];
	struct report *r = read_file(w->path, 3600 * NSEC_PER_SEC, 0, why);
	char *text = page_of(r);

	assert_true(report_seconds(r) >= 3600 && report_seconds(r) < 3700);
	/* Who left before is not in it. */
	assert_null(strstr(text, "<h3>gone"));
	free(text);
	drop(r);
	r = read_file(w->path, 300 * NSEC_PER_SEC, 0, why);
	text = page_of(r);
	assert_non_null(strstr(text, "too short to simulate"));
	free(text);
	drop(r);
}

/* A copy of the first @length bytes of it, all of it: 0; and then @more. */
static void copy(const struct recorded_world *w, const char *path, long length, const char *more)
{
	FILE *from = fopen(w->path, "r"), *to = fopen(path, "w");
	int c;

	for (long i = 0; (!length || i < length) && (c = fgetc(from)) != EOF; i++)
		fputc(c, to);
	fputs(more, to);
	fclose(from);
	fclose(to);
}

static void test_broken(void **state)
{
	const struct recorded_world *w = *state;
	char path[80], why[512], *text;
	struct report *r;

	snprintf(path, sizeof(path), "%s.broken", w->path);
	copy(w, path, 1000000, "");
	r = read_file(path, 0, 0, why);
	assert_true(r->cut > 100);
	text = page_of(r);
	assert_non_null(strstr(text, "is cut off in line "));
	free(text);
	drop(r);

	copy(w, path, 1000000, "\n{}\n");
	drop(read_file(path, 0, -EBADMSG, why));
	assert_non_null(strstr(why, "expected a whole JSON object"));
	assert_non_null(strstr(why, ".broken:"));

	copy(w, path, 0, "{\"type\": \"nonsense\", \"now\": 99}\n");
	drop(read_file(path, 0, -EBADMSG, why));
	assert_non_null(strstr(why, "not known"));

	copy(w, path, 1, "\"type\": \"recording\", \"schema\": 99}\n");
	drop(read_file(path, 0, -EBADMSG, why));
	assert_non_null(strstr(why, ":1: schema 99 is not known, only 1"));

	copy(w, path, 1, "\"type\": \"state\"}\n");
	drop(read_file(path, 0, -EBADMSG, why));
	assert_non_null(strstr(why, "dynmem record"));

	copy(w, path, 1, "\"type\": \"recording\", \"schema\": 1, \"exact\": true}\n");
	drop(read_file(path, 0, -ENODATA, why));
	assert_non_null(strstr(why, "record for longer"));

	copy(w, path, 1, "");
	drop(read_file(path, 0, -EBADMSG, why));
	truncate(path, 0);
	drop(read_file(path, 0, -ENODATA, why));
	assert_non_null(strstr(why, "it is empty"));
	unlink(path);
	drop(read_file(path, 0, -ENOENT, why));
	assert_non_null(strstr(why, "No such file"));
}

/* A full disk is noticed. */
static void test_no_room(void **state)
{
	const struct recorded_world *w = *state;
	char why[512];
	struct report *r = read_file(w->path, 0, 0, why);
	FILE *f = fopen("/dev/full", "w");

	assert_true(report_html(f, r) < 0);
	fclose(f);
	drop(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures), cmocka_unit_test(test_page),
		cmocka_unit_test(test_since),	cmocka_unit_test(test_broken),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, record, clean);
}
