// SPDX-License-Identifier: GPL-2.0
/*
 * The host's pressure: samples the figures, notifies the group.
 *
 * A probe triggers a pass at once; the next comes by itself when available
 * memory could have reached the next threshold, for that happens long before
 * reclaim begins and no tracepoint fires there. It goes on only while somebody
 * listens.
 *
 * The state belongs to the thread that runs the passes. Requests read a copy.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dynmem.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "capability.h"
#include "config.h"
#include "counter.h"
#include "hugetlb.h"
#include "level.h"
#include "notify.h"
#include "pressure.h"
#include "pressure_attrs.h"
#include "reply.h"
#include "sampler.h"
#include "settings.h"
#include "stall.h"
#include "trace.h"
#include "vmstat.h"

/*
 * While tasks stall all the time the probes leave the thread alone for as long
 * as nothing may be sent anyway, within these bounds, ns, and for as long as the
 * thread has to rest.
 */
#define PRESSURE_QUIET_MIN	(100 * (u64)NSEC_PER_USEC)
#define PRESSURE_QUIET_MAX	((u64)NSEC_PER_MSEC)

/**
 * struct pressure - the state
 * @sampler: runs the passes
 * @host: how the level is found
 * @channel: the group
 * @now: the figures of this pass
 * @unsent: enum dynmem_pressure_event bits that wait to be sent
 * @rose: the level rose and that is unsent: do not wait
 * @failed: the last notification could not be made
 * @moves: level changes
 * @sent: stalls, OOMs and level changes that have been sent
 * @lock: held to read or write @published, with preemption off: never for long
 * @published: the figures of the last pass, for requests
 */
static struct pressure {
	struct dynmem_sampler sampler;
	struct dynmem_host host;
	struct dynmem_channel channel;
	struct dynmem_pressure now;
	u32 unsent;
	bool rose;
	bool failed;
	u64 moves;
	u64 sent;
	raw_spinlock_t lock; /* published */
	struct dynmem_pressure published;
} pressure = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(pressure.lock),
	.channel = {
		.group = DYNMEM_GROUP_PRESSURE,
		.cmd = DYNMEM_CMD_PRESSURE_NTF,
		.size = DYNMEM_RECORD_SIZE(DYNMEM_A_PRESSURE_MAX),
		.types = dynmem_pressure_types,
	},
};

static void pressure_sample(struct dynmem_pressure *sample, u64 now)
{
	struct dynmem_load *load = &sample->load;
	const u64 *counter = sample->counters.value;
	const u64 *sum = sample->vmstat.value;

	load->now = now;
	load->stall_time = dynmem_stall_time(now, &sample->counters,
					     &load->stalled);
	dynmem_vmstat_try(&sample->vmstat, DYNMEM_VM_LEVEL);
	load->available = (u64)max(si_mem_available(), 0L) << PAGE_SHIFT;
	load->refaults = sum[DYNMEM_VM_SWAP_INS] +
			 global_node_page_state(WORKINGSET_RESTORE_FILE);
	load->reclaimed = sum[DYNMEM_VM_RECLAIMED_KSWAPD] +
			  counter[DYNMEM_RECLAIMED];
	load->memcg_reclaimed = counter[DYNMEM_MEMCG_RECLAIMED];
	load->throttles = sum[DYNMEM_VM_THROTTLES];
	load->ooms = counter[DYNMEM_OOMS];
}

/* All that notifications report, or would have. */
static u64 pressure_changes(void)
{
	const u64 *counter = pressure.now.counters.value;

	return counter[DYNMEM_STALLS + DYNMEM_KIND_HOST] +
	       counter[DYNMEM_OOMS] + counter[DYNMEM_OOM_KILLS] +
	       pressure.moves;
}

static void pressure_update(void)
{
	u32 before = pressure.host.level.level;
	bool moved = dynmem_level_update(&pressure.host, &pressure.now.load);

	pressure.now.level = pressure.host.level;
	if (!moved)
		return;
	trace_dynmem_level(before, &pressure.now.level);
	pr_debug("level %u to %u, causes 0x%x\n", before,
		 pressure.now.level.level, pressure.now.level.causes);
	pressure.moves++;
	pressure.unsent |= DYNMEM_PRESSURE_EVENT_LEVEL;
	if (pressure.host.level.level > before)
		pressure.rose = true;
}

/* How long a notification must still wait, ns. */
static u64 pressure_wait(u64 now)
{
	u64 next = pressure.channel.sent + dynmem_setting(MIN_INTERVAL);

	if (pressure.rose || !pressure.channel.stamp.seq || now >= next)
		return 0;
	return next - now;
}

static void pressure_notify(u64 now)
{
	struct dynmem_record rec = {};
	u64 changes = pressure_changes();
	int err;

	dynmem_vmstat_try(&pressure.now.vmstat, DYNMEM_VM_ALL);
	dynmem_pressure_fill(&rec, &pressure.now);
	err = dynmem_notify(&pressure.channel, &rec, pressure.unsent,
			    max(changes - pressure.sent, 1ULL), now);
	pressure.failed = err;
	if (err)
		return;
	pressure.sent = changes;
	pressure.unsent = 0;
	pressure.rose = false;
}

/* Nobody listens: what happens now is not to be reported later. */
static void pressure_forget(void)
{
	pressure.sent = pressure_changes();
	pressure.unsent = 0;
	pressure.rose = false;
	pressure.failed = false;
}

static void pressure_publish(u64 now)
{
	pressure.now.stamp = pressure.channel.stamp;
	pressure.now.stamp.time = now;
	raw_spin_lock(&pressure.lock);
	pressure.published = pressure.now;
	raw_spin_unlock(&pressure.lock);
}

/* When the next pass is due, ns from @now. */
static u64 pressure_next(u64 now, bool events)
{
	u64 next = dynmem_level_next(&pressure.host);

	if (pressure.failed)
		next = min(next, dynmem_setting(SAMPLE_MIN));
	else if (pressure.unsent)
		next = min(next, pressure_wait(now));
	if (events) {
		u64 quiet = clamp(dynmem_setting(MIN_INTERVAL),
				  PRESSURE_QUIET_MIN, PRESSURE_QUIET_MAX);

		quiet = max(quiet, dynmem_sampler_rest(&pressure.sampler));
		dynmem_pressure_quiet(now + quiet);
		next = min(next, quiet);
	}
	return next;
}

static u64 pressure_pass(u64 now)
{
	u32 events = dynmem_pressure_events_take();
	bool listened = dynmem_listened(DYNMEM_GROUP_PRESSURE);

	dynmem_config_poll(now);
	pressure_sample(&pressure.now, now);
	trace_dynmem_sample(&pressure.now.load, pressure.sampler.cost, events);
	pressure_update();
	if (!listened) {
		pressure_forget();
	} else {
		pressure.unsent |= events;
		if (pressure.unsent && !pressure_wait(now))
			pressure_notify(now);
	}
	pressure_publish(now);
	return listened ? pressure_next(now, events) : DYNMEM_NO_TIMER;
}

/**
 * dynmem_pressure_trigger() - start a pass
 *
 * Called by an irq_work.
 */
void dynmem_pressure_trigger(void)
{
	dynmem_sampler_trigger(&pressure.sampler);
}

int dynmem_pressure_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct dynmem_pressure sample;
	struct dynmem_record rec = {};
	struct dynmem_reply reply;
	int err;

	err = dynmem_reply_new(&reply, info, pressure.channel.size);
	if (err)
		return err;
	dynmem_sampler_run(&pressure.sampler);
	raw_spin_lock(&pressure.lock);
	sample = pressure.published;
	raw_spin_unlock(&pressure.lock);
	dynmem_vmstat_read(&sample.vmstat, DYNMEM_VM_ALL);
	dynmem_pressure_fill(&rec, &sample);
	dynmem_hugetlb_fill(&rec);
	return dynmem_reply_send(&reply, info,
				 dynmem_record_put(reply.skb,
						   dynmem_pressure_types,
						   &rec));
}

int __init dynmem_pressure_init(void)
{
	int err;

	dynmem_vmstat_read(&pressure.now.vmstat, DYNMEM_VM_ALL);
	pressure_sample(&pressure.now, ktime_get_ns());
	dynmem_level_init(&pressure.host, &pressure.now.load);
	err = dynmem_channel_init(&pressure.channel);
	if (err)
		return err;
	pressure.sampler.name = "dynmem";
	pressure.sampler.realtime = true;
	pressure.sampler.pass = pressure_pass;
	err = dynmem_sampler_init(&pressure.sampler);
	if (err)
		dynmem_channel_exit(&pressure.channel);
	return err;
}

/* From now on no pass runs, whatever triggers it. */
void dynmem_pressure_stop(void)
{
	dynmem_sampler_stop(&pressure.sampler);
}

void dynmem_pressure_exit(void)
{
	dynmem_sampler_exit(&pressure.sampler);
	dynmem_channel_exit(&pressure.channel);
}
