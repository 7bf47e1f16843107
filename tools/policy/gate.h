/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The gate: what stands before every write to a guest, whatever was decided.
 *
 * The engine may be wrong, and so may what it is fed with. The gate knows four
 * rules, trusts nobody but who reads the host's memory at that moment, and
 * passes, reduces or refuses what would take memory:
 *
 *	rate		no more than a share of the host within a minute
 *	guests		no more guests at once, unless the host is short
 *	shortage	no emergency while memory is above level critical
 *	need		no guest below what it used at its last fresh sample
 *			and its slack
 *
 * A host with more than twice minfree available never loses more than rate allows,
 * whether it was touched or not.  With less only what guests have in memory or swap
 * counts: free memory that was never touched lies before the cache that the host needs,
 * and brings it nothing.  Rate gives way where what the host has available and can swap
 * is less than reserve_pressed; need only where that falls so fast that the host would
 * kill before a balloon has brought anything, or nearly has gone.  Growth always passes;
 * but what somebody else took from a guest is still its own in the books, since it may
 * have it back by now: a size below that is taken for a shrink. Where it may not be
 * written for that reason the guest gets all of it back, if the host has that and plenty.
 */
#ifndef DYNMEM_POLICY_GATE_H
#define DYNMEM_POLICY_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "fall.h"
#include "policy.h"

#define POLICY_GATE_SECONDS 60

/* Which rule bound; also the order in which they are named. */
enum policy_gate_rule {
	POLICY_GATE_NONE,
	POLICY_GATE_NEED,
	POLICY_GATE_GUESTS,
	POLICY_GATE_RATE,
	POLICY_GATE_SHORTAGE,
};

/** policy_gate_rule_name() - "none", "need", "guests", "rate", "shortage" */
const char *policy_gate_rule_name(enum policy_gate_rule rule);

/**
 * struct policy_gate_minute - bytes that were taken within a minute
 * @taken: by second of the clock; one second more, so that no minute exceeds the
 *	cap, wherever it begins
 * @sum: of @taken
 */
struct policy_gate_minute {
	uint64_t taken[POLICY_GATE_SECONDS + 1];
	uint64_t sum;
};

/**
 * struct policy_gate - what passed within the last minute
 * @all: of guests' sizes, and of their cgroups
 * @touched: of that, what was in memory or swap
 * @second: of the clock, the latest one
 * @guests: shrinks that passed in that second
 * @rule: what bound last ...
 * @bound_at: ... and when
 * @fall: of the host's memory, as the gate read it
 */
struct policy_gate {
	struct policy_gate_minute all, touched;
	uint64_t second;
	unsigned int guests;
	enum policy_gate_rule rule;
	uint64_t bound_at;
	struct policy_fall fall;
};

/**
 * struct policy_gate_host - the host, read at this moment
 * @available: MemAvailable with the credit for ZFS's cache
 * @left: that, and what it can swap
 * @falls: @left does, bytes per second
 */
struct policy_gate_host {
	uint64_t total, available, left, minfree;
	double falls;
};

/**
 * struct policy_gate_guest - a guest in the gate's books
 * @size: down to which all that it lost has been counted
 * @actual: of its balloon, as heard last
 * @resident: what its process has in memory or swap; UINT64_MAX: not known
 * @lost: it was there, and somebody else has taken it further down since
 */
struct policy_gate_guest {
	uint64_t size, actual, resident;
	bool lost;
};

/** policy_gate_host() - what the gate needs to know of the host; changes nothing */
void policy_gate_host(const struct policy_gate *gate, const struct policy_tunables *t,
		      const struct host_record *r, uint64_t now, struct policy_gate_host *ret);

/** policy_gate_sampled() - that is one of the samples by which a fall is known */
void policy_gate_sampled(struct policy_gate *gate, struct policy_gate_host *host, uint64_t now);

/** policy_gate_found() - a guest is there, with this size */
void policy_gate_found(struct policy_gate_guest *g, uint64_t actual);

/** policy_gate_actual() - its balloon has this size; what it got back counts anew */
void policy_gate_actual(struct policy_gate_guest *g, uint64_t actual);

/**
 * policy_gate_pass() - what may be written
 * @to: what is to be written
 * @keep: policy_guest_keeps()
 * @emergency: it is a step of an emergency
 * @ret_rule: the rule that bound, POLICY_GATE_NONE: none did
 *
 * Return: the size that may be written; at least @to. The guest's size in the
 * books or more, if nothing may be taken; with POLICY_GATE_NONE that is to be written.
 */
uint64_t policy_gate_pass(struct policy_gate *gate, const struct policy_tunables *t,
			  const struct policy_gate_host *host, const struct policy_gate_guest *g,
			  uint64_t to, uint64_t keep, bool emergency, uint64_t now,
			  enum policy_gate_rule *ret_rule);

/**
 * policy_gate_reclaim() - what may be reclaimed from a guest's cgroup
 *
 * Of the rules rate alone: the kernel swaps, and the guest runs on.
 */
uint64_t policy_gate_reclaim(struct policy_gate *gate, const struct policy_tunables *t,
			     const struct policy_gate_host *host, uint64_t bytes, uint64_t now);

/** policy_gate_reclaimed() - that was asked of the kernel */
void policy_gate_reclaimed(struct policy_gate *gate, uint64_t bytes, uint64_t now);

/** policy_gate_sent() - that was written */
void policy_gate_sent(struct policy_gate *gate, struct policy_gate_guest *g, uint64_t size,
		      uint64_t now);

/**
 * policy_gate_restore() - that was taken before this gate was there
 * @age: how long ago
 *
 * A daemon that dies and comes back has no more to take than one that lives.
 */
void policy_gate_restore(struct policy_gate *gate, uint64_t bytes, uint64_t age, uint64_t now);

/** policy_gate_counted() - bytes of that minute which count on a host like this one */
uint64_t policy_gate_counted(struct policy_gate *gate, const struct policy_gate_host *host,
			     uint64_t now);

/** policy_gate_cap() - bytes that may be taken within a minute */
uint64_t policy_gate_cap(const struct policy_tunables *t, const struct policy_gate_host *host);

/** policy_gate_taken() - bytes that were taken within the last minute */
uint64_t policy_gate_taken(struct policy_gate *gate, uint64_t now);

/** policy_gate_binds() - the rule that bound within the last minute, if any */
enum policy_gate_rule policy_gate_binds(const struct policy_gate *gate, uint64_t now);

#endif /* DYNMEM_POLICY_GATE_H */
