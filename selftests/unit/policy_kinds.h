/* SPDX-License-Identifier: GPL-2.0 */
/* A host of 16 GiB with four guests of 4 GiB, one of each kind. */
#ifndef POLICY_KINDS_H
#define POLICY_KINDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/engine.h"

enum { IDLE, CACHED, BUSY, UNTOUCHED, GUESTS };

struct kinds {
	struct policy *p;
	u64 now, update;
	struct host_record h;
	unsigned int g[GUESTS];
};

static inline void report(struct kinds *f, int i, u64 used, u64 cache, u64 rss)
{
	const struct policy_guest *g = guest_get(f->p, f->g[i]);
	u64 available = g->actual - used;
	struct guest_record s = {
		.present = GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE |
			   GUEST_HAS_FREE | GUEST_HAS_DISK_CACHES,
		.last_update = ++f->update,
		.stat_actual = g->actual,
		.total = g->actual,
		.available = available,
		.free = available - cache,
		.disk_caches = cache,
	};
	struct guest_record c = {
		.present = GUEST_HAS_RSS,
		.rss = rss + 32 * MIB,
	};

	policy_guest_update(f->p, f->g[i], &c, f->now);
	policy_guest_update(f->p, f->g[i], &s, f->now);
}

static inline void init(struct kinds *f, u64 available)
{
	struct policy_guest_config c = { .min = GIB, .max = 4 * GIB };

	*f = (struct kinds){
		.now = 1000 * SEC,
		.h = { .present = HOST_HAS_MEMORY | HOST_HAS_SWAP,
		       .total = 16 * GIB,
		       .available = available },
	};
	assert_int_equal(policy_new(NULL, &f->p), 0);
	for (int i = 0; i < GUESTS; i++) {
		assert_int_equal(policy_guest_add(f->p, &c, 4 * GIB, f->now, &f->g[i]), 0);
		policy_guest_polling(f->p, f->g[i], true, f->now);
	}
	for (int n = 0; n < 3; n++) {
		f->now += SEC;
		report(f, IDLE, GIB, 0, 4 * GIB);
		report(f, CACHED, GIB, 2 * GIB, 3 * GIB);
		report(f, BUSY, 3990 * MIB, 0, 4 * GIB);
		report(f, UNTOUCHED, GIB, 0, GIB);
		policy_host_update(f->p, &f->h, f->now);
	}
}

static inline void host_falls_to(struct kinds *f, u64 available)
{
	f->h.available = available;
	policy_host_update(f->p, &f->h, f->now);
}

#endif
