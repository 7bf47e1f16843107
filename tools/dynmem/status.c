// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem status: a snapshot of the host and its guests.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "cmd.h"
#include "common/dbus_names.h"
#include "common/util.h"
#include "kernel.h"
#include "out.h"
#include "state.h"

#define SCHEMA 1 /* of --json, see out_new() */

static void print_ksm(struct json_object *host)
{
	uint64_t saved = out_u64(host, DYNMEM_HOST_KSM_SAVED);
	uint64_t run = out_u64(host, DYNMEM_HOST_KSM_RUN);
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX], c[OUT_BYTES_MAX];

	printf("KSM      saves %s", out_bytes(saved, a));
	if (out_has(host, DYNMEM_HOST_KSM_GUESTS)) {
		uint64_t guests = out_u64(host, DYNMEM_HOST_KSM_GUESTS);

		printf(", %s in guests and %s in other programs", out_bytes(guests, b),
		       out_bytes(saved - MIN(guests, saved), c));
	}
	printf(" (%s", run == 1 ? "running" : run == 2 ? "unmerging" : "not running");
	if (out_has(host, DYNMEM_HOST_KSM_DRIVER))
		printf(", pace by %s, %.1f %% of a CPU",
		       out_safe(out_str(host, DYNMEM_HOST_KSM_DRIVER)),
		       json_object_get_double(json_object_object_get(host, DYNMEM_HOST_KSM_CPU)) *
			       100);
	printf(")\n");
	if (out_has(host, DYNMEM_HOST_KSM_ALERT))
		printf("         ALERT: %s\n", out_safe(out_str(host, DYNMEM_HOST_KSM_ALERT)));
	if (out_has(host, DYNMEM_HOST_KSM_ERROR))
		printf("         its settings stay as they are: %s\n",
		       out_safe(out_str(host, DYNMEM_HOST_KSM_ERROR)));
}

static void print_host(struct json_object *host)
{
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX], c[OUT_BYTES_MAX];
	const char *mode = out_str(host, DYNMEM_HOST_MODE);

	printf("Host     %s of %s available, level %s",
	       out_bytes(out_u64(host, DYNMEM_HOST_AVAILABLE), a),
	       out_bytes(out_u64(host, DYNMEM_HOST_TOTAL), b), out_str(host, DYNMEM_HOST_LEVEL));
	if (mode[0])
		printf(" (mode %s, source %s, profile %s)", mode, out_str(host, DYNMEM_HOST_SOURCE),
		       out_str(host, DYNMEM_HOST_PROFILE));
	putchar('\n');
	if (out_has(host, DYNMEM_HOST_STOP))
		printf("Stopped  by the kill switch: nothing is written to guests until %s is removed\n",
		       out_safe(out_str(host, DYNMEM_HOST_STOP)));

	if (out_has(host, DYNMEM_HOST_SWAP_TOTAL)) {
		uint64_t total = out_u64(host, DYNMEM_HOST_SWAP_TOTAL);
		uint64_t unused = out_u64(host, DYNMEM_HOST_SWAP_FREE);

		printf("Swap     %s of %s used\n",
		       out_bytes(total > unused ? total - unused : 0, a), out_bytes(total, b));
	}
	if (out_has(host, DYNMEM_HOST_KSM_SAVED))
		print_ksm(host);
	else if (!strcmp(out_str(host, DYNMEM_HOST_KSM_MODE), "manage"))
		printf("KSM      %s\n", out_safe(out_str(host, DYNMEM_HOST_KSM_REASON)));
	if (out_has(host, DYNMEM_HOST_EXPOSURE))
		printf("Exposure if guests wrote everything, %s would be called in; %s is held, and %s for the host\n",
		       out_bytes(out_u64(host, DYNMEM_HOST_EXPOSURE), a),
		       out_bytes(out_u64(host, DYNMEM_HOST_HOLD), b),
		       out_bytes(out_u64(host, DYNMEM_HOST_RESERVE), c));
	if (out_has(host, DYNMEM_HOST_LARGEST))
		printf("Largest  guest that could be started: %s, with all others at their floors %s\n",
		       out_bytes(out_u64(host, DYNMEM_HOST_LARGEST), a),
		       out_bytes(out_u64(host, DYNMEM_HOST_LARGEST_SQUEEZED), b));
	if (out_has(host, DYNMEM_HOST_GATE))
		printf("Gate     holds back (%s): %s taken from guests within a minute, %s may be\n",
		       out_str(host, DYNMEM_HOST_GATE),
		       out_bytes(out_u64(host, DYNMEM_HOST_TAKEN), a),
		       out_bytes(out_u64(host, DYNMEM_HOST_TAKE_MAX), b));
	if (out_has(host, DYNMEM_HOST_STALLS) || out_has(host, DYNMEM_HOST_OOM_KILLS))
		printf("Trouble  %llu stalls, %llu OOM kills\n",
		       (unsigned long long)out_u64(host, DYNMEM_HOST_STALLS),
		       (unsigned long long)out_u64(host, DYNMEM_HOST_OOM_KILLS));
}

/* A size of a guest, or "-" where it is not known. */
static const char *cell(struct json_object *guest, const char *key, char buf[static OUT_BYTES_MAX])
{
	return out_has(guest, key) ? out_bytes(out_u64(guest, key), buf) : "-";
}

static void print_guest(struct json_object *guest)
{
	char min[OUT_BYTES_MAX], max[OUT_BYTES_MAX], actual[OUT_BYTES_MAX];
	char target[OUT_BYTES_MAX], used[OUT_BYTES_MAX], rss[OUT_BYTES_MAX];
	char range[2 * OUT_BYTES_MAX];
	bool alert = json_object_get_boolean(json_object_object_get(guest, DYNMEM_GUEST_ALERT));

	snprintf(range, sizeof(range), "%s-%s", cell(guest, DYNMEM_GUEST_MIN, min),
		 cell(guest, DYNMEM_GUEST_MAX, max));
	printf("%-16s %-10s %17s %10s %10s %10s %10s %7llu  %s%s\n",
	       out_safe(out_str(guest, DYNMEM_GUEST_NAME)),
	       out_safe(out_str(guest, DYNMEM_GUEST_CLASS)), range,
	       cell(guest, DYNMEM_GUEST_ACTUAL, actual), cell(guest, DYNMEM_GUEST_TARGET, target),
	       cell(guest, DYNMEM_GUEST_USED, used), cell(guest, DYNMEM_GUEST_RSS, rss),
	       (unsigned long long)out_u64(guest, DYNMEM_GUEST_SHARES), alert ? "ALERT: " : "",
	       out_safe(out_str(guest, DYNMEM_GUEST_REASON)));
}

/* What is worth a line of its own. */
static void print_notes(struct json_object *host, struct json_object *guest)
{
	const char *name = out_safe(out_str(guest, DYNMEM_GUEST_NAME));
	char a[OUT_BYTES_MAX];

	if (out_has(guest, DYNMEM_GUEST_RECLAIMED))
		printf("%s: %s reclaimed by its cgroup so far, since no balloon reaches it\n", name,
		       cell(guest, DYNMEM_GUEST_RECLAIMED, a));
	if (out_has(guest, DYNMEM_GUEST_HIGH))
		printf("%s: held to %s by memory.high of its cgroup\n", name,
		       cell(guest, DYNMEM_GUEST_HIGH, a));
	/* The host's lines have already that ksmd is stopped. */
	if (out_has(guest, DYNMEM_GUEST_UNMERGED) && out_u64(host, DYNMEM_HOST_KSM_RUN) == 1)
		printf("%s: KSM merges nothing of it: %s\n", name,
		       out_safe(out_str(guest, DYNMEM_GUEST_UNMERGED)));
}

static void print_text(struct json_object *state)
{
	struct json_object *host = json_object_object_get(state, "host");
	struct json_object *guests = json_object_object_get(state, "guests");
	size_t n = json_object_array_length(guests);

	print_host(host);
	if (!n)
		return;
	printf("\n%-16s %-10s %17s %10s %10s %10s %10s %7s  %s\n", "GUEST", "CLASS", "RANGE",
	       "ACTUAL", "TARGET", "USED", "RSS", "SHARES", "LAST DECISION");
	for (size_t i = 0; i < n; i++)
		print_guest(json_object_array_get_idx(guests, i));
	for (size_t i = 0; i < n; i++)
		print_notes(host, json_object_array_get_idx(guests, i));
}

static void help(void)
{
	printf("Usage: dynmem status [--json]\n\n"
	       "Host memory and its level, what KSM saves, and each guest: its range, what the\n"
	       "balloon leaves it (actual), the size last commanded (target), what it uses by its own\n"
	       "statistics, what the host pays for it (RSS).\n\n"
	       "Options:\n"
	       "  -j, --json  one JSON object; sizes in bytes, unknown values left out\n"
	       "  -h, --help  this text\n\n"
	       "Without dynmemd it shows the host as the kernel module reports it.\n");
}

int cmd_status(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct json_object *state = NULL;
	int daemon_error = 0;
	struct cmd_line line = { "status", ":jh", options, help, false, 0 };
	int status;

	if (cmd_option(&line, argc, argv) == CMD_ENDS ||
	    cmd_arguments(&line, argc, argv, 0) == CMD_ENDS)
		return line.status;

	status = state_collect(&state, &daemon_error);
	if (daemon_error)
		fprintf(stderr, "dynmem status: %s\n", bus_error(daemon_error));
	if (!state)
		return status;
	if (line.json) {
		out_add_u64(state, "schema", SCHEMA);
		out_pretty(state);
	} else {
		print_text(state);
	}
	json_object_put(state);
	return status;
}
