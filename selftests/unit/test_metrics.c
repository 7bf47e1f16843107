// SPDX-License-Identifier: GPL-2.0
/* What dynmem metrics writes, from what the daemon and the module answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dynmem/metrics/exposition.h"
#include "dynmem/metrics/metrics.h"

static struct json_object *parse(const char *json)
{
	struct json_object *obj = json ? json_tokener_parse(json) : NULL;

	assert_true(!json || obj);
	return obj;
}

static char *written(enum metrics_format format, const struct metrics_state *s)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	metrics_write(out, format, s);
	assert_int_equal(fclose(out), 0);
	return text;
}

static char *of_json(enum metrics_format format, const char *host, const char *guests,
		     const char *kernel)
{
	struct metrics_state s = { .host = parse(host),
				   .guests = parse(guests),
				   .kernel = parse(kernel) };
	char *text = written(format, &s);

	metrics_state_free(&s);
	return text;
}

/* A whole line. */
static bool has(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && at[n] == '\n')
			return true;
	return false;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

static void without_daemon(void **state)
{
	char *text = of_json(METRICS_OPENMETRICS, NULL, NULL, NULL);

	(void)state;
	assert_true(has(text, "dynmem_up 0"));
	assert_true(has(text, "dynmem_module_up 0"));
	assert_null(strstr(text, "dynmem_host"));
	assert_null(strstr(text, "dynmem_guest"));
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	free(text);
	text = of_json(METRICS_PLAIN, NULL, NULL, NULL);
	assert_null(strstr(text, "# EOF"));
	free(text);
}

static void host(void **state)
{
	static const char json[] =
		"{'level': 'medium', 'mode': 'manage', 'source': 'genl', 'total': 8589934592,"
		" 'deficit': -5, 'gate': 'rate', 'oom-kills': 3, 'reactions': 4,"
		" 'reaction-time': 1500, 'decisions': {'shrink-host': 7}, 'decisions-observed': {}}";
	char *text = of_json(METRICS_OPENMETRICS, json, "[]", NULL);

	(void)state;
	assert_true(has(text, "dynmem_up 1"));
	assert_true(has(text, "dynmem_host_memory_bytes 8589934592"));
	assert_true(has(text, "# UNIT dynmem_host_memory_bytes bytes"));
	assert_true(has(text, "dynmem_host_deficit_bytes -5"));
	assert_true(has(text, "dynmem_host_level 2"));
	assert_true(has(text, "dynmem_mode{mode=\"manage\"} 1"));
	assert_true(has(text, "dynmem_mode{mode=\"observe\"} 0"));
	assert_true(has(text, "dynmem_source{source=\"genl\"} 1"));
	assert_true(has(text, "dynmem_gate_holding{rule=\"rate\"} 1"));
	assert_true(has(text, "dynmem_gate_holding{rule=\"shortage\"} 0"));
	assert_true(has(text, "# TYPE dynmem_host_oom_kills counter"));
	assert_true(has(text, "dynmem_host_oom_kills_total 3"));
	assert_true(has(text, "dynmem_decisions_total{reason=\"shrink-host\"} 7"));
	/* A reason that never came is there, too, and was never observed. */
	assert_true(has(text, "dynmem_decisions_total{reason=\"grow-pressed\"} 0"));
	assert_true(has(text, "dynmem_decisions_observed_total{reason=\"shrink-host\"} 0"));
	assert_true(has(text, "dynmem_reaction_seconds_count 4"));
	assert_true(has(text, "dynmem_reaction_seconds_sum 0.0015"));
	/* What is not known is not there. */
	assert_null(strstr(text, "dynmem_host_swap_bytes"));
	free(text);
	text = of_json(METRICS_PLAIN, json, "[]", NULL);
	assert_true(has(text, "# TYPE dynmem_host_oom_kills_total counter"));
	assert_true(has(text, "dynmem_host_oom_kills_total 3"));
	assert_null(strstr(text, "# UNIT"));
	free(text);
}

static void stalls(void **state)
{
	char *text = of_json(METRICS_OPENMETRICS, NULL, NULL,
			     "{'pressure': {'stalls': 5, 'stall_time': 2500000000,"
			     " 'memcg_stalls': 6, 'huge_stalls': 7},"
			     " 'ksm': {'profit': -4096, 'full_scans': 2}}");

	(void)state;
	assert_true(has(text, "dynmem_module_up 1"));
	assert_true(has(text, "dynmem_stalls_total{cause=\"host\"} 5"));
	assert_true(has(text, "dynmem_stalls_total{cause=\"cgroup\"} 6"));
	assert_true(has(text, "dynmem_stalls_total{cause=\"huge_page\"} 7"));
	assert_true(has(text, "dynmem_stall_seconds_total{cause=\"host\"} 2.5"));
	assert_null(strstr(text, "dynmem_stall_seconds_total{cause=\"cgroup\"}"));
	assert_true(has(text, "dynmem_ksm_profit_bytes -4096"));
	assert_true(has(text, "dynmem_ksm_full_scans_total 2"));
	free(text);
}

static void guests(void **state)
{
	char *text = of_json(
		METRICS_OPENMETRICS, "{'mode': 'manage'}",
		"[{'name': 'web\\\"1\\\\\\n\\u65e5\\u672c', 'backend': 'qmp', 'class': 'pinned',"
		"  'min': 1048576, 'pinned': 'locked', 'pressed': true, 'reclaimed': 9},"
		" {'name': 'b', 'backend': 'pve', 'class': 'reporting', 'used': 5, 'alert': true}]",
		NULL);

	(void)state;
	assert_true(has(text,
			"dynmem_guest_min_bytes{guest=\"web\\\"1\\\\\\n\xe6\x97\xa5\xe6\x9c\xac\"} "
			"1048576"));
	assert_true(
		has(text, "dynmem_guest_class{guest=\"b\",backend=\"pve\",class=\"reporting\"} 1"));
	assert_true(has(text, "dynmem_guest_used_bytes{guest=\"b\"} 5"));
	assert_int_equal(count(text, "\ndynmem_guest_used_bytes"), 1);
	assert_true(has(text, "dynmem_guest_pinned{guest=\"b\"} 0"));
	assert_true(has(text, "dynmem_guest_alert{guest=\"b\"} 1"));
	assert_int_equal(count(text, "\ndynmem_guest_pinned{"), 2);
	assert_int_equal(count(text, "dynmem_guest_reclaimed_bytes_total{"), 1);
	/* No family without a sample, and each family once. */
	assert_null(strstr(text, "dynmem_guest_actual_bytes"));
	assert_int_equal(count(text, "# TYPE dynmem_guest_pinned gauge"), 1);
	free(text);
}

/* All lines of a family follow each other, with as many series as there are guests. */
static void many_guests(void **state)
{
	struct metrics_state s = { .host = parse("{'mode': 'manage'}"),
				   .guests = json_object_new_array() };
	char name[32], *text;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct json_object *g = parse("{'backend': 'qmp', 'class': 'silent', 'min': 1}");

		snprintf(name, sizeof(name), "g%d", i);
		json_object_object_add(g, "name", json_object_new_string(name));
		json_object_array_add(s.guests, g);
	}
	text = written(METRICS_OPENMETRICS, &s);
	assert_int_equal(count(text, "\ndynmem_guest_min_bytes{"), 2000);
	assert_int_equal(count(text, "\ndynmem_guest_class{"), 2000);
	assert_int_equal(count(text, "# TYPE dynmem_guest_class"), 1);
	assert_true(has(text, "dynmem_guest_min_bytes{guest=\"g1999\"} 1"));
	free(text);
	metrics_state_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_daemon), cmocka_unit_test(host),
		cmocka_unit_test(stalls),	  cmocka_unit_test(guests),
		cmocka_unit_test(many_guests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
