// SPDX-License-Identifier: GPL-2.0
/*
 * Who sets ksmd's pace: known programs are found by their names, others by values that
 * the daemon did not write.
 */
#include <stdio.h>
#include <string.h>

#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"
#include "dynmemd/host/rival_processes.h"

/* Processes are searched for rivals so often. */
#define SEARCH_PERIOD (60 * NSEC_PER_SEC)

void ksm_report_foreign(struct manager *m, const struct ksm_outcome *o)
{
	struct ksm_act *k = &m->ksm;
	char who[sizeof(k->rival) / 2];

	k->rival_runs = *ksm_rival_name(m->proc, who, sizeof(who)) != 0;
	snprintf(k->rival, sizeof(k->rival), "%s",
		 k->rival_runs ? who : "an administrator or another program");
	log_warning("KSM: %s is %s, written by %s: it is left alone %s",
		    ksm_setting_name(o->setting), o->value, k->rival,
		    k->rival_runs ? "until that has ended"
				  : "until the configuration is read anew or dynmemd restarts");
}

/* Searching reads a file of each process. */
static bool search(struct manager *m, uint64_t now, char *who, size_t size)
{
	struct ksm_act *k = &m->ksm;

	if (k->search_at && now < k->search_at)
		return false;
	k->search_at = now + SEARCH_PERIOD;
	ksm_rival_name(m->proc, who, size);
	return true;
}

bool ksm_ours_alone(struct manager *m, uint64_t now)
{
	struct ksm_act *k = &m->ksm;
	struct ksm_outcome o = { 0 };
	char who[sizeof(k->rival)];

	if (!*k->rival && !k->adopt && ksm_control_foreign(k->control, &o)) {
		ksm_report_foreign(m, &o);
	} else if (search(m, now, who, sizeof(who))) {
		if (*who && !*k->rival)
			log_warning(
				"KSM: %s runs on this host: ksmd is left alone until that has ended",
				who);
		else if (!*who && k->rival_runs)
			log_notice("KSM: %s has ended: ksmd is managed again", k->rival);
		if (*who || k->rival_runs) {
			memcpy(k->rival, who, sizeof(k->rival));
			k->rival_runs = *who != 0;
			k->adopt = true;
		}
	}
	return !*k->rival;
}

const char *ksm_driver(struct manager *m)
{
	struct ksm_act *k = &m->ksm;
	char who[sizeof(k->rival)];

	/* Where nothing is written, nobody has searched.  An administrator is no process. */
	if (!ksm_managing(m) && (!*k->rival || k->rival_runs) &&
	    search(m, manager_now(m), who, sizeof(who))) {
		memcpy(k->rival, who, sizeof(k->rival));
		k->rival_runs = *who != 0;
	}
	if (*k->rival)
		return k->rival;
	if (k->driven)
		return "dynmemd";
	return m->record.ksm.advisor ? "the kernel's advisor" : "fixed settings";
}
