// SPDX-License-Identifier: GPL-2.0
/*
 * What this kernel and the module offer.
 */

#include <linux/dynmem.h>
#include <linux/init.h>
#include <linux/ktime.h>

#include "capability.h"
#include "compat/compat.h"

/* When the module was loaded, ns. */
u64 dynmem_since;

/* enum dynmem_capability bits; complete when the module has been loaded. */
u32 dynmem_capabilities;

void __init dynmem_capability_init(void)
{
	dynmem_since = ktime_get_ns();
	if (dynmem_has_merge_any)
		dynmem_capabilities |= DYNMEM_CAPABILITY_MERGE_ANY;
	if (IS_ENABLED(CONFIG_CGROUPS))
		dynmem_capabilities |= DYNMEM_CAPABILITY_CGROUP;
}
