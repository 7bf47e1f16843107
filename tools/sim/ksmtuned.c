// SPDX-License-Identifier: GPL-2.0
/*
 * ksmtuned as Proxmox VE ships it: KSM runs while memory is short, faster each
 * minute that it stays so.
 */
#include "sim/control.h"

#include <math.h>

#define BOOST	  300
#define DECAY	  50
#define PAGES_MIN 64
#define PAGES_MAX 1250
/* Percent of the host's memory: less free, and it runs. */
#define THRESHOLD 20
/* ms for a host of 16 GiB, less for a larger one; and the least */
#define SLEEP	  100
#define SLEEP_MIN 10

bool sim_ksmtuned_rules(struct sim_ksmtuned *k, double total, double free, double committed)
{
	double threshold = trunc(total * THRESHOLD / 100);
	double pages = k->pages + (free < threshold ? BOOST : -DECAY);

	/* While it is stopped the pages stay as they are. */
	if (committed + threshold < total && free > threshold)
		return false;
	k->pages = fmax(PAGES_MIN, fmin(pages, PAGES_MAX));
	k->sleep_ms = fmax(SLEEP_MIN, trunc(SLEEP * 16.0 * 1024 * 1024 / total));
	return true;
}

/*
 * The model's host has no page cache of its own: MemFree + Buffers + Cached is what
 * is available. What guests have resident is without what is merged, as is PSS.
 */
void sim_ksmtuned(struct sim_host *h)
{
	struct sim_ksmtuned k = { .pages = h->ksm_pages, .sleep_ms = h->ksm_sleep_ms };
	double committed = h->rss + h->count * h->physics.qemu;

	h->ksm_run = sim_ksmtuned_rules(&k, h->total / SIM_KIB, h->available / SIM_KIB,
					committed / SIM_KIB);
	h->ksm_pages = k.pages;
	h->ksm_sleep_ms = k.sleep_ms;
}
