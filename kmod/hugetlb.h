/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pools of huge pages
 */

#ifndef _DYNMEM_HUGETLB_H
#define _DYNMEM_HUGETLB_H

#include "attrs.h"

void dynmem_hugetlb_init(void);
void dynmem_hugetlb_exit(void);
void dynmem_hugetlb_fill(struct dynmem_record *rec);

#endif /* _DYNMEM_HUGETLB_H */
