/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings: module parameters, config-get and config-set
 */

#ifndef _DYNMEM_CONFIG_H
#define _DYNMEM_CONFIG_H

#include <net/genetlink.h>

int dynmem_config_init(void);
int dynmem_config_get_doit(struct sk_buff *skb, struct genl_info *info);
int dynmem_config_set_doit(struct sk_buff *skb, struct genl_info *info);

#endif /* _DYNMEM_CONFIG_H */
