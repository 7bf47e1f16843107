// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>

#include "dynmem/bus.h"
#include "dynmem/kernel.h"
#include "dynmem/metrics/metrics.h"
#include "dynmem/state.h"

static int ask_daemon(struct metrics_state *ret)
{
	struct json_object *state = NULL;
	sd_bus *bus = NULL;
	int r = bus_open(&bus);

	if (r >= 0)
		r = state_ask(bus, &state);
	sd_bus_flush_close_unref(bus);
	if (r < 0)
		return r;
	ret->host = json_object_get(json_object_object_get(state, "host"));
	ret->guests = json_object_get(json_object_object_get(state, "guests"));
	json_object_put(state);
	return 0;
}

int metrics_collect(struct metrics_state *ret)
{
	*ret = (struct metrics_state){ 0 };
	if (kernel_figures(&ret->kernel) < 0)
		ret->kernel = NULL;
	return ask_daemon(ret);
}

void metrics_state_free(struct metrics_state *s)
{
	json_object_put(s->host);
	json_object_put(s->guests);
	json_object_put(s->kernel);
}

/* Each distinct error once: success resets. */
static void log_error(int error)
{
	static int logged;

	if (error < 0 && error != logged)
		fprintf(stderr, "dynmem metrics: %s\n", bus_error(error));
	logged = error;
}

int metrics_text(enum metrics_format format, char **ret, size_t *ret_size)
{
	struct metrics_state s;
	FILE *out = open_memstream(ret, ret_size);

	if (!out)
		return -ENOMEM;
	log_error(metrics_collect(&s));
	metrics_write(out, format, &s);
	metrics_state_free(&s);
	if (fclose(out) != 0) {
		free(*ret);
		return -ENOMEM;
	}
	return 0;
}
