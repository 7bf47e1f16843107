// SPDX-License-Identifier: GPL-2.0
/* 6.11: zero pages that KSM saved, per address space. */
#include <linux/ksm.h>

long test(struct mm_struct *mm);
long test(struct mm_struct *mm)
{
	return mm_ksm_zero_pages(mm);
}
