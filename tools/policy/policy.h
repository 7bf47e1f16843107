/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The policy engine: who gets how much of the host's memory, and why.
 *
 * Pure functions over a snapshot.  The engine does no I/O, reads no clock,
 * logs nothing, and allocates only in policy_new(), policy_guest_add() and
 * policy_reserve(); everything else works in arrays that exist by then.  The
 * daemon and the simulator call the very same code.
 *
 * How it is used, once a second and on every event:
 *
 *	policy_host_update()		what the host has
 *	policy_guest_update()	what a guest costs the host
 *	policy_guest_update()		what a guest says about itself
 *	policy_decide()			one decision per guest, with its reason
 *	policy_command_sent()		for each command that really was written
 *	policy_guest_actual()		for each BALLOON_CHANGE that comes back
 *
 * A decision is an opinion until policy_command_sent() is called: a daemon that
 * only observes never calls it, and the engine never believes that it moved.
 *
 * Units: bytes, nanoseconds of one monotonic clock that the caller passes in as
 * "now" (never going back; an earlier value is taken as the latest one seen).
 * Functions return 0 or a positive count, or a negative errno; "ret_" outputs
 * are untouched on failure.  All numbers from guests are hostile until clamped,
 * and are clamped here: no value of any sample is an error.
 *
 * Not thread safe: one engine, one thread.
 */
#ifndef DYNMEM_POLICY_H
#define DYNMEM_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decision.h"
#include "record.h"
#include "tunables.h"

struct policy;

/* Ranges that keep every sum over all guests inside 63 bits. */
#define POLICY_GUESTS_MAX      65536u
#define POLICY_GUEST_BYTES_MAX (UINT64_C(1) << 46) /* 64 TiB */
#define POLICY_HOST_BYTES_MAX  (UINT64_C(1) << 52) /* 4 PiB */
#define POLICY_SHARES_MAX      1000000u
#define POLICY_SHARES_DEFAULT  1000u

/* ------------------------------------------------------------------------
 * Life
 * ------------------------------------------------------------------------ */

/**
 * policy_new() - an engine without guests
 * @t: copied; NULL for the defaults
 *
 * Return: 0, -ENOMEM, or -ERANGE (see policy_tunables_check()).
 */
int policy_new(const struct policy_tunables *t, struct policy **ret_policy);

/** policy_free() - accepts NULL */
void policy_free(struct policy *p);

/** policy_set_tunables() - at a reload; the learned state stays. 0 or -ERANGE
 */
int policy_set_tunables(struct policy *p, const struct policy_tunables *t);

/**
 * policy_set_drain() - give all guests their memory back
 *
 * While draining, every guest is entitled to its max and nothing is shrunk;
 * growth is still granted only from bytes that exist.
 */
void policy_set_drain(struct policy *p, bool drain);

/* ------------------------------------------------------------------------
 * Guests
 * ------------------------------------------------------------------------ */

/**
 * struct policy_guest_config - what the operator says about a guest
 * @min: smallest target, bytes; clamped to 1 MiB <= min <= max
 * @max: largest target: the memory the machine was started with, bytes
 * @shares: relative weight, 1..POLICY_SHARES_MAX; 0 means the default
 * @unmanaged: counted in the budget, never moved
 * @userdata: handed back with each decision, never looked at
 */
struct policy_guest_config {
	uint64_t min, max;
	uint32_t shares;
	bool unmanaged;
	void *userdata;
};

/**
 * policy_guest_add() - a guest appears
 * @actual: the balloon's size now, bytes; it is adopted as the target
 * @now: clock
 * @ret_guest: handle, small and dense, stable until the guest is removed
 *
 * Return: 0; -EINVAL if max is 0, above POLICY_GUEST_BYTES_MAX or below min;
 * -ENOSPC beyond POLICY_GUESTS_MAX; -ENOMEM.
 */
int policy_guest_add(struct policy *p, const struct policy_guest_config *config, uint64_t actual,
		     uint64_t now, unsigned int *ret_guest);

/** policy_guest_remove() - a guest is gone. 0 or -ENOENT */
int policy_guest_remove(struct policy *p, unsigned int guest);

/** policy_guest_configure() - new range or shares. 0, -ENOENT or -EINVAL */
int policy_guest_configure(struct policy *p, unsigned int guest,
			   const struct policy_guest_config *config);

/** policy_guest_count() - guests that there are */
unsigned int policy_guest_count(const struct policy *p);

/**
 * policy_guest_update() - what is known about a guest now, or a part of it
 *
 * Statistics are used if they are fresh: if @last_update differs from that of
 * the ones before. Return: 1 if they were, 0 if not or if there were none,
 * -ENOENT.
 */
int policy_guest_update(struct policy *p, unsigned int guest, const struct guest_record *r,
			uint64_t now);

enum policy_guest_event {
	POLICY_GUEST_REBOOT, /* RESET: nobody holds the balloon for some seconds
			      */
	POLICY_GUEST_PAUSE,  /* STOP, by an administrator or an I/O error */
	POLICY_GUEST_RESUME,
	POLICY_GUEST_MIGRATE_BEGIN, /* frozen from here ... */
	POLICY_GUEST_MIGRATE_END,   /* ... to here, if it is still ours */
	POLICY_GUEST_NO_BALLOON,    /* no virtio-balloon device, or no driver in
				       the guest */
	POLICY_GUEST_BALLOON,	    /* there is one (again) */
	POLICY_GUEST_PINNED,	    /* known to be unreclaimable: VFIO, hugetlb, mlock,
				SEV */
	POLICY_GUEST_UNPINNED,
	POLICY_GUEST_FORGET, /* drop all that was learned about it */
};

/** policy_guest_event() - 0, -ENOENT, or -EINVAL for an event that is not one
 */
int policy_guest_event(struct policy *p, unsigned int guest, enum policy_guest_event event,
		       uint64_t now);

/**
 * policy_guest_polling() - whether this guest is asked for statistics now
 *
 * Only a guest that is asked can be late or silent; guests at max on a host
 * without pressure are not asked (see policy_decision.poll).
 * Return: 0 or -ENOENT.
 */
int policy_guest_polling(struct policy *p, unsigned int guest, bool polling, uint64_t now);

/**
 * policy_command_sent() - a balloon command was written to this guest
 * @target: bytes, as written
 *
 * Whoever decided it: a command of the last policy_decide(), of a plan, or of
 * an administrator. Return: 0 or -ENOENT.
 */
int policy_command_sent(struct policy *p, unsigned int guest, uint64_t target, uint64_t now);

/** policy_guest_actual() - a BALLOON_CHANGE or a query-balloon. 0 or -ENOENT */
static inline int policy_guest_actual(struct policy *p, unsigned int guest, uint64_t actual,
				      uint64_t now)
{
	struct guest_record r = { .present = GUEST_HAS_ACTUAL, .actual = actual };

	return policy_guest_update(p, guest, &r, now);
}

/* ------------------------------------------------------------------------
 * The host
 * ------------------------------------------------------------------------ */

/** policy_level_name() - "none", "low", "medium", "critical" */
const char *policy_level_name(enum policy_level level);

/**
 * policy_minfree() - ESX's sliding scale
 * @total: bytes
 *
 * 6 % of the first 4 GiB, 4 % of the next 8, 2 % of the next 16, 1 % of the
 * rest (Waldspurger, OSDI 2002, and the vSphere resource management guide).
 */
uint64_t policy_minfree(uint64_t total);

/**
 * policy_host_update() - what is known about the host now, or a part of it
 *
 * Return: the level that follows.
 */
enum policy_level policy_host_update(struct policy *p, const struct host_record *r, uint64_t now);

/**
 * policy_thresholds() - where the levels begin
 * @s: of the host
 * @ret: MemAvailable, bytes, below which each level is entered; 0: never
 *
 * The only place where they are computed: whoever watches MemAvailable for the
 * daemon, the kernel module or a timer, gets them from here. ZFS's cache counts
 * as available up to its credit, so what it has is taken off.
 */
void policy_thresholds(const struct policy_tunables *t, const struct host_record *r,
		       uint64_t ret[POLICY_LEVELS]);

/* ------------------------------------------------------------------------
 * Decisions
 * ------------------------------------------------------------------------ */

/**
 * policy_grows() - whether a squeezed guest has begun to grow fast
 *
 * It has touched since the last decision what a decision at once is worth: its next
 * statistics would come too late.
 */
bool policy_grows(const struct policy *p);

/**
 * policy_decide() - decide for all guests
 *
 * O(n log n). Return: number of commands to send, -ENODATA before the first
 * policy_host_update().
 */
int policy_decide(struct policy *p, uint64_t now, struct policy_result *ret);

/**
 * struct policy_guest_info - all that the engine thinks about a guest
 *
 * For status, explain and metrics. Names as in Documentation/policy.rst.
 */
struct policy_guest_info {
	enum policy_class class;
	uint32_t pressed;
	uint64_t min, max, target, actual, rss, ksm_saved;
	uint32_t shares;
	uint64_t total, available; /* of the last fresh sample, total after
				      correction */
	uint64_t overhead, used, debt, cache, hot;
	uint64_t active;	      /* a */
	uint64_t floor, room, demand; /* L, room, D */
	uint64_t entitled;	      /* P of the last decision */
	uint64_t exposure;	      /* K */
	uint64_t learned;	      /* margin of the floor learned from harm */
	double yield;		      /* y */
	uint64_t lacking;	      /* m */
	bool total_follows;	      /* its total follows the balloon */
	uint64_t sample_age;	      /* ns; UINT64_MAX: never */
	uint64_t backoff;	      /* ns that a shrink still waits; 0: none */
	unsigned int harms;	      /* within harm_period */
	uint32_t harm_by;	      /* POLICY_PRESSED_* of the last harm ... */
	uint64_t harm_size;	      /* ... at this size, bytes; 0: there was none */
	uint64_t harm_age;	      /* ns; UINT64_MAX: none, or an earlier daemon's */
	uint64_t actual_age;	      /* ns, its size was reported; UINT64_MAX: never */
};

/** policy_guest_info() - 0 or -ENOENT */
int policy_guest_info(const struct policy *p, unsigned int guest, uint64_t now,
		      struct policy_guest_info *ret);

/**
 * policy_guest_keeps() - what a guest must keep not to be hurt, bytes
 *
 * What it used when it was last heard, and its slack. UINT64_MAX: it was never
 * heard, so nobody knows.
 */
uint64_t policy_guest_keeps(const struct policy *p, unsigned int guest);

/* ------------------------------------------------------------------------
 * Emergency: what to do when the host becomes critical
 * ------------------------------------------------------------------------ */

/* What is taken, in this order. */
enum policy_plan_class {
	POLICY_PLAN_FREE,   /* free in the guest and touched: gone at once, no
			       harm */
	POLICY_PLAN_CACHE,  /* cold page cache */
	POLICY_PLAN_EXCESS, /* what is above its entitlement */
	POLICY_PLAN_MIN,    /* part of what is used: harm, but less than an OOM kill */
	POLICY_PLAN_COUNT
};

/** policy_plan_class_name() - "free", "cache", "excess", "min" */
const char *policy_plan_class_name(enum policy_plan_class class);

/**
 * struct policy_plan_step - one command of the plan
 * @guest: handle
 * @userdata: of its configuration
 * @class: the worst class that this step takes from
 * @target: bytes
 * @frees: bytes that the host may expect from this step
 */
struct policy_plan_step {
	unsigned int guest;
	void *userdata;
	enum policy_plan_class class;
	uint64_t target;
	uint64_t frees;
};

/**
 * policy_emergency_begin() - the host is critical: what to send at once
 * @ret_step: first step
 * @ret_count: number of steps
 *
 * Send them all, then call policy_command_sent() for those that were written.
 * The plan is made from what is known at this moment: one made earlier would
 * take what guests have touched since. While the burst runs, policy_decide()
 * leaves shrinking to it. Nothing is to be sent when the host is not critical
 * any more and only its level is held.
 * Return: 0, -EALREADY while one runs, -ENODATA.
 */
int policy_emergency_begin(struct policy *p, uint64_t now, const struct policy_plan_step **ret_step,
			   unsigned int *ret_count);

/**
 * policy_emergency_next() - emergency_wait later: enough, or the next class
 *
 * Needs a policy_host_update() since. The count is 0
 * when nothing more is to be sent. Return: ns until it wants to be called
 * again, 0: the emergency is over.
 */
int64_t policy_emergency_next(struct policy *p, uint64_t now,
			      const struct policy_plan_step **ret_step, unsigned int *ret_count);

/* ------------------------------------------------------------------------
 * Reservations: memory for a guest that is about to start
 * ------------------------------------------------------------------------ */

#define POLICY_RESERVES_MAX 64u /* at a time */

enum policy_reserve_state {
	POLICY_RESERVE_READY,	/* the bytes are there: start it */
	POLICY_RESERVE_FREEING, /* guests are being shrunk for it */
	POLICY_RESERVE_REFUSED, /* cannot be done; see why */
	POLICY_RESERVE_EXPIRED,
	POLICY_RESERVE_STARTED, /* its guest is there, and has not touched all of it */
};

/**
 * struct policy_reserve_status - how a reservation stands
 * @state: see there
 * @bytes: asked for
 * @missing: still to be freed (refused: that nobody can free; started: still kept
 *	for its guest)
 * @largest: the largest guest that could be started instead, bytes
 * @why: one English sentence with its numbers
 */
struct policy_reserve_status {
	enum policy_reserve_state state;
	uint64_t bytes, missing, largest;
	char why[256];
};

/**
 * policy_reserve() - keep @bytes for a guest that is about to start
 * @ttl: ns after which it lapses by itself
 * @ret_id: a number that no other ever had; only set if it was not refused
 * @ret: how it stands now
 *
 * From now on policy_decide() frees the bytes, squeezing guests down to their
 * floor at the most; it ends with policy_reserve_release(), when the guest has
 * been added or has failed to start. Return: 0, -ENOSPC when refused, -ENODATA,
 * -EINVAL for 0 bytes, -EBUSY beyond POLICY_RESERVES_MAX at a time.
 */
int policy_reserve(struct policy *p, uint64_t bytes, uint64_t ttl, uint64_t now,
		   unsigned int *ret_id, struct policy_reserve_status *ret);

/**
 * policy_reserve_restore() - one that an earlier daemon kept, with its number
 * Return: 0, -EINVAL, -EEXIST, or -EBUSY.
 */
int policy_reserve_restore(struct policy *p, unsigned int id, uint64_t bytes, uint64_t ttl,
			   uint64_t now);

/** policy_reserve_next() - the next number, never below @least from now on */
unsigned int policy_reserve_next(struct policy *p, unsigned int least);

/**
 * policy_reserve_started() - the guest that it is for is there
 *
 * What the guest has not touched yet stays kept for it, until it has, or the time
 * is over, but for five minutes at least.  Return: 0 or -ENOENT.
 */
int policy_reserve_started(struct policy *p, unsigned int id, unsigned int guest, uint64_t now);

/**
 * policy_reserve_status() - how it stands by the last decision; changes nothing
 * Return: 0 or -ENOENT.
 */
int policy_reserve_status(const struct policy *p, unsigned int id, uint64_t now,
			  struct policy_reserve_status *ret);

/** policy_reserve_release() - 0 or -ENOENT */
int policy_reserve_release(struct policy *p, unsigned int id);

/**
 * policy_largest() - the largest guest that could be started, bytes
 * @ret_now: without squeezing anybody
 * @ret_squeezed: with all guests at their floor
 *
 * By the last decision; changes nothing.  Return: 0, or -ENODATA before the first.
 */
int policy_largest(const struct policy *p, uint64_t now, uint64_t *ret_now, uint64_t *ret_squeezed);

/* ------------------------------------------------------------------------
 * State that outlives the daemon
 * ------------------------------------------------------------------------ */

/**
 * struct policy_guest_state - what was learned about a guest
 * @learned: margin of the floor learned from harm, bytes; 0: none
 * @good: last good size, bytes; 0: not known
 * @yield: correction of the yield, 0..1
 * @hot: sigma of the hot cache, 0..1
 * @kept: page cache with which it still read, bytes
 * @lacking: m, bytes
 * @overhead: actual - total, bytes; UINT64_MAX: not known
 * @room: learned growth, bytes
 * @debt: bytes swapped out that were not swapped in again
 * @backoff: length of the last back-off, ns; 0: none
 * @backoff_left: ns of it that are left
 * @harms: within the last harm_period ...
 * @harms_left: ... of which so much is left, ns
 * @harm_by: POLICY_PRESSED_* of the last harm
 * @harm_size: at this size, bytes; 0: there was none
 * @total_follows: -1 not known, 0 no, 1 yes
 * @age: ns since it was exported; what fades, fades by that much
 *
 * Ages and rests, not clock values: it may be read after a reboot. Every value
 * is clamped at import, so a corrupt file can do no harm.
 */
struct policy_guest_state {
	uint64_t learned, good;
	double yield, hot;
	uint64_t kept, lacking;
	uint64_t overhead, room, debt;
	uint64_t backoff, backoff_left;
	uint32_t harms;
	uint64_t harms_left;
	uint32_t harm_by;
	uint64_t harm_size;
	int32_t total_follows;
	uint64_t age;
};

/** policy_guest_export() - 0 or -ENOENT */
int policy_guest_export(const struct policy *p, unsigned int guest, uint64_t now,
			struct policy_guest_state *ret);

/** policy_guest_import() - after policy_guest_add(). 0 or -ENOENT */
int policy_guest_import(struct policy *p, unsigned int guest, uint64_t now,
			const struct policy_guest_state *s);

/**
 * struct policy_host_state - what was learned about the host
 * @touch_rate: largest rate of first touch + KSM breaks seen, bytes/s; 0: none
 * @outside_growth: 99.9th percentile of growth outside guests, bytes
 */
struct policy_host_state {
	uint64_t touch_rate, outside_growth;
};

void policy_host_export(const struct policy *p, struct policy_host_state *ret);
void policy_host_import(struct policy *p, const struct policy_host_state *s, uint64_t now);

#endif /* DYNMEM_POLICY_H */
