/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The thread that samples and notifies
 */

#ifndef _DYNMEM_SAMPLER_H
#define _DYNMEM_SAMPLER_H

#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/types.h>

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

#endif /* _DYNMEM_SAMPLER_H */
