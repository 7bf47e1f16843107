// SPDX-License-Identifier: GPL-2.0
/* From QEMU's guest-stats to a sample: what the guest really gave, no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dynmemd/qmp/guest_stats.h"
#include "common/util.h"

static struct guest_record parse(const char *text)
{
	struct json_cursor c = json_cursor((struct json_span){ text, strlen(text) });
	struct guest_record s;

	stats_parse(&s, &c);
	assert_true(c.p == c.end);
	return s;
}

/* One statistic, and when it was taken. */
static struct guest_record parse_available(const char *value, const char *update)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "{\"stats\": {\"stat-available-memory\": %s}, \"last-update\": %s}", value,
		 update);
	return parse(text);
}

/* As QEMU 7.2 reports it, with a guest that knows no huge pages. */
static void test_real(_unused_ void **state)
{
	struct guest_record s = parse(
		"{\"stats\": {\"stat-htlb-pgalloc\": 0, \"stat-swap-out\": 8192, \"stat-available-memory\": 391954432, \"stat-htlb-pgfail\": 0, \"stat-free-memory\": 407228416, \"stat-minor-faults\": 41256, \"stat-major-faults\": 84, \"stat-total-memory\": 499335168, \"stat-swap-in\": 4096, \"stat-disk-caches\": 9027584}, \"last-update\": 1732431000}");

	assert_int_equal(s.present, GUEST_HAS_LAST_UPDATE | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE |
					    GUEST_HAS_FREE | GUEST_HAS_DISK_CACHES |
					    GUEST_HAS_SWAP_IN | GUEST_HAS_SWAP_OUT |
					    GUEST_HAS_MAJOR_FAULTS | GUEST_HAS_MINOR_FAULTS |
					    GUEST_HAS_HUGE_ALLOCS | GUEST_HAS_HUGE_FAILS);
	assert_int_equal(s.total, 499335168);
	assert_int_equal(s.available, 391954432);
	assert_int_equal(s.free, 407228416);
	assert_int_equal(s.disk_caches, 9027584);
	assert_int_equal(s.swap_in, 4096);
	assert_int_equal(s.swap_out, 8192);
	assert_int_equal(s.major_faults, 84);
	assert_int_equal(s.minor_faults, 41256);
	assert_int_equal(s.last_update, 1732431000);
}

/* QEMU 9.1 and a guest of Linux 6.12 have more. */
static void test_newer_counters(_unused_ void **state)
{
	struct guest_record s = parse(
		"{\"stats\": {\"stat-oom-kills\": 2, \"stat-alloc-stalls\": 70, \"stat-async-scans\": 1, \"stat-direct-reclaims\": 5}, \"last-update\": 1}");

	assert_int_equal(s.present, GUEST_HAS_LAST_UPDATE | GUEST_HAS_OOM_KILL |
					    GUEST_HAS_ALLOC_STALL | GUEST_HAS_ASYNC_SCANS |
					    GUEST_HAS_DIRECT_RECLAIMS);
	assert_int_equal(s.oom_kill, 2);
	assert_int_equal(s.alloc_stall, 70);
	assert_int_equal(s.async_scans, 1);
	assert_int_equal(s.direct_reclaims, 5);
}

/* A guest that never reported, and values that no guest can mean. */
static void test_absent(_unused_ void **state)
{
	static const char *const values[] = {
		"18446744073709551615",
		"-1",
		"-9223372036854775808",
		"99999999999999999999999",
		"1.5",
		"1e300",
		"\"12\"",
		"null",
		"true",
		"[]",
		"{}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct guest_record s = parse_available(values[i], "7");

		assert_int_equal(s.present, GUEST_HAS_LAST_UPDATE);
		assert_int_equal(s.available, 0);
		assert_int_equal(s.last_update, 7);
	}
	assert_int_equal(parse_available("0", "7").present,
			 GUEST_HAS_LAST_UPDATE | GUEST_HAS_AVAILABLE);
}

/* From the past and the future: only compared, so anything goes but a lie. */
static void test_last_update(_unused_ void **state)
{
	assert_int_equal(parse_available("1", "0").last_update, 0);
	assert_int_equal(parse_available("1", "-5").last_update, 0);
	assert_int_equal(parse_available("1", "1").last_update, 1);
	assert_int_equal(parse_available("1", "253402300800").last_update, 253402300800);
	assert_int_equal(parse_available("1", "9223372036854775807").last_update, INT64_MAX);
	assert_int_equal(parse_available("1", "\"now\"").last_update, 0);
}

static void test_not_statistics(_unused_ void **state)
{
	static const char *const texts[] = {
		"[]",
		"\"text\"",
		"{}",
		"{\"stats\": 5}",
		"{\"stats\": [1]}",
		"{\"stats\": {}}",
		"{\"stats\": null, \"last-update\": {}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct guest_record s = parse(texts[i]);

		assert_int_equal(s.present, 0);
		assert_int_equal(s.last_update, 0);
	}
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_newer_counters),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_last_update),
		cmocka_unit_test(test_not_statistics),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
