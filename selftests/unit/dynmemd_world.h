/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A host for the daemon's parts together: folders, monitors, manager and
 * engine, with QEMUs that the test plays, a host's memory that it writes, and
 * a source of pressure that it is.
 */
#ifndef DYNMEMD_WORLD_H
#define DYNMEMD_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dynmemd/backends/backend.h"
#include "dynmemd/base/log.h"
#include "dynmemd/core/manager.h"
#include "common/util.h"
#include "fake_qemu.h"

struct world {
	char folder[64];
	char record[96]; /* a file to record into; empty: none */
	char qmp[96];
	char meminfo[96];
	char cgroup[96];
	char sys[96]; /* no KSM in it at first */
	char conf[96];
	const char *state; /* NULL: it has none */
	sd_event *event;
	struct config *config;
	struct manager *manager;
	const struct backend_ops *ops; /* which backend */
	struct backend *backend;
	struct source source;
};

static const struct source_ops fake_source_ops = { .name = "fake" };

static inline void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* The host's memory, in MiB. */
static inline void host_swaps(struct world *w, unsigned int total, unsigned int available,
			      unsigned int swap)
{
	char text[512];

	snprintf(
		text, sizeof(text),
		"MemTotal:       %u kB\nMemFree:        %u kB\nMemAvailable:   %u kB\nSwapTotal:      %u kB\nSwapFree:       %u kB\n",
		total << 10, available << 10, available << 10, swap << 10, swap << 10);
	write_text(w->meminfo, text);
}

static inline void host_memory(struct world *w, unsigned int total, unsigned int available)
{
	host_swaps(w, total, available, total / 2);
}

static inline void complain(const char *text, _unused_ void *userdata)
{
	print_error("%s\n", text);
}

static inline struct config *configure(struct world *w, const char *text)
{
	struct config *c = NULL;
	char *all;

	assert_true(asprintf(&all, "[backend qmp]\npath = %s\n%s", w->qmp, text) > 0);
	write_text(w->conf, all);
	free(all);
	assert_int_equal(config_load(&c, w->conf, true, complain, NULL), 0);
	return c;
}

/* The daemon and its backend go on with @c. */
static inline void reload(struct world *w, struct config *c)
{
	assert_int_equal(manager_reload(w->manager, c), 0);
	assert_int_equal(w->ops->reload(w->backend, c), 0);
	config_free(w->config);
	w->config = c;
}

static inline int load_again(void *userdata, struct config **ret, const char **ret_path)
{
	struct world *w = userdata;

	*ret_path = w->conf;
	return config_load(ret, w->conf, true, complain, NULL);
}

static inline void daemon_start(struct world *w, bool dry_run)
{
	struct manager_options options = {
		.dry_run = dry_run,
		.proc = w->folder,
		.cgroup = w->cgroup,
		.sys = w->sys,
		.state = w->state,
		.record = w->record[0] ? w->record : NULL,
		.load = load_again,
		.load_data = w,
	};

	assert_int_equal(manager_new(&w->manager, w->event, w->config, &options), 0);
	w->source.ops = &fake_source_ops;
	manager_set_source(w->manager, &w->source);
	assert_int_equal(w->ops->new (&w->backend, w->manager, w->event, w->config), 0);
}

static inline void daemon_stop(struct world *w)
{
	w->backend = backend_free(w->backend);
	w->manager = manager_free(w->manager);
}

/* What each guest of a process costs: it has touched so many MiB. */
static inline void guest_cost(struct world *w, pid_t pid, unsigned int rss)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), "%s/%d", w->folder, (int)pid);
	mkdir(path, 0700);
	strcat(path, "/statm");
	snprintf(text, sizeof(text), "%u %u 1000 1000 0 1000 0\n", rss << 8, rss << 8);
	write_text(path, text);
}

/* A host of 4 GiB with plenty, and a daemon that watches a folder in it. */
static inline void open_world(struct world *w, const char *config)
{
	memset(w, 0, sizeof(*w));
	w->ops = &backend_qmp;
	log_open(LOG_EMERG - 1);
	strcpy(w->folder, "/tmp/dynmem-test-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->qmp, sizeof(w->qmp), "%s/qmp", w->folder);
	snprintf(w->meminfo, sizeof(w->meminfo), "%s/meminfo", w->folder);
	snprintf(w->cgroup, sizeof(w->cgroup), "%s/cgroup", w->folder);
	snprintf(w->sys, sizeof(w->sys), "%s/sys", w->folder);
	snprintf(w->conf, sizeof(w->conf), "%s/conf", w->folder);
	assert_int_equal(mkdir(w->qmp, 0700), 0);
	host_memory(w, 4096, 3500);
	guest_cost(w, getpid(), 900);
	assert_int_equal(sd_event_new(&w->event), 0);
	w->config = configure(w, config);
	daemon_start(w, false);
}

static inline void close_world(struct world *w)
{
	char command[128];

	daemon_stop(w);
	config_free(w->config);
	sd_event_unref(w->event);
	snprintf(command, sizeof(command), "rm -r %s", w->folder);
	assert_int_equal(system(command), 0);
}

/* Runs the loop for so many milliseconds. */
static inline void run_for(struct world *w, unsigned int ms)
{
	uint64_t now, end;

	sd_event_now(w->event, CLOCK_MONOTONIC, &now);
	end = now + ms * USEC_PER_MSEC;
	while (now < end) {
		assert_true(sd_event_run(w->event, end - now) >= 0);
		sd_event_now(w->event, CLOCK_MONOTONIC, &now);
	}
}

/* Within so many milliseconds; a busy machine has four times as long. */
#define run_until(w, ms, condition)                                             \
	do {                                                                    \
		for (int _i = 0; _i < 4 * (int)(ms) / 10 && !(condition); _i++) \
			run_for(w, 10);                                         \
		assert_true(condition);                                         \
	} while (0)

static inline void start_guest(struct world *w, struct fake_qemu *f, const char *file)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", w->qmp, file);
	assert_int_equal(fake_start(f, w->event, path), 0);
}

/* A guest that is found within 2 s. */
static inline const struct guest *find_guest(struct world *w, const char *name)
{
	const struct guest *g = NULL;

	run_until(w, 2000, (g = manager_find(w->manager, name)));
	return g;
}

/* An idle guest of 1 GiB that holds little. */
static inline struct fake_qemu idle_guest(const char *name)
{
	return (struct fake_qemu){
		.name = name,
		.memory = 1024 * MIB,
		.total = 960 * MIB,
		.available = 900 * MIB,
		.free = 900 * MIB,
		.last_update = 1000,
	};
}

static inline void pressure(struct world *w, enum policy_level level, unsigned int available)
{
	struct source_pressure p = {
		.level = level,
		.available = available * MIB,
		.news = true,
	};

	host_memory(w, 4096, available);
	manager_pressure(w->manager, &p);
}

static inline struct policy_guest_info info_of(struct world *w, const char *name)
{
	const struct guest *g = manager_find(w->manager, name);
	struct policy_guest_info info;

	assert_non_null(g);
	assert_int_equal(policy_guest_info(manager_policy(w->manager), g->handle,
					   manager_now(w->manager), &info),
			 0);
	return info;
}

/* Waits until a guest reports, so that it may be shrunk. */
static inline void until_known(struct world *w, const char *name)
{
	run_until(w, 5000, manager_find(w->manager, name));
	run_until(w, 5000, info_of(w, name).class == POLICY_CLASS_REPORTING);
}

#endif
