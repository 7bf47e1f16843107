// SPDX-License-Identifier: GPL-2.0
/* A function that sums the parts of a counter of an address space. */
#include <linux/mm.h>

unsigned long test(struct mm_struct *mm);
unsigned long test(struct mm_struct *mm)
{
	return get_mm_counter_sum(mm, 0);
}
