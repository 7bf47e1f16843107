// SPDX-License-Identifier: GPL-2.0
/* A QEMU's state: when it is asked, what its answers change, how its balloon moves. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "common/escape.h"
#include "common/util.h"
#include "dynmemd/backends/qemu/qemu_private.h"
#include "dynmemd/base/log.h"
#include "dynmemd/qmp/qmp_answers.h"

/* While it migrates: so often it is asked whether it still does. */
#define MIGRATION_CHECK USEC_PER_SEC

/* Devices are plugged without an event: so often they are listed. */
#define DEVICES_AGE (30 * USEC_PER_SEC)
/* One that was refreshed so recently need not be again. */
#define REFRESH_AGE (5 * USEC_PER_SEC)

static struct qemu_guest *of(struct guest *g)
{
	return container_of(g, struct qemu_guest, guest);
}

uint64_t qemu_now(const struct qemu_guest *g)
{
	return manager_now(g->manager) / NSEC_PER_USEC;
}

void qemu_guest_drop(struct qemu_guest *g, const char *why)
{
	guest_closed_t closed = g->way->closed;
	void *userdata = g->userdata;
	bool was_guest = g->added;
	char text[256];

	/* The text may be the connection's own. */
	snprintf(text, sizeof(text), "%s", why);
	qemu_guest_free(g, text);
	closed(userdata, was_guest, text);
}

void qemu_no_sample(struct qemu_guest *g)
{
	g->todo &= ~(ASK(DISKS) | ASK(STATS));
	if (!g->polled)
		return;
	g->polled = false;
	manager_guest_sample_failed(&g->guest);
}

/*
 * What answers mean
 */

void qemu_size_unknown(struct qemu_guest *g)
{
	g->todo |= ASK_SIZE;
	g->resizing = true;
}

/* A balloon moves towards its target, or somebody has moved it, or its memory. */
static bool strays(const struct qemu_guest *g, uint64_t actual)
{
	uint64_t target = g->guest.target, low = MIN(g->guest.actual, target);

	return actual < low || actual > MAX(g->guest.actual, target);
}

void qemu_see_actual(struct qemu_guest *g, uint64_t actual)
{
	g->actual = actual;
	if (!g->added || g->resizing)
		return;
	if (actual > g->guest.memory || strays(g, actual)) {
		qemu_size_unknown(g);
		return;
	}
	g->moving = actual != g->guest.actual;
	manager_guest_actual(&g->guest, actual);
}

/*
 * A balloon that has more than the listed DIMMs account for counts from more of
 * what is plugged: some QEMUs do not list all, and those before 2.2 list nothing.
 * Once seen, it stays so: a balloon that is shrunk makes no memory smaller.
 */
static uint64_t memory_of(struct qemu_guest *g)
{
	uint64_t listed = g->base + g->dimms, most = over(g->plugged, g->listed);

	g->unlisted = MIN(MAX(g->unlisted, over(g->actual, listed)), most);
	if (!g->balloon && !g->dimms_known)
		g->unlisted = most;
	return MIN(listed + g->unlisted, POLICY_GUEST_BYTES_MAX);
}

/* Of one that was shrunk by an earlier daemon, that may know more. */
static uint64_t most_memory(const struct qemu_guest *g)
{
	return MIN(g->base + MAX(g->plugged, g->dimms), POLICY_GUEST_BYTES_MAX);
}

static void follow_size(struct qemu_guest *g)
{
	uint64_t memory = memory_of(g);

	if (g->todo & ASK_SIZE || !memory)
		return;
	g->resizing = false;
	g->guest.other = g->other;
	g->guest.dimms = g->dimms_known ? g->dimms : g->plugged;
	if (memory != g->guest.memory)
		manager_guest_resized(&g->guest, memory, g->actual);
	else if (g->guest.has_balloon && g->actual != g->guest.actual)
		manager_guest_actual(&g->guest, g->actual);
}

static void follow_pins(struct qemu_guest *g)
{
	const char *all[] = { g->pinned, g->pinned_device, g->pinned_object, g->pinned_sev };
	const char *why = NULL;

	for (size_t i = 0; !why && i < ARRAY_SIZE(all); i++)
		why = all[i];
	if (why == g->guest.pinned)
		return;
	g->guest.pinned = why;
	if (g->added)
		manager_guest_pinned(&g->guest);
}

/*
 * No command may go to a guest that migrates, and to ask before each command
 * would double the time that an emergency takes, and have its answer parsed
 * where nothing may be allocated. So QEMU is made to report it: the capability
 * "events", which libvirt too sets at once in every QEMU, has the event
 * MIGRATION sent before the first page is. Where it cannot be set, and with a
 * shared monitor, the state is asked for with each poll. From the first word of
 * a migration to its end it is asked for once a second as well, for QEMUs that
 * report only one of them.
 */
static void follow_state(struct qemu_guest *g)
{
	bool frozen = g->incoming || g->outgoing || g->locked;
	bool paused = !frozen && !g->running;

	if (frozen != g->frozen) {
		g->frozen = frozen;
		manager_guest_event(&g->guest,
				    frozen ? POLICY_GUEST_MIGRATE_BEGIN : POLICY_GUEST_MIGRATE_END);
		/* It is refused while a migration runs. */
		if (!frozen && !g->way->shared && !g->migration_events)
			g->todo |= ASK(EVENTS);
		if (frozen && !g->way->shared)
			qemu_wake(g, MIGRATION_CHECK);
	}
	if (paused != g->paused) {
		g->paused = paused;
		manager_guest_event(&g->guest, paused ? POLICY_GUEST_PAUSE : POLICY_GUEST_RESUME);
		/* It may run on from a snapshot. */
		if (!paused)
			g->todo |= ASK_SIZE;
	}
}

static void on_process(struct poll_item *item, _unused_ uint32_t revents)
{
	qemu_guest_drop(container_of(item, struct qemu_guest, process), "QEMU has ended");
}

/* Kernels before 5.3 have none: then the next poll finds out. */
static void watch_process(struct qemu_guest *g)
{
	g->process.fn = on_process;
	if (!g->guest.pid || g->guest.proxied || !g->way->shared)
		return;
	g->process.fd = (int)syscall(SYS_pidfd_open, g->guest.pid, 0);
	if (g->process.fd >= 0 && poller_add(g->poller, &g->process, EPOLLIN) < 0) {
		closep(&g->process.fd);
		g->process.fd = -1;
	}
}

/* "/run/vm/web1.qmp" is "web1". */
static void name_by_socket(struct qemu_guest *g)
{
	char *dot;

	escape_text(g->guest.name, sizeof(g->guest.name), basename(g->guest.origin));
	dot = strrchr(g->guest.name, '.');
	if (dot && dot > g->guest.name)
		*dot = 0;
}

/* Returns why it cannot be. */
static const char *add(struct qemu_guest *g)
{
	int r;

	g->guest.named = g->guest.name[0];
	if (!g->guest.named)
		name_by_socket(g);
	/* Only tried again, it gets what it has. */
	if (g->starved)
		return strerror(ENOMEM);
	g->guest.memory = memory_of(g);
	if (!g->guest.memory)
		return "QEMU does not report the guest's memory";
	/* To take it for none would be to set it: to a part of what the guest has. */
	if (g->balloon && !g->actual)
		return "QEMU does not report the size of the guest's balloon";
	g->guest.other = g->other;
	g->guest.dimms = g->dimms_known ? g->dimms : g->plugged;
	g->guest.has_balloon = g->balloon != NULL;
	g->guest.actual = g->balloon ? g->actual : g->guest.memory;
	g->guest.memory_most = g->balloon ? most_memory(g) : 0;
	g->moving = true;
	g->refreshed_at = qemu_now(g);
	if (g->way->found)
		g->way->found(&g->guest, g->userdata);
	follow_pins(g);
	r = manager_guest_add(g->manager, &g->guest);
	if (r < 0)
		return r == -EEXIST ? "this QEMU is managed already, by another socket"
				    : strerror(-r);
	g->unlisted = MAX(g->unlisted, over(g->guest.memory, g->base + g->dimms));
	g->added = true;
	watch_process(g);
	return NULL;
}

static void give_sample(struct qemu_guest *g)
{
	struct guest_record *s = &g->sample;

	if (!g->polled || g->todo & (ASK(DISKS) | ASK(STATS) | ASK_SIZE))
		return;
	g->polled = false;
	s->stat_actual = g->guest.actual;
	s->present |= GUEST_HAS_STAT_ACTUAL;
	if (g->disks_known) {
		s->disk_read = g->disk_read;
		s->present |= GUEST_HAS_DISK_READ;
	}
	s->total -= MIN(s->total, g->guest.other);
	if (g->has_sample)
		manager_guest_polled(&g->guest, s);
	else
		manager_guest_sample_failed(&g->guest);
}

void qemu_answered(struct qemu_guest *g)
{
	const char *why = !g->added && !g->todo ? add(g) : NULL;

	if (why) {
		qemu_guest_drop(g, why);
		return;
	}
	if (g->added) {
		follow_state(g);
		follow_size(g);
		follow_pins(g);
		give_sample(g);
	}
	qemu_ask(g);
	qemu_end_exchange(g);
}

/*
 * What QEMU reports by itself
 */

static void on_balloon_change(struct qemu_guest *g, const uint64_t *actual)
{
	if (actual) {
		qemu_see_actual(g, *actual);
		g->moving = true;
	}
	qemu_ask(g);
}

/* The event that comes most often. */
bool qemu_on_event_text(_unused_ struct qmp *q, struct json_span name, struct json_span data,
			void *userdata)
{
	struct qemu_guest *g = userdata;
	struct json_cursor c = json_cursor(data);
	uint64_t actual;

	if (!span_is(name, "BALLOON_CHANGE"))
		return false;
	if (g->added)
		on_balloon_change(g, json_member_number(&c, "actual", &actual) ? &actual : NULL);
	return true;
}

/*
 * The names are hints, since newer QEMUs have more of them: whatever may have
 * changed is asked for.
 */
void qemu_on_event(_unused_ struct qmp *q, const char *name, struct json_object *data,
		   void *userdata)
{
	static const char *const of_memory[] = { "ACPI_DEVICE_OST", "DEVICE_", "MEM_UNPLUG_ERROR",
						 "MEMORY_DEVICE_SIZE_CHANGE", "RESET" };
	struct qemu_guest *g = userdata;
	uint64_t actual;

	if (!g->added)
		return;
	if (!strcmp(name, "BALLOON_CHANGE")) {
		on_balloon_change(g, answer_bytes(data, "actual", &actual) ? &actual : NULL);
		return;
	}
	if (!strcmp(name, "MIGRATION"))
		answer_migrating(data, &g->outgoing);
	if (!strcmp(name, "RESET"))
		manager_guest_event(&g->guest, POLICY_GUEST_REBOOT);
	for (size_t i = 0; i < ARRAY_SIZE(of_memory); i++)
		if (!strncmp(name, of_memory[i], strlen(of_memory[i]))) {
			qemu_size_unknown(g);
			g->todo |= ASK(QOM);
		}
	g->todo |= ASK(STATE);
	follow_state(g);
	qemu_ask(g);
}

/*
 * What the manager wants
 */

static void refresh(struct qemu_guest *g)
{
	g->refreshed_at = qemu_now(g);
	g->todo |= ASK(STATE) | ASK(MIGRATION) | ASK(QOM) | ASK_SIZE;
}

static int poll_guest(struct guest *guest)
{
	struct qemu_guest *g = of(guest);
	int r;

	if (!guest->has_balloon)
		return -EOPNOTSUPP;
	/* A QEMU that owes us answers, or others its monitor, is not asked for more. */
	if (qmp_overdue(g->q) || qemu_now(g) < g->rest_until)
		return -EBUSY;
	if (g->way->shared || !g->migration_events)
		g->todo |= ASK(STATE) | ASK(MIGRATION);
	if (g->way->shared || g->moving)
		g->todo |= ASK(ACTUAL);
	if (qemu_now(g) - g->refreshed_at >= DEVICES_AGE)
		refresh(g);
	g->todo |= ASK(STATS) | (g->no_disks ? 0 : ASK(DISKS));
	g->polled = true;
	r = qemu_ask_now(g);
	if (r < 0) {
		g->polled = false;
		g->todo &= ~(ASK(DISKS) | ASK(STATS));
	}
	return r;
}

static int set_target(struct guest *guest, uint64_t bytes)
{
	struct qemu_guest *g = of(guest);

	/* A plan of before it began to migrate. */
	if (g->frozen)
		return -EBUSY;
	/* The next plan knows its size. */
	if (g->resizing) {
		qemu_ask_now(g);
		return -ECANCELED;
	}
	g->moving = true;
	return qemu_target(g, bytes);
}

static void forget(struct guest *guest)
{
	of(guest)->target_waits = false;
}

/*
 * A period that somebody else has set is kept: it is only made shorter, and
 * put back when we need no statistics. QEMU asks the guest at once when the
 * period was off before.
 */
static int watch(struct guest *guest, unsigned int seconds)
{
	struct qemu_guest *g = of(guest);

	if (!g->balloon)
		return -EOPNOTSUPP;
	if (!seconds || (g->found_period && g->found_period < seconds))
		seconds = g->found_period;
	g->wanted_period = seconds;
	if (g->wanted_period == g->period)
		return 0;
	/* With a shared monitor it goes along with the next exchange. */
	g->todo |= ASK(SET_PERIOD);
	return g->way->shared ? 0 : qemu_ask_now(g);
}

/*
 * QEMU begins the period anew when it is set to another.  Never by way of off: if the
 * second command is lost, the guest still takes statistics.
 */
static int align(struct guest *guest, unsigned int seconds)
{
	struct qemu_guest *g = of(guest);
	int r;

	if (g->period != seconds || g->wanted_period != seconds || g->period_refused)
		return -EAGAIN;
	g->todo |= ASK(LEAVE_PERIOD) | ASK(SET_PERIOD);
	r = qemu_ask_now(g);
	/* Sent later, it would begin at a worse moment. */
	if (r < 0)
		g->todo &= ~(ASK(LEAVE_PERIOD) | ASK(SET_PERIOD));
	return r;
}

static int on_later(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct qemu_guest *g = userdata;
	int r;

	if (g->over) {
		qemu_guest_drop(g, g->over);
		return 0;
	}
	if (g->target_waits)
		qemu_retry_target(g);
	if (g->added && !g->frozen && (g->way->shared || qmp_is_open(g->q)))
		return 0;
	if (g->added)
		g->todo |= ASK(STATE) | ASK(MIGRATION);
	r = qemu_ask_now(g);
	if (r < 0 && !g->added)
		qemu_guest_drop(g, strerror(-r));
	else if (!g->over && (g->frozen || r < 0))
		qemu_wake(g, MIGRATION_CHECK);
	return 0;
}

/*
 * What its backend knows
 */

struct guest *qemu_guest_added(struct qemu_guest *g)
{
	return g->added ? &g->guest : NULL;
}

void qemu_guest_lock(struct qemu_guest *g, bool locked)
{
	g->locked = locked;
	if (g->added)
		follow_state(g);
}

void qemu_guest_pin(struct qemu_guest *g, const char *why)
{
	g->pinned = why;
	follow_pins(g);
}

void qemu_guest_refresh(struct qemu_guest *g, bool resized)
{
	bool recent = qemu_now(g) - g->refreshed_at < REFRESH_AGE;
	int r;

	if (resized)
		qemu_size_unknown(g);
	if (!g->added || (!resized && (recent || qmp_is_open(g->q))))
		return;
	refresh(g);
	r = qemu_ask_now(g);
	if (r < 0 && r != -ESTALE)
		log_guest(LOG_DEBUG, g->guest.name, "not reached: %s", strerror(-r));
}

/*
 * Life
 */

int qemu_guest_new(struct qemu_guest **ret, struct manager *m, struct poller *poller,
		   const struct qemu_way *way, const char *path, const char *name, void *userdata)
{
	struct qemu_guest *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	g->ops = (struct guest_ops){
		.backend = way->backend,
		.set_target = set_target,
		.forget = forget,
		.poll = poll_guest,
		.watch = watch,
		.align = align,
	};
	g->guest.ops = &g->ops;
	g->guest.origin = path;
	g->manager = m;
	g->poller = poller;
	g->way = way;
	g->userdata = userdata;
	g->process.fd = -1;
	g->running = true;
	g->todo = ASK(STATE) | ASK(MIGRATION) | ASK_SIZE | ASK(BACKENDS) | ASK(OBJECTS) | ASK(SEV) |
		  ASK(QOM);
	if (!way->shared)
		g->todo |= ASK(EVENTS);
	if (name)
		snprintf(g->guest.name, sizeof(g->guest.name), "%s", name);
	else
		g->todo |= ASK(NAME);
	r = qemu_monitor_open(g, on_later);
	if (r < 0) {
		qemu_guest_free(g, NULL);
		return r;
	}
	*ret = g;
	return 0;
}

struct qemu_guest *qemu_guest_free(struct qemu_guest *g, const char *why)
{
	if (!g)
		return NULL;
	if (g->added)
		manager_guest_remove(&g->guest, why);
	if (g->process.fd >= 0)
		poller_remove(g->poller, &g->process);
	closep(&g->process.fd);
	qemu_monitor_close(g);
	qemu_questions_free(g);
	free(g);
	return NULL;
}
