/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A source reports the host's pressure: the kernel module, or /proc and PSI.
 */
#ifndef DYNMEMD_SOURCE_H
#define DYNMEMD_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "policy/policy.h"

/**
 * struct source_pressure - the host's pressure as a source sees it
 *
 * Whatever it says, it makes the manager sample the host, and no more: stalls
 * and kills may be those of a cgroup at its own limit.
 *
 * @level: as the source has it, for the log
 * @available: MemAvailable, bytes; UINT64_MAX: not reported
 * @news: false: it is the state, after a start or a loss; nothing happened
 * @stall: a task has gone into direct reclaim
 * @oom: a process was killed for lack of memory, the host's or its cgroup's
 * @has_stalls: @stalls and @oom_kills are known
 * @stalls: direct reclaims since the source's start
 * @oom_kills: processes killed
 * @lost: events that were lost before this one
 * @time: of the (first) event, ns of CLOCK_MONOTONIC; 0: not known
 */
struct source_pressure {
	enum policy_level level;
	uint64_t available;
	bool news;
	bool stall;
	bool oom;
	bool has_stalls;
	uint64_t stalls;
	uint64_t oom_kills;
	uint64_t lost;
	uint64_t time;
};

/**
 * struct source_handlers - what becomes of a source
 * @gone: the source is of no use any more, or for now; @why is a sentence
 * @back: it is of use (again)
 */
struct source_handlers {
	void (*gone)(void *userdata, const char *why);
	void (*back)(void *userdata);
};

struct source;

/**
 * struct source_ops - what a source can be asked
 * @watch: report when MemAvailable gets below these; as policy_thresholds().
 *	Return: 0; a negative errno: it will not
 */
struct source_ops {
	const char *name;
	int (*watch)(struct source *s, const uint64_t threshold[POLICY_LEVELS]);
	void (*free)(struct source *s);
};

/** source_pressure_t - something changed */
typedef void (*source_pressure_t)(void *userdata, const struct source_pressure *p);

/* The head of each source's own struct. */
struct source {
	const struct source_ops *ops;
	source_pressure_t pressure; /* NULL: nobody listens */
	void *listener;
};

/** source_listen() - @pressure gets what the source reports from now on */
static inline void source_listen(struct source *s, source_pressure_t pressure, void *userdata)
{
	s->pressure = pressure;
	s->listener = userdata;
}

/** source_report() - for sources: pass it to the listener */
static inline void source_report(const struct source *s, const struct source_pressure *p)
{
	if (s->pressure)
		s->pressure(s->listener, p);
}

/**
 * source_genl_new() - the kernel module's netlink family
 *
 * Works without the module too: its coming and going are @back and @gone.
 * Return: 0; a negative errno if there can be no netlink socket at all.
 */
int source_genl_new(struct source **ret, sd_event *event, const struct source_handlers *handlers,
		    void *userdata);

/** source_genl_present() - the module is loaded */
bool source_genl_present(const struct source *s);

/**
 * source_procfs_new() - a PSI trigger and /proc
 * @proc: "/proc", or a folder that looks like it
 *
 * Never @gone. Return: 0; a negative errno where there is no /proc.
 */
int source_procfs_new(struct source **ret, sd_event *event, const char *proc);

/** source_procfs_hears_stalls() - the PSI trigger is set */
bool source_procfs_hears_stalls(const struct source *s);

static inline struct source *source_free(struct source *s)
{
	if (s)
		s->ops->free(s);
	return NULL;
}

#endif
