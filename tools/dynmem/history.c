// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem history: what was decided, and when, from the journal.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd.h"
#include "journal_read.h"
#include "out.h"
#include "when.h"

/* A version for readers of --json: it changes when a member changes its meaning. */
#define SCHEMA 1

#define LINES	  100
#define LINES_MAX 1000000

static void help(void)
{
	printf("Usage: dynmem history [GUEST] [--since TIME] [--until TIME] [--lines N]\n"
	       "                      [--directory FOLDER] [--json]\n\n"
	       "What dynmemd decided, and when: moves of guests' memory with their reasons, guests\n"
	       "that came and went, levels of the host, settings. From the journal, so also from\n"
	       "before the daemon was started, and without it.\n\n"
	       "Options:\n"
	       "  -S, --since TIME        not before: " WHEN_SYNTAX "\n"
	       "  -U, --until TIME        not after\n"
	       "  -n, --lines N           the latest N (default %d)\n"
	       "  -D, --directory FOLDER  of journal files, instead of this host's\n"
	       "  -j, --json              one JSON object; times in microseconds since the epoch\n"
	       "  -h, --help              this text\n\n"
	       "Exit status: 0 done, 1 the journal cannot be read, 5 not all of it.\n",
	       LINES);
}

static void print_json(struct json_object *events)
{
	struct json_object *top = json_object_new_object();

	out_add_u64(top, "schema", SCHEMA);
	json_object_object_add(top, "events", json_object_get(events));
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
		print_json(events);
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
	static const struct option options[] = { { "since", required_argument, NULL, 'S' },
						 { "until", required_argument, NULL, 'U' },
						 { "lines", required_argument, NULL, 'n' },
						 { "directory", required_argument, NULL, 'D' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = { "history", ":S:U:n:D:jh", options, help, false, 0 };
	struct journal_query q = { .lines = LINES };
	int opt;

	while ((opt = cmd_option(&line, argc, argv)) != -1) {
		switch (opt) {
		case 'S':
		case 'U':
			if (!cmd_time("history", opt == 'S' ? "--since" : "--until", optarg,
				      opt == 'S' ? &q.since : &q.until))
				return EXIT_USAGE;
			break;
		case 'n':
			if (!cmd_whole(optarg, 1, LINES_MAX, &q.lines))
				return cmd_usage_error(
					"history",
					"--lines takes a whole number, 1 to %d, not '%s'",
					LINES_MAX, optarg);
			break;
		case 'D':
			q.folder = optarg;
			break;
		default:
			return line.status;
		}
	}
	if (cmd_arguments(&line, argc, argv, 1) == CMD_ENDS)
		return line.status;
	q.guest = optind < argc ? argv[optind] : NULL;
	return show(&q, line.json);
}
