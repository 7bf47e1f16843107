// SPDX-License-Identifier: GPL-2.0
/*
 * The kill switch: while a file of a certain name exists, nothing is written
 * to guests. It is watched, so that a change is known at once; and looked for
 * before each command, so that it counts from the moment it is there.
 */
#include <sys/stat.h>

#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

bool stop_now(const struct manager *m)
{
	struct stat st;

	return lstat(m->config->stop, &st) == 0;
}

/* What a busy monitor or a call that hangs has kept from being written. */
static void forget_targets(struct manager *m)
{
	for (size_t i = 0; i < m->n_guests; i++) {
		struct guest *g = m->guests[i];

		if (g->ops->forget)
			g->ops->forget(g);
	}
}

static void set(struct manager *m, bool stopped)
{
	if (stopped == m->stopped)
		return;
	m->stopped = stopped;
	if (stopped) {
		forget_targets(m);
		log_warning(
			"stopped: %s is there; nothing is written to guests until it is removed",
			m->config->stop);
	} else {
		log_notice("%s is gone; mode %s", m->config->stop, manager_mode_name(m));
	}
	if (m->listener)
		m->listener->mode(m->listener_data);
	act_tick_soon(m);
}

void stop_look(struct manager *m)
{
	set(m, stop_now(m));
}

static int on_file(void *userdata, _unused_ const char *path, _unused_ bool there)
{
	stop_look(userdata);
	return 0;
}

int stop_watch(struct manager *m)
{
	m->stop = folder_free(m->stop);
	stop_look(m);
	return folder_new(&m->stop, m->event, m->config->stop, FOLDER_ONE | FOLDER_FILES, on_file,
			  m);
}
