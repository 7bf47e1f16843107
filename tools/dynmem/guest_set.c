// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem guest: change a guest's settings at run time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "cmd.h"
#include "common/dbus_names.h"
#include "guest_show.h"
#include "out.h"
#include "state.h"
#include "when.h"

static void help(void)
{
	printf("Usage: dynmem guest GUEST [--json]\n"
	       "       dynmem guest GUEST set min|max|shares VALUE [--expires TIME]\n"
	       "       dynmem guest GUEST hold [--expires TIME]\n"
	       "       dynmem guest GUEST release\n\n"
	       "Shows the settings of a guest, or changes one at run time. What is set here takes\n"
	       "precedence over the configuration, and survives restarts of guest and daemon.\n\n"
	       "  set min|max VALUE    a size as 2G or 512M, or a percentage as in dynmem.conf\n"
	       "  set shares VALUE     1 to 1000000\n"
	       "  set WHICH default    use the configured value again\n"
	       "  hold                 leave the guest as it is, also when the host lacks memory\n"
	       "  release              manage it again\n\n"
	       "Options:\n"
	       "  -e, --expires TIME  for so long: " WHEN_SPAN_SYNTAX "\n"
	       "  -j, --json          one JSON object; sizes in bytes\n"
	       "  -h, --help          this text\n\n"
	       "Exit status: 0 done, 1 refused, 4 no daemon.\n");
}

static int show(const char *name, bool json)
{
	struct json_object *g = NULL;
	int status = state_guest("guest", name, &g);

	if (status != EXIT_SUCCESS)
		return status;
	if (json)
		guest_print_json(g);
	else
		guest_print_settings(g);
	json_object_put(g);
	return EXIT_SUCCESS;
}

static int set(const char *name, const char *key, const char *value, uint64_t seconds, bool json)
{
	struct json_object *done = NULL;
	char why[BUS_WHY_MAX];
	sd_bus *bus = NULL;
	int r = bus_open(&bus);

	if (r < 0)
		return bus_fail("guest", r, bus_error(r));
	r = bus_order(bus, "SetGuest", &done, why, "ssst", name, key, value, seconds);
	sd_bus_flush_close_unref(bus);
	if (r < 0)
		return bus_fail("guest", r, why);
	if (!json)
		printf("%s: %s\n", out_safe(name), out_safe(json_object_get_string(done)));
	json_object_put(done);
	return json ? show(name, true) : EXIT_SUCCESS;
}

static int run(const struct cmd_line *line, char **args, int n, uint64_t seconds)
{
	const char *name = args[0], *verb = n > 1 ? args[1] : NULL;

	if (!verb && !seconds)
		return show(name, line->json);
	if (verb && !strcmp(verb, "hold") && n == 2)
		return set(name, "hold", "yes", seconds, line->json);
	if (verb && !strcmp(verb, "release") && n == 2 && !seconds)
		return set(name, "hold", "default", 0, line->json);
	if (verb && !strcmp(verb, "set") && n == 4) {
		if (seconds && !strcmp(args[3], "default"))
			return cmd_usage_error("guest", "--expires is not for 'default'");
		return set(name, args[2], args[3], seconds, line->json);
	}
	if (verb && !strcmp(verb, "set"))
		return cmd_usage_error("guest", "'set' takes min, max or shares, and a value");
	if (seconds)
		return cmd_usage_error("guest", "--expires is for 'set' and 'hold'");
	return cmd_usage_error("guest", "expected set, hold or release after the name, not '%s'",
			       verb);
}

int cmd_guest(int argc, char **argv)
{
	static const struct option options[] = { { "expires", required_argument, NULL, 'e' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = { "guest", ":e:jh", options, help, false, 0 };
	uint64_t seconds = 0;
	int opt, n;

	while ((opt = cmd_option(&line, argc, argv)) != -1) {
		if (opt == CMD_ENDS)
			return line.status;
		if (!when_span(optarg, &seconds))
			return cmd_usage_error("guest", "--expires takes %s, not '%s'",
					       WHEN_SPAN_SYNTAX, optarg);
	}
	n = cmd_arguments(&line, argc, argv, 4);
	if (n == CMD_ENDS)
		return line.status;
	if (!n)
		return cmd_usage_error("guest", "which guest? A name is missing");
	return run(&line, argv + optind, n, seconds);
}
