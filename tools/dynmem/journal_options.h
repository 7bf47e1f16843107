/* SPDX-License-Identifier: GPL-2.0 */
/* The command line of those that read the journal. */
#ifndef DYNMEM_JOURNAL_OPTIONS_H
#define DYNMEM_JOURNAL_OPTIONS_H

#include "cmd.h"
#include "journal_read.h"

/* The options as the first lines of a help have them. */
#define JOURNAL_USAGE \
	"[--since TIME] [--until TIME] [--lines N]\n                      [--directory FOLDER] [--json]"

/**
 * journal_options() - the command line of such a command
 * @line: its name and help; the rest is filled
 * @q: filled; @q->lines is the default, where no time is given
 *
 * Return: how many arguments there were, 0 or 1, or CMD_ENDS as cmd_option().
 */
int journal_options(struct cmd_line *line, int argc, char **argv, struct journal_query *q);

/** journal_options_help() - print what they mean; @lines: the default of --lines */
void journal_options_help(unsigned long lines);

#endif
