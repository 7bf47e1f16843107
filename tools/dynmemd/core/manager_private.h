/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by manager.c (guests come, tell and go), act.c (what is done),
 * remember.c (what is known again) and stop.c (the kill switch).
 */
#ifndef DYNMEMD_MANAGER_PRIVATE_H
#define DYNMEMD_MANAGER_PRIVATE_H

#include "dynmemd/host/cgroup_worker.h"
#include "dynmemd/base/dir_watch.h"
#include "dynmemd/core/manager.h"
#include "dynmemd/state/state_file.h"
#include "common/util.h"

struct manager {
	sd_event *event;
	const struct config *config;
	bool dry_run;
	bool stopped;	     /* the kill switch is on */
	struct folder *stop; /* watches it */
	const char *proc, *cgroup_root;
	struct cgroup_worker *worker; /* NULL: nothing is done by cgroups */
	struct policy *policy;
	struct host host;

	struct source *source;
	struct source_pressure pressure; /* the latest */
	bool has_pressure;
	enum policy_level level;

	const struct manager_listener *listener;
	void *listener_data;

	struct guest **guests;
	size_t n_guests;
	size_t space; /* in @guests */

	sd_event_source *tick;	     /* polls are due */
	uint64_t tick_at;	     /* ns, 0: off */
	uint64_t ticked_at;	     /* ns, the last one */
	sd_event_source *patience;   /* for answers to polls */
	unsigned int awaited;	     /* answers to the polls of ... */
	unsigned int round;	     /* ... this tick */
	sd_event_source *decide;     /* soon */
	sd_event_source *emergency;  /* its next step */
	uint64_t costs_at;	     /* ns, guests' costs were read */
	unsigned int cost_fields;    /* that matter, enum cost_field */
	uint64_t ksm_saved, swapped; /* bytes, on the whole host */
	bool somebody_waits;	     /* for bytes that others are to free */

	struct policy_result result; /* the latest, without its array */

	/* whom a reservation is for, by its number */
	char reserved[POLICY_RESERVES_MAX][GUEST_NAME_MAX];

	struct state state;	 /* what is remembered */
	struct state_file *file; /* NULL: only while the daemon lives */
	sd_event_source *save;
};

/** act_init() - make the event sources */
int act_init(struct manager *m);

void act_free(struct manager *m);

/** act_sample_host() - read the host's memory and tell the engine */
enum policy_level act_sample_host(struct manager *m, uint64_t now);

/** act_on_pressure() - after the engine was told of an event */
void act_on_pressure(struct manager *m, enum policy_level level, uint64_t now);

/** act_tick_soon() - poll who is due, then decide */
void act_tick_soon(struct manager *m);

/** act_decide_soon() - when what is ready has been read */
void act_decide_soon(struct manager *m);

/** act_answered() - a guest has answered its poll, or never will */
void act_answered(struct manager *m, struct guest *g);

/** act_sampled() - a guest was asked for statistics; they were @fresh or not */
void act_sampled(struct manager *m, struct guest *g, bool fresh, uint64_t now);

/** act_cgroup_init() - start the thread that it takes */
void act_cgroup_init(struct manager *m);

/** act_cgroup_open() - a guest is there: find its cgroup */
void act_cgroup_open(struct manager *m, struct guest *g);

/** act_cgroup() - do what was decided for a guest's cgroup */
void act_cgroup(struct manager *m, struct guest *g, uint64_t now);

/** act_cgroup_release() - a guest is not held to anything any more */
void act_cgroup_release(struct guest *g);

/** act_cgroup_close() - a guest goes, or is let go */
void act_cgroup_close(struct manager *m, struct guest *g);

/** act_set_level() - tell a change of the host's level */
void act_set_level(struct manager *m, enum policy_level level);

/** stop_now() - whether the kill switch is on at this moment */
bool stop_now(const struct manager *m);

/** stop_look() - the same, and tell it if that is news */
void stop_look(struct manager *m);

/** stop_watch() - look, and watch from now on; again after a reload */
int stop_watch(struct manager *m);

/** remember_now() - write it down */
void remember_now(struct manager *m);

/** reserve_started() - a guest is there: what was kept for it is its own */
void reserve_started(struct manager *m, const char *name);

/**
 * remember_init() - take over what an earlier daemon left
 * @path: of the state file; NULL: none
 */
int remember_init(struct manager *m, const char *path);

/** remember_free() - write it down; guests are gone by now */
void remember_free(struct manager *m);

/** remember_soon() - write it down, but not each time */
void remember_soon(struct manager *m);

/** remember_added() - the engine has a guest: what is known about it? */
void remember_added(struct manager *m, struct guest *g);

/** remember_removed() - the engine is about to lose it */
void remember_removed(struct manager *m, struct guest *g);

#endif
