/* SPDX-License-Identifier: GPL-2.0 */
/* A bus of the test's own, the daemon's API on it, and a client that listens. */
#ifndef DBUS_WORLD_H
#define DBUS_WORLD_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <systemd/sd-bus.h>

#include "common/dbus_names.h"
#include "dynmemd/api/dbus.h"
#include "dynmemd_world.h"

static const char bus_config[] =
	"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\"\n"
	" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	"<busconfig><type>system</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>\n"
	"<policy context=\"default\"><allow own=\"*\"/><allow send_destination=\"*\"/>\n"
	"<allow receive_type=\"signal\"/><allow receive_type=\"method_call\"/>\n"
	"<allow receive_type=\"method_return\"/><allow receive_type=\"error\"/></policy></busconfig>\n";

struct bus {
	pid_t pid;
	sd_bus *client;
	struct api *api;

	/* what the client heard */
	bool asking; /* whether the daemon ... */
	int owned;   /* ... has its name */
	sd_bus_message *reply;
	unsigned int decisions, added, removed, levels;
	char decision_guest[32], decision_code[32], removed_reason[64];
	uint64_t decision_from, decision_to;
	int decision_applied;
	char level[16];
};

static inline void start_bus(struct world *w, struct bus *b)
{
	char path[96], text[1024], address[96];

	snprintf(path, sizeof(path), "%s/bus.conf", w->folder);
	snprintf(text, sizeof(text), bus_config, w->folder);
	write_text(path, text);
	snprintf(address, sizeof(address), "unix:path=%s/bus", w->folder);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", address, true);
	b->pid = fork();
	assert_true(b->pid >= 0);
	if (b->pid == 0) {
		snprintf(text, sizeof(text), "--config-file=%s", path);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* It complains about limits that a container does not allow. */
		if (!freopen("/dev/null", "w", stderr))
			_exit(126);
		execlp("dbus-daemon", "dbus-daemon", text, "--nofork", NULL);
		perror("dbus-daemon");
		_exit(127);
	}
	snprintf(path, sizeof(path), "%s/bus", w->folder);
	run_until(w, 5000, access(path, F_OK) == 0);
}

static inline void stop_bus(struct bus *b)
{
	if (b->pid > 0) {
		kill(b->pid, SIGTERM);
		waitpid(b->pid, NULL, 0);
	}
	b->pid = 0;
}

static inline int on_decision(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	const char *guest, *code, *reason, *key;
	struct bus *b = userdata;

	b->decisions++;
	assert_true(sd_bus_message_read(m, "sttss", &guest, &b->decision_from, &b->decision_to,
					&code, &reason) > 0);
	snprintf(b->decision_guest, sizeof(b->decision_guest), "%s", guest);
	snprintf(b->decision_code, sizeof(b->decision_code), "%s", code);
	assert_true(*reason);
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read(m, "s", &key) > 0);
		if (!strcmp(key, DYNMEM_DECISION_APPLIED))
			assert_true(sd_bus_message_read(m, "v", "b", &b->decision_applied) > 0);
		else
			sd_bus_message_skip(m, "v");
		sd_bus_message_exit_container(m);
	}
	return 0;
}

static inline int on_added(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	struct bus *b = userdata;
	const char *guest;

	assert_true(sd_bus_message_read(m, "s", &guest) > 0);
	b->added++;
	return 0;
}

static inline int on_removed(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	const char *guest, *reason;
	struct bus *b = userdata;

	assert_true(sd_bus_message_read(m, "ss", &guest, &reason) > 0);
	snprintf(b->removed_reason, sizeof(b->removed_reason), "%s", reason);
	b->removed++;
	return 0;
}

static inline int on_changed(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	const char *interface, *key, *value;
	struct bus *b = userdata;

	assert_true(sd_bus_message_read(m, "s", &interface) > 0);
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read(m, "sv", &key, "s", &value) > 0);
		if (!strcmp(key, "Level")) {
			snprintf(b->level, sizeof(b->level), "%s", value);
			b->levels++;
		}
		sd_bus_message_exit_container(m);
	}
	return 0;
}

static inline void listen_to(struct bus *b, const char *interface, const char *member,
			     sd_bus_message_handler_t fn)
{
	assert_true(sd_bus_match_signal_async(b->client, NULL, NULL, DYNMEM_BUS_PATH, interface,
					      member, fn, NULL, b) >= 0);
}

/* The bus's socket is there a moment before it listens. */
static inline void open_client(struct world *w, struct bus *b)
{
	run_until(w, 5000, b->client || sd_bus_open_system(&b->client) >= 0);
}

static inline int on_owned(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	struct bus *b = userdata;

	assert_true(sd_bus_message_read(m, "b", &b->owned) > 0);
	b->asking = false;
	return 0;
}

/* Whether the daemon has its name; then the matches that were asked for before are there. */
static inline bool is_there(struct bus *b)
{
	if (!b->owned && !b->asking) {
		b->asking = true;
		assert_true(sd_bus_call_method_async(b->client, NULL, "org.freedesktop.DBus",
						     "/org/freedesktop/DBus",
						     "org.freedesktop.DBus", "NameHasOwner",
						     on_owned, b, "s", DYNMEM_BUS_NAME) >= 0);
	}
	return b->owned;
}

static inline void start_client(struct world *w, struct bus *b)
{
	if (!b->api)
		assert_int_equal(api_new(&b->api, w->manager, w->event), 0);
	open_client(w, b);
	assert_true(sd_bus_attach_event(b->client, w->event, 0) >= 0);
	listen_to(b, DYNMEM_BUS_INTERFACE, "Decision", on_decision);
	listen_to(b, DYNMEM_BUS_INTERFACE, "GuestAdded", on_added);
	listen_to(b, DYNMEM_BUS_INTERFACE, "GuestRemoved", on_removed);
	listen_to(b, "org.freedesktop.DBus.Properties", "PropertiesChanged", on_changed);
	run_until(w, 5000, is_there(b));
}

static inline void open_all(struct world *w, struct bus *b, const char *config)
{
	memset(b, 0, sizeof(*b));
	open_world(w, config);
	start_bus(w, b);
	start_client(w, b);
}

static inline void close_all(struct world *w, struct bus *b)
{
	sd_bus_message_unref(b->reply);
	sd_bus_flush_close_unref(b->client);
	b->api = api_free(b->api);
	stop_bus(b);
	close_world(w);
}

static inline int on_reply(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
	struct bus *b = userdata;

	b->reply = sd_bus_message_ref(m);
	return 0;
}

static inline sd_bus_message *call(struct world *w, struct bus *b, const char *member,
				   const char *argument)
{
	b->reply = sd_bus_message_unref(b->reply);
	assert_true(sd_bus_call_method_async(b->client, NULL, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
					     DYNMEM_BUS_INTERFACE, member, on_reply, b,
					     argument ? "s" : "", argument) >= 0);
	run_until(w, 2000, b->reply != NULL);
	return b->reply;
}

/* Looks for a key of an a{sv} that is next in @m, and reads it. */
static inline bool get(sd_bus_message *m, const char *want, const char *type, void *value)
{
	bool found = false;
	const char *key;

	assert_true(sd_bus_message_rewind(m, true) >= 0);
	assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read(m, "s", &key) > 0);
		if (!strcmp(key, want)) {
			assert_true(sd_bus_message_read(m, "v", type, value) > 0);
			found = true;
		} else {
			assert_true(sd_bus_message_skip(m, "v") > 0);
		}
		assert_true(sd_bus_message_exit_container(m) >= 0);
	}
	return found;
}

#endif
