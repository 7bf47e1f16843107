// SPDX-License-Identifier: GPL-2.0
/* Machines that change, on hosts that are short at that moment. */
#include <string.h>

#include "policy_one.h"

/* The least that a decision or an emergency leaves it. */
static u64 leaves(struct one *o)
{
	const struct policy_plan *plan;
	u64 size = o->r.decision[0].target;

	assert_int_equal(policy_plan_emergency(o->p, 0, o->now, &plan), 0);
	for (unsigned int i = 0; i < plan->count; i++)
		size = min_of(size, plan->step[i].target);
	return size;
}

/* What is decided is done at once. */
static void obey(struct one *o)
{
	u64 size = leaves(o);

	if (size == guest_get(o->p, o->g)->target)
		return;
	policy_command_sent(o->p, o->g, size, o->now);
	policy_guest_actual(o->p, o->g, size, o->now);
}

/* Of what it has, that much is no memory of its kernel's. */
static void stats_of(struct one *o, u64 offline, u64 used)
{
	u64 actual = guest_get(o->p, o->g)->actual;

	o->s.stat_actual = actual;
	o->s.total = actual - offline;
	o->s.available = o->s.free = over(o->s.total, used);
	o->s.disk_caches = 0;
	o->c.rss = actual;
}

static const u64 little[] = { 200 * MIB, 300 * MIB, 600 * MIB, 1200 * MIB };

/* Half a minute, with statistics: it keeps what it uses, and memory that is offline. */
static void keeps_used(struct one *o, u64 offline, u64 used)
{
	for (int n = 0; n < 30; n++) {
		stats_of(o, offline, used);
		tick(o, true);
		assert_true(leaves(o) >= offline + used);
		obey(o);
	}
}

/* A DIMM that its kernel does not bring online, plugged while the host has little. */
static void test_dimm_on_a_short_host(void **state)
{
	const struct policy_guest_config larger = { .min = 256 * MIB, .max = 4 * GIB };
	const u64 offline = 3 * GIB + 64 * MIB, used = 700 * MIB;

	(void)state;
	for (unsigned int k = 0; k < 4; k++) {
		struct one o;

		one_init(&o, 256 * MIB, GIB, GIB);
		stats_of(&o, 64 * MIB, used);
		ticks(&o, 30);
		o.h.available = little[k];
		assert_int_equal(policy_guest_configure(o.p, o.g, &larger), 0);
		policy_guest_actual(o.p, o.g, guest_get(o.p, o.g)->actual + 3 * GIB, o.now);
		/* Before it has said anything of that. */
		policy_host_update(o.p, &o.h, o.now);
		assert_true(policy_decide(o.p, o.now, &o.r) >= 0);
		assert_true(leaves(&o) >= offline + used);
		keeps_used(&o, offline, used);
		policy_free(o.p);
	}
}

/* What an earlier daemon knew of it was before its DIMM, or before its reboot. */
static void test_other_machine_over_a_restart(void **state)
{
	const struct policy_guest_state old = {
		.overhead = 64 * MIB, .yield = 1, .total_follows = 1, .good = GIB
	};
	const u64 offline = 3 * GIB + 64 * MIB, used = 700 * MIB;

	(void)state;
	for (unsigned int k = 0; k < 4; k++) {
		struct one o;

		one_init(&o, 256 * MIB, 4 * GIB, 4 * GIB);
		policy_guest_import(o.p, o.g, o.now, &old);
		o.h.available = little[k];
		keeps_used(&o, offline, used);
		policy_free(o.p);
	}
}

/* Its driver is unloaded: what it had comes back by itself, and nobody reports. */
static void test_driver_unloads(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 4 * GIB, 4 * GIB);
	o.h.available = 600 * MIB;
	for (int n = 0; n < 60; n++) {
		stats_of(&o, 64 * MIB, GIB);
		tick(&o, true);
		obey(&o);
	}
	assert_true(guest_get(o.p, o.g)->target < 2 * GIB);
	policy_guest_actual(o.p, o.g, 4 * GIB, o.now);
	for (int n = 0; n < 120; n++) {
		tick(&o, false);
		assert_true(o.r.decision[0].target >= GIB + 64 * MIB);
	}
	policy_free(o.p);
}

/* One node has nothing, and the others have plenty: that is no shortage of the host. */
static void test_one_node_is_full(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, 256 * MIB, 4 * GIB, 4 * GIB);
	o.h.present |= HOST_HAS_NODES | HOST_HAS_LEVEL | HOST_HAS_CAUSE;
	o.h.nodes = 2;
	o.h.node[0] = (struct host_node){ .total = 8 * GIB, .available = 0 };
	o.h.node[1] = (struct host_node){ .total = 8 * GIB, .available = 8 * GIB };
	o.h.level = POLICY_LEVEL_CRITICAL;
	o.h.cause = HOST_CAUSE_AVAILABLE | HOST_CAUSE_STALL | HOST_CAUSE_OOM;
	for (int n = 0; n < 60; n++) {
		stats_of(&o, 64 * MIB, GIB);
		tick(&o, true);
		assert_int_equal(o.r.level, POLICY_LEVEL_NONE);
		assert_int_equal(o.r.shrunk, 0);
	}
	policy_free(o.p);
}

/* Of any size, on a host that stands still with next to nothing: what it uses is its own. */
static void test_small_and_large(void **state)
{
	const u64 sizes[] = { 128 * MIB, 256 * MIB, 4 * GIB, 1024 * GIB };

	(void)state;
	for (unsigned int k = 0; k < 4; k++) {
		u64 max = sizes[k], used = max / 2, overhead = max / 16;
		struct one o;

		one_init(&o, MIB, max, max);
		o.h.total = 2 * max + 2 * GIB;
		o.h.available = policy_minfree(o.h.total) / 3;
		for (int n = 0; n < 120; n++) {
			stats_of(&o, overhead, used);
			tick(&o, true);
			assert_true(leaves(&o) >= overhead + used + max / 500);
			obey(&o);
		}
		assert_true(guest_get(o.p, o.g)->target < max);
		policy_free(o.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dimm_on_a_short_host),
		cmocka_unit_test(test_other_machine_over_a_restart),
		cmocka_unit_test(test_driver_unloads),
		cmocka_unit_test(test_one_node_is_full),
		cmocka_unit_test(test_small_and_large),
	};

	return cmocka_run_group_tests_name("policy_machines", tests, NULL, NULL);
}
