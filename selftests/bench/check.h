/* SPDX-License-Identifier: GPL-2.0 */
/* A benchmark that cannot go on ends, and says where. */
#ifndef DYNMEM_BENCH_CHECK_H
#define DYNMEM_BENCH_CHECK_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn static inline void die(const char *what, int r)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(-r));
	exit(1);
}

static inline void check(const char *what, int r)
{
	if (r < 0)
		die(what, r);
}

#endif
