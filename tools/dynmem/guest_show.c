// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem show: all that is known about one guest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "common/dbus_names.h"
#include "common/util.h"
#include "guest_show.h"
#include "out.h"
#include "state.h"
#include "when.h"

#define SCHEMA 1 /* of --json, see out_new() */

enum unit { BYTES, COUNT, PAGES };

static const struct row {
	const char *key, *label;
	enum unit unit;
} statistics[] = {
	{ "stat-total", "total memory", BYTES },
	{ "stat-available", "available", BYTES },
	{ "stat-free", "free", BYTES },
	{ "stat-disk-caches", "disk caches", BYTES },
	{ "stat-swap-in", "swapped in", BYTES },
	{ "stat-swap-out", "swapped out", BYTES },
	{ "stat-major-faults", "major faults", COUNT },
	{ "stat-minor-faults", "minor faults", COUNT },
	{ "stat-htlb-pgalloc", "huge pages taken", COUNT },
	{ "stat-htlb-pgfail", "huge pages missed", COUNT },
	{ "stat-oom-kills", "OOM kills", COUNT },
	{ "stat-alloc-stalls", "allocation stalls", COUNT },
	{ "stat-async-scans", "scanned by kswapd", PAGES },
	{ "stat-direct-scans", "scanned by others", PAGES },
	{ "stat-async-reclaims", "taken by kswapd", PAGES },
	{ "stat-direct-reclaims", "taken by others", PAGES },
}, costs[] = {
	{ "rss", "resident", BYTES },
	{ "hugetlb", "huge pages of pools", BYTES },
	{ "swapped", "in the host's swap", BYTES },
	{ "ksm-saved", "saved by KSM", BYTES },
	{ "disk-read", "read from disks", BYTES },
};

static void print_rows(struct json_object *record, const struct row *rows, size_t n)
{
	char text[OUT_BYTES_MAX];

	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];

		if (!out_has(record, r->key))
			printf("  %-20s not reported\n", r->label);
		else if (r->unit == BYTES)
			printf("  %-20s %s\n", r->label, out_bytes(out_u64(record, r->key), text));
		else
			printf("  %-20s %llu%s\n", r->label,
			       (unsigned long long)out_u64(record, r->key),
			       r->unit == PAGES ? " pages" : "");
	}
}

/* "on", "off", or that QEMU did not say. */
static const char *trait(struct json_object *g, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(g, key, &v))
		return "not reported";
	return json_object_get_boolean(v) ? "on" : "off";
}

static void print_machine(struct json_object *g, struct json_object *record)
{
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX], c[OUT_BYTES_MAX];

	printf("Machine\n");
	printf("  %-20s %s, of it DIMMs %s; devices that a balloon does not reach %s\n", "memory",
	       out_size(record, "memory", a), out_size(record, "dimms", b),
	       out_size(record, "devices", c));
	printf("  %-20s pid %llu, by backend %s at %s\n", "QEMU",
	       (unsigned long long)out_u64(g, DYNMEM_GUEST_PID), out_str(g, DYNMEM_GUEST_BACKEND),
	       out_safe(out_str(g, DYNMEM_GUEST_SOCKET)));
	printf("  %-20s %s\n", "pinned by",
	       out_has(g, DYNMEM_GUEST_PINNED) ? out_safe(out_str(g, DYNMEM_GUEST_PINNED))
					       : "nothing that is known");
	printf("  %-20s %s\n", "KSM",
	       out_has(g, DYNMEM_GUEST_UNMERGEABLE) ? out_safe(out_str(g, DYNMEM_GUEST_UNMERGEABLE))
						    : "may merge its memory");
}

static void print_balloon(struct json_object *g, struct json_object *record)
{
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX], age[WHEN_TEXT_MAX];
	bool has = strstr(out_str(record, "capabilities"), "balloon");

	printf("Balloon%s\n", has ? "" : ": it has none");
	printf("  %-20s %s", "actual", out_size(g, DYNMEM_GUEST_ACTUAL, a));
	if (out_has(g, DYNMEM_DETAIL_ACTUAL_AGE))
		printf(", reported %s ago", when_age(out_u64(g, DYNMEM_DETAIL_ACTUAL_AGE), age));
	printf("\n  %-20s %s\n", "target", out_size(g, DYNMEM_GUEST_TARGET, b));
	printf("  %-20s %s\n", "free page reporting", trait(g, DYNMEM_GUEST_REPORTING));
	printf("  %-20s %s\n", "deflate on OOM", trait(g, DYNMEM_GUEST_DEFLATE));
}

static void print_setting(struct json_object *g, const char *label, const char *value,
			  const char *from, const char *until)
{
	char end[WHEN_TEXT_MAX];

	printf("  %-20s %s, from %s", label, value, out_safe(out_str(g, from)));
	if (out_has(g, until))
		printf(", until %s", when_text((time_t)out_u64(g, until), end));
	putchar('\n');
}

void guest_print_settings(struct json_object *g)
{
	char min[OUT_BYTES_MAX], max[OUT_BYTES_MAX], shares[32], end[WHEN_TEXT_MAX];

	snprintf(shares, sizeof(shares), "%llu",
		 (unsigned long long)out_u64(g, DYNMEM_GUEST_SHARES));
	printf("Settings\n");
	print_setting(g, "min", out_size(g, DYNMEM_GUEST_MIN, min), DYNMEM_DETAIL_MIN_FROM,
		      DYNMEM_DETAIL_MIN_UNTIL);
	print_setting(g, "max", out_size(g, DYNMEM_GUEST_MAX, max), DYNMEM_DETAIL_MAX_FROM,
		      DYNMEM_DETAIL_MAX_UNTIL);
	print_setting(g, "shares", shares, DYNMEM_DETAIL_SHARES_FROM, DYNMEM_DETAIL_SHARES_UNTIL);
	if (out_has(g, DYNMEM_GUEST_HELD)) {
		printf("  %-20s left as it is", "hold");
		if (out_has(g, DYNMEM_DETAIL_HOLD_UNTIL))
			printf(" until %s",
			       when_text((time_t)out_u64(g, DYNMEM_DETAIL_HOLD_UNTIL), end));
		putchar('\n');
	}
	if (out_has(g, DYNMEM_GUEST_OBSERVED))
		printf("  %-20s %s\n", "only observed",
		       out_safe(out_str(g, DYNMEM_GUEST_OBSERVED)));
}

static void print_statistics(struct json_object *g, struct json_object *record)
{
	char age[WHEN_TEXT_MAX], at[WHEN_TEXT_MAX];

	printf("Statistics");
	if (out_has(g, DYNMEM_GUEST_SAMPLE_AGE))
		printf(", %s old", when_age(out_u64(g, DYNMEM_GUEST_SAMPLE_AGE), age));
	else
		printf(": the guest never reported any to this daemon");
	if (out_u64(record, "last-update"))
		printf(", by QEMU of %s", when_text((time_t)out_u64(record, "last-update"), at));
	if (!out_has(g, DYNMEM_DETAIL_POLL_PERIOD))
		printf("; not asked for now: nobody needs its memory");
	putchar('\n');
	print_rows(record, statistics, ARRAY_SIZE(statistics));
}

static void print_text(struct json_object *g)
{
	struct json_object *record = json_object_object_get(g, DYNMEM_DETAIL_RECORD);

	printf("%s: %s%s\n", out_safe(out_str(g, DYNMEM_GUEST_NAME)),
	       out_str(g, DYNMEM_GUEST_CLASS), out_has(g, DYNMEM_GUEST_HELD) ? ", held" : "");
	print_machine(g, record);
	print_balloon(g, record);
	guest_print_settings(g);
	print_statistics(g, record);
	printf("Costs on the host, now\n");
	print_rows(record, costs, ARRAY_SIZE(costs));
	if (out_has(g, DYNMEM_GUEST_REASON))
		printf("Last decision\n  %s\n", out_safe(out_str(g, DYNMEM_GUEST_REASON)));
}

void guest_print_json(struct json_object *g)
{
	struct json_object *top = out_new(SCHEMA);

	json_object_object_add(top, "guest", json_object_get(g));
	out_pretty(top);
	json_object_put(top);
}

static void help(void)
{
	printf("Usage: dynmem show GUEST [--json]\n\n"
	       "All that is known about one guest: its machine, its balloon, its settings and where\n"
	       "each comes from, its own statistics with their age, and what it costs the host.\n\n"
	       "Options:\n"
	       "  -j, --json  one JSON object; sizes in bytes, what is not known is left out\n"
	       "  -h, --help  this text\n\n"
	       "Exit status: 0 done, 1 no such guest, 4 no daemon.\n");
}

int cmd_show(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = { "show", ":jh", options, help, false, 0 };
	struct json_object *g = NULL;
	int status;

	if (cmd_option(&line, argc, argv) == CMD_ENDS ||
	    cmd_arguments(&line, argc, argv, 1) == CMD_ENDS)
		return line.status;
	if (optind == argc)
		return cmd_usage_error("show", "which guest? A name is missing");
	status = state_guest("show", argv[optind], &g);
	if (status != EXIT_SUCCESS)
		return status;
	if (line.json)
		guest_print_json(g);
	else
		print_text(g);
	json_object_put(g);
	return EXIT_SUCCESS;
}
