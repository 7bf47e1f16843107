/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Per-CPU counters and pending events, written by probes
 */

#ifndef _DYNMEM_COUNTER_H
#define _DYNMEM_COUNTER_H

#include <linux/percpu.h>
#include <linux/types.h>

/* What direct reclaim was for. */
enum dynmem_kind {
	DYNMEM_KIND_HOST,
	DYNMEM_KIND_HUGE,
	DYNMEM_KIND_MEMCG,
	DYNMEM_KINDS,
};

enum dynmem_counter {
	DYNMEM_STALLS,
	DYNMEM_STALL_TIME = DYNMEM_STALLS + DYNMEM_KINDS,
	DYNMEM_UNTIMED_STALLS = DYNMEM_STALL_TIME + DYNMEM_KINDS,
	/* On the host's behalf, those that are timed. */
	DYNMEM_TIMED_BEGUN,
	DYNMEM_TIMED_ENDED,
	DYNMEM_RECLAIMED,
	DYNMEM_MEMCG_RECLAIMED,
	DYNMEM_THROTTLED,
	DYNMEM_THROTTLED_TIME,
	DYNMEM_KSWAPD_WAKES,
	DYNMEM_OOMS,
	DYNMEM_OOM_KILLS,
	DYNMEM_MEMCG_OOM_KILLS,
	/* On a node or at a limit of its own, while the host has memory. */
	DYNMEM_CONSTRAINED_OOMS,
	DYNMEM_CONSTRAINED_OOM_KILLS,
	DYNMEM_KSM_SCANS,
	DYNMEM_COUNTERS,
};

/**
 * struct dynmem_counters - counters, by enum dynmem_counter
 * @value: times in ns, amounts in pages
 */
struct dynmem_counters {
	u64 value[DYNMEM_COUNTERS];
};

DECLARE_PER_CPU(struct dynmem_counters, dynmem_counters);

/*
 * Called by probes. Preemption may be on in a probe (from 7.0 on): this_cpu,
 * not __this_cpu.
 */
static inline void dynmem_count(int counter, u64 n)
{
	this_cpu_add(dynmem_counters.value[counter], n);
}

u64 dynmem_counter_read(int counter);
void dynmem_counters_read(struct dynmem_counters *sum);
bool dynmem_pressure_event_add(u32 event);
u32 dynmem_pressure_events_take(void);
void dynmem_pressure_quiet(u64 until);

#endif /* _DYNMEM_COUNTER_H */
