// SPDX-License-Identifier: GPL-2.0
/*
 * Pools of huge pages.
 *
 * Their sizes are exported by nothing but sysfs, as KSM's counters are: see
 * ksm.c. The kernel makes a pool for each size when it boots.
 */

#include <linux/dynmem.h>
#include <linux/gfp.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/sizes.h>

#include "capability.h"
#include "hugetlb.h"
#include "sysfs.h"

/* Sizes of pages are powers of two in this range, on all architectures. */
#define HUGETLB_SHIFT_MIN	16
#define HUGETLB_SHIFT_MAX	34

/**
 * struct hugetlb_pool - the pool of a size
 * @dir: its folder, NULL: there is no such size
 * @total: file with the number of pages
 * @free: file with the number of those that are free
 */
static struct hugetlb_pool {
	struct kernfs_node *dir;
	struct kernfs_node *total;
	struct kernfs_node *free;
} hugetlb_pools[HUGETLB_SHIFT_MAX + 1];

static u64 hugetlb_read(const struct hugetlb_pool *pool,
			struct kernfs_node *file, char *page)
{
	u64 pages;

	if (dynmem_sysfs_show(pool->dir, file, page) < 0 ||
	    kstrtou64(page, 10, &pages))
		return 0;
	return pages;
}

/**
 * dynmem_hugetlb_read() - read what is in pools
 * @total: bytes, also of huge pages that are in use
 * @free: bytes that are free
 *
 * May sleep.
 *
 * Return: false without memory to read it.
 */
bool dynmem_hugetlb_read(u64 *total, u64 *free)
{
	char *page = (char *)get_zeroed_page(GFP_KERNEL);
	int i;

	*total = 0;
	*free = 0;
	if (!page)
		return false;
	for (i = HUGETLB_SHIFT_MIN; i <= HUGETLB_SHIFT_MAX; i++) {
		const struct hugetlb_pool *pool = &hugetlb_pools[i];

		if (!pool->total || !pool->free)
			continue;
		*total += hugetlb_read(pool, pool->total, page) << i;
		*free += hugetlb_read(pool, pool->free, page) << i;
	}
	free_page((unsigned long)page);
	return true;
}

/**
 * dynmem_hugetlb_fill() - collect what is in pools
 * @rec: where to
 *
 * May sleep. Without memory to read it the figures are left out.
 */
void dynmem_hugetlb_fill(struct dynmem_record *rec)
{
	u64 total, free;

	if (!(dynmem_capabilities & DYNMEM_CAPABILITY_HUGETLB) ||
	    !dynmem_hugetlb_read(&total, &free))
		return;
	dynmem_set(rec, DYNMEM_A_PRESSURE_HUGETLB_TOTAL, total);
	dynmem_set(rec, DYNMEM_A_PRESSURE_HUGETLB_FREE, free);
}

static void __init hugetlb_find(struct kernfs_node *hugepages, int shift)
{
	struct hugetlb_pool *pool = &hugetlb_pools[shift];
	char name[32];

	snprintf(name, sizeof(name), "hugepages-%llukB",
		 1ULL << (shift - ilog2(SZ_1K)));
	pool->dir = kernfs_find_and_get(hugepages, name);
	if (!pool->dir)
		return;
	pool->total = kernfs_find_and_get(pool->dir, "nr_hugepages");
	pool->free = kernfs_find_and_get(pool->dir, "free_hugepages");
	if (pool->total && pool->free)
		dynmem_capabilities |= DYNMEM_CAPABILITY_HUGETLB;
}

/**
 * dynmem_hugetlb_init() - look up the pools
 *
 * Without any the module does without.
 */
void __init dynmem_hugetlb_init(void)
{
	struct kernfs_node *mm, *hugepages;
	int i;

	mm = kernfs_find_and_get(kernel_kobj->sd, "mm");
	if (!mm)
		return;
	hugepages = kernfs_find_and_get(mm, "hugepages");
	kernfs_put(mm);
	if (!hugepages)
		return;
	for (i = HUGETLB_SHIFT_MIN; i <= HUGETLB_SHIFT_MAX; i++)
		hugetlb_find(hugepages, i);
	kernfs_put(hugepages);
}

void dynmem_hugetlb_exit(void)
{
	int i;

	for (i = HUGETLB_SHIFT_MIN; i <= HUGETLB_SHIFT_MAX; i++) {
		kernfs_put(hugetlb_pools[i].free);
		kernfs_put(hugetlb_pools[i].total);
		kernfs_put(hugetlb_pools[i].dir);
	}
}
