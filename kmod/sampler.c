// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that run sampling passes, triggered by an event, a timer or a request.
 *
 * A thread of its own and not a workqueue: it must run when memory is out, so
 * it may not depend on a worker being created; and at once, while the tasks
 * that reclaim keep all CPUs busy. The fair scheduler lets them finish their
 * slices first, which was seen to take 2 to 7 ms. PSI's poller, whose work is
 * the like, is of the same class.
 *
 * A request waits for a pass; the thread never waits for a request. It takes
 * no lock that a task of another class may hold while it can be preempted.
 *
 * Whoever triggers passes, the thread gets at most a tenth of a CPU: after each
 * pass it rests nine times as long as a pass takes.
 */

#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/sched.h>

#include "compat/compat.h"
#include "sampler.h"

/*
 * Timers may be late by this part of their time, to be taken together: 4 ms of
 * a second.
 */
#define SAMPLER_SLACK	256

/* Times that a pass takes. */
#define SAMPLER_REST		9
/* A pass that was held up for long, by a hypervisor say, must not silence. */
#define SAMPLER_REST_MAX	(100 * (u64)NSEC_PER_MSEC)
/* The cost is smoothed over some that many passes; a power of 2. */
#define SAMPLER_SMOOTH		8

/* All samplers, for a change of settings; only the init function adds to them. */
static struct dynmem_sampler *sampler_list;

static enum hrtimer_restart sampler_timer(struct hrtimer *timer)
{
	dynmem_sampler_trigger(container_of(timer, struct dynmem_sampler,
					    timer));
	return HRTIMER_NORESTART;
}

static void sampler_arm(struct dynmem_sampler *sampler, u64 delay)
{
	hrtimer_start_range_ns(&sampler->timer, ns_to_ktime(delay),
			       delay / SAMPLER_SLACK, HRTIMER_MODE_REL_HARD);
}

static void sampler_add_cost(struct dynmem_sampler *sampler, u64 cost)
{
	u64 sum = sampler->cost * (SAMPLER_SMOOTH - 1) + cost;

	WRITE_ONCE(sampler->cost,
		   sampler->cost ? sum / SAMPLER_SMOOTH : cost);
}

static void sampler_work(struct kthread_work *work)
{
	struct dynmem_sampler *sampler =
		container_of(work, struct dynmem_sampler, work);
	u64 began = ktime_get_ns();
	u64 ended, next;

	if (READ_ONCE(sampler->stopping))
		return;
	if (began < sampler->rest_until) {
		sampler_arm(sampler, sampler->rest_until - began);
		return;
	}
	next = sampler->pass(began);
	ended = ktime_get_ns();
	sampler_add_cost(sampler, ended - began);
	WRITE_ONCE(sampler->rest_until, ended + dynmem_sampler_rest(sampler));
	/* A request that sees this sees what the pass has published. */
	smp_store_release(&sampler->began, began);
	if (next != DYNMEM_NO_TIMER)
		sampler_arm(sampler, max(next, dynmem_sampler_rest(sampler)));
}

/**
 * dynmem_sampler_rest() - the shortest time between two passes
 * @sampler: the sampler
 *
 * Return: ns.
 */
u64 dynmem_sampler_rest(const struct dynmem_sampler *sampler)
{
	return min(READ_ONCE(sampler->cost) * SAMPLER_REST, SAMPLER_REST_MAX);
}

/**
 * dynmem_sampler_trigger() - start a pass
 * @sampler: the sampler
 *
 * May be called in hard interrupts, and is never lost: a pass that runs is
 * followed by another one.
 */
void dynmem_sampler_trigger(struct dynmem_sampler *sampler)
{
	kthread_queue_work(sampler->worker, &sampler->work);
}

/**
 * dynmem_sampler_trigger_all() - start a pass of each sampler
 *
 * For requests that change what passes depend on. Does not wait.
 */
void dynmem_sampler_trigger_all(void)
{
	struct dynmem_sampler *sampler;

	for (sampler = sampler_list; sampler; sampler = sampler->next)
		dynmem_sampler_trigger(sampler);
}

static void sampler_sleep(u64 ns)
{
	unsigned long us = div_u64(ns, NSEC_PER_USEC) + 1;

	usleep_range(us, us + us / 4);
}

/**
 * dynmem_sampler_run() - wait for a pass that begins after this call
 * @sampler: the sampler
 *
 * For requests. Those that wait at the same time share one pass. Returns at
 * once when the module is being unloaded.
 */
void dynmem_sampler_run(struct dynmem_sampler *sampler)
{
	u64 asked = ktime_get_ns();

	/* Pairs with the release in sampler_work(). */
	while (smp_load_acquire(&sampler->began) < asked &&
	       !READ_ONCE(sampler->stopping)) {
		u64 until = READ_ONCE(sampler->rest_until);
		u64 now = ktime_get_ns();

		if (now < until)
			sampler_sleep(until - now);
		kthread_queue_work(sampler->worker, &sampler->work);
		kthread_flush_work(&sampler->work);
	}
}

/**
 * dynmem_sampler_stop() - wait for the pass that runs; no other follows
 * @sampler: the sampler
 *
 * Triggers have no effect from now on.
 */
void dynmem_sampler_stop(struct dynmem_sampler *sampler)
{
	WRITE_ONCE(sampler->stopping, true);
	kthread_cancel_work_sync(&sampler->work);
	/* That pass may have armed it; what it starts does nothing. */
	hrtimer_cancel(&sampler->timer);
}

/**
 * dynmem_sampler_init() - create the thread
 * @sampler: the sampler, with name, realtime and pass set
 *
 * Return: 0 or a negative errno.
 */
int __init dynmem_sampler_init(struct dynmem_sampler *sampler)
{
	kthread_init_work(&sampler->work, sampler_work);
	hrtimer_setup(&sampler->timer, sampler_timer, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_HARD);
	sampler->worker = kthread_run_worker(0, "%s", sampler->name);
	if (IS_ERR(sampler->worker))
		return PTR_ERR(sampler->worker);
	if (sampler->realtime)
		sched_set_fifo_low(sampler->worker->task);
	sampler->next = sampler_list;
	sampler_list = sampler;
	return 0;
}

void dynmem_sampler_exit(struct dynmem_sampler *sampler)
{
	dynmem_sampler_stop(sampler);
	kthread_destroy_worker(sampler->worker);
}
