// SPDX-License-Identifier: GPL-2.0
/* A squeezed guest that fills memory is seen by what it has resident, between two polls. */
#include "dynmemd_world.h"

/* What it has resident, and so what the host has left: MiB. */
#define RESIDENT  320
#define AVAILABLE 600

static void grow_to(struct world *w, unsigned int grown)
{
	guest_cost(w, getpid(), RESIDENT + grown);
	host_memory(w, 4096, AVAILABLE - grown);
}

/* It just gets by, and was polled a moment ago: the next poll is 5 s away. */
static void open_squeezed(struct world *w, struct fake_qemu *a, const char *mode)
{
	char config[128];
	unsigned int polls;

	*a = idle_guest("a");
	a->actual = 512 * MIB;
	a->total = 448 * MIB;
	a->available = a->free = 200 * MIB;
	snprintf(config, sizeof(config), "[daemon]\nmode = %s\n[policy]\npoll = 5s\n", mode);
	open_world(w, config);
	grow_to(w, 0);
	start_guest(w, a, "a.sock");
	until_known(w, "a");
	polls = a->polls;
	run_until(w, 6000, a->polls > polls);
	run_for(w, 100);
	if (a->balloons)
		fake_move(a, a->target);
	run_for(w, 100);
}

/* So many since; not on a machine that stood still for so long that a poll came. */
static void sent(const struct fake_qemu *a, const struct fake_qemu *before, unsigned int n)
{
	if (a->polls == before->polls)
		assert_int_equal(a->commands, before->commands + n);
}

static void test_lends_at_once(_unused_ void **state)
{
	struct fake_qemu a, before;
	struct world w;
	uint64_t had;

	open_squeezed(&w, &a, "manage");
	had = info_of(&w, "a").target;
	assert_true(had < a.memory);
	before = a;

	/* At rest its monitor hears nothing, however often the host is sampled. */
	run_for(&w, 300);
	/* Nor is so little worth a decision. */
	grow_to(&w, 10);
	run_for(&w, 150);
	sent(&a, &before, 0);

	/* 100 MiB more: it gets what it takes before its statistics are due. */
	grow_to(&w, 110);
	run_until(&w, 200, a.balloons > before.balloons);
	assert_in_range(a.target, had + 32 * MIB, a.memory);
	/* Nothing else was asked of it. */
	sent(&a, &before, 1);
	fake_stop(&a, false);
	close_world(&w);
}

/* Where dynmemd only observes, nothing is written then either. */
static void test_observed(_unused_ void **state)
{
	struct fake_qemu a, before;
	struct world w;

	open_squeezed(&w, &a, "observe");
	before = a;
	grow_to(&w, 110);
	run_for(&w, 300);
	sent(&a, &before, 0);
	fake_stop(&a, false);
	close_world(&w);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lends_at_once),
		cmocka_unit_test(test_observed),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_resident", tests, NULL, NULL);
}
