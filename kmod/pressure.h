/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's memory pressure: sampling, notifications, pressure-get
 */

#ifndef _DYNMEM_PRESSURE_H
#define _DYNMEM_PRESSURE_H

#include <net/genetlink.h>

void dynmem_pressure_trigger(void);
int dynmem_pressure_get_doit(struct sk_buff *skb, struct genl_info *info);
int dynmem_pressure_init(void);
void dynmem_pressure_stop(void);
void dynmem_pressure_exit(void);

#endif /* _DYNMEM_PRESSURE_H */
