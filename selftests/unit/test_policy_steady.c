// SPDX-License-Identifier: GPL-2.0
/*
 * Random small worlds that do not change: the engine must come to rest.  And
 * worlds with a liar, and with very many guests, and without malloc.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "malloc_watch.h"
#include "policy_random.h"
#include "policy_world.h"

static struct seeds seeds;

/* A host whose guests' needs fit, if only just; their maxima do not. */
static void random_world(struct policy_world *w, struct rng *r)
{
	unsigned int n = 2 + (unsigned int)rnd_to(r, 14);
	uint64_t total = rnd_size(r, 2 * GiB, 64 * GiB), left;

	world_init(w, total, total / 16, chance(r, 50) ? total / 4 : 0);
	w->slew = rnd_size(r, 64 * MiB, GiB);
	left = total - total / 16 - total / 6 - n * 48 * MiB;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t share = left / n;
		uint64_t max = rnd_size(r, 256 * MiB + share, 4 * share + 256 * MiB);
		struct world_guest *g = world_guest(w, max / 4, max);
		uint64_t most = share > 400 * MiB ? share - 300 * MiB : share / 4;

		g->want = rnd_size(r, 16 * MiB, least(most, max - 200 * MiB));
		g->want_cache = rnd_size(r, 0, max / 4);
		/* All of it was touched once. */
		g->touched = chance(r, 50) ? least(max / 2, share) : 0;
		g->driver = !chance(r, 5);
	}
}

static unsigned int commands(const struct policy_world *w)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < w->n; i++)
		sum += w->g[i].commands;
	return sum;
}

static void test_comes_to_rest(void **state)
{
	unsigned int restless = 0;

	(void)state;
	for_each_seed (seed, &seeds, 1) {
		struct rng r = { seed };
		struct policy_world w;
		unsigned int before, after, reversals = 0;

		random_world(&w, &r);
		world_rush(&w, 600);
		before = commands(&w);
		for (unsigned int i = 0; i < w.n; i++)
			w.g[i].reversals = 0;
		world_rush(&w, 300);
		after = commands(&w);
		for (unsigned int i = 0; i < w.n; i++)
			reversals += w.g[i].reversals;
		if (after - before > w.n || reversals) {
			fprintf(stderr,
				"# POLICY_SEED=%llu: %u guests, %u commands and %u reversals in 300 s of rest\n",
				(unsigned long long)seed, w.n, after - before, reversals);
			restless++;
		}
		world_free(&w);
	}
	assert_int_equal(restless, 0);
}

/*
 * A guest that always cries takes nothing from its neighbours that they need,
 * as far as their fair share reaches.
 */
static void test_liar(void **state)
{
	(void)state;
	for_each_seed (seed, &seeds, 1) {
		struct rng r = { seed };
		double budget = 0, shares = 0;
		const struct policy_guest *g;
		struct policy_world w;

		random_world(&w, &r);
		w.g[0].liar = w.g[0].driver = true;
		world_rush(&w, 240);

		for_each_guest (w.p, g) {
			if (!g->movable)
				continue;
			budget += (double)g->target;
			shares += g->shares;
		}
		budget -= (double)w.p->b.deficit;
		for (unsigned int i = 1; i < w.n; i++) {
			double fair, need;

			g = &w.p->guest[w.g[i].handle];
			if (!g->movable)
				continue;
			fair = budget * g->shares / shares;
			need = (double)(g->seen->used + g->seen->overhead);
			need = min_of(need, fair);
			if ((double)g->entitled < 0.98 * need) {
				fprintf(stderr,
					"# POLICY_SEED=%llu: guest %u needs %.0f, gets %llu\n",
					(unsigned long long)seed, i, need,
					(unsigned long long)g->entitled);
				fail();
			}
		}
		world_free(&w);
	}
}

/*
 * A process outside guests that takes whatever is freed: guests are squeezed
 * for it, and cannot get that back.  They are not moved to and fro for ever.
 */
static void test_hog(void **state)
{
	unsigned int reversals = 0;
	struct policy_world w;

	(void)state;
	world_init(&w, 16 * GiB, GiB, 0);
	for (unsigned int i = 0; i < 6; i++) {
		struct world_guest *g = world_guest(&w, 512 * MiB, 4 * GiB);

		g->want = 1800 * MiB;
		g->want_cache = 300 * MiB;
		g->touched = 2 * GiB;
	}
	world_run(&w, 120);
	for (unsigned int i = 0; i < w.n; i++)
		w.g[i].reversals = 0;
	for (unsigned int i = 0; i < 120 * 20; i++) {
		uint64_t spare = sub0(world_available(&w), policy_minfree(w.total) * 7 / 8);

		w.other += least(spare, 25 * MiB);
		world_step(&w, 50);
	}
	for (unsigned int i = 0; i < w.n; i++)
		reversals += w.g[i].reversals;
	assert_true(w.critical_seen);
	assert_in_range(reversals, 0, 120 / 30 * 2 * w.n);
	world_free(&w);
}

/* TiBs and ten thousand guests: no sum overflows, the invariants hold. */
static void test_very_many(void **state)
{
	const unsigned int n = 10000;
	struct host_record h = {
		.present = HOST_HAS_MEMORY | HOST_HAS_SWAP,
		.total = UINT64_C(1) << 50,
		.available = UINT64_C(1) << 47,
	};
	struct policy_result res;
	struct policy *p = NULL;
	u64 granted = 0, shrunk = 0;
	struct rng r = { 7 };

	(void)state;
	assert_int_equal(policy_new(NULL, &p), 0);
	for (unsigned int i = 0; i < n; i++) {
		struct policy_guest_config c = {
			.min = GIB,
			.max = i % 100 ? 16 * 1024 * GIB : POLICY_GUEST_BYTES_MAX,
		};
		unsigned int handle;

		assert_int_equal(policy_guest_add(p, &c, c.max, SEC, &handle), 0);
		assert_int_equal(handle, i);
	}
	for (unsigned int t = 0; t < 20; t++) {
		u64 now = (2 + t) * SEC;

		policy_host_update(p, &h, now);
		for (unsigned int i = 0; i < n; i++) {
			u64 actual = p->guest[i].actual;
			struct guest_record s = {
				.present = GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE |
					   GUEST_HAS_FREE,
				.last_update = t + 1,
				.stat_actual = actual,
				.total = actual,
				.available = rnd_to(&r, actual),
			};
			struct guest_record c = {
				.present = GUEST_HAS_RSS | GUEST_HAS_SWAPPED,
				.rss = actual - rnd_to(&r, actual / 4),
				.swapped = actual / 4,
			};

			s.free = s.available;
			policy_guest_update(p, i, &s, now);
			policy_guest_update(p, i, &c, now);
		}
		assert_true(policy_decide(p, now, &res) >= 0);
		assert_int_equal(res.count, n);
		assert_true(res.deficit > 0);
		assert_true(res.exposure < UINT64_MAX / 2);
		for (unsigned int i = 0; i < n; i++) {
			const struct policy_decision *d = &res.decision[i];

			assert_true(d->target >= p->guest[i].min);
			assert_true(d->target <= p->guest[i].max);
			if (d->flags & POLICY_SEND)
				policy_command_sent(p, i, d->target, now);
			policy_guest_actual(p, i, d->target, now);
		}
		granted += res.granted;
		shrunk += res.shrunk;
	}
	assert_true(shrunk > granted);
	policy_free(p);
}

/*
 * Once the guests are there, nothing allocates: looked at from malloc's side.
 */
#if MALLOC_WATCHED
static void test_no_allocation(void **state)
{
	const struct policy_plan_step *step;
	const struct policy_plan *plan;
	const struct host_record empty = { .present = HOST_HAS_MEMORY, .total = 8 * GiB };
	unsigned int count;
	struct policy_world w;
	char text[256];

	(void)state;
	world_init(&w, 8 * GiB, 512 * MiB, 0);
	for (int i = 0; i < 24; i++)
		world_guest(&w, 64 * MiB, 512 * MiB)->want = 200 * MiB;

	allocations.on = true;
	world_run(&w, 30);
	policy_plan_emergency(w.p, GiB, w.now, &plan);
	policy_host_update(w.p, &empty, w.now);
	policy_emergency_begin(w.p, w.now, &step, &count);
	for (unsigned int i = 0; i < w.r.count; i++)
		policy_reason_render(&w.r.decision[i], text, sizeof(text));
	allocations.on = false;
	assert_int_equal(allocations.count, 0);
	assert_true(count > 0);

	/* The counter does count. */
	allocations.on = true;
	free(allocate_something());
	allocations.on = false;
	assert_int_equal(allocations.count, 1);
	world_free(&w);
}
#endif

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_to_rest),
		cmocka_unit_test(test_liar),
		cmocka_unit_test(test_hog),
		cmocka_unit_test(test_very_many),
#if MALLOC_WATCHED
		cmocka_unit_test(test_no_allocation),
#endif
	};
	/* clang-format on */

	seeds = seeds_init("POLICY_WORLDS", 300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
