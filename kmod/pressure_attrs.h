/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The attributes of messages about pressure
 */

#ifndef _DYNMEM_PRESSURE_ATTRS_H
#define _DYNMEM_PRESSURE_ATTRS_H

#include <linux/dynmem.h>

#include "attrs.h"
#include "counter.h"
#include "level.h"
#include "notify.h"
#include "vmstat.h"

/**
 * struct dynmem_pressure - what a message about pressure is made from
 * @stamp: what it begins with
 * @load: figures that decide the level
 * @level: the level
 * @counters: the module's counters
 * @vmstat: the kernel's
 */
struct dynmem_pressure {
	struct dynmem_stamp stamp;
	struct dynmem_load load;
	struct dynmem_level_state level;
	struct dynmem_counters counters;
	struct dynmem_vmstat vmstat;
};

extern const u8 dynmem_pressure_types[DYNMEM_A_PRESSURE_MAX + 1];

void dynmem_pressure_fill(struct dynmem_record *rec,
			  const struct dynmem_pressure *pressure);

#endif /* _DYNMEM_PRESSURE_ATTRS_H */
