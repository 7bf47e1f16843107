/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What this kernel and the module offer
 */

#ifndef _DYNMEM_CAPABILITY_H
#define _DYNMEM_CAPABILITY_H

#include <linux/types.h>

extern u64 dynmem_since;
extern u32 dynmem_capabilities;

void dynmem_capability_init(void);

#endif /* _DYNMEM_CAPABILITY_H */
