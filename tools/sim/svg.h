/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A picture of runs: a panel each, host memory over time.
 */
#ifndef DYNMEM_SIM_SVG_H
#define DYNMEM_SIM_SVG_H

#include <stdio.h>

#include "sim/sim.h"

/**
 * sim_svg() - draw recorded runs of one scenario
 * @title: one line
 *
 * Return: 0 or a negative errno of writing.
 */
int sim_svg(FILE *f, const char *title, const struct sim_options *o,
	    const struct sim_result *result, unsigned int count);

#endif
