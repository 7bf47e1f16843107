// SPDX-License-Identifier: GPL-2.0
/*
 * From figures to a level.
 *
 * The level is the largest of what available memory, stalls, refaults and OOM
 * ask for. It rises at once, and falls when less has been asked for during
 * the whole of the hold. What to do about it is for user space to decide.
 */

#include <linux/dynmem.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "config.h"
#include "level.h"

/* Parts of a window between two figures that are kept. */
#define PARTS	8

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
	host->since = load->now;
	host->last = *load;
	for (i = 0; i < DYNMEM_LOADS; i++)
		host->loads[i] = *load;
}

static struct dynmem_load *newest(struct dynmem_host *host)
{
	return &host->loads[(host->head + DYNMEM_LOADS - 1) % DYNMEM_LOADS];
}

static void keep(struct dynmem_host *host, const struct dynmem_load *load,
		 u64 window)
{
	if (load->now - newest(host)->now < window / PARTS)
		return;
	host->loads[host->head] = *load;
	host->head = (host->head + 1) % DYNMEM_LOADS;
}

/* The figures of a window ago: the last that are as old, else the oldest. */
static const struct dynmem_load *window_ago(const struct dynmem_host *host,
					    u64 now, u64 window)
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
static u32 per_mille(u64 time, u64 elapsed)
{
	if (time >= elapsed)
		return 1000;
	/* A window is at most 60 s, but nobody may have looked for months. */
	return div64_u64(time, div_u64(elapsed, 1000) ?: 1);
}

/* Whether nobody listened lately, so that nothing brought on a look. */
static bool unwatched(const struct dynmem_host *host, u64 now)
{
	return now - host->last.now > 2 * dynmem_setting(SAMPLE_MAX);
}

/*
 * The figures of a window ago may be much older than that. Refaults came at
 * any time since; but a stall brings on a look, so these came in the window,
 * and the first of them is not to count for less because all was quiet before.
 */
static void compute_shares(struct dynmem_host *host,
			   const struct dynmem_load *load, u64 window)
{
	const struct dynmem_load *ago = window_ago(host, load->now, window);
	u64 elapsed = max(load->now - ago->now, window);
	u64 stalling = unwatched(host, load->now) ? elapsed : window;
	u64 cost = dynmem_setting(REFAULT_COST);
	u64 refaults = load->refaults > ago->refaults ?
		       load->refaults - ago->refaults : 0;
	u64 stall = load->stall_time > ago->stall_time ?
		    load->stall_time - ago->stall_time : 0;

	host->stall_share = min(per_mille(stall, stalling), 1000U);
	/* Pages by 10 ms do not overflow within 2^41 pages. */
	host->refault_share = min(per_mille(refaults * cost, elapsed), 1000U);
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

static bool reaches(u32 share, u64 threshold)
{
	return threshold && share >= threshold;
}

static u32 level_of_share(u32 share)
{
	if (reaches(share, dynmem_setting(STALL_CRITICAL)))
		return DYNMEM_LEVEL_CRITICAL;
	if (reaches(share, dynmem_setting(STALL_MEDIUM)))
		return DYNMEM_LEVEL_MEDIUM;
	if (reaches(share, dynmem_setting(STALL_LOW)))
		return DYNMEM_LEVEL_LOW;
	return DYNMEM_LEVEL_NONE;
}

static void ask(u32 level, u32 cause, u32 *level_, u32 *causes)
{
	if (level == DYNMEM_LEVEL_NONE || level < *level_)
		return;
	if (level > *level_)
		*causes = 0;
	*level_ = level;
	*causes |= cause;
}

/*
 * What is asked for now. A task that must wait before it may even reclaim
 * (throttle_direct_reclaim()) does so since less than half of the minimum
 * watermarks is free, and reaches no tracepoint until it has waited.
 */
static u32 asked(struct dynmem_host *host, const struct dynmem_load *load,
		 u64 window, u32 *causes)
{
	u32 level = DYNMEM_LEVEL_NONE;

	*causes = 0;
	if (load->ooms != host->last.ooms)
		host->oom_until = load->now + window;
	if (load->throttles != host->last.throttles)
		host->throttled_until = load->now + window;

	ask(level_of_available(load->available), DYNMEM_CAUSE_AVAILABLE,
	    &level, causes);
	ask(level_of_share(host->stall_share), DYNMEM_CAUSE_STALL,
	    &level, causes);
	ask(level_of_share(host->refault_share), DYNMEM_CAUSE_REFAULT,
	    &level, causes);
	if (load->now < host->throttled_until && dynmem_setting(STALL_CRITICAL))
		ask(DYNMEM_LEVEL_CRITICAL, DYNMEM_CAUSE_STALL, &level, causes);
	if (load->now < host->oom_until)
		ask(DYNMEM_LEVEL_CRITICAL, DYNMEM_CAUSE_OOM, &level, causes);
	return level;
}

/* Whether the hold is over, or nobody looked for longer than that. */
static bool may_fall(struct dynmem_host *host, u32 level, u64 now)
{
	u64 hold = dynmem_setting(HOLD);
	bool long_ago = unwatched(host, now) && now - host->last.now > hold;

	if (!host->lower_since || long_ago) {
		host->lower_since = now;
		host->lower = level;
	}
	host->lower = max(host->lower, level);
	return long_ago || now - host->lower_since >= hold;
}

static bool enter(struct dynmem_host *host, u32 level, u64 now)
{
	host->level = level;
	host->since = now;
	host->lower_since = 0;
	return true;
}

static bool move(struct dynmem_host *host, u32 level, u64 now)
{
	if (level > host->level)
		return enter(host, level, now);
	if (level == host->level)
		host->lower_since = 0;
	else if (may_fall(host, level, now))
		return enter(host, host->lower, now);
	return false;
}

/**
 * dynmem_level_update() - take new figures in
 * @host: the host
 * @load: the figures
 *
 * Return: whether the level changed.
 */
bool dynmem_level_update(struct dynmem_host *host,
			 const struct dynmem_load *load)
{
	u64 window = dynmem_setting(WINDOW);
	bool changed;
	u32 causes;
	u32 level;

	compute_shares(host, load, window);
	level = asked(host, load, window, &causes);
	changed = move(host, level, load->now);
	host->causes = level == host->level ? causes : 0;
	keep(host, load, window);
	host->last = *load;
	return changed;
}

/* How far available memory is above the next threshold; 0: there is none. */
static u64 distance(u64 available)
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
 * that lasts brings on no look by itself.
 */
static u64 stall_left(const struct dynmem_host *host)
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
		if (thresholds[i] > host->stall_share)
			return div_u64((thresholds[i] - host->stall_share) *
				       part, host->last.stalled);
	return U64_MAX;
}

/* How long it takes until a hold that runs is over. */
static u64 hold_left(const struct dynmem_host *host)
{
	u64 end = host->lower_since + dynmem_setting(HOLD);

	return end > host->last.now ? end - host->last.now : 0;
}

/**
 * dynmem_level_next() - when to look next
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
	u64 left = distance(host->last.available);
	u64 rate = div_u64(dynmem_setting(FILL_RATE), USEC_PER_SEC);

	if (left)
		next = min(next, div64_u64(left, rate) * NSEC_PER_USEC);
	next = min(next, stall_left(host));
	if (host->lower_since)
		next = min(next, hold_left(host));
	if (host->stall_share || host->refault_share)
		next = min(next, div_u64(dynmem_setting(WINDOW), PARTS));
	return max(next, shortest);
}
