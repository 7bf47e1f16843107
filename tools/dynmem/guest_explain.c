// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem explain: why a guest has the memory that it has, in plain sentences.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "common/dbus_names.h"
#include "guest_show.h"
#include "journal_options.h"
#include "out.h"
#include "state.h"
#include "when.h"

#define SCHEMA 1 /* of --json, see out_new() */

/* Of the journal's lines, where no time is given. */
#define LINES 10

static void step(const char *sign, struct json_object *g, const char *key, const char *what)
{
	char size[OUT_BYTES_MAX];

	printf("  %s %10s  %s\n", sign, out_size(g, key, size), what);
}

/*
 * Estimates fade out, they do not end: what is nothing beside a guest's memory is
 * not printed.
 */
static bool counts(struct json_object *g, const char *key)
{
	return out_counts(out_u64(g, key), 1ULL << 20);
}

static void add(struct json_object *g, const char *key, const char *what)
{
	if (counts(g, key))
		step("+", g, key, what);
}

static void print_floor(struct json_object *g)
{
	char size[OUT_BYTES_MAX], at[OUT_BYTES_MAX], age[WHEN_TEXT_MAX];

	step(" ", g, DYNMEM_GUEST_FLOOR, "floor: less would do harm");
	if (counts(g, DYNMEM_DETAIL_LEARNED))
		printf("               of it %s is a margin learned from harm\n",
		       out_size(g, DYNMEM_DETAIL_LEARNED, size));
	if (out_has(g, DYNMEM_DETAIL_HARM_BY)) {
		printf("               the last harm, at %s",
		       out_size(g, DYNMEM_DETAIL_HARM_SIZE, at));
		if (out_has(g, DYNMEM_DETAIL_HARM_AGE))
			printf(" %s ago", when_age(out_u64(g, DYNMEM_DETAIL_HARM_AGE), age));
		printf(": %s\n", out_safe(out_str(g, DYNMEM_DETAIL_HARM_BY)));
	}
}

static void print_steps(struct json_object *g)
{
	char age[WHEN_TEXT_MAX], text[128];

	if (!out_has(g, DYNMEM_GUEST_SAMPLE_AGE)) {
		printf("What it uses is not known: it gives no statistics. See 'dynmem doctor'.\n");
		return;
	}
	printf("What it needs, by statistics that are %s old\n",
	       when_age(out_u64(g, DYNMEM_GUEST_SAMPLE_AGE), age));
	step(" ", g, DYNMEM_GUEST_USED, "used");
	add(g, DYNMEM_DETAIL_OVERHEAD, "its kernel's own");
	add(g, DYNMEM_DETAIL_DEBT, "swapped out in it for lack of memory");
	add(g, DYNMEM_DETAIL_HOT, "of its disk cache that it reads again");
	add(g, DYNMEM_DETAIL_ROOM, "room to grow until the next decision works");
	add(g, DYNMEM_DETAIL_LACKING, "since it was under pressure");
	step("=", g, DYNMEM_GUEST_DEMAND, "demand, within its range");
	print_floor(g);
	printf("What it gets\n");
	snprintf(text, sizeof(text), "share: what it is entitled to, by its %llu shares",
		 (unsigned long long)out_u64(g, DYNMEM_GUEST_SHARES));
	step(" ", g, DYNMEM_GUEST_ENTITLED, text);
	if (out_has(g, DYNMEM_DETAIL_GRANTED))
		step(" ", g, DYNMEM_DETAIL_GRANTED, "granted by the last decision");
	step(" ", g, DYNMEM_GUEST_TARGET, "commanded");
	step(" ", g, DYNMEM_GUEST_ACTUAL, "what its balloon leaves it now");
	if (out_has(g, DYNMEM_GUEST_RSS))
		step(" ", g, DYNMEM_GUEST_RSS, "of that the host pays for");
}

static void print_waits(struct json_object *g)
{
	struct json_object *all = json_object_object_get(g, DYNMEM_DETAIL_WAITS_FOR);
	char size[OUT_BYTES_MAX];

	if (!all)
		return;
	printf("  - it waits for bytes that the host has not yet%s\n",
	       json_object_array_length(all) ? ":" : "; no other guest has any to give");
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *w = json_object_array_get_idx(all, i);
		bool moves = json_object_get_boolean(json_object_object_get(w, DYNMEM_WAIT_MOVES));

		printf("      %s of %s, %s\n", out_size(w, DYNMEM_WAIT_BYTES, size),
		       out_safe(out_str(w, DYNMEM_WAIT_GUEST)),
		       moves ? "on their way" : "more than it is entitled to");
	}
}

static void print_obstacles(struct json_object *g)
{
	char text[WHEN_TEXT_MAX];

	if (out_has(g, DYNMEM_GUEST_HELD))
		printf("  - it is held: 'dynmem guest %s release' ends that\n",
		       out_safe(out_str(g, DYNMEM_GUEST_NAME)));
	if (out_has(g, DYNMEM_GUEST_OBSERVED))
		printf("  - it is only observed: %s\n",
		       out_safe(out_str(g, DYNMEM_GUEST_OBSERVED)));
	if (out_has(g, DYNMEM_GUEST_PINNED))
		printf("  - its balloon frees nothing: %s\n",
		       out_safe(out_str(g, DYNMEM_GUEST_PINNED)));
	if (out_has(g, DYNMEM_DETAIL_PRESSED_BY))
		printf("  - it is under pressure: %s\n",
		       out_safe(out_str(g, DYNMEM_DETAIL_PRESSED_BY)));
	if (out_has(g, DYNMEM_DETAIL_BACKOFF))
		printf("  - no shrink until %s: the last one did harm\n",
		       when_text(time(NULL) + (time_t)(out_u64(g, DYNMEM_DETAIL_BACKOFF) / 1000000),
				 text));
	if (out_u64(g, DYNMEM_DETAIL_HARMS) > 1)
		printf("  - shrinks did harm %llu times lately\n",
		       (unsigned long long)out_u64(g, DYNMEM_DETAIL_HARMS));
	print_waits(g);
}

static void print_text(struct json_object *g)
{
	char actual[OUT_BYTES_MAX], max[OUT_BYTES_MAX];

	printf("%s (%s) has %s of at most %s\n", out_safe(out_str(g, DYNMEM_GUEST_NAME)),
	       out_str(g, DYNMEM_GUEST_CLASS), out_size(g, DYNMEM_GUEST_ACTUAL, actual),
	       out_size(g, DYNMEM_GUEST_MAX, max));
	if (out_has(g, DYNMEM_GUEST_REASON))
		printf("  %s\n", out_safe(out_str(g, DYNMEM_GUEST_REASON)));
	print_obstacles(g);
	print_steps(g);
	guest_print_settings(g);
}

static void print_json(struct json_object *g, struct json_object *events, const char *why)
{
	struct json_object *top = out_new(SCHEMA);

	if (g)
		json_object_object_add(top, "guest", json_object_get(g));
	json_object_object_add(top, "events", json_object_get(events));
	if (*why)
		out_add_str(top, "missing", why);
	out_pretty(top);
	json_object_put(top);
}

static int explain(const struct journal_query *q, bool json)
{
	struct json_object *g = NULL, *events;
	char why[JOURNAL_WHY_MAX];
	int status = state_guest("explain", q->guest, &g);
	size_t n;

	/* Of one that is gone the journal knows. */
	if (!g && status != EXIT_FAILURE && status != EXIT_NO_DAEMON)
		return status;
	journal_read(q, &events, why);
	n = json_object_array_length(events);
	if (json) {
		print_json(g, events, why);
	} else {
		if (g)
			print_text(g);
		if (g || n)
			printf("%s\n", n ? "Last decisions, by the journal"
					 : "No decision about it is in the journal");
		for (size_t i = 0; i < n; i++) {
			printf("  ");
			journal_print(json_object_array_get_idx(events, i), false);
		}
	}
	if (*why)
		fprintf(stderr, "dynmem explain: %s\n", out_safe(why));
	json_object_put(events);
	json_object_put(g);
	return status;
}

static void help(void)
{
	printf("Usage: dynmem explain GUEST " JOURNAL_USAGE "\n\n"
	       "Why a guest has the memory that it has: from what it uses to what it gets, what\n"
	       "stands in the way, and the last decisions about it, from the journal.\n\n");
	journal_options_help(LINES);
	printf("Exit status: 0 done, 1 no such guest, 4 no daemon; the journal's part is shown then\n"
	       "as well.\n");
}

int cmd_explain(int argc, char **argv)
{
	struct cmd_line line = { .cmd = "explain", .help = help };
	struct journal_query q = { .lines = LINES };
	int n = journal_options(&line, argc, argv, &q);

	if (n == CMD_ENDS)
		return line.status;
	if (!n)
		return cmd_usage_error("explain", "which guest? A name is missing");
	return explain(&q, line.json);
}
