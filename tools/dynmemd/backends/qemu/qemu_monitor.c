// SPDX-License-Identifier: GPL-2.0
/* How a QEMU is reached: its monitor, our own or one that others need as well. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "dynmemd/backends/qemu/qemu_private.h"
#include "dynmemd/base/log.h"

/*
 * A shared monitor. To wait in the listener's queue keeps nobody from it;
 * pvestatd and qm may have to wait for an exchange, which takes less than a
 * millisecond in general. The limit follows what a QEMU needs.
 */
static const struct qmp_limits shared_limits = {
	.greeting = USEC_PER_SEC,
	.reply = 2 * USEC_PER_SEC,
	.eager = true,
};
#define SESSION_MIN (40 * USEC_PER_MSEC)
#define SESSION_MAX (640 * USEC_PER_MSEC)
/*
 * On a host that swaps, a QEMU may greet after seconds: each time it is waited for
 * twice as long, so many times. Others may wait for the monitor as well.
 */
#define GREETING_DOUBLED 3u

/* One that takes long is left alone for so many times as long. */
#define SESSION_REST 3

/* An exchange that failed is tried again; each time later. */
#define RETRY	   (100 * USEC_PER_MSEC)
#define RETRY_LAST (10 * USEC_PER_SEC)
/* A target is tried for so long: by then the engine has to think again. */
#define TARGET_WAIT (5 * USEC_PER_SEC)
/* Once or twice is how a shared monitor goes; this often is worth a word. */
#define MISSED_MANY 5

void qemu_wake(struct qemu_guest *g, uint64_t usec)
{
	sd_event_source_set_time_relative(g->later, usec);
	sd_event_source_set_enabled(g->later, SD_EVENT_ONESHOT);
}

/* The manager may be busy with all of its guests: not now. */
static int drop_later(struct qemu_guest *g, const char *why)
{
	g->over = why;
	qemu_wake(g, 0);
	return -ESTALE;
}

/* 0: there is one that takes commands. Allocates nothing. */
static int begin(struct qemu_guest *g)
{
	pid_t pid;
	int fd, r;

	if (g->over)
		return -ESTALE;
	if (qmp_is_open(g->q))
		return g->way->shared || qmp_ready(g->q) ? 0 : -ENOTCONN;
	r = qmp_connect(&fd, g->guest.origin);
	if (r == 0)
		r = qmp_open(g->q, fd);
	if (g->added && (r == -ENOENT || r == -ECONNREFUSED))
		return drop_later(g, "its QEMU listens no more");
	if (r < 0)
		return r;
	pid = qmp_peer_pid(g->q);
	pid = pid > 0 ? pid : 0;
	if (g->added && pid != g->guest.pid) {
		qmp_close(g->q);
		return drop_later(g, "another QEMU has its place");
	}
	g->guest.pid = pid;
	return 0;
}

int qemu_ask_now(struct qemu_guest *g)
{
	int r = begin(g);

	if (r == 0)
		qemu_ask(g);
	return r;
}

static void on_greeted(_unused_ struct qmp *q, void *userdata)
{
	struct qemu_guest *g = userdata;

	if (!g->way->shared)
		return;
	g->session_began = qemu_now(g);
	sd_event_source_set_time(g->session, g->session_began + g->session_limit);
	sd_event_source_set_enabled(g->session, SD_EVENT_ONESHOT);
}

void qemu_end_exchange(struct qemu_guest *g)
{
	uint64_t took;

	if (!g->way->shared || !qmp_is_open(g->q) || !qmp_idle(g->q))
		return;
	took = qemu_now(g) - g->session_began;
	qmp_close(g->q);
	sd_event_source_set_enabled(g->session, SD_EVENT_OFF);
	g->session_limit = MIN(MAX(4 * took, SESSION_MIN), SESSION_MAX);
	if (took > SESSION_MIN)
		g->rest_until = qemu_now(g) + SESSION_REST * took;
	if (g->missed >= MISSED_MANY)
		log_guest(LOG_INFO, g->guest.name, "reached again");
	g->missed = 0;
}

/* What was not answered is asked in the next exchange. */
static void missed_exchange(struct qemu_guest *g, const char *why)
{
	g->asked = 0;
	sd_event_source_set_enabled(g->session, SD_EVENT_OFF);
	if (++g->missed == MISSED_MANY)
		log_guest(LOG_NOTICE, g->guest.name,
			  "not reached %u times in a row at %s: %s; it is not moved meanwhile",
			  MISSED_MANY, g->guest.origin, why);
	if (!g->added)
		qemu_wake(g, MIN(RETRY << MIN(g->missed, 10u), RETRY_LAST));
	else if (g->target_waits)
		qemu_wake(g, RETRY);
	qemu_no_sample(g);
}

static int on_session(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct qemu_guest *g = userdata;
	char why[96];

	snprintf(why, sizeof(why),
		 "not all was answered within %.0f ms, and others need the monitor",
		 (double)g->session_limit / USEC_PER_MSEC);
	qmp_close(g->q);
	g->session_limit = MIN(2 * g->session_limit, SESSION_MAX);
	missed_exchange(g, why);
	return 0;
}

/*
 * Hundreds of disks, or a long chain of snapshots, make an answer that is too large or too
 * deep. That is no reason to lose the guest: what disks read can be done without.
 */
static bool spare_disks(struct qemu_guest *g, int error, const char *why)
{
	if (!g->added || !(g->asked & ASK(DISKS)) || (error != -EBADMSG && error != -EMSGSIZE))
		return false;
	sd_event_source_set_enabled(g->session, SD_EVENT_OFF);
	g->no_disks = true;
	g->asked = 0;
	g->disks_known = false;
	/* What happened until it is reached again it does not report. */
	g->todo |= ASK(STATE) | ASK(MIGRATION) | ASK(QOM) | ASK_SIZE;
	qemu_no_sample(g);
	qemu_wake(g, RETRY);
	log_guest(LOG_NOTICE, g->guest.name,
		  "its disks are not asked for any more what they have read: %s", why);
	return true;
}

static void on_closed(_unused_ struct qmp *q, int error, const char *why, void *userdata)
{
	struct qemu_guest *g = userdata;
	/* What speaks no QMP is no guest. */
	bool no_qmp = error == -EPROTO || error == -EBADMSG || error == -EMSGSIZE;

	if (spare_disks(g, error, why))
		return;
	if (!g->way->shared || !g->added || no_qmp)
		qemu_guest_drop(g, why);
	else
		missed_exchange(g, why);
}

/*
 * Targets
 */

static int send_target(struct qemu_guest *g)
{
	int r = begin(g);

	return r < 0 ? r : qmp_balloon(g->q, g->target);
}

int qemu_target(struct qemu_guest *g, uint64_t bytes)
{
	int r;

	g->target = bytes;
	g->target_until = qemu_now(g) + TARGET_WAIT;
	r = send_target(g);
	if (!g->way->shared)
		return r;
	g->target_waits = r >= 0 || r == -EAGAIN;
	if (r != -EAGAIN)
		return r;
	qemu_wake(g, RETRY);
	return 1;
}

void qemu_retry_target(struct qemu_guest *g)
{
	if (g->frozen || qemu_now(g) > g->target_until) {
		g->target_waits = false;
		log_guest(LOG_WARNING, g->guest.name, "its target could not be sent to QEMU: %s",
			  g->frozen ? "it migrates" : "the monitor stays busy");
		return;
	}
	if (send_target(g) < 0 && !g->over)
		qemu_wake(g, RETRY);
}

static void on_balloon(_unused_ struct qmp *q, int error, const char *text, void *userdata)
{
	struct qemu_guest *g = userdata;

	/* A newer target may be on its way already. */
	if (qmp_idle(g->q) || error)
		g->target_waits = false;
	if (error && g->added) {
		log_guest(LOG_WARNING, g->guest.name, "the command balloon failed: %s", text);
		/* It is refused where there is no balloon (any more). */
		if (error == -EREMOTEIO)
			manager_guest_event(&g->guest, POLICY_GUEST_NO_BALLOON);
	}
	qemu_answered(g);
}

static void on_ready(_unused_ struct qmp *q, void *userdata)
{
	qemu_answered(userdata);
}

/*
 * Life
 */

static int add_timer(struct qemu_guest *g, sd_event_source **ret, int64_t priority,
		     sd_event_time_handler_t fn)
{
	int r = sd_event_add_time(poller_event(g->poller), ret, CLOCK_MONOTONIC, 0,
				  4 * USEC_PER_MSEC, fn, g);

	if (r >= 0)
		r = sd_event_source_set_priority(*ret, priority);
	return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int qemu_monitor_open(struct qemu_guest *g, sd_event_time_handler_t on_later)
{
	static const struct qmp_handlers handlers = {
		.greeted = on_greeted,
		.ready = on_ready,
		.event = qemu_on_event,
		.event_text = qemu_on_event_text,
		.balloon = on_balloon,
		.closed = on_closed,
	};
	struct qmp_limits limits = g->way->shared ? shared_limits : QMP_LIMITS_DEFAULT;
	int r;

	if (g->way->failures)
		limits.greeting <<= MIN(g->way->failures(g->userdata), GREETING_DOUBLED);
	g->session_limit = SESSION_MIN;
	r = add_timer(g, &g->later, PRIORITY_GUEST, on_later);
	/* We may be the late ones: what has come by then is taken first. */
	if (r >= 0)
		r = add_timer(g, &g->session, PRIORITY_GUEST + 1, on_session);
	if (r >= 0)
		r = qmp_new(&g->q, g->poller, -1, &limits, &handlers, g);
	return r < 0 ? r : qemu_ask_now(g);
}

void qemu_monitor_close(struct qemu_guest *g)
{
	qmp_free(g->q);
	sd_event_source_disable_unref(g->later);
	sd_event_source_disable_unref(g->session);
}
