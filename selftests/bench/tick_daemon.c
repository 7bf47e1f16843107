// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's parts as they are, on a host whose memory the benchmark writes:
 * what dynmemd cannot be, which reads /proc.
 *
 * usage: tick_daemon CONFIG PROC [procfs]
 * procfs: levels of memory are watched in between, too, as with source = procfs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dynmemd/backends/backend.h"
#include "dynmemd/base/log.h"
#include "dynmemd/core/manager.h"
#include "dynmemd/base/privileges.h"
#include "common/util.h"

static const struct source_ops source_ops = { .name = "bench" };

static void complain(const char *text, _unused_ void *userdata)
{
	fprintf(stderr, "tick_daemon: %s\n", text);
}

int main(int argc, char **argv)
{
	struct source none = { .ops = &source_ops }, *source = &none;
	struct manager_options options = { 0 };
	struct manager *manager;
	struct backend *backend;
	struct config *config;
	sd_event *event;

	if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "procfs") != 0)) {
		fputs("usage: tick_daemon CONFIG PROC [procfs]\n", stderr);
		return 2;
	}
	options.proc = argv[2];
	protect_files();
	log_open(LOG_INFO);
	if (config_load(&config, argv[1], true, complain, NULL) < 0 || log_start() < 0 ||
	    sd_event_default(&event) < 0 || manager_new(&manager, event, config, &options) < 0)
		return 1;
	if (argc == 4 && source_procfs_new(&source, event, argv[2]) < 0)
		return 1;
	manager_set_source(manager, source);
	if (backend_qmp.new(&backend, manager, event, config) < 0)
		return 1;
	return sd_event_loop(event);
}
