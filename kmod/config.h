/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings: module parameters, config-get and config-set
 */

#ifndef _DYNMEM_CONFIG_H
#define _DYNMEM_CONFIG_H

#include <linux/dynmem.h>
#include <net/genetlink.h>

extern const struct nla_policy dynmem_config_policy[DYNMEM_A_CONFIG_MAX + 1];

int dynmem_config_init(void);
void dynmem_config_exit(void);
int dynmem_config_watch(void);
void dynmem_config_unwatch(void);
void dynmem_config_poll(u64 now);
int dynmem_config_get_doit(struct sk_buff *skb, struct genl_info *info);
int dynmem_config_set_doit(struct sk_buff *skb, struct genl_info *info);

#endif /* _DYNMEM_CONFIG_H */
