// SPDX-License-Identifier: GPL-2.0
/*
 * From figures to a level.
 *
 * The level is the largest of what available memory, stalls, refaults and OOM
 * ask for. It rises at once, and falls when less has been asked for during
 * the whole of the hold. What to do about it is for user space to decide.
 */

#include <linux/dynmem.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "settings.h"
#include "level.h"

/* Parts of a window between two figures that are kept. */
#define LEVEL_PARTS	8

/**
 * dynmem_level_init() - begin with a host without pressure
 * @host: the host
 * @load: first figures
 */
void dynmem_level_init(struct dynmem_host *host,
		       const struct dynmem_load *load)
{
	int i;

	memset(host, 0, sizeof(*host));
	host->level.since = load->now;
	host->last = *load;
	for (i = 0; i < DYNMEM_LOADS; i++)
		host->loads[i] = *load;
}

static struct dynmem_load *level_newest(struct dynmem_host *host)
{
	return &host->loads[(host->head + DYNMEM_LOADS - 1) % DYNMEM_LOADS];
}

static void level_keep(struct dynmem_host *host, const struct dynmem_load *load,
		       u64 window)
{
	if (load->now - level_newest(host)->now < window / LEVEL_PARTS)
		return;
	host->loads[host->head] = *load;
	host->head = (host->head + 1) % DYNMEM_LOADS;
}

/* The figures of a window ago: the last that are as old, else the oldest. */
static const struct dynmem_load *
level_window_ago(const struct dynmem_host *host, u64 now, u64 window)
{
	int i;

	for (i = 1; i <= DYNMEM_LOADS; i++) {
		const struct dynmem_load *load;

		load = &host->loads[(host->head + DYNMEM_LOADS - i) %
				    DYNMEM_LOADS];
		if (now - load->now >= window)
			return load;
	}
	return &host->loads[host->head];
}

/* Per mille of @elapsed that @time is, at most 1000. */
static u32 level_per_mille(u64 time, u64 elapsed)
{
	if (time >= elapsed)
		return 1000;
	/* A window is at most 60 s, but the last pass may be months ago. */
	return div64_u64(time, div_u64(elapsed, 1000) ?: 1);
}

/* Whether nobody listened lately, so that nothing triggered a pass. */
static bool level_unwatched(const struct dynmem_host *host, u64 now)
{
	return now - host->last.now > 2 * dynmem_setting(SAMPLE_MAX);
}

/*
 * Pages that came back since the host took them: those that a cgroup took
 * from itself, at its own limit, are its own matter. Nobody counts them apart, so
 * they are taken to come back as often as those that the host took.
 */
static u64 level_refaults(const struct dynmem_load *load,
			  const struct dynmem_load *ago)
{
	u64 host = load->reclaimed - ago->reclaimed;
	u64 memcg = load->memcg_reclaimed - ago->memcg_reclaimed;
	u64 refaults = load->refaults - ago->refaults;
	u64 share = div64_u64(host * 1000, host + memcg ?: 1);

	return div_u64(refaults * share, 1000);
}

/*
 * The figures of a window ago may be much older than that. Refaults came at
 * any time since; but a stall triggers a pass, so these came in the window,
 * and the first of them is not to count for less because all was quiet before.
 */
static void level_compute_shares(struct dynmem_host *host,
				 const struct dynmem_load *load, u64 window)
{
	const struct dynmem_load *ago = level_window_ago(host, load->now,
							 window);
	u64 elapsed = max(load->now - ago->now, window);
	u64 stalling = level_unwatched(host, load->now) ? elapsed : window;
	u64 stall = load->stall_time - ago->stall_time;
	/* Pages by 10 ms do not overflow within 2^41 pages. */
	u64 refault = level_refaults(load, ago) * dynmem_setting(REFAULT_COST);

	host->level.stall_share = level_per_mille(stall, stalling);
	host->level.refault_share = level_per_mille(refault, elapsed);
}

static u32 level_of_available(u64 available)
{
	if (available < dynmem_setting(THRESHOLD_CRITICAL))
		return DYNMEM_LEVEL_CRITICAL;
	if (available < dynmem_setting(THRESHOLD_MEDIUM))
		return DYNMEM_LEVEL_MEDIUM;
	if (available < dynmem_setting(THRESHOLD_LOW))
		return DYNMEM_LEVEL_LOW;
	return DYNMEM_LEVEL_NONE;
}

static bool level_reaches(u32 share, u64 threshold)
{
	return threshold && share >= threshold;
}

static u32 level_of_share(u32 share)
{
	if (level_reaches(share, dynmem_setting(STALL_CRITICAL)))
		return DYNMEM_LEVEL_CRITICAL;
	if (level_reaches(share, dynmem_setting(STALL_MEDIUM)))
		return DYNMEM_LEVEL_MEDIUM;
	if (level_reaches(share, dynmem_setting(STALL_LOW)))
		return DYNMEM_LEVEL_LOW;
	return DYNMEM_LEVEL_NONE;
}

/**
 * struct level_ask - what is asked for
 * @level: the highest level
 * @causes: enum dynmem_cause bits: what asks for it
 */
struct level_ask {
	u32 level;
	u32 causes;
};

static void level_ask(struct level_ask *ask, u32 level, u32 cause)
{
	if (level == DYNMEM_LEVEL_NONE || level < ask->level)
		return;
	if (level > ask->level)
		ask->causes = 0;
	ask->level = level;
	ask->causes |= cause;
}

/*
 * What has no duration asks for critical during a window. When nobody listened
 * it may have happened long ago.
 */
static void level_note_incidents(struct dynmem_host *host,
				 const struct dynmem_load *load, u64 window)
{
	if (level_unwatched(host, load->now))
		return;
	if (load->ooms > host->last.ooms)
		host->oom_until = load->now + window;
	if (load->throttles > host->last.throttles)
		host->throttled_until = load->now + window;
}

/*
 * What is asked for now. A task that must wait before it may even reclaim
 * (throttle_direct_reclaim()) does so since less than half of the minimum
 * watermarks is free, and reaches no tracepoint until it has waited.
 */
static struct level_ask level_asked(const struct dynmem_host *host,
				    const struct dynmem_load *load)
{
	struct level_ask ask = { .level = DYNMEM_LEVEL_NONE };

	level_ask(&ask, level_of_available(load->available),
		  DYNMEM_CAUSE_AVAILABLE);
	level_ask(&ask, level_of_share(host->level.stall_share),
		  DYNMEM_CAUSE_STALL);
	level_ask(&ask, level_of_share(host->level.refault_share),
		  DYNMEM_CAUSE_REFAULT);
	if (load->now < host->throttled_until && dynmem_setting(STALL_CRITICAL))
		level_ask(&ask, DYNMEM_LEVEL_CRITICAL, DYNMEM_CAUSE_STALL);
	if (load->now < host->oom_until)
		level_ask(&ask, DYNMEM_LEVEL_CRITICAL, DYNMEM_CAUSE_OOM);
	return ask;
}

/* Whether the hold is over, or the last pass is longer ago than that. */
static bool level_may_fall(struct dynmem_host *host, u32 level, u64 now)
{
	u64 hold = dynmem_setting(HOLD);
	bool long_ago = level_unwatched(host, now) &&
			now - host->last.now > hold;

	if (!host->lower_since || long_ago) {
		host->lower_since = now;
		host->lower = level;
	}
	host->lower = max(host->lower, level);
	return long_ago || now - host->lower_since >= hold;
}

static bool level_enter(struct dynmem_host *host, u32 level, u64 now)
{
	host->level.level = level;
	host->level.since = now;
	host->lower_since = 0;
	return true;
}

static bool level_move(struct dynmem_host *host, u32 level, u64 now)
{
	if (level > host->level.level)
		return level_enter(host, level, now);
	if (level == host->level.level)
		host->lower_since = 0;
	else if (level_may_fall(host, level, now))
		return level_enter(host, host->lower, now);
	return false;
}

/*
 * Sums that fall and grow again would count for twice what happened. They are
 * made so that they do not fall; a stall that ends while they are made may be
 * missing once.
 */
static void level_keep_sums(struct dynmem_load *load,
			    const struct dynmem_load *last)
{
	load->stall_time = max(load->stall_time, last->stall_time);
	load->refaults = max(load->refaults, last->refaults);
	load->reclaimed = max(load->reclaimed, last->reclaimed);
	load->memcg_reclaimed = max(load->memcg_reclaimed,
				    last->memcg_reclaimed);
	load->throttles = max(load->throttles, last->throttles);
	load->ooms = max(load->ooms, last->ooms);
}

/**
 * dynmem_level_update() - take new figures in
 * @host: the host
 * @figures: the figures
 *
 * Return: whether the level changed.
 */
bool dynmem_level_update(struct dynmem_host *host,
			 const struct dynmem_load *figures)
{
	u64 window = dynmem_setting(WINDOW);
	struct dynmem_load load = *figures;
	struct level_ask ask;
	bool changed;

	level_keep_sums(&load, &host->last);
	level_compute_shares(host, &load, window);
	level_note_incidents(host, &load, window);
	ask = level_asked(host, &load);
	changed = level_move(host, ask.level, load.now);
	host->level.causes = ask.level == host->level.level ? ask.causes : 0;
	level_keep(host, &load, window);
	host->last = load;
	return changed;
}

/* How far available memory is above the next threshold; 0: there is none. */
static u64 level_distance(u64 available)
{
	u64 thresholds[] = {
		dynmem_setting(THRESHOLD_LOW),
		dynmem_setting(THRESHOLD_MEDIUM),
		dynmem_setting(THRESHOLD_CRITICAL),
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(thresholds); i++)
		if (thresholds[i] && thresholds[i] <= available)
			return available - thresholds[i] + 1;
	return 0;
}

/*
 * How long the tasks that stall now must go on to reach the next level: a stall
 * that lasts triggers no pass by itself.
 */
static u64 level_stall_left(const struct dynmem_host *host)
{
	u64 thresholds[] = {
		dynmem_setting(STALL_LOW),
		dynmem_setting(STALL_MEDIUM),
		dynmem_setting(STALL_CRITICAL),
	};
	u64 part = div_u64(dynmem_setting(WINDOW), 1000);
	int i;

	if (!host->last.stalled)
		return U64_MAX;
	for (i = 0; i < ARRAY_SIZE(thresholds); i++)
		if (thresholds[i] > host->level.stall_share)
			return div_u64((thresholds[i] - host->level.stall_share) *
				       part, host->last.stalled);
	return U64_MAX;
}

/* How long it takes until a hold that runs is over. */
static u64 level_hold_left(const struct dynmem_host *host)
{
	u64 end = host->lower_since + dynmem_setting(HOLD);

	return end > host->last.now ? end - host->last.now : 0;
}

/**
 * dynmem_level_next() - when the next pass is due
 * @host: the host
 *
 * As soon as available memory could be below the next threshold, stalls that go
 * on could reach theirs, a hold could be over or a share have fallen.
 *
 * Return: ns from the last figures.
 */
u64 dynmem_level_next(const struct dynmem_host *host)
{
	u64 shortest = dynmem_setting(SAMPLE_MIN);
	u64 next = dynmem_setting(SAMPLE_MAX);
	u64 left = level_distance(host->last.available);
	u64 rate = div_u64(dynmem_setting(FILL_RATE), USEC_PER_SEC);

	if (left)
		next = min(next, div64_u64(left, rate) * NSEC_PER_USEC);
	next = min(next, level_stall_left(host));
	if (host->lower_since)
		next = min(next, level_hold_left(host));
	if (host->level.stall_share || host->level.refault_share)
		next = min(next, div_u64(dynmem_setting(WINDOW), LEVEL_PARTS));
	return max(next, shortest);
}
