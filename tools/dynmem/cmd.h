/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The subcommands of dynmem, a file each.
 */
#ifndef DYNMEM_CMD_H
#define DYNMEM_CMD_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

/* Exit statuses; also in the man page. */
enum {
	EXIT_USAGE = 2,	    /* a wrong option or argument */
	EXIT_NO_MODULE = 3, /* the kernel has no family "dynmem" */
	EXIT_NO_DAEMON = 4, /* dynmemd is not to be reached */
	EXIT_PARTLY = 5,    /* not all that was asked for is there (yet) */
};

/**
 * struct cmd - one subcommand
 * @name: as it is typed
 * @run: gets the arguments from the subcommand's name on, returns an exit
 * status
 * @summary: one line for the help
 */
struct cmd {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

int cmd_status(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_monitor(int argc, char **argv);
int cmd_simulate(int argc, char **argv);
int cmd_drain(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_reserve(int argc, char **argv);
int cmd_ksm(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_history(int argc, char **argv);
int cmd_guest(int argc, char **argv);
int cmd_reservations(int argc, char **argv);
int cmd_adopt(int argc, char **argv);
int cmd_release(int argc, char **argv);
int cmd_pve(int argc, char **argv);

/**
 * cmd_usage_error() - say what is wrong with the command line
 * @cmd: the subcommand
 * @format: printf-like; a hint to "dynmem CMD --help" is added
 *
 * Return: EXIT_USAGE
 */
int cmd_usage_error(const char *cmd, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * struct cmd_line - the command line of a subcommand
 * @cmd: the subcommand
 * @shorts: short options, as for getopt_long(), beginning with ':'
 * @options: its long ones; --help is 'h' and --json, of those that have it, 'j'
 * @help: prints the help
 * @json: --json was given
 * @status: the exit status, after CMD_ENDS
 */
struct cmd_line {
	const char *cmd;
	const char *shorts;
	const struct option *options;
	void (*help)(void);
	bool json;
	int status;
};

#define CMD_ENDS (-2)

/**
 * cmd_option() - the next option, but for those that all subcommands have
 *
 * Return: as getopt_long(); CMD_ENDS: help was printed or the option is wrong,
 * @l->status is the exit status.
 */
int cmd_option(struct cmd_line *l, int argc, char **argv);

/**
 * cmd_arguments() - what follows the options
 * @max: so many at the most
 *
 * Return: how many there are, or CMD_ENDS if that is too many.
 */
int cmd_arguments(struct cmd_line *l, int argc, char **argv, int max);

/**
 * cmd_whole() - a whole number of an option
 * @text: digits, nothing else
 * @min: the least that is taken
 * @max: the most
 * @ret: untouched unless it is one
 *
 * Return: it is one within these
 */
bool cmd_whole(const char *text, unsigned long min, unsigned long max, unsigned long *ret);

/**
 * cmd_time() - a point in time of an option, see WHEN_SYNTAX
 * @option: its name
 * @ret: microseconds since the epoch
 *
 * Return: it is one; else what is wrong was printed.
 */
bool cmd_time(const char *cmd, const char *option, const char *text, uint64_t *ret);

/** The text to print where the kernel has no family. */
extern const char cmd_no_module[];

#endif
