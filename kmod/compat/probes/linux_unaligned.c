// SPDX-License-Identifier: GPL-2.0
/* 6.12: asm/unaligned.h became linux/unaligned.h. */
#include <linux/unaligned.h>

u32 test(const void *at);
u32 test(const void *at)
{
	return get_unaligned((const u32 *)at);
}
