// SPDX-License-Identifier: GPL-2.0
/* 6.2: counters of an address space are kept by CPU. */
#include <linux/mm_types.h>
#include <linux/percpu_counter.h>

s64 test(struct mm_struct *mm);
s64 test(struct mm_struct *mm)
{
	return percpu_counter_sum_positive(&mm->rss_stat[0]);
}
