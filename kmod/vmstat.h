/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's own counters of VM events
 */

#ifndef _DYNMEM_VMSTAT_H
#define _DYNMEM_VMSTAT_H

#include <linux/types.h>

/* Sums since boot. The first few decide the level; messages carry all. */
enum dynmem_vm {
	DYNMEM_VM_THROTTLES,
	DYNMEM_VM_SWAP_INS,
	DYNMEM_VM_RECLAIMED_KSWAPD,
	DYNMEM_VM_LEVEL,
	DYNMEM_VM_ALLOCSTALLS = DYNMEM_VM_LEVEL,
	DYNMEM_VM_SCANNED_DIRECT,
	DYNMEM_VM_SCANNED_KSWAPD,
	DYNMEM_VM_SWAP_OUTS,
	DYNMEM_VM_ZSWAP_INS,
	DYNMEM_VM_ZSWAP_OUTS,
	DYNMEM_VM_COMPACT_STALLS,
	DYNMEM_VM_COMPACT_FAILS,
	DYNMEM_VM_THP_FALLBACKS,
	DYNMEM_VM_ALL,
};

/**
 * struct dynmem_vmstat - sums of VM events
 * @value: by enum dynmem_vm
 */
struct dynmem_vmstat {
	u64 value[DYNMEM_VM_ALL];
};

void dynmem_vmstat_read(struct dynmem_vmstat *stat, int n);
bool dynmem_vmstat_try(struct dynmem_vmstat *stat, int n);
u64 dynmem_vm_event(int item);

#endif /* _DYNMEM_VMSTAT_H */
