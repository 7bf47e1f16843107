/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Thresholds of available memory that nobody gave
 */

#ifndef _DYNMEM_THRESHOLD_H
#define _DYNMEM_THRESHOLD_H

#include "settings.h"

/* A threshold to compute: out of the range of those that are given. */
#define DYNMEM_THRESHOLD_AUTO	U64_MAX

void dynmem_threshold_compute(struct dynmem_config *config, u64 memory);

#endif /* _DYNMEM_THRESHOLD_H */
