/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic netlink family
 */

#ifndef _DYNMEM_GENL_H
#define _DYNMEM_GENL_H

#include <net/genetlink.h>

extern struct genl_family dynmem_family;
extern bool dynmem_family_ready;

enum dynmem_group {
	DYNMEM_GROUP_KSM,
	DYNMEM_GROUP_PRESSURE,
	/* Where the kernel can restrict a group; else it has no members. */
	DYNMEM_GROUP_OOM,
};

int dynmem_may_read(struct sk_buff *request,
		    struct netlink_ext_ack *extack);
int dynmem_may_set(struct sk_buff *request,
		   struct netlink_ext_ack *extack);
int dynmem_genl_init(void);
void dynmem_genl_exit(void);

#endif /* _DYNMEM_GENL_H */
