// SPDX-License-Identifier: GPL-2.0
/* 6.13: a timer gets its function when it is made. */
#include <linux/hrtimer.h>

static enum hrtimer_restart func(struct hrtimer *timer)
{
	return HRTIMER_NORESTART;
}

void test(struct hrtimer *timer);
void test(struct hrtimer *timer)
{
	hrtimer_setup(timer, func, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
}
