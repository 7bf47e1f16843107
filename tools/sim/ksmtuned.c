// SPDX-License-Identifier: GPL-2.0
/*
 * ksmtuned: KSM runs while memory is short, faster each minute that it stays
 * so.
 */
#include "sim/control.h"

#define BOOST	  300
#define DECAY	  50
#define PAGES_MIN 64
#define PAGES_MAX 1250
/* Of the host's memory: less free, and it runs. */
#define THRESHOLD 0.20
/* ms, for a host of 16 GiB; less for a larger one, */
#define SLEEP 10.0
/* but not less than */
#define SLEEP_MIN 10.0

void sim_ksmtuned(struct sim_host *h)
{
	double threshold = THRESHOLD * h->total;
	double pages = h->ksm_pages + (h->available < threshold ? BOOST : -DECAY);

	h->ksm_pages = pages < PAGES_MIN ? PAGES_MIN : pages > PAGES_MAX ? PAGES_MAX : pages;
	h->ksm_sleep_ms = SLEEP * 16 * SIM_GIB / h->total;
	if (h->ksm_sleep_ms < SLEEP_MIN)
		h->ksm_sleep_ms = SLEEP_MIN;
	h->ksm_run = h->rss + threshold >= h->total || h->available <= threshold;
}
