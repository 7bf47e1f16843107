// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names of enumerators, to be printed. */
#include "internal.h"

_public_ const char *dynmem_level_name(uint32_t level)
{
	switch (level) {
	case DYNMEM_LEVEL_NONE:
		return "none";
	case DYNMEM_LEVEL_LOW:
		return "low";
	case DYNMEM_LEVEL_MEDIUM:
		return "medium";
	case DYNMEM_LEVEL_CRITICAL:
		return "critical";
	default:
		return "unknown";
	}
}

_public_ const char *dynmem_cause_name(uint32_t cause)
{
	switch (cause) {
	case DYNMEM_CAUSE_AVAILABLE:
		return "available";
	case DYNMEM_CAUSE_STALL:
		return "stall";
	case DYNMEM_CAUSE_REFAULT:
		return "refault";
	case DYNMEM_CAUSE_OOM:
		return "oom";
	default:
		return "unknown";
	}
}
