// SPDX-License-Identifier: GPL-2.0
/*
 * Pools of huge pages.
 */

#include <linux/dynmem.h>
#include <linux/hugetlb.h>

#include "capability.h"
#include "hugetlb.h"

/**
 * dynmem_hugetlb_read() - read what is in pools
 * @total: bytes, also of huge pages that are in use
 * @free: bytes that are free
 *
 * Return: true.
 */
bool dynmem_hugetlb_read(u64 *total, u64 *free)
{
	*total = (u64)hugetlb_total_pages() << PAGE_SHIFT;
	*free = (u64)hugetlb_free_pages() << PAGE_SHIFT;
	return true;
}

/**
 * dynmem_hugetlb_fill() - collect what is in pools
 * @rec: where to
 */
void dynmem_hugetlb_fill(struct dynmem_record *rec)
{
	u64 total, free;

	if (!(dynmem_capabilities & DYNMEM_CAPABILITY_HUGETLB))
		return;
	dynmem_hugetlb_read(&total, &free);
	dynmem_set(rec, DYNMEM_A_PRESSURE_HUGETLB_TOTAL, total);
	dynmem_set(rec, DYNMEM_A_PRESSURE_HUGETLB_FREE, free);
}

void __init dynmem_hugetlb_init(void)
{
	if (IS_ENABLED(CONFIG_HUGETLB_PAGE))
		dynmem_capabilities |= DYNMEM_CAPABILITY_HUGETLB;
}

void dynmem_hugetlb_exit(void)
{
}
