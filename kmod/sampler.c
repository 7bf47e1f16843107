// SPDX-License-Identifier: GPL-2.0
/*
 * The thread that looks and tells, and what brings it on.
 *
 * A thread of its own and not a workqueue: it must run when memory is out, so
 * it may not depend on a worker being created; and at once, while the tasks
 * that reclaim keep all CPUs busy. The fair scheduler lets them finish their
 * slices first, which was seen to take 2 to 7 ms. PSI's poller, whose work is
 * the like, is of the same class.
 */

#include <linux/sched.h>

#include "compat/compat.h"
#include "sampler.h"

/*
 * Timers may be late by this part of their time, to be taken together: 4 ms of
 * a second.
 */
#define SLACK	256

static struct kthread_worker *worker;

static enum hrtimer_restart timer_func(struct hrtimer *timer)
{
	dynmem_watch_kick(container_of(timer, struct dynmem_watch, timer));
	return HRTIMER_NORESTART;
}

/**
 * dynmem_watch_init() - make a watch
 * @watch: the watch
 * @look: what it does when it is brought on
 */
void dynmem_watch_init(struct dynmem_watch *watch, kthread_work_func_t look)
{
	kthread_init_work(&watch->work, look);
	hrtimer_setup(&watch->timer, timer_func, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL);
}

/**
 * dynmem_watch_kick() - look now
 * @watch: the watch
 *
 * May be called in hard interrupts, and is never lost: a look that runs is
 * followed by another.
 */
void dynmem_watch_kick(struct dynmem_watch *watch)
{
	kthread_queue_work(worker, &watch->work);
}

/**
 * dynmem_watch_arm() - look later
 * @watch: the watch
 * @delay: ns; takes the place of an earlier one
 *
 * Under the mutex that dynmem_watch_stop() is called under.
 */
void dynmem_watch_arm(struct dynmem_watch *watch, u64 delay)
{
	if (!watch->stopping)
		hrtimer_start_range_ns(&watch->timer, ns_to_ktime(delay),
				       delay / SLACK, HRTIMER_MODE_REL);
}

/**
 * dynmem_watch_stop() - arm no more
 * @watch: the watch
 */
void dynmem_watch_stop(struct dynmem_watch *watch)
{
	watch->stopping = true;
}

/**
 * dynmem_watch_cancel() - wait until it looks no more
 * @watch: the watch
 *
 * To be called when it has been stopped and nothing kicks it any more.
 */
void dynmem_watch_cancel(struct dynmem_watch *watch)
{
	hrtimer_cancel(&watch->timer);
	kthread_cancel_work_sync(&watch->work);
}

int __init dynmem_thread_init(void)
{
	worker = kthread_run_worker(0, "dynmem");
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	sched_set_fifo_low(worker->task);
	return 0;
}

void dynmem_thread_exit(void)
{
	kthread_destroy_worker(worker);
}
