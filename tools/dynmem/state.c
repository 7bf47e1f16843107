// SPDX-License-Identifier: GPL-2.0
#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "cmd.h"
#include "kernel.h"

static struct json_object *state_new(struct json_object *host, struct json_object *guests)
{
	struct json_object *state = json_object_new_object();

	json_object_object_add(state, "host", host);
	json_object_object_add(state, "guests", guests);
	return state;
}

int state_ask(sd_bus *bus, struct json_object **ret)
{
	struct json_object *host = NULL, *guests = NULL;
	int r;

	r = bus_call(bus, "GetHost", &host);
	if (r < 0)
		return r;
	r = bus_call(bus, "ListGuests", &guests);
	if (r < 0) {
		json_object_put(host);
		return r;
	}
	*ret = state_new(host, guests);
	return 0;
}

int state_guest(const char *cmd, const char *name, struct json_object **ret)
{
	char why[BUS_WHY_MAX];
	sd_bus *bus = NULL;
	int r = bus_open(&bus);

	if (r < 0)
		return bus_fail(cmd, r, bus_error(r));
	r = bus_order(bus, "GetGuest", ret, why, "s", name);
	sd_bus_flush_close_unref(bus);
	return r < 0 ? bus_fail(cmd, r, why) : EXIT_SUCCESS;
}

void state_add_records(sd_bus *bus, struct json_object *state)
{
	struct json_object *text = NULL, *records;

	if (bus_call(bus, "GetRecords", &text) < 0)
		return;
	records = json_tokener_parse(json_object_get_string(text) ?: "");
	if (records)
		json_object_object_add(state, "records", records);
	json_object_put(text);
}

int state_collect(struct json_object **ret, int *ret_daemon_error)
{
	struct json_object *host = NULL;
	sd_bus *bus = NULL;
	int r;

	r = bus_open(&bus);
	if (r >= 0)
		r = state_ask(bus, ret);
	sd_bus_flush_close_unref(bus);
	if (r >= 0)
		return EXIT_SUCCESS;
	*ret_daemon_error = r;

	r = kernel_host(&host);
	if (r < 0) {
		*ret = NULL;
		fprintf(stderr, "dynmem: %s\n", r == -ENODEV ? cmd_no_module : strerror(-r));
		return r == -ENODEV ? EXIT_NO_MODULE : EXIT_FAILURE;
	}
	*ret = state_new(host, json_object_new_array());
	return EXIT_NO_DAEMON;
}
