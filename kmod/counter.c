// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU counters and pending events: written by probes, read by samplers.
 */

#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/string.h>

#include "counter.h"

DEFINE_PER_CPU(struct dynmem_counters, dynmem_counters);

/**
 * struct counter_pending - between probes and the sampler
 * @events: enum dynmem_pressure_event bits since the last pass
 * @quiet_until: until then the sampler starts its passes by itself, ns
 *
 * Fills a cache line: probes read it on each stall while somebody listens, and
 * write it only when an event is new.
 */
struct counter_pending {
	atomic_t events;
	u64 quiet_until;
} ____cacheline_aligned_in_smp;

static struct counter_pending counter_pending;

/**
 * dynmem_counter_read() - sum one counter of all possible CPUs
 * @counter: the counter
 *
 * Return: the sum.
 */
u64 dynmem_counter_read(int counter)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(dynmem_counters.value[counter], cpu));
	return sum;
}

/**
 * dynmem_counters_read() - sum the counters of all possible CPUs
 * @sum: the sums
 */
void dynmem_counters_read(struct dynmem_counters *sum)
{
	int cpu, i;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu)
		for (i = 0; i < DYNMEM_COUNTERS; i++)
			sum->value[i] +=
				READ_ONCE(per_cpu(dynmem_counters.value[i],
						  cpu));
}

/**
 * dynmem_pressure_event_add() - record an event for the next pass
 * @event: enum dynmem_pressure_event bit
 *
 * Called by probes, after they have counted.
 *
 * Return: true if a pass has to be triggered.
 */
bool dynmem_pressure_event_add(u32 event)
{
	/*
	 * Pairs with the barrier in dynmem_pressure_events_take(): if the event
	 * is still pending here, the pass that takes it sees what was counted.
	 */
	smp_mb();
	if (!(atomic_read(&counter_pending.events) & event)) {
		atomic_or(event, &counter_pending.events);
		/* Likewise: a pass that missed the event has ended the quiet. */
		smp_mb__after_atomic();
	}
	return ktime_get_ns() >= READ_ONCE(counter_pending.quiet_until);
}

/**
 * dynmem_pressure_events_take() - take the events since the last call
 *
 * Ends a quiet time.
 *
 * Return: enum dynmem_pressure_event bits.
 */
u32 dynmem_pressure_events_take(void)
{
	WRITE_ONCE(counter_pending.quiet_until, 0);
	/* Pairs with the barriers in dynmem_pressure_event_add(). */
	smp_mb();
	return atomic_xchg(&counter_pending.events, 0);
}

/**
 * dynmem_pressure_quiet() - trigger no pass for a while
 * @until: ns; the caller starts one by itself at that time at the latest
 */
void dynmem_pressure_quiet(u64 until)
{
	WRITE_ONCE(counter_pending.quiet_until, until);
}
