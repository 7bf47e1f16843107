// SPDX-License-Identifier: GPL-2.0
/*
 * ksm-get, and notifications when KSM's counters moved.
 *
 * KSM has no event for that: its counters are sampled every so often while
 * somebody listens. The end of a full scan has one in newer kernels, which
 * triggers a pass.
 */

#include <linux/dynmem.h>
#include <linux/ktime.h>

#include "attrs.h"
#include "capability.h"
#include "counter.h"
#include "ksm.h"
#include "ksm_ntf.h"
#include "notify.h"
#include "reply.h"
#include "sampler.h"
#include "settings.h"

static const u8 ksm_types[DYNMEM_A_KSM_MAX + 1] = {
	[DYNMEM_A_KSM_EVENT] = DYNMEM_U32,
	[DYNMEM_A_KSM_PAGE_SIZE] = DYNMEM_U32,
	[DYNMEM_A_KSM_RUN] = DYNMEM_U32,
	[DYNMEM_A_KSM_SLEEP_MILLISECS] = DYNMEM_U32,
	[DYNMEM_A_KSM_MERGE_ACROSS_NODES] = DYNMEM_U32,
	[DYNMEM_A_KSM_MAX_PAGE_SHARING] = DYNMEM_U32,
	[DYNMEM_A_KSM_USE_ZERO_PAGES] = DYNMEM_U32,
	[DYNMEM_A_KSM_STABLE_NODE_CHAINS_PRUNE_MILLISECS] = DYNMEM_U32,
	[DYNMEM_A_KSM_SMART_SCAN] = DYNMEM_U32,
	[DYNMEM_A_KSM_ADVISOR_MODE] = DYNMEM_U32,
	[DYNMEM_A_KSM_ADVISOR_MAX_CPU] = DYNMEM_U32,
	[DYNMEM_A_KSM_PROFIT] = DYNMEM_SINT,
	[DYNMEM_A_KSM_PROFIT_ESTIMATED] = DYNMEM_FLAG,
};

/* Those that show merging, not just that ksmd is awake. */
static const int ksm_moving[] = {
	DYNMEM_A_KSM_PAGES_SHARED,
	DYNMEM_A_KSM_PAGES_SHARING,
	DYNMEM_A_KSM_PAGES_UNSHARED,
	DYNMEM_A_KSM_PAGES_VOLATILE,
	DYNMEM_A_KSM_ZERO_PAGES,
	DYNMEM_A_KSM_STABLE_NODE_CHAINS,
	DYNMEM_A_KSM_STABLE_NODE_DUPS,
};

/**
 * struct ksm - the state
 * @sampler: runs the passes
 * @channel: the group
 * @sent: what was last sent, or what it was then
 * @watched: @sent is from the last pass, not from long ago
 * @scans: ends of scans that the probe had seen then
 * @lock: held to read or write @published, with preemption off: never for long
 * @published: the figures of the last pass, for requests
 */
static struct ksm {
	struct dynmem_sampler sampler;
	struct dynmem_channel channel;
	struct dynmem_record sent;
	bool watched;
	u64 scans;
	raw_spinlock_t lock; /* published */
	struct dynmem_record published;
} ksm = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(ksm.lock),
	.channel = {
		.group = DYNMEM_GROUP_KSM,
		.cmd = DYNMEM_CMD_KSM_NTF,
		.size = DYNMEM_RECORD_SIZE(DYNMEM_A_KSM_MAX),
		.types = ksm_types,
	},
};

static bool ksm_differs(const struct dynmem_record *rec, int attr)
{
	return rec->value[attr] != ksm.sent.value[attr];
}

static u32 ksm_events(const struct dynmem_record *rec)
{
	u32 events = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(ksm_moving); i++)
		if (ksm_differs(rec, ksm_moving[i]))
			events |= DYNMEM_KSM_EVENT_COUNTERS;
	if (ksm_differs(rec, DYNMEM_A_KSM_FULL_SCANS))
		events |= DYNMEM_KSM_EVENT_SCAN;
	if (ksm_differs(rec, DYNMEM_A_KSM_RUN))
		events |= DYNMEM_KSM_EVENT_RUN;
	return events;
}

/* Scans each count, the others at most once. */
static u64 ksm_changes(const struct dynmem_record *rec, u32 events)
{
	u64 n = hweight32(events & ~DYNMEM_KSM_EVENT_SCAN);

	if (events & DYNMEM_KSM_EVENT_SCAN)
		n += rec->value[DYNMEM_A_KSM_FULL_SCANS] -
		     ksm.sent.value[DYNMEM_A_KSM_FULL_SCANS];
	return n;
}

/*
 * ksmd counts a scan right after its tracepoint: when the probe has seen an
 * end that is not counted yet, another pass follows soon, this one time.
 */
#define KSM_UNCOUNTED	((u64)NSEC_PER_MSEC)

static bool ksm_uncounted(const struct dynmem_record *rec)
{
	struct dynmem_counters counters;
	u64 seen = ksm.scans;

	dynmem_counters_read(&counters);
	ksm.scans = counters.value[DYNMEM_KSM_SCANS];
	return ksm.scans != seen && !ksm_differs(rec, DYNMEM_A_KSM_FULL_SCANS);
}

static u64 ksm_wait(u64 now)
{
	u64 next = ksm.channel.sent + dynmem_setting(MIN_INTERVAL);

	return ksm.channel.stamp.seq && now < next ? next - now : 0;
}

static void ksm_publish(struct dynmem_record *rec, u64 now)
{
	struct dynmem_stamp stamp = ksm.channel.stamp;

	stamp.time = now;
	dynmem_stamp_put(rec, &stamp);
	raw_spin_lock(&ksm.lock);
	ksm.published = *rec;
	raw_spin_unlock(&ksm.lock);
}

/* Sends what is to be sent; returns when the next pass is due, ns from @now. */
static u64 ksm_notify(const struct dynmem_record *rec, u64 now)
{
	u64 next = dynmem_setting(KSM_INTERVAL);
	struct dynmem_record ntf = *rec;
	u32 events = ksm.watched ? ksm_events(rec) : 0;

	if (ksm_uncounted(rec))
		next = KSM_UNCOUNTED;
	ksm.watched = true;
	if (!events) {
		ksm.sent = *rec;
		return next;
	}
	if (ksm_wait(now))
		return min(next, ksm_wait(now));
	if (dynmem_notify(&ksm.channel, &ntf, events,
			  ksm_changes(rec, events), now))
		return min(next, dynmem_setting(SAMPLE_MIN));
	ksm.sent = *rec;
	return next;
}

static u64 ksm_pass(u64 now)
{
	bool listened = dynmem_listened(DYNMEM_GROUP_KSM);
	struct dynmem_record rec = {};
	u64 next = DYNMEM_NO_TIMER;

	dynmem_ksm_read(&rec);
	if (listened)
		next = ksm_notify(&rec, now);
	else
		ksm.watched = false;
	ksm_publish(&rec, now);
	return next;
}

/**
 * dynmem_ksm_trigger() - start a pass
 *
 * Called by an irq_work.
 */
void dynmem_ksm_trigger(void)
{
	dynmem_sampler_trigger(&ksm.sampler);
}

int dynmem_ksm_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct dynmem_record rec;
	struct dynmem_reply reply;
	int err;

	if (!(dynmem_capabilities & DYNMEM_CAPABILITY_KSM)) {
		NL_SET_ERR_MSG(info->extack,
			       "this kernel has no /sys/kernel/mm/ksm");
		return -EOPNOTSUPP;
	}
	err = dynmem_reply_new(&reply, info, ksm.channel.size);
	if (err)
		return err;
	dynmem_sampler_run(&ksm.sampler);
	raw_spin_lock(&ksm.lock);
	rec = ksm.published;
	raw_spin_unlock(&ksm.lock);
	return dynmem_reply_send(&reply, info,
				 dynmem_record_put(reply.skb, ksm_types, &rec));
}

int __init dynmem_ksm_ntf_init(void)
{
	int err;

	err = dynmem_channel_init(&ksm.channel);
	if (err)
		return err;
	ksm.sampler.name = "dynmem-ksm";
	ksm.sampler.pass = ksm_pass;
	err = dynmem_sampler_init(&ksm.sampler);
	if (err)
		goto exit_channel;
	return 0;

exit_channel:
	dynmem_channel_exit(&ksm.channel);
	return err;
}

/* From now on no pass runs, whatever triggers it. */
void dynmem_ksm_ntf_stop(void)
{
	dynmem_sampler_stop(&ksm.sampler);
}

void dynmem_ksm_ntf_exit(void)
{
	dynmem_sampler_exit(&ksm.sampler);
	dynmem_channel_exit(&ksm.channel);
}
