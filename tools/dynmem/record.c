// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem record: all that the daemon's decisions hang on, into a file.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "bus.h"
#include "cmd.h"
#include "common/dbus_names.h"

#define SECONDS_MAX 604800UL /* a week */

struct record_run {
	sd_event *event;
	sd_bus *bus;
	const char *path;
	FILE *file;
	unsigned long seconds; /* 0: until a signal */
	unsigned long lines;
};

static int on_line(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct record_run *r = userdata;
	const char *line;

	(void)error;
	if (sd_bus_message_read(m, "s", &line) < 0)
		return 0;
	r->lines++;
	if (fputs(line, r->file) >= 0 && fputc('\n', r->file) >= 0)
		return 0;
	fprintf(stderr, "dynmem record: %s: %s\n", r->path, strerror(errno));
	return sd_event_exit(r->event, EXIT_FAILURE);
}

/* (name, before, after): the daemon has gone when there is none after. */
static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct record_run *r = userdata;
	const char *name, *before, *after;

	(void)error;
	if (sd_bus_message_read(m, "sss", &name, &before, &after) < 0 || !*before)
		return 0;
	fprintf(stderr, "dynmem record: dynmemd has gone; the recording ends here\n");
	return sd_event_exit(r->event, EXIT_NO_DAEMON);
}

static int on_bus_gone(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct record_run *r = userdata;

	(void)m;
	(void)error;
	fprintf(stderr,
		"dynmem record: the bus has dropped the connection: lines came faster than %s was written\n",
		r->path);
	return sd_event_exit(r->event, EXIT_FAILURE);
}

static int on_end(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct record_run *r = userdata;

	(void)source;
	(void)usec;
	return sd_event_exit(r->event, EXIT_SUCCESS);
}

static int listen_bus(struct record_run *r)
{
	int n = sd_bus_match_signal(r->bus, NULL, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
				    DYNMEM_BUS_INTERFACE, "Record", on_line, r);

	if (n >= 0)
		n = sd_bus_add_match(r->bus, NULL,
				     "type='signal',sender='org.freedesktop.DBus',"
				     "member='NameOwnerChanged',arg0='" DYNMEM_BUS_NAME "'",
				     on_owner, r);
	if (n >= 0)
		n = sd_bus_match_signal(r->bus, NULL, "org.freedesktop.DBus.Local", NULL,
					"org.freedesktop.DBus.Local", "Disconnected", on_bus_gone,
					r);
	if (n >= 0)
		n = sd_bus_attach_event(r->bus, r->event, SD_EVENT_PRIORITY_NORMAL);
	return n;
}

static int set_up(struct record_run *r)
{
	sigset_t signals;
	int n;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	n = sd_event_default(&r->event);
	if (n >= 0)
		n = sd_event_add_signal(r->event, NULL, SIGINT, NULL, NULL);
	if (n >= 0)
		n = sd_event_add_signal(r->event, NULL, SIGTERM, NULL, NULL);
	if (n >= 0 && r->seconds)
		n = sd_event_add_time_relative(r->event, NULL, CLOCK_MONOTONIC,
					       r->seconds * UINT64_C(1000000), 0, on_end, r);
	if (n >= 0)
		n = bus_open(&r->bus);
	return n < 0 ? n : listen_bus(r);
}

static int run(struct record_run *r)
{
	char why[BUS_WHY_MAX];
	int n = set_up(r);

	if (n < 0)
		return bus_fail("record", n, bus_error(n));
	n = bus_order(r->bus, "Record", NULL, why, "");
	if (n < 0)
		return bus_fail("record", n, why);
	n = sd_event_loop(r->event);
	return n < 0 ? bus_fail("record", n, bus_error(n)) : n;
}

/* What was recorded before is not written over. */
static int open_file(struct record_run *r)
{
	if (!strcmp(r->path, "-")) {
		r->file = stdout;
		return 0;
	}
	r->file = fopen(r->path, "wex");
	if (r->file)
		return 0;
	fprintf(stderr, "dynmem record: %s: %s\n", r->path,
		errno == EEXIST ? "it is there already; name another file, or remove it"
				: strerror(errno));
	return -1;
}

static int record(struct record_run *r)
{
	int status;

	if (open_file(r) < 0)
		return EXIT_FAILURE;
	status = run(r);
	sd_bus_flush_close_unref(r->bus);
	sd_event_unref(r->event);
	if (fclose(r->file)) {
		fprintf(stderr, "dynmem record: %s: %s\n", r->path, strerror(errno));
		return EXIT_FAILURE;
	}
	if (!r->lines && strcmp(r->path, "-") != 0)
		remove(r->path);
	if (r->lines)
		fprintf(stderr, "dynmem record: %lu lines in %s\n", r->lines, r->path);
	return status;
}

static void help(void)
{
	printf("Usage: dynmem record [--seconds N] FILE\n\n"
	       "Writes all that reaches dynmemd's engine, and what it decides, as JSON lines into a\n"
	       "new FILE ('-': standard output), until Ctrl-C or for N seconds. It needs the right\n"
	       "to change what the daemon does: root, unless the D-Bus policy says otherwise. See\n"
	       "dynmem report and dynmem simulate --replay.\n\n"
	       "A recording from the very start of the daemon is made by dynmemd --record: only\n"
	       "that one is sure to be replayed exactly.\n\n"
	       "Options:\n"
	       "  -s, --seconds N  end after so long (1 to %lu)\n"
	       "  -h, --help       this text\n",
	       SECONDS_MAX);
}

int cmd_record(int argc, char **argv)
{
	static const struct option options[] = { { "seconds", required_argument, NULL, 's' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = { "record", ":s:h", options, help, false, 0 };
	struct record_run r = { 0 };
	int opt;

	while ((opt = cmd_option(&line, argc, argv)) != -1) {
		if (opt == CMD_ENDS)
			return line.status;
		if (!cmd_whole(optarg, 1, SECONDS_MAX, &r.seconds))
			return cmd_usage_error("record",
					       "--seconds takes whole seconds, 1 to %lu, not '%s'",
					       SECONDS_MAX, optarg);
	}
	if (optind + 1 != argc)
		return cmd_usage_error("record", "expected one FILE");
	r.path = argv[optind];
	return record(&r);
}
