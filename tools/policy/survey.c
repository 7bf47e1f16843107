// SPDX-License-Identifier: GPL-2.0
/* Demand and budget as of now: where every answer begins. */
#include "engine.h"

void survey(struct policy *p)
{
	demand_update(p);
	host_budget(p);
	demand_learned(p);
}
