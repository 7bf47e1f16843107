/* SPDX-License-Identifier: GPL-2.0 */
/* A host with guests, as the daemon reports them. */
#ifndef POLICY_HOST_H
#define POLICY_HOST_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy/engine.h"

struct fixture {
	struct policy *p;
	u64 now;
	struct host_record h;
	struct policy_result r;
	u64 update;
};

static inline void init(struct fixture *f, u64 total, u64 available)
{
	*f = (struct fixture){ .now = 1000 * SEC };
	f->h.present =
		HOST_HAS_MEMORY | HOST_HAS_ARC | HOST_HAS_SWAP | HOST_HAS_LEVEL | HOST_HAS_NODES;
	f->h.total = total;
	f->h.available = available;
	assert_int_equal(policy_new(NULL, &f->p), 0);
}

static inline unsigned int add(struct fixture *f, u64 min, u64 max)
{
	struct policy_guest_config c = { .min = min, .max = max };
	unsigned int g = 0;

	assert_int_equal(policy_guest_add(f->p, &c, max, f->now, &g), 0);
	policy_guest_polling(f->p, g, true, f->now);
	return g;
}

static inline void report(struct fixture *f, unsigned int g, u64 used, u64 rss)
{
	const struct policy_guest *guest = guest_get(f->p, g);
	struct guest_record s = {
		.present = GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE | GUEST_HAS_FREE,
		.last_update = ++f->update,
		.stat_actual = guest->actual,
		.total = guest->actual,
		.available = guest->actual - used,
		.free = guest->actual - used,
	};
	struct guest_record c = {
		.present = GUEST_HAS_RSS,
		.rss = rss,
	};

	policy_guest_update(f->p, g, &c, f->now);
	policy_guest_update(f->p, g, &s, f->now);
}

static inline void decide(struct fixture *f)
{
	policy_host_update(f->p, &f->h, f->now);
	assert_true(policy_decide(f->p, f->now, &f->r) >= 0);
}

static inline void pass(struct fixture *f, u64 seconds)
{
	f->now += seconds * SEC;
}

#endif
