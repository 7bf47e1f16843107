// SPDX-License-Identifier: GPL-2.0
/*
 * The models of other controllers, against numbers worked out by hand from
 * their sources' text. In MiB unless stated otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/control.h"
#include "sim/mom.h"
#include "sim/pve.h"

#define MIB 1048576.0

struct peer_guest {
	double balloon, min, max, free, shares, want;
};

static void pve(const char *name, double goal, const struct peer_guest *g, unsigned int count)
{
	struct pve_guest p[8];

	for (unsigned int i = 0; i < count; i++)
		p[i] = (struct pve_guest){
			.balloon = g[i].balloon * MIB,
			.balloon_min = g[i].min * MIB,
			.maxmem = g[i].max * MIB,
			.freemem = g[i].free * MIB,
			.shares = g[i].shares,
		};
	pve_compute_alg1(p, count, goal * MIB, PVE_MAX_CHANGE);
	for (unsigned int i = 0; i < count; i++)
		if (p[i].result != g[i].want * MIB)
			fail_msg("%s: guest %u: %.3f, wanted %.3f", name, i, p[i].result / MIB,
				 g[i].want);
}

#define PVE(name, goal, ...)                                    \
	do {                                                    \
		const struct peer_guest g_[] = { __VA_ARGS__ }; \
		pve(name, goal, g_, sizeof(g_) / sizeof(*g_));  \
	} while (0)

static void pve_grow(void **state)
{
	(void)state;
	/*
	 * Both have less free than a quarter of 1024: pressed. Pool above min
	 * is 0 + 500, so each wants 1024 + 250, may move 100: 1124. The second
	 * round wants the same of the same start: no progress. Of the goal 300
	 * are left, less than all of it, so the others are not asked.
	 */
	PVE("cap", 500, { 1024, 1024, 4096, 100, 1000, 1124 },
	    { 1024, 1024, 4096, 100, 1000, 1124 });
	/* 40 by shares 3:1 */
	PVE("shares", 40, { 1000, 1000, 2000, 9, 3000, 1030 }, { 1000, 1000, 2000, 9, 1000, 1010 });
	/*
	 * Each wants 1040; the first has room for 10. The 30 that are left go
	 * to nobody: the second round again computes 1000 + (50 + 30) / 2.
	 */
	PVE("max", 80, { 1000, 1000, 1010, 9, 1000, 1010 }, { 1000, 1000, 2000, 9, 1000, 1040 });
	/*
	 * Pool 800 + 0 + 100: each should have 1450. Growing the host's use, it
	 * shrinks the one that has more, and so the sum stays as it was.
	 */
	PVE("evens out", 100, { 1800, 1000, 4000, 9, 1000, 1700 },
	    { 1000, 1000, 4000, 9, 1000, 1100 });
	/* The comfortable one (300 free of 1000) only gets what the pressed
	 * cannot take. */
	PVE("pressed first", 60, { 1000, 1000, 2000, 300, 1000, 0 },
	    { 1000, 1000, 2000, 250, 1000, 1060 });
	/* The pressed one is at max: no progress, so all: 1000 + (1000 + 0 +
	 * 60) / 2. */
	PVE("then all", 60, { 1000, 1000, 4000, 300, 1000, 1100 },
	    { 2000, 1000, 2000, 9, 1000, 1900 });
}

static void pve_shrink(void **state)
{
	(void)state;
	/*
	 * 800 free is more than 256: the first is comfortable and alone. It
	 * should have 1024 + (1024 - 300), may move 100. 200 are left: less
	 * than all, so the pressed one is spared.
	 */
	PVE("comfortable first", -300, { 2048, 1024, 4096, 800, 1000, 1948 },
	    { 2048, 1024, 4096, 100, 1000, 0 });
	/* Nobody is comfortable: all, 1024 + (2048 - 50) / 2 each. */
	PVE("then all", -50, { 2048, 1024, 4096, 100, 1000, 2023 },
	    { 2048, 1024, 4096, 256, 1000, 2023 });
	/* Not below min: 1000 + (20 - 80) / 1 is 940, so 1000. */
	PVE("min", -80, { 1020, 1000, 2000, 900, 1000, 1000 });
	/* Below its min already: counts as pressed, and "shrinking" to min is
	 * no shrink. */
	PVE("below min", -50, { 900, 1000, 2000, 900, 1000, 0 });
}

static void pve_left_alone(void **state)
{
	(void)state;
	/* Exactly 10 is too little, both ways. */
	PVE("dead band", 10, { 1000, 1000, 2000, 9, 1000, 0 });
	PVE("dead band", -10, { 2000, 1000, 2000, 900, 1000, 0 });
	PVE("shares 0", 50, { 1000, 1000, 2000, 9, 0, 0 });
	PVE("no driver", 50, { 0, 1000, 2000, 9, 1000, 0 });
	PVE("no min", 50, { 1000, 0, 2000, 9, 1000, 0 });
	/* No statistics: free 0, so pressed; the comfortable one is shrunk. */
	PVE("silent", -50, { 2000, 1000, 2000, 0, 1000, 0 }, { 2000, 1000, 2000, 900, 1000, 1950 });
}

static void pve_rounds(void **state)
{
	(void)state;
	/* int() cuts: 1000 MiB + int(33.33..) bytes of three shares of 100
	 * bytes. */
	struct pve_guest g[3];

	for (int i = 0; i < 3; i++)
		g[i] = (struct pve_guest){
			.balloon = 1000 * MIB,
			.balloon_min = 1000 * MIB,
			.maxmem = 2000 * MIB,
			.shares = 1000,
		};
	pve_compute_alg1(g, 3, 11 * MIB + 1, PVE_MAX_CHANGE);
	/* (11 * 1048576 + 1) / 3 = 3844779.0 exactly: 11534337 / 3 */
	for (int i = 0; i < 3; i++)
		assert_true(g[i].result == 1000 * MIB + 3844779);
}

/* kB, as MoM counts. */
static double mom(double cur, double unused, double min, double max, double host_free)
{
	struct mom_guest g = {
		.cur = cur,
		.cur_mean = cur,
		.unused_mean = unused,
		.min = min,
		.max = max,
	};

	return mom_rules(&g, host_free);
}

static void near(double x, double want)
{
	if (x < want - 0.001 || x > want + 0.001)
		fail_msg("%f, wanted %f", x, want);
}

static void mom_grow(void **state)
{
	(void)state;
	/* 30 % of the host is free, so guests may have that too: 900000 + 300000 */
	near(mom(1000000, 100000, 500000, 2000000, 0.30), 1200000);
	/* used 500000 + 300000 is less than 5 % more */
	near(mom(1000000, 500000, 500000, 2000000, 0.30), 1050000);
	/* at the threshold: not below it, so it grows */
	near(mom(1000000, 500000, 500000, 2000000, 0.20), 1050000);
	/* no further than max, and then not at all */
	near(mom(1990000, 500000, 500000, 2000000, 0.30), 2000000);
	near(mom(2000000, 0, 500000, 2000000, 0.30), -1);
	/* 4000 is less than 0.25 % of 1996000 */
	near(mom(1996000, 500000, 500000, 2000000, 0.30), -1);
	/* below min it goes there in one step and no further, pressed or not, however near */
	near(mom(499999, 0, 500000, 2000000, 0.30), 500000);
	near(mom(400000, 0, 500000, 2000000, 0.04), 500000);
}

static void mom_shrink(void **state)
{
	(void)state;
	/* half of the threshold: 10 % free would be left; 5 % a round comes
	 * first */
	near(mom(1000000, 400000, 500000, 2000000, 0.10), 950000);
	/* used 870000 + 100000 stops it earlier */
	near(mom(1000000, 130000, 500000, 2000000, 0.10), 970000);
	/* used 950000 + 100000 is more than it has: left as it is */
	near(mom(1000000, 50000, 500000, 2000000, 0.10), -1);
	/* critical: -1 % free, it is made to swap: 950000 - 10000, but 5 % a
	 * round */
	near(mom(1000000, 50000, 500000, 2000000, 0.04), 950000);
	/* critical at exactly 5 %: 0 % free, used 980000 */
	near(mom(1000000, 20000, 500000, 2000000, 0.05), 980000);
	/* min */
	near(mom(1000000, 900000, 990000, 2000000, 0.10), 990000);
	near(mom(1000000, 900000, 998000, 2000000, 0.10), -1);
}

static struct sim_host ksm_host(double total, double available, double rss, double pages)
{
	struct sim_host h = {
		.total = total * SIM_GIB,
		.available = available * SIM_GIB,
		.rss = rss * SIM_GIB,
		.ksm_pages = pages,
	};

	sim_ksmtuned(&h);
	return h;
}

static void ksmtuned(void **state)
{
	struct sim_host h;

	(void)state;
	/* 2 of 16 are free, less than 3.2: faster, and on; 100 ms at 16 GiB */
	h = ksm_host(16, 2, 13, 100);
	assert_true(h.ksm_run && h.ksm_pages == 400 && h.ksm_sleep_ms == 100);
	h = ksm_host(16, 2, 13, 1100);
	assert_true(h.ksm_pages == 1250);
	/* 25 ms at 64 GiB; at 1,024 it would be 1, 10 is the least; 8: 200 ms */
	h = ksm_host(64, 8, 50, 100);
	assert_true(h.ksm_sleep_ms == 25);
	h = ksm_host(1024, 8, 50, 100);
	assert_true(h.ksm_sleep_ms == 10);
	h = ksm_host(8, 1, 7, 100);
	assert_true(h.ksm_sleep_ms == 200);
	/* enough is free, but guests + 20 % exceed the host: on, slower */
	h = ksm_host(16, 4, 13, 100);
	assert_true(h.ksm_run && h.ksm_pages == 64);
	h = ksm_host(16, 4, 13, 500);
	assert_true(h.ksm_run && h.ksm_pages == 450);
	/* both fine: off, and the pages stay for the next shortage */
	h = ksm_host(16, 8, 7, 500);
	assert_true(!h.ksm_run && h.ksm_pages == 500);
	/* QEMUs' own memory is committed too */
	h = (struct sim_host){ .total = 16 * SIM_GIB,
			       .available = 8 * SIM_GIB,
			       .rss = 12 * SIM_GIB };
	sim_ksmtuned(&h);
	assert_false(h.ksm_run);
	h.count = 20;
	h.physics.qemu = 0.05 * SIM_GIB;
	sim_ksmtuned(&h);
	assert_true(h.ksm_run);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pve_grow),	  cmocka_unit_test(pve_shrink),
		cmocka_unit_test(pve_left_alone), cmocka_unit_test(pve_rounds),
		cmocka_unit_test(mom_grow),	  cmocka_unit_test(mom_shrink),
		cmocka_unit_test(ksmtuned),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
