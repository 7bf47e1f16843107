/* SPDX-License-Identifier: GPL-2.0 */
/* One guest: each second its statistics and its cost. */
#ifndef POLICY_ONE_H
#define POLICY_ONE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy/engine.h"

struct one {
	struct policy *p;
	u64 now;
	unsigned int g;
	struct guest_record s;
	struct guest_record c;
	struct host_record h;
	struct policy_result r;
	struct policy_guest_info i;
};

static inline void one_init(struct one *o, u64 min, u64 max, u64 actual)
{
	struct policy_guest_config config = { .min = min, .max = max };

	*o = (struct one){ .now = 1000 * SEC };
	assert_int_equal(policy_new(NULL, &o->p), 0);
	assert_int_equal(policy_guest_add(o->p, &config, actual, o->now, &o->g), 0);
	policy_guest_polling(o->p, o->g, true, o->now);
	o->h = (struct host_record){ .present = HOST_HAS_MEMORY | HOST_HAS_SWAP,
				     .total = 16 * GIB,
				     .available = 8 * GIB };
	o->s = (struct guest_record){
		.present = GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE |
			   GUEST_HAS_FREE | GUEST_HAS_DISK_CACHES,
		.last_update = 5000,
		.stat_actual = actual,
		.total = actual - 64 * MIB,
		.available = actual / 2,
		.free = actual / 4,
		.disk_caches = actual / 4,
	};
	o->c = (struct guest_record){
		.present = GUEST_HAS_RSS,
		.rss = actual,
	};
}

/* A second passes, with a fresh sample or without. */
static inline void tick(struct one *o, bool fresh)
{
	o->now += SEC;
	policy_host_update(o->p, &o->h, o->now);
	policy_guest_update(o->p, o->g, &o->c, o->now);
	if (fresh)
		o->s.last_update++;
	assert_int_equal(policy_guest_update(o->p, o->g, &o->s, o->now), fresh);
	assert_true(policy_decide(o->p, o->now, &o->r) >= 0);
	assert_int_equal(policy_guest_info(o->p, o->g, o->now, &o->i), 0);
}

static inline void ticks(struct one *o, unsigned int n)
{
	while (n--)
		tick(o, true);
}

/* It follows its balloon; 200 MiB are in use. */
static inline void has(struct one *o, u64 actual)
{
	o->s.stat_actual = actual;
	o->s.total = actual - 64 * MIB;
	o->s.available = o->s.free = o->s.total - 200 * MIB;
	o->s.disk_caches = 0;
	o->c.rss = actual;
	policy_guest_actual(o->p, o->g, actual, o->now);
}

#endif
