// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest says about itself, and what it costs the host.  Everything here
 * is a tenant's input: clamped, never trusted to be consistent.
 */
#include <errno.h>

#include "engine.h"
#include "figures.h"

/* Below this, faults are noise whatever their 95th percentile. */
#define REFAULT_NOISE (1.0 * (double)MIB)
/* A steady rate is its own 95th percentile: above it means clearly above. */
#define REFAULT_EXCESS 1.25
/* A first sample under pressure adds no more than this. */
#define PRESS_BYTES GIB
/* Pressure is forgotten so much faster once the load is gone. */
#define PRESS_RELIEF 60u
/* What is left in swap though there is room for it is forgotten so much faster. */
#define DEBT_RELIEF 12u
/* What is not read back from the host's swap within minutes is cold. */
#define SWAP_COLD (300 * SEC)
/* A start fills memory until it reports, however long that takes, but no longer. */
#define FILL_MAX (3600 * SEC)
/* Slow median of the overhead: a step per sample. */
#define OVERHEAD_STEP MIB
/*
 * A change by more than a share of max is no noise: a DIMM that came and is not online
 * yet, or is now. One that lowers the floor has to last.
 */
#define OVERHEAD_JUMP  32
#define OVERHEAD_LASTS 8u

/* QEMU's "the guest never reported it": all ones, which no byte count can be. */
static bool has(const struct guest_record *s, u64 stat, u64 value)
{
	return (s->present & stat) && value != UINT64_MAX && value != UINT32_MAX;
}

/* How much a counter grew; 0 at its first sight, and when the guest set it
 * back. */
static u64 grew(struct policy_guest *g, const struct guest_record *s, u64 stat, u64 *last,
		u64 value)
{
	u64 d = 0;

	if (!has(s, stat, value)) {
		g->seen->counters &= ~stat;
		return 0;
	}
	if (g->seen->counters & stat)
		d = over(value, *last);
	*last = value;
	g->seen->counters |= stat;
	return d;
}

/*
 * Does total follow the balloon?  It does on Linux; not on Windows, nor with
 * deflate-on-oom, where the balloon counts as used.  Only a size that has been
 * at rest for two samples and clearly below max shows it.
 */
static void learn_follows(struct policy_guest *g, u64 total)
{
	u64 below = over(g->max, g->seen->sample_actual);
	int vote;

	if (g->seen->stable < 2 || below < max_of(32 * MIB, g->max / 32))
		return;

	vote = total <= g->seen->sample_actual + below / 4 ? 1 : 0;
	if (vote == g->seen->follows) {
		g->seen->follows_votes = 0;
	} else if (++g->seen->follows_votes >= 3) {
		g->seen->follows = vote;
		g->seen->follows_votes = 0;
		g->seen->overhead_known = false;
	}
}

static bool overhead_jumps(const struct policy_guest *g, u64 x)
{
	return distance(x, g->seen->overhead) > g->max / OVERHEAD_JUMP &&
	       (x > g->seen->overhead || g->seen->stable >= OVERHEAD_LASTS);
}

static void learn_overhead(struct policy_guest *g, u64 total)
{
	u64 x = min_of(over(g->seen->sample_actual, total), g->max);

	/*
	 * One sample is little, but none would let the first shrink take it; nor is what was
	 * known of another machine: one before a restart, or without a DIMM.  While its size
	 * changes a sample shows too much rather than too little: the least of them counts.
	 */
	if (g->seen->fresh_at == NEVER || g->seen->resized)
		g->seen->overhead = g->seen->overhead_known ? max_of(g->seen->overhead, x) : x;
	else if (!g->seen->overhead_known)
		g->seen->overhead = min_of(g->seen->overhead, x);
	if (g->seen->stable < 2)
		return;
	if (!g->seen->overhead_known || overhead_jumps(g, x)) {
		g->seen->overhead = x;
		g->seen->overhead_known = true;
	} else if (x > g->seen->overhead) {
		g->seen->overhead += min_of(x - g->seen->overhead, OVERHEAD_STEP);
	} else {
		g->seen->overhead -= min_of(g->seen->overhead - x, OVERHEAD_STEP);
	}
}

/* The balloon's size at that time, 0: not known. */
static u64 stat_actual(const struct guest_record *s)
{
	return s->present & GUEST_HAS_STAT_ACTUAL ? s->stat_actual : 0;
}

/*
 * The balloon's size when the statistics were taken: they are up to a second older
 * than the size that comes with them.  Total is of their moment.  Where it does not
 * follow the balloon, or may not, the largest size since the last sample: with a
 * smaller one the guest would seem to use less than it does.
 */
static u64 latched(struct policy_guest *g, const struct guest_record *s)
{
	u64 now = stat_actual(s) ? stat_actual(s) : g->actual;
	u64 least = min_of(g->seen->least_actual, now), most = max_of(g->seen->most_actual, now);
	u64 actual = most;

	g->seen->least_actual = min_of(now, g->actual);
	g->seen->most_actual = max_of(now, g->actual);
	if (g->seen->follows && g->seen->overhead_known && has(s, GUEST_HAS_TOTAL, s->total))
		actual = clamp_u64(min_of(s->total, g->max) + g->seen->overhead, least, most);
	return min_of(actual, g->max);
}

/*
 * Windows counts its standby list, which is page cache, as free.  A Linux guest
 * never has all that is available free.
 */
static u64 free_of(const struct guest_record *s, u64 available, u64 cache)
{
	u64 unused = has(s, GUEST_HAS_FREE, s->free) ? min_of(s->free, available) : available;

	return unused < available ? unused : available - min_of(cache, available);
}

/* Sizes of the sample into the guest. False: nothing to be learned from it. */
static bool take_sizes(struct policy_guest *g, const struct guest_record *s)
{
	u64 actual;
	bool has_free = has(s, GUEST_HAS_FREE, s->free);
	u64 total, available, cache = 0;

	if (!has_free && !has(s, GUEST_HAS_AVAILABLE, s->available))
		return false;

	actual = latched(g, s);
	g->seen->stable = actual == g->seen->sample_actual ? g->seen->stable + 1 : 0;
	g->seen->sample_actual = actual;

	total = has(s, GUEST_HAS_TOTAL, s->total) && s->total ? min_of(s->total, g->max)
							      : over(actual, g->seen->overhead);
	learn_follows(g, total);
	if (g->seen->follows == 0)
		total = over(total, g->max - actual);
	learn_overhead(g, total);
	g->seen->resized = false;

	if (has(s, GUEST_HAS_DISK_CACHES, s->disk_caches))
		cache = min_of(s->disk_caches, total);
	/* Kernels before 3.14 do not say available: free and half the cache. */
	if (has(s, GUEST_HAS_AVAILABLE, s->available))
		available = min_of(s->available, total);
	else
		available = min_of(s->free + cache / 2, total);
	g->seen->free = free_of(s, available, cache);

	g->seen->total = total;
	g->seen->available = available;
	g->seen->cache = min_of(cache, available - g->seen->free);
	g->seen->used = total - available;
	return true;
}

/*
 * Growth of used within hold_time, as the largest rise over the last samples.
 */
static void learn_growth(struct policy *p, struct policy_guest *g, u64 dt)
{
	unsigned int last = (g->seen->ring_at + GROWTH_RING - 1) % GROWTH_RING;
	u64 window = p->t.hold_time, least = g->seen->used, growth, rise = 0;

	for (unsigned int i = 0; i < GROWTH_RING; i++)
		if (since(p->now, g->seen->ring[i].at) <= window)
			least = min_of(least, g->seen->ring[i].used);
	growth = g->seen->used - least;

	if (g->seen->ring[last].at != NEVER)
		rise = over(g->seen->used, g->seen->ring[last].used);
	g->seen->rise = (double)rise / (double)max_of(dt, MSEC);
	/* Sampled more slowly than that: a share of the whole rise. */
	if (dt > window && dt != NEVER)
		growth = (u64)(g->seen->rise * (double)window);

	g->seen->ring[g->seen->ring_at].at = p->now;
	g->seen->ring[g->seen->ring_at].used = g->seen->used;
	g->seen->ring_at = (g->seen->ring_at + 1) % GROWTH_RING;
	g->seen->growth = growth;
	g->seen->growth_peak *= half_life(min_of(dt, 64 * GROWTH_LIFE), GROWTH_LIFE);
	/* A start fills memory once: that is no growth to leave room for. */
	if (!booting(p, g))
		g->seen->growth_peak = max_of(g->seen->growth_peak, (double)growth);
}

/*
 * Has it begun to eat into its slack and room?  With more than that available,
 * faults are a program being started, and a stall is a burst, or our own
 * balloon, that found the free lists full of page cache: signs of work, not of
 * lack.
 */
static bool runs_short(const struct policy_guest *g, u64 available)
{
	return available < g->slack + g->room;
}

/* Of what its own demand leaves it, the room, half is gone. */
static bool runs_out(const struct policy_guest *g, u64 available)
{
	return available < g->slack + g->room / 2;
}

/*
 * What it had to swap out for lack of memory and has not read back is still the
 * guest's.  What it swaps out with memory available is not: a container at its own
 * limit, or pages that nobody reads.  When its work ends, so does the debt; where
 * there is room for all of it and it is left in swap, it is cold.
 */
static void learn_debt(const struct policy *p, struct policy_guest *g, u64 in, u64 out, bool lacked)
{
	struct guest_history *s = g->seen;
	u64 dt = s->fresh_at == NEVER ? 0 : since(p->now, s->fresh_at);
	u64 life =
		s->available >= s->debt + g->slack ? p->t.debt_life / DEBT_RELIEF : p->t.debt_life;

	s->debt = scale(s->debt, half_life(min_of(dt, 64 * life), life));
	if (out && lacked) {
		s->debt_used = s->used;
	} else if (s->used < s->debt_used - s->debt_used / 4) {
		s->debt = scale(s->debt, (double)s->used / (double)s->debt_used);
		s->debt_used = s->used;
	}
	s->debt = min_of(over(s->debt + (lacked ? out : 0), in), g->max);
}

/*
 * The 95th percentile of its faults, of times when it did not lack memory: steady
 * thrashing would be its own measure.
 */
static void learn_faults(const struct policy *p, struct policy_guest *g, double fault, double sec)
{
	g->seen->refault = fault;
	if (!runs_out(g, over(g->seen->available, g->hot)))
		quantile_step(&g->seen->refault_p95, fault, 0.95,
			      min_of(sec, 60.0) * (double)SEC / (double)p->t.poll);
}

static void take_activity(struct policy *p, struct policy_guest *g, const struct guest_record *s,
			  u64 dt)
{
	bool is_short = runs_short(g, g->seen->available);
	bool is_out = runs_out(g, g->seen->available);
	bool lacked = is_short || g->seen->ran_short;
	double sec = (double)max_of(dt, MSEC) / (double)SEC;
	u64 in, out, major, oom, stall;
	double fault;

	in = grew(g, s, GUEST_HAS_SWAP_IN, &g->seen->swap_in, s->swap_in);
	out = grew(g, s, GUEST_HAS_SWAP_OUT, &g->seen->swap_out, s->swap_out);
	major = grew(g, s, GUEST_HAS_MAJOR_FAULTS, &g->seen->major_faults, s->major_faults);
	oom = grew(g, s, GUEST_HAS_OOM_KILL, &g->seen->oom_kill, s->oom_kill);
	stall = grew(g, s, GUEST_HAS_ALLOC_STALL, &g->seen->alloc_stall, s->alloc_stall);
	in = min_of(in, g->max);
	out = min_of(out, g->max);
	major = min_of(major, g->max / PAGE);

	learn_debt(p, g, in, out, lacked);

	fault = (double)(in + major * PAGE) / sec;
	hot_read(p, g, major * PAGE, in, dt);

	g->seen->pressed = 0;
	/* A container killed at its own limit is not the guest's lack. */
	if (oom && (is_out || g->seen->ran_out || stall))
		g->seen->pressed |= POLICY_PRESSED_OOM;
	if (stall && is_short)
		g->seen->pressed |= POLICY_PRESSED_STALL;
	/* What is read again does not count as available. */
	if (runs_short(g, over(g->seen->available, g->hot)) && fault > REFAULT_NOISE &&
	    fault > REFAULT_EXCESS * g->seen->refault_p95)
		g->seen->pressed |= POLICY_PRESSED_REFAULT;
	learn_faults(p, g, fault, sec);
	g->seen->ran_short = is_short;
	g->seen->ran_out = is_out;
}

/* Half of the floor's slack is gone: a Linux guest wakes kswapd about there. */
static bool tight(const struct policy_guest *g)
{
	return g->actual < g->max && g->seen->available < g->slack / 2;
}

/*
 * More than what its statistics add up to is missing.  How much, nobody knows: a share
 * of what it needs, but of a large guest no more than a fixed number of bytes, and as
 * much again each time, but no more than all that it needs: one that is always under
 * pressure has another trouble than memory.  With two steps still to be granted pressure
 * says nothing new.
 */
static void lacks_more(const struct policy *p, struct policy_guest *g)
{
	struct guest_history *s = g->seen;
	u64 needs = g->active + g->room;
	u64 step =
		min_of(scale(needs + s->lacking, p->t.press_step), max_of(PRESS_BYTES, s->lacking));

	if (g->target + 2 * step < g->demand || over(g->target, g->actual) > step / 2)
		return;
	s->lacking = min_of(s->lacking + step, max_of(needs, s->lacking));
	s->press_used = s->used;
}

/*
 * Pressure fades when it is over; a guest that now uses far less was under another
 * load.
 */
static void learn_press(const struct policy *p, struct policy_guest *g, u64 dt)
{
	u64 life = p->t.press_half_life;

	if (g->seen->pressed) {
		g->seen->pressed_at = p->now;
		lacks_more(p, g);
		return;
	}
	if (g->seen->used < g->seen->press_used - g->seen->press_used / 4) {
		life = max_of(life / PRESS_RELIEF, 1);
		g->seen->undo = 0;
		g->seen->backoff_until = 0; /* what hurt then is no guide now */
	}
	g->seen->lacking = scale(g->seen->lacking, half_life(min_of(dt, 64 * life), life));
}

static bool fell(const struct policy_guest *g, const struct guest_record *s, u64 stat, u64 last,
		 u64 value)
{
	return (g->seen->counters & stat) && has(s, stat, value) && value < last;
}

/*
 * Counters of faults and swap never sink while a kernel runs.  Where a monitor
 * is not listened to all the time that is how a reboot is seen, after it.
 */
static bool counts_anew(const struct policy_guest *g, const struct guest_record *s)
{
	return fell(g, s, GUEST_HAS_MAJOR_FAULTS, g->seen->major_faults, s->major_faults) ||
	       fell(g, s, GUEST_HAS_SWAP_OUT, g->seen->swap_out, s->swap_out);
}

/* Returns whether they were fresh. */
static bool take_stats(struct policy *p, struct policy_guest *g, const struct guest_record *s)
{
	u64 dt;

	/* Latched with the statistics, so older than what was seen since. */
	if (stat_actual(s) && since(p->now, g->seen->actual_at) > p->t.stuck)
		balloon_actual(p, g, s->stat_actual);
	if (!s->last_update)
		return false;
	if (s->last_update == g->seen->last_update) {
		late_unanswered(p, g);
		return false;
	}
	if (counts_anew(g, s))
		guest_restarted(p, g);
	if (!take_sizes(g, s))
		return false;
	g->seen->last_update = s->last_update;

	dt = g->seen->fresh_at == NEVER ? p->t.poll : since(p->now, g->seen->fresh_at);
	late_answered(p, g, dt);
	take_activity(p, g, s, dt);
	learn_growth(p, g, dt);
	if (tight(g))
		g->seen->pressed |= POLICY_PRESSED_TIGHT;

	learn_press(p, g, dt);
	if (booting(p, g))
		g->seen->boot_need = max_of(g->seen->boot_need, base_of(g) + g->slack);

	g->seen->fresh_at = p->now;
	g->seen->sample_cost = process_cost(g);
	harm_check(p, g);
	return true;
}

/*
 * Of its bytes in the host's swap, those that it is likely to read soon: lately
 * swapped out, or being read back.  The rest is cold, and only exposure.  What we
 * had its cgroup reclaim is cold by the kernel's own word.
 */
static void learn_payback(struct policy_guest *g, u64 before, u64 dt)
{
	struct guest_history *s = g->seen;
	u64 out = over(s->swapped, before), in = over(before, s->swapped);
	u64 asked = min_of(out, s->reclaimed);

	s->reclaimed -= asked;
	s->reclaimed = scale(s->reclaimed, half_life(min_of(dt, 64 * SWAP_COLD), SWAP_COLD));
	s->payback = scale(s->payback, half_life(min_of(dt, 64 * SWAP_COLD), SWAP_COLD));
	s->payback = min_of(s->payback + out - asked + in, s->swapped);
}

/* A start fills memory once; that is no rate at which guests call memory in. */
static bool filling(const struct policy *p, const struct policy_guest *g)
{
	u64 age = since(p->now, g->seen->born_at);

	if (g->seen->reboot_at != NEVER)
		age = min_of(age, since(p->now, g->seen->reboot_at));
	return age <= START_GRACE || (g->seen->fresh_at == NEVER && age <= FILL_MAX);
}

/* What the host pays for it. */
static void take_memory(struct policy *p, struct policy_guest *g, const struct guest_record *s)
{
	u64 before, saved, after, swapped, dt;

	before = process_cost(g);
	saved = g->seen->ksm_saved;
	swapped = g->seen->swapped;
	dt = g->seen->cost_at == NEVER ? 0 : since(p->now, g->seen->cost_at);

	if (s->present & GUEST_HAS_RSS)
		g->seen->rss = min_of(s->rss, 2 * POLICY_GUEST_BYTES_MAX);
	if (s->present & GUEST_HAS_SWAPPED)
		g->seen->swapped = min_of(s->swapped, POLICY_GUEST_BYTES_MAX);
	learn_payback(g, swapped, dt);
	if (s->present & GUEST_HAS_KSM_SAVED)
		g->seen->ksm_saved = min_of(s->ksm_saved, g->max);

	/*
	 * First touch makes it grow. Merged pages count as resident, so a break
	 * shows only in the savings; but a balloon that takes merged pages
	 * lowers them as well, and shrinks it.
	 */
	after = process_cost(g);
	if (!cost_known(g)) {
		g->seen->sample_cost = after;
	} else {
		u64 touched = over(after, before);

		resident_touched(p, g, touched, dt);
		g->seen->pending = over(g->seen->pending, touched);
		if (after >= before)
			touched += over(saved, g->seen->ksm_saved);
		if (!filling(p, g))
			host_touch(p, min_of(touched, g->max));
	}
	g->seen->cost_at = p->now;
}

/* A counter's rate since it was seen last, a second; 0 at its first sight. */
static double rate_of(const struct policy *p, u64 *last, u64 *at, u64 value)
{
	u64 dt = since(p->now, *at);
	double rate = dt && dt != NEVER ? (double)over(value, *last) * (double)SEC / (double)dt : 0;

	*last = value;
	*at = p->now;
	return rate;
}

static void take_rates(struct policy *p, struct policy_guest *g, const struct guest_record *s)
{
	struct guest_history *n = g->seen;

	if (s->present & GUEST_HAS_CPU)
		n->busy = rate_of(p, &n->cpu_ns, &n->cpu_at, s->cpu_ns) / (double)SEC;
	if (!(s->present & GUEST_HAS_DISK_READ))
		return;
	if (n->disk_at != NEVER)
		n->reads += over(s->disk_read, n->disk_read);
	n->disk_rate = rate_of(p, &n->disk_read, &n->disk_at, s->disk_read);
}

static void take_costs(struct policy *p, struct policy_guest *g, const struct guest_record *s)
{
	const u64 of_memory = GUEST_HAS_RSS | GUEST_HAS_SWAPPED | GUEST_HAS_KSM_SAVED;

	take_rates(p, g, s);
	if (s->present & of_memory)
		take_memory(p, g, s);
	g->seen->known |= s->present & GUEST_HAS_COSTS;
	if (s->present & of_memory)
		balloon_settled(p, g);
}

static void take_machine(struct policy *p, struct policy_guest *g, const struct guest_record *r)
{
	if (r->present & GUEST_HAS_PINS) {
		if (!r->pins && g->seen->pinned)
			g->seen->pinned_until = 0;
		g->seen->pinned = r->pins != 0;
	}
	if (r->present & GUEST_HAS_CAPS)
		g->seen->no_balloon = !(r->caps & GUEST_CAP_BALLOON);
	if (r->present & GUEST_HAS_ACTUAL) {
		g->seen->actual_at = p->now;
		balloon_actual(p, g, r->actual);
	}
}

int policy_guest_update(struct policy *p, unsigned int guest, const struct guest_record *r, u64 now)
{
	struct policy_guest *g = guest_get(p, guest);

	if (!g)
		return -ENOENT;
	policy_clock(p, now);
	take_machine(p, g, r);
	if (r->present & GUEST_HAS_COSTS)
		take_costs(p, g, r);
	HEARD(p, GUEST, .guest = guest, .record = r);
	return r->present & GUEST_HAS_LAST_UPDATE && take_stats(p, g, r);
}
