/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's memory pressure
 */

#ifndef _DYNMEM_PRESSURE_H
#define _DYNMEM_PRESSURE_H

#include <net/genetlink.h>

void dynmem_pressure_kick(void);
void dynmem_pressure_settings_changed(void);
int dynmem_pressure_get_doit(struct sk_buff *skb, struct genl_info *info);
int dynmem_pressure_init(void);
void dynmem_pressure_stop(void);
void dynmem_pressure_cancel(void);
void dynmem_pressure_exit(void);

#endif /* _DYNMEM_PRESSURE_H */
