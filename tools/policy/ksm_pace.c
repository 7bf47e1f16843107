// SPDX-License-Identifier: GPL-2.0
/*
 * KSM's share of the budget: how hard ksmd should look for memory that balloons
 * need not take.
 *
 * The pace is a time for one full scan, by the host's level; pages_to_scan
 * follows from how much there is to walk.  The cost of a page is measured, so
 * that ksmd stays below its share of a CPU.  A full scan that found next to
 * nothing puts the pace back to level none's until savings or level move again.
 */
#include "engine.h"

/* Before it was measured: 2 us a page, a compare and a checksum. */
#define NS_PER_PAGE 2000.0
/* A change of less than an eighth is not worth a write. */
#define CHANGE 8

void ksm_sampled(struct policy *p, const struct host_ksm *old)
{
	const struct host_ksm *s = &p->host.ksm;
	double per_page;
	u64 pages;

	if (!p->ksm.seen) {
		p->ksm.seen = true;
		p->ksm.ns_per_page = NS_PER_PAGE;
		p->ksm.worth = 1;
		p->ksm.full_scans = s->full_scans;
		p->ksm.saved_at_scan = s->saved;
		return;
	}

	pages = over(s->pages_scanned, old->pages_scanned);
	if (pages > 1000 && s->cpu_ns > old->cpu_ns) {
		per_page = (double)(s->cpu_ns - old->cpu_ns) / (double)pages;
		p->ksm.ns_per_page += (min_of(per_page, 1e6) - p->ksm.ns_per_page) / 8;
	}

	/* ksmd needs two scans to merge: the first only takes checksums. */
	if (s->full_scans >= p->ksm.full_scans + 2 || s->full_scans < p->ksm.full_scans) {
		u64 change = distance(s->saved, p->ksm.saved_at_scan);

		p->ksm.worth = s->mergeable ? (double)change / (double)s->mergeable : 0;
		p->ksm.full_scans = s->full_scans;
		p->ksm.saved_at_scan = s->saved;
	}
}

static u64 scan_time(const struct policy *p, const char **ret_reason)
{
	if (p->level == POLICY_LEVEL_NONE && p->b.deficit <= 0) {
		*ret_reason = "memory is plenty: a slow scan keeps what is merged";
		return p->t.ksm_scan_time;
	}
	if (p->ksm.worth < p->t.ksm_worth) {
		*ret_reason = "the last full scans found next to nothing: no use in hurrying";
		return p->t.ksm_scan_time;
	}
	if (p->level >= POLICY_LEVEL_MEDIUM) {
		*ret_reason =
			"the host is short of memory: scanning as fast as its share of a CPU allows";
		return p->t.ksm_scan_time_medium;
	}
	*ret_reason = "memory is getting short: scanning ahead of need";
	return p->t.ksm_scan_time_low;
}

/*
 * Pages a turn so that a full scan takes @time, within ksmd's share of a CPU.
 */
static u64 pages_of(const struct policy *p, u64 time)
{
	double all = (double)p->host.ksm.mergeable / (double)PAGE;
	double sleep = (double)p->t.ksm_sleep;
	double cost = p->ksm.ns_per_page;
	double pages, most;

	/*
	 * n pages take n * cost + sleep: n = all * sleep / (time - all * cost).
	 */
	pages = (double)time > all * cost ? all * sleep / ((double)time - all * cost) : 1e12;
	most = p->t.ksm_cpu < 1 ? p->t.ksm_cpu / (1 - p->t.ksm_cpu) * sleep / cost : 1e12;
	pages = min_of(pages, most);
	return clamp_u64((u64)pages, p->t.ksm_pages_min, p->t.ksm_pages_max);
}

void ksm_decide(const struct policy *p, struct policy_ksm_decision *ret)
{
	const struct host_ksm *s = &p->host.ksm;
	u64 time, pages;

	*ret = (struct policy_ksm_decision){ 0 };
	if (!p->ksm.seen) {
		ret->reason = "this kernel has no KSM";
		return;
	}
	if (s->run == 2) {
		ret->run = 2;
		ret->reason = "an administrator has told KSM to unmerge";
		return;
	}
	if (s->advisor) {
		ret->run = s->run;
		ret->pages_to_scan = s->pages_to_scan;
		ret->sleep_ms = s->sleep_ms;
		ret->reason = "the kernel's own advisor is on and would ignore it";
		return;
	}

	time = scan_time(p, &ret->reason);
	pages = pages_of(p, time);
	ret->run = 1;
	ret->sleep_ms = p->t.ksm_sleep / MSEC;
	ret->pages_to_scan = pages;

	if (s->run == 1 && s->sleep_ms == ret->sleep_ms &&
	    distance(pages, s->pages_to_scan) <= max_of(pages, s->pages_to_scan) / CHANGE) {
		ret->pages_to_scan = s->pages_to_scan;
		return;
	}
	ret->change = true;
}
