/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of a scenario, for run.c and capacity.c.
 */
#ifndef DYNMEM_SIM_SCENARIO_H
#define DYNMEM_SIM_SCENARIO_H

#include "sim/control.h"

struct sim_scenario {
	const struct sim_trace *trace;
	struct sim_options options;
	unsigned int *order; /* of the machines of the trace */
	unsigned int machines, left_out;
	struct sim_machine *guest; /* in order of coming */
	unsigned int count, room;
};

/** scenario_grow() - have at least @count guests. 0 or -ENOMEM */
int scenario_grow(struct sim_scenario *s, unsigned int count);

/** scenario_promised() - bytes that a policy promises a guest */
double scenario_promised(const struct sim_policy *p, const struct sim_machine *m);

/** scenario_admitted() - of the first @guests, to how many the host can keep
 * its promise */
unsigned int scenario_admitted(const struct sim_scenario *s, const struct sim_policy *p,
			       unsigned int guests);

#endif
