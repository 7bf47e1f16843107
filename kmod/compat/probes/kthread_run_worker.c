// SPDX-License-Identifier: GPL-2.0
/* 6.14: creating a worker does not start it. */
#include <linux/kthread.h>

struct kthread_worker *test(void);
struct kthread_worker *test(void)
{
	return kthread_run_worker(0, "test");
}
