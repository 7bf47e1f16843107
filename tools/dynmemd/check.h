/* SPDX-License-Identifier: GPL-2.0 */
/* dynmemd --check: is the configuration sound, and what would it change? */
#ifndef DYNMEMD_CHECK_H
#define DYNMEMD_CHECK_H

#include "dynmemd/daemon.h"

/**
 * check_run() - read the configuration, and ask a running daemon what it would
 *	change
 *
 * Return: an exit status; a daemon that is not there is no failure.
 */
int check_run(const struct options *o);

#endif
