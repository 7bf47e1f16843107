// SPDX-License-Identifier: GPL-2.0
/*
 * ksm-get, and the group that tells when KSM's counters moved.
 *
 * KSM has no event for that: its counters are looked at every so often while
 * somebody listens. The end of a full scan has one in newer kernels, which
 * brings the look on.
 */

#include <linux/dynmem.h>
#include <linux/gfp.h>
#include <linux/ktime.h>

#include "attrs.h"
#include "capability.h"
#include "config.h"
#include "counter.h"
#include "ksm.h"
#include "ksm_ntf.h"
#include "notify.h"
#include "reply.h"
#include "sampler.h"

static const u8 ksm_types[DYNMEM_A_KSM_MAX + 1] = {
	[DYNMEM_A_KSM_EVENT] = DYNMEM_U32,
	[DYNMEM_A_KSM_CAPABILITIES] = DYNMEM_U32,
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

/* Those that tell of merging, not just of ksmd being awake. */
static const int moving[] = {
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
 * @lock: held to read or write
 * @watch: brings on the look
 * @channel: the group
 * @page: for reading
 * @told: what the group was last told, or what it was then
 * @watched: @told is from the last look, not from long ago
 * @scans: ends of scans that the probe had seen then
 */
static struct ksm {
	struct mutex lock; /* all of it */
	struct dynmem_watch watch;
	struct dynmem_channel channel;
	char *page;
	struct dynmem_record told;
	bool watched;
	u64 scans;
} ksm = {
	.lock = __MUTEX_INITIALIZER(ksm.lock),
	.channel = {
		.group = DYNMEM_GROUP_KSM,
		.cmd = DYNMEM_CMD_KSM_NTF,
		.size = DYNMEM_RECORD_SIZE(DYNMEM_A_KSM_MAX),
		.types = ksm_types,
	},
};

static bool differs(const struct dynmem_record *rec, int attr)
{
	return rec->value[attr] != ksm.told.value[attr];
}

static u32 events_of(const struct dynmem_record *rec)
{
	u32 events = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(moving); i++)
		if (differs(rec, moving[i]))
			events |= DYNMEM_KSM_EVENT_COUNTERS;
	if (differs(rec, DYNMEM_A_KSM_FULL_SCANS))
		events |= DYNMEM_KSM_EVENT_SCAN;
	if (differs(rec, DYNMEM_A_KSM_RUN))
		events |= DYNMEM_KSM_EVENT_RUN;
	return events;
}

/* Scans each count, the others at most once. */
static u64 changes_of(const struct dynmem_record *rec, u32 events)
{
	u64 n = hweight32(events & ~DYNMEM_KSM_EVENT_SCAN);

	if (events & DYNMEM_KSM_EVENT_SCAN)
		n += rec->value[DYNMEM_A_KSM_FULL_SCANS] -
		     ksm.told.value[DYNMEM_A_KSM_FULL_SCANS];
	return n;
}

/*
 * ksmd counts a scan right after its tracepoint: when the probe has seen an
 * end that is not counted yet, another look follows soon, this one time.
 */
#define UNCOUNTED	NSEC_PER_MSEC

static bool uncounted(const struct dynmem_record *rec)
{
	struct dynmem_counters counters;
	u64 seen = ksm.scans;

	dynmem_counters_read(&counters);
	ksm.scans = counters.value[DYNMEM_KSM_SCANS];
	return ksm.scans != seen && !differs(rec, DYNMEM_A_KSM_FULL_SCANS);
}

static u64 wait(u64 now)
{
	u64 next = ksm.channel.sent + dynmem_setting(MIN_INTERVAL);

	return ksm.channel.seq && now < next ? next - now : 0;
}

/* Looks, tells what is to be told, and sees to the next look. */
static void look_and_tell(struct dynmem_record *rec)
{
	u64 next = dynmem_setting(KSM_INTERVAL);
	u64 now = ktime_get_ns();
	u32 events;

	dynmem_ksm_read(rec, ksm.page);
	dynmem_channel_stamp(&ksm.channel, rec, now);
	if (!dynmem_listened(DYNMEM_GROUP_KSM)) {
		ksm.watched = false;
		return;
	}
	if (uncounted(rec))
		next = UNCOUNTED;
	events = ksm.watched ? events_of(rec) : 0;
	if (!events) {
		ksm.told = *rec;
	} else if (wait(now)) {
		next = min(next, wait(now));
	} else {
		struct dynmem_record ntf = *rec;

		if (!dynmem_notify(&ksm.channel, &ntf, events,
				   changes_of(rec, events), now))
			ksm.told = *rec;
		else
			next = min(next, dynmem_setting(SAMPLE_MIN));
		dynmem_channel_stamp(&ksm.channel, rec, now);
	}
	ksm.watched = true;
	dynmem_watch_arm(&ksm.watch, next);
}

static void ksm_look(struct kthread_work *work)
{
	struct dynmem_record rec = {};

	mutex_lock(&ksm.lock);
	look_and_tell(&rec);
	mutex_unlock(&ksm.lock);
}

/**
 * dynmem_ksm_kick() - look now
 *
 * Called by an irq_work.
 */
void dynmem_ksm_kick(void)
{
	dynmem_watch_kick(&ksm.watch);
}

/**
 * dynmem_ksm_settings_changed() - look now, by the new settings
 */
void dynmem_ksm_settings_changed(void)
{
	ksm_look(NULL);
}

int dynmem_ksm_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct dynmem_record rec = {};
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
	mutex_lock(&ksm.lock);
	look_and_tell(&rec);
	mutex_unlock(&ksm.lock);
	return dynmem_reply_send(&reply, info,
				 dynmem_record_put(reply.skb, ksm_types, &rec));
}

int __init dynmem_ksm_ntf_init(void)
{
	dynmem_watch_init(&ksm.watch, ksm_look);
	ksm.page = (char *)get_zeroed_page(GFP_KERNEL);
	if (!ksm.page)
		return -ENOMEM;
	return dynmem_channel_init(&ksm.channel);
}

/* From now on no request brings on a look. */
void dynmem_ksm_ntf_stop(void)
{
	mutex_lock(&ksm.lock);
	dynmem_watch_stop(&ksm.watch);
	mutex_unlock(&ksm.lock);
}

/* To be called when no probe runs any more. */
void dynmem_ksm_ntf_cancel(void)
{
	dynmem_watch_cancel(&ksm.watch);
}

void dynmem_ksm_ntf_exit(void)
{
	dynmem_channel_exit(&ksm.channel);
	free_page((unsigned long)ksm.page);
}
