// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem: show a host's memory, its guests and what dynmemd does.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

static const struct cmd commands[] = {
	{ "status", cmd_status, "the host's memory, KSM and every guest, now" },
	{ "top", cmd_top, "host and guests on a terminal, live" },
	{ "doctor", cmd_doctor, "what is in dynmem's way on this host, and how to mend it" },
	{ "show", cmd_show, "all that is known about one guest" },
	{ "explain", cmd_explain, "why a guest has the memory that it has" },
	{ "history", cmd_history, "what was decided, and when" },
	{ "monitor", cmd_monitor, "events and decisions as they come" },
	{ "metrics", cmd_metrics, "metrics for Prometheus, once or over HTTP" },
	{ "drain", cmd_drain, "give guests all their memory back, as before dynmem is removed" },
	{ "resume", cmd_resume, "end a drain: manage guests again" },
	{ "guest", cmd_guest, "set a guest's range and shares at run time; hold it, release it" },
	{ "reserve", cmd_reserve, "free memory for a guest that is about to start" },
	{ "reservations", cmd_reservations, "memory that is kept for guests" },
	{ "adopt", cmd_adopt, "write range and shares of a libvirt domain into its metadata" },
	{ "release", cmd_release, "remove from a domain's metadata what adopt wrote" },
	{ "pve", cmd_pve, "hand a guest of Proxmox VE over to dynmemd, or take it back" },
	{ "ksm", cmd_ksm, "what KSM saves, and for whom; run a program with merging" },
	{ "record", cmd_record, "record all that decisions depend on into a file" },
	{ "report", cmd_report, "a page made of a recording: what could have been lent" },
	{ "simulate", cmd_simulate,
	  "guests of a trace on a host, under dynmem and other policies" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(void)
{
	printf("Usage: dynmem COMMAND [OPTION...]\n\nCommands:\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %-13s%s\n", commands[i].name, commands[i].summary);
	printf("\nOptions:\n"
	       "  -h, --help     this text; after a command, that command's options\n"
	       "  -V, --version  the version\n"
	       "\nExit status: 0 done, 1 failed, 2 wrong usage, 3 no kernel module, 4 no daemon,\n"
	       "5 not all that was asked for is there.\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name) {
		fprintf(stderr, "dynmem: which command? See dynmem --help\n");
		return EXIT_USAGE;
	}
	if (!strcmp(name, "-h") || !strcmp(name, "--help") || !strcmp(name, "help")) {
		help();
		return EXIT_SUCCESS;
	}
	if (!strcmp(name, "-V") || !strcmp(name, "--version")) {
		printf("dynmem %s\n", DYNMEM_VERSION);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "dynmem: unknown %s '%s'; see dynmem --help\n",
		name[0] == '-' ? "option" : "command", name);
	return EXIT_USAGE;
}
