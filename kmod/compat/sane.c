// SPDX-License-Identifier: GPL-2.0
/*
 * Compiles with every kernel that the module is for: where it does not, the
 * compiler or the kernel's headers do not work, and no probe would mean anything.
 */
#include <linux/hrtimer.h>
#include <linux/ksm.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <net/genetlink.h>
#include <trace/events/oom.h>
#include <trace/events/vmscan.h>

int test(struct mm_struct *mm);
int test(struct mm_struct *mm)
{
	return mm->ksm_merging_pages;
}
