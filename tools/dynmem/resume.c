// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem resume: guests are managed again after a drain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "cmd.h"

int cmd_resume(int argc, char **argv)
{
	char why[BUS_WHY_MAX];
	sd_bus *bus = NULL;
	int r;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		puts("Usage: dynmem resume\n\n"
		     "Ends what 'dynmem drain' began: dynmemd manages guests again.\n\n"
		     "Exit status: 0 done, 4 no daemon.");
		return EXIT_SUCCESS;
	}
	if (argc > 1)
		return cmd_usage_error("resume", "unexpected argument '%s'", argv[1]);
	r = bus_open(&bus);
	if (r < 0)
		return bus_fail("resume", r, bus_error(r));
	r = bus_order(bus, "Resume", NULL, why, "");
	sd_bus_flush_close_unref(bus);
	return r < 0 ? bus_fail("resume", r, why) : EXIT_SUCCESS;
}
