// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem resume: guests are managed again after a drain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "cmd.h"
#include "common/dbus_names.h"
#include "out.h"

#define SCHEMA 1 /* of --json, see out_new() */

static void help(void)
{
	puts("Usage: dynmem resume [--json]\n\n"
	     "Ends what 'dynmem drain' began: dynmemd manages guests again, unless its mode is\n"
	     "observe or the kill switch is on; the mode is printed.\n\n"
	     "Options:\n"
	     "  -j, --json  one JSON object: the mode before and now\n"
	     "  -h, --help  this text\n\n"
	     "Exit status: 0 done, 1 refused, 4 no daemon.");
}

/* Where nothing is written to guests, the mode does not show whether there was a drain. */
static void print_text(const char *before, const char *after, const char *stop)
{
	if (!strcmp(after, "stopped"))
		printf("no drain is in force, but the kill switch is on: guests keep what they have until %s is removed\n",
		       out_safe(stop));
	else if (strcmp(after, "manage") != 0)
		printf("no drain is in force, but the mode is %s: guests keep what they have\n",
		       after);
	else if (!strcmp(before, "drain"))
		puts("guests are managed again (mode manage)");
	else
		puts("nothing was drained: the mode is manage, as before");
}

static void report(struct json_object *before, struct json_object *after, bool json)
{
	const char *mode_before = out_str(before, DYNMEM_HOST_MODE);
	const char *mode = out_str(after, DYNMEM_HOST_MODE);
	struct json_object *o;

	if (!json) {
		print_text(mode_before, mode, out_str(after, DYNMEM_HOST_STOP));
		return;
	}
	o = out_new(SCHEMA);
	out_add_str(o, "before", mode_before);
	out_add_str(o, "mode", mode);
	out_pretty(o);
	json_object_put(o);
}

int cmd_resume(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = { "resume", ":jh", options, help, false, 0 };
	struct json_object *before = NULL, *after = NULL;
	char why[BUS_WHY_MAX];
	sd_bus *bus = NULL;
	int r;

	if (cmd_option(&line, argc, argv) == CMD_ENDS ||
	    cmd_arguments(&line, argc, argv, 0) == CMD_ENDS)
		return line.status;
	r = bus_open(&bus);
	if (r < 0)
		return bus_fail("resume", r, bus_error(r));
	r = bus_order(bus, "GetHost", &before, why, "");
	if (r >= 0)
		r = bus_order(bus, "Resume", NULL, why, "");
	if (r >= 0)
		r = bus_order(bus, "GetHost", &after, why, "");
	sd_bus_flush_close_unref(bus);
	if (r >= 0)
		report(before, after, line.json);
	json_object_put(before);
	json_object_put(after);
	return r < 0 ? bus_fail("resume", r, why) : EXIT_SUCCESS;
}
