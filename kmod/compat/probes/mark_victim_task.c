// SPDX-License-Identifier: GPL-2.0
/* 6.8 and stable trees: mark_victim names the task, not its PID. */
#include <linux/mm.h>
#include <trace/events/oom.h>

static void probe(void *data, struct task_struct *task, uid_t uid)
{
}

void test(void);
void test(void)
{
	check_trace_callback_type_mark_victim(probe);
}
