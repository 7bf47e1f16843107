/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The settings in force
 */

#ifndef _DYNMEM_SETTINGS_H
#define _DYNMEM_SETTINGS_H

#include <linux/compiler.h>
#include <linux/dynmem.h>
#include <linux/types.h>

/**
 * struct dynmem_config - the settings
 * @value: by DYNMEM_A_CONFIG_*
 */
struct dynmem_config {
	u64 value[DYNMEM_A_CONFIG_MAX + 1];
};

extern struct dynmem_config dynmem_config;

/* Readers read one value at a time; a change takes effect with the next. */
#define dynmem_setting(NAME) \
	READ_ONCE(dynmem_config.value[DYNMEM_A_CONFIG_ ## NAME])

#endif /* _DYNMEM_SETTINGS_H */
