/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dynmem: what the files of the module know of each other
 *
 * The way of an event:
 *
 *	tracepoint -> probe.c: per-CPU counters, stall.c: who stalls
 *		   -> irq_work -> watch.c: thread -> pressure.c, ksm_ntf.c
 *		   -> record.c -> genl.c: multicast
 *
 * The way of a request: genl.c -> ksm.c, process.c, ... -> record.c -> reply.
 */

#ifndef _DYNMEM_H
#define _DYNMEM_H

#include <linux/dynmem.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <net/genetlink.h>

#include "compat/compat.h"

struct task_struct;

/* record.c: one data structure for all that is told, one printer */

#define DYNMEM_RECORD_MAX	64

/**
 * struct dynmem_record - values of one attribute set
 * @present: bit n: attribute n is there
 * @value: by attribute; a sint is cast
 */
struct dynmem_record {
	u64 present;
	u64 value[DYNMEM_RECORD_MAX];
};

/* How a value is told; uint unless the attribute set's table says otherwise. */
enum dynmem_type {
	DYNMEM_UINT,
	DYNMEM_SINT,
	DYNMEM_U32,
	DYNMEM_FLAG,
};

static inline void dynmem_set(struct dynmem_record *rec, int attr, u64 value)
{
	rec->value[attr] = value;
	rec->present |= BIT_ULL(attr);
}

/* An amount of memory: counted in pages, told in bytes. */
static inline void dynmem_set_bytes(struct dynmem_record *rec, int attr,
				    u64 pages)
{
	dynmem_set(rec, attr, pages << PAGE_SHIFT);
}

static inline bool dynmem_has(const struct dynmem_record *rec, int attr)
{
	return rec->present & BIT_ULL(attr);
}

/* Bytes that attributes 1 to max need at most; strings come on top. */
#define DYNMEM_RECORD_SIZE(max)	((max) * NLA_ALIGN(NLA_HDRLEN + sizeof(u64)))

int dynmem_record_put(struct sk_buff *skb, const u8 *types,
		      const struct dynmem_record *rec);

/* genl.c: the family, replies, notifications */

extern struct genl_family dynmem_family;

enum dynmem_group {
	DYNMEM_GROUP_KSM,
	DYNMEM_GROUP_PRESSURE,
};

/**
 * struct dynmem_channel - the sending side of a multicast group
 * @group: the group
 * @cmd: command of its notifications
 * @size: bytes of a notification at most
 * @types: how its attributes are told
 * @seq: number of the last notification sent
 * @coalesced: changes told together with another
 * @failures: sends that failed
 * @sent: when the last one was sent, ns
 * @reserve: a message for when memory is out
 *
 * Guarded by its owner's mutex.
 */
struct dynmem_channel {
	enum dynmem_group group;
	u8 cmd;
	size_t size;
	const u8 *types;
	u64 seq;
	u64 coalesced;
	u64 failures;
	u64 sent;
	struct sk_buff *reserve;
};

bool dynmem_listened(enum dynmem_group group);
int dynmem_channel_init(struct dynmem_channel *channel);
void dynmem_channel_exit(struct dynmem_channel *channel);
void dynmem_channel_stamp(const struct dynmem_channel *channel,
			  struct dynmem_record *rec, u64 now);
int dynmem_notify(struct dynmem_channel *channel, struct dynmem_record *rec,
		  u32 events, u64 changes, u64 now);
int dynmem_genl_init(void);
void dynmem_genl_exit(void);

/**
 * struct dynmem_reply - a reply under way
 * @skb: the message
 * @head: its generic netlink header
 */
struct dynmem_reply {
	struct sk_buff *skb;
	void *head;
};

int dynmem_reply_new(struct dynmem_reply *reply, struct genl_info *info,
		     size_t size);
int dynmem_reply_send(struct dynmem_reply *reply, struct genl_info *info,
		      int err);
void *dynmem_dump_put(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd);

/* main.c */

extern u64 dynmem_since;
extern u32 dynmem_capabilities;

/* watch.c: the thread that looks and tells */

/**
 * struct dynmem_watch - a look that is brought on by a kick or by time
 * @work: the look
 * @timer: brings it on
 * @stopping: the timer is not started any more
 */
struct dynmem_watch {
	struct kthread_work work;
	struct hrtimer timer;
	bool stopping;
};

void dynmem_watch_init(struct dynmem_watch *watch, kthread_work_func_t look);
void dynmem_watch_kick(struct dynmem_watch *watch);
void dynmem_watch_arm(struct dynmem_watch *watch, u64 delay);
void dynmem_watch_stop(struct dynmem_watch *watch);
void dynmem_watch_cancel(struct dynmem_watch *watch);
int dynmem_thread_init(void);
void dynmem_thread_exit(void);

/* config.c: the settings */

/**
 * struct dynmem_config - the settings
 * @value: by DYNMEM_A_CONFIG_*
 */
struct dynmem_config {
	u64 value[DYNMEM_A_CONFIG_MAX + 1];
};

extern struct dynmem_config dynmem_config;

/* Readers look at one value at a time; a change takes effect with the next. */
#define dynmem_setting(NAME) \
	READ_ONCE(dynmem_config.value[DYNMEM_A_CONFIG_ ## NAME])

int dynmem_config_init(void);
int dynmem_config_get_doit(struct sk_buff *skb, struct genl_info *info);
int dynmem_config_set_doit(struct sk_buff *skb, struct genl_info *info);

/* probe.c: tracepoints, counters */

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
	DYNMEM_RECLAIMED,
	DYNMEM_MEMCG_RECLAIMED,
	DYNMEM_THROTTLED,
	DYNMEM_THROTTLED_TIME,
	DYNMEM_KSWAPD_WAKES,
	DYNMEM_OOMS,
	DYNMEM_OOM_KILLS,
	DYNMEM_MEMCG_OOM_KILLS,
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

void dynmem_counters_read(struct dynmem_counters *sum);
u32 dynmem_pressure_events_take(void);
void dynmem_probe_quiet(u64 until);
int dynmem_probe_init(void);
void dynmem_probe_exit(void);

/* stall.c: tasks in direct reclaim, and who stalled how long */

/**
 * struct dynmem_staller - who stalled
 * @pid: process, 0 in sums by cgroup
 * @start_time: of the process, ns, CLOCK_BOOTTIME
 * @cgroup: cgroup v2
 * @stalls: stalls that ended or are under way
 * @time: time stalled, ns
 * @stalled: tasks in direct reclaim now
 */
struct dynmem_staller {
	u32 pid;
	u64 start_time;
	u64 cgroup;
	u64 stalls;
	u64 time;
	u32 stalled;
};

bool dynmem_stall_begin(enum dynmem_kind kind);
bool dynmem_stall_end(enum dynmem_kind *ret_kind, u64 *ret_time);
u64 dynmem_stalled(u64 now, u32 *ret_tasks);
struct dynmem_staller *dynmem_stallers(unsigned int *ret_n);

/* stall_get.c */

int dynmem_stall_start(struct netlink_callback *cb, struct nlattr **attrs,
		       struct netlink_ext_ack *extack);
int dynmem_stall_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dynmem_stall_done(struct netlink_callback *cb);

/* vmstat.c: the kernel's own counters */

u64 dynmem_vm_event(int item);
u64 dynmem_allocstalls(void);
u64 dynmem_swap_ins(void);

/* level.c: from figures to a level */

/**
 * struct dynmem_load - figures that decide the level
 * @now: ns
 * @available: bytes
 * @stall_time: ns, cumulative, with what is under way
 * @stalled: tasks in direct reclaim
 * @refaults: pages, cumulative
 * @throttles: tasks that had to wait before they could reclaim, cumulative
 * @ooms: cumulative
 */
struct dynmem_load {
	u64 now;
	u64 available;
	u64 stall_time;
	u32 stalled;
	u64 refaults;
	u64 throttles;
	u64 ooms;
};

/* A look every eighth of a window, and some for timers that come late. */
#define DYNMEM_LOADS	12

/**
 * struct dynmem_host - the host's level, and what it was made from
 * @level: enum dynmem_level
 * @causes: enum dynmem_cause bits
 * @since: when @level was entered, ns
 * @stall_share: per mille
 * @refault_share: per mille
 * @lower: the highest level asked for since @lower_since
 * @lower_since: since when less than @level is asked for, ns; 0: it is not
 * @oom_until: until when an OOM asks for critical, ns
 * @throttled_until: until when a throttled task asks for critical, ns
 * @last: the last figures
 * @loads: figures at least an eighth of a window apart, a ring
 * @head: where the next one goes
 */
struct dynmem_host {
	u32 level;
	u32 causes;
	u64 since;
	u32 stall_share;
	u32 refault_share;
	u32 lower;
	u64 lower_since;
	u64 oom_until;
	u64 throttled_until;
	struct dynmem_load last;
	struct dynmem_load loads[DYNMEM_LOADS];
	unsigned int head;
};

void dynmem_level_init(struct dynmem_host *host,
		       const struct dynmem_load *load);
bool dynmem_level_update(struct dynmem_host *host,
			 const struct dynmem_load *load);
u64 dynmem_level_next(const struct dynmem_host *host);

/* pressure.c */

void dynmem_pressure_kick(void);
void dynmem_pressure_settings_changed(void);
int dynmem_pressure_get_doit(struct sk_buff *skb, struct genl_info *info);
int dynmem_pressure_init(void);
void dynmem_pressure_stop(void);
void dynmem_pressure_cancel(void);
void dynmem_pressure_exit(void);

/* ksm.c: KSM's counters */

/* struct ksm_rmap_item is private to KSM: its size where pointers are 8 bytes. */
#define DYNMEM_RMAP_ITEM_SIZE	64

void dynmem_ksm_init(void);
void dynmem_ksm_exit(void);
void dynmem_ksm_read(struct dynmem_record *rec, char *page);

/* ksm_ntf.c */

void dynmem_ksm_kick(void);
void dynmem_ksm_settings_changed(void);
int dynmem_ksm_get_doit(struct sk_buff *skb, struct genl_info *info);
int dynmem_ksm_ntf_init(void);
void dynmem_ksm_ntf_stop(void);
void dynmem_ksm_ntf_cancel(void);
void dynmem_ksm_ntf_exit(void);

/* process.c: the memory of processes */

/* All of enum dynmem_field. */
#define DYNMEM_ALL_FIELDS	(2 * DYNMEM_FIELD_SWAP - 1)

/**
 * struct dynmem_process - a process and its memory
 * @pid: in the initial PID namespace
 * @flags: enum dynmem_process_flag bits
 * @start_time: ns, CLOCK_BOOTTIME
 * @cgroup: cgroup v2
 * @merging_pages: pages
 * @rmap_items: number
 * @zero_pages: pages
 * @profit: bytes
 * @rss_anon: pages
 * @rss_file: pages
 * @rss_shmem: pages
 * @swap: pages
 * @comm: its name
 */
struct dynmem_process {
	u32 pid;
	u32 flags;
	u64 start_time;
	u64 cgroup;
	u64 merging_pages;
	u64 rmap_items;
	u64 zero_pages;
	s64 profit;
	u64 rss_anon;
	u64 rss_file;
	u64 rss_shmem;
	u64 swap;
	char comm[TASK_COMM_LEN];
};

/**
 * struct dynmem_walk - a walk over the processes
 * @pid: where to go on
 * @fields: enum dynmem_field bits, what to read
 * @select: enum dynmem_select
 * @cgroup: only processes in this cgroup or below it, 0: all
 */
struct dynmem_walk {
	u32 pid;
	u32 fields;
	u32 select;
	u64 cgroup;
};

bool dynmem_walk_next(struct dynmem_walk *walk, struct dynmem_process *proc);
int dynmem_process_get_doit(struct sk_buff *skb, struct genl_info *info);
int dynmem_process_start(struct netlink_callback *cb, struct nlattr **attrs,
			 struct netlink_ext_ack *extack);
int dynmem_process_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

/* cgroup.c */

#ifdef CONFIG_CGROUPS
u64 dynmem_task_cgroup(struct task_struct *task);
bool dynmem_task_below(struct task_struct *task, u64 cgroup);
int dynmem_cgroup_check(const struct nlattr *attr,
			struct netlink_ext_ack *extack);
int dynmem_cgroup_put_path(struct sk_buff *skb, int attr, u64 cgroup);
int dynmem_cgroup_start(struct netlink_callback *cb, struct nlattr **attrs,
			struct netlink_ext_ack *extack);
int dynmem_cgroup_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dynmem_cgroup_done(struct netlink_callback *cb);
#endif

/* node.c */

int dynmem_node_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* _DYNMEM_H */
