// SPDX-License-Identifier: GPL-2.0
/* 7.1: direct reclaim's tracepoints name the memory cgroup. */
#include <linux/mm.h>
#include <trace/events/vmscan.h>

static void probe(void *data, gfp_t gfp, int order, struct mem_cgroup *memcg)
{
}

void test(void);
void test(void)
{
	check_trace_callback_type_mm_vmscan_direct_reclaim_begin(probe);
}
