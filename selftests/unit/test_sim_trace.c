// SPDX-License-Identifier: GPL-2.0
/* The readers of traces, with good input and with all kinds of bad. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/rng.h"
#include "sim/traces.h"

#define GWA                                                                     \
	"Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\t"        \
	"CPU usage [MHZ];\tCPU usage [%];\tMemory capacity provisioned [KB];\t" \
	"Memory usage [KB];\tDisk read throughput [KB/s];\t"                    \
	"Disk write throughput [KB/s];\tNetwork received throughput [KB/s];\t"  \
	"Network transmitted throughput [KB/s]\n"
#define ROW(time, max, used) \
	time ";\t2;\t5851.9;\t747.1;\t12.7;\t" max ";\t" used ";\t1.0;\t2.0;\t11.0;\t27.2\n"
#define GOOD ROW("1375308176", "8388608.0", "1308620.0")
#define NEXT ROW("1375308476", "8388608.0", "1157626.4")
#define CSV  "time,guest,max,used\n"
#define MATERNA                                                                       \
	"\"Timestamp\";\"CPU cores\";\"CPU capacity provisioned [MHZ]\";"             \
	"\"CPU usage [MHZ]\";\"CPU usage [%]\";\"Memory capacity provisioned [KB]\";" \
	"\"Memory usage [KB]\";\"Memory usage [%]\";\"Disk read throughput [KB/s]\";" \
	"\"Disk write throughput [KB/s]\"\n"                                          \
	"\"04.11.2015 15:00:51\";\"2\";\"0\";\"234\";\"4,5\";\"4194304\";\"173632\";" \
	"\"4,14\";\"0\";\"104\"\n"                                                    \
	"\"04.11.2015 15:05:51\";\"2\";\"0\";\"234\";\"4,5\";\"4194304\";\"173633\";" \
	"\"4,14\";\"0\";\"104\"\n"

static int parse(struct sim_trace *t, const char *name, const char *text, bool lenient,
		 struct sim_problem *p)
{
	return sim_trace_parse(t, name, text, strlen(text), lenient, p);
}

static void gwa_good(void **state)
{
	struct sim_trace t = { 0 };
	struct sim_problem p;

	(void)state;
	assert_int_equal(parse(&t, "some/dir/42.csv",
			       GWA GOOD NEXT ROW("1375308777", "8388608.0", "0.0"), false, &p),
			 0);
	assert_int_equal(t.count, 1);
	assert_string_equal(t.machine[0].name, "42");
	assert_int_equal(t.machine[0].count, 3);
	assert_true(t.machine[0].max == 8388608.0 * 1024);
	/* Starts at 0; 300 and 301 s apart: the median is one of them. */
	assert_int_equal(t.machine[0].sample[0].time, 0);
	assert_int_equal(t.machine[0].sample[1].time, 300);
	assert_int_equal(t.machine[0].sample[2].time, 601);
	assert_in_range(t.machine[0].period, 300, 301);
	assert_true(t.machine[0].sample[0].used == 1308620.0f * 1024);
	assert_true(t.machine[0].sample[0].disk == 3 * 1024.0f);
	assert_int_equal(t.span, 601 + t.machine[0].period);
	assert_int_equal(t.gaps, 0);
	sim_trace_clear(&t);
}

/* Milliseconds, as the heading says and other sets of the archive have. */
static void gwa_milliseconds(void **state)
{
	struct sim_trace t = { 0 };
	struct sim_problem p;

	(void)state;
	assert_int_equal(parse(&t, "1.csv",
			       GWA ROW("1375308176000", "1024", "10")
				       ROW("1375308476500", "1024", "10"),
			       false, &p),
			 0);
	assert_int_equal(t.machine[0].sample[1].time, 300);
	sim_trace_clear(&t);
}

/* The sister trace has the same columns, dates, quotes and decimal commas: refused by field. */
static void gwa_of_materna(void **state)
{
	struct sim_trace t = { 0 };
	struct sim_problem p;

	(void)state;
	assert_int_equal(parse(&t, "materna.csv", MATERNA, false, &p), -EBADMSG);
	assert_int_equal(p.line, 2);
	assert_int_equal(p.column, 2);
	assert_non_null(strstr(p.text, "'Timestamp [ms]', got '04.11.2015 15:00:51'"));
	sim_trace_clear(&t);
}

static void gwa_never_on(void **state)
{
	struct sim_trace t = { 0 };
	struct sim_problem p;

	(void)state;
	assert_int_equal(parse(&t, "1.csv",
			       GWA ROW("1375308176", "0.0", "0.0") ROW("1375308476", "0.0", "0.0"),
			       false, &p),
			 0);
	assert_int_equal(t.count, 0);
	assert_int_equal(t.left_out, 1);
	sim_trace_clear(&t);
}

static void gwa_gap_is_counted(void **state)
{
	struct sim_trace t = { 0 };
	struct sim_problem p;

	(void)state;
	assert_int_equal(parse(&t, "1.csv",
			       GWA GOOD NEXT ROW("1375308776", "8388608", "1")
				       ROW("1375312755", "8388608", "1"),
			       false, &p),
			 0);
	assert_int_equal(t.gaps, 1);
	assert_int_equal(t.gap_longest, 3979);
	sim_trace_clear(&t);
}

static void csv_good(void **state)
{
	struct sim_trace t = { 0 };
	struct sim_problem p;

	(void)state;
	assert_int_equal(parse(&t, "x.csv",
			       "# a comment\n"
			       "\n"
			       "guest, used ,time,ignored,max,disk\r\n"
			       "web,512M,100,,4G,1K\r\n"
			       "\"db\",1.5G,100,,8G,0\n"
			       "web,256M,160,,4G,2K\n"
			       "db,2147483648,160,,8T,0", /* no last newline */
			       false, &p),
			 0);
	assert_int_equal(t.count, 2);
	assert_string_equal(t.machine[0].name, "web");
	assert_string_equal(t.machine[1].name, "db");
	assert_true(t.machine[0].max == 0x1p32);
	assert_true(t.machine[1].max == 0x1p43); /* the largest */
	assert_true(t.machine[0].sample[0].used == 0x1p29f);
	assert_true(t.machine[1].sample[0].used == 1.5f * 0x1p30f);
	assert_true(t.machine[1].sample[1].used == 0x1p31f);
	assert_true(t.machine[0].sample[1].disk == 2048.0f);
	assert_int_equal(t.machine[1].sample[1].time, 60);
	sim_trace_clear(&t);
}

/*
 * Enough guests that their table grows, in the order that misses its shortcut.
 */
/* What a spreadsheet makes of it: a BOM and CRLF are read, ';' is named. */
static void csv_of_spreadsheet(void **state)
{
	static const char *const good[] = {
		"\xef\xbb\xbftime,guest,max,used\n0,a,4G,800M\n300,a,4G,800M\n",
		"\xef\xbb\xbftime,guest,max,used\r\n0,a,4G,800M\r\n300,a,4G,800M\r\n",
		"\xef\xbb\xbf" GWA GOOD NEXT,
	};
	struct sim_problem p;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct sim_trace t = { 0 };

		assert_int_equal(parse(&t, "a.csv", good[i], false, &p), 0);
		assert_int_equal(t.count, 1);
		sim_trace_clear(&t);
	}
	{
		struct sim_trace t = { 0 };

		assert_int_equal(parse(&t, "a.csv", "time;guest;max;used\n0;a;4G;800M\n", false,
				       &p),
				 -EBADMSG);
		assert_non_null(strstr(p.text, "expected ',' between fields"));
		sim_trace_clear(&t);
	}
}

static void csv_many_guests(void **state)
{
	struct sim_trace t = { 0 };
	struct sim_problem p;
	size_t length, room = 1 << 20;
	char *text = malloc(room);

	(void)state;
	length = (size_t)sprintf(text, CSV);
	for (int time = 0; time < 3; time++)
		for (int g = 0; g < 1000; g++)
			length += (size_t)snprintf(text + length, room - length,
						   "%d,guest%d,1G,%dK\n", 60 * time, g, g);
	assert_int_equal(sim_trace_parse(&t, "x", text, length, false, &p), 0);
	assert_int_equal(t.count, 1000);
	for (int g = 0; g < 1000; g++) {
		assert_int_equal(t.machine[g].count, 3);
		assert_true(t.machine[g].sample[2].used == (float)g * 1024);
	}
	free(text);
	sim_trace_clear(&t);
}

#define STATE(time, used)                                                                               \
	"{\"type\":\"state\",\"host\":{},\"guests\":[{\"name\":\"a\",\"max\":1073741824,\"used\":" used \
	"},{\"name\":\"b\",\"max\":2147483648}],\"time\":\"2026-01-31T12:00:" time "Z\"}\n"

static void recording_good(void **state)
{
	struct sim_trace t = { 0 };
	struct sim_problem p;

	(void)state;
	assert_int_equal(parse(&t, "x.jsonl",
			       "{\"type\":\"decision\",\"guest\":\"a\"}\n" STATE(
				       "01.250000", "1000") STATE("06.000001", "2000"),
			       false, &p),
			 0);
	assert_int_equal(t.count, 1); /* b never reported what it uses */
	assert_string_equal(t.machine[0].name, "a");
	assert_int_equal(t.machine[0].count, 2);
	assert_int_equal(t.machine[0].sample[1].time, 5);
	assert_true(t.machine[0].sample[1].used == 2000.0f);
	sim_trace_clear(&t);
}

/* One of a host without guests: the error names the file. */
static void recording_empty(void **state)
{
	struct sim_trace t = { 0 };
	struct sim_problem p;

	(void)state;
	for (int lenient = 0; lenient < 2; lenient++) {
		int err = parse(&t, "x.jsonl", "{\"type\":\"level\",\"level\":\"low\"}\n", lenient,
				&p);

		assert_int_equal(err, lenient ? 0 : -EBADMSG);
		if (lenient)
			p = t.first;
		assert_non_null(strstr(p.text, "expected guests in the recording"));
		assert_non_null(strstr(p.file, "x.jsonl"));
	}
	sim_trace_clear(&t);
}

static const struct bad {
	const char *text;
	unsigned long line, column;
	const char *says; /* a part of the message */
} bads[] = {
	{ "", 0, 0, "a file without a line" },
	{ "hello\n", 1, 0, "expected the header" },
	{ "Timestamp [ms];\tMemory usage [KB]\n1;\t2\n", 1, 0,
	  "a column 'Memory capacity provisioned [KB]'" },
	{ "time,guest,used\n", 1, 0, "a column 'max'" },
	{ GWA GOOD "1375308476;\t2;\t3\n", 3, 0,
	  "'Memory capacity provisioned [KB]' as field 6, got a line of 3" },
	{ GWA GOOD ROW("1375308476", "8388608.0", "NaN"), 3, 48,
	  "a number for 'Memory usage [KB]', got 'NaN'" },
	{ GWA GOOD ROW("1375308476", "inf", "1"), 3, 37, "a number" },
	{ GWA GOOD ROW("1375308476", "0x10", "1"), 3, 37, "a number" },
	{ GWA GOOD ROW("1375308476", "8388608", ""), 3, 46, "a number" },
	{ GWA GOOD ROW("1375308476", "8388608", "-1"), 3, 46,
	  "used memory from 0 to what is provisioned, got '-1'" },
	{ GWA GOOD ROW("1375308476", "8388608", "9388608"), 3, 46,
	  "used memory from 0 to what is provisioned" },
	{ GWA GOOD ROW("1375308476", "8388608", "1e300"), 3, 46,
	  "used memory from 0 to what is provisioned" },
	{ GWA GOOD ROW("1375308476", "-5", "1"), 3, 37, "above 0 and up to 64 TiB" },
	{ GWA GOOD ROW("1375308476", "0.0", "1"), 3, 37, "above 0 and up to 64 TiB" },
	{ GWA GOOD ROW("1375308476", "0.0", "0.0"), 3, 37, "got 0" },
	{ GWA ROW("1375308176", "0.0", "0.0") NEXT, 2, 37, "got 0" },
	{ GWA GOOD ROW("1375308476", "1e14", "1"), 3, 37, "above 0 and up to 64 TiB" },
	{ GWA GOOD ROW("1375308176", "8388608", "1"), 3, 1,
	  "a time after 1375308176, the one before" },
	{ GWA GOOD ROW("1375308000", "8388608", "1"), 3, 1, "a time after" },
	{ GWA GOOD ROW("-5", "8388608", "1"), 3, 1, "a time from 0" },
	{ GWA GOOD ROW("1375328176", "8388608", "1"), 3, 1, "a gap of 20000 s" },
	{ GWA GOOD, 0, 0, "at least two good samples of machine 'x'" },
	{ CSV "0,a,1G\n", 2, 0, "'used' as field 4, got a line of 3" },
	{ CSV "0,,1G,1M\n", 2, 3, "a name of 1 to 255 characters" },
	{ CSV "now,a,1G,1M\n", 2, 1, "seconds for 'time', got 'now'" },
	{ CSV "0,a,1X,1M\n", 2, 5, "a size for 'max', got '1X'" },
	{ CSV "0,a,1G,1MM\n", 2, 8, "a size for 'used', got '1MM'" },
	{ CSV "0,a,1G,2G\n", 2, 8, "used memory from 0" },
	{ CSV "0,a,1G,nan\n", 2, 8, "a size for 'used'" },
	{ CSV "0,a,0,0\n", 2, 5, "above 0 and up to 64 TiB" },
	{ CSV "5,a,1G,1M\n5,b,1G,1M\n4,a,1G,1M\n", 4, 1, "a time after 5" },
	{ "time,guest,max,used,disk\n0,a,1G,1M,-1\n", 2, 11, "disk throughput" },
	{ "{\"type\":\"state\"\n", 1, 0, "a JSON object" },
	{ "{\"type\":\"state\"}\n", 1, 0, "a \"time\" like" },
	{ "{\"type\":\"state\",\"time\":\"2026-01-31T12:00:00Z\"}\n", 1, 0, "an array \"guests\"" },
	{ "{\"type\":\"state\",\"time\":\"noon\",\"guests\":[]}\n", 1, 0, "a \"time\" like" },
	{ "{\"type\":\"state\",\"time\":\"2026-01-31T12:00:00Z\",\"guests\":[3]}\n", 1, 0,
	  "each guest to be an object" },
	{ "{\"type\":\"state\",\"time\":\"2026-01-31T12:00:00Z\",\"guests\":[{}]}\n", 1, 0,
	  "a guest with a \"name\"" },
	{ "{\"type\":\"state\",\"time\":\"2026-01-31T12:00:00Z\",\"guests\":[{\"name\":\"a\"}]}\n",
	  1, 0, "its \"max\"" },
	{ STATE("00", "9999999999"), 1, 0, "used memory from 0" },
	{ "{} x\n", 1, 0, "a JSON object" },
};

static void bad_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		const struct bad *b = &bads[i];
		struct sim_trace t = { 0 };
		struct sim_problem p = { .text = "untouched" };
		int err = parse(&t, "x.csv", b->text, false, &p);

		if (err != -EBADMSG || p.line != b->line || (b->column && p.column != b->column) ||
		    !strstr(p.text, b->says))
			fail_msg("case %zu: %d, %s:%lu:%lu: %s\nwanted %lu:%lu: %s", i, err, p.file,
				 p.line, p.column, p.text, b->line, b->column, b->says);
		assert_string_equal(p.file, "x.csv");
		assert_int_equal(t.count, 0);
		sim_trace_clear(&t);
	}
}

static void lenient_skips_and_counts(void **state)
{
	struct sim_trace t = { 0 };
	struct sim_problem p;

	(void)state;
	assert_int_equal(parse(&t, "x.csv",
			       GWA GOOD ROW("1375308176", "8388608", "1")
				       ROW("1375308400", "8388608", "NaN") NEXT
			       "garbage\n" ROW("1375338476", "8388608", "7"),
			       true, &p),
			 0);
	assert_int_equal(t.count, 1);
	/* The gap is counted, its row is kept. */
	assert_int_equal(t.machine[0].count, 3);
	assert_int_equal(t.skipped, 4);
	assert_int_equal(t.first.line, 3);
	assert_non_null(strstr(t.first.text, "a time after"));
	/* A file that cannot be read at all is one of its own. */
	assert_int_equal(parse(&t, "y.csv", "hello\n", true, &p), 0);
	assert_int_equal(t.skipped_files, 1);
	assert_int_equal(t.count, 1);
	sim_trace_clear(&t);
}

/* Two calls, two months: both begin at 0. */
static void loads_begin_together(void **state)
{
	struct sim_trace t = { 0 };
	struct sim_problem p;

	(void)state;
	assert_int_equal(parse(&t, "x", CSV "1000,a,1G,1\n1060,a,1G,1\n", false, &p), 0);
	assert_int_equal(parse(&t, "x", CSV "99000,a,1G,1\n99060,a,1G,1\n", false, &p), 0);
	assert_int_equal(t.count, 2);
	assert_int_equal(t.machine[0].sample[0].time, 0);
	assert_int_equal(t.machine[1].sample[0].time, 0);
	assert_int_equal(t.span, 120);
	sim_trace_clear(&t);
}

static void too_long_is_refused(void **state)
{
	struct sim_trace t = { 0 };
	struct sim_problem p;

	(void)state;
	assert_int_equal(parse(&t, "x",
			       CSV "0,a,1G,1\n60,a,1G,1\n"
				   "40000000,b,1G,1\n40000060,b,1G,1\n",
			       false, &p),
			 -EBADMSG);
	assert_non_null(strstr(p.text, "at most 366 days"));
	assert_int_equal(t.count, 0);
	sim_trace_clear(&t);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void folder(void **state)
{
	char dir[] = "/tmp/dynmem-trace.XXXXXX", path[64];
	struct sim_trace t = { 0 };
	struct sim_problem p;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(sim_trace_load(&t, dir, false, &p), -EBADMSG);
	assert_non_null(strstr(p.text, "*.csv"));
	snprintf(path, sizeof(path), "%s/10.csv", dir);
	write_file(path, GWA GOOD NEXT);
	snprintf(path, sizeof(path), "%s/9.csv", dir);
	write_file(path, GWA GOOD NEXT);
	snprintf(path, sizeof(path), "%s/README", dir);
	write_file(path, "not a trace\n");
	assert_int_equal(sim_trace_load(&t, dir, false, &p), 0);
	assert_int_equal(t.count, 2);
	assert_string_equal(t.machine[0].name, "9");
	assert_string_equal(t.machine[1].name, "10");
	assert_int_equal(sim_trace_load(&t, "/nonexistent", false, &p), -ENOENT);
	unlink(path);
	snprintf(path, sizeof(path), "%s/9.csv", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/10.csv", dir);
	unlink(path);
	rmdir(dir);
	sim_trace_clear(&t);
}

static void generator(void **state)
{
	struct sim_trace a = { 0 }, b = { 0 }, c = { 0 };
	double used = 0, max = 0;

	(void)state;
	assert_int_equal(sim_trace_generate(&a, 200, 86400, 7), 0);
	assert_int_equal(sim_trace_generate(&b, 100, 86400, 7), 0);
	assert_int_equal(sim_trace_generate(&c, 200, 86400, 8), 0);
	assert_int_equal(a.count, 200);
	assert_int_equal(a.span, 86400);
	/* The same seed gives the same machines, however many. */
	for (unsigned int i = 0; i < 100; i++) {
		assert_string_equal(a.machine[i].name, b.machine[i].name);
		assert_int_equal(a.machine[i].count, 288);
		assert_memory_equal(a.machine[i].sample, b.machine[i].sample,
				    288 * sizeof(struct sim_sample));
	}
	assert_true(
		memcmp(a.machine[3].sample, c.machine[3].sample, 288 * sizeof(struct sim_sample)));
	for (unsigned int i = 0; i < a.count; i++) {
		max += a.machine[i].max;
		for (unsigned int k = 0; k < 288; k++) {
			assert_true(a.machine[i].sample[k].used > 0);
			assert_true((double)a.machine[i].sample[k].used < a.machine[i].max);
			used += (double)a.machine[i].sample[k].used / 288;
		}
	}
	/* Worth overcommitting, but not idle altogether. */
	assert_true(used > 0.08 * max && used < 0.35 * max);
	sim_trace_clear(&a);
	sim_trace_clear(&b);
	sim_trace_clear(&c);
}

/*
 * Good traces with bytes changed, taken out and put in: no crash, no nonsense.
 */
static void mutated(void **state)
{
	static const char *const seeds[] = {
		GWA GOOD NEXT,
		CSV "0,a,1G,1M\n0,b,1G,1M\n60,a,1G,1M\n60,b,1G,1M\n",
		STATE("00", "7") STATE("05", "8"),
	};
	static const char often[] = ";,\t\n\"0123456789.-+eEnaiNKMGT{}[]:\\\0";
	unsigned int accepted = 0;

	(void)state;
	for (uint64_t n = 0; n < 30000; n++) {
		struct rng r = rng_stream(n, 1);
		const char *seed = seeds[n % 3];
		size_t length = strlen(seed);
		char *text = malloc(length + 1);
		struct sim_trace t = { 0 };
		struct sim_problem p;
		int changes = 1 + (int)rng_below(&r, 6);

		memcpy(text, seed, length);
		while (changes--) {
			size_t at = rng_below(&r, (uint32_t)length);

			if (rng_below(&r, 3))
				text[at] = often[rng_below(&r, sizeof(often))];
			else if (length > 2)
				memmove(text + at, text + at + 1, --length - at);
		}
		if (!sim_trace_parse(&t, "m.csv", text, length, n & 1, &p))
			accepted++;
		for (unsigned int i = 0; i < t.count; i++) {
			const struct sim_series *s = &t.machine[i];

			assert_true(s->count >= 2 && s->period > 0);
			assert_true(s->max > 0 && s->max <= SIM_MACHINE_BYTES_MAX);
			for (uint32_t k = 0; k < s->count; k++) {
				assert_true(s->sample[k].used >= 0);
				assert_true((double)s->sample[k].used <= 1.01 * s->max);
				assert_true(!k || s->sample[k].time > s->sample[k - 1].time);
			}
		}
		sim_trace_clear(&t);
		free(text);
	}
	/* Not all were hopeless: the checks above have run. */
	assert_true(accepted > 3000);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gwa_good),
		cmocka_unit_test(gwa_milliseconds),
		cmocka_unit_test(gwa_of_materna),
		cmocka_unit_test(gwa_never_on),
		cmocka_unit_test(gwa_gap_is_counted),
		cmocka_unit_test(csv_good),
		cmocka_unit_test(csv_of_spreadsheet),
		cmocka_unit_test(csv_many_guests),
		cmocka_unit_test(recording_good),
		cmocka_unit_test(recording_empty),
		cmocka_unit_test(bad_is_told),
		cmocka_unit_test(lenient_skips_and_counts),
		cmocka_unit_test(loads_begin_together),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(folder),
		cmocka_unit_test(generator),
		cmocka_unit_test(mutated),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
