/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Direct reclaim as ftrace sees it, beside the module: an instance of its own,
 * in which the two tracepoints can be recorded on CLOCK_MONOTONIC.
 */
#ifndef DYNMEM_TEST_FTRACE_H
#define DYNMEM_TEST_FTRACE_H

#include "mem.h"

#define FTRACE	       "/sys/kernel/tracing/instances/dynmem-test/"
#define FTRACE_RECLAIM FTRACE "events/vmscan/mm_vmscan_direct_reclaim_"

/*
 * Starts to record. With orders up to 3 alone: what is larger is a huge page
 * that somebody would like to have, which is no pressure.
 */
_maybe_unused_ static int ftrace_on(void)
{
	int r = mkdir(FTRACE, 0700) < 0 && errno != EEXIST ? -errno : 0;

	if (r == 0)
		r = spit(FTRACE "trace_clock", "mono");
	if (r == 0)
		r = spit(FTRACE_RECLAIM "begin/filter", "order < 4");
	if (r == 0)
		r = spit(FTRACE_RECLAIM "begin/enable", "1");
	return r;
}

_maybe_unused_ static void ftrace_off(void)
{
	spit(FTRACE_RECLAIM "begin/enable", "0");
	rmdir(FTRACE);
}

/* ns of a line's time; 0 if there is none before @event. */
static uint64_t ftrace_time(const char *line, const char *event)
{
	unsigned long long s, us;

	while (event > line && event[-1] != ' ')
		event--;
	if (sscanf(event, "%llu.%llu", &s, &us) != 2)
		return 0;
	return s * NSEC_PER_SEC + us * 1000;
}

/* When the first direct reclaim began; 0 if none did. */
_maybe_unused_ static uint64_t ftrace_first_stall(void)
{
	const char *text = slurp(FTRACE "trace");
	const char *event;

	event = text ? strstr(text, ": mm_vmscan_direct_reclaim_begin") : NULL;
	return event ? ftrace_time(text, event) : 0;
}

#endif
