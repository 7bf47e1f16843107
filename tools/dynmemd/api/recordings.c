// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/dbus_names.h"
#include "common/util.h"
#include "dynmemd/api/recordings.h"
#include "dynmemd/base/log.h"
#include "dynmemd/core/recorder.h"

struct recording {
	struct recording **list, *next;
	struct manager *manager;
	sd_bus *bus;
	sd_bus_track *reader; /* NULL: it is being ended */
	char *name;	      /* of the reader on the bus */
};

static void end(struct recording *r)
{
	struct recording **at = r->list;

	recorder_remove(manager_recorder(r->manager), r);
	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
	sd_bus_track_unref(r->reader);
	free(r->name);
	free(r);
}

static int on_reader_gone(_unused_ sd_bus_track *track, void *userdata)
{
	end(userdata);
	return 0;
}

static int send_line(const struct recording *r, const char *line)
{
	sd_bus_message *m = NULL;
	int n = sd_bus_message_new_signal(r->bus, &m, DYNMEM_BUS_PATH, DYNMEM_BUS_INTERFACE,
					  "Record");

	if (n >= 0)
		n = sd_bus_message_append(m, "s", line);
	if (n >= 0)
		n = sd_bus_message_set_destination(m, r->name);
	if (n >= 0)
		n = sd_bus_send(r->bus, m, NULL);
	sd_bus_message_unref(m);
	return n;
}

/* The bus takes what is not read yet up to a limit: then the reader is disconnected. */
static void on_line(void *userdata, const char *line)
{
	const struct recording *r = userdata;
	int n = line ? send_line(r, line) : -ENOMEM;

	if (n < 0)
		log_debug("a line of a recording is lost: %s", strerror(-n));
}

int recording_begin(struct recording **list, struct manager *m, sd_bus_message *call)
{
	struct recording *r = calloc(1, sizeof(*r));
	int n;

	if (!r)
		return -ENOMEM;
	r->list = list;
	r->manager = m;
	r->bus = sd_bus_message_get_bus(call);
	r->name = strdup(sd_bus_message_get_sender(call) ?: "");
	r->next = *list;
	*list = r;
	n = r->name ? sd_bus_track_new(r->bus, &r->reader, on_reader_gone, r) : -ENOMEM;
	if (n >= 0)
		n = sd_bus_track_add_name(r->reader, r->name);
	if (n >= 0)
		n = recorder_add(manager_recorder(m), on_line, r);
	if (n < 0)
		end(r);
	return n < 0 ? n : 0;
}

void recording_end_all(struct recording **list)
{
	struct recording *next;

	for (struct recording *r = *list; r; r = next) {
		next = r->next;
		end(r);
	}
}
