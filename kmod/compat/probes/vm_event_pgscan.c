// SPDX-License-Identifier: GPL-2.0
/* Up to 6.x: pages scanned and reclaimed are VM events, later node statistics. */
#include <linux/vm_event_item.h>

int test(void);
int test(void)
{
	enum vm_event_item item = PGSCAN_DIRECT;

	return item + PGSCAN_KSWAPD + PGSTEAL_KSWAPD;
}
