// SPDX-License-Identifier: GPL-2.0
#include "journal_options.h"

#include <stdio.h>

#include "when.h"

/* With --since or --until. */
#define LINES_OF_TIME 1000
#define LINES_MAX     1000000

void journal_options_help(unsigned long lines)
{
	printf("Options:\n"
	       "  -S, --since TIME        decisions not before TIME\n"
	       "  -U, --until TIME        decisions not after TIME\n"
	       "  -n, --lines N           the latest N (default %lu, with a TIME %d)\n"
	       "  -D, --directory FOLDER  of journal files, instead of this host's\n"
	       "  -j, --json              one JSON object; sizes in bytes, times in microseconds\n"
	       "                          since the epoch\n"
	       "  -h, --help              this text\n\n"
	       "TIME is one of\n  " WHEN_SYNTAX "\n\n",
	       lines, LINES_OF_TIME);
}

/* Of one option that all of them have; false: it is wrong, which was printed. */
static bool take(struct cmd_line *l, int opt, struct journal_query *q, unsigned long *lines)
{
	switch (opt) {
	case 'S':
		return cmd_time(l->cmd, "--since", optarg, &q->since);
	case 'U':
		return cmd_time(l->cmd, "--until", optarg, &q->until);
	case 'D':
		q->folder = optarg;
		return true;
	default:
		if (cmd_whole(optarg, 1, LINES_MAX, lines))
			return true;
		cmd_usage_error(l->cmd, "--lines takes a whole number, 1 to %d, not '%s'",
				LINES_MAX, optarg);
		return false;
	}
}

int journal_options(struct cmd_line *line, int argc, char **argv, struct journal_query *q)
{
	static const struct option options[] = { { "since", required_argument, NULL, 'S' },
						 { "until", required_argument, NULL, 'U' },
						 { "lines", required_argument, NULL, 'n' },
						 { "directory", required_argument, NULL, 'D' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	unsigned long lines = 0;
	int opt, n;

	line->shorts = ":S:U:n:D:jh";
	line->options = options;
	while ((opt = cmd_option(line, argc, argv)) != -1) {
		if (opt == CMD_ENDS)
			return CMD_ENDS;
		if (!take(line, opt, q, &lines)) {
			line->status = EXIT_USAGE;
			return CMD_ENDS;
		}
	}
	if (q->until && q->since > q->until) {
		line->status = cmd_usage_error(line->cmd, "--since is after --until");
		return CMD_ENDS;
	}
	if (lines)
		q->lines = lines;
	else if (q->since || q->until)
		q->lines = LINES_OF_TIME;
	n = cmd_arguments(line, argc, argv, 1);
	if (n == 1 && !*argv[optind]) {
		line->status = cmd_usage_error(line->cmd, "which guest? The name is empty");
		return CMD_ENDS;
	}
	q->guest = n == 1 ? argv[optind] : NULL;
	return n;
}
