/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading attributes of sysfs
 */

#ifndef _DYNMEM_SYSFS_H
#define _DYNMEM_SYSFS_H

#include <linux/types.h>

struct kernfs_node;

ssize_t dynmem_sysfs_show(struct kernfs_node *dir, struct kernfs_node *file,
			  char *page);

#endif /* _DYNMEM_SYSFS_H */
