// SPDX-License-Identifier: GPL-2.0
/*
 * What a sampling pass of the module costs with many CPUs: its own sources,
 * compiled for user space, with per-CPU areas for as many CPUs as are wanted.
 *
 * idle: no CPU has counted since the pass before. busy: all have, so that each
 * of their cache lines has to come from another CPU's cache: here one thread
 * on another CPU writes to all of them. stalled: likewise, and 64 tasks are in
 * direct reclaim, so that their table is read too.
 *
 * What it leaves out is si_mem_available() and a few global sums, which do not
 * depend on the number of CPUs, and the timer.
 *
 * usage: sample [RUNS] >LINES
 *
 * Prints lines "case cpus ns".
 */
#include <pthread.h>
#include <stdio.h>

#include "kmod_reader.h"

#include "../../kmod/account.c"
#include "../../kmod/counter.c"
#include "../../kmod/level.c"
#include "../../kmod/stall.c"
#include "../../kmod/vmstat.c"

DEFINE_PER_CPU(struct vm_event_state, vm_event_states);

struct dynmem_config dynmem_config = {
	.value = {
		[DYNMEM_A_CONFIG_WINDOW] = 1000000000,
		[DYNMEM_A_CONFIG_SAMPLE_MAX] = 1000000000,
		[DYNMEM_A_CONFIG_STALL_CRITICAL] = 700,
		[DYNMEM_A_CONFIG_REFAULT_COST] = 20000,
	},
};

#define TASKS 64

static const int sizes[] = { 2, 64, 256 };

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* Where there is one CPU only, lines do not move, and figures are low. */
	sched_setaffinity(0, sizeof(set), &set);
}

/* All CPUs count something; runs as a thread on another CPU. */
static void *count_on_all(void *unused)
{
	int cpu;

	(void)unused;
	run_on(1);
	for_each_possible_cpu (cpu) {
		/* One on each of their lines. */
		per_cpu(dynmem_counters.value[DYNMEM_STALLS], cpu)++;
		per_cpu(dynmem_counters.value[DYNMEM_RECLAIMED], cpu)++;
		per_cpu(dynmem_counters.value[DYNMEM_COUNTERS - 1], cpu)++;
		per_cpu(vm_event_states, cpu).event[PGSCAN_DIRECT_THROTTLE]++;
		per_cpu(vm_event_states, cpu).event[PGSTEAL_KSWAPD]++;
		per_cpu(vm_event_states, cpu).event[PSWPIN]++;
	}
	return NULL;
}

static void dirty(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, count_on_all, NULL))
		exit(1);
	pthread_join(thread, NULL);
}

/* What pressure_sample() reads of each CPU, and the level. */
static u64 pass(struct dynmem_host *host)
{
	static struct dynmem_counters counters;
	static struct dynmem_vmstat vmstat;
	struct dynmem_load load = {};
	u64 began = ktime_get_ns();

	dynmem_pressure_events_take();
	load.now = began;
	load.stall_time = dynmem_stall_time(began, &counters, &load.stalled);
	dynmem_vmstat_try(&vmstat, DYNMEM_VM_LEVEL);
	load.refaults = vmstat.value[DYNMEM_VM_SWAP_INS];
	load.throttles = vmstat.value[DYNMEM_VM_THROTTLES];
	load.ooms = counters.value[DYNMEM_OOMS];
	dynmem_level_update(host, &load);
	return ktime_get_ns() - began;
}

static void measure(const char *name, int runs, bool busy)
{
	static struct dynmem_host host;
	struct dynmem_load load = { .now = ktime_get_ns() };

	dynmem_level_init(&host, &load);
	for (int i = -2; i < runs; i++) {
		u64 ns;

		if (busy)
			dirty();
		ns = pass(&host);
		/* The first find no line in any cache. */
		if (i >= 0)
			printf("%s %d %llu\n", name, possible_cpus, ns);
	}
}

int main(int argc, char **argv)
{
	static struct task_struct tasks[TASKS];
	int runs = argc > 1 ? atoi(argv[1]) : 1000;

	if (runs < 1) {
		fprintf(stderr, "usage: sample [RUNS]\n");
		return 2;
	}
	run_on(0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		possible_cpus = sizes[i];
		if (dynmem_stall_init())
			return 1;
		measure("idle", runs, false);
		measure("busy", runs, true);
		for (int t = 0; t < TASKS; t++) {
			tasks[t] = (struct task_struct){ .tgid = 100 + (u32)t,
							 .group_leader = &tasks[t] };
			current = &tasks[t];
			dynmem_stall_begin(DYNMEM_KIND_HOST);
		}
		measure("stalled", runs, true);
		for (int t = 0; t < TASKS; t++) {
			current = &tasks[t];
			dynmem_stall_end();
		}
		dynmem_stall_exit();
	}
	return 0;
}
