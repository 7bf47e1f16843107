// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem reserve: have memory freed for a guest that is about to start.
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
#include "common/size.h"
#include "out.h"

#define SCHEMA 1 /* of --json, see out_new() */

/* Longer than starting a guest takes. */
#define TTL_SECONDS 600
/* What balloons bring, they bring within that. */
#define TIMEOUT_SECONDS 60
#define MAX_SECONDS	86400

enum {
	OPTION_RELEASE = 256,
	OPTION_TTL,
};

struct reserve_call {
	sd_bus *bus;
	uint64_t bytes;
	const char *name;
	unsigned long ttl, timeout; /* seconds */
	bool json, release;
	unsigned long id; /* of what is released */
	struct json_object *status;
};

static bool is(const struct reserve_call *o, const char *state)
{
	return !strcmp(out_str(o->status, DYNMEM_RESERVE_STATE), state);
}

/* Until it is ready, or the time is over. */
static int wait_for_it(struct reserve_call *o, char why[static BUS_WHY_MAX])
{
	for (unsigned long i = 0; i < o->timeout && is(o, "freeing"); i++) {
		uint64_t id = out_u64(o->status, DYNMEM_RESERVE_ID);
		int r;

		sleep(1);
		json_object_put(o->status);
		o->status = NULL;
		r = bus_order(o->bus, "GetReservation", &o->status, why, "t", id);
		if (r < 0)
			return r;
	}
	return 0;
}

static int run(struct reserve_call *o)
{
	char why[BUS_WHY_MAX];
	int r = bus_open(&o->bus);

	if (r < 0)
		return bus_fail("reserve", r, bus_error(r));
	r = bus_order(o->bus, "Reserve", &o->status, why, "tst", o->bytes, o->name,
		      (uint64_t)o->ttl);
	if (r >= 0)
		r = wait_for_it(o, why);
	if (r < 0)
		return bus_fail("reserve", r, why);
	if (o->json) {
		out_add_u64(o->status, "schema", SCHEMA);
		out_pretty(o->status);
	} else {
		printf("reservation %llu: %s\n",
		       (unsigned long long)out_u64(o->status, DYNMEM_RESERVE_ID),
		       out_safe(out_str(o->status, DYNMEM_RESERVE_WHY)));
	}
	return is(o, "ready") || is(o, "started") ? EXIT_SUCCESS : EXIT_PARTLY;
}

static int release(uint64_t id, bool json)
{
	struct json_object *report;
	char why[BUS_WHY_MAX];
	sd_bus *bus = NULL;
	int r = bus_open(&bus);

	if (r < 0)
		return bus_fail("reserve", r, bus_error(r));
	r = bus_order(bus, "Release", NULL, why, "t", id);
	sd_bus_flush_close_unref(bus);
	if (r < 0)
		return bus_fail("reserve", r, why);
	if (!json) {
		printf("reservation %llu is released\n", (unsigned long long)id);
		return EXIT_SUCCESS;
	}
	report = out_new(SCHEMA);
	out_add_u64(report, DYNMEM_RESERVE_ID, id);
	out_add_str(report, DYNMEM_RESERVE_STATE, "released");
	out_pretty(report);
	json_object_put(report);
	return EXIT_SUCCESS;
}

static void help(void)
{
	printf("Usage: dynmem reserve SIZE [--name GUEST] [--ttl SECONDS] [--timeout SECONDS]\n"
	       "                      [--json]\n"
	       "       dynmem reserve --release ID [--json]\n\n"
	       "Has dynmemd free SIZE (as 4G) for a guest that is about to start, and keep it:\n\n"
	       "  dynmem reserve 4G --name web9 && virsh start web9\n\n"
	       "Others are shrunk for it to their floors at the most. Once the guest is found, what\n"
	       "it has not touched yet stays kept for it. The reservation ends when the guest has\n"
	       "touched all of it, is released, or lapses; it outlives a restart of dynmemd.\n\n"
	       "Options:\n"
	       "  -n, --name GUEST       the guest that it is for\n"
	       "      --ttl SECONDS      after which it lapses (default %d)\n"
	       "  -t, --timeout SECONDS  how long to wait until it is there (default %d; 0: not)\n"
	       "      --release ID       give up the reservation of this number\n"
	       "  -j, --json             one JSON object; sizes in bytes\n"
	       "  -h, --help             this text\n\n"
	       "Exit status: 0 it is there, 5 not yet, 1 refused, 4 no daemon.\n",
	       TTL_SECONDS, TIMEOUT_SECONDS);
}

/* Of one option; false: its value is wrong, which was printed. */
static bool take(struct reserve_call *o, int opt)
{
	bool valid = true;

	switch (opt) {
	case 'n':
		o->name = optarg;
		break;
	case OPTION_TTL:
		valid = cmd_whole(optarg, 1, MAX_SECONDS, &o->ttl);
		if (!valid)
			cmd_usage_error("reserve", "--ttl takes whole seconds, 1 to %d, not '%s'",
					MAX_SECONDS, optarg);
		break;
	case 't':
		valid = cmd_whole(optarg, 0, MAX_SECONDS, &o->timeout);
		if (!valid)
			cmd_usage_error("reserve",
					"--timeout takes whole seconds, 0 to %d, not '%s'",
					MAX_SECONDS, optarg);
		break;
	case OPTION_RELEASE:
		o->release = cmd_whole(optarg, 0, UINT32_MAX, &o->id);
		valid = o->release;
		if (!valid)
			cmd_usage_error("reserve",
					"--release takes a reservation's number, not '%s'", optarg);
		break;
	}
	return valid;
}

/* How much; false: it is no size, which was printed. */
static bool take_size(struct reserve_call *o, const char *text)
{
	struct size size;

	if (size_parse(&size, text) < 0 || size.relative || !size.value) {
		cmd_usage_error("reserve",
				"expected a size, a number with K, M, G or T (of 1024), not '%s'",
				text);
		return false;
	}
	o->bytes = size.value;
	return true;
}

int cmd_reserve(int argc, char **argv)
{
	static const struct option options[] = { { "name", required_argument, NULL, 'n' },
						 { "ttl", required_argument, NULL, OPTION_TTL },
						 { "timeout", required_argument, NULL, 't' },
						 { "release", required_argument, NULL,
						   OPTION_RELEASE },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = { "reserve", ":n:t:jh", options, help, false, 0 };
	struct reserve_call o = {
		.name = "",
		.ttl = TTL_SECONDS,
		.timeout = TIMEOUT_SECONDS,
	};
	int opt, n, status;

	while ((opt = cmd_option(&line, argc, argv)) != -1) {
		if (opt == CMD_ENDS)
			return line.status;
		if (!take(&o, opt))
			return EXIT_USAGE;
	}
	n = cmd_arguments(&line, argc, argv, o.release ? 0 : 1);
	if (n == CMD_ENDS)
		return line.status;
	if (o.release)
		return release(o.id, line.json);
	if (!n)
		return cmd_usage_error("reserve", "how much? A size is missing");
	if (!take_size(&o, argv[optind]))
		return EXIT_USAGE;
	o.json = line.json;
	status = run(&o);
	json_object_put(o.status);
	sd_bus_flush_close_unref(o.bus);
	return status;
}
