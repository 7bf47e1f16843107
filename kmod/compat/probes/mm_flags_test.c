// SPDX-License-Identifier: GPL-2.0
/* 6.18: an address space's flags are a bitmap. */
#include <linux/mm.h>
#include <linux/sched/coredump.h>

bool test(struct mm_struct *mm);
bool test(struct mm_struct *mm)
{
	return mm_flags_test(MMF_VM_MERGEABLE, mm);
}
