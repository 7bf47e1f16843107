/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KSM's counters
 */

#ifndef _DYNMEM_KSM_H
#define _DYNMEM_KSM_H

#include "attrs.h"

/* struct ksm_rmap_item is private to KSM: its size where pointers are 8 bytes. */
#define DYNMEM_RMAP_ITEM_SIZE	64

int dynmem_ksm_init(void);
void dynmem_ksm_exit(void);
void dynmem_ksm_read(struct dynmem_record *rec);

#endif /* _DYNMEM_KSM_H */
