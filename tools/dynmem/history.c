// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem history: what was decided, and when, from the journal.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd.h"
#include "journal_options.h"
#include "out.h"

#define SCHEMA 1 /* of --json, see out_new() */

/* Where no time is given. */
#define LINES 100

static void help(void)
{
	printf("Usage: dynmem history [GUEST] " JOURNAL_USAGE "\n\n"
	       "What dynmemd decided, and when: moves of guests' memory with their reasons, guests\n"
	       "that came and went, levels of the host, settings. From the journal, so also from\n"
	       "before the daemon was started, and without it.\n\n");
	journal_options_help(LINES);
	printf("Exit status: 0 done, 1 the journal cannot be read, 5 not all of it.\n");
}

static void print_json(struct json_object *events, const char *why)
{
	struct json_object *top = out_new(SCHEMA);

	json_object_object_add(top, "events", json_object_get(events));
	if (*why)
		out_add_str(top, "missing", why);
	out_pretty(top);
	json_object_put(top);
}

static int show(const struct journal_query *q, bool json)
{
	char why[JOURNAL_WHY_MAX];
	struct json_object *events;
	int r = journal_read(q, &events, why);
	size_t n = json_object_array_length(events);

	if (json)
		print_json(events, why);
	for (size_t i = 0; !json && i < n; i++)
		journal_print(json_object_array_get_idx(events, i), !q->guest);
	json_object_put(events);
	if (r < 0)
		fprintf(stderr, "dynmem history: %s\n", out_safe(why));
	else if (!n && !json)
		fprintf(stderr, "dynmem history: nothing of dynmemd is in the journal%s%s%s\n",
			q->guest ? " about guest " : "", q->guest ? out_safe(q->guest) : "",
			q->since || q->until ? " within that time" : "");
	if (r == 0)
		return EXIT_SUCCESS;
	return r == -EACCES && n ? EXIT_PARTLY : EXIT_FAILURE;
}

int cmd_history(int argc, char **argv)
{
	struct cmd_line line = { .cmd = "history", .help = help };
	struct journal_query q = { .lines = LINES };

	if (journal_options(&line, argc, argv, &q) == CMD_ENDS)
		return line.status;
	return show(&q, line.json);
}
