/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's own counters
 */

#ifndef _DYNMEM_VMSTAT_H
#define _DYNMEM_VMSTAT_H

#include <linux/types.h>

u64 dynmem_vm_event(int item);
u64 dynmem_allocstalls(void);
u64 dynmem_swap_ins(void);

#endif /* _DYNMEM_VMSTAT_H */
