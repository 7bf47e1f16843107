// SPDX-License-Identifier: GPL-2.0
/* 6.4: KSM has tracepoints. */
#include <linux/mm.h>
#include <trace/events/ksm.h>

static void probe(void *data, int scan, u32 rmap_entries)
{
}

void test(void);
void test(void)
{
	check_trace_callback_type_ksm_stop_scan(probe);
}
