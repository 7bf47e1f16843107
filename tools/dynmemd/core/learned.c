// SPDX-License-Identifier: GPL-2.0
/*
 * What is known about guests and the host, kept for the next daemon, and for
 * guests that come back.
 *
 * A guest is known again by its name. If its QEMU is the same process, then
 * all is taken over, its target as well: it was sent there, whether there was
 * a daemon or not. Another QEMU of this name is taken to have the same work:
 * what shrinks did to it, how much of its cache is hot and how fast it grows
 * is kept, and what its kernel and its QEMU were like is forgotten.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/escape.h"
#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"
#include "dynmemd/host/procfile.h"

/*
 * What is lost with a daemon that is killed: at most so much of learning, and
 * the targets of balloons that are moving then anyway.
 */
#define SAVE_EVERY (10 * NSEC_PER_SEC)

static uint64_t wall_clock(void)
{
	return (uint64_t)time(NULL);
}

/* Seconds since @then, as nanoseconds; a clock that was set back: none. */
static uint64_t age_of(uint64_t then)
{
	uint64_t now = wall_clock();

	return now > then ? MIN(now - then, UINT64_MAX / NSEC_PER_SEC) * NSEC_PER_SEC : 0;
}

static void remember(struct manager *m, const struct guest *g)
{
	struct policy_guest_info info;
	struct record *r = g->record;
	uint64_t now = manager_now(m);

	if (!r || policy_guest_info(m->policy, g->handle, now, &info) < 0)
		return;
	r->memory = g->memory;
	r->actual = g->actual;
	r->target = info.target;
	policy_guest_export(m->policy, g->handle, now, &r->learned);
}

void remember_now(struct manager *m)
{
	if (!m->file)
		return;
	for (size_t i = 0; i < m->n_guests; i++)
		remember(m, m->guests[i]);
	policy_host_export(m->policy, &m->state.host);
	m->state.gate_taken = policy_gate_taken(&m->gate, manager_now(m));
	m->state.time = wall_clock();
	state_expire(&m->state, m->state.time);
	if (state_file_write(m->file, &m->state) < 0)
		log_warning("no memory to write down what was learned");
}

static int on_save(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	remember_now(userdata);
	return 0;
}

static void save_in(struct manager *m, uint64_t delay)
{
	sd_event_source_set_time(m->save, (manager_now(m) + delay) / NSEC_PER_USEC);
	sd_event_source_set_enabled(m->save, SD_EVENT_ONESHOT);
}

void remember_soon(struct manager *m)
{
	int on = SD_EVENT_ON;

	if (m->file && sd_event_source_get_enabled(m->save, &on) == 0)
		save_in(m, SAVE_EVERY);
}

void remember_next(struct manager *m)
{
	if (m->file)
		save_in(m, 0);
}

/* Of the work that it does, not of the machine. */
static void forget_machine(struct policy_guest_state *s)
{
	*s = (struct policy_guest_state){
		.learned = s->learned,
		.hot = s->hot,
		.kept = s->kept,
		.room = s->room,
		.yield = 1,
		.overhead = UINT64_MAX,
		.total_follows = -1,
	};
}

/* A balloon that was moving then has gone on. */
static bool as_it_was_sent(const struct record *r, uint64_t actual)
{
	return actual >= MIN(r->actual, r->target) && actual <= MAX(r->actual, r->target);
}

static void resume_target(struct manager *m, struct guest *g)
{
	const struct record *r = g->record;

	if (!as_it_was_sent(r, g->actual)) {
		log_guest(LOG_INFO, g->name,
			  "its balloon was moved from %.0f MiB while dynmemd was away",
			  (double)r->target / MIB);
		return;
	}
	/* A max that is lower now is where it is to go, not where it was sent. */
	g->target = MIN(r->target, MAX(g->limits.max, g->actual));
	policy_command_sent(m->policy, g->handle, g->target, manager_now(m));
}

/*
 * What its balloon took since the file was written is of the gate's minute: a daemon
 * that dies again and again before it is written must not take a minute's worth each
 * time.
 */
static void count_unwritten(struct manager *m, const struct guest *g)
{
	const struct record *r = g->record;
	uint64_t least = MIN(r->actual, r->target);

	if (g->actual < least)
		policy_gate_restore(&m->gate, least - g->actual, 0, manager_now(m));
}

bool remember_another(const struct manager *m, const struct guest *g)
{
	const struct record *r = state_find(&m->state, g->name);
	char from[sizeof(r->from)];

	return r && *r->from &&
	       strcmp(r->from, escape_text(from, sizeof(from), basename(g->origin))) != 0;
}

/* It is the same QEMU. */
static bool is_same(const struct record *r, const struct guest *g)
{
	return r->start && r->start == g->start && r->pid == (uint64_t)g->pid;
}

void remember_memory(struct manager *m, struct guest *g)
{
	const struct record *r = state_find(&m->state, g->name);

	g->start = cost_start(&g->cost);
	if (r && is_same(r, g))
		g->memory = MAX(g->memory, MIN(r->memory, g->memory_most));
}

static void recall(struct manager *m, struct guest *g)
{
	struct record *r = g->record;
	struct policy_guest_state learned = r->learned;
	bool same = is_same(r, g);

	if (!same)
		forget_machine(&learned);
	learned.age = age_of(r->gone);
	policy_guest_import(m->policy, g->handle, manager_now(m), &learned);
	if (same && g->has_balloon) {
		count_unwritten(m, g);
		resume_target(m, g);
	}
	log_guest(LOG_INFO, g->name, "%s",
		  same ? "known: what was learned about it holds"
		       : "known by its name, as another QEMU: what was learned of its work holds");
}

void remember_added(struct manager *m, struct guest *g)
{
	g->record = state_find(&m->state, g->name);
	if (g->record)
		recall(m, g);
	else
		g->record = state_add(&m->state, g->name);
	if (!g->record)
		return;
	escape_text(g->record->from, sizeof(g->record->from), basename(g->origin));
	g->record->pid = g->pid;
	g->record->start = g->start;
	g->record->gone = 0;
	remember_soon(m);
}

void remember_removed(struct manager *m, struct guest *g)
{
	if (!g->record)
		return;
	remember(m, g);
	g->record->gone = wall_clock();
	g->record = NULL;
	remember_soon(m);
}

/* The kernel's boot ID; empty where there is none. */
static void read_boot(const char *proc, char *ret, size_t size)
{
	char path[PATH_MAX], text[64] = "";
	_cleanup_(closep) int fd = -1;

	snprintf(path, sizeof(path), "%s/sys/kernel/random/boot_id", proc);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (proc_read(fd, text, sizeof(text)) < 0)
		text[0] = 0;
	text[strcspn(text, " \n")] = 0;
	snprintf(ret, size, "%.*s", (int)size - 1, text);
}

/* What was reserved stays reserved, under its number. */
static void restore_reservations(struct manager *m)
{
	struct state *s = &m->state;

	s->next_reservation = policy_reserve_next(m->policy, s->next_reservation);
	for (size_t i = 0; i < s->n_reserved; i++) {
		struct reservation *r = &s->reserved[i];
		uint64_t now = wall_clock(), then = MAX(now, s->time);
		uint64_t left = r->until > then ? r->until - then : 0;

		/* A clock that was set back since gives no more time. */
		r->until = now + left;
		if (left)
			policy_reserve_restore(m->policy, r->id, r->bytes,
					       MIN(left, UINT64_MAX / NSEC_PER_SEC) * NSEC_PER_SEC,
					       manager_now(m));
	}
}

/* All guests of an earlier daemon are gone until they are found. */
static void take_over(struct manager *m)
{
	struct state *s = &m->state;
	char boot[sizeof(s->boot)];
	bool same_boot;

	read_boot(m->proc, boot, sizeof(boot));
	same_boot = !strcmp(boot, s->boot);
	memcpy(s->boot, boot, sizeof(boot));
	for (size_t i = 0; i < s->n; i++) {
		struct record *r = s->records[i];

		if (!r->gone)
			r->gone = s->time ? s->time : 1;
		if (!same_boot)
			r->start = 0;
	}
	if (s->time)
		policy_host_import(m->policy, &s->host, manager_now(m));
	if (same_boot)
		policy_gate_restore(&m->gate, s->gate_taken, age_of(s->time), manager_now(m));
	restore_reservations(m);
	policy_set_drain(m->policy, s->drain);
	if (s->n)
		log_info("%zu guests are known from before", s->n);
	if (s->drain)
		log_notice(
			"guests get their memory back, as before the restart; 'dynmem resume' ends that");
}

/*
 * What another daemon has is not touched, nor read: to read may set aside what is of
 * another version.
 */
static int own_file(struct manager *m, const char *path)
{
	pid_t owner = 0;
	int r = state_file_new(&m->file, path, &owner);

	if (r != -EBUSY)
		return r;
	if (m->dry_run) {
		log_notice(
			"another dynmemd runs (pid %d): what it has learned, in %s, is its own, and this one starts without",
			(int)owner, path);
		return 0;
	}
	log_error(
		"another dynmemd runs (pid %d), and has %s: two would undo each other's work; end that one first",
		(int)owner, path);
	return r;
}

int remember_init(struct manager *m, const char *path)
{
	int r = path ? own_file(m, path) : 0;

	if (r == 0 && m->file)
		r = state_file_read(&m->state, path);
	if (r < 0)
		return r;
	take_over(m);
	if (!m->file)
		return 0;
	r = sd_event_add_time(m->event, &m->save, CLOCK_MONOTONIC, 0, USEC_PER_SEC, on_save, m);
	if (r >= 0)
		r = sd_event_source_set_enabled(m->save, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_priority(m->save, PRIORITY_API);
	return MIN(r, 0);
}

void remember_free(struct manager *m)
{
	remember_now(m);
	m->file = state_file_free(m->file);
	sd_event_source_disable_unref(m->save);
	state_clear(&m->state);
}
