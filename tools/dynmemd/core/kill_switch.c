// SPDX-License-Identifier: GPL-2.0
/*
 * The kill switch: while a file of a certain name exists, nothing is written
 * to guests. It is watched, so that a change is known at once, and checked
 * before each command, so that it counts from the moment it is there.
 */
#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

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
	tick_soon(m);
}

void stop_check(struct manager *m)
{
	set(m, stop_now(m));
}

static int on_file(void *userdata, _unused_ const char *path, _unused_ bool there)
{
	stop_check(userdata);
	return 0;
}

int stop_watch(struct manager *m)
{
	m->stop = folder_free(m->stop);
	stop_check(m);
	return folder_new(&m->stop, m->event, m->config->stop, FOLDER_ONE | FOLDER_FILES, on_file,
			  m);
}
