/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whose OOM it is
 */

#ifndef _DYNMEM_OOM_H
#define _DYNMEM_OOM_H

/**
 * enum dynmem_oom - whose OOM it is
 * @DYNMEM_OOM_HOST: the host has no memory left
 * @DYNMEM_OOM_CONSTRAINED: the task may not use the memory that the host has, or
 *	an operator asked for a kill
 * @DYNMEM_OOM_MEMCG: a cgroup is at its limit
 */
enum dynmem_oom {
	DYNMEM_OOM_HOST,
	DYNMEM_OOM_CONSTRAINED,
	DYNMEM_OOM_MEMCG,
};

enum dynmem_oom dynmem_oom_begin(void);
enum dynmem_oom dynmem_oom_victim(void);
void dynmem_oom_ended(void);

#endif /* _DYNMEM_OOM_H */
