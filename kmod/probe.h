/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Probes on tracepoints
 */

#ifndef _DYNMEM_PROBE_H
#define _DYNMEM_PROBE_H

int dynmem_probe_init(void);
void dynmem_probe_exit(void);

#endif /* _DYNMEM_PROBE_H */
