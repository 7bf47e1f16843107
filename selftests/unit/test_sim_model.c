// SPDX-License-Identifier: GPL-2.0
/* The physics of hosts and guests: bytes are kept, speeds are kept. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/model.h"

#define MAX (4 * SIM_GIB)
#define MIN (1 * SIM_GIB)

/* A host with one guest, whose demand is given as a curve. */
struct bed {
	struct sim_host host;
	struct sim_guest guest;
	struct sim_curve curve;
	struct sim_knot knot[12];
};

static void bed(struct bed *b, double total, const struct sim_knot *knot, uint32_t count)
{
	*b = (struct bed){ 0 };
	memcpy(b->knot, knot, count * sizeof(*knot));
	b->curve = (struct sim_curve){ count, b->knot };
	sim_physics_init(&b->host.physics);
	b->host.total = total;
	b->host.available = total;
	b->host.count = 1;
	b->host.guest = &b->guest;
	sim_guest_init(&b->host, &b->guest, &b->curve, MIN, MAX, 0);
}

#define BED(b, total, ...)                                     \
	do {                                                   \
		const struct sim_knot k_[] = { __VA_ARGS__ };  \
		bed(b, total, k_, sizeof(k_) / sizeof(k_[0])); \
	} while (0)

static void check_sums(const struct sim_guest *g)
{
	double parts = g->resident + g->cache + g->touched;

	assert_true(g->resident >= 0 && g->cache >= 0 && g->touched >= 0);
	assert_true(parts <= g->actual + 1);
	assert_true(g->swapped >= 0 && g->swapped <= g->demand - g->resident + 1);
	assert_true(g->host_cold >= 0 && g->host_hot >= 0 && g->merged >= 0);
	assert_true(g->rss >= 0 && g->rss <= parts + 1);
	assert_true(g->actual >= 0 && g->actual <= g->max);
}

static void run(struct bed *b, double seconds)
{
	for (double t = 0; t < seconds - 0.01; t += 0.1) {
		sim_host_step(&b->host, 100);
		check_sums(&b->guest);
	}
}

static void near(double x, double want, double tolerance)
{
	if (fabs(x - want) > tolerance)
		fail_msg("%.0f MiB, wanted %.0f", x / SIM_MIB, want / SIM_MIB);
}

/* The lab: touches 500 MiB, frees them: RSS stays; with reporting gone in some
 * 4 s. */
static void touch_and_free(void **state)
{
	struct bed b;

	(void)state;
	for (int reporting = 0; reporting < 2; reporting++) {
		BED(&b, 16 * SIM_GIB, { 0, 200 * SIM_MIB }, { 10, 200 * SIM_MIB },
		    { 11, 700 * SIM_MIB }, { 20, 700 * SIM_MIB }, { 20.2, 200 * SIM_MIB },
		    { 100, 200 * SIM_MIB });
		b.host.reporting = reporting;
		run(&b, 5);
		near(b.guest.rss, 200 * SIM_MIB, SIM_MIB);
		run(&b, 10);
		near(b.guest.rss, 700 * SIM_MIB, SIM_MIB);
		run(&b, 9.5);
		near(b.guest.rss, (reporting ? 200 : 700) * SIM_MIB, 2 * SIM_MIB);
		/* Touching them again costs the host nothing while it pays
		 * anyway. */
		assert_true(b.guest.touched < 1 || !reporting);
	}
}

/* At its speeds, to the byte. */
static void balloon_slew(void **state)
{
	struct bed b;

	(void)state;
	BED(&b, 16 * SIM_GIB, { 0, 200 * SIM_MIB }, { 100, 200 * SIM_MIB });
	run(&b, 1);
	sim_guest_set_target(&b.host, &b.guest, 0); /* min stops it */
	assert_true(b.guest.target == MIN);
	run(&b, 2);
	near(b.guest.actual, MAX - 2 * b.host.physics.inflate, SIM_MIB);
	run(&b, 2);
	assert_true(b.guest.actual == MIN);
	sim_guest_set_target(&b.host, &b.guest, 9 * MAX);
	run(&b, 1);
	near(b.guest.actual, MIN + b.host.physics.deflate, SIM_MIB);
	run(&b, 9);
	assert_true(b.guest.actual == MAX);
}

/* What was never touched frees nothing; what was, all. */
static void balloon_yield(void **state)
{
	struct bed b;

	(void)state;
	BED(&b, 16 * SIM_GIB, { 0, 200 * SIM_MIB }, { 10, 200 * SIM_MIB }, { 20, 3000 * SIM_MIB },
	    { 30, 3000 * SIM_MIB }, { 31, 200 * SIM_MIB }, { 1000, 200 * SIM_MIB });
	run(&b, 5);
	sim_guest_set_target(&b.host, &b.guest, MIN);
	run(&b, 4);
	near(b.guest.rss, 200 * SIM_MIB, SIM_MIB);
	sim_guest_set_target(&b.host, &b.guest, MAX);
	run(&b, 36);
	near(b.guest.rss, 3000 * SIM_MIB, SIM_MIB); /* 2800 of it free */
	sim_guest_set_target(&b.host, &b.guest, MIN);
	run(&b, 10);
	assert_true(b.guest.actual == MIN);
	assert_true(b.guest.rss <= MIN);
}

static void page_cache(void **state)
{
	struct bed b;
	struct sim_guest *g = &b.guest;

	(void)state;
	BED(&b, 16 * SIM_GIB, { 0, 500 * SIM_MIB }, { 7200, 500 * SIM_MIB },
	    { 7210, 3500 * SIM_MIB }, { 7300, 3500 * SIM_MIB });
	b.host.cache = SIM_CACHE_GROW;
	sim_guest_init(&b.host, g, &b.curve, MIN, MAX, 0);
	run(&b, 900);
	near(g->cache, MAX / 4, 10 * SIM_MIB); /* a quarter of the hour */
	run(&b, 3600);
	assert_true(sim_guest_free(g) <= 65 * SIM_MIB); /* but for watermarks */
	near(g->rss, g->actual, 65 * SIM_MIB);
	sim_guest_latch(&b.host, g);
	near(g->stats.available, MAX - 500 * SIM_MIB, 70 * SIM_MIB);
	near(g->stats.disk_caches, g->cache, 1);
	near(g->stats.total, MAX - g->overhead, 1);
	/* A balloon takes it, at full speed, and the host gets every byte. */
	sim_guest_set_target(&b.host, g, 2 * SIM_GIB);
	run(&b, 3);
	near(g->rss, 2 * SIM_GIB, 65 * SIM_MIB);
	assert_true(g->swapped == 0);
	/* Demand takes it too, without delay. */
	sim_guest_set_target(&b.host, g, MAX);
	run(&b, 2800);
	assert_true(g->demand == 3500 * SIM_MIB);
	assert_true(g->resident == g->demand);
	near(g->cache, MAX - 3500 * SIM_MIB, 65 * SIM_MIB);
}

/* More demand than memory: what is missing goes to swap at the disk's speed. */
static void guest_swaps(void **state)
{
	struct bed b;
	struct sim_guest *g = &b.guest;

	(void)state;
	BED(&b, 16 * SIM_GIB, { 0, 500 * SIM_MIB }, { 10, 500 * SIM_MIB }, { 10.5, 1500 * SIM_MIB },
	    { 100, 1500 * SIM_MIB }, { 101, 1200 * SIM_MIB }, { 200, 1200 * SIM_MIB });
	sim_guest_set_target(&b.host, g, MIN);
	run(&b, 9);
	assert_true(g->actual == MIN);
	run(&b, 3);
	assert_true(sim_guest_holds(g) < g->demand - 400 * SIM_MIB);
	assert_true(g->swapped > 100 * SIM_MIB && g->swapped < 476 * SIM_MIB);
	assert_true(g->swap_out > 0 && g->major_faults > 0 && g->alloc_stall > 0);
	run(&b, 8);
	near(g->swapped, 476 * SIM_MIB, SIM_MIB);
	assert_true(b.host.guest_ooms == 0);
	/* Demand falls by 300, and is still more than there is. */
	run(&b, 82);
	near(g->swapped, 176 * SIM_MIB, SIM_MIB);
	assert_true(g->resident == MIN);
	/* Memory comes: what was swapped returns as fast as the disk reads. */
	sim_guest_set_target(&b.host, g, MAX);
	run(&b, 0.5);
	assert_true(g->swapped > 50 * SIM_MIB);
	run(&b, 5);
	assert_true(g->swapped == 0 && g->resident == g->demand);
}

static void guest_runs_out(void **state)
{
	struct bed b;
	struct sim_guest *g = &b.guest;

	(void)state;
	/* 4 GiB: its swap is 1 GiB; 1 GiB of memory, 3 of demand. */
	BED(&b, 16 * SIM_GIB, { 0, 500 * SIM_MIB }, { 10, 500 * SIM_MIB }, { 15, 3000 * SIM_MIB },
	    { 1000, 3000 * SIM_MIB });
	sim_guest_set_target(&b.host, g, MIN);
	run(&b, 12);
	assert_true(b.host.guest_ooms == 0);
	run(&b, 10);
	assert_true(b.host.guest_ooms == 1);
	assert_true(g->oom_kill == 1);
	assert_true(g->demand == 0); /* down for a minute */
	run(&b, 61);
	assert_true(g->demand == 3000 * SIM_MIB);
}

/* Statistics of one that thrashes are late. */
static void statistics_are_late(void **state)
{
	struct bed b;
	struct sim_guest *g = &b.guest;
	int64_t before;

	(void)state;
	BED(&b, 16 * SIM_GIB, { 0, 500 * SIM_MIB }, { 10, 500 * SIM_MIB }, { 10.5, 1500 * SIM_MIB },
	    { 100, 1500 * SIM_MIB });
	sim_guest_set_target(&b.host, g, MIN);
	run(&b, 12);
	sim_guest_latch(&b.host, g);
	before = g->stats.time;
	run(&b, 1);
	sim_guest_latch(&b.host, g);
	assert_true(g->stats.time == before);
	run(&b, 2.5);
	sim_guest_latch(&b.host, g);
	assert_true(g->stats.time > before);
}

static void host_runs_out(void **state)
{
	struct bed b;

	(void)state;
	BED(&b, 4 * SIM_GIB, { 0, 500 * SIM_MIB }, { 10, 500 * SIM_MIB }, { 20, 3900 * SIM_MIB },
	    { 1000, 3900 * SIM_MIB });
	run(&b, 18);
	assert_true(b.host.oom_kills == 0);
	run(&b, 3);
	assert_true(b.host.oom_kills == 1);
	near(b.host.rss, 0, 1);
}

/*
 * The same with swap: cold memory goes first, and nobody lacks anything for it.
 */
static void host_swaps(void **state)
{
	struct bed b;
	struct sim_guest *g = &b.guest;

	(void)state;
	BED(&b, 4 * SIM_GIB, { 0, 500 * SIM_MIB }, { 10, 500 * SIM_MIB }, { 20, 3000 * SIM_MIB },
	    { 30, 3000 * SIM_MIB }, { 31, 500 * SIM_MIB }, { 100, 500 * SIM_MIB },
	    { 104, 2500 * SIM_MIB }, { 1000, 2500 * SIM_MIB });
	b.host.swap_total = 8 * SIM_GIB;
	b.host.cache = SIM_CACHE_GROW;
	sim_guest_init(&b.host, g, &b.curve, MIN, MAX, 0);
	g->cache_rate = 100 * SIM_MIB;
	run(&b, 90);
	assert_true(b.host.oom_kills == 0);
	assert_true(g->host_cold > 100 * SIM_MIB && g->host_hot == 0);
	assert_true(b.host.available > 0);
	near(g->rss + g->host_cold, g->resident + g->cache + g->touched, 1);
	run(&b, 60);
	assert_true(g->resident == 2500 * SIM_MIB);
	assert_true(b.host.oom_kills == 0);
}

static void ksm(void **state)
{
	struct bed b;
	struct sim_guest *g = &b.guest;

	(void)state;
	BED(&b, 16 * SIM_GIB, { 0, 2000 * SIM_MIB }, { 5000, 2000 * SIM_MIB },
	    { 5001, 1000 * SIM_MIB }, { 6000, 1000 * SIM_MIB });
	b.host.physics.ksm_share = 0.3;
	b.host.ksm_pages = 1000;
	b.host.ksm_sleep_ms = 20;
	run(&b, 100);
	assert_true(g->merged == 0); /* off */
	b.host.ksm_run = true;
	run(&b, 1000);
	/* 2000 MiB at 195 MiB/s: a scan in 10 s; writes undo a little. */
	assert_true(g->merged > 0.95 * 600 * SIM_MIB && g->merged <= 600 * SIM_MIB);
	near(g->rss, 2000 * SIM_MIB - g->merged, SIM_MIB);
	assert_true(b.host.ksm_scans > 50);
	near(b.host.ksm_saved, g->merged, 1);
	/* Scanned no more, it is rewritten within the hour or so. */
	b.host.ksm_run = false;
	run(&b, 3600);
	assert_true(g->merged < 0.5 * 600 * SIM_MIB);
}

/*
 * A guest that says nothing happens until some time can be skipped until then:
 * long steps give what short ones do.
 */
static void quiet_is_quiet(void **state)
{
	struct bed a, b;

	(void)state;
	BED(&a, 16 * SIM_GIB, { 0, 500 * SIM_MIB }, { 1000, 500 * SIM_MIB },
	    { 1010, 800 * SIM_MIB }, { 5000, 800 * SIM_MIB }, { 5001, 300 * SIM_MIB },
	    { 9000, 300 * SIM_MIB });
	BED(&b, 16 * SIM_GIB, { 0, 500 * SIM_MIB }, { 1000, 500 * SIM_MIB },
	    { 1010, 800 * SIM_MIB }, { 5000, 800 * SIM_MIB }, { 5001, 300 * SIM_MIB },
	    { 9000, 300 * SIM_MIB });
	a.host.reporting = b.host.reporting = true;
	while (a.host.now < 8000000) {
		int64_t next = sim_host_next(&a.host);

		next = next <= a.host.now ? a.host.now + 100 : next;
		while (b.host.now < next) {
			b.guest.until = b.host.now;
			sim_host_step(&b.host, 100);
		}
		/* Ends of what is quiet are on 100 ms here. */
		assert_true(b.host.now == next);
		sim_host_step(&a.host, next - a.host.now);
		near(a.guest.rss, b.guest.rss, 1);
		near(a.guest.demand, b.guest.demand, 1);
		near(a.guest.touched, b.guest.touched, 1);
		near(a.host.available, b.host.available, 1);
	}
}

/* Hot cache goes first when memory is missing: then it is not there to be had. */
static void lost_hot_cache_is_not_available(void **state)
{
	double missing, hot, before;
	struct bed b;

	(void)state;
	BED(&b, 64 * SIM_GIB, { 0, 2 * SIM_GIB }, { 1000, 2 * SIM_GIB });
	b.host.physics.hot = 0.3;
	run(&b, 10);
	sim_guest_latch(&b.host, &b.guest);
	hot = 0.3 * (2 * SIM_GIB - b.guest.overhead);
	before = b.guest.stats.disk_caches;
	assert_true(fabs(before - b.guest.cache - hot) < SIM_MIB);

	sim_guest_set_target(&b.host, &b.guest, 1.75 * SIM_GIB);
	run(&b, 60);
	missing = b.guest.demand - b.guest.resident;
	assert_true(missing > 100 * SIM_MIB && missing < hot);
	sim_guest_latch(&b.host, &b.guest);
	assert_true(fabs(b.guest.stats.disk_caches - (hot - missing)) < SIM_MIB);
	assert_true(b.guest.stats.available < hot - missing + SIM_MIB);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(touch_and_free),
		cmocka_unit_test(balloon_slew),
		cmocka_unit_test(balloon_yield),
		cmocka_unit_test(page_cache),
		cmocka_unit_test(guest_swaps),
		cmocka_unit_test(guest_runs_out),
		cmocka_unit_test(statistics_are_late),
		cmocka_unit_test(host_runs_out),
		cmocka_unit_test(host_swaps),
		cmocka_unit_test(ksm),
		cmocka_unit_test(quiet_is_quiet),
		cmocka_unit_test(lost_hot_cache_is_not_available),
	};
	/* clang-format on */

	return cmocka_run_group_tests(tests, NULL, NULL);
}
