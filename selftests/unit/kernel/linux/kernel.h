/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's pure sources need of the kernel's headers, for user space.
 */

#ifndef _UNIT_LINUX_KERNEL_H
#define _UNIT_LINUX_KERNEL_H

#include <errno.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define READ_ONCE(x)	  (*(const volatile __typeof__(x) *)&(x))
#define BIT(n)		  (1UL << (n))
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define U64_MAX		  UINT64_MAX
#define NSEC_PER_USEC	  1000L
#define NSEC_PER_MSEC	  1000000L
#define NSEC_PER_SEC	  1000000000L
#define USEC_PER_SEC	  1000000L

#define min(a, b)                       \
	({                              \
		__typeof__(a) a_ = (a); \
		__typeof__(b) b_ = (b); \
		a_ < b_ ? a_ : b_;      \
	})
#define max(a, b)                       \
	({                              \
		__typeof__(a) a_ = (a); \
		__typeof__(b) b_ = (b); \
		a_ > b_ ? a_ : b_;      \
	})

#define min3(a, b, c)                             \
	({                                        \
		__typeof__(a) lower_ = min(a, b); \
		__typeof__(c) c_ = (c);           \
		lower_ < c_ ? lower_ : c_;        \
	})
#define max3(a, b, c)                             \
	({                                        \
		__typeof__(a) upper_ = max(a, b); \
		__typeof__(c) c_ = (c);           \
		upper_ > c_ ? upper_ : c_;        \
	})

static inline u64 div_u64(u64 dividend, u32 divisor)
{
	return dividend / divisor;
}

static inline u64 div64_u64(u64 dividend, u64 divisor)
{
	return dividend / divisor;
}

static inline u32 hash_32(u32 value, unsigned int bits)
{
	return (value * 0x61C88647U) >> (32 - bits);
}

#define GFP_KERNEL 0

static inline void *kzalloc(size_t size, int gfp)
{
	(void)gfp;
	return calloc(1, size);
}

#define kfree free

#endif
