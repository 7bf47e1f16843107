/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From figures to a level
 */

#ifndef _DYNMEM_LEVEL_H
#define _DYNMEM_LEVEL_H

#include <linux/types.h>

/**
 * struct dynmem_load - figures that decide the level
 * @now: ns
 * @available: bytes
 * @stall_time: ns, cumulative, with what is under way
 * @stalled: tasks in direct reclaim
 * @refaults: pages that came back soon after they were reclaimed, cumulative
 * @reclaimed: pages reclaimed on the host's behalf, cumulative
 * @memcg_reclaimed: pages reclaimed at a cgroup's own limit, cumulative
 * @throttles: tasks that had to wait before they could reclaim, cumulative
 * @ooms: cumulative
 */
struct dynmem_load {
	u64 now;
	u64 available;
	u64 stall_time;
	u32 stalled;
	u64 refaults;
	u64 reclaimed;
	u64 memcg_reclaimed;
	u64 throttles;
	u64 ooms;
};

/**
 * struct dynmem_level_state - the level, and what it was made from
 * @level: enum dynmem_level
 * @causes: enum dynmem_cause bits
 * @since: when @level was entered, ns
 * @stall_share: per mille
 * @refault_share: per mille
 */
struct dynmem_level_state {
	u32 level;
	u32 causes;
	u64 since;
	u32 stall_share;
	u32 refault_share;
};

/* One every eighth of a window, and some for timers that come late. */
#define DYNMEM_LOADS	12

/**
 * struct dynmem_host - how the host's level is found
 * @level: the level
 * @lower: the highest level asked for since @lower_since
 * @lower_since: since when less than the level is asked for, ns; 0: it is not
 * @oom_until: until when an OOM asks for critical, ns
 * @throttled_until: until when a throttled task asks for critical, ns
 * @last: the last figures
 * @loads: figures at least an eighth of a window apart, a ring
 * @head: where the next one goes
 */
struct dynmem_host {
	struct dynmem_level_state level;
	u32 lower;
	u64 lower_since;
	u64 oom_until;
	u64 throttled_until;
	struct dynmem_load last;
	struct dynmem_load loads[DYNMEM_LOADS];
	unsigned int head;
};

void dynmem_level_init(struct dynmem_host *host,
		       const struct dynmem_load *load);
bool dynmem_level_update(struct dynmem_host *host,
			 const struct dynmem_load *figures);
u64 dynmem_level_next(const struct dynmem_host *host);

#endif /* _DYNMEM_LEVEL_H */
