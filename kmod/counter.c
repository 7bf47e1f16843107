// SPDX-License-Identifier: GPL-2.0
/*
 * Per-CPU counters and pending events: written by probes, read by samplers.
 */

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/string.h>

#include "counter.h"

DEFINE_PER_CPU(struct dynmem_counters, dynmem_counters);

/* Events since the last sample. */
static atomic_t pressure_events;
/* Until then pressure.c samples by itself and needs no irq_work; ns. */
static u64 pressure_quiet_until;

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
 * dynmem_pressure_event_add() - record an event for the next sample
 * @event: enum dynmem_pressure_event bit
 *
 * Called by probes.
 *
 * Return: true if a sampling pass has to be triggered.
 */
bool dynmem_pressure_event_add(u32 event)
{
	atomic_or(event, &pressure_events);
	/* Pairs with the barrier in dynmem_pressure_events_take(). */
	smp_mb__after_atomic();
	return ktime_get_ns() >= READ_ONCE(pressure_quiet_until);
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
	WRITE_ONCE(pressure_quiet_until, 0);
	/* A probe that missed this has set its event before the exchange. */
	smp_mb();
	return atomic_xchg(&pressure_events, 0);
}

/**
 * dynmem_pressure_quiet() - trigger no sampling pass for a while
 * @until: ns; the caller samples by itself at that time at the latest
 */
void dynmem_pressure_quiet(u64 until)
{
	WRITE_ONCE(pressure_quiet_until, until);
}
