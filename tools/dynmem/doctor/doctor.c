// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem doctor: what is in dynmem's way on this host, and how to mend it.
 */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/dbus_names.h"
#include "dynmem/bus.h"
#include "dynmem/cmd.h"
#include "dynmem/doctor/doctor.h"
#include "dynmem/out.h"
#include "dynmem/state.h"

/* Of the command; also in the man page. */
enum { EXIT_WARN = 1, EXIT_FAIL = 2 };

static void ask_daemon(struct doctor *d, struct json_object **state)
{
	sd_bus *bus = NULL;
	int r = bus_open(&bus);

	if (r >= 0)
		r = state_ask(bus, state);
	sd_bus_flush_close_unref(bus);
	if (r < 0) {
		d->daemon_error = r;
		return;
	}
	d->host = json_object_object_get(*state, "host");
	d->guests = json_object_object_get(*state, "guests");
}

static void print_finding(struct json_object *one)
{
	const char *status = out_str(one, "status"), *mend = out_str(one, "mend");
	char word[8] = "";

	for (size_t i = 0; status[i] && i + 1 < sizeof(word); i++)
		word[i] = (char)toupper((unsigned char)status[i]);
	printf("%-4s  %-10s  %s\n", word, out_str(one, "check"), out_safe(out_str(one, "text")));
	if (*mend)
		printf("%18s-> %s\n", "", mend);
}

/* A host of 2,000 guests is readable as well: of a guest, only what is not OK. */
static void print_text(const struct findings *f, bool all)
{
	const char *guest = "";

	for (size_t i = 0; i < json_object_array_length(f->list); i++) {
		struct json_object *one = json_object_array_get_idx(f->list, i);
		const char *name = out_str(one, "guest");

		if (*name && !all && !strcmp(out_str(one, "status"), "ok"))
			continue;
		if (strcmp(name, guest) != 0)
			printf("\nGuest %s\n", out_safe(name));
		guest = name;
		print_finding(one);
	}
	printf("\n%u failed, %u warnings, %u notes, %u in order\n", f->count[DOCTOR_FAIL],
	       f->count[DOCTOR_WARN], f->count[DOCTOR_NOTE], f->count[DOCTOR_OK]);
}

static void print_json(const struct findings *f)
{
	struct json_object *all = out_new(DOCTOR_SCHEMA), *sums = json_object_new_object();

	out_add_str(all, "version", DYNMEM_VERSION);
	for (int s = 0; s < DOCTOR_STATUSES; s++)
		out_add_u64(sums, doctor_status_name(s), f->count[s]);
	json_object_object_add(all, "sums", sums);
	json_object_object_add(all, "findings", json_object_get(f->list));
	out_pretty(all);
	json_object_put(all);
}

static void help(void)
{
	printf("Usage: dynmem doctor [--all] [--json]\n\n"
	       "Checks this host and its guests: OK, NOTE, WARN or FAIL, why, and after '->' what\n"
	       "mends it. Without dynmemd it checks what /proc and /sys show. Nothing is changed.\n\n"
	       "Options:\n"
	       "  -a, --all   also the checks of guests that are OK\n"
	       "  -j, --json  one JSON object with a \"schema\"; always all checks\n"
	       "  -h, --help  this text\n\n"
	       "Exit status: 0 all OK or NOTE, 1 a WARN, 2 a FAIL or wrong usage.\n");
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct doctor d = { .root = "" };
	struct json_object *state = NULL;
	struct cmd_line line = { "doctor", ":ajh", options, help, false, 0 };
	struct findings f;
	bool all = false;
	int opt;

	while ((opt = cmd_option(&line, argc, argv)) == 'a')
		all = true;
	if (opt == CMD_ENDS || cmd_arguments(&line, argc, argv, 0) == CMD_ENDS)
		return line.status;

	ask_daemon(&d, &state);
	doctor_examine(&d, &f);
	if (line.json)
		print_json(&f);
	else
		print_text(&f, all);
	json_object_put(f.list);
	json_object_put(state);
	if (f.count[DOCTOR_FAIL])
		return EXIT_FAIL;
	return f.count[DOCTOR_WARN] ? EXIT_WARN : EXIT_SUCCESS;
}
