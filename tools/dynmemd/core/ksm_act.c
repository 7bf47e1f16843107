// SPDX-License-Identifier: GPL-2.0
/*
 * What is done to ksmd: the engine's pace, or nothing at all while guests do not
 * trust each other, or somebody else sets it.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

/* While ksmd is ours, its settings are compared so often. */
#define PERIOD (10 * NSEC_PER_SEC)
/* Where it is only reported, ksmd may be started by others: looked after so often. */
#define WATCH_PERIOD (60 * NSEC_PER_SEC)
/* After an error it is tried again. */
#define REST (60 * NSEC_PER_SEC)

static void report_error(struct ksm_act *k, const struct ksm_outcome *o)
{
	char text[sizeof(k->error)];

	snprintf(text, sizeof(text), "%.200s: %.40s%s", o->path, strerror(-o->error),
		 o->error == -EROFS ? " (it is mounted read-only, as in a container)" : "");
	if (strcmp(text, k->error) != 0)
		log_warning("KSM: its settings stay as they are: %s", text);
	memcpy(k->error, text, sizeof(k->error));
}

static void on_done(void *userdata, const struct ksm_outcome *o)
{
	struct manager *m = userdata;
	struct ksm_act *k = &m->ksm;

	switch (o->done) {
	case KSM_DONE_SET:
		*k->error = 0;
		break;
	case KSM_DONE_RESTORED:
		*k->error = 0;
		k->driven = false;
		log_info("KSM: the settings that were found are back");
		break;
	case KSM_DONE_FOREIGN:
		ksm_report_foreign(m, o);
		break;
	case KSM_DONE_FAILED:
		report_error(k, o);
		k->rest_until = manager_now(m) + REST;
		break;
	}
}

static void put(struct ksm_settings *s, enum ksm_setting i, uint64_t value)
{
	snprintf(s->value[i], KSM_VALUE_MAX, "%" PRIu64, value);
}

static void want_pace(const struct manager *m, const struct ksm_settings *ours,
		      struct ksm_settings *ret)
{
	const struct policy_ksm_decision *d = &m->result.ksm;

	*ret = (struct ksm_settings){ 0 };
	if (ours && !d->change) {
		*ret = *ours;
	} else {
		put(ret, KSM_PAGES_TO_SCAN, d->pages_to_scan);
		put(ret, KSM_SLEEP, d->sleep_ms);
		snprintf(ret->value[KSM_ADVISOR_MODE], KSM_VALUE_MAX, "%s",
			 m->ksm.sysfs.has_advisor ? "none" : "");
	}
	put(ret, KSM_RUN, m->ksm.strangers ? 0 : 1);
}

/* Why ksmd runs as it does is news; that its measured cost moves the pace is not. */
static void log_pace(struct manager *m, const struct ksm_settings *want)
{
	const struct policy_ksm_decision *d = &m->result.ksm;

	if (m->record.ksm.advisor && !m->ksm.driven)
		log_notice(
			"KSM: the kernel's advisor is set aside (advisor_mode = none) as long as dynmemd sets the pace");
	if (!m->ksm.strangers)
		log_guest(d->reason == m->ksm.logged ? LOG_DEBUG : LOG_INFO, NULL,
			  "KSM: run 1, %s pages each %s ms, %.1f %% of a CPU: %s",
			  want->value[KSM_PAGES_TO_SCAN], want->value[KSM_SLEEP], d->share * 100,
			  d->reason);
	m->ksm.logged = m->ksm.strangers ? NULL : d->reason;
}

static void drive(struct manager *m, uint64_t now)
{
	const struct policy_ksm_decision *d = &m->result.ksm;
	struct ksm_act *k = &m->ksm;
	const struct ksm_settings *ours;
	struct ksm_settings want;

	tick_at(m, now + PERIOD);
	if (!ksm_control_idle(k->control) || now < k->rest_until || !d->reason ||
	    !ksm_ours_alone(m, now))
		return;
	ours = ksm_control_ours(k->control);
	if (d->run == 2 && !ours)
		return;
	want_pace(m, ours, &want);
	/* A sample may be older than what was written since. */
	if (ours && k->driven && !k->adopt && !memcmp(&want, ours, sizeof(want)))
		return;
	log_pace(m, &want);
	k->driven = true;
	ksm_control_set(k->control, &want, k->adopt);
	k->adopt = false;
}

static void report(struct manager *m)
{
	const struct policy_ksm_decision *d = &m->result.ksm;
	struct ksm_act *k = &m->ksm;

	if (m->config->ksm_mode == KSM_MODE_OFF || !d->reason || d->reason == k->logged ||
	    !(m->record.present & HOST_HAS_KSM_RUN))
		return;
	k->logged = d->reason;
	log_info("KSM: %s; [ksm] mode = manage would set %" PRIu64 " pages each %" PRIu64 " ms",
		 d->reason, d->pages_to_scan, d->sleep_ms);
}

/* What ksmd takes of a CPU, from what it took since the last sample. */
static void measure_cpu(struct manager *m, uint64_t now)
{
	struct ksm_act *k = &m->ksm;
	uint64_t cpu = m->record.ksm.cpu_ns;

	if (!(m->record.present & HOST_HAS_KSM_CPU) ||
	    (k->cpu_at && now < k->cpu_at + NSEC_PER_SEC))
		return;
	if (k->cpu_at && cpu >= k->cpu)
		k->cpu_share = (double)(cpu - k->cpu) / (double)(now - k->cpu_at);
	k->cpu = cpu;
	k->cpu_at = now;
}

/* Nothing is written, and what was is put back. */
static void leave(struct manager *m, uint64_t now)
{
	struct ksm_act *k = &m->ksm;

	if (k->control && ksm_control_idle(k->control) && ksm_control_ours(k->control) &&
	    now >= k->rest_until)
		ksm_control_restore(k->control);
	if (k->strangers)
		tick_at(m, now + WATCH_PERIOD);
	report(m);
}

void ksm_act(struct manager *m, uint64_t now)
{
	measure_cpu(m, now);
	trust_check(m);
	if (ksm_managing(m) && m->ksm.control)
		drive(m, now);
	else
		leave(m, now);
	trust_report(m);
}

static void warn_absent(const struct manager *m)
{
	struct host_record r = { 0 };

	ksm_sysfs_read(&m->ksm.sysfs, &r);
	if (ksm_managing(m) && !(r.present & HOST_HAS_KSM_RUN))
		log_warning(
			"KSM: mode = manage has no effect: this kernel has none (built without CONFIG_KSM)");
}

void ksm_act_reload(struct manager *m)
{
	warn_absent(m);
	if (*m->ksm.rival)
		m->ksm.adopt = true;
	*m->ksm.rival = 0;
	m->ksm.rival_runs = false;
	m->ksm.search_at = m->ksm.programs_at = m->ksm.rest_until = 0;
}

void manager_ksm(struct manager *m, struct manager_ksm *ret)
{
	static const char *const modes[] = {
		[KSM_MODE_OFF] = "off",
		[KSM_MODE_REPORT] = "report",
		[KSM_MODE_MANAGE] = "manage",
	};

	*ret = (struct manager_ksm){
		.mode = modes[m->config->ksm_mode],
		.driver = ksm_driver(m),
		.reason = m->result.ksm.reason,
		.alert = m->ksm.alert,
		.error = m->ksm.error,
		.cpu_share = m->ksm.cpu_share,
	};
	for (size_t i = 0; i < m->n_guests; i++) {
		struct guest_record cost;

		manager_read_cost(m, m->guests[i], &cost);
		ret->guests += cost.ksm_saved;
	}
}

/* As the note on the disk is beside the state, it needs a name of its own. */
static const char *note_path(const char *state, char *buf, size_t size)
{
	return state && snprintf(buf, size, "%s.ksm", state) < (int)size ? buf : NULL;
}

void ksm_act_init(struct manager *m, const char *sys, const char *state)
{
	char dir[PATH_MAX / 2], note[PATH_MAX / 2];
	struct host_record r = { 0 };
	int e;

	snprintf(dir, sizeof(dir), "%s/kernel/mm/ksm", sys);
	ksm_sysfs_open(&m->ksm.sysfs, dir);
	ksm_sysfs_read(&m->ksm.sysfs, &r);
	if (!(r.present & HOST_HAS_KSM_RUN)) {
		warn_absent(m);
		return;
	}
	e = ksm_control_new(&m->ksm.control, m->event, dir, note_path(state, note, sizeof(note)),
			    m->state.boot, on_done, m);
	if (e < 0)
		log_warning("KSM: no thread for its settings (%s): they stay as they are",
			    strerror(-e));
}

void ksm_act_free(struct manager *m)
{
	m->ksm.control = ksm_control_free(m->ksm.control);
	ksm_sysfs_close(&m->ksm.sysfs);
}
