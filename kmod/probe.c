// SPDX-License-Identifier: GPL-2.0
/*
 * Probes on reclaim's tracepoints, and the counters behind them.
 *
 * They run in the allocating task under locks unknown, and mark_victim under
 * task_lock: a probe counts and, when somebody listens, raises an irq_work.
 * It never sleeps, allocates or sends.
 */

#include <linux/dynmem.h>
#include <linux/irq_work.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/swap.h>
#include <linux/tracepoint.h>
#include <trace/events/oom.h>
#include <trace/events/vmscan.h>

#include "capability.h"
#include "compat/compat.h"
#include "counter.h"
#include "ksm_ntf.h"
#include "node.h"
#include "notify.h"
#include "oom.h"
#include "pressure.h"
#include "probe.h"
#include "stall.h"
#include "victim.h"

#ifdef HAVE_TRACE_KSM
#include <trace/events/ksm.h>
#endif

static void pressure_irq(struct irq_work *work)
{
	dynmem_pressure_trigger();
}

static void ksm_irq(struct irq_work *work)
{
	dynmem_ksm_trigger();
}

/* Hard: on PREEMPT_RT another thread would run them. */
static struct irq_work pressure_irq_work = IRQ_WORK_INIT_HARD(pressure_irq);
static struct irq_work ksm_irq_work = IRQ_WORK_INIT_HARD(ksm_irq);

static void probe_event(u32 event)
{
	if (dynmem_listened(DYNMEM_GROUP_PRESSURE) &&
	    dynmem_pressure_event_add(event))
		irq_work_queue(&pressure_irq_work);
}

/* An order above that is for a huge page, whose fault does without one. */
static void probe_reclaim_begin(DYNMEM_RECLAIM_BEGIN_ARGS)
{
	dynmem_oom_ended();
	if (order > PAGE_ALLOC_COSTLY_ORDER) {
		dynmem_stall_begin(DYNMEM_KIND_HUGE);
		return;
	}
	dynmem_stall_begin(DYNMEM_KIND_HOST);
	probe_event(DYNMEM_PRESSURE_EVENT_STALL);
}

static void probe_reclaim_end(DYNMEM_RECLAIM_END_ARGS)
{
	dynmem_count(DYNMEM_RECLAIMED, reclaimed);
	dynmem_stall_end();
}

#ifdef CONFIG_MEMCG
static void probe_memcg_reclaim_begin(DYNMEM_RECLAIM_BEGIN_ARGS)
{
	dynmem_oom_ended();
	dynmem_stall_begin(DYNMEM_KIND_MEMCG);
}

static void probe_memcg_reclaim_end(DYNMEM_RECLAIM_END_ARGS)
{
	dynmem_count(DYNMEM_MEMCG_RECLAIMED, reclaimed);
	dynmem_stall_end();
}
#endif

static void probe_throttled(void *data, int nid, int usec_timeout,
			    int usec_delayed, int reason)
{
	u64 time = (u64)max(usec_delayed, 0) * NSEC_PER_USEC;

	dynmem_count(DYNMEM_THROTTLED, 1);
	dynmem_count(DYNMEM_THROTTLED_TIME, time);
	dynmem_node_count_throttled(nid, time);
}

static void probe_kswapd_wake(void *data, int nid, int zid, int order)
{
	dynmem_count(DYNMEM_KSWAPD_WAKES, 1);
	dynmem_node_count_wake(nid);
}

static void probe_mark_victim(DYNMEM_MARK_VICTIM_ARGS)
{
	enum dynmem_oom whose = dynmem_oom_victim();

	rcu_read_lock();
	dynmem_victim_add(DYNMEM_MARK_VICTIM_TASK, whose);
	rcu_read_unlock();
	switch (whose) {
	case DYNMEM_OOM_HOST:
		dynmem_count(DYNMEM_OOM_KILLS, 1);
		probe_event(DYNMEM_PRESSURE_EVENT_OOM);
		break;
	case DYNMEM_OOM_CONSTRAINED:
		dynmem_count(DYNMEM_CONSTRAINED_OOM_KILLS, 1);
		break;
	case DYNMEM_OOM_MEMCG:
		dynmem_count(DYNMEM_MEMCG_OOM_KILLS, 1);
		break;
	}
}

static int probe_oom(struct notifier_block *nb, unsigned long unused,
		     void *freed)
{
	if (dynmem_oom_begin() == DYNMEM_OOM_HOST) {
		dynmem_count(DYNMEM_OOMS, 1);
		probe_event(DYNMEM_PRESSURE_EVENT_OOM);
	} else {
		dynmem_count(DYNMEM_CONSTRAINED_OOMS, 1);
	}
	return NOTIFY_OK;
}

static struct notifier_block probe_oom_nb = {
	.notifier_call = probe_oom,
};

#ifdef HAVE_TRACE_KSM
static void probe_ksm_scan(void *data, int scan, u32 rmap_entries)
{
	dynmem_count(DYNMEM_KSM_SCANS, 1);
	if (dynmem_listened(DYNMEM_GROUP_KSM))
		irq_work_queue(&ksm_irq_work);
}
#endif

/**
 * struct dynmem_probe - a probe on a tracepoint
 * @name: the tracepoint
 * @func: the probe
 * @capability: what it gives; all probes that give it are there, or none
 * @tp: the tracepoint, NULL: this kernel has none
 * @registered: the probe is on it
 */
struct dynmem_probe {
	const char *name;
	void *func;
	u32 capability;
	struct tracepoint *tp;
	bool registered;
};

/* In this order they are registered: an end must not miss its beginning. */
static struct dynmem_probe probe_list[] = {
	{ "mm_vmscan_direct_reclaim_end", probe_reclaim_end,
	  DYNMEM_CAPABILITY_STALL },
	{ "mm_vmscan_direct_reclaim_begin", probe_reclaim_begin,
	  DYNMEM_CAPABILITY_STALL },
#ifdef CONFIG_MEMCG
	{ "mm_vmscan_memcg_reclaim_end", probe_memcg_reclaim_end,
	  DYNMEM_CAPABILITY_MEMCG_STALL },
	{ "mm_vmscan_memcg_reclaim_begin", probe_memcg_reclaim_begin,
	  DYNMEM_CAPABILITY_MEMCG_STALL },
#endif
	{ "mm_vmscan_throttled", probe_throttled,
	  DYNMEM_CAPABILITY_THROTTLED },
	{ "mm_vmscan_kswapd_wake", probe_kswapd_wake,
	  DYNMEM_CAPABILITY_KSWAPD },
	{ "mark_victim", probe_mark_victim, DYNMEM_CAPABILITY_OOM_KILL },
#ifdef HAVE_TRACE_KSM
	{ "ksm_stop_scan", probe_ksm_scan, DYNMEM_CAPABILITY_KSM_SCAN },
#endif
};

/* Fails the build if a tracepoint's prototype changes. */
static void __init probe_check_prototypes(void)
{
	check_trace_callback_type_mm_vmscan_direct_reclaim_begin(probe_reclaim_begin);
	check_trace_callback_type_mm_vmscan_direct_reclaim_end(probe_reclaim_end);
#ifdef CONFIG_MEMCG
	check_trace_callback_type_mm_vmscan_memcg_reclaim_begin(probe_memcg_reclaim_begin);
	check_trace_callback_type_mm_vmscan_memcg_reclaim_end(probe_memcg_reclaim_end);
#endif
	check_trace_callback_type_mm_vmscan_throttled(probe_throttled);
	check_trace_callback_type_mm_vmscan_kswapd_wake(probe_kswapd_wake);
	check_trace_callback_type_mark_victim(probe_mark_victim);
#ifdef HAVE_TRACE_KSM
	check_trace_callback_type_ksm_stop_scan(probe_ksm_scan);
#endif
}

static void __init probe_find(struct tracepoint *tp, void *data)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(probe_list); i++)
		if (!strcmp(tp->name, probe_list[i].name))
			probe_list[i].tp = tp;
}

static bool __init probe_all_found(u32 capability)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(probe_list); i++)
		if (probe_list[i].capability == capability && !probe_list[i].tp)
			return false;
	return true;
}

static int __init probe_register_all(void)
{
	int err;
	int i;

	for (i = 0; i < ARRAY_SIZE(probe_list); i++) {
		struct dynmem_probe *probe = &probe_list[i];

		if (!probe_all_found(probe->capability))
			continue;
		err = tracepoint_probe_register(probe->tp, probe->func, NULL);
		if (err)
			return err;
		probe->registered = true;
		dynmem_capabilities |= probe->capability;
	}
	return 0;
}

static void probe_unregister_all(void)
{
	int i;

	for (i = ARRAY_SIZE(probe_list) - 1; i >= 0; i--) {
		if (!probe_list[i].registered)
			continue;
		tracepoint_probe_unregister(probe_list[i].tp, probe_list[i].func, NULL);
		probe_list[i].registered = false;
	}
	/* A probe that still runs must not do so in memory that is gone. */
	tracepoint_synchronize_unregister();
}

/**
 * dynmem_probe_init() - register all probes that the kernel has tracepoints for
 *
 * A tracepoint that is missing costs a capability, not the module.
 *
 * Return: 0 or a negative errno; then nothing is registered.
 */
int __init dynmem_probe_init(void)
{
	int err;

	probe_check_prototypes();
	for_each_kernel_tracepoint(probe_find, NULL);
	err = register_oom_notifier(&probe_oom_nb);
	if (err)
		return err;
	dynmem_capabilities |= DYNMEM_CAPABILITY_OOM;
	err = probe_register_all();
	if (err)
		dynmem_probe_exit();
	return err;
}

/* When this returns no probe runs, nor will one trigger a pass. */
void dynmem_probe_exit(void)
{
	probe_unregister_all();
	unregister_oom_notifier(&probe_oom_nb);
	irq_work_sync(&pressure_irq_work);
	irq_work_sync(&ksm_irq_work);
}
