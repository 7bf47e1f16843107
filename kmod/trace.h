/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of the module: dynmem:sample, level, send
 */

#undef TRACE_SYSTEM
#define TRACE_SYSTEM dynmem

#if !defined(_DYNMEM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DYNMEM_TRACE_H

#include <linux/dynmem.h>
#include <linux/tracepoint.h>

#include "genl.h"
#include "level.h"

/* A sampling pass: what it read, and what the pass before cost. */
TRACE_EVENT(dynmem_sample,
	    TP_PROTO(const struct dynmem_load *load, u64 cost, u32 events),

	    TP_ARGS(load, cost, events),

	    TP_STRUCT__entry(__field(u64, available)
			     __field(u64, stall_time)
			     __field(u64, refaults)
			     __field(u64, cost)
			     __field(u32, stalled)
			     __field(u32, events)),

	    TP_fast_assign(__entry->available = load->available;
			   __entry->stall_time = load->stall_time;
			   __entry->refaults = load->refaults;
			   __entry->cost = cost;
			   __entry->stalled = load->stalled;
			   __entry->events = events;),

	    TP_printk("available=%llu stalled=%u stall_time=%llu refaults=%llu events=0x%x cost=%llu",
		      __entry->available, __entry->stalled, __entry->stall_time,
		      __entry->refaults, __entry->events, __entry->cost)
);

/* The level changed. */
TRACE_EVENT(dynmem_level,
	    TP_PROTO(u32 from, const struct dynmem_level_state *level),

	    TP_ARGS(from, level),

	    TP_STRUCT__entry(__field(u32, from)
			     __field(u32, to)
			     __field(u32, causes)
			     __field(u32, stall_share)
			     __field(u32, refault_share)),

	    TP_fast_assign(__entry->from = from;
			   __entry->to = level->level;
			   __entry->causes = level->causes;
			   __entry->stall_share = level->stall_share;
			   __entry->refault_share = level->refault_share;),

	    TP_printk("from=%u to=%u causes=0x%x stall_share=%u refault_share=%u",
		      __entry->from, __entry->to, __entry->causes,
		      __entry->stall_share, __entry->refault_share)
);

TRACE_DEFINE_ENUM(DYNMEM_GROUP_KSM);
TRACE_DEFINE_ENUM(DYNMEM_GROUP_PRESSURE);
TRACE_DEFINE_ENUM(DYNMEM_GROUP_OOM);

/* A notification was sent, or could not be made. */
TRACE_EVENT(dynmem_send,
	    TP_PROTO(u32 group, u64 seq, u32 events, int err),

	    TP_ARGS(group, seq, events, err),

	    TP_STRUCT__entry(__field(u32, group)
			     __field(u32, events)
			     __field(u64, seq)
			     __field(int, err)),

	    TP_fast_assign(__entry->group = group;
			   __entry->events = events;
			   __entry->seq = seq;
			   __entry->err = err;),

	    TP_printk("group=%s seq=%llu events=0x%x err=%d",
		      __print_symbolic(__entry->group,
				       { DYNMEM_GROUP_KSM, DYNMEM_MCGRP_KSM },
				       { DYNMEM_GROUP_PRESSURE, DYNMEM_MCGRP_PRESSURE },
				       { DYNMEM_GROUP_OOM, DYNMEM_MCGRP_OOM }),
		      __entry->seq, __entry->events, __entry->err)
);

#endif /* _DYNMEM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
