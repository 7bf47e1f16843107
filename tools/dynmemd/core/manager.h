/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The manager: sources and guests in, the engine's decisions out.
 *
 * It decides when a source reports something, and once a second while the
 * engine asks for that: while a guest is squeezed, pressed or new, or the
 * host is. Otherwise it sleeps, and no guest is asked anything.
 */
#ifndef DYNMEMD_MANAGER_H
#define DYNMEMD_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "dynmemd/config/daemon_config.h"
#include "dynmemd/core/guest.h"
#include "dynmemd/host/meminfo.h"
#include "dynmemd/sources/source.h"
#include "policy/policy.h"

/*
 * Order of what is ready at the same time: pressure before answers of guests,
 * since an emergency can use no answer that it does not have yet.
 */
#define PRIORITY_SOURCE (-100)
#define PRIORITY_GUEST	0
#define PRIORITY_DECIDE 50
#define PRIORITY_API	100

struct manager;
struct recorder;
struct reservation;
struct setting;

/**
 * struct manager_listener - who wants to hear what the manager does
 * @decision: @g->announced was made known; whether it was @applied
 * @guest_added: there is one more
 * @guest_removed: there is one less
 * @level: the host's level changed
 * @mode: the mode may have changed
 */
struct manager_listener {
	void (*decision)(void *userdata, const struct guest *g, bool applied);
	void (*guest_added)(void *userdata, const struct guest *g);
	void (*guest_removed)(void *userdata, const struct guest *g, const char *why);
	void (*level)(void *userdata);
	void (*mode)(void *userdata);
};

/** manager_load_t - read the configuration anew, as a reload would */
typedef int (*manager_load_t)(void *userdata, struct config **ret, const char **ret_path);

/** manager_plan_line_t - a line of a plan, without its end */
typedef void (*manager_plan_line_t)(void *userdata, const char *text);

/**
 * struct manager_plan - what another configuration would change
 * @changed: guests with another range, shares or reclaim
 * @taken: bytes that are above guests' new max
 * @given: bytes that lack to guests' new min
 * @much: that is more than a quarter of some guest, or a tenth of the host
 */
struct manager_plan {
	unsigned int changed;
	uint64_t taken, given;
	bool much;
};

/**
 * struct manager_options - what is no configuration
 * @dry_run: never write a target, whatever the configuration says
 * @proc: instead of /proc, for what the host has and guests cost; NULL: /proc
 * @sys: instead of /sys, for KSM; NULL: /sys
 * @cgroup: where cgroup2 is mounted; NULL: CGROUP_ROOT
 * @state: the file of what shall outlive the daemon; NULL: none
 * @load: for manager_plan_reload(); NULL: it cannot
 * @record: a file for a recording from the very beginning; NULL: none
 */
struct manager_options {
	bool dry_run;
	const char *proc;
	const char *sys;
	const char *cgroup;
	const char *state;
	manager_load_t load;
	void *load_data;
	const char *record;
};

/**
 * manager_new() - without guests and without a source
 * @config: stays the caller's, and must live until the next manager_reload()
 */
int manager_new(struct manager **ret, sd_event *event, const struct config *config,
		const struct manager_options *options);

/** manager_free() - guests must be gone; they keep their targets */
struct manager *manager_free(struct manager *m);

/** manager_plan() - what @config would change; @line may be NULL */
void manager_plan(struct manager *m, const struct config *config, manager_plan_line_t line,
		  void *userdata, struct manager_plan *ret);

/**
 * manager_plan_reload() - what a reload would change now
 * @ret_path: the configuration's first file
 *
 * Return: 0; -EINVAL: the configuration is wrong, and the log says how;
 * -EOPNOTSUPP.
 */
int manager_plan_reload(struct manager *m, manager_plan_line_t line, void *userdata,
			const char **ret_path);

/**
 * manager_reload() - a new configuration: ranges, shares, mode, policy
 *
 * One that moves much says so first.
 */
int manager_reload(struct manager *m, const struct config *config);

void manager_listen(struct manager *m, const struct manager_listener *listener, void *userdata);

/**
 * manager_set_source() - where the host's state comes from
 * @source: NULL: nowhere; the manager looks at the host once a second by itself
 */
void manager_set_source(struct manager *m, struct source *source);

/**
 * manager_drain() - give guests all their memory back, and take none
 * @drain: false: manage them again
 *
 * Holds over a restart. Return: 0; -EROFS: the mode lets nothing be written.
 */
int manager_drain(struct manager *m, bool drain);

/**
 * manager_reserve() - have memory freed for a guest that is about to start
 * @bytes: how much
 * @name: of that guest: once it is found, what it has not touched yet is kept for
 *	it; empty: kept until its time is over, or manager_release()
 * @seconds: after which it lapses
 * @ret_id: its number, which is never used again, and holds over a restart
 * @ret: how it stands; also when it is refused
 *
 * Return: 0; -EROFS: the mode lets nothing be written; or as policy_reserve().
 */
int manager_reserve(struct manager *m, uint64_t bytes, const char *name, uint64_t seconds,
		    unsigned int *ret_id, struct policy_reserve_status *ret);

/** manager_reservation() - how it stands by the last decision. 0 or -ENOENT */
int manager_reservation(struct manager *m, unsigned int id, struct policy_reserve_status *ret);

/** manager_release() - it is not needed any more. 0 or -ENOENT */
int manager_release(struct manager *m, unsigned int id);

/**
 * manager_reservations() - all that hold, and perhaps some that are over
 * @ret_count: how many
 */
const struct reservation *manager_reservations(const struct manager *m, size_t *ret_count);

#define MANAGER_SENTENCE_MAX 256

/**
 * manager_set() - change a setting of a guest at run time
 * @name: of the guest
 * @key: "min", "max", "shares" or "hold"
 * @value: as in the configuration; of "hold": "yes"; "default": as configured again
 * @seconds: after which it is over; 0: never
 * @ret: what is now, or what is wrong, as a sentence
 *
 * Comes before any rule, and holds over a restart. Return: 0; -EINVAL: @ret
 * says why; -ENOENT: no such guest; -ENOSPC: too many settings.
 */
int manager_set(struct manager *m, const char *name, const char *key, const char *value,
		uint64_t seconds, char ret[MANAGER_SENTENCE_MAX]);

/** manager_setting() - one of a guest's that holds, or NULL */
const struct setting *manager_setting(const struct manager *m, const char *name,
				      enum guest_setting setting);

/** manager_setting_name() - "min" and so on, as manager_set() takes it */
const char *manager_setting_name(enum guest_setting setting);

/** manager_largest() - as policy_largest() */
int manager_largest(const struct manager *m, uint64_t *ret_now, uint64_t *ret_squeezed);

/** manager_pressure() - a source has news */
void manager_pressure(struct manager *m, const struct source_pressure *p);

/**
 * manager_guest_add() - a guest was found
 * @g: its backend's part filled in. A name that another guest has gets the
 *	end of its origin added.
 *
 * Return: 0; -EEXIST: the same QEMU is managed already; -ENOMEM, -ENOSPC,
 * -EINVAL as policy_guest_add().
 */
int manager_guest_add(struct manager *m, struct guest *g);

/** manager_guest_remove() - it is gone; @why NULL: it is only released */
void manager_guest_remove(struct guest *g, const char *why);

/** manager_guest_polled() - the answer to a poll */
void manager_guest_polled(struct guest *g, const struct guest_record *s);

/** manager_guest_sample_failed() - there will be no answer to a poll */
void manager_guest_sample_failed(struct guest *g);

/** manager_guest_actual() - its balloon has this size */
void manager_guest_actual(struct guest *g, uint64_t actual);

/**
 * manager_guest_resized() - DIMMs were plugged or unplugged
 * @memory: what its balloon counts from now, bytes
 * @actual: what the balloon leaves it of that
 *
 * QEMU keeps what the balloon holds: size and target move by the same amount.
 */
void manager_guest_resized(struct guest *g, uint64_t memory, uint64_t actual);

/** manager_guest_pinned() - @g->pinned may have changed */
void manager_guest_pinned(struct guest *g);

/** manager_guest_own() - @g->own or @g->observed may have changed */
void manager_guest_own(struct guest *g);

/**
 * manager_guest_repeat() - write its target once more
 *
 * For a backend whose connection was lost. Return: as set_target(), -EROFS
 * where nothing is to be written, -ECANCELED if that would take memory now.
 */
int manager_guest_repeat(struct guest *g);

/** manager_guest_event() - what else happened to it */
void manager_guest_event(struct guest *g, enum policy_guest_event event);

/** manager_recorder() - to record what enters the engine */
struct recorder *manager_recorder(struct manager *m);

/** For reading. */
enum mode manager_mode(const struct manager *m);

/** manager_stopped() - by the kill switch: nothing is written to guests */
bool manager_stopped(const struct manager *m);
/** manager_stop_file() - the kill switch: the file "stop" of the configuration */
const char *manager_stop_file(const struct manager *m);

const char *manager_mode_name(const struct manager *m);
enum policy_profile manager_profile(const struct manager *m);
const char *manager_source_name(const struct manager *m);
const struct policy *manager_policy(const struct manager *m);
enum policy_level manager_level(const struct manager *m);
uint64_t manager_now(const struct manager *m);
size_t manager_guest_count(const struct manager *m);
struct guest *manager_guest(const struct manager *m, size_t i);
const struct guest *manager_find(const struct manager *m, const char *name);

/** manager_host_record() - all that was passed to the engine about the host */
const struct host_record *manager_host_record(const struct manager *m);

/**
 * struct manager_gate - what stands before every write to a guest
 * @taken: bytes that were taken within the last minute
 * @cap: as many as may be
 * @rule: what held something back within that minute
 */
struct manager_gate {
	uint64_t taken, cap;
	enum policy_gate_rule rule;
};

void manager_gate(struct manager *m, struct manager_gate *ret);

/**
 * struct manager_counters - since the start
 * @applied: decisions that were written to guests
 * @observed: decisions that were only logged
 * @reactions: events of pressure that a command to a guest followed at once
 * @reaction_ns: from the event to the first command, summed over @reactions
 */
struct manager_counters {
	uint64_t applied[POLICY_REASON_COUNT], observed[POLICY_REASON_COUNT];
	uint64_t reactions, reaction_ns;
};

const struct manager_counters *manager_counters(const struct manager *m);

/** manager_result() - sums of the latest decision, its array left out */
const struct policy_result *manager_result(const struct manager *m);

/** manager_read_host() - the host's memory, as it is now */
const struct host *manager_read_host(struct manager *m);

/** manager_read_ksm() - fill in KSM, as it is now */
void manager_read_ksm(struct manager *m, struct host_record *into);

/**
 * struct manager_ksm - what is done about ksmd
 * @mode: "off", "report" or "manage"
 * @driver: who sets its pace
 * @reason: of the latest decision; NULL: there is none
 * @alert: what the operator should know; empty: nothing
 * @error: why a setting could not be written; empty: none failed
 * @guests: bytes saved in guests; the rest is other programs'
 * @cpu_share: of one CPU that ksmd took, as measured last
 */
struct manager_ksm {
	const char *mode, *driver, *reason, *alert, *error;
	uint64_t guests;
	double cpu_share;
};

void manager_ksm(struct manager *m, struct manager_ksm *ret);

/** manager_read_cost() - what a guest costs the host, as it is now */
void manager_read_cost(struct manager *m, const struct guest *g, struct guest_record *ret);

/** manager_unmerged() - why KSM saves nothing, or less, in a guest; NULL: nothing is known */
const char *manager_unmerged(struct manager *m, const struct guest *g);

/** manager_source_pressure() - what the source reported last, or NULL */
const struct source_pressure *manager_source_pressure(const struct manager *m);

#endif
