/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pools of huge pages
 */

#ifndef _DYNMEM_HUGETLB_H
#define _DYNMEM_HUGETLB_H

#include "attrs.h"

void dynmem_hugetlb_init(void);
void dynmem_hugetlb_exit(void);
bool dynmem_hugetlb_read(u64 *total, u64 *free);
void dynmem_hugetlb_fill(struct dynmem_record *rec);

#endif /* _DYNMEM_HUGETLB_H */
