// SPDX-License-Identifier: GPL-2.0
/*
 * Reading attributes of sysfs.
 *
 * What a module can reach where nothing is exported: the attributes, found by
 * name through kernfs, are read through their own show method, as sysfs itself
 * does. A compromise, and the reason why nothing else is in this file.
 */

#include <linux/errno.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/sysfs.h>

#include "sysfs.h"

/**
 * dynmem_sysfs_show() - read an attribute
 * @dir: the folder of its kobject, which is never removed
 * @file: the file
 * @page: a whole page, which show methods insist on
 *
 * May sleep, but allocates nothing.
 *
 * Return: length of the text, which is terminated, or a negative errno.
 */
ssize_t dynmem_sysfs_show(struct kernfs_node *dir, struct kernfs_node *file,
			  char *page)
{
	struct kobject *kobj = dir->priv;
	struct attribute *attr = file->priv;
	ssize_t len = get_ktype(kobj)->sysfs_ops->show(kobj, attr, page);

	if (len <= 0 || len >= PAGE_SIZE)
		return len < 0 ? len : -EINVAL;
	page[len] = '\0';
	return len;
}
