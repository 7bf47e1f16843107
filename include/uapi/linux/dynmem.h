/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * dynmem: KSM statistics and memory pressure over generic netlink
 *
 * Documentation/netlink/specs/dynmem.yaml is the same contract for machines.
 *
 * Conventions
 * -----------
 * u32	4 bytes, host byte order.
 * uint	4 bytes where the value fits, else 8, host byte order; the length
 *	says which.  In requests either is accepted.  Payloads are aligned to
 *	4 bytes only: copy, do not dereference.  sint is the same, signed.
 * flag	no payload; there or not.
 * string	ends in a zero byte, which counts in the attribute's length; its
 *	other bytes may be any but zero.
 * nest	attributes of another set.
 *
 * Amounts of memory are bytes, times are nanoseconds, unless stated.  Clock
 * readings are CLOCK_MONOTONIC.  Counters only grow.  Those that the module
 * counts itself start at DYNMEM_A_HEAD_SINCE (the module's load), those
 * marked "boot" are the kernel's own and start at boot.  What the running
 * kernel does not know is left out, never reported as zero; see
 * enum dynmem_capability.  Readers ignore attributes that they do not know.
 * Documentation/ABI/dynmem-netlink has what is stable, and how it may grow.
 *
 * The family lives in the initial network namespace alone, and PIDs are those
 * of the initial PID namespace.  Commands marked (privileged) name processes:
 * they need CAP_SYS_PTRACE or CAP_PERFMON.  Those marked (resource) change what
 * the host reports to all: they need CAP_SYS_RESOURCE.  The group "oom" needs
 * CAP_SYS_ADMIN to join.  All of them in the initial user namespace, of the
 * process that asks and of the one that opened the socket.  A refusal carries
 * an extended acknowledgment: a text, and the attribute that it is about.
 *
 * How to listen
 * -------------
 * Join the multicast group first, then ask once: DYNMEM_CMD_PRESSURE_GET for
 * "pressure", DYNMEM_CMD_KSM_GET for "ksm", DYNMEM_CMD_OOM_GET for "oom".  The
 * answer is the state to start from, and for the first two the request starts
 * the sampling behind the group.  Sampling ends by itself when the last
 * listener has left.
 *
 * Every notification of a group carries a sequence number, one more than the
 * one before, and (but for "oom") cumulative counters.  The answer to a get
 * carries the number of the last notification sent.  After a gap or an overrun
 * (ENOBUFS) ask once more, and nothing is lost but the moment.  A
 * DYNMEM_A_HEAD_SINCE that changed means that the module was loaded anew.
 *
 * Use one socket for notifications and another one for requests.
 *
 * The head of answers and notifications
 * -------------------------------------
 * What belongs to a group begins with one, the nest DYNMEM_A_KSM_HEAD,
 * DYNMEM_A_PRESSURE_HEAD or DYNMEM_A_OOM_HEAD:
 *
 *	DYNMEM_A_HEAD_SEQ: uint, number of this, or of the last, notification
 *	DYNMEM_A_HEAD_TIME: uint, ns, when this was read
 *	DYNMEM_A_HEAD_SINCE: uint, ns, when the module was loaded
 *	DYNMEM_A_HEAD_COALESCED: uint, changes (KSM's; or stalls, OOMs and level
 *		changes) reported together with another
 *	DYNMEM_A_HEAD_SEND_FAILURES: uint, sends that failed, each tried again
 *	DYNMEM_A_HEAD_CAPABILITIES: u32, enum dynmem_capability bits
 *
 * DYNMEM_CMD_KSM_GET do: KSM's counters and settings
 * DYNMEM_CMD_KSM_NTF on group "ksm": counters moved, scan ended, run changed
 * --------------------------------------------------------------------------
 * The request has no attributes.  Answer and notification:
 *
 *	DYNMEM_A_KSM_HEAD: nest
 *	DYNMEM_A_KSM_EVENT: u32, enum dynmem_ksm_event bits; in NTF only
 *	DYNMEM_A_KSM_PAGE_SIZE: u32, bytes in a page
 *	the files of /sys/kernel/mm/ksm under their own names and units:
 *	DYNMEM_A_KSM_RUN: u32, 0 stop, 1 run, 2 unmerge
 *	DYNMEM_A_KSM_PAGES_TO_SCAN: uint, pages a turn
 *	DYNMEM_A_KSM_SLEEP_MILLISECS: u32, ms between two turns
 *	DYNMEM_A_KSM_MERGE_ACROSS_NODES: u32, 0 or 1
 *	DYNMEM_A_KSM_MAX_PAGE_SHARING: u32
 *	DYNMEM_A_KSM_USE_ZERO_PAGES: u32, 0 or 1
 *	DYNMEM_A_KSM_STABLE_NODE_CHAINS_PRUNE_MILLISECS: u32, ms
 *	DYNMEM_A_KSM_SMART_SCAN: u32, 0 or 1
 *	DYNMEM_A_KSM_ADVISOR_MODE: u32, enum dynmem_advisor
 *	DYNMEM_A_KSM_ADVISOR_MAX_CPU: u32, percent
 *	DYNMEM_A_KSM_ADVISOR_MIN_PAGES_TO_SCAN: uint, pages
 *	DYNMEM_A_KSM_ADVISOR_MAX_PAGES_TO_SCAN: uint, pages
 *	DYNMEM_A_KSM_ADVISOR_TARGET_SCAN_TIME: uint, seconds
 *	DYNMEM_A_KSM_PAGES_SHARED: uint, pages kept for sharing
 *	DYNMEM_A_KSM_PAGES_SHARING: uint, pages saved by that
 *	DYNMEM_A_KSM_PAGES_UNSHARED: uint, pages scanned, unique so far
 *	DYNMEM_A_KSM_PAGES_VOLATILE: uint, pages that change too fast
 *	DYNMEM_A_KSM_PAGES_SCANNED: uint, pages, boot
 *	DYNMEM_A_KSM_PAGES_SKIPPED: uint, pages, boot
 *	DYNMEM_A_KSM_ZERO_PAGES: uint, pages mapped to the zero page now
 *	DYNMEM_A_KSM_FULL_SCANS: uint, boot
 *	DYNMEM_A_KSM_STABLE_NODE_CHAINS: uint
 *	DYNMEM_A_KSM_STABLE_NODE_DUPS: uint
 *	and what follows from them:
 *	DYNMEM_A_KSM_SAVED: uint, bytes, (sharing + zero pages) * page size
 *	DYNMEM_A_KSM_PROFIT: sint, bytes, saved less what KSM needs for it
 *	DYNMEM_A_KSM_PROFIT_ESTIMATED: flag, the kernel has no figure of the
 *		profit; it was computed with the usual size of an rmap item
 *	DYNMEM_A_KSM_COW_BREAKS: uint, merged pages written to, boot
 *	DYNMEM_A_KSM_SWAPIN_COPIES: uint, pages copied at swap-in, boot
 *
 * DYNMEM_CMD_PROCESS_GET do, dump (privileged): KSM and memory of processes
 * -------------------------------------------------------------------------
 * Request:
 *
 *	DYNMEM_A_PROCESS_PID: u32, do only, and needed there
 *	DYNMEM_A_PROCESS_SELECT: u32, enum dynmem_select, dump only; default
 *		DYNMEM_SELECT_KSM
 *	DYNMEM_A_PROCESS_CGROUP_ID: uint, dump only: processes in this cgroup
 *		or below it; ENOENT where there is none
 *	DYNMEM_A_PROCESS_FIELDS: u32, enum dynmem_field bits, what to answer;
 *		default all.  Less is faster.
 *
 * Answer, one per process (kernel threads and zombies have no memory and are
 * not listed).  A dump is no snapshot: processes come and go meanwhile.
 *
 * RSS and swap are exact in the answer to a do.  In a dump, and in the sums of
 * cgroups, they are what the kernel keeps at hand: from 6.2 on each CPU keeps
 * back up to max(32, 2 * CPUs) pages of each of these counters, so that one may
 * be off by CPUs times that (2 MiB with 16 CPUs, 512 MiB with 256).  Decide
 * about one process by a do.
 *
 *	DYNMEM_A_PROCESS_PID: u32
 *	DYNMEM_A_PROCESS_START_TIME: uint, ns, CLOCK_BOOTTIME; field 22 of
 *		/proc/PID/stat in full.  With the PID it names one process
 *	DYNMEM_A_PROCESS_COMM: string, up to 15 bytes and the zero
 *	DYNMEM_A_PROCESS_CGROUP_ID: uint, inode of its cgroup v2 directory
 *	DYNMEM_A_PROCESS_FLAGS: u32, enum dynmem_process_flag bits
 *	DYNMEM_A_PROCESS_MERGING_PAGES: uint, pages
 *	DYNMEM_A_PROCESS_RMAP_ITEMS: uint
 *	DYNMEM_A_PROCESS_ZERO_PAGES: uint, pages
 *	DYNMEM_A_PROCESS_PROFIT: sint, bytes
 *	DYNMEM_A_PROCESS_RSS_ANON: uint, bytes
 *	DYNMEM_A_PROCESS_RSS_FILE: uint, bytes
 *	DYNMEM_A_PROCESS_RSS_SHMEM: uint, bytes
 *	DYNMEM_A_PROCESS_SWAP: uint, bytes
 *
 * DYNMEM_CMD_CGROUP_GET dump (privileged): the same, summed per cgroup v2
 * -----------------------------------------------------------------------
 * Request:
 *
 *	DYNMEM_A_CGROUP_ID: uint, this cgroup and those below it only
 *	DYNMEM_A_CGROUP_TREE: flag, sums include the cgroups below, and
 *		cgroups without processes of their own are listed too
 *	DYNMEM_A_CGROUP_SELECT: u32, enum dynmem_select: list cgroups with a
 *		KSM user only (default) or all that have a process
 *
 * Answer, one per cgroup, parents before children.  An address space is
 * counted once, in the cgroup of the process that owns it.  EOPNOTSUPP where
 * cgroup v2 is not in use (it has no cgroup but the root, as on a v1 host).
 *
 *	DYNMEM_A_CGROUP_ID: uint
 *	DYNMEM_A_CGROUP_PARENT_ID: uint, not in the root's, nor in that of
 *		the reader's cgroup namespace: what is outside is not listed
 *	DYNMEM_A_CGROUP_PATH: string, in the reader's cgroup namespace
 *	DYNMEM_A_CGROUP_PROCESSES: u32, address spaces counted
 *	DYNMEM_A_CGROUP_KSM_PROCESSES: u32, those of them that KSM knows
 *	DYNMEM_A_CGROUP_FLAGS: u32, enum dynmem_process_flag bits of any
 *	DYNMEM_A_CGROUP_MERGING_PAGES: uint, pages
 *	DYNMEM_A_CGROUP_RMAP_ITEMS: uint
 *	DYNMEM_A_CGROUP_ZERO_PAGES: uint, pages
 *	DYNMEM_A_CGROUP_PROFIT: sint, bytes
 *	DYNMEM_A_CGROUP_RSS_ANON: uint, bytes
 *	DYNMEM_A_CGROUP_RSS_FILE: uint, bytes
 *	DYNMEM_A_CGROUP_RSS_SHMEM: uint, bytes
 *	DYNMEM_A_CGROUP_SWAP: uint, bytes
 *
 * DYNMEM_CMD_NODE_GET do, dump: memory and pressure per NUMA node
 * --------------------------------------------------------------
 * Request:
 *
 *	DYNMEM_A_NODE_ID: u32, do only, and needed there: this node; ENOENT
 *		where it has no memory
 *
 * Answer, one per node that has memory.  Direct reclaim crosses nodes: its
 * stalls belong to none of them.
 *
 *	DYNMEM_A_NODE_ID: u32
 *	DYNMEM_A_NODE_TOTAL: uint, bytes that the page allocator manages
 *	DYNMEM_A_NODE_FREE: uint, bytes
 *	DYNMEM_A_NODE_WATERMARK_MIN: uint, bytes, summed over the zones
 *	DYNMEM_A_NODE_WATERMARK_LOW: uint, bytes
 *	DYNMEM_A_NODE_WATERMARK_HIGH: uint, bytes
 *	DYNMEM_A_NODE_ACTIVE_ANON: uint, bytes
 *	DYNMEM_A_NODE_INACTIVE_ANON: uint, bytes
 *	DYNMEM_A_NODE_ACTIVE_FILE: uint, bytes
 *	DYNMEM_A_NODE_INACTIVE_FILE: uint, bytes
 *	DYNMEM_A_NODE_UNEVICTABLE: uint, bytes
 *	DYNMEM_A_NODE_SLAB_RECLAIMABLE: uint, bytes
 *	DYNMEM_A_NODE_ANON_HUGE: uint, bytes of anonymous memory in transparent
 *		huge pages
 *	DYNMEM_A_NODE_REFAULTS_ANON: uint, bytes, boot
 *	DYNMEM_A_NODE_REFAULTS_FILE: uint, bytes, boot
 *	DYNMEM_A_NODE_RESTORES_ANON: uint, bytes, boot: refaults of pages that
 *		were in the working set
 *	DYNMEM_A_NODE_RESTORES_FILE: uint, bytes, boot
 *	DYNMEM_A_NODE_KSWAPD_WAKES: uint, times that the node's kswapd woke
 *	DYNMEM_A_NODE_THROTTLED: uint, times that reclaim of the node was
 *		throttled
 *	DYNMEM_A_NODE_THROTTLED_TIME: uint, ns
 *
 * DYNMEM_CMD_PRESSURE_GET do: the host's level and counters
 * DYNMEM_CMD_PRESSURE_NTF on group "pressure": level change, stall, OOM
 * ---------------------------------------------------------------------
 * The request has no attributes.  The level is the largest of what available
 * memory, stalls, refaults and OOM ask for.  It rises at once and falls when
 * the lower one has held for DYNMEM_A_CONFIG_HOLD.  A stall is reported when
 * it begins.  Between two notifications that bring no higher level at least
 * DYNMEM_A_CONFIG_MIN_INTERVAL passes.  Answer and notification:
 *
 *	DYNMEM_A_PRESSURE_HEAD: nest
 *	DYNMEM_A_PRESSURE_EVENT: u32, enum dynmem_pressure_event bits; in NTF
 *		only
 *	DYNMEM_A_PRESSURE_LEVEL: u32, enum dynmem_level
 *	DYNMEM_A_PRESSURE_CAUSES: u32, enum dynmem_cause bits: what asks for
 *		this level now; 0 while a hold alone keeps it
 *	DYNMEM_A_PRESSURE_LEVEL_SINCE: uint, ns, when the level was entered
 *	DYNMEM_A_PRESSURE_TOTAL: uint, bytes, MemTotal
 *	DYNMEM_A_PRESSURE_FREE: uint, bytes, MemFree
 *	DYNMEM_A_PRESSURE_AVAILABLE: uint, bytes, MemAvailable
 *	DYNMEM_A_PRESSURE_SWAP_FREE: uint, bytes
 *	DYNMEM_A_PRESSURE_STALL_SHARE: u32, per mille of the last window that
 *		tasks were stalled, all tasks summed, at most 1000
 *	DYNMEM_A_PRESSURE_REFAULT_SHARE: u32, per mille of the last window
 *		that swap-ins and refaults of the working set cost, at
 *		DYNMEM_A_CONFIG_REFAULT_COST each, at most 1000
 *	DYNMEM_A_PRESSURE_STALLED: u32, tasks in direct reclaim now
 *	Direct reclaim on the host's behalf:
 *	DYNMEM_A_PRESSURE_STALLS: uint, begun
 *	DYNMEM_A_PRESSURE_STALL_TIME: uint, ns, of those that have ended
 *	DYNMEM_A_PRESSURE_HUGE_STALLS: uint, the same for orders above 3: a
 *		huge page was wanted, which is no pressure; not in the above
 *	DYNMEM_A_PRESSURE_HUGE_STALL_TIME: uint, ns
 *	DYNMEM_A_PRESSURE_MEMCG_STALLS: uint, the same for a cgroup's own
 *		limit, be it memory.max, memory.high or a write to
 *		memory.reclaim: the kernel does not distinguish them; not in the
 *		above
 *	DYNMEM_A_PRESSURE_MEMCG_STALL_TIME: uint, ns
 *	DYNMEM_A_PRESSURE_UNTIMED_STALLS: uint, counted but not timed, for
 *		the table of stalled tasks was full
 *	DYNMEM_A_PRESSURE_RECLAIMED: uint, bytes, by STALLS and HUGE_STALLS
 *	DYNMEM_A_PRESSURE_MEMCG_RECLAIMED: uint, bytes, by MEMCG_STALLS
 *	DYNMEM_A_PRESSURE_THROTTLED: uint, times that reclaim was throttled
 *	DYNMEM_A_PRESSURE_THROTTLED_TIME: uint, ns
 *	DYNMEM_A_PRESSURE_KSWAPD_WAKES: uint, times that a kswapd woke
 *	The kernel's own:
 *	DYNMEM_A_PRESSURE_ALLOCSTALLS: uint, boot
 *	DYNMEM_A_PRESSURE_SCANNED_DIRECT: uint, bytes, boot
 *	DYNMEM_A_PRESSURE_SCANNED_KSWAPD: uint, bytes, boot
 *	DYNMEM_A_PRESSURE_RECLAIMED_KSWAPD: uint, bytes, boot
 *	DYNMEM_A_PRESSURE_REFAULTS_ANON: uint, bytes, boot
 *	DYNMEM_A_PRESSURE_REFAULTS_FILE: uint, bytes, boot
 *	DYNMEM_A_PRESSURE_RESTORES_ANON: uint, bytes, boot: refaults of pages
 *		that were in the working set
 *	DYNMEM_A_PRESSURE_RESTORES_FILE: uint, bytes, boot
 *	DYNMEM_A_PRESSURE_SWAP_INS: uint, bytes, boot
 *	DYNMEM_A_PRESSURE_SWAP_OUTS: uint, bytes, boot
 *	DYNMEM_A_PRESSURE_ZSWAP_INS: uint, bytes, boot: those of SWAP_INS that
 *		zswap held, so that no disk was read
 *	DYNMEM_A_PRESSURE_ZSWAP_OUTS: uint, bytes, boot, that zswap took
 *	DYNMEM_A_PRESSURE_COMPACT_STALLS: uint, direct compactions, boot
 *	DYNMEM_A_PRESSURE_COMPACT_FAILS: uint, those that got no page, boot
 *	DYNMEM_A_PRESSURE_THP_FALLBACKS: uint, huge-page faults that got small
 *		pages, boot
 *	DYNMEM_A_PRESSURE_HUGETLB_TOTAL: uint, bytes in pools of huge pages; in
 *		the answer to a get only
 *	DYNMEM_A_PRESSURE_HUGETLB_FREE: uint, bytes of them that nobody uses;
 *		in the answer to a get only
 *	Out of memory:
 *	DYNMEM_A_PRESSURE_OOMS: uint, times that the host ran out of memory
 *	DYNMEM_A_PRESSURE_OOM_KILLS: uint, processes killed for that
 *	DYNMEM_A_PRESSURE_CONSTRAINED_OOMS: uint, times that the nodes which a
 *		cpuset or a memory policy left to a task ran out while others
 *		had memory, or that sysrq asked for a kill; not in OOMS
 *	DYNMEM_A_PRESSURE_CONSTRAINED_OOM_KILLS: uint, killed for that
 *	DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS: uint, killed for a cgroup's limit
 *
 * DYNMEM_CMD_STALL_GET dump (privileged): who stalled in the last window
 * ----------------------------------------------------------------------
 * Request:
 *
 *	DYNMEM_A_STALL_BY: u32, enum dynmem_stall_by, default
 *		DYNMEM_STALL_BY_PROCESS
 *	DYNMEM_A_STALL_KIND: u32, enum dynmem_stall_kind: whose stalls to list,
 *		default DYNMEM_STALL_KIND_HOST
 *	DYNMEM_A_STALL_CGROUP_ID: uint, stallers in this cgroup or below it
 *		only; ENOENT where there is none
 *
 * Answer, one per process or cgroup that was in direct reclaim of that kind in
 * the last whole window or since, longest stall time of that kind first:
 *
 *	DYNMEM_A_STALL_PID: u32, by process only
 *	DYNMEM_A_STALL_START_TIME: uint, ns, CLOCK_BOOTTIME, by process only
 *	DYNMEM_A_STALL_COMM: string, by process, while it lives
 *	DYNMEM_A_STALL_CGROUP_ID: uint
 *	DYNMEM_A_STALL_CGROUP_PATH: string, by cgroup, while it lives
 *	DYNMEM_A_STALL_STALLS: uint, stalls ended or under way
 *	DYNMEM_A_STALL_STALL_TIME: uint, ns
 *	DYNMEM_A_STALL_STALLED: u32, its tasks in direct reclaim now
 *	On behalf of a cgroup's own limit, and not in the above:
 *	DYNMEM_A_STALL_MEMCG_STALLS: uint
 *	DYNMEM_A_STALL_MEMCG_STALL_TIME: uint, ns
 *
 * DYNMEM_CMD_CONFIG_GET do: the settings
 * DYNMEM_CMD_CONFIG_SET do (resource): change some; all or none
 * -------------------------------------------------------------
 * The request of GET has no attributes; its answer has all but DEFAULTS.
 * The request of SET has those that change; it is answered by an
 * acknowledgment.  Ranges are inclusive; they are in the policy, for
 * CTRL_CMD_GETPOLICY to show (before 6.7 those of u32 only).
 *
 *	DYNMEM_A_CONFIG_DEFAULTS: flag, set only: reset all others first
 *	DYNMEM_A_CONFIG_THRESHOLD_LOW: uint, bytes; the level is at least low
 *		while available memory is below; 0 to 2^50, 0 turns it off
 *	DYNMEM_A_CONFIG_THRESHOLD_MEDIUM: uint, bytes, likewise; not above LOW
 *	DYNMEM_A_CONFIG_THRESHOLD_CRITICAL: uint, bytes, likewise; not above
 *		MEDIUM.  Default: 6 % of the first 4 GiB of memory, 4 % of
 *		the next 8, 2 % of the next 16 and 1 % of the rest; MEDIUM
 *		twice, LOW four times as much
 *	DYNMEM_A_CONFIG_STALL_LOW: u32, per mille; the level is at least low
 *		while STALL_SHARE or REFAULT_SHARE is at least this; 0 to
 *		1000, 0 turns it off; default 10
 *	DYNMEM_A_CONFIG_STALL_MEDIUM: u32, likewise, not below LOW; default 70
 *	DYNMEM_A_CONFIG_STALL_CRITICAL: u32, likewise, not below MEDIUM;
 *		default 700
 *	DYNMEM_A_CONFIG_WINDOW: uint, ns, what shares refer to; 100 ms to
 *		60 s, default 1 s
 *	DYNMEM_A_CONFIG_HOLD: uint, ns, how long a lower level must last
 *		before it is reported; 0 to 1 h, default 2 s
 *	DYNMEM_A_CONFIG_MIN_INTERVAL: uint, ns, between two notifications; 0
 *		to 60 s, default 10 ms
 *	DYNMEM_A_CONFIG_SAMPLE_MIN: uint, ns, shortest time between two
 *		samples of available memory; 1 ms to 60 s, default 10 ms
 *	DYNMEM_A_CONFIG_SAMPLE_MAX: uint, ns, longest, not below SAMPLE_MIN;
 *		1 ms to 60 s, default 1 s
 *	DYNMEM_A_CONFIG_FILL_RATE: uint, bytes per second, the fastest that
 *		memory is expected to go: the next sample comes when that would
 *		reach the next threshold; 2^20 to 2^44, default 2^32
 *	DYNMEM_A_CONFIG_REFAULT_COST: uint, ns per page; 0 to 10 ms, default
 *		20 us
 *	DYNMEM_A_CONFIG_KSM_INTERVAL: uint, ns, between two samples of KSM's
 *		counters; 10 ms to 1 h, default 1 s
 *
 * DYNMEM_CMD_OOM_GET dump (privileged): the last victims of the OOM killer
 * DYNMEM_CMD_OOM_NTF on group "oom": a victim was marked
 * ------------------------------------------------------------------------
 * The request has no attributes.  Answer, one for each of up to 64 victims,
 * oldest first, and notification, one per victim:
 *
 *	DYNMEM_A_OOM_HEAD: nest; SEQ is the victim's number
 *	DYNMEM_A_OOM_KIND: u32, enum dynmem_oom_kind
 *	DYNMEM_A_OOM_TIME: uint, ns, when it was marked
 *	DYNMEM_A_OOM_PID: u32
 *	DYNMEM_A_OOM_START_TIME: uint, ns, CLOCK_BOOTTIME
 *	DYNMEM_A_OOM_COMM: string, up to 15 bytes and the zero
 *	DYNMEM_A_OOM_UID: u32, in the initial user namespace
 *	DYNMEM_A_OOM_CGROUP_ID: uint, inode of its cgroup v2 directory
 *	DYNMEM_A_OOM_RSS_ANON: uint, bytes, as in a dump of processes
 *	DYNMEM_A_OOM_RSS_FILE: uint, bytes
 *	DYNMEM_A_OOM_RSS_SHMEM: uint, bytes
 *	DYNMEM_A_OOM_SWAP: uint, bytes
 */

#ifndef _UAPI_LINUX_DYNMEM_H
#define _UAPI_LINUX_DYNMEM_H

#define DYNMEM_FAMILY_NAME	"dynmem"
#define DYNMEM_FAMILY_VERSION	2

/**
 * enum dynmem_level - how badly the host needs memory
 * @DYNMEM_LEVEL_NONE: it does not
 * @DYNMEM_LEVEL_LOW: memory is getting short
 * @DYNMEM_LEVEL_MEDIUM: memory is short
 * @DYNMEM_LEVEL_CRITICAL: memory is about to run out, or has
 */
enum dynmem_level {
	DYNMEM_LEVEL_NONE,
	DYNMEM_LEVEL_LOW,
	DYNMEM_LEVEL_MEDIUM,
	DYNMEM_LEVEL_CRITICAL,
};

/**
 * enum dynmem_cause - what asks for the level, bits
 * @DYNMEM_CAUSE_AVAILABLE: available memory is below a threshold
 * @DYNMEM_CAUSE_STALL: tasks stalled in direct reclaim
 * @DYNMEM_CAUSE_REFAULT: swap-ins and refaults of the working set
 * @DYNMEM_CAUSE_OOM: the host ran out of memory
 */
enum dynmem_cause {
	DYNMEM_CAUSE_AVAILABLE = 1,
	DYNMEM_CAUSE_STALL = 2,
	DYNMEM_CAUSE_REFAULT = 4,
	DYNMEM_CAUSE_OOM = 8,
};

/**
 * enum dynmem_pressure_event - why a notification was sent, bits
 * @DYNMEM_PRESSURE_EVENT_LEVEL: the level changed
 * @DYNMEM_PRESSURE_EVENT_STALL: a task went into direct reclaim
 * @DYNMEM_PRESSURE_EVENT_OOM: the host ran out of memory or killed for it
 */
enum dynmem_pressure_event {
	DYNMEM_PRESSURE_EVENT_LEVEL = 1,
	DYNMEM_PRESSURE_EVENT_STALL = 2,
	DYNMEM_PRESSURE_EVENT_OOM = 4,
};

/**
 * enum dynmem_ksm_event - why a notification was sent, bits
 * @DYNMEM_KSM_EVENT_COUNTERS: a counter moved
 * @DYNMEM_KSM_EVENT_SCAN: a full scan completed
 * @DYNMEM_KSM_EVENT_RUN: run was changed
 */
enum dynmem_ksm_event {
	DYNMEM_KSM_EVENT_COUNTERS = 1,
	DYNMEM_KSM_EVENT_SCAN = 2,
	DYNMEM_KSM_EVENT_RUN = 4,
};

/**
 * enum dynmem_advisor - KSM's advisor_mode
 * @DYNMEM_ADVISOR_NONE: off
 * @DYNMEM_ADVISOR_SCAN_TIME: the kernel sets pages_to_scan itself
 */
enum dynmem_advisor {
	DYNMEM_ADVISOR_NONE,
	DYNMEM_ADVISOR_SCAN_TIME,
};

/**
 * enum dynmem_capability - what the running kernel lets the module see, bits
 * @DYNMEM_CAPABILITY_STALL: direct reclaim: stalls, their times, reclaimed
 * @DYNMEM_CAPABILITY_MEMCG_STALL: the same for cgroups' own limits
 * @DYNMEM_CAPABILITY_THROTTLED: throttled reclaim
 * @DYNMEM_CAPABILITY_KSWAPD: kswapd waking up
 * @DYNMEM_CAPABILITY_OOM: the host running out of memory
 * @DYNMEM_CAPABILITY_OOM_KILL: OOM kills
 * @DYNMEM_CAPABILITY_KSM: KSM's counters
 * @DYNMEM_CAPABILITY_KSM_SCAN: the end of a full scan is reported when it
 *	happens (else with the next sample of the counters)
 * @DYNMEM_CAPABILITY_KSM_ZERO_PAGES: zero pages that KSM saved
 * @DYNMEM_CAPABILITY_KSM_PROFIT: the kernel's own figure of KSM's profit
 * @DYNMEM_CAPABILITY_KSM_ADVISOR: KSM's advisor
 * @DYNMEM_CAPABILITY_MERGE_ANY: processes may be mergeable as a whole
 * @DYNMEM_CAPABILITY_CGROUP: cgroup v2
 * @DYNMEM_CAPABILITY_HUGETLB: pools of huge pages
 * @DYNMEM_CAPABILITY_OOM_VICTIM: OOM victims are reported on the group "oom"
 *	(else DYNMEM_CMD_OOM_GET alone has them)
 */
enum dynmem_capability {
	DYNMEM_CAPABILITY_STALL = 1,
	DYNMEM_CAPABILITY_MEMCG_STALL = 2,
	DYNMEM_CAPABILITY_THROTTLED = 4,
	DYNMEM_CAPABILITY_KSWAPD = 8,
	DYNMEM_CAPABILITY_OOM = 16,
	DYNMEM_CAPABILITY_OOM_KILL = 32,
	DYNMEM_CAPABILITY_KSM = 64,
	DYNMEM_CAPABILITY_KSM_SCAN = 128,
	DYNMEM_CAPABILITY_KSM_ZERO_PAGES = 256,
	DYNMEM_CAPABILITY_KSM_PROFIT = 512,
	DYNMEM_CAPABILITY_KSM_ADVISOR = 1024,
	DYNMEM_CAPABILITY_MERGE_ANY = 2048,
	DYNMEM_CAPABILITY_CGROUP = 4096,
	DYNMEM_CAPABILITY_HUGETLB = 8192,
	DYNMEM_CAPABILITY_OOM_VICTIM = 16384,
};

/**
 * enum dynmem_select - which processes or cgroups to list
 * @DYNMEM_SELECT_KSM: those that KSM knows
 * @DYNMEM_SELECT_ALL: all
 */
enum dynmem_select {
	DYNMEM_SELECT_KSM,
	DYNMEM_SELECT_ALL,
};

/**
 * enum dynmem_field - what to answer about a process, bits
 * @DYNMEM_FIELD_START_TIME: start time
 * @DYNMEM_FIELD_COMM: comm
 * @DYNMEM_FIELD_CGROUP: cgroup id
 * @DYNMEM_FIELD_FLAGS: flags
 * @DYNMEM_FIELD_KSM: merging pages, rmap items, zero pages, profit
 * @DYNMEM_FIELD_RSS: the three RSS
 * @DYNMEM_FIELD_SWAP: swap
 */
enum dynmem_field {
	DYNMEM_FIELD_START_TIME = 1,
	DYNMEM_FIELD_COMM = 2,
	DYNMEM_FIELD_CGROUP = 4,
	DYNMEM_FIELD_FLAGS = 8,
	DYNMEM_FIELD_KSM = 16,
	DYNMEM_FIELD_RSS = 32,
	DYNMEM_FIELD_SWAP = 64,
};

/**
 * enum dynmem_process_flag - facts about a process, bits
 * @DYNMEM_PROCESS_FLAG_MERGEABLE: KSM scans some of its memory
 * @DYNMEM_PROCESS_FLAG_MERGE_ANY: KSM scans all of its anonymous memory
 * @DYNMEM_PROCESS_FLAG_PROFIT_ESTIMATED: the profit was computed with the
 *	usual size of an rmap item
 * @DYNMEM_PROCESS_FLAG_BORROWED: another process owns this address space
 *	(vfork): leave it out of sums
 */
enum dynmem_process_flag {
	DYNMEM_PROCESS_FLAG_MERGEABLE = 1,
	DYNMEM_PROCESS_FLAG_MERGE_ANY = 2,
	DYNMEM_PROCESS_FLAG_PROFIT_ESTIMATED = 4,
	DYNMEM_PROCESS_FLAG_BORROWED = 8,
};

/**
 * enum dynmem_stall_by - what stalls are summed by
 * @DYNMEM_STALL_BY_PROCESS: process
 * @DYNMEM_STALL_BY_CGROUP: cgroup v2
 */
enum dynmem_stall_by {
	DYNMEM_STALL_BY_PROCESS,
	DYNMEM_STALL_BY_CGROUP,
};

/**
 * enum dynmem_stall_kind - whose shortage of memory made tasks stall
 * @DYNMEM_STALL_KIND_HOST: the host's
 * @DYNMEM_STALL_KIND_MEMCG: a cgroup's, at its own limit
 */
enum dynmem_stall_kind {
	DYNMEM_STALL_KIND_HOST,
	DYNMEM_STALL_KIND_MEMCG,
};

/**
 * enum dynmem_oom_kind - whose memory had run out
 * @DYNMEM_OOM_KIND_HOST: the host's
 * @DYNMEM_OOM_KIND_CONSTRAINED: that of the nodes which the task may use, or
 *	nobody's (sysrq)
 * @DYNMEM_OOM_KIND_MEMCG: a cgroup's, at its own limit
 */
enum dynmem_oom_kind {
	DYNMEM_OOM_KIND_HOST,
	DYNMEM_OOM_KIND_CONSTRAINED,
	DYNMEM_OOM_KIND_MEMCG,
};

enum {
	DYNMEM_A_HEAD_SEQ = 1,
	DYNMEM_A_HEAD_TIME,
	DYNMEM_A_HEAD_SINCE,
	DYNMEM_A_HEAD_COALESCED,
	DYNMEM_A_HEAD_SEND_FAILURES,
	DYNMEM_A_HEAD_CAPABILITIES,

	__DYNMEM_A_HEAD_MAX,
	DYNMEM_A_HEAD_MAX = (__DYNMEM_A_HEAD_MAX - 1)
};

enum {
	DYNMEM_A_KSM_HEAD = 1,
	DYNMEM_A_KSM_EVENT,
	DYNMEM_A_KSM_PAGE_SIZE,
	DYNMEM_A_KSM_RUN,
	DYNMEM_A_KSM_PAGES_TO_SCAN,
	DYNMEM_A_KSM_SLEEP_MILLISECS,
	DYNMEM_A_KSM_MERGE_ACROSS_NODES,
	DYNMEM_A_KSM_MAX_PAGE_SHARING,
	DYNMEM_A_KSM_USE_ZERO_PAGES,
	DYNMEM_A_KSM_STABLE_NODE_CHAINS_PRUNE_MILLISECS,
	DYNMEM_A_KSM_SMART_SCAN,
	DYNMEM_A_KSM_ADVISOR_MODE,
	DYNMEM_A_KSM_ADVISOR_MAX_CPU,
	DYNMEM_A_KSM_ADVISOR_MIN_PAGES_TO_SCAN,
	DYNMEM_A_KSM_ADVISOR_MAX_PAGES_TO_SCAN,
	DYNMEM_A_KSM_ADVISOR_TARGET_SCAN_TIME,
	DYNMEM_A_KSM_PAGES_SHARED,
	DYNMEM_A_KSM_PAGES_SHARING,
	DYNMEM_A_KSM_PAGES_UNSHARED,
	DYNMEM_A_KSM_PAGES_VOLATILE,
	DYNMEM_A_KSM_PAGES_SCANNED,
	DYNMEM_A_KSM_PAGES_SKIPPED,
	DYNMEM_A_KSM_ZERO_PAGES,
	DYNMEM_A_KSM_FULL_SCANS,
	DYNMEM_A_KSM_STABLE_NODE_CHAINS,
	DYNMEM_A_KSM_STABLE_NODE_DUPS,
	DYNMEM_A_KSM_SAVED,
	DYNMEM_A_KSM_PROFIT,
	DYNMEM_A_KSM_PROFIT_ESTIMATED,
	DYNMEM_A_KSM_COW_BREAKS,
	DYNMEM_A_KSM_SWAPIN_COPIES,

	__DYNMEM_A_KSM_MAX,
	DYNMEM_A_KSM_MAX = (__DYNMEM_A_KSM_MAX - 1)
};

enum {
	DYNMEM_A_PROCESS_PID = 1,
	DYNMEM_A_PROCESS_SELECT,
	DYNMEM_A_PROCESS_FIELDS,
	DYNMEM_A_PROCESS_START_TIME,
	DYNMEM_A_PROCESS_COMM,
	DYNMEM_A_PROCESS_CGROUP_ID,
	DYNMEM_A_PROCESS_FLAGS,
	DYNMEM_A_PROCESS_MERGING_PAGES,
	DYNMEM_A_PROCESS_RMAP_ITEMS,
	DYNMEM_A_PROCESS_ZERO_PAGES,
	DYNMEM_A_PROCESS_PROFIT,
	DYNMEM_A_PROCESS_RSS_ANON,
	DYNMEM_A_PROCESS_RSS_FILE,
	DYNMEM_A_PROCESS_RSS_SHMEM,
	DYNMEM_A_PROCESS_SWAP,

	__DYNMEM_A_PROCESS_MAX,
	DYNMEM_A_PROCESS_MAX = (__DYNMEM_A_PROCESS_MAX - 1)
};

enum {
	DYNMEM_A_CGROUP_ID = 1,
	DYNMEM_A_CGROUP_TREE,
	DYNMEM_A_CGROUP_SELECT,
	DYNMEM_A_CGROUP_PARENT_ID,
	DYNMEM_A_CGROUP_PATH,
	DYNMEM_A_CGROUP_PROCESSES,
	DYNMEM_A_CGROUP_KSM_PROCESSES,
	DYNMEM_A_CGROUP_FLAGS,
	DYNMEM_A_CGROUP_MERGING_PAGES,
	DYNMEM_A_CGROUP_RMAP_ITEMS,
	DYNMEM_A_CGROUP_ZERO_PAGES,
	DYNMEM_A_CGROUP_PROFIT,
	DYNMEM_A_CGROUP_RSS_ANON,
	DYNMEM_A_CGROUP_RSS_FILE,
	DYNMEM_A_CGROUP_RSS_SHMEM,
	DYNMEM_A_CGROUP_SWAP,

	__DYNMEM_A_CGROUP_MAX,
	DYNMEM_A_CGROUP_MAX = (__DYNMEM_A_CGROUP_MAX - 1)
};

enum {
	DYNMEM_A_NODE_ID = 1,
	DYNMEM_A_NODE_TOTAL,
	DYNMEM_A_NODE_FREE,
	DYNMEM_A_NODE_WATERMARK_MIN,
	DYNMEM_A_NODE_WATERMARK_LOW,
	DYNMEM_A_NODE_WATERMARK_HIGH,
	DYNMEM_A_NODE_ACTIVE_ANON,
	DYNMEM_A_NODE_INACTIVE_ANON,
	DYNMEM_A_NODE_ACTIVE_FILE,
	DYNMEM_A_NODE_INACTIVE_FILE,
	DYNMEM_A_NODE_UNEVICTABLE,
	DYNMEM_A_NODE_SLAB_RECLAIMABLE,
	DYNMEM_A_NODE_ANON_HUGE,
	DYNMEM_A_NODE_REFAULTS_ANON,
	DYNMEM_A_NODE_REFAULTS_FILE,
	DYNMEM_A_NODE_RESTORES_ANON,
	DYNMEM_A_NODE_RESTORES_FILE,
	DYNMEM_A_NODE_KSWAPD_WAKES,
	DYNMEM_A_NODE_THROTTLED,
	DYNMEM_A_NODE_THROTTLED_TIME,

	__DYNMEM_A_NODE_MAX,
	DYNMEM_A_NODE_MAX = (__DYNMEM_A_NODE_MAX - 1)
};

enum {
	DYNMEM_A_PRESSURE_HEAD = 1,
	DYNMEM_A_PRESSURE_EVENT,
	DYNMEM_A_PRESSURE_LEVEL,
	DYNMEM_A_PRESSURE_CAUSES,
	DYNMEM_A_PRESSURE_LEVEL_SINCE,
	DYNMEM_A_PRESSURE_TOTAL,
	DYNMEM_A_PRESSURE_FREE,
	DYNMEM_A_PRESSURE_AVAILABLE,
	DYNMEM_A_PRESSURE_SWAP_FREE,
	DYNMEM_A_PRESSURE_STALL_SHARE,
	DYNMEM_A_PRESSURE_REFAULT_SHARE,
	DYNMEM_A_PRESSURE_STALLED,
	DYNMEM_A_PRESSURE_STALLS,
	DYNMEM_A_PRESSURE_STALL_TIME,
	DYNMEM_A_PRESSURE_HUGE_STALLS,
	DYNMEM_A_PRESSURE_HUGE_STALL_TIME,
	DYNMEM_A_PRESSURE_MEMCG_STALLS,
	DYNMEM_A_PRESSURE_MEMCG_STALL_TIME,
	DYNMEM_A_PRESSURE_UNTIMED_STALLS,
	DYNMEM_A_PRESSURE_RECLAIMED,
	DYNMEM_A_PRESSURE_MEMCG_RECLAIMED,
	DYNMEM_A_PRESSURE_THROTTLED,
	DYNMEM_A_PRESSURE_THROTTLED_TIME,
	DYNMEM_A_PRESSURE_KSWAPD_WAKES,
	DYNMEM_A_PRESSURE_ALLOCSTALLS,
	DYNMEM_A_PRESSURE_SCANNED_DIRECT,
	DYNMEM_A_PRESSURE_SCANNED_KSWAPD,
	DYNMEM_A_PRESSURE_RECLAIMED_KSWAPD,
	DYNMEM_A_PRESSURE_REFAULTS_ANON,
	DYNMEM_A_PRESSURE_REFAULTS_FILE,
	DYNMEM_A_PRESSURE_RESTORES_ANON,
	DYNMEM_A_PRESSURE_RESTORES_FILE,
	DYNMEM_A_PRESSURE_SWAP_INS,
	DYNMEM_A_PRESSURE_SWAP_OUTS,
	DYNMEM_A_PRESSURE_ZSWAP_INS,
	DYNMEM_A_PRESSURE_ZSWAP_OUTS,
	DYNMEM_A_PRESSURE_COMPACT_STALLS,
	DYNMEM_A_PRESSURE_COMPACT_FAILS,
	DYNMEM_A_PRESSURE_THP_FALLBACKS,
	DYNMEM_A_PRESSURE_HUGETLB_TOTAL,
	DYNMEM_A_PRESSURE_HUGETLB_FREE,
	DYNMEM_A_PRESSURE_OOMS,
	DYNMEM_A_PRESSURE_OOM_KILLS,
	DYNMEM_A_PRESSURE_CONSTRAINED_OOMS,
	DYNMEM_A_PRESSURE_CONSTRAINED_OOM_KILLS,
	DYNMEM_A_PRESSURE_MEMCG_OOM_KILLS,

	__DYNMEM_A_PRESSURE_MAX,
	DYNMEM_A_PRESSURE_MAX = (__DYNMEM_A_PRESSURE_MAX - 1)
};

enum {
	DYNMEM_A_STALL_BY = 1,
	DYNMEM_A_STALL_KIND,
	DYNMEM_A_STALL_PID,
	DYNMEM_A_STALL_START_TIME,
	DYNMEM_A_STALL_COMM,
	DYNMEM_A_STALL_CGROUP_ID,
	DYNMEM_A_STALL_CGROUP_PATH,
	DYNMEM_A_STALL_STALLS,
	DYNMEM_A_STALL_STALL_TIME,
	DYNMEM_A_STALL_STALLED,
	DYNMEM_A_STALL_MEMCG_STALLS,
	DYNMEM_A_STALL_MEMCG_STALL_TIME,

	__DYNMEM_A_STALL_MAX,
	DYNMEM_A_STALL_MAX = (__DYNMEM_A_STALL_MAX - 1)
};

enum {
	DYNMEM_A_OOM_HEAD = 1,
	DYNMEM_A_OOM_KIND,
	DYNMEM_A_OOM_TIME,
	DYNMEM_A_OOM_PID,
	DYNMEM_A_OOM_START_TIME,
	DYNMEM_A_OOM_COMM,
	DYNMEM_A_OOM_UID,
	DYNMEM_A_OOM_CGROUP_ID,
	DYNMEM_A_OOM_RSS_ANON,
	DYNMEM_A_OOM_RSS_FILE,
	DYNMEM_A_OOM_RSS_SHMEM,
	DYNMEM_A_OOM_SWAP,

	__DYNMEM_A_OOM_MAX,
	DYNMEM_A_OOM_MAX = (__DYNMEM_A_OOM_MAX - 1)
};

enum {
	DYNMEM_A_CONFIG_DEFAULTS = 1,
	DYNMEM_A_CONFIG_THRESHOLD_LOW,
	DYNMEM_A_CONFIG_THRESHOLD_MEDIUM,
	DYNMEM_A_CONFIG_THRESHOLD_CRITICAL,
	DYNMEM_A_CONFIG_STALL_LOW,
	DYNMEM_A_CONFIG_STALL_MEDIUM,
	DYNMEM_A_CONFIG_STALL_CRITICAL,
	DYNMEM_A_CONFIG_WINDOW,
	DYNMEM_A_CONFIG_HOLD,
	DYNMEM_A_CONFIG_MIN_INTERVAL,
	DYNMEM_A_CONFIG_SAMPLE_MIN,
	DYNMEM_A_CONFIG_SAMPLE_MAX,
	DYNMEM_A_CONFIG_FILL_RATE,
	DYNMEM_A_CONFIG_REFAULT_COST,
	DYNMEM_A_CONFIG_KSM_INTERVAL,

	__DYNMEM_A_CONFIG_MAX,
	DYNMEM_A_CONFIG_MAX = (__DYNMEM_A_CONFIG_MAX - 1)
};

enum {
	DYNMEM_CMD_KSM_GET = 1,
	DYNMEM_CMD_KSM_NTF,
	DYNMEM_CMD_PROCESS_GET,
	DYNMEM_CMD_CGROUP_GET,
	DYNMEM_CMD_NODE_GET,
	DYNMEM_CMD_PRESSURE_GET,
	DYNMEM_CMD_PRESSURE_NTF,
	DYNMEM_CMD_STALL_GET,
	DYNMEM_CMD_CONFIG_GET,
	DYNMEM_CMD_CONFIG_SET,
	DYNMEM_CMD_OOM_GET,
	DYNMEM_CMD_OOM_NTF,

	__DYNMEM_CMD_MAX,
	DYNMEM_CMD_MAX = (__DYNMEM_CMD_MAX - 1)
};

#define DYNMEM_MCGRP_KSM	"ksm"
#define DYNMEM_MCGRP_PRESSURE	"pressure"
#define DYNMEM_MCGRP_OOM	"oom"

#endif /* _UAPI_LINUX_DYNMEM_H */
