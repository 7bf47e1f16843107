// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "common/dbus_names.h"
#include "dynmemd/api/dbus.h"
#include "dynmemd/api/fill.h"
#include "dynmemd/api/recordings.h"
#include "dynmemd/base/log.h"
#include "common/util.h"
#include "dynmemd/core/recorder.h"

/* A bus that is restarted is back within seconds; none at all stays away. */
#define RETRY_FIRST (2 * USEC_PER_SEC)
#define RETRY_LAST  (300 * USEC_PER_SEC)

struct api {
	struct manager *manager;
	sd_event *event;
	sd_bus *bus;
	sd_event_source *retry;
	struct recording *recordings;
	uint64_t wait;
};

/*
 * Methods and properties
 */

/* Send what was filled in, unless that failed. */
static int finish(int r, sd_bus_message *m)
{
	if (r >= 0)
		r = sd_bus_send(NULL, m, NULL);
	sd_bus_message_unref(m);
	return r;
}

static int reply(sd_bus_message *call, struct api *a, int (*fill)(sd_bus_message *m, struct api *a))
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_return(call, &m);

	if (r >= 0)
		r = fill(m, a);
	return finish(r, m);
}

static int fill_host(sd_bus_message *m, struct api *a)
{
	return api_fill_host(m, a->manager);
}

static int fill_guests(sd_bus_message *m, struct api *a)
{
	int r = sd_bus_message_open_container(m, 'a', "a{sv}");

	for (size_t i = 0; r >= 0 && i < manager_guest_count(a->manager); i++)
		r = api_fill_guest(m, a->manager, manager_guest(a->manager, i), false);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int fill_records(sd_bus_message *m, struct api *a)
{
	return api_fill_records(m, a->manager);
}

static int get_host(sd_bus_message *call, void *userdata, _unused_ sd_bus_error *error)
{
	return reply(call, userdata, fill_host);
}

static int list_guests(sd_bus_message *call, void *userdata, _unused_ sd_bus_error *error)
{
	return reply(call, userdata, fill_guests);
}

static int no_guest(const char *name, sd_bus_error *error)
{
	return sd_bus_error_setf(error, DYNMEM_BUS_NO_GUEST,
				 "There is no guest '%s'; 'dynmem status' lists all", name);
}

static int get_guest(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct api *a = userdata;
	const struct guest *g;
	sd_bus_message *m = NULL;
	const char *name;
	int r;

	r = sd_bus_message_read(call, "s", &name);
	if (r < 0)
		return r;
	g = manager_find(a->manager, name);
	if (!g)
		return no_guest(name, error);
	r = sd_bus_message_new_method_return(call, &m);
	if (r >= 0)
		r = api_fill_guest(m, a->manager, g, true);
	return finish(r, m);
}

static int set_guest(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	char done[MANAGER_SENTENCE_MAX], text[API_TEXT_MAX];
	const char *name, *key, *value;
	struct api *a = userdata;
	uint64_t seconds;
	int r = sd_bus_message_read(call, "ssst", &name, &key, &value, &seconds);

	if (r < 0)
		return r;
	r = manager_set(a->manager, name, key, value, seconds, done);
	if (r == -ENOENT)
		return no_guest(name, error);
	if (r == -EINVAL)
		return sd_bus_error_set(error, DYNMEM_BUS_BAD_VALUE, api_text(text, done));
	if (r == -ENOSPC)
		return sd_bus_error_set(
			error, DYNMEM_BUS_NO_ROOM,
			"There are too many settings of run time; set some to default");
	return r < 0 ? r : sd_bus_reply_method_return(call, "s", api_text(text, done));
}

static int not_managing(const struct api *a, sd_bus_error *error)
{
	return sd_bus_error_setf(
		error, DYNMEM_BUS_NOT_MANAGING,
		"The mode is '%s': nothing is written to guests, so nothing can be moved",
		manager_mode_name(a->manager));
}

static int drain(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct api *a = userdata;

	if (manager_drain(a->manager, true) < 0)
		return not_managing(a, error);
	return sd_bus_reply_method_return(call, NULL);
}

static int append_text(sd_bus_message *m, const char *text)
{
	char buf[API_TEXT_MAX];

	return sd_bus_message_append(m, "s", api_text(buf, text));
}

static void append_line(void *userdata, const char *text)
{
	append_text(userdata, text);
}

static int plan_reload(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	struct api *a = userdata;
	const char *path = "";
	int r = sd_bus_message_new_method_return(call, &m);

	if (r >= 0)
		r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "s");
	if (r >= 0)
		r = manager_plan_reload(a->manager, append_line, m, &path);
	if (r == -EINVAL)
		return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
					"the configuration is wrong: 'dynmemd --check' says how");
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = append_text(m, path);
	return r < 0 ? r : sd_bus_send(NULL, m, NULL);
}

static int resume(sd_bus_message *call, void *userdata, _unused_ sd_bus_error *error)
{
	struct api *a = userdata;

	manager_drain(a->manager, false);
	return sd_bus_reply_method_return(call, NULL);
}

static int reply_reservation(sd_bus_message *call, unsigned int id,
			     const struct policy_reserve_status *s)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_return(call, &m);

	if (r >= 0)
		r = api_fill_reservation(m, id, s);
	return finish(r, m);
}

static int reserve(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct policy_reserve_status status;
	struct api *a = userdata;
	uint64_t bytes, seconds;
	unsigned int id;
	const char *name;
	int r;

	r = sd_bus_message_read(call, "tst", &bytes, &name, &seconds);
	if (r < 0)
		return r;
	r = manager_reserve(a->manager, bytes, name, seconds, &id, &status);
	if (r == -EROFS)
		return not_managing(a, error);
	if (r == -ENOSPC)
		return sd_bus_error_set(error, DYNMEM_BUS_NO_ROOM, status.why);
	if (r == -EBUSY)
		return sd_bus_error_setf(
			error, DYNMEM_BUS_NO_ROOM,
			"There are %u reservations already, and no more are kept at a time",
			POLICY_RESERVES_MAX);
	if (r == -ENODATA)
		return sd_bus_error_set(error, DYNMEM_BUS_NO_ROOM,
					"dynmemd has just started and not decided yet; try again");
	return r < 0 ? r : reply_reservation(call, id, &status);
}

static int no_reservation(uint64_t id, sd_bus_error *error)
{
	return sd_bus_error_setf(
		error, DYNMEM_BUS_NO_RESERVE,
		"There is no reservation %llu: its guest has touched it, or it was released",
		(unsigned long long)id);
}

/* Their number as they name it; what is too large is none. */
static unsigned int number(uint64_t id)
{
	return (unsigned int)MIN(id, (uint64_t)UINT32_MAX);
}

static int get_reservation(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct policy_reserve_status status;
	struct api *a = userdata;
	uint64_t id;
	int r = sd_bus_message_read(call, "t", &id);

	if (r < 0)
		return r;
	if (manager_reservation(a->manager, number(id), &status) < 0)
		return no_reservation(id, error);
	return reply_reservation(call, number(id), &status);
}

static int fill_reservations(sd_bus_message *m, struct api *a)
{
	return api_fill_reservations(m, a->manager);
}

static int list_reservations(sd_bus_message *call, void *userdata, _unused_ sd_bus_error *error)
{
	return reply(call, userdata, fill_reservations);
}

static int release(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct api *a = userdata;
	uint64_t id;
	int r = sd_bus_message_read(call, "t", &id);

	if (r < 0)
		return r;
	if (manager_release(a->manager, number(id)) < 0)
		return no_reservation(id, error);
	return sd_bus_reply_method_return(call, NULL);
}

static int get_records(sd_bus_message *call, void *userdata, _unused_ sd_bus_error *error)
{
	return reply(call, userdata, fill_records);
}

static int record(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct api *a = userdata;
	int r = recording_begin(&a->recordings, a->manager, call);

	if (r == -EBUSY)
		return sd_bus_error_setf(error, DYNMEM_BUS_NO_ROOM,
					 "%d recordings are being made already; end one of them",
					 RECORDER_SINKS);
	return r < 0 ? r : sd_bus_reply_method_return(call, NULL);
}

static int get_property(_unused_ sd_bus *bus, _unused_ const char *path,
			_unused_ const char *interface, const char *property, sd_bus_message *m,
			void *userdata, _unused_ sd_bus_error *error)
{
	struct api *a = userdata;
	const char *value = DYNMEM_VERSION;

	if (!strcmp(property, "Mode"))
		value = manager_mode_name(a->manager);
	else if (!strcmp(property, "Level"))
		value = policy_level_name(manager_level(a->manager));
	else if (!strcmp(property, "Source"))
		value = manager_source_name(a->manager);
	return sd_bus_message_append(m, "s", value);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("GetHost", SD_BUS_NO_ARGS, SD_BUS_RESULT("a{sv}", host), get_host,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ListGuests", SD_BUS_NO_ARGS, SD_BUS_RESULT("aa{sv}", guests),
				list_guests, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GetGuest", SD_BUS_ARGS("s", name), SD_BUS_RESULT("a{sv}", guest),
				get_guest, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GetRecords", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", json), get_records,
				SD_BUS_VTABLE_UNPRIVILEGED),
	/* Who may: the bus's policy says, org.dynmem1.conf. */
	SD_BUS_METHOD("Drain", NULL, NULL, drain, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Record", NULL, NULL, record, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("PlanReload", SD_BUS_NO_ARGS, SD_BUS_RESULT("as", lines, "s", path),
				plan_reload, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Resume", NULL, NULL, resume, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Reserve", SD_BUS_ARGS("t", bytes, "s", guest, "t", seconds),
				SD_BUS_RESULT("a{sv}", reservation), reserve,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("GetReservation", SD_BUS_ARGS("t", id),
				SD_BUS_RESULT("a{sv}", reservation), get_reservation,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("ListReservations", SD_BUS_NO_ARGS,
				SD_BUS_RESULT("aa{sv}", reservations), list_reservations,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("SetGuest",
				SD_BUS_ARGS("s", name, "s", key, "s", value, "t", seconds),
				SD_BUS_RESULT("s", done), set_guest, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD_WITH_ARGS("Release", SD_BUS_ARGS("t", id), SD_BUS_NO_RESULT, release,
				SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL_WITH_ARGS("Decision",
				SD_BUS_ARGS("s", guest, "t", from, "t", to, "s", code, "s", reason,
					    "a{sv}", more),
				0),
	SD_BUS_SIGNAL_WITH_ARGS("Record", SD_BUS_ARGS("s", line), 0),
	SD_BUS_SIGNAL_WITH_ARGS("GuestAdded", SD_BUS_ARGS("s", guest), 0),
	SD_BUS_SIGNAL_WITH_ARGS("GuestRemoved", SD_BUS_ARGS("s", guest, "s", reason), 0),
	SD_BUS_PROPERTY("Version", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Mode", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Level", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Source", "s", get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_VTABLE_END
};

/*
 * Signals
 */

static int signal_new(struct api *a, const char *name, sd_bus_message **ret)
{
	if (!a->bus)
		return -ENOTCONN;
	return sd_bus_message_new_signal(a->bus, ret, DYNMEM_BUS_PATH, DYNMEM_BUS_INTERFACE, name);
}

static void send_signal(int r, sd_bus_message *m)
{
	r = finish(r, m);
	if (r < 0 && r != -ENOTCONN)
		log_debug("cannot send a D-Bus signal: %s", strerror(-r));
}

static void on_decision(void *userdata, const struct guest *g, bool applied)
{
	struct api *a = userdata;
	sd_bus_message *m = NULL;
	int r = signal_new(a, "Decision", &m);

	if (r >= 0)
		r = api_fill_decision(m, a->manager, g, applied);
	send_signal(r, m);
}

static void on_guest_added(void *userdata, const struct guest *g)
{
	sd_bus_message *m = NULL;
	int r = signal_new(userdata, "GuestAdded", &m);

	if (r >= 0)
		r = append_text(m, g->name);
	send_signal(r, m);
}

static void on_guest_removed(void *userdata, const struct guest *g, const char *why)
{
	sd_bus_message *m = NULL;
	int r = signal_new(userdata, "GuestRemoved", &m);

	if (r >= 0)
		r = append_text(m, g->name);
	if (r >= 0)
		r = append_text(m, why);
	send_signal(r, m);
}

static void changed(struct api *a, const char *property)
{
	if (a->bus)
		sd_bus_emit_properties_changed(a->bus, DYNMEM_BUS_PATH, DYNMEM_BUS_INTERFACE,
					       property, NULL);
}

static void on_level(void *userdata)
{
	changed(userdata, "Level");
}

static void on_mode(void *userdata)
{
	changed(userdata, "Mode");
}

void api_source_changed(struct api *a)
{
	changed(a, "Source");
}

static const struct manager_listener listener = {
	.decision = on_decision,
	.guest_added = on_guest_added,
	.guest_removed = on_guest_removed,
	.level = on_level,
	.mode = on_mode,
};

/*
 * The connection
 */

static void retry_later(struct api *a, const char *why)
{
	/* Logged once: a host without a bus shall not fill its log with it. */
	log_guest(a->wait == RETRY_FIRST ? LOG_WARNING : LOG_DEBUG, NULL,
		  "no D-Bus API: the system bus cannot be used (%s); next try in %llu s", why,
		  (unsigned long long)(a->wait / USEC_PER_SEC));
	recording_end_all(&a->recordings);
	a->bus = sd_bus_close_unref(a->bus);
	sd_event_source_set_time_relative(a->retry, a->wait);
	sd_event_source_set_enabled(a->retry, SD_EVENT_ONESHOT);
	a->wait = MIN(a->wait * 2, RETRY_LAST);
}

static int on_disconnected(_unused_ sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	retry_later(userdata, "the bus is gone");
	return 0;
}

static int on_name(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);
	struct api *a = userdata;
	uint32_t got = 0;

	if (!e)
		sd_bus_message_read(m, "u", &got);
	if (got == 1 || got == 4) {
		a->wait = RETRY_FIRST;
		return 0;
	}
	retry_later(a, e ? e->message : "another process has the name " DYNMEM_BUS_NAME);
	return 0;
}

/* Nothing waits here: the answers come in the event loop. */
static int connect_bus(struct api *a)
{
	int r = sd_bus_open_system_with_description(&a->bus, "dynmemd");

	if (r < 0)
		return r;
	r = sd_bus_attach_event(a->bus, a->event, PRIORITY_API);
	if (r < 0)
		return r;
	r = sd_bus_add_object_vtable(a->bus, NULL, DYNMEM_BUS_PATH, DYNMEM_BUS_INTERFACE, vtable,
				     a);
	if (r < 0)
		return r;
	r = sd_bus_match_signal_async(a->bus, NULL, "org.freedesktop.DBus.Local", NULL,
				      "org.freedesktop.DBus.Local", "Disconnected", on_disconnected,
				      NULL, a);
	if (r < 0)
		return r;
	return sd_bus_request_name_async(a->bus, NULL, DYNMEM_BUS_NAME, 0, on_name, a);
}

static void try_connect(struct api *a)
{
	int r = connect_bus(a);

	if (r < 0)
		retry_later(a, strerror(-r));
}

static int on_retry(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	try_connect(userdata);
	return 0;
}

int api_new(struct api **ret, struct manager *m, sd_event *event)
{
	struct api *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->manager = m;
	a->event = event;
	a->wait = RETRY_FIRST;
	r = sd_event_add_time(event, &a->retry, CLOCK_MONOTONIC, 0, USEC_PER_SEC, on_retry, a);
	if (r >= 0)
		r = sd_event_source_set_enabled(a->retry, SD_EVENT_OFF);
	if (r < 0) {
		api_free(a);
		return r;
	}
	try_connect(a);
	manager_listen(m, &listener, a);
	*ret = a;
	return 0;
}

struct api *api_free(struct api *a)
{
	if (!a)
		return NULL;
	manager_listen(a->manager, NULL, NULL);
	sd_event_source_disable_unref(a->retry);
	recording_end_all(&a->recordings);
	sd_bus_flush_close_unref(a->bus);
	free(a);
	return NULL;
}
