// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "dynmemd/api/dbus.h"
#include "dynmemd/backends/backend.h"
#include "dynmemd/config/daemon_config.h"
#include "dynmemd/daemon.h"
#include "dynmemd/base/log.h"
#include "dynmemd/core/manager.h"
#include "dynmemd/base/privileges.h"
#include "dynmemd/sources/source.h"
#include "dynmemd/state/state_file.h"
#include "common/util.h"

struct daemon {
	const struct options *options;
	sd_event *event;
	struct config *config;
	struct manager *manager;
	struct source *genl; /* both: the module may come and go */
	struct source *procfs;
	struct backend **backends; /* as many as the table has */
	struct api *api;
};

static const char no_module[] =
	"the kernel has no netlink family 'dynmem': load the module with 'modprobe dynmem' (built and installed by 'make && make install'); source = procfs in [daemon] does without it";

/*
 * Configuration
 */

static void complain(const char *text, _unused_ void *userdata)
{
	log_error("%s", text);
}

static bool finds_guests(const struct config *c)
{
	for (unsigned int i = 0; i < backend_count; i++)
		if (backend_table[i]->configured(c))
			return true;
	return false;
}

static int load(struct daemon *d, struct config **ret)
{
	const struct options *o = d->options;
	struct config *c;
	int r;

	r = config_load(&c, o->config, o->config_required, complain, NULL);
	if (r == -ENOMEM)
		log_error("%s: out of memory", o->config);
	if (r < 0)
		return r;
	if (o->mode)
		c->mode = !strcmp(o->mode, "manage") ? MODE_MANAGE : MODE_OBSERVE;
	if (!finds_guests(c))
		log_notice(
			"no guests will be found: name their sockets' folder by path = in [backend qmp] of %s",
			o->config);
	*ret = c;
	return 0;
}

static int load_for_plan(void *userdata, struct config **ret, const char **ret_path)
{
	struct daemon *d = userdata;

	*ret_path = d->options->config;
	return load(d, ret);
}

/* A configuration that is wrong changes nothing. */
static void reload(struct daemon *d)
{
	struct config *c;
	int r;

	if (load(d, &c) < 0) {
		log_error("the configuration is refused, the last good one stays in force");
		return;
	}
	r = manager_reload(d->manager, c);
	for (unsigned int i = 0; r >= 0 && i < backend_count; i++)
		r = backend_table[i]->reload(d->backends[i], c);
	if (r < 0)
		log_error("the configuration was applied in part: %s", strerror(-r));
	if (c->source != d->config->source)
		log_warning("a change of source takes effect at the next start");
	if (strcmp(c->state ?: "", d->config->state ?: "") != 0)
		log_warning("a change of state takes effect at the next start");
	config_free(d->config);
	d->config = c;
	log_info("configuration read anew; mode %s", manager_mode_name(d->manager));
}

/*
 * The source: the module if it is there, else /proc, unless one is configured
 */

static void use_source(struct daemon *d, struct source *s)
{
	manager_set_source(d->manager, s);
	log_info("source of pressure events: %s", manager_source_name(d->manager));
	if (d->api)
		api_source_changed(d->api);
}

static int use_procfs(struct daemon *d)
{
	int r = source_procfs_new(&d->procfs, d->event, "/proc");

	if (r < 0)
		log_error("source procfs: %s; the host is sampled once a second", strerror(-r));
	use_source(d, d->procfs);
	return r;
}

static void on_gone(void *userdata, const char *why)
{
	struct daemon *d = userdata;

	log_warning("source genl: %s", why);
	if (d->config->source == SOURCE_GENL)
		use_source(d, NULL);
	else if (!d->procfs)
		use_procfs(d);
}

static void on_back(void *userdata)
{
	struct daemon *d = userdata;

	use_source(d, d->genl);
	d->procfs = source_free(d->procfs);
}

static const struct source_handlers genl_handlers = {
	.gone = on_gone,
	.back = on_back,
};

/* Returns 0 or an exit status. */
static int start_source(struct daemon *d)
{
	int r;

	if (d->config->source != SOURCE_PROCFS) {
		r = source_genl_new(&d->genl, d->event, &genl_handlers, d);
		if (r < 0)
			log_error("cannot open a netlink socket: %s", strerror(-r));
		if (r < 0 && d->config->source == SOURCE_GENL)
			return EXIT_FAILURE;
		/* It says itself that it is there. */
		if (r >= 0 && source_genl_present(d->genl))
			return 0;
	}
	if (d->config->source == SOURCE_GENL) {
		log_error("%s", no_module);
		return EXIT_NO_MODULE;
	}
	if (d->config->source == SOURCE_AUTO)
		log_notice("%s", no_module);
	return use_procfs(d) < 0 ? EXIT_FAILURE : 0;
}

/*
 * Life
 */

static int on_hangup(_unused_ sd_event_source *s, _unused_ const struct signalfd_siginfo *si,
		     void *userdata)
{
	sd_notify(false, "RELOADING=1");
	reload(userdata);
	sd_notify(false, "READY=1");
	return 0;
}

static int start_loop(struct daemon *d)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	r = sd_event_default(&d->event);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(d->event, NULL, SIGHUP, on_hangup, d);
	if (r >= 0)
		r = sd_event_set_watchdog(d->event, true);
	return r;
}

static int start_backends(struct daemon *d)
{
	int r = 0;

	d->backends = calloc(backend_count, sizeof(struct backend *));
	if (!d->backends)
		return -ENOMEM;
	for (unsigned int i = 0; r >= 0 && i < backend_count; i++)
		r = backend_table[i]->new (&d->backends[i], d->manager, d->event, d->config);
	return r;
}

/* systemd's StateDirectory=, unless the configuration knows better. */
static const char *state_path(const struct daemon *d, char *buf, size_t size)
{
	const char *folder = getenv("STATE_DIRECTORY");

	if (d->config->state)
		return d->config->state;
	if (!folder || *folder != '/' || snprintf(buf, size, "%s/state", folder) >= (int)size)
		return STATE_PATH;
	return buf;
}

static int start(struct daemon *d)
{
	struct manager_options options = { 0 };
	char state[PATH_MAX / 2];
	int r;

	if (load(d, &d->config) < 0)
		return EXIT_CONFIG;
	options.dry_run = d->options->dry_run;
	options.load = load_for_plan;
	options.load_data = d;
	options.record = d->options->record;
	options.state = state_path(d, state, sizeof(state));
	r = start_loop(d);
	if (r >= 0)
		r = manager_new(&d->manager, d->event, d->config, &options);
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	r = start_source(d);
	if (r != 0)
		return r;
	r = api_new(&d->api, d->manager, d->event);
	if (r >= 0)
		r = start_backends(d);
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	return 0;
}

static void log_mode(const struct daemon *d)
{
	if (manager_mode(d->manager) == MODE_MANAGE)
		log_info("version " DYNMEM_VERSION ", mode manage: guests' memory is moved");
	else
		log_info(
			"version " DYNMEM_VERSION
			", mode %s: decisions are logged but not applied; only the interval of guests' statistics is set, and QEMU's events about migrations are turned on",
			manager_mode_name(d->manager));
}

/* Guests keep their targets: the next daemon takes them as they are. */
static void stop(struct daemon *d)
{
	for (unsigned int i = 0; d->backends && i < backend_count; i++)
		backend_free(d->backends[i]);
	free(d->backends);
	api_free(d->api);
	manager_free(d->manager);
	source_free(d->genl);
	source_free(d->procfs);
	config_free(d->config);
	sd_event_unref(d->event);
}

int daemon_run(const struct options *o)
{
	struct daemon d = { .options = o };
	int r;

	protect_stdio();
	log_open(o->verbose ? LOG_DEBUG : LOG_INFO);
	protect_files();
	r = protect_capabilities();
	if (r < 0)
		log_warning("the daemon cannot give up capabilities that it does not need: %s",
			    strerror(-r));
	r = start(&d);
	if (r == 0) {
		protect_self();
		r = log_start();
		if (r < 0)
			log_warning("no thread for the log (%s): a slow disk may hold up decisions",
				    strerror(-r));
		log_mode(&d);
		sd_notify(false, "READY=1");
		r = sd_event_loop(d.event);
		if (r < 0)
			log_error("the event loop failed: %s", strerror(-r));
		r = r < 0 ? EXIT_FAILURE : 0;
		sd_notify(false, "STOPPING=1");
	}
	stop(&d);
	log_stop();
	return r;
}
