// SPDX-License-Identifier: GPL-2.0
/* Report decisions and their outcome, to the log and on D-Bus. */
#include <errno.h>
#include <string.h>

#include "common/journal_ids.h"
#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

void announce_level(struct manager *m, enum policy_level level)
{
	if (level == m->level)
		return;
	log_event(LOG_NOTICE, JOURNAL_ID_LEVEL, NULL, "host: level %s -> %s, %.0f MiB available",
		  policy_level_name(m->level), policy_level_name(level),
		  (double)m->host.available / MIB);
	m->level = level;
	if (m->listener)
		m->listener->level(m->listener_data);
}

/* What has been put into @g->announced and @g->reason. */
void announce_decision(struct manager *m, struct guest *g, bool applied)
{
	uint64_t *counter = applied ? m->counters.applied : m->counters.observed;

	g->announced_any = true;
	if (g->announced.reason < POLICY_REASON_COUNT)
		counter[g->announced.reason]++;
	log_decision(g->name, g->announced.from, g->announced.target,
		     policy_reason_name(g->announced.reason), g->reason, applied);
	if (m->listener)
		m->listener->decision(m->listener_data, g, applied);
}

/* Log each distinct error once; success resets. */
bool command_was_sent(struct guest *g)
{
	if (g->sent < 0 && g->sent != -ECANCELED && g->sent != g->complained)
		log_guest(LOG_WARNING, g->name, "its target cannot be set: %s", strerror(-g->sent));
	if (g->sent != -ECANCELED)
		g->complained = MIN(g->sent, 0);
	return g->sent >= 0;
}
