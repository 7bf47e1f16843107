// SPDX-License-Identifier: GPL-2.0
/*
 * How the command prints sizes and text from elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dynmem/out.h"

static void sizes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 24, "0" },
		{ 511, "0" },
		{ 512, "0" },
		{ 513, "1 KiB" },
		{ 1024, "1 KiB" },
		{ 1023 << 10, "1023 KiB" },
		{ (1 << 20) - 1, "1 MiB" },
		{ 1 << 20, "1 MiB" },
		{ UINT64_C(512) << 20, "512 MiB" },
		{ UINT64_C(1536) << 20, "1536 MiB" },
		{ UINT64_C(10239) << 20, "10239 MiB" },
		{ UINT64_C(10) << 30, "10 GiB" },
		{ UINT64_C(9) << 40, "9.0 TiB" },
		{ UINT64_MAX, "16 EiB" },
	};
	char buf[OUT_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(out_bytes(cases[i].bytes, buf), cases[i].text);
}

static void signed_sizes(void **state)
{
	char buf[OUT_BYTES_MAX];

	(void)state;
	assert_string_equal(out_bytes_signed(1 << 20, buf), "+1 MiB");
	assert_string_equal(out_bytes_signed(-(1 << 20), buf), "-1 MiB");
	assert_string_equal(out_bytes_signed(-24, buf), "+0");
	assert_string_equal(out_bytes_signed(INT64_MIN, buf), "-8.0 EiB");
}

/* What explain leaves out of its steps in MiB. */
static void what_counts(void **state)
{
	(void)state;
	assert_false(out_counts(0, 1 << 20));
	assert_false(out_counts(24, 1 << 20));
	assert_false(out_counts(1 << 19, 1 << 20));
	assert_true(out_counts((1 << 19) + 1, 1 << 20));
	assert_true(out_counts(UINT64_MAX, 1 << 20));
}

static void hostile_text(void **state)
{
	char huge[4096];

	(void)state;
	assert_string_equal(out_safe(NULL), "");
	assert_string_equal(out_safe("web-1"), "web-1");
	assert_string_equal(out_safe("\033[2Jx\r\n\a\177"), "?[2Jx????");
	/* UTF-8 stays; C1 controls in it and broken sequences do not. */
	assert_string_equal(out_safe("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
	assert_string_equal(out_safe("\xc2\x9b"
				     "31m"),
			    "?31m");
	assert_string_equal(out_safe("\x9b"
				     "31m\xe2\x82"),
			    "?31m??");
	memset(huge, 'a', sizeof(huge));
	huge[sizeof(huge) - 1] = '\0';
	assert_true(strlen(out_safe(huge)) < 512);
}

static void members(void **state)
{
	struct json_object *obj = json_tokener_parse("{\"a\":18446744073709551615,\"b\":-1,"
						     "\"c\":\"x\",\"d\":[]}");

	(void)state;
	assert_int_equal(out_u64(obj, "a"), UINT64_MAX);
	assert_int_equal(out_i64(obj, "b"), -1);
	assert_int_equal(out_u64(obj, "absent"), 0);
	assert_string_equal(out_str(obj, "c"), "x");
	assert_string_equal(out_str(obj, "d"), "");
	assert_true(out_has(obj, "d"));
	assert_false(out_has(obj, "e"));
	json_object_put(obj);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(signed_sizes),
		cmocka_unit_test(what_counts),
		cmocka_unit_test(hostile_text),
		cmocka_unit_test(members),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
