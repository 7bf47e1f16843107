/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Victims of the OOM killer
 */

#ifndef _DYNMEM_VICTIM_H
#define _DYNMEM_VICTIM_H

#include <net/genetlink.h>

#include "oom.h"

struct task_struct;

void dynmem_victim_add(struct task_struct *task, enum dynmem_oom whose);
int dynmem_victim_start(struct netlink_callback *cb, struct nlattr **attrs,
			struct netlink_ext_ack *extack);
int dynmem_victim_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int dynmem_victim_init(void);
void dynmem_victim_stop(void);
void dynmem_victim_exit(void);

#endif /* _DYNMEM_VICTIM_H */
