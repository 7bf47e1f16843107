/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest as the manager knows it, whichever backend brought it.
 *
 * A backend makes one when it has found out all that a guest needs to be
 * judged, hands it to manager_guest_add(), and from then on reports with the
 * manager_guest_*() functions. The manager talks back through guest_ops.
 */
#ifndef DYNMEMD_GUEST_H
#define DYNMEMD_GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <json-c/json.h>

#include "dynmemd/host/guest_cgroup.h"
#include "dynmemd/config/daemon_config.h"
#include "dynmemd/host/process_cost.h"
#include "policy/gate.h"

struct guest;
struct manager;
struct record;

/* QEMU takes longer names; nobody reads them. */
#define GUEST_NAME_MAX 128

/**
 * struct guest_ops - what a backend does for the manager
 * @backend: its name
 * @set_target: have the balloon moved; allocates nothing, never waits.
 *	Return: >= 0 if the command is on its way, else a negative errno
 * @forget: drop a target that waits for its turn; NULL: none ever does
 * @poll: ask for statistics; manager_guest_polled() or
 *	manager_guest_sample_failed() follows, unless the return value is a
 *	negative errno
 * @watch: have the guest take statistics every @seconds; 0: as it was found
 * @align: if they are taken every @seconds, begin that period anew: the next come
 *	when it is over
 */
struct guest_ops {
	const char *backend;
	int (*set_target)(struct guest *g, uint64_t bytes);
	void (*forget)(struct guest *g);
	int (*poll)(struct guest *g);
	int (*watch)(struct guest *g, unsigned int seconds);
	int (*align)(struct guest *g, unsigned int seconds);
};

/* Traits of a balloon. */
#define GUEST_FREE_PAGE_REPORTING 1u /* what the guest frees is given back */
#define GUEST_DEFLATE_ON_OOM	  2u /* it deflates before the guest kills */

/**
 * guest_closed_t - a backend's guest is over; the last call about it
 * @was_guest: it had been handed to the manager, and is gone from there
 * @why: untrusted text
 */
typedef void (*guest_closed_t)(void *userdata, bool was_guest, const char *why);

/**
 * struct guest - one guest
 * @name: unique, printable UTF-8
 * @named: QEMU reported the name; else it is the socket's
 * @origin: where the backend found it: a socket's path, or an URI
 * @pid: QEMU's, 0 if not known
 * @rss: what QEMU holds, bytes, as the backend learned last; 0: it did not.
 *	Of use where /proc does not show it
 * @own: range and shares that the guest's own description asks for; what the
 *	configuration says about the guest comes first
 * @memory: what its balloon counts from: what the machine was started with, and
 *	DIMMs that were plugged since, bytes
 * @memory_most: it may be that much, since QEMU does not list all that is plugged
 *	and the balloon has been shrunk, bytes; 0: it is as much as @memory
 * @dimms: of @memory, what was plugged, bytes
 * @other: memory that the guest counts and its balloon does not (virtio-mem),
 *	bytes
 * @actual: what the balloon left it, bytes
 * @alias: another name that a section [guest PATTERN] may mean it by, or NULL
 * @give_back: it is entitled to all of its memory, whatever rules say
 * @observed: why it is only observed, in words that say what to do; NULL: it
 *	is managed
 * @pinned: why its balloon frees nothing, in words that live for ever; NULL:
 *	nothing says so. See also guest_pinned()
 * @traits_known: GUEST_* traits of the balloon that QEMU reported
 * @traits: those that are on
 * @unmergeable: why KSM cannot merge its memory, if the backend knows;
 *	lives for ever
 * @title: the name as it was found, which others may have too: rules are about it
 * @command_pinned: as @pinned, by the command line of QEMU's process
 * @counted_pinned: as @pinned, by what the kernel counts for it
 * @unseen: why its process cannot be read, so that what it costs is only guessed; NULL:
 *	it can
 * @handle: in the engine
 * @held: an operator wants it left as it is
 * @known: all that was passed to the engine about it
 */
struct guest {
	/* The backend's, before manager_guest_add(). */
	const struct guest_ops *ops;
	char name[GUEST_NAME_MAX];
	bool named;
	const char *origin;
	pid_t pid;
	uint64_t rss;
	struct guest_rule own;
	uint64_t memory, memory_most;
	uint64_t dimms, other;
	uint64_t actual;
	bool has_balloon;
	const char *alias;
	bool give_back;
	const char *observed;
	const char *pinned;
	unsigned int traits_known, traits;
	const char *unmergeable;

	/* The manager's. */
	struct manager *manager;
	char title[GUEST_NAME_MAX];
	const char *command_pinned, *counted_pinned;
	uint64_t pins_at; /* ns, they were read */
	bool pinned_sent; /* the engine knows */
	unsigned int handle;
	struct guest_record known;
	struct guest_limits limits;
	bool held;
	bool proxied; /* who listens at its monitor is not its QEMU */
	const char *unseen;
	struct cost cost;
	uint64_t start;	       /* of its QEMU, clock ticks; 0: not known */
	struct record *record; /* what is remembered of it, or NULL */

	struct cgroup cgroup;
	uint64_t cgroup_at; /* ns, before that it is left alone */
	int cgroup_error;   /* the last that was logged */
	uint64_t reclaimed; /* bytes, by its cgroup */
	uint64_t high;	    /* its memory.high as we set it, 0: we did not */

	uint64_t poll_period;	    /* ns, 0: not polled */
	uint64_t poll_at;	    /* ns */
	uint64_t align_at;	    /* ns: when its period is to begin anew */
	unsigned int reports_every; /* seconds, as it was last asked to; 0: as it likes */
	unsigned int eager;	    /* polls that may be made at once */
	unsigned int stale_polls;   /* since there were fresh statistics */
	bool cpu_known;
	uint64_t cpu;		 /* ns, as read last */
	uint64_t cpu_while_late; /* ns */
	bool polled;		 /* and not answered yet */
	unsigned int round;	 /* the tick in which it was */

	struct policy_decision decision;  /* the latest */
	bool decided;			  /* there is one */
	bool rival;			  /* somebody else moves its balloon */
	struct policy_decision announced; /* the latest that was made known ... */
	char reason[256];		  /* ... and why, in words */
	bool announced_any;
	struct policy_gate_guest books; /* the gate's */
	uint64_t wanted;		/* of the step that is being written */
	uint64_t target;		/* of the latest command, at first @actual */
	int sent;			/* the outcome of the latest command */
	int complained;			/* the error that was logged last, or 0 */
};

/**
 * guest_trait() - note what QEMU reports of one
 * @value: a boolean; anything else: this QEMU does not know it
 */
static inline void guest_trait(struct guest *g, unsigned int trait, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_boolean))
		return;
	g->traits_known |= trait;
	if (json_object_get_boolean(value))
		g->traits |= trait;
}

/** guest_unmergeable() - why KSM cannot merge its memory, or NULL */
static inline const char *guest_unmergeable(const struct guest *g)
{
	return g->unmergeable ? g->unmergeable : cost_unmergeable(&g->cost);
}

/** guest_pinned() - why its balloon frees nothing, or NULL */
static inline const char *guest_pinned(const struct guest *g)
{
	if (g->pinned)
		return g->pinned;
	return g->command_pinned ? g->command_pinned : g->counted_pinned;
}

#endif
