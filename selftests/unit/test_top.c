// SPDX-License-Identifier: GPL-2.0
/* dynmem top: from what is known to rows, without a terminal; and its keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dynmem/top/top.h"

static struct top_row rows[200];

static struct top_data data_of(const char *guests)
{
	struct top_data d = { .clock = "12:34:56" };

	d.host = json_tokener_parse("{'mode': 'manage', 'source': 'genl', 'level': 'none',"
				    " 'total': 8589934592, 'available': 4294967296,"
				    " 'reserve': 1073741824, 'hold': 1073741824}");
	d.guests = json_tokener_parse(guests);
	assert_non_null(d.host);
	assert_non_null(d.guests);
	return d;
}

static void drop(struct top_data *d)
{
	json_object_put(d->host);
	json_object_put(d->guests);
}

static const char two[] =
	"[{'name': 'web', 'class': 'reporting', 'min': 1073741824, 'max': 4294967296,"
	"  'actual': 2147483648, 'target': 3221225472, 'used': 1073741824},"
	" {'name': 'db10', 'class': 'silent', 'min': 1073741824, 'max': 1073741824,"
	"  'actual': 1073741824, 'pressed': true},"
	" {'name': 'db9', 'class': 'pinned', 'max': 2147483648, 'actual': 2147483648, 'alert': true}]";

static bool found(const struct top_view *v, const char *text)
{
	for (unsigned int i = 0; i < v->rows; i++)
		if (strstr(rows[i].text, text))
			return true;
	return false;
}

static void fits(const struct top_view *v)
{
	for (unsigned int i = 0; i < v->rows; i++) {
		assert_true(rows[i].columns <= v->columns);
		assert_true(strlen(rows[i].text) == rows[i].length);
	}
}

static void bars(void **state)
{
	struct top_view v = { .columns = 116, .rows = 24 };
	struct top_data d = data_of(two);

	(void)state;
	top_layout(&d, &v, rows);
	fits(&v);
	assert_non_null(
		strstr(rows[0].text, "dynmem mode manage, source genl, 3 guests, level none"));
	assert_non_null(strstr(rows[0].text + 100, "12:34:56"));
	/* 76 columns are 8 GiB: half used, an eighth each for reserve and held. */
	assert_non_null(strstr(rows[1].text,
			       "[######################################RRRRRRRRRRhhhhhhhhh..."));
	/* Sorted as people count. */
	assert_non_null(strstr(rows[4].text, "db9"));
	assert_non_null(strstr(rows[5].text, "db10"));
	/* 49 columns are 4 GiB: min at 1, used up to it, actual 2, target 3. */
	assert_non_null(
		strstr(rows[6].text,
		       "web             [###########|=============...........>............]"));
	assert_non_null(strstr(rows[6].text, "1024 MiB 2048 MiB 3072 MiB 4096 MiB reporting"));
	assert_non_null(strstr(rows[5].text, "pressed"));
	assert_non_null(strstr(rows[4].text, "ALERT"));
	/* What is not known is no 0. */
	assert_non_null(strstr(rows[5].text, " - "));
	drop(&d);
}

/* Every size of terminal, with names of any width. */
static void sizes(void **state)
{
	struct top_data d = data_of("[{'name': '\\u65e5\\u672c\\u8a9e\\u65e5\\u672c\\u8a9e\\u65e5"
				    "\\u672c\\u8a9e\\u65e5\\u672c\\u8a9e', 'max': 99, 'actual': 50,"
				    " 'target': 3, 'min': 2, 'used': 5},"
				    " {'name': 'e\\u0301\\u001b[2J', 'max': 9, 'actual': 99}]");

	(void)state;
	for (int i = 0; i < 40; i++)
		top_decision(&d, "12:34:56 web to 5 GiB: a reason that is longer than a row, and "
				 "goes on and on and on and on and on and on and on and on");
	for (unsigned int columns = 1; columns < 200; columns++)
		for (unsigned int n = 1; n < 60; n += 7) {
			struct top_view v = { .columns = columns, .rows = n };

			top_layout(&d, &v, rows);
			fits(&v);
			assert_int_equal(found(&v, "Host ["),
					 columns >= TOP_MIN_COLUMNS && n >= TOP_MIN_ROWS);
			/* Nothing steers the terminal. */
			assert_false(found(&v, "\033"));
		}
	drop(&d);
}

static void without_data(void **state)
{
	struct top_view v = { .columns = 80, .rows = 24 };
	struct top_data d = { .clock = "12:34:56" };

	(void)state;
	snprintf(d.problem, sizeof(d.problem), "dynmemd is not running");
	top_layout(&d, &v, rows);
	fits(&v);
	assert_non_null(strstr(rows[0].text, "dynmemd is not running"));
	d = data_of("[]");
	top_layout(&d, &v, rows);
	assert_true(found(&v, "no guests"));
	drop(&d);
}

static void many_guests(void **state)
{
	struct top_view v = { .columns = 80, .rows = 24, .first = 5000 };
	struct top_data d = data_of("[]");
	char name[16];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct json_object *g = json_object_new_object();

		snprintf(name, sizeof(name), "g%d", i);
		json_object_object_add(g, "name", json_object_new_string(name));
		json_object_object_add(g, "used", json_object_new_int64(2000 - i));
		json_object_array_add(d.guests, g);
	}
	top_layout(&d, &v, rows);
	assert_true(found(&v, "g1999 "));
	assert_true(found(&v, "1989 to 2000 of 2000 guests") ||
		    found(&v, "1990 to 2000 of 2000 guests"));
	v.first = 0;
	v.sort = TOP_BY_USED;
	top_layout(&d, &v, rows);
	assert_true(strstr(rows[4].text, "g0 ") == rows[4].text);
	v.reverse = true;
	top_layout(&d, &v, rows);
	assert_true(strstr(rows[4].text, "g1999 ") == rows[4].text);
	strcpy(v.filter, "G199");
	v.reverse = false;
	top_layout(&d, &v, rows);
	assert_true(strstr(rows[4].text, "g199 ") == rows[4].text);
	assert_false(found(&v, "g198"));
	strcpy(v.filter, "nobody");
	top_layout(&d, &v, rows);
	assert_true(found(&v, "no guest has 'nobody' in its name"));
	drop(&d);
}

static void last_decisions(void **state)
{
	struct top_view v = { .columns = 80, .rows = 24 };
	struct top_data d = data_of("[]");
	char text[32];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "decision %d.", i);
		top_decision(&d, text);
	}
	top_layout(&d, &v, rows);
	assert_true(found(&v, "decision 99."));
	assert_true(found(&v, "decision 94."));
	assert_false(found(&v, "decision 93."));
	drop(&d);
}

static void type_text(struct top_view *v, const char *text)
{
	for (; *text; text++)
		assert_true(top_key(v, (unsigned char)*text));
}

static void keys(void **state)
{
	struct top_view v = { 0 };

	(void)state;
	assert_false(top_key(&v, 'q'));
	for (int i = 0; i < TOP_SORTS; i++)
		assert_true(top_key(&v, 's'));
	assert_int_equal(v.sort, TOP_BY_NAME);
	top_key(&v, KEY_UP);
	assert_int_equal(v.first, 0);
	top_key(&v, KEY_NPAGE);
	top_key(&v, KEY_UP);
	assert_int_equal(v.first, 9);
	top_key(&v, KEY_PPAGE);
	assert_int_equal(v.first, 0);
	/* While a filter is typed, q is a letter; a character goes whole. */
	type_text(&v, "/qs\xc3\xa9");
	assert_string_equal(v.filter, "qs\xc3\xa9");
	top_key(&v, KEY_BACKSPACE);
	assert_string_equal(v.filter, "qs");
	top_key(&v, '\n');
	assert_false(v.typing);
	top_key(&v, 27);
	assert_string_equal(v.filter, "");
	type_text(&v, "/");
	for (int i = 0; i < 200; i++)
		top_key(&v, 'a');
	assert_int_equal(strlen(v.filter), sizeof(v.filter) - 1);
	assert_false(top_key(&v, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bars),		  cmocka_unit_test(sizes),
		cmocka_unit_test(without_data),	  cmocka_unit_test(many_guests),
		cmocka_unit_test(last_decisions), cmocka_unit_test(keys),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
