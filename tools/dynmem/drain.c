// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem drain: guests get all their memory back, as far as there is memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "cmd.h"
#include "common/dbus_names.h"
#include "out.h"

#define SCHEMA 1 /* of --json, see out_new() */

/* A balloon moves by pages of its own size. */
#define GRAIN (1ULL << 20)

/* A week: longer is a mistake. */
#define TIMEOUT_MAX_SECONDS 604800

struct drain {
	sd_bus *bus;
	bool json, wait;
	unsigned long timeout; /* seconds, 0: none */
	struct json_object *report;
};

/* What a guest still lacks, 0 if it has all. */
static uint64_t lack(struct json_object *guest)
{
	uint64_t max = out_u64(guest, DYNMEM_GUEST_MAX);
	uint64_t actual = out_u64(guest, DYNMEM_GUEST_ACTUAL);

	return actual + GRAIN > max ? 0 : max - actual;
}

static struct json_object *make_report(struct json_object *guests)
{
	static const char *const keys[] = {
		DYNMEM_GUEST_NAME, DYNMEM_GUEST_CLASS,	DYNMEM_GUEST_ACTUAL,
		DYNMEM_GUEST_MAX,  DYNMEM_GUEST_REASON,
	};
	struct json_object *report = out_new(SCHEMA);
	struct json_object *waiting = json_object_new_array();
	size_t n = json_object_array_length(guests);
	uint64_t missing = 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *g = json_object_array_get_idx(guests, i);
		struct json_object *one, *value;

		if (!lack(g))
			continue;
		missing += lack(g);
		one = json_object_new_object();
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			if (json_object_object_get_ex(g, keys[k], &value))
				json_object_object_add(one, keys[k], json_object_get(value));
		json_object_array_add(waiting, one);
	}
	out_add_u64(report, "guests", n);
	out_add_u64(report, "at_max", n - json_object_array_length(waiting));
	out_add_u64(report, "missing", missing);
	json_object_object_add(report, "waiting", waiting);
	return report;
}

static bool done(struct json_object *report)
{
	return out_u64(report, "guests") == out_u64(report, "at_max");
}

static void print_sum(struct json_object *report)
{
	char missing[OUT_BYTES_MAX];

	printf("%llu of %llu guests have all their memory",
	       (unsigned long long)out_u64(report, "at_max"),
	       (unsigned long long)out_u64(report, "guests"));
	if (!done(report))
		printf(", %s are missing", out_bytes(out_u64(report, "missing"), missing));
	putchar('\n');
	fflush(stdout);
}

static void print_waiting(struct json_object *report)
{
	struct json_object *waiting = json_object_object_get(report, "waiting");
	char actual[OUT_BYTES_MAX], max[OUT_BYTES_MAX];

	for (size_t i = 0; i < json_object_array_length(waiting); i++) {
		struct json_object *g = json_object_array_get_idx(waiting, i);

		printf("%s has %s of %s: %s\n", out_safe(out_str(g, DYNMEM_GUEST_NAME)),
		       out_bytes(out_u64(g, DYNMEM_GUEST_ACTUAL), actual),
		       out_bytes(out_u64(g, DYNMEM_GUEST_MAX), max),
		       out_safe(out_str(g, DYNMEM_GUEST_REASON)));
	}
}

static int ask(struct drain *d)
{
	struct json_object *guests = NULL;
	int r = bus_call(d->bus, "ListGuests", &guests);

	if (r < 0)
		return r;
	json_object_put(d->report);
	d->report = make_report(guests);
	json_object_put(guests);
	return 0;
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Until all is given back, or the time is over; progress is printed. */
static int follow(struct drain *d)
{
	time_t end = seconds() + (time_t)d->timeout;
	uint64_t shown = UINT64_MAX;
	int r;

	while ((r = ask(d)) == 0) {
		uint64_t missing = out_u64(d->report, "missing");

		if (!d->json && missing != shown)
			print_sum(d->report);
		shown = missing;
		if (!d->wait || done(d->report) || (d->timeout && seconds() >= end))
			break;
		sleep(1);
	}
	return r;
}

static int run(struct drain *d)
{
	char why[BUS_WHY_MAX];
	int r = bus_open(&d->bus);

	if (r < 0)
		return bus_fail("drain", r, bus_error(r));
	r = bus_order(d->bus, "Drain", NULL, why, "");
	if (r < 0)
		return bus_fail("drain", r, why);
	r = follow(d);
	if (r < 0)
		return bus_fail("drain", r, bus_error(r));
	if (d->json)
		out_pretty(d->report);
	else
		print_waiting(d->report);
	return done(d->report) ? EXIT_SUCCESS : EXIT_PARTLY;
}

static void help(void)
{
	printf("Usage: dynmem drain [--wait] [--timeout SECONDS] [--json]\n\n"
	       "Has dynmemd give all guests their memory back, up to the max of each, as far as\n"
	       "there is memory, and take none: before dynmem is removed, or guests are left\n"
	       "alone for a while. This holds, over restarts of the daemon as well, until\n"
	       "'dynmem resume'.\n\n"
	       "Options:\n"
	       "  -w, --wait             until all guests have all their memory; interrupting it\n"
	       "                         does not end what the daemon does\n"
	       "  -t, --timeout SECONDS  wait, but not longer than this (1 to %d)\n"
	       "  -j, --json             one JSON object at the end; sizes in bytes\n"
	       "  -h, --help             this text\n\n"
	       "Exit status: 0 all guests have all their memory, 5 not all (yet), 1 refused,\n"
	       "4 no daemon.\n",
	       TIMEOUT_MAX_SECONDS);
}

int cmd_drain(int argc, char **argv)
{
	static const struct option options[] = { { "wait", no_argument, NULL, 'w' },
						 { "timeout", required_argument, NULL, 't' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = { "drain", ":wt:jh", options, help, false, 0 };
	struct drain d = { 0 };
	int opt, status;

	while ((opt = cmd_option(&line, argc, argv)) != -1) {
		switch (opt) {
		case 't':
			if (!cmd_whole(optarg, 1, TIMEOUT_MAX_SECONDS, &d.timeout))
				return cmd_usage_error(
					"drain", "--timeout takes whole seconds, 1 to %d, not '%s'",
					TIMEOUT_MAX_SECONDS, optarg);
			d.wait = true;
			break;
		case 'w':
			d.wait = true;
			break;
		default:
			return line.status;
		}
	}
	if (cmd_arguments(&line, argc, argv, 0) == CMD_ENDS)
		return line.status;
	d.json = line.json;
	status = run(&d);
	json_object_put(d.report);
	sd_bus_flush_close_unref(d.bus);
	return status;
}
