/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The manager's state, shared by the files of this folder alone.
 */
#ifndef DYNMEMD_MANAGER_PRIVATE_H
#define DYNMEMD_MANAGER_PRIVATE_H

#include "dynmemd/host/cgroup_worker.h"
#include "dynmemd/host/ksm_control.h"
#include "dynmemd/host/ksm_program.h"
#include "dynmemd/host/ksm_sysfs.h"
#include "dynmemd/base/dir_watch.h"
#include "dynmemd/host/numa.h"
#include "dynmemd/core/manager.h"
#include "dynmemd/core/recorder.h"
#include "dynmemd/state/state_file.h"
#include "common/util.h"

/**
 * struct ksm_now - KSM as it was read last
 * @at: ns, of the event loop; 0: it was not
 */
struct ksm_now {
	uint64_t at;
	struct host_record host;
	struct ksm_pages pages;
};

/**
 * struct ksm_act - what is known of KSM, and done to it
 * @sysfs: its counters
 * @control: NULL: this kernel has no KSM
 * @driven: its settings are ours now
 * @strangers: mergeable memory is of more than one trust domain ...
 * @strange_program: ... and part of it is no guest's
 * @program: that one, as found last; pid 0: there was none
 * @program_stays: it was there the time before
 * @mixed: the same in words; empty: not so
 * @alert: that, and what becomes of ksmd; empty: nothing to report
 * @rival: who else sets it; empty: nobody is known to
 * @rival_runs: that is a process
 * @adopt: what it has left counts as found
 * @error: why a setting could not be written; empty: it could
 * @logged: the latest reason in the log
 * @cpu_share: of one CPU that ksmd took, as measured
 */
struct ksm_act {
	struct ksm_sysfs sysfs;
	struct ksm_control *control;
	bool driven, strangers, strange_program, program_stays, rival_runs, adopt;
	struct ksm_program program;
	char mixed[240], alert[400], rival[160], error[320];
	const char *logged;
	uint64_t search_at, programs_at, rest_until; /* ns */
	uint64_t cpu, cpu_at;			     /* ns */
	double cpu_share;
	struct ksm_now now;
};

struct manager {
	sd_event *event;
	const struct config *config;
	bool dry_run;
	bool stopped;	     /* the kill switch is on */
	struct folder *stop; /* watches it */
	const char *proc, *cgroup_root;
	manager_load_t load; /* the configuration, or NULL */
	void *load_data;
	struct cgroup_worker *worker; /* NULL: nothing is done by cgroups */
	struct policy *policy;
	struct recorder *recorder;
	struct host host;
	bool host_unread; /* by the last sample: @host is older, and nothing is decided */
	struct numa numa;
	struct cost ksmd; /* its thread */
	struct ksm_act ksm;

	struct source *source;
	uint64_t threshold[POLICY_LEVELS]; /* bytes, that it watches ... */
	bool watching;			   /* ... since it was asked to, ... */
	bool unwatched;			   /* ... unless it could not */
	struct source_pressure pressure;   /* the latest */
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
	sd_event_source *resident;   /* timer between ticks ... */
	uint64_t resident_base;	     /* ... and what was available at the last one */
	sd_event_source *patience;   /* for answers to polls */
	sd_event_source *align;	     /* a guest's statistics are to begin anew */
	unsigned int awaited;	     /* answers to the polls of ... */
	unsigned int round;	     /* ... this tick */
	sd_event_source *decide;     /* soon */
	sd_event_source *emergency;  /* its next step */
	uint64_t costs_at;	     /* ns, guests' costs were read */
	unsigned int cost_fields;    /* that matter, enum cost_field */
	bool merged;		     /* so does what KSM saves */
	struct host_record record;   /* the host, as passed to the engine */
	uint64_t ksm_saved, swapped; /* bytes, on the whole host */
	bool somebody_waits;	     /* for bytes that others are to free */

	struct policy_gate gate;
	struct policy_gate_host gate_host; /* of this batch of writes, if ... */
	bool gate_read;			   /* ... it was read */
	enum policy_gate_rule gate_logged;

	struct policy_result result; /* the latest, without its array */
	struct manager_counters counters;
	uint64_t event_at; /* ns, of the event that is dealt with; 0: none, or a command followed */

	struct state state;	 /* what is remembered */
	struct state_file *file; /* NULL: only while the daemon lives */
	sd_event_source *save;
	sd_event_source *settings_end; /* of the next one */
};

/*
 * Each part calls those above it alone: mode, ticks, announce, sample, polls, resident_samples,
 * writes, emergency_run, cgroup_act, ksm_driver, ksm_trust, ksm_why, ksm_act, kill_switch,
 * learned, reservations, decisions, settings, limits, settings_set, and manager.c, which
 * takes in what backends and sources report.
 */

/* mode.c */

/** manager_managing() - targets are written to guests */
bool manager_managing(const struct manager *m);

/** ksm_managing() - ksmd's settings are written */
bool ksm_managing(const struct manager *m);

/** stop_now() - whether the kill switch is on at this moment */
bool stop_now(const struct manager *m);

/* ticks.c */

/** timer_set() - have a timer elapse once, at @ns */
void timer_set(sd_event_source *s, uint64_t ns);

/** tick_at() - poll who is due, then decide, at @when or earlier */
void tick_at(struct manager *m, uint64_t when);

/** tick_soon() - the same, now or right after the last one */
void tick_soon(struct manager *m);

/** decide_soon() - when what is ready has been read */
void decide_soon(struct manager *m);

/* announce.c */

/** announce_level() - the host's level, if it changed */
void announce_level(struct manager *m, enum policy_level level);

/** announce_decision() - what has been put into @g->announced and @g->reason */
void announce_decision(struct manager *m, struct guest *g, bool applied);

/** command_was_sent() - the outcome of set_target(); logs each distinct error once */
bool command_was_sent(struct guest *g);

/* sample.c */

/**
 * sample_host() - read the host's memory and pass it to the engine
 * @quick: on an event, KSM's counters are not read
 */
enum policy_level sample_host(struct manager *m, bool quick, uint64_t now);

/**
 * sample_costs() - read what guests cost and pass it to the engine
 * @quick: on an event, only what the decision hangs on
 */
void sample_costs(struct manager *m, bool quick, uint64_t now);

/* machine.c */

/** update_guest() - hand a record on; returns whether its statistics were fresh */
bool update_guest(struct manager *m, struct guest *g, const struct guest_record *r, uint64_t now);

/** update_machine() - hand on what a guest's machine is; @fields: GUEST_HAS_* of that */
void update_machine(struct manager *m, struct guest *g, uint64_t fields, uint64_t now);

/* polls.c */

/** poll_guests() - ask those who are due; decide once all have answered */
void poll_guests(struct manager *m, uint64_t now);

/** poll_answered() - a guest has answered its poll, or never will */
void poll_answered(struct manager *m, struct guest *g);

/** poll_sampled() - a guest was asked for statistics; they were @fresh or not */
void poll_sampled(struct manager *m, struct guest *g, bool fresh, uint64_t now);

/** poll_follow() - ask a guest as often as its latest decision wants */
void poll_follow(struct manager *m, struct guest *g, uint64_t now);

/** poll_align_next() - when the first guest's period is to begin anew */
void poll_align_next(struct manager *m);

/** poll_align() - begin the periods that are due */
int poll_align(sd_event_source *s, uint64_t usec, void *userdata);

/** poll_patience() - the patience with those who have not answered is over */
int poll_patience(sd_event_source *s, uint64_t usec, void *userdata);

/** sample_fill() - the host's memory as it was read last */
void sample_fill(const struct manager *m, struct host_record *ret);

/* resident_samples.c */

/** resident_next() - sample again soon, if the latest decision wants that */
void resident_next(struct manager *m, uint64_t now);

/** resident_grows() - whether a squeezed guest has begun to grow, and a decision is due */
bool resident_grows(struct manager *m, uint64_t now);

/* writes.c */

/** writes_begin() - a batch of writes: the gate reads the host's memory anew */
void writes_begin(struct manager *m, uint64_t now);

/**
 * write_target() - write it to a guest, as far as the gate lets it
 * @target: what to write, and what was written
 *
 * Return: as set_target(); -ECANCELED: the gate held all of it back.
 */
int write_target(struct manager *m, struct guest *g, uint64_t *target, bool emergency,
		 uint64_t now);

/** write_reclaim() - so much of @bytes may be reclaimed from a guest's cgroup */
uint64_t write_reclaim(struct manager *m, uint64_t bytes, uint64_t now);

/* emergency_run.c */

/** emergency_start() - the host is critical: write the plan's first step */
void emergency_start(struct manager *m, uint64_t now);

/** emergency_continue() - emergency_wait later */
int emergency_continue(sd_event_source *s, uint64_t usec, void *userdata);

/* cgroup_act.c */

/** cgroup_act_init() - start the thread that it takes */
void cgroup_act_init(struct manager *m);

/** cgroup_act_open() - a guest is there: find its cgroup */
void cgroup_act_open(struct manager *m, struct guest *g);

/** cgroup_act() - do what was decided for a guest's cgroup */
void cgroup_act(struct manager *m, struct guest *g, uint64_t now);

/** cgroup_act_close() - a guest ends, or is released */
void cgroup_act_close(struct manager *m, struct guest *g);

/* ksm_driver.c */

/** ksm_report_foreign() - somebody else has written: log it, and leave ksmd alone */
void ksm_report_foreign(struct manager *m, const struct ksm_outcome *o);

/** ksm_ours_alone() - nobody else sets ksmd's pace; a program that does is waited for */
bool ksm_ours_alone(struct manager *m, uint64_t now);

/** ksm_driver() - who sets its pace, in words */
const char *ksm_driver(struct manager *m);

/* ksm_trust.c */

/** trust_check() - see whether KSM may merge memory of guests that are strangers */
void trust_check(struct manager *m);

/** trust_stops_ksmd() - that is why it is stopped */
bool trust_stops_ksmd(const struct manager *m);

/** trust_report() - log what has become of that; after ksmd was driven, or left alone */
void trust_report(struct manager *m);

/* ksm_act.c */

/** ksm_act_init() - of /sys, or a folder that looks like it; after remember_init() */
void ksm_act_init(struct manager *m, const char *sys, const char *state);

/** ksm_act() - do what was decided for ksmd, or put back what was found */
void ksm_act(struct manager *m, uint64_t now);

/** ksm_act_reload() - the operator has spoken: try again */
void ksm_act_reload(struct manager *m);

void ksm_act_free(struct manager *m);

/* kill_switch.c */

/** stop_check() - log and export a change of the kill switch */
void stop_check(struct manager *m);

/** stop_watch() - check it, and watch it from now on; again after a reload */
int stop_watch(struct manager *m);

/* learned.c */

/**
 * remember_init() - take over what an earlier daemon left
 * @path: of the state file; NULL: none
 */
int remember_init(struct manager *m, const char *path);

/** remember_free() - write it down; guests are gone by now */
void remember_free(struct manager *m);

/** remember_now() - write it down */
void remember_now(struct manager *m);

/** remember_soon() - write it down, but not each time */
void remember_soon(struct manager *m);

/** remember_next() - write it down as soon as the loop has nothing better to do */
void remember_next(struct manager *m);

/** remember_another() - what is remembered by its name was found elsewhere */
bool remember_another(const struct manager *m, const struct guest *g);

/** remember_memory() - what a QEMU that is known does not report of its memory */
void remember_memory(struct manager *m, struct guest *g);

/** remember_added() - the engine has a guest: what is known about it? */
void remember_added(struct manager *m, struct guest *g);

/** remember_removed() - the engine is about to lose it */
void remember_removed(struct manager *m, struct guest *g);

/* reservations.c */

/** reserve_started() - a guest is there: what was kept for it is its own */
void reserve_started(struct manager *m, const struct guest *g);

/* settings.c */

/** setting_holds() - it was made, and is not over */
bool setting_holds(const struct setting *s);

/** setting_size() - as a size; of NULL none is set */
struct size setting_size(const struct setting *s);

/** settings_rule() - a guest's range and shares, as far as they were set */
struct guest_rule settings_rule(const struct manager *m, const char *name);

/** settings_hold() - it is to be left as it is */
bool settings_hold(const struct manager *m, const char *name);

/* limits.c */

/** limits_apply() - work out range and shares anew */
void limits_apply(struct manager *m, struct guest *g);

/** limits_config() - the same for the engine */
struct policy_guest_config limits_config(struct guest *g);

/* settings_set.c */

/** settings_init() - drop those that are over, and watch for the next one */
int settings_init(struct manager *m);

void settings_free(struct manager *m);

/* decisions.c */

/** decisions_init() - make the event sources */
int decisions_init(struct manager *m);

void decisions_free(struct manager *m);

/** decisions_on_pressure() - after the engine was passed an event */
void decisions_on_pressure(struct manager *m, enum policy_level level, uint64_t now);

#endif
