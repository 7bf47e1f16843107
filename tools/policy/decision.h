/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the policy engine decides, and how a decision reads; part of policy.h.
 *
 * Units and the threads' rule are those of policy.h.
 */
#ifndef DYNMEM_POLICY_DECISION_H
#define DYNMEM_POLICY_DECISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

enum policy_class {
	POLICY_CLASS_STARTING, /* never reported yet, and young */
	POLICY_CLASS_REPORTING,
	POLICY_CLASS_SILENT, /* no (more) statistics, or a frozen last-update */
	POLICY_CLASS_STUCK,  /* its balloon does not move */
	POLICY_CLASS_PINNED, /* a balloon frees nothing */
	POLICY_CLASS_FROZEN, /* migrating */
	POLICY_CLASS_PAUSED,
	POLICY_CLASS_REBOOTING,
	POLICY_CLASS_NO_BALLOON,
	POLICY_CLASS_RIVAL, /* somebody else moves its balloon */
	POLICY_CLASS_UNMANAGED,
	POLICY_CLASS_COUNT
};

/** policy_class_name() - "reporting", "no-balloon", ... */
const char *policy_class_name(enum policy_class class);

/* Names are stable: they are written to logs, JSON and metrics. */
enum policy_reason {
	/* nothing is sent */
	POLICY_REASON_SETTLED,	     /* has what it is entitled to */
	POLICY_REASON_AT_MAX,	     /* has all it may have, nobody needs it */
	POLICY_REASON_DEAD_BAND,     /* the difference is not worth a command */
	POLICY_REASON_NO_NEED,	     /* has more than its due, nobody needs it */
	POLICY_REASON_WAIT_BYTES,    /* lacks, but the bytes do not exist yet */
	POLICY_REASON_WAIT_RATE,     /* shrinks, but not so fast */
	POLICY_REASON_HELD_STALE,    /* no shrink without a fresh sample */
	POLICY_REASON_HELD_PRESSED,  /* no shrink of a guest under pressure */
	POLICY_REASON_HELD_REVERSAL, /* it has just moved the other way */
	POLICY_REASON_HELD_BACKOFF,  /* the last shrink did harm */
	POLICY_REASON_HELD_HARM,     /* harmed too often: left at its last good size
				  */
	POLICY_REASON_HELD_YIELD,    /* its balloon frees next to nothing */
	POLICY_REASON_HELD_BOOT,     /* it boots */
	POLICY_REASON_HELD_BALLOON,  /* its balloon is not where it was sent */
	POLICY_REASON_CLASS,	     /* its class is not moved; arg[0] is the class */
	POLICY_REASON_CRITICAL_WAIT, /* an emergency burst runs */
	/* a command is sent */
	POLICY_REASON_GROW_PRESSED,
	POLICY_REASON_GROW_DEMAND,     /* below its own demand */
	POLICY_REASON_GROW_SHARE,      /* its share of memory that nobody needs */
	POLICY_REASON_GROW_UNDO,       /* the last shrink did harm */
	POLICY_REASON_GROW_DRAIN,      /* dynmem is leaving */
	POLICY_REASON_SHRINK_HOST,     /* the host lacks memory */
	POLICY_REASON_SHRINK_LEND,     /* others lack memory */
	POLICY_REASON_SHRINK_RESERVE,  /* a guest is about to start */
	POLICY_REASON_SHRINK_CRITICAL, /* the host is about to kill */
	POLICY_REASON_RANGE,	       /* brought inside its min and max */
	POLICY_REASON_STUCK,	       /* target set to where the balloon stopped */
	POLICY_REASON_COUNT
};

/** policy_reason_name() - "grow-pressed", "held-stale", ... */
const char *policy_reason_name(enum policy_reason reason);

/* Why a guest counts as pressed. */
#define POLICY_PRESSED_OOM   (1u << 0) /* oom_kill rose */
#define POLICY_PRESSED_STALL (1u << 1) /* alloc_stall rose */
/* Swap-in and major faults are above their own 95th percentile. */
#define POLICY_PRESSED_REFAULT (1u << 2)
/* Statistics are late while its vCPU or disk is busy. */
#define POLICY_PRESSED_LATE  (1u << 3)
#define POLICY_PRESSED_TIGHT (1u << 4) /* next to nothing available in it */

/* policy_decision.flags */
#define POLICY_SEND    (1u << 0) /* write it: it is new, or has not arrived */
#define POLICY_ALERT   (1u << 1) /* an operator should know; see the reason */
#define POLICY_PRESSED (1u << 2) /* the guest is under pressure */

/**
 * struct policy_decision - what one guest gets
 * @guest: handle
 * @userdata: of its configuration
 * @class: of the guest
 * @reason: why
 * @flags: POLICY_SEND and so on
 * @pressed: POLICY_PRESSED_* bits
 * @wanted: its demand D, bytes
 * @entitled: its entitlement P, bytes
 * @from: target before, bytes
 * @target: target now, bytes; equals @from unless POLICY_SEND is set
 * @arg: numbers of the reason, for policy_reason_render()
 * @poll: ask this guest for statistics every so many ns; 0: not at all
 * @reclaim: bytes to take by cgroup memory.reclaim from a guest that a balloon
 *	does not reach; 0: none
 * @memory_high: what its cgroup's memory.high should be if enforcement is on,
 *	else 0
 */
struct policy_decision {
	unsigned int guest;
	void *userdata;
	enum policy_class class;
	enum policy_reason reason;
	uint32_t flags;
	uint32_t pressed;
	uint64_t wanted, entitled, from, target;
	int64_t arg[4];
	uint64_t poll;
	uint64_t reclaim;
	uint64_t memory_high;
};

/* Which bounds the budget fell between. */
enum policy_tier {
	POLICY_TIER_MAX,     /* all guests to max, memory is left */
	POLICY_TIER_DEMAND,  /* between demand and max */
	POLICY_TIER_PRESSED, /* between what pressed guests need and demand */
	POLICY_TIER_FLOOR,   /* between floor and what pressed guests need */
	POLICY_TIER_MIN,     /* between min and floor: guests will swap */
	POLICY_TIER_NONE,    /* not even min for all: alarm, nothing may start */
};

/** policy_tier_name() - "max", "demand", "pressed", "floor", "min", "none" */
const char *policy_tier_name(enum policy_tier tier);

/**
 * struct policy_ksm_decision - KSM's share of the budget
 * @change: what is wanted differs from what the last sample showed; the kernel's own
 *	advisor must be off for it, since with that the pace cannot be written
 * @run: 1; 2: an administrator has it unmerge, and it is left alone
 * @pages_to_scan: pages per wake-up
 * @sleep_ms: between wake-ups
 * @share: of one CPU that ksmd takes so
 * @reason: a static sentence
 */
struct policy_ksm_decision {
	bool change;
	uint32_t run;
	uint64_t pages_to_scan, sleep_ms;
	double share;
	const char *reason;
};

/**
 * struct policy_result - the whole of one decision
 * @level: of the host
 * @tier: where the budget fell
 * @count: of @decision
 * @send: how many of them have POLICY_SEND set
 * @decision: one per guest, in order of handle; valid until the next call that
 *	takes a non-const policy
 * @available: of the host, with what is in flight, bytes
 * @reserve: kept free, bytes
 * @hold: kept for what guests may call in, bytes
 * @exposure: what guests may call in altogether, bytes
 * @deficit: reserve + hold - available; > 0: the host lacks
 * @granted: bytes granted by this decision
 * @shrunk: bytes of balloon taken by this decision
 * @ksm: what KSM should do
 * @next: call again after so many ns even without an event; 0: not needed
 * @resident: read what guests have resident so often meanwhile, ns, and decide at once
 *	when policy_grows(); 0: not needed
 */
struct policy_result {
	enum policy_level level;
	enum policy_tier tier;
	unsigned int count, send;
	const struct policy_decision *decision;
	uint64_t available, reserve, hold, exposure;
	int64_t deficit;
	uint64_t granted, shrunk;
	struct policy_ksm_decision ksm;
	uint64_t next, resident;
};

/** policy_pressed_render() - POLICY_PRESSED_* bits as a clause, the worst of them */
const char *policy_pressed_render(uint32_t pressed);

/**
 * policy_reason_render() - a decision as one English sentence with its numbers
 * @buf: always terminated if @size > 0
 *
 * The guest's name is not in it: the caller puts it in front.
 * Return: length as snprintf().
 */
int policy_reason_render(const struct policy_decision *d, char *buf, size_t size);

/**
 * policy_bytes_render() - "1.5 GiB": how sizes read in sentences
 * Return: length as snprintf().
 */
int policy_bytes_render(int64_t bytes, char *buf, size_t size);

/**
 * policy_number_render() - the shortest text that reads back as the same number,
 * whole ones as digits
 * Return: length as snprintf().
 */
int policy_number_render(double x, char *buf, size_t size);

#endif /* DYNMEM_POLICY_DECISION_H */
