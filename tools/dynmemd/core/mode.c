// SPDX-License-Identifier: GPL-2.0
/* The mode that is in force: what the manager may write. */
#include <sys/stat.h>

#include "dynmemd/core/manager_private.h"

uint64_t manager_now(const struct manager *m)
{
	uint64_t usec = 0;

	sd_event_now(m->event, CLOCK_MONOTONIC, &usec);
	return usec * NSEC_PER_USEC;
}

enum mode manager_mode(const struct manager *m)
{
	return m->dry_run || m->stopped ? MODE_OBSERVE : m->config->mode;
}

bool manager_managing(const struct manager *m)
{
	return manager_mode(m) == MODE_MANAGE;
}

bool ksm_managing(const struct manager *m)
{
	return manager_managing(m) && m->config->ksm_mode == KSM_MODE_MANAGE;
}

bool stop_now(const struct manager *m)
{
	struct stat st;

	return lstat(m->config->stop, &st) == 0;
}

bool manager_stopped(const struct manager *m)
{
	return m->stopped || stop_now(m);
}

const char *manager_stop_file(const struct manager *m)
{
	return m->config->stop;
}

const char *manager_mode_name(const struct manager *m)
{
	if (m->dry_run)
		return "dry-run";
	if (m->stopped)
		return "stopped";
	if (m->config->mode != MODE_MANAGE)
		return "observe";
	return m->state.drain ? "drain" : "manage";
}

const char *manager_source_name(const struct manager *m)
{
	return m->source ? m->source->ops->name : "none";
}

enum policy_profile manager_profile(const struct manager *m)
{
	return m->config->profile;
}
