// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem reservations: memory that is kept for guests that are about to start.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bus.h"
#include "cmd.h"
#include "common/dbus_names.h"
#include "out.h"
#include "when.h"

#define SCHEMA 1 /* of --json, see out_new() */

static void print_one(struct json_object *r)
{
	char bytes[OUT_BYTES_MAX], missing[OUT_BYTES_MAX], until[WHEN_TEXT_MAX];
	const char *name = out_str(r, DYNMEM_RESERVE_NAME);

	printf("%6llu %10s %10s  %-8s %-19s  %s\n",
	       (unsigned long long)out_u64(r, DYNMEM_RESERVE_ID),
	       out_size(r, DYNMEM_RESERVE_BYTES, bytes),
	       out_size(r, DYNMEM_RESERVE_MISSING, missing), out_str(r, DYNMEM_RESERVE_STATE),
	       when_text((time_t)out_u64(r, DYNMEM_RESERVE_UNTIL), until),
	       *name ? out_safe(name) : "-");
}

static void print_all(struct json_object *all, bool json)
{
	size_t n = json_object_array_length(all);

	if (json) {
		struct json_object *top = out_new(SCHEMA);

		json_object_object_add(top, "reservations", json_object_get(all));
		out_pretty(top);
		json_object_put(top);
		return;
	}
	if (!n) {
		puts("no memory is reserved");
		return;
	}
	printf("%6s %10s %10s  %-8s %-19s  %s\n", "ID", "SIZE", "MISSING", "STATE", "UNTIL",
	       "GUEST");
	for (size_t i = 0; i < n; i++)
		print_one(json_object_array_get_idx(all, i));
}

static void help(void)
{
	printf("Usage: dynmem reservations [--json]\n\n"
	       "Memory that is kept for guests that are about to start, see 'dynmem reserve'. Missing\n"
	       "is what is still to be freed; of a guest that has started, what is still kept for it.\n\n"
	       "Options:\n"
	       "  -j, --json  one JSON object; sizes in bytes\n"
	       "  -h, --help  this text\n\n"
	       "Exit status: 0 done, 4 no daemon.\n");
}

int cmd_reservations(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = { "reservations", ":jh", options, help, false, 0 };
	struct json_object *all = NULL;
	sd_bus *bus = NULL;
	int r;

	if (cmd_option(&line, argc, argv) == CMD_ENDS ||
	    cmd_arguments(&line, argc, argv, 0) == CMD_ENDS)
		return line.status;
	r = bus_open(&bus);
	if (r >= 0)
		r = bus_call(bus, "ListReservations", &all);
	sd_bus_flush_close_unref(bus);
	if (r < 0)
		return bus_fail("reservations", r, bus_error(r));
	print_all(all, line.json);
	json_object_put(all);
	return EXIT_SUCCESS;
}
