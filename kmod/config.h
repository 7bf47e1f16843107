/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The settings
 */

#ifndef _DYNMEM_CONFIG_H
#define _DYNMEM_CONFIG_H

#include <linux/compiler.h>
#include <linux/dynmem.h>
#include <linux/types.h>
#include <net/genetlink.h>

/**
 * struct dynmem_config - the settings
 * @value: by DYNMEM_A_CONFIG_*
 */
struct dynmem_config {
	u64 value[DYNMEM_A_CONFIG_MAX + 1];
};

extern struct dynmem_config dynmem_config;

/* Readers look at one value at a time; a change takes effect with the next. */
#define dynmem_setting(NAME) \
	READ_ONCE(dynmem_config.value[DYNMEM_A_CONFIG_ ## NAME])

int dynmem_config_init(void);
int dynmem_config_get_doit(struct sk_buff *skb, struct genl_info *info);
int dynmem_config_set_doit(struct sk_buff *skb, struct genl_info *info);

#endif /* _DYNMEM_CONFIG_H */
