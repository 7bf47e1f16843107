// SPDX-License-Identifier: GPL-2.0
/*
 * KSM's share of the budget: how fast ksmd should scan for memory that balloons
 * need not take.
 *
 * The pace is a share of one CPU: what a full scan within the time of the host's
 * level takes, by the measured cost of a page, within a lower and an upper limit.
 * Full scans that found next to nothing put the pace back to level none's until
 * savings, mergeable memory or the level move again.
 */
#include "engine.h"

/* Before it was measured: 2 us a page, a compare and a checksum. */
#define NS_PER_PAGE 2000.0
/* ksmd's CPU time is counted in ticks of 10 ms: less of it says nothing. */
#define CPU_LEAST (50 * MSEC)
/* A change of less than an eighth is not worth a write. */
#define CHANGE 8
/* So much of it, and this, is news. */
#define NEWS_SHARE 64
#define NEWS_BYTES (16 * MIB)
/* Pages of a turn: ksmtuned's minimum, and the maximum of the kernel's advisor. */
#define PAGES_MIN 64.0
#define PAGES_MAX 30000.0
/* Between two turns, the kernel's default. */
#define SLEEP (20 * MSEC)
/*
 * ksmd needs two scans to merge: the first only takes checksums.  The one that is
 * under way at first began before what is to be judged.
 */
#define SCANS 3
/* Full scans that change savings by less, of what they walked, found nothing. */
#define WORTH 0.001
/* A new process is found within a reasonable time all the same. */
#define SLEEP_MOST (10 * SEC)

/* What ksmd knows of, or will come to know: it finds memory only by scanning it. */
static u64 to_walk(const struct policy *p)
{
	const struct policy_guest *g;
	u64 rss = 0;

	for_each_guest (p, g)
		rss += g->seen->rss;
	return max_of(p->host.ksm.mergeable, rss);
}

/*
 * In a hurry memory that ksmd has not found yet counts as well, or it would be found at
 * the pace of what is known: at most what is in use.  Where there is none of it, full
 * scans are over at once, and say so.
 */
static u64 may_walk(const struct policy *p)
{
	return max_of(to_walk(p), over(p->host.total, p->host.available));
}

static void cost_begin(struct policy *p)
{
	p->ksm.cost_from = p->host.ksm;
	p->ksm.cost_at = p->now;
}

/*
 * The cost of a page, from the CPU time that ksmd took.  Before Linux 6.6 nothing
 * counts pages: then it follows from the share of the time that ksmd ran, as each
 * turn of n pages takes n * cost and then a sleep.
 */
static void learn_cost(struct policy *p)
{
	const struct host_ksm *s = &p->host.ksm, *from = &p->ksm.cost_from;
	u64 busy = over(s->cpu_ns, from->cpu_ns), time = since(p->now, p->ksm.cost_at);
	u64 pages = over(s->pages_scanned, from->pages_scanned);
	double cost;

	if (s->run != 1 || s->run != from->run || s->pages_to_scan != from->pages_to_scan ||
	    s->sleep_ms != from->sleep_ms || s->advisor != from->advisor) {
		cost_begin(p);
		return;
	}
	if (busy < CPU_LEAST)
		return;
	if (pages)
		cost = (double)busy / (double)pages;
	else if (s->pages_scanned || s->advisor || time <= busy || !s->pages_to_scan)
		return cost_begin(p);
	else
		cost = (double)busy / (double)(time - busy) * (double)(s->sleep_ms * MSEC) /
		       (double)s->pages_to_scan;
	p->ksm.ns_per_page += (min_of(cost, 1e6) - p->ksm.ns_per_page) / 2;
	cost_begin(p);
}

static void judge_anew(struct policy *p)
{
	p->ksm.full_scans = p->host.ksm.full_scans;
	p->ksm.saved_at_scan = p->host.ksm.saved;
	p->ksm.walk_at_scan = to_walk(p);
}

static bool is_news(u64 now, u64 before, u64 of)
{
	return distance(now, before) > max_of(of / NEWS_SHARE, NEWS_BYTES);
}

void ksm_sampled(struct policy *p)
{
	const struct host_ksm *s = &p->host.ksm;
	u64 walk = to_walk(p);

	if (!p->ksm.seen) {
		p->ksm.seen = true;
		p->ksm.ns_per_page = NS_PER_PAGE;
		p->ksm.worth = 1;
		p->ksm.level = p->level;
		p->ksm.first_scans = p->level > POLICY_LEVEL_NONE;
		cost_begin(p);
		judge_anew(p);
		return;
	}

	learn_cost(p);
	if (p->level > p->ksm.level)
		p->ksm.first_scans = true;
	if (p->level > p->ksm.level ||
	    (p->ksm.worth < WORTH && (is_news(s->saved, p->ksm.saved_at_scan, walk) ||
				      is_news(walk, p->ksm.walk_at_scan, walk)))) {
		p->ksm.worth = 1;
		judge_anew(p);
	} else if (s->full_scans >= p->ksm.full_scans + SCANS ||
		   s->full_scans < p->ksm.full_scans) {
		u64 change = distance(s->saved, p->ksm.saved_at_scan);

		p->ksm.worth = s->mergeable ? (double)change / (double)s->mergeable : 0;
		p->ksm.first_scans = false;
		judge_anew(p);
	}
	p->ksm.level = p->level;
}

static u64 scan_time(const struct policy *p, const char **ret_reason)
{
	if (p->level == POLICY_LEVEL_NONE && p->b.deficit <= 0) {
		*ret_reason = "memory is plenty: a slow scan keeps what is merged";
		return p->t.ksm_scan_time;
	}
	if (p->ksm.worth < WORTH) {
		*ret_reason = "the last full scans found next to nothing: no use in hurrying";
		return p->t.ksm_scan_time;
	}
	if (p->level >= POLICY_LEVEL_MEDIUM) {
		*ret_reason =
			"the host is short of memory: scanning as fast as its share of a CPU allows";
		return p->t.ksm_scan_time_medium;
	}
	/* Merging takes two scans: at the pace of level low what there is would be known minutes later. */
	if (p->ksm.first_scans) {
		*ret_reason =
			"memory is getting short: the first full scans as fast as its share of a CPU allows";
		return p->t.ksm_scan_time_medium;
	}
	*ret_reason = "memory is getting short: scanning ahead of need";
	return p->t.ksm_scan_time_low;
}

/* Pages and sleep of a turn, so that ksmd takes @share of a CPU. */
static void turn_of(const struct policy *p, double share, struct policy_ksm_decision *ret)
{
	double cost = p->ksm.ns_per_page, sleep = (double)SLEEP, pages;

	pages = share < 1 ? share / (1 - share) * sleep / cost : 1e12;
	if (pages < PAGES_MIN) {
		pages = PAGES_MIN;
		sleep = min_of(pages * cost * (1 - share) / share, (double)SLEEP_MOST);
	}
	ret->pages_to_scan = (u64)min_of(pages, PAGES_MAX);
	ret->sleep_ms = (u64)sleep / MSEC;
	ret->share = share;
}

static double pages_a_second(const struct policy *p, u64 pages, u64 sleep_ms)
{
	double turn = (double)pages * p->ksm.ns_per_page + (double)(sleep_ms * MSEC);

	return turn > 0 ? (double)pages * (double)SEC / turn : 1e12;
}

void ksm_decide(const struct policy *p, struct policy_ksm_decision *ret)
{
	const struct host_ksm *s = &p->host.ksm;
	double share, now, then;
	u64 time;

	*ret = (struct policy_ksm_decision){ 0 };
	if (!p->ksm.seen) {
		ret->reason = "this kernel has no KSM";
		return;
	}
	if (s->run == 2) {
		ret->run = 2;
		ret->reason = "an administrator has KSM unmerge (run = 2)";
		return;
	}

	time = scan_time(p, &ret->reason);
	share = (double)(time < p->t.ksm_scan_time ? may_walk(p) : to_walk(p)) / (double)PAGE *
		p->ksm.ns_per_page / (double)time;
	share = min_of(max_of(share, p->t.ksm_cpu_idle), p->t.ksm_cpu);
	turn_of(p, share, ret);
	ret->run = 1;

	now = pages_a_second(p, s->pages_to_scan, s->sleep_ms);
	then = pages_a_second(p, ret->pages_to_scan, ret->sleep_ms);
	if (s->run == 1 && !s->advisor &&
	    max_of(now, then) - min_of(now, then) <= max_of(now, then) / CHANGE) {
		ret->pages_to_scan = s->pages_to_scan;
		ret->sleep_ms = s->sleep_ms;
		return;
	}
	ret->change = true;
}
