/* SPDX-License-Identifier: GPL-2.0 */
/* The daemon as a whole: its parts, and the signals that it obeys. */
#ifndef DYNMEMD_DAEMON_H
#define DYNMEMD_DAEMON_H

#include <stdbool.h>

/* Exit statuses; also in the man page. */
enum {
	EXIT_USAGE = 2,	    /* a wrong option */
	EXIT_NO_MODULE = 3, /* source = genl, and the kernel has no family */
	EXIT_CONFIG = 78,   /* what systemd shows as CONFIG */
};

/**
 * struct options - the command line
 * @config: the configuration's first file
 * @config_required: it was given, so it must exist
 * @mode: instead of the configuration's; NULL: as configured
 * @dry_run: never write a target
 * @record: a file to record into; NULL: none
 * @check: only check the configuration ...
 * @diff: ... and show what it would change
 * @verbose: also log what helps to find faults
 */
struct options {
	const char *config;
	bool config_required;
	const char *mode;
	bool dry_run;
	bool check, diff;
	const char *record;
	bool verbose;
};

/**
 * daemon_run() - until a signal ends it
 *
 * Return: an exit status; everything was logged.
 */
int daemon_run(const struct options *o);

#endif
