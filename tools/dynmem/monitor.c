// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem monitor: the kernel's events and the daemon's decisions, as they come.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "bus.h"
#include "cmd.h"
#include "common/dbus_names.h"
#include "kernel.h"
#include "line.h"
#include "out.h"
#include "state.h"

#define SCHEMA 1 /* of --json, see out_new() */

/* Shorter than that is a burden, longer than a day is a mistake. */
#define EVERY_MAX_SECONDS 86400

/* In text, KSM's counters are news when what it saves has moved this much. */
#define KSM_NEWS_BYTES (1 << 20)

struct monitor {
	sd_event *event;
	sd_bus *bus;
	struct dynmem *dynmem;
	bool json;
	uint64_t every_usec;
	uint64_t ksm_shown;
};

/* The one way out: time is added, then JSON or text is printed. */
static void show(const struct monitor *m, struct json_object *obj)
{
	struct timespec now;
	struct tm tm;
	char text[32], whole[64];

	clock_gettime(CLOCK_REALTIME, &now);
	if (m->json) {
		gmtime_r(&now.tv_sec, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
		snprintf(whole, sizeof(whole), "%s.%06ldZ", text, now.tv_nsec / 1000);
		out_add_u64(obj, "schema", SCHEMA);
		out_add_str(obj, "time", whole);
		out_line(obj);
	} else {
		localtime_r(&now.tv_sec, &tm);
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
		printf("%s.%03ld  ", text, now.tv_nsec / 1000000);
		line_print(obj);
		fflush(stdout);
	}
	json_object_put(obj);
	/* The reader has gone: so do we. */
	if (ferror(stdout))
		sd_event_exit(m->event, EXIT_FAILURE);
}

/*
 * JSON gets every event; a reader of text is spared the pages that come and go.
 */
static bool is_news(struct monitor *m, const struct dynmem_event *event)
{
	uint64_t saved = event->ksm.saved;
	uint64_t moved = saved > m->ksm_shown ? saved - m->ksm_shown : m->ksm_shown - saved;

	if (m->json || event->type != DYNMEM_EVENT_KSM ||
	    event->ksm.event != DYNMEM_KSM_EVENT_COUNTERS)
		return true;
	if (moved < KSM_NEWS_BYTES)
		return false;
	m->ksm_shown = saved;
	return true;
}

static int drain_kernel(struct monitor *m)
{
	struct dynmem_event event;
	int r;

	while ((r = dynmem_next_event(m->dynmem, &event)) > 0) {
		struct json_object *obj;

		if (!is_news(m, &event))
			continue;
		obj = kernel_event(&event);
		if (obj)
			show(m, obj);
	}
	if (r < 0 && r != -ENODEV)
		fprintf(stderr, "dynmem monitor: kernel events: %s\n",
			dynmem_last_error(m->dynmem));
	return 0;
}

static int on_kernel(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)fd;
	(void)revents;
	return drain_kernel(userdata);
}

static int on_decision(sd_bus_message *msg, void *userdata, sd_bus_error *error)
{
	struct json_object *obj, *more = NULL;
	const char *guest, *code, *reason;
	uint64_t from, to;

	(void)error;
	if (sd_bus_message_read(msg, "sttss", &guest, &from, &to, &code, &reason) < 0)
		return 0;
	obj = json_object_new_object();
	out_add_str(obj, "type", "decision");
	out_add_str(obj, "guest", guest);
	out_add_u64(obj, "from", from);
	out_add_u64(obj, "to", to);
	out_add_str(obj, "code", code);
	out_add_str(obj, "reason", reason);
	if (bus_read_value(msg, "a{sv}", &more) > 0) {
		/* "time" is when it was received, as in all objects. */
		out_add_u64(obj, "monotonic", out_u64(more, DYNMEM_DECISION_TIME) * 1000);
		json_object_object_del(more, DYNMEM_DECISION_TIME);
		json_object_object_foreach(more, key, value)
			json_object_object_add(obj, key, json_object_get(value));
		json_object_put(more);
	}
	show(userdata, obj);
	return 0;
}

static int on_guest(sd_bus_message *msg, void *userdata, sd_bus_error *error)
{
	bool added = sd_bus_message_is_signal(msg, NULL, "GuestAdded");
	struct json_object *obj;
	const char *guest, *reason;

	(void)error;
	if (sd_bus_message_read(msg, "s", &guest) < 0)
		return 0;
	obj = json_object_new_object();
	out_add_str(obj, "type", "guest");
	out_add_str(obj, "event", added ? "added" : "removed");
	out_add_str(obj, "guest", guest);
	if (!added && sd_bus_message_read(msg, "s", &reason) > 0)
		out_add_str(obj, "reason", reason);
	show(userdata, obj);
	return 0;
}

/* Of the daemon's properties only the level is news by itself. */
static int on_properties(sd_bus_message *msg, void *userdata, sd_bus_error *error)
{
	struct json_object *obj, *changed = NULL;
	const char *interface;
	struct timespec now;

	(void)error;
	if (sd_bus_message_read(msg, "s", &interface) < 0 ||
	    bus_read_value(msg, "a{sv}", &changed) <= 0)
		return 0;
	if (out_has(changed, "Level")) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		obj = json_object_new_object();
		out_add_str(obj, "type", "level");
		out_add_str(obj, "level", out_str(changed, "Level"));
		out_add_u64(obj, "monotonic", now.tv_sec * UINT64_C(1000000000) + now.tv_nsec);
		show(userdata, obj);
	}
	json_object_put(changed);
	return 0;
}

static int on_every(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct monitor *m = userdata;
	struct json_object *state = NULL;

	if (m->bus && state_ask(m->bus, &state) == 0) {
		out_add_str(state, "type", "state");
		if (m->json)
			state_add_records(m->bus, state);
		show(m, state);
	}
	sd_event_source_set_time(source, usec + m->every_usec);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int listen_bus(struct monitor *m)
{
	static const struct {
		const char *signal;
		sd_bus_message_handler_t handler;
	} signals[] = {
		{ "Decision", on_decision },
		{ "GuestAdded", on_guest },
		{ "GuestRemoved", on_guest },
	};
	int r = bus_open(&m->bus);

	for (size_t i = 0; r >= 0 && i < sizeof(signals) / sizeof(signals[0]); i++)
		r = sd_bus_match_signal(m->bus, NULL, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
					DYNMEM_BUS_INTERFACE, signals[i].signal, signals[i].handler,
					m);
	if (r >= 0)
		r = sd_bus_match_signal(m->bus, NULL, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
					"org.freedesktop.DBus.Properties", "PropertiesChanged",
					on_properties, m);
	if (r >= 0)
		r = sd_bus_attach_event(m->bus, m->event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0) {
		m->bus = sd_bus_flush_close_unref(m->bus);
		return r;
	}
	return 0;
}

static int listen_kernel(struct monitor *m)
{
	int r;

	r = dynmem_open(&m->dynmem, DYNMEM_OPEN_NO_LOAD);
	if (r < 0)
		return r;
	r = dynmem_subscribe(m->dynmem, DYNMEM_GROUP_PRESSURE | DYNMEM_GROUP_KSM);
	if (r < 0)
		return r;
	r = sd_event_add_io(m->event, NULL, dynmem_fd(m->dynmem), EPOLLIN, on_kernel, m);
	if (r < 0)
		return r;
	drain_kernel(m);
	return 0;
}

static int monitor_setup(struct monitor *m)
{
	sigset_t signals;
	int bus, r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	r = sd_event_default(&m->event);
	if (r < 0)
		return r;
	sd_event_add_signal(m->event, NULL, SIGINT, NULL, NULL);
	sd_event_add_signal(m->event, NULL, SIGTERM, NULL, NULL);

	bus = listen_bus(m);
	if (bus < 0)
		fprintf(stderr, "dynmem monitor: no decisions: %s\n", bus_error(bus));
	r = listen_kernel(m);
	if (r < 0)
		return r;
	if (!dynmem_present(m->dynmem)) {
		fprintf(stderr, "dynmem monitor: no kernel events: %s\n", cmd_no_module);
		if (!m->bus)
			return -ENODEV;
	}
	if (m->every_usec)
		return sd_event_add_time_relative(m->event, NULL, CLOCK_MONOTONIC, 0, 0, on_every,
						  m);
	return 0;
}

static int monitor_run(struct monitor *m)
{
	int r = monitor_setup(m);

	if (r >= 0)
		r = sd_event_loop(m->event);
	else if (r != -ENODEV)
		fprintf(stderr, "dynmem monitor: %s\n", strerror(-r));
	sd_bus_flush_close_unref(m->bus);
	dynmem_close(m->dynmem);
	sd_event_unref(m->event);
	if (r == -ENODEV)
		return EXIT_NO_MODULE;
	return r < 0 ? EXIT_FAILURE : r;
}

static void help(void)
{
	printf("Usage: dynmem monitor [--json] [--every SECONDS]\n\n"
	       "The kernel's pressure and KSM events, and what dynmemd decides, as they come,\n"
	       "until Ctrl-C.\n\n"
	       "Options:\n"
	       "  -j, --json           one JSON object a line; sizes in bytes\n"
	       "  -e, --every SECONDS  also the state of host and guests every so often (1 to %d)\n"
	       "  -h, --help           this text\n",
	       EVERY_MAX_SECONDS);
}

int cmd_monitor(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "every", required_argument, NULL, 'e' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = { "monitor", ":je:h", options, help, false, 0 };
	struct monitor m = { 0 };
	unsigned long seconds;
	int opt;

	while ((opt = cmd_option(&line, argc, argv)) != -1) {
		switch (opt) {
		case 'e':
			if (!cmd_whole(optarg, 1, EVERY_MAX_SECONDS, &seconds))
				return cmd_usage_error(
					"monitor", "--every takes whole seconds, 1 to %d, not '%s'",
					EVERY_MAX_SECONDS, optarg);
			m.every_usec = seconds * 1000000ULL;
			break;
		default:
			return line.status;
		}
	}
	if (cmd_arguments(&line, argc, argv, 0) == CMD_ENDS)
		return line.status;
	m.json = line.json;
	return monitor_run(&m);
}
