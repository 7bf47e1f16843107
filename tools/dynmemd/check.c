// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "common/dbus_names.h"
#include "common/util.h"
#include "dynmemd/check.h"
#include "dynmemd/config/daemon_config.h"

static void complain(const char *text, _unused_ void *userdata)
{
	fprintf(stderr, "dynmemd: %s\n", text);
}

static int print_plan(const struct options *o, sd_bus_message *reply)
{
	const char *path, *line;
	unsigned int lines = 0;
	int r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "s");

	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(reply, "s", &line)) > 0) {
		puts(line);
		lines++;
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(reply);
	if (r >= 0)
		r = sd_bus_message_read(reply, "s", &path);
	if (r < 0)
		return r;
	if (!lines)
		puts("a reload changes nothing");
	if (strcmp(path, o->config) != 0)
		printf("that is about %s, which the daemon reads that runs\n", path);
	return 0;
}

/* Nobody there is no fault of the configuration. */
static void ask_daemon(const struct options *o)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	sd_bus *bus = NULL;
	int r = sd_bus_open_system(&bus);

	if (r < 0) {
		printf("no system bus (%s), so no daemon to compare with\n", strerror(-r));
		return;
	}
	r = sd_bus_call_method(bus, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH, DYNMEM_BUS_INTERFACE,
			       "PlanReload", &error, &reply, NULL);
	if (r >= 0)
		r = print_plan(o, reply);
	if (sd_bus_error_has_name(&error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	    sd_bus_error_has_name(&error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		puts("no daemon runs that it could be compared with");
	else if (r < 0)
		fprintf(stderr, "dynmemd: a running daemon cannot be asked what would change: %s\n",
			error.message ?: strerror(-r));
	sd_bus_error_free(&error);
	sd_bus_message_unref(reply);
	sd_bus_flush_close_unref(bus);
}

int check_run(const struct options *o)
{
	struct config *c;

	if (config_load(&c, o->config, o->config_required, complain, NULL) < 0)
		return EXIT_CONFIG;
	config_free(c);
	printf("%s: sound\n", o->config);
	if (o->diff)
		ask_daemon(o);
	return EXIT_SUCCESS;
}
