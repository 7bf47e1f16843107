/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libdynmem: notifications of a host's memory pressure and of KSM
 *
 * The kernel module dynmem sends these over generic netlink; what a field
 * means, its unit and its range is written in <linux/dynmem.h>, whose names
 * the fields here bear: DYNMEM_A_PRESSURE_STALL_TIME is "stall_time" in struct
 * dynmem_pressure. Documentation/agents.rst is an introduction, and
 * Documentation/examples/agent.c a whole agent.
 *
 * How to use it
 * -------------
 *	struct dynmem *d;
 *	struct dynmem_event ev;
 *
 *	r = dynmem_open(&d, 0);
 *	r = dynmem_subscribe(d, DYNMEM_GROUP_PRESSURE);
 *	for (;;) {
 *		while ((r = dynmem_next_event(d, &ev)) > 0)
 *			if (ev.type == DYNMEM_EVENT_PRESSURE)
 *				act(ev.pressure.level);
 *		poll(&(struct pollfd){ dynmem_fd(d), POLLIN, 0 }, 1, -1);
 *	}
 *
 * The module may be absent, go and come back while a handle is open. That is
 * no error: there is an event for each, and the subscription lives on. Call
 * dynmem_next_event() until it returns 0 before the first wait and after each
 * one; some events come without the descriptor being readable.
 *
 * All counters are cumulative and every event is the whole state: an event
 * that was lost costs nothing but the moment. What was lost is counted and reported.
 *
 * Conventions
 * -----------
 * Functions return a negative errno on failure, and then leave what their
 * ret arguments point to as it was. dynmem_last_error() has the kernel's own
 * words. These can come from every function that asks the kernel:
 *
 *	-ENODEV		the module is not loaded
 *	-ETIMEDOUT	no answer within DYNMEM_TIMEOUT_MS
 *	-EPERM		a capability is missing, see below
 *	-EBADMSG	the answer made no sense
 *	-EBUSY		called from the callback of a dump on the same handle
 *	-EINVAL		an argument that the kernel refused
 *
 * The library never logs, starts no thread and installs no signal handler. A
 * handle may be used by one thread at a time, different handles by different
 * threads. dynmem_next_event() allocates no memory: it is made to work when
 * there is none.
 *
 * What the kernel cannot report is absent, never zero: ask
 * dynmem_has(x.present, DYNMEM_A_...) where zero and unknown differ.
 *
 * Containers
 * ----------
 * The family exists in the initial network namespace only. An agent in a
 * container needs the host's network namespace (--network=host) when it calls
 * dynmem_open(); its sockets stay there, so it may leave it afterwards. In any
 * other namespace the handle behaves as if the module were not loaded. PIDs are
 * those of the initial PID namespace.
 *
 * Capabilities
 * ------------
 * What is marked (privileged) needs CAP_SYS_PTRACE or CAP_PERFMON, what is marked
 * (resource) CAP_SYS_RESOURCE, and to join the group "oom" CAP_SYS_ADMIN, each in
 * the initial user namespace, when the handle is opened and when it is used.
 *
 * Growth
 * ------
 * The structs end in reserved words, zero today: fields to come take their
 * place, so that a program and a library of different age understand each
 * other. Zero every struct that is passed in. Enums may gain members: ignore
 * events of an unknown type.
 */
#ifndef DYNMEM_H
#define DYNMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/dynmem.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DYNMEM_TIMEOUT_MS - how long a request waits for the kernel's answer, ms
 *
 * The kernel answers while it still works on the request, in microseconds;
 * this is for a machine that swaps so badly that our own pages are gone. Long
 * enough for that, short enough for a service manager's watchdog.
 */
#define DYNMEM_TIMEOUT_MS 5000

struct dynmem;

/**
 * enum dynmem_open_flags - how to open
 * @DYNMEM_OPEN_NO_LOAD: do not let the kernel load the module. Without it,
 *	asking for the family by name makes the kernel run modprobe, once, if
 *	the module is installed and not loaded.
 */
enum dynmem_open_flags {
	DYNMEM_OPEN_NO_LOAD = 1,
};

/**
 * enum dynmem_group - what to hear of, bits
 * @DYNMEM_GROUP_PRESSURE: level changes, stalls, OOM
 * @DYNMEM_GROUP_KSM: counters that moved, completed scans, run switched
 * @DYNMEM_GROUP_OOM: victims of the OOM killer; needs CAP_SYS_ADMIN, and a module
 *	with DYNMEM_CAPABILITY_OOM_VICTIM
 */
enum dynmem_group {
	DYNMEM_GROUP_PRESSURE = 1,
	DYNMEM_GROUP_KSM = 2,
	DYNMEM_GROUP_OOM = 4,
};

/**
 * dynmem_has() - is this attribute there?
 * @present: the struct's member of that name
 * @attr: DYNMEM_A_..., of the set that the struct is of
 *
 * Return: true if it is.
 */
static inline bool dynmem_has(uint64_t present, unsigned int attr)
{
	return present >> attr & 1;
}

/**
 * dynmem_bit() - the bit of an attribute in a present member
 * @attr: DYNMEM_A_...
 *
 * Return: the bit.
 */
static inline uint64_t dynmem_bit(unsigned int attr)
{
	return UINT64_C(1) << attr;
}

/**
 * struct dynmem_head - what answers and events of a group begin with
 * @present: which of the members are there, dynmem_has(present,
 *	DYNMEM_A_HEAD_...)
 * @capabilities: enum dynmem_capability bits
 * @reserved: zero
 *
 * All others are explained in <linux/dynmem.h>, DYNMEM_A_HEAD_*.
 */
struct dynmem_head {
	uint64_t present;
	uint64_t seq;
	uint64_t time;
	uint64_t since;
	uint64_t coalesced;
	uint64_t send_failures;
	uint32_t capabilities;
	uint32_t reserved32;
	uint64_t reserved[2];
};

/**
 * struct dynmem_pressure - the host's level and counters
 * @present: which of the members are there, dynmem_has(present,
 *	DYNMEM_A_PRESSURE_...)
 * @head: what answers and events of the group begin with
 * @event: enum dynmem_pressure_event bits, 0 if this is no notification
 * @level: enum dynmem_level
 * @causes: enum dynmem_cause bits
 * @reserved: zero
 *
 * All others are explained in <linux/dynmem.h>, DYNMEM_A_PRESSURE_*.
 */
struct dynmem_pressure {
	uint64_t present;
	struct dynmem_head head;
	uint32_t event;
	uint32_t level;
	uint32_t causes;
	uint32_t stall_share;
	uint32_t refault_share;
	uint32_t stalled;
	uint64_t level_since;
	uint64_t total;
	uint64_t free;
	uint64_t available;
	uint64_t swap_free;
	uint64_t stalls;
	uint64_t stall_time;
	uint64_t huge_stalls;
	uint64_t huge_stall_time;
	uint64_t memcg_stalls;
	uint64_t memcg_stall_time;
	uint64_t untimed_stalls;
	uint64_t reclaimed;
	uint64_t memcg_reclaimed;
	uint64_t throttled;
	uint64_t throttled_time;
	uint64_t kswapd_wakes;
	uint64_t allocstalls;
	uint64_t scanned_direct;
	uint64_t scanned_kswapd;
	uint64_t reclaimed_kswapd;
	uint64_t refaults_anon;
	uint64_t refaults_file;
	uint64_t restores_anon;
	uint64_t restores_file;
	uint64_t swap_ins;
	uint64_t swap_outs;
	uint64_t zswap_ins;
	uint64_t zswap_outs;
	uint64_t compact_stalls;
	uint64_t compact_fails;
	uint64_t thp_fallbacks;
	uint64_t hugetlb_total;
	uint64_t hugetlb_free;
	uint64_t ooms;
	uint64_t oom_kills;
	uint64_t constrained_ooms;
	uint64_t constrained_oom_kills;
	uint64_t memcg_oom_kills;
	uint64_t reserved[16];
};

/**
 * struct dynmem_ksm - KSM's counters and settings
 * @present: which of the members are there, dynmem_has(present,
 *	DYNMEM_A_KSM_...)
 * @head: what answers and events of the group begin with
 * @event: enum dynmem_ksm_event bits, 0 if this is no notification
 * @advisor_mode: enum dynmem_advisor
 * @profit_estimated: the profit was computed, for the kernel has no figure
 * @reserved: zero
 *
 * All others are explained in <linux/dynmem.h>, DYNMEM_A_KSM_*.
 */
struct dynmem_ksm {
	uint64_t present;
	struct dynmem_head head;
	uint32_t event;
	uint32_t page_size;
	uint32_t run;
	uint32_t sleep_millisecs;
	uint32_t merge_across_nodes;
	uint32_t max_page_sharing;
	uint32_t use_zero_pages;
	uint32_t stable_node_chains_prune_millisecs;
	uint32_t smart_scan;
	uint32_t advisor_mode;
	uint32_t advisor_max_cpu;
	uint32_t profit_estimated;
	uint64_t pages_to_scan;
	uint64_t advisor_min_pages_to_scan;
	uint64_t advisor_max_pages_to_scan;
	uint64_t advisor_target_scan_time;
	uint64_t pages_shared;
	uint64_t pages_sharing;
	uint64_t pages_unshared;
	uint64_t pages_volatile;
	uint64_t pages_scanned;
	uint64_t pages_skipped;
	uint64_t zero_pages;
	uint64_t full_scans;
	uint64_t stable_node_chains;
	uint64_t stable_node_dups;
	uint64_t saved;
	int64_t profit;
	uint64_t cow_breaks;
	uint64_t swapin_copies;
	uint64_t reserved[16];
};

/**
 * struct dynmem_process - one process
 * @present: which of the members are there, dynmem_has(present,
 *	DYNMEM_A_PROCESS_...)
 * @pid: in the initial PID namespace
 * @flags: enum dynmem_process_flag bits
 * @start_time: ns, CLOCK_BOOTTIME; with @pid it names one process for good
 * @comm: its name, always terminated, not always printable
 * @reserved: zero
 *
 * All others are explained in <linux/dynmem.h>, DYNMEM_A_PROCESS_*.
 */
struct dynmem_process {
	uint64_t present;
	uint32_t pid;
	uint32_t flags;
	uint64_t start_time;
	char comm[16];
	uint64_t cgroup_id;
	uint64_t merging_pages;
	uint64_t rmap_items;
	uint64_t zero_pages;
	int64_t profit;
	uint64_t rss_anon;
	uint64_t rss_file;
	uint64_t rss_shmem;
	uint64_t swap;
	uint64_t reserved[8];
};

/**
 * struct dynmem_cgroup - one cgroup, with the sums over its processes
 * @present: which of the members are there, dynmem_has(present,
 *	DYNMEM_A_CGROUP_...)
 * @path: from the root of the reader's cgroup namespace, always terminated;
 *	valid during the callback only; NULL where absent
 * @flags: enum dynmem_process_flag bits of any of its processes
 * @reserved: zero
 *
 * All others are explained in <linux/dynmem.h>, DYNMEM_A_CGROUP_*.
 */
struct dynmem_cgroup {
	uint64_t present;
	uint64_t id;
	uint64_t parent_id;
	const char *path;
	uint32_t processes;
	uint32_t ksm_processes;
	uint32_t flags;
	uint32_t reserved32;
	uint64_t merging_pages;
	uint64_t rmap_items;
	uint64_t zero_pages;
	int64_t profit;
	uint64_t rss_anon;
	uint64_t rss_file;
	uint64_t rss_shmem;
	uint64_t swap;
	uint64_t reserved[8];
};

/**
 * struct dynmem_node - one NUMA node, in bytes
 * @present: which of the members are there, dynmem_has(present,
 *	DYNMEM_A_NODE_...)
 * @reserved: zero
 *
 * All others are explained in <linux/dynmem.h>, DYNMEM_A_NODE_*.
 */
struct dynmem_node {
	uint64_t present;
	uint32_t id;
	uint32_t reserved32;
	uint64_t total;
	uint64_t free;
	uint64_t watermark_min;
	uint64_t watermark_low;
	uint64_t watermark_high;
	uint64_t active_anon;
	uint64_t inactive_anon;
	uint64_t active_file;
	uint64_t inactive_file;
	uint64_t unevictable;
	uint64_t slab_reclaimable;
	uint64_t anon_huge;
	uint64_t refaults_anon;
	uint64_t refaults_file;
	uint64_t restores_anon;
	uint64_t restores_file;
	uint64_t kswapd_wakes;
	uint64_t throttled;
	uint64_t throttled_time;
	uint64_t reserved[8];
};

/**
 * struct dynmem_stall - one process or cgroup that stalled
 * @present: which of the members are there, dynmem_has(present,
 *	DYNMEM_A_STALL_...)
 * @comm: its name, always terminated, not always printable; empty if absent
 * @cgroup_path: as in struct dynmem_cgroup
 * @reserved: zero
 *
 * All others are explained in <linux/dynmem.h>, DYNMEM_A_STALL_*.
 */
struct dynmem_stall {
	uint64_t present;
	uint32_t pid;
	uint32_t stalled;
	uint64_t start_time;
	char comm[16];
	uint64_t cgroup_id;
	const char *cgroup_path;
	uint64_t stalls;
	uint64_t stall_time;
	uint64_t memcg_stalls;
	uint64_t memcg_stall_time;
	uint64_t reserved[8];
};

/**
 * struct dynmem_oom - a victim of the OOM killer
 * @present: which of the members are there, dynmem_has(present,
 *	DYNMEM_A_OOM_...)
 * @head: what answers and events of the group begin with; its seq is the number
 *	of the victim
 * @kind: enum dynmem_oom_kind
 * @comm: its name, always terminated, not always printable
 * @reserved: zero
 *
 * All others are explained in <linux/dynmem.h>, DYNMEM_A_OOM_*.
 */
struct dynmem_oom {
	uint64_t present;
	struct dynmem_head head;
	uint32_t kind;
	uint32_t pid;
	uint64_t time;
	uint64_t start_time;
	char comm[16];
	uint32_t uid;
	uint32_t reserved32;
	uint64_t cgroup_id;
	uint64_t rss_anon;
	uint64_t rss_file;
	uint64_t rss_shmem;
	uint64_t swap;
	uint64_t reserved[8];
};

/**
 * struct dynmem_config - the module's settings
 * @present: which of the members are there, or are to be set: dynmem_bit(
 *	DYNMEM_A_CONFIG_...). DYNMEM_A_CONFIG_DEFAULTS has no member, its bit
 *	says it all.
 * @reserved: zero
 *
 * All others are explained in <linux/dynmem.h>, DYNMEM_A_CONFIG_*.
 */
struct dynmem_config {
	uint64_t present;
	uint64_t threshold_low;
	uint64_t threshold_medium;
	uint64_t threshold_critical;
	uint32_t stall_low;
	uint32_t stall_medium;
	uint32_t stall_critical;
	uint32_t reserved32;
	uint64_t window;
	uint64_t hold;
	uint64_t min_interval;
	uint64_t sample_min;
	uint64_t sample_max;
	uint64_t fill_rate;
	uint64_t refault_cost;
	uint64_t ksm_interval;
	uint64_t reserved[8];
};

/**
 * enum dynmem_event_type - what an event is about
 * @DYNMEM_EVENT_PRESSURE: the host's level and counters; why: pressure.event
 * @DYNMEM_EVENT_KSM: KSM's counters; why: ksm.event
 * @DYNMEM_EVENT_APPEARED: the module is there. A handle starts without it, so
 *	this is the first event if it is loaded already. The state of all
 *	groups subscribed to follows.
 * @DYNMEM_EVENT_VANISHED: the module was unloaded
 * @DYNMEM_EVENT_OVERRUN: events came faster than they were read, and some are
 *	lost. The state of all groups subscribed to follows; of the group oom
 *	dynmem_dump_ooms() has the last victims.
 * @DYNMEM_EVENT_OOM: a victim of the OOM killer
 *
 * A pressure or KSM event with event == 0 is the state at this moment, not
 * news: it comes after dynmem_subscribe(), APPEARED and OVERRUN.
 */
enum dynmem_event_type {
	DYNMEM_EVENT_PRESSURE = 1,
	DYNMEM_EVENT_KSM,
	DYNMEM_EVENT_APPEARED,
	DYNMEM_EVENT_VANISHED,
	DYNMEM_EVENT_OVERRUN,
	DYNMEM_EVENT_OOM,
};

/**
 * struct dynmem_event - an event
 * @type: enum dynmem_event_type
 * @lost: notifications of this group that were sent since the event of the
 *	same type before this one, and never delivered; their counters are in
 *	this one's
 * @pressure: for DYNMEM_EVENT_PRESSURE
 * @ksm: for DYNMEM_EVENT_KSM
 * @oom: for DYNMEM_EVENT_OOM
 */
struct dynmem_event {
	uint32_t type;
	uint32_t reserved32;
	uint64_t lost;
	union {
		struct dynmem_pressure pressure;
		struct dynmem_ksm ksm;
		struct dynmem_oom oom;
		uint64_t reserved[96];
	};
};

/**
 * struct dynmem_stats - what the library counted since the handle was opened
 * @events: pressure and KSM events delivered
 * @lost: notifications lost, all groups
 * @overruns: times that the receive buffer ran over
 * @malformed: messages that made no sense and were dropped
 * @reserved: zero
 */
struct dynmem_stats {
	uint64_t events;
	uint64_t lost;
	uint64_t overruns;
	uint64_t malformed;
	uint64_t reserved[4];
};

/**
 * dynmem_open() - open a handle
 * @ret: the handle
 * @flags: enum dynmem_open_flags bits
 *
 * Works without the module: see DYNMEM_EVENT_APPEARED and dynmem_present().
 *
 * Return: 0, -EINVAL (unknown flag), -ENOMEM, or what socket(2) says.
 */
int dynmem_open(struct dynmem **ret, unsigned int flags);

/**
 * dynmem_close() - close a handle and free it
 * @d: the handle, or NULL
 */
void dynmem_close(struct dynmem *d);

/**
 * dynmem_present() - is the module there, as far as events were read?
 * @d: the handle
 *
 * Return: true if it is.
 */
bool dynmem_present(const struct dynmem *d);

/**
 * dynmem_last_error() - why the last request failed, in words
 * @d: the handle
 *
 * Return: the kernel's text about its refusal if there is one, else that of
 * the errno; a sentence without a full stop. Empty if nothing failed yet.
 * Valid until the next call on this handle.
 */
const char *dynmem_last_error(const struct dynmem *d);

/**
 * dynmem_last_error_attr() - the attribute that dynmem_last_error() is about
 * @d: the handle
 *
 * Return: DYNMEM_A_..., or 0 if it is not about one.
 */
unsigned int dynmem_last_error_attr(const struct dynmem *d);

/**
 * dynmem_fd() - the descriptor to wait on
 * @d: the handle
 *
 * For poll(2), epoll(7), sd_event_add_io(3): wait for it to be readable, do
 * nothing else with it. It stays the same as long as the handle is open.
 *
 * Return: the descriptor.
 */
int dynmem_fd(const struct dynmem *d);

/**
 * dynmem_subscribe() - say what to hear of
 * @d: the handle
 * @groups: enum dynmem_group bits; those left out are left
 *
 * Family events come in any case. If the module is absent, the subscription
 * starts when it appears. The state of each group that is new comes first,
 * as an event: call dynmem_next_event() before waiting.
 *
 * Return: 0, -EINVAL (unknown group), or why the kernel refused.
 */
int dynmem_subscribe(struct dynmem *d, unsigned int groups);

/**
 * dynmem_next_event() - take the next event
 * @d: the handle
 * @ret: the event; untouched unless 1 is returned
 *
 * Never waits for an event. Asks the kernel for the state where that is due
 * (see enum dynmem_event_type), and allocates nothing.
 *
 * Return: 1: an event; 0: none now, wait; negative errno: the state could not
 * be asked for or the socket failed; calling again tries again.
 */
int dynmem_next_event(struct dynmem *d, struct dynmem_event *ret);

/**
 * dynmem_get_stats() - what was delivered and lost
 * @d: the handle
 * @ret: the counters
 */
void dynmem_get_stats(const struct dynmem *d, struct dynmem_stats *ret);

/**
 * dynmem_get_pressure() - the host's level and counters
 * @d: the handle
 * @ret: the answer
 *
 * Return: 0 or a negative errno.
 */
int dynmem_get_pressure(struct dynmem *d, struct dynmem_pressure *ret);

/**
 * dynmem_get_ksm() - KSM's counters and settings
 * @d: the handle
 * @ret: the answer
 *
 * Return: 0 or a negative errno.
 */
int dynmem_get_ksm(struct dynmem *d, struct dynmem_ksm *ret);

/**
 * dynmem_get_config() - the module's settings
 * @d: the handle
 * @ret: the answer
 *
 * Return: 0 or a negative errno.
 */
int dynmem_get_config(struct dynmem *d, struct dynmem_config *ret);

/**
 * dynmem_set_config() - change settings (resource); all of them or none
 * @d: the handle
 * @config: the members whose bits are set in its @present are changed
 *
 * Return: 0, -EINVAL (no or an unknown bit in present), -ERANGE or -EINVAL
 * (out of range: see dynmem_last_error() and dynmem_last_error_attr()), or
 * another negative errno.
 */
int dynmem_set_config(struct dynmem *d, const struct dynmem_config *config);

/**
 * dynmem_get_process() - one process (privileged)
 * @d: the handle
 * @pid: its PID in the initial PID namespace
 * @fields: enum dynmem_field bits: what to ask for; 0 is all
 * @ret: the answer
 *
 * Return: 0, -ESRCH (no such process, or it has no memory: a kernel thread or
 * a zombie), or another negative errno.
 */
int dynmem_get_process(struct dynmem *d, uint32_t pid, uint32_t fields, struct dynmem_process *ret);

/*
 * Dumps call back for each entry, in the kernel's order. A callback returns 0
 * to go on; anything else ends the dump, which returns it. It must not use
 * the same handle. A dump returns 0, what its callback returned, -EAGAIN if
 * the kernel says that the list changed meanwhile, so that entries may be
 * doubled or missing (all were delivered; dump again if that matters), or
 * another negative errno.
 */
typedef int (*dynmem_process_fn)(const struct dynmem_process *p, void *arg);
typedef int (*dynmem_cgroup_fn)(const struct dynmem_cgroup *c, void *arg);
typedef int (*dynmem_node_fn)(const struct dynmem_node *n, void *arg);
typedef int (*dynmem_stall_fn)(const struct dynmem_stall *s, void *arg);
typedef int (*dynmem_oom_fn)(const struct dynmem_oom *oom, void *arg);

/**
 * struct dynmem_process_filter - which processes, and what about them
 * @select: enum dynmem_select
 * @fields: enum dynmem_field bits; 0 is all. Less is faster.
 * @cgroup_id: those in this cgroup or below; 0 is no restriction
 * @reserved: zero
 */
struct dynmem_process_filter {
	uint32_t select;
	uint32_t fields;
	uint64_t cgroup_id;
	uint64_t reserved[4];
};

/**
 * dynmem_dump_processes() - list processes (privileged)
 * @d: the handle
 * @filter: which; NULL: those that KSM knows, all fields
 * @fn: called for each
 * @arg: passed on to @fn
 *
 * Return: see above.
 */
int dynmem_dump_processes(struct dynmem *d, const struct dynmem_process_filter *filter,
			  dynmem_process_fn fn, void *arg);

/**
 * struct dynmem_cgroup_filter - which cgroups
 * @select: enum dynmem_select
 * @tree: sums include the cgroups below
 * @id: this one and those below; 0 is no restriction
 * @reserved: zero
 */
struct dynmem_cgroup_filter {
	uint32_t select;
	uint32_t tree;
	uint64_t id;
	uint64_t reserved[4];
};

/**
 * dynmem_dump_cgroups() - list cgroups, parents before children (privileged)
 * @d: the handle
 * @filter: which; NULL: those with a process that KSM knows, without sums
 *	over the tree
 * @fn: called for each
 * @arg: passed on to @fn
 *
 * Return: see above; -EOPNOTSUPP where the kernel has no cgroup v2.
 */
int dynmem_dump_cgroups(struct dynmem *d, const struct dynmem_cgroup_filter *filter,
			dynmem_cgroup_fn fn, void *arg);

/**
 * dynmem_get_node() - one NUMA node
 * @d: the handle
 * @id: its number
 * @ret: the answer
 *
 * Return: 0, -ENOENT if no node with memory has this number, or another negative
 * errno.
 */
int dynmem_get_node(struct dynmem *d, uint32_t id, struct dynmem_node *ret);

/**
 * dynmem_dump_nodes() - list the NUMA nodes that have memory
 * @d: the handle
 * @fn: called for each
 * @arg: passed on to @fn
 *
 * Return: see above.
 */
int dynmem_dump_nodes(struct dynmem *d, dynmem_node_fn fn, void *arg);

/**
 * struct dynmem_stall_filter - which stalls
 * @by: enum dynmem_stall_by: list processes or cgroups
 * @kind: enum dynmem_stall_kind: for lack of the host's memory, or of a cgroup's
 * @cgroup_id: those in this cgroup or below; 0 is no restriction
 * @reserved: zero
 */
struct dynmem_stall_filter {
	uint32_t by;
	uint32_t kind;
	uint64_t cgroup_id;
	uint64_t reserved[4];
};

/**
 * dynmem_dump_stalls() - who stalled in the last window, worst first (privileged)
 * @d: the handle
 * @filter: which; NULL: processes that stalled for lack of the host's memory
 * @fn: called for each
 * @arg: passed on to @fn
 *
 * Return: see above.
 */
int dynmem_dump_stalls(struct dynmem *d, const struct dynmem_stall_filter *filter,
		       dynmem_stall_fn fn, void *arg);

/**
 * dynmem_dump_ooms() - the last victims of the OOM killer (privileged)
 * @d: the handle
 * @fn: called for each, oldest first
 * @arg: passed on to @fn
 *
 * Return: see above.
 */
int dynmem_dump_ooms(struct dynmem *d, dynmem_oom_fn fn, void *arg);

/**
 * dynmem_level_name() - the name of a level
 * @level: enum dynmem_level
 *
 * Return: "none", "low", "medium", "critical"; "unknown" for any other.
 */
const char *dynmem_level_name(uint32_t level);

/**
 * dynmem_cause_name() - the name of a cause
 * @cause: one enum dynmem_cause bit
 *
 * Return: "available", "stall", "refault", "oom"; "unknown" for any other.
 */
const char *dynmem_cause_name(uint32_t cause);

#ifdef __cplusplus
}
#endif

#endif
