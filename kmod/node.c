// SPDX-License-Identifier: GPL-2.0
/*
 * node-get: free memory and watermarks per NUMA node.
 */

#include <linux/atomic.h>
#include <linux/dynmem.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "attrs.h"
#include "capability.h"
#include "node.h"
#include "reply.h"

static const u8 node_types[DYNMEM_A_NODE_MAX + 1] = {
	[DYNMEM_A_NODE_ID] = DYNMEM_U32,
};

/**
 * struct node_events - what happened on a node
 * @wakes: times that its kswapd woke
 * @throttled: times that reclaim was throttled
 * @throttled_time: for how long, ns
 *
 * All of them are rare, or followed by a sleep: that CPUs of a node share the
 * line does no harm.
 */
struct node_events {
	atomic64_t wakes;
	atomic64_t throttled;
	atomic64_t throttled_time;
} ____cacheline_aligned_in_smp;

/* By node. */
static struct node_events *node_events;

/**
 * dynmem_node_count_wake() - count that a kswapd woke
 * @nid: its node
 *
 * Called by a probe.
 */
void dynmem_node_count_wake(int nid)
{
	if (nid >= 0 && nid < nr_node_ids)
		atomic64_inc(&node_events[nid].wakes);
}

/**
 * dynmem_node_count_throttled() - count that reclaim was throttled
 * @nid: of this node
 * @time: for how long, ns
 *
 * Called by a probe.
 */
void dynmem_node_count_throttled(int nid, u64 time)
{
	if (nid < 0 || nid >= nr_node_ids)
		return;
	atomic64_inc(&node_events[nid].throttled);
	atomic64_add(time, &node_events[nid].throttled_time);
}

static void node_fill_events(struct dynmem_record *rec, int nid)
{
	const struct node_events *events = &node_events[nid];

	if (dynmem_capabilities & DYNMEM_CAPABILITY_KSWAPD)
		dynmem_set(rec, DYNMEM_A_NODE_KSWAPD_WAKES,
			   atomic64_read(&events->wakes));
	if (!(dynmem_capabilities & DYNMEM_CAPABILITY_THROTTLED))
		return;
	dynmem_set(rec, DYNMEM_A_NODE_THROTTLED,
		   atomic64_read(&events->throttled));
	dynmem_set(rec, DYNMEM_A_NODE_THROTTLED_TIME,
		   atomic64_read(&events->throttled_time));
}

static void node_set_stat(struct dynmem_record *rec, int attr,
			  struct pglist_data *node, enum node_stat_item item)
{
	/* Per-CPU differences may make it negative for a moment. */
	dynmem_set_bytes(rec, attr,
			 max(atomic_long_read(&node->vm_stat[item]), 0L));
}

static void node_fill_zones(struct dynmem_record *rec, struct pglist_data *node)
{
	u64 total = 0, free = 0, min = 0, low = 0, high = 0;
	struct zone *zone;

	for (zone = node->node_zones; zone < node->node_zones + MAX_NR_ZONES;
	     zone++) {
		if (!populated_zone(zone))
			continue;
		total += zone_managed_pages(zone);
		free += zone_page_state(zone, NR_FREE_PAGES);
		min += min_wmark_pages(zone);
		low += low_wmark_pages(zone);
		high += high_wmark_pages(zone);
	}
	dynmem_set_bytes(rec, DYNMEM_A_NODE_TOTAL, total);
	dynmem_set_bytes(rec, DYNMEM_A_NODE_FREE, free);
	dynmem_set_bytes(rec, DYNMEM_A_NODE_WATERMARK_MIN, min);
	dynmem_set_bytes(rec, DYNMEM_A_NODE_WATERMARK_LOW, low);
	dynmem_set_bytes(rec, DYNMEM_A_NODE_WATERMARK_HIGH, high);
}

static void node_fill(struct dynmem_record *rec, int nid)
{
	struct pglist_data *node = NODE_DATA(nid);

	dynmem_set(rec, DYNMEM_A_NODE_ID, nid);
	node_fill_zones(rec, node);
	node_set_stat(rec, DYNMEM_A_NODE_ACTIVE_ANON, node, NR_ACTIVE_ANON);
	node_set_stat(rec, DYNMEM_A_NODE_INACTIVE_ANON, node, NR_INACTIVE_ANON);
	node_set_stat(rec, DYNMEM_A_NODE_ACTIVE_FILE, node, NR_ACTIVE_FILE);
	node_set_stat(rec, DYNMEM_A_NODE_INACTIVE_FILE, node, NR_INACTIVE_FILE);
	node_set_stat(rec, DYNMEM_A_NODE_UNEVICTABLE, node, NR_UNEVICTABLE);
	node_set_stat(rec, DYNMEM_A_NODE_SLAB_RECLAIMABLE, node,
		      NR_SLAB_RECLAIMABLE_B);
	node_set_stat(rec, DYNMEM_A_NODE_ANON_HUGE, node, NR_ANON_THPS);
	node_set_stat(rec, DYNMEM_A_NODE_REFAULTS_ANON, node,
		      WORKINGSET_REFAULT_ANON);
	node_set_stat(rec, DYNMEM_A_NODE_REFAULTS_FILE, node,
		      WORKINGSET_REFAULT_FILE);
	node_set_stat(rec, DYNMEM_A_NODE_RESTORES_ANON, node,
		      WORKINGSET_RESTORE_ANON);
	node_set_stat(rec, DYNMEM_A_NODE_RESTORES_FILE, node,
		      WORKINGSET_RESTORE_FILE);
	node_fill_events(rec, nid);
}

int dynmem_node_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *id = info->attrs[DYNMEM_A_NODE_ID];
	struct dynmem_record rec = {};
	struct dynmem_reply reply;
	u32 nid;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, DYNMEM_A_NODE_ID)) {
		NL_SET_ERR_MSG(info->extack,
			       "id is needed; for all nodes ask for a dump");
		return -EINVAL;
	}
	nid = nla_get_u32(id);
	if (nid >= nr_node_ids || !node_state(nid, N_MEMORY)) {
		NL_SET_ERR_MSG_ATTR(info->extack, id,
				    "no node with memory has this id");
		return -ENOENT;
	}
	err = dynmem_reply_new(&reply, info,
			       DYNMEM_RECORD_SIZE(DYNMEM_A_NODE_MAX));
	if (err)
		return err;
	node_fill(&rec, nid);
	return dynmem_reply_send(&reply, info,
				 dynmem_record_put(reply.skb, node_types,
						   &rec));
}

int dynmem_node_start(struct netlink_callback *cb, struct nlattr **attrs,
		      struct netlink_ext_ack *extack)
{
	if (!attrs[DYNMEM_A_NODE_ID])
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attrs[DYNMEM_A_NODE_ID],
			    "id is not for dumps; ask for that node alone");
	return -EINVAL;
}

/* Memory hot-unplug may take a node away; its data stays. */
int dynmem_node_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	int err = 0;
	int nid;

	for_each_node_state(nid, N_MEMORY) {
		struct dynmem_record rec = {};
		void *head;

		if (nid < cb->args[0])
			continue;
		err = -EMSGSIZE;
		head = dynmem_dump_put(skb, cb, DYNMEM_CMD_NODE_GET);
		if (!head)
			break;
		node_fill(&rec, nid);
		err = dynmem_record_put(skb, node_types, &rec);
		if (err) {
			genlmsg_cancel(skb, head);
			break;
		}
		genlmsg_end(skb, head);
		cb->args[0] = nid + 1;
	}
	return dynmem_dump_end(skb, err);
}

int __init dynmem_node_init(void)
{
	node_events = kvcalloc(nr_node_ids, sizeof(*node_events), GFP_KERNEL);
	return node_events ? 0 : -ENOMEM;
}

/* To be called when no probe runs any more, nor any request. */
void dynmem_node_exit(void)
{
	kvfree(node_events);
}
