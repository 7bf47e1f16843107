/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ksm-get and notifications about KSM
 */

#ifndef _DYNMEM_KSM_NTF_H
#define _DYNMEM_KSM_NTF_H

#include <net/genetlink.h>

void dynmem_ksm_trigger(void);
int dynmem_ksm_get_doit(struct sk_buff *skb, struct genl_info *info);
int dynmem_ksm_ntf_init(void);
void dynmem_ksm_ntf_stop(void);
void dynmem_ksm_ntf_exit(void);

#endif /* _DYNMEM_KSM_NTF_H */
