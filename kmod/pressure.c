// SPDX-License-Identifier: GPL-2.0
/*
 * The host's pressure: looks at the figures, tells the group.
 *
 * A probe brings on a look at once; the next comes by itself when available
 * memory could have reached the next threshold, for that happens long before
 * reclaim begins and no tracepoint fires there. It goes on only while somebody
 * listens.
 */

#include <linux/dynmem.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/vmstat.h>

#include "attrs.h"
#include "capability.h"
#include "compat/compat.h"
#include "config.h"
#include "counter.h"
#include "level.h"
#include "notify.h"
#include "pressure.h"
#include "reply.h"
#include "sampler.h"
#include "stall.h"
#include "vmstat.h"

/*
 * While tasks stall all the time the probes leave the thread alone for as long
 * as nothing may be told anyway, within these bounds, ns. A look takes some
 * 10 us: the thread gets at most a tenth of a CPU, by default a hundredth.
 */
#define QUIET_MIN	(100 * NSEC_PER_USEC)
#define QUIET_MAX	NSEC_PER_MSEC

static const u8 pressure_types[DYNMEM_A_PRESSURE_MAX + 1] = {
	[DYNMEM_A_PRESSURE_EVENT] = DYNMEM_U32,
	[DYNMEM_A_PRESSURE_CAPABILITIES] = DYNMEM_U32,
	[DYNMEM_A_PRESSURE_LEVEL] = DYNMEM_U32,
	[DYNMEM_A_PRESSURE_CAUSES] = DYNMEM_U32,
	[DYNMEM_A_PRESSURE_STALL_SHARE] = DYNMEM_U32,
	[DYNMEM_A_PRESSURE_REFAULT_SHARE] = DYNMEM_U32,
	[DYNMEM_A_PRESSURE_STALLED] = DYNMEM_U32,
};

/**
 * struct pressure - the state
 * @lock: held to read or write
 * @watch: brings on the look
 * @host: the level
 * @channel: the group
 * @untold: enum dynmem_pressure_event bits that wait to be told
 * @rose: the level rose and that is untold: do not wait
 * @failed: the last notification could not be sent
 * @moves: level changes
 * @told: stalls, OOMs and level changes that have been told
 */
static struct pressure {
	struct mutex lock; /* all of it */
	struct dynmem_watch watch;
	struct dynmem_host host;
	struct dynmem_channel channel;
	u32 untold;
	bool rose;
	bool failed;
	u64 moves;
	u64 told;
} pressure = {
	.lock = __MUTEX_INITIALIZER(pressure.lock),
	.channel = {
		.group = DYNMEM_GROUP_PRESSURE,
		.cmd = DYNMEM_CMD_PRESSURE_NTF,
		.size = DYNMEM_RECORD_SIZE(DYNMEM_A_PRESSURE_MAX),
		.types = pressure_types,
	},
};

/**
 * struct look - figures of one moment
 * @load: those that decide the level
 * @counters: the module's
 */
struct look {
	struct dynmem_load load;
	struct dynmem_counters counters;
};

static void look_at(struct look *look)
{
	struct dynmem_load *load = &look->load;
	u64 *counter = look->counters.value;

	load->now = ktime_get_ns();
	dynmem_counters_read(&look->counters);
	load->available = (u64)max(si_mem_available(), 0L) << PAGE_SHIFT;
	load->stall_time = counter[DYNMEM_STALL_TIME + DYNMEM_KIND_HOST] +
			   dynmem_stalled(load->now, &load->stalled);
	load->refaults = dynmem_swap_ins() +
			 global_node_page_state(WORKINGSET_RESTORE_FILE);
	load->throttles = dynmem_vm_event(PGSCAN_DIRECT_THROTTLE);
	load->ooms = counter[DYNMEM_OOMS];
}

static void fill_stalls(struct dynmem_record *rec, const struct look *look)
{
	const u64 *counter = look->counters.value;

	if (dynmem_capabilities & DYNMEM_CAPABILITY_STALL) {
		dynmem_set(rec, DYNMEM_A_PRESSURE_STALLED,
			   look->load.stalled);
		dynmem_set(rec, DYNMEM_A_PRESSURE_STALLS,
			   counter[DYNMEM_STALLS + DYNMEM_KIND_HOST]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_STALL_TIME,
			   counter[DYNMEM_STALL_TIME + DYNMEM_KIND_HOST]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_HUGE_STALLS,
			   counter[DYNMEM_STALLS + DYNMEM_KIND_HUGE]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_HUGE_STALL_TIME,
			   counter[DYNMEM_STALL_TIME + DYNMEM_KIND_HUGE]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_UNTIMED_STALLS,
			   counter[DYNMEM_UNTIMED_STALLS]);
		dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_RECLAIMED,
				 counter[DYNMEM_RECLAIMED]);
	}
	if (dynmem_capabilities & DYNMEM_CAPABILITY_MEMCG_STALL) {
		dynmem_set(rec, DYNMEM_A_PRESSURE_MEMCG_STALLS,
			   counter[DYNMEM_STALLS + DYNMEM_KIND_MEMCG]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_MEMCG_STALL_TIME,
			   counter[DYNMEM_STALL_TIME + DYNMEM_KIND_MEMCG]);
		dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_MEMCG_RECLAIMED,
				 counter[DYNMEM_MEMCG_RECLAIMED]);
	}
}

static void fill_events(struct dynmem_record *rec, const struct look *look)
{
	const u64 *counter = look->counters.value;

	if (dynmem_capabilities & DYNMEM_CAPABILITY_THROTTLED) {
		dynmem_set(rec, DYNMEM_A_PRESSURE_THROTTLED,
			   counter[DYNMEM_THROTTLED]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_THROTTLED_TIME,
			   counter[DYNMEM_THROTTLED_TIME]);
	}
	if (dynmem_capabilities & DYNMEM_CAPABILITY_KSWAPD)
		dynmem_set(rec, DYNMEM_A_PRESSURE_KSWAPD_WAKES,
			   counter[DYNMEM_KSWAPD_WAKES]);
	if (dynmem_capabilities & DYNMEM_CAPABILITY_OOM)
		dynmem_set(rec, DYNMEM_A_PRESSURE_OOMS, counter[DYNMEM_OOMS]);
	if (dynmem_capabilities & DYNMEM_CAPABILITY_OOM_KILL) {
		dynmem_set(rec, DYNMEM_A_PRESSURE_OOM_KILLS,
			   counter[DYNMEM_OOM_KILLS]);
		dynmem_set(rec, DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS,
			   counter[DYNMEM_MEMCG_OOM_KILLS]);
	}
}

static void fill_kernel(struct dynmem_record *rec)
{
	dynmem_set(rec, DYNMEM_A_PRESSURE_ALLOCSTALLS, dynmem_allocstalls());
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_SCANNED_DIRECT,
			 dynmem_scan_stat(PGSCAN_DIRECT));
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_SCANNED_KSWAPD,
			 dynmem_scan_stat(PGSCAN_KSWAPD));
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_RECLAIMED_KSWAPD,
			 dynmem_scan_stat(PGSTEAL_KSWAPD));
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_REFAULTS_ANON,
			 global_node_page_state(WORKINGSET_REFAULT_ANON));
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_REFAULTS_FILE,
			 global_node_page_state(WORKINGSET_REFAULT_FILE));
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_RESTORES_ANON,
			 global_node_page_state(WORKINGSET_RESTORE_ANON));
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_RESTORES_FILE,
			 global_node_page_state(WORKINGSET_RESTORE_FILE));
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_SWAP_INS, dynmem_swap_ins());
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_SWAP_OUTS,
			 dynmem_vm_event(PSWPOUT));
}

static void fill(struct dynmem_record *rec, const struct look *look)
{
	const struct dynmem_host *host = &pressure.host;

	dynmem_set(rec, DYNMEM_A_PRESSURE_LEVEL, host->level);
	dynmem_set(rec, DYNMEM_A_PRESSURE_CAUSES, host->causes);
	dynmem_set(rec, DYNMEM_A_PRESSURE_LEVEL_SINCE, host->since);
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_TOTAL, totalram_pages());
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_FREE,
			 global_zone_page_state(NR_FREE_PAGES));
	dynmem_set(rec, DYNMEM_A_PRESSURE_AVAILABLE, look->load.available);
#ifdef CONFIG_SWAP
	dynmem_set_bytes(rec, DYNMEM_A_PRESSURE_SWAP_FREE,
			 max(get_nr_swap_pages(), 0L));
#endif
	if (dynmem_capabilities & DYNMEM_CAPABILITY_STALL)
		dynmem_set(rec, DYNMEM_A_PRESSURE_STALL_SHARE,
			   host->stall_share);
	dynmem_set(rec, DYNMEM_A_PRESSURE_REFAULT_SHARE, host->refault_share);
	fill_stalls(rec, look);
	fill_events(rec, look);
	fill_kernel(rec);
}

/* All that is to be told, and was or will be. */
static u64 changes(const struct look *look)
{
	const u64 *counter = look->counters.value;

	return counter[DYNMEM_STALLS + DYNMEM_KIND_HOST] +
	       counter[DYNMEM_OOMS] + counter[DYNMEM_OOM_KILLS] +
	       pressure.moves;
}

static void update(const struct look *look)
{
	u32 before = pressure.host.level;

	if (!dynmem_level_update(&pressure.host, &look->load))
		return;
	pressure.moves++;
	pressure.untold |= DYNMEM_PRESSURE_EVENT_LEVEL;
	if (pressure.host.level > before)
		pressure.rose = true;
}

/* How long a notification must still wait, ns. */
static u64 wait(u64 now)
{
	u64 next = pressure.channel.sent + dynmem_setting(MIN_INTERVAL);

	if (pressure.failed)
		return dynmem_setting(SAMPLE_MIN);
	if (pressure.rose || !pressure.channel.seq || now >= next)
		return 0;
	return next - now;
}

static void tell(const struct look *look)
{
	struct dynmem_record rec = {};
	u64 sum = changes(look);
	int err;

	fill(&rec, look);
	err = dynmem_notify(&pressure.channel, &rec, pressure.untold,
			    max(sum - pressure.told, 1ULL), look->load.now);
	pressure.failed = err;
	if (err)
		return;
	pressure.told = sum;
	pressure.untold = 0;
	pressure.rose = false;
}

/* Nobody is there to be told: what happens now is nothing to be told later. */
static void forget(const struct look *look)
{
	pressure.told = changes(look);
	pressure.untold = 0;
	pressure.rose = false;
	pressure.failed = false;
}

/* Looks, tells what is to be told, and sees to the next look. */
static void look_and_tell(struct look *look)
{
	u64 next;
	u32 events = dynmem_pressure_events_take();

	look_at(look);
	update(look);
	if (!dynmem_listened(DYNMEM_GROUP_PRESSURE)) {
		forget(look);
		return;
	}
	pressure.untold |= events;
	if (pressure.untold && (pressure.failed || !wait(look->load.now)))
		tell(look);
	next = dynmem_level_next(&pressure.host);
	if (pressure.untold)
		next = min(next, wait(look->load.now));
	if (events) {
		u64 quiet = clamp(dynmem_setting(MIN_INTERVAL),
				  (u64)QUIET_MIN, (u64)QUIET_MAX);

		dynmem_pressure_quiet(look->load.now + quiet);
		next = min(next, quiet);
	}
	dynmem_watch_arm(&pressure.watch, next);
}

static void pressure_look(struct kthread_work *work)
{
	struct look look;

	mutex_lock(&pressure.lock);
	look_and_tell(&look);
	mutex_unlock(&pressure.lock);
}

/**
 * dynmem_pressure_kick() - look now
 *
 * Called by an irq_work.
 */
void dynmem_pressure_kick(void)
{
	dynmem_watch_kick(&pressure.watch);
}

/**
 * dynmem_pressure_settings_changed() - look now, by the new settings
 */
void dynmem_pressure_settings_changed(void)
{
	pressure_look(NULL);
}

int dynmem_pressure_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct dynmem_record rec = {};
	struct dynmem_reply reply;
	struct look look;
	int err;

	/* Under the lock this could keep the thread waiting for reclaim. */
	err = dynmem_reply_new(&reply, info, pressure.channel.size);
	if (err)
		return err;
	mutex_lock(&pressure.lock);
	look_and_tell(&look);
	fill(&rec, &look);
	dynmem_channel_stamp(&pressure.channel, &rec, look.load.now);
	mutex_unlock(&pressure.lock);
	return dynmem_reply_send(&reply, info,
				 dynmem_record_put(reply.skb, pressure_types,
						   &rec));
}

int __init dynmem_pressure_init(void)
{
	struct look look;

	dynmem_watch_init(&pressure.watch, pressure_look);
	look_at(&look);
	dynmem_level_init(&pressure.host, &look.load);
	return dynmem_channel_init(&pressure.channel);
}

/* From now on no request brings on a look. */
void dynmem_pressure_stop(void)
{
	mutex_lock(&pressure.lock);
	dynmem_watch_stop(&pressure.watch);
	mutex_unlock(&pressure.lock);
}

/* To be called when no probe runs any more. */
void dynmem_pressure_cancel(void)
{
	dynmem_watch_cancel(&pressure.watch);
}

void dynmem_pressure_exit(void)
{
	dynmem_channel_exit(&pressure.channel);
}
