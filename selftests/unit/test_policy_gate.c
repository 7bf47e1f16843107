// SPDX-License-Identifier: GPL-2.0
/*
 * The gate by itself, and an engine that is fed with lies behind it: whatever
 * the engine makes of them, a host that would not kill loses no more than the cap
 * within any minute, and no guest there what it used when it was last heard, nor
 * its slack.
 *
 * A failure prints its seed; POLICY_SEED=n repeats that one alone, POLICY_RUNS=n
 * changes how many are tried.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "policy_random.h"
#include "policy/gate.h"

#define HOST (64 * GIB)

struct gated {
	struct policy_tunables t;
	struct policy_gate gate;
	struct policy_gate_host host;
	u64 now;
};

static void read_host(struct gated *x, u64 total, u64 available, u64 swap)
{
	const struct host_record h = {
		.present = HOST_HAS_MEMORY | HOST_HAS_SWAP,
		.total = total,
		.available = available,
		.swap_total = swap,
		.swap_free = swap,
	};

	policy_gate_host(&x->gate, &x->t, &h, x->now, &x->host);
	policy_gate_sampled(&x->gate, &x->host, x->now);
}

static void open_gate(struct gated *x, u64 available, u64 swap)
{
	*x = (struct gated){ .now = 1000 * SEC };
	policy_tunables_init(&x->t);
	read_host(x, HOST, available, swap);
}

static enum policy_gate_rule last_rule;

/* What was written to a guest, as the daemon does it. */
static u64 write_down(struct gated *x, struct policy_gate_guest *g, u64 to, u64 keep,
		      bool emergency)
{
	u64 size = policy_gate_pass(&x->gate, &x->t, &x->host, g, to, keep, emergency, x->now,
				    &last_rule);

	if (last_rule == POLICY_GATE_NONE || size < g->size)
		policy_gate_sent(&x->gate, g, size, x->now);
	return g->size;
}

static void test_rate(void **state)
{
	struct policy_gate_guest g;
	struct gated x;

	(void)state;
	open_gate(&x, 32 * GIB, 0);
	assert_int_equal(policy_gate_cap(&x.t, &x.host), 16 * GIB);
	policy_gate_found(&g, 60 * GIB);
	assert_int_equal(write_down(&x, &g, 50 * GIB, GIB, false), 50 * GIB);
	assert_int_equal(last_rule, POLICY_GATE_NONE);
	/* What is over the cap waits; what was taken is forgotten a minute later. */
	assert_int_equal(write_down(&x, &g, 10 * GIB, GIB, false), 44 * GIB);
	assert_int_equal(last_rule, POLICY_GATE_RATE);
	assert_int_equal(write_down(&x, &g, 10 * GIB, GIB, false), 44 * GIB);
	assert_int_equal(policy_gate_binds(&x.gate, x.now), POLICY_GATE_RATE);
	x.now += 59 * SEC;
	assert_int_equal(policy_gate_taken(&x.gate, x.now), 16 * GIB);
	assert_int_equal(write_down(&x, &g, 10 * GIB, GIB, false), 44 * GIB);
	x.now += 3 * SEC;
	assert_int_equal(policy_gate_taken(&x.gate, x.now), 0);
	assert_int_equal(write_down(&x, &g, 40 * GIB, GIB, false), 40 * GIB);
	x.now += 61 * SEC;
	assert_int_equal(policy_gate_binds(&x.gate, x.now), POLICY_GATE_NONE);
	/* A long sleep forgets everything, and counts nothing twice. */
	x.now += 3600 * SEC;
	assert_int_equal(policy_gate_taken(&x.gate, x.now), 0);
	/* What a cgroup gives is taken as well. */
	assert_int_equal(policy_gate_reclaim(&x.gate, &x.t, &x.host, 10 * GIB, x.now), 10 * GIB);
	assert_int_equal(policy_gate_taken(&x.gate, x.now), 0);
	policy_gate_reclaimed(&x.gate, 10 * GIB, x.now);
	assert_int_equal(policy_gate_reclaim(&x.gate, &x.t, &x.host, 10 * GIB, x.now), 6 * GIB);
	policy_gate_reclaimed(&x.gate, 6 * GIB, x.now);
	assert_int_equal(write_down(&x, &g, 30 * GIB, GIB, false), 40 * GIB);
}

/*
 * What a guest never touched counts where the host has plenty; where it is short, only
 * what it touched does, and what was taken before of the rest is no reason to wait.
 */
static void test_untouched(void **state)
{
	struct policy_gate_guest g, h;
	struct gated x;

	(void)state;
	open_gate(&x, 2 * policy_minfree(HOST), 0);
	policy_gate_found(&g, 60 * GIB);
	g.resident = 30 * GIB;
	assert_int_equal(write_down(&x, &g, 35 * GIB, GIB, false), 44 * GIB);
	assert_int_equal(last_rule, POLICY_GATE_RATE);
	assert_int_equal(policy_gate_counted(&x.gate, &x.host, x.now), 16 * GIB);

	read_host(&x, HOST, 2 * policy_minfree(HOST) - MIB, 0);
	assert_int_equal(policy_gate_counted(&x.gate, &x.host, x.now), 0);
	assert_int_equal(write_down(&x, &g, 35 * GIB, GIB, false), 35 * GIB);
	assert_int_equal(last_rule, POLICY_GATE_NONE);
	assert_int_equal(write_down(&x, &g, 25 * GIB, GIB, false), 25 * GIB);
	assert_int_equal(policy_gate_counted(&x.gate, &x.host, x.now), 5 * GIB);
	assert_int_equal(write_down(&x, &g, 10 * GIB, GIB, false), 14 * GIB);
	assert_int_equal(last_rule, POLICY_GATE_RATE);
	/* Its balloon is on its way: what it still has was counted. */
	assert_int_equal(write_down(&x, &g, 13 * GIB, GIB, false), 14 * GIB);

	/* Of a guest whose cost is not known all counts. */
	policy_gate_found(&h, 20 * GIB);
	assert_int_equal(write_down(&x, &h, 10 * GIB, GIB, false), 20 * GIB);
	assert_int_equal(last_rule, POLICY_GATE_RATE);
	/* With plenty again, what was taken meanwhile counts. */
	read_host(&x, HOST, 32 * GIB, 0);
	assert_int_equal(policy_gate_counted(&x.gate, &x.host, x.now), 46 * GIB);
	h.resident = GIB;
	assert_int_equal(write_down(&x, &h, 10 * GIB, GIB, false), 20 * GIB);
}

/* A daemon that dies and is started again has the same minute. */
static void test_restored(void **state)
{
	struct policy_gate_guest g;
	struct gated x;

	(void)state;
	open_gate(&x, 32 * GIB, 0);
	policy_gate_restore(&x.gate, 12 * GIB, 40 * SEC, x.now);
	policy_gate_found(&g, 60 * GIB);
	assert_int_equal(policy_gate_taken(&x.gate, x.now), 12 * GIB);
	assert_int_equal(write_down(&x, &g, 50 * GIB, GIB, false), 56 * GIB);
	assert_int_equal(last_rule, POLICY_GATE_RATE);
	x.now += 22 * SEC;
	assert_int_equal(policy_gate_taken(&x.gate, x.now), 4 * GIB);
	x.now += 61 * SEC;
	assert_int_equal(policy_gate_taken(&x.gate, x.now), 0);
	/* Of another minute, or of before the clock began: nothing. */
	policy_gate_restore(&x.gate, 12 * GIB, 61 * SEC, x.now);
	policy_gate_restore(&x.gate, 12 * GIB, UINT64_MAX, x.now);
	assert_int_equal(policy_gate_taken(&x.gate, x.now), 0);
}

static void test_need(void **state)
{
	struct policy_gate_guest g;
	struct gated x;

	(void)state;
	open_gate(&x, 32 * GIB, 0);
	policy_gate_found(&g, 20 * GIB);
	assert_int_equal(write_down(&x, &g, 6 * GIB, 12 * GIB, false), 12 * GIB);
	assert_int_equal(last_rule, POLICY_GATE_NEED);
	/* One that was never heard gives nothing, one that has too little no more. */
	assert_int_equal(write_down(&x, &g, 6 * GIB, UINT64_MAX, false), 12 * GIB);
	assert_int_equal(write_down(&x, &g, 6 * GIB, 13 * GIB, false), 12 * GIB);
	assert_int_equal(write_down(&x, &g, 15 * GIB, UINT64_MAX, false), 15 * GIB);
	assert_int_equal(last_rule, POLICY_GATE_NONE);

	/* At its end a host that can swap swaps; one that cannot would kill. */
	open_gate(&x, 200 * MIB, 8 * GIB);
	assert_int_equal(write_down(&x, &g, 6 * GIB, 12 * GIB, true), 12 * GIB);
	open_gate(&x, 200 * MIB, 0);
	assert_int_equal(write_down(&x, &g, 6 * GIB, 12 * GIB, true), 6 * GIB);
}

/* A host of 8 GiB with 380 MiB available is critical, and kills nobody if it stays so. */
static void test_need_of_one_that_stands_still(void **state)
{
	struct policy_gate_guest g;
	struct gated x;

	(void)state;
	open_gate(&x, 6 * GIB, 0);
	policy_gate_found(&g, 9 * GIB);
	for (int i = 0; i < 100; i++) {
		x.now += SEC;
		read_host(&x, 8 * GIB, 380 * MIB, 0);
		/* The two seconds in which it came there are a fall. */
		if (i > 1)
			assert_int_equal(write_down(&x, &g, 4 * GIB, 8448 * MIB, true), 8448 * MIB);
	}
	/* What it does not use goes as fast as it can, also from one that is pressed. */
	policy_gate_found(&g, 9 * GIB);
	assert_int_equal(write_down(&x, &g, 3 * GIB, GIB, true), 3 * GIB);
	/* The gate was not asked for long: what it read then says nothing now. */
	x.now += 600 * SEC;
	read_host(&x, 8 * GIB, 110 * MIB, 0);
	policy_gate_found(&g, 9 * GIB);
	assert_int_equal(write_down(&x, &g, 4 * GIB, 8448 * MIB, true), 8448 * MIB);
	x.now += SEC;
	read_host(&x, 8 * GIB, 90 * MIB, 0);
	assert_int_equal(write_down(&x, &g, 4 * GIB, 8448 * MIB, true), 4 * GIB);
}

/* Who reads how things stand, however often, makes no fall of what is none. */
static void test_readers_make_no_fall(void **state)
{
	struct host_record h = { .present = HOST_HAS_MEMORY, .total = HOST };
	struct policy_gate_host seen;
	struct gated x;

	(void)state;
	open_gate(&x, GIB, 0);
	for (int i = 0; i < 5; i++) {
		x.now += SEC;
		read_host(&x, HOST, GIB, 0);
	}
	for (h.available = GIB; h.available > 400 * MIB; h.available -= 100 * MIB) {
		x.now += SEC / 10;
		policy_gate_host(&x.gate, &x.t, &h, x.now, &seen);
		assert_int_equal(seen.left, h.available);
		assert_true(seen.falls == 0);
	}
}

/* One that falls by 1 GiB/s kills before a balloon has brought anything. */
static void test_need_of_one_that_falls(void **state)
{
	struct policy_gate_guest g;
	struct gated x;
	u64 available;

	(void)state;
	open_gate(&x, 10 * GIB, 0);
	policy_gate_found(&g, 20 * GIB);
	for (available = 9984 * MIB; g.size == 20 * GIB; available -= 256 * MIB) {
		x.now += SEC / 4;
		read_host(&x, HOST, available, 0);
		write_down(&x, &g, 6 * GIB, 20 * GIB, true);
	}
	assert_int_equal(g.size, 6 * GIB);
	/* As soon as it is critical, a second before it kills. */
	assert_in_range(available, x.host.minfree - 512 * MIB, x.host.minfree);
	assert_true(available > 512 * MIB);
}

static void test_guests_at_once(void **state)
{
	struct policy_gate_guest g[40];
	unsigned int shrunk = 0;
	struct gated x;

	(void)state;
	open_gate(&x, 32 * GIB, 0);
	for (unsigned int i = 0; i < 40; i++) {
		policy_gate_found(&g[i], 2 * GIB);
		shrunk += write_down(&x, &g[i], 2 * GIB - 64 * MIB, GIB, false) < 2 * GIB;
	}
	assert_int_equal(shrunk, x.t.max_guests_at_once);
	assert_int_equal(last_rule, POLICY_GATE_GUESTS);
	x.now += SEC;
	for (unsigned int i = 0; i < 40; i++)
		shrunk += write_down(&x, &g[i], 2 * GIB - 128 * MIB, GIB, false) ==
			  2 * GIB - 128 * MIB;
	assert_int_equal(shrunk, 2 * x.t.max_guests_at_once);

	/* A host that is critical asks all of them. */
	open_gate(&x, 500 * MIB, 8 * GIB);
	shrunk = 0;
	for (unsigned int i = 0; i < 40; i++)
		shrunk += write_down(&x, &g[i], 1792 * MIB, GIB, true) == 1792 * MIB;
	assert_int_equal(shrunk, 40);
}

static void test_no_emergency_without_shortage(void **state)
{
	struct policy_gate_guest g;
	struct gated x;
	u64 minfree;

	(void)state;
	open_gate(&x, 32 * GIB, 0);
	minfree = x.host.minfree;
	policy_gate_found(&g, 20 * GIB);
	x.host.available = minfree;
	assert_int_equal(write_down(&x, &g, 19 * GIB, GIB, true), 20 * GIB);
	assert_int_equal(last_rule, POLICY_GATE_SHORTAGE);
	x.host.available = minfree - 1;
	assert_int_equal(write_down(&x, &g, 19 * GIB, GIB, true), 19 * GIB);
}

/* What has come back to a guest counts when it is taken again, and only then. */
static void test_books(void **state)
{
	struct policy_gate_guest g;
	struct gated x;

	(void)state;
	open_gate(&x, 32 * GIB, 0);
	policy_gate_found(&g, 20 * GIB);
	write_down(&x, &g, 16 * GIB, GIB, false);
	assert_int_equal(policy_gate_taken(&x.gate, x.now), 4 * GIB);
	/* Its balloon is on its way, and is sent further. */
	policy_gate_actual(&g, 18 * GIB);
	write_down(&x, &g, 15 * GIB, GIB, false);
	policy_gate_actual(&g, 16 * GIB);
	policy_gate_actual(&g, 15 * GIB);
	assert_int_equal(policy_gate_taken(&x.gate, x.now), 5 * GIB);
	/* It deflated by itself, or memory was plugged. */
	policy_gate_actual(&g, 19 * GIB);
	write_down(&x, &g, 15 * GIB, GIB, false);
	assert_int_equal(policy_gate_taken(&x.gate, x.now), 9 * GIB);
	/* Promised and taken back before its balloon moved. */
	write_down(&x, &g, 18 * GIB, GIB, false);
	write_down(&x, &g, 15 * GIB, GIB, false);
	assert_int_equal(policy_gate_taken(&x.gate, x.now), 12 * GIB);
	/* A belief that was too small: "growing" to less than it has is a shrink. */
	policy_gate_found(&g, 20 * GIB);
	assert_int_equal(write_down(&x, &g, 2 * GIB, 18 * GIB, false), 18 * GIB);
	/* Somebody else took it, and the minute is full: then it may have all of it again. */
	write_down(&x, &g, 8 * GIB, GIB, false);
	assert_int_equal(last_rule, POLICY_GATE_RATE);
	policy_gate_actual(&g, 6 * GIB);
	assert_int_equal(write_down(&x, &g, 10 * GIB, GIB, false), 16 * GIB);
	assert_int_equal(last_rule, POLICY_GATE_NONE);
	policy_gate_actual(&g, 16 * GIB);
	policy_gate_actual(&g, 6 * GIB);
	x.host.available = 2 * x.host.minfree + 9 * GIB;
	assert_int_equal(write_down(&x, &g, 10 * GIB, GIB, false), 16 * GIB);
	assert_int_equal(last_rule, POLICY_GATE_RATE);
}

/*
 * Lies
 */

#define GUESTS 12
#define STEPS  160

static struct seeds seeds;

struct lied {
	struct policy_guest_config config;
	unsigned int handle;
	struct policy_gate_guest books;
	u64 target, actual;
	u64 used; /* at its last fresh sample; UINT64_MAX: there was none */
	u64 update;
};

struct liar {
	struct gated x;
	struct policy *p;
	struct lied g[GUESTS];
	struct rng r;
	u64 seed;
	/* By the test's own count: all, and what was touched of it. */
	u64 taken[STEPS], touched[STEPS], at[STEPS];
	unsigned int step;
};

static void write_to(struct liar *l, struct lied *g, u64 to, bool emergency)
{
	enum policy_gate_rule rule;
	u64 size;

	size = policy_gate_pass(&l->x.gate, &l->x.t, &l->x.host, &g->books, to,
				policy_guest_keeps(l->p, g->handle), emergency, l->x.now, &rule);
	check_seed(l->seed, size >= to);
	if (rule != POLICY_GATE_NONE && size >= g->books.size)
		return;
	policy_gate_sent(&l->x.gate, &g->books, size, l->x.now);
	if (size < min_of(g->target, g->actual)) {
		u64 slack =
			min_of(l->x.t.floor_slack, scale(g->config.max, l->x.t.floor_slack_share));

		check_seed(l->seed, g->used != UINT64_MAX);
		check_seed(l->seed, size >= g->used + slack);
	}
	l->taken[l->step] += over(g->target, size);
	l->touched[l->step] += over(min_of(g->target, g->books.resident), size);
	g->target = size;
	policy_command_sent(l->p, g->handle, size, l->x.now);
}

static void lie_of_guest(struct liar *l, struct lied *g)
{
	u64 total = g->actual - min_of(g->actual, 64 * MIB);
	u64 available = rnd_size(&l->r, 0, total);
	struct guest_record s = {
		.present = GUEST_HAS_ALL_STATS,
		.last_update = chance(&l->r, 80) ? ++g->update : g->update,
		.stat_actual = g->actual,
		.total = total,
		.available = available,
		.free = rnd_size(&l->r, 0, available),
		.disk_caches = hostile(&l->r, available / 2),
		.swap_in = hostile(&l->r, 0),
		.swap_out = hostile(&l->r, 0),
		.major_faults = hostile(&l->r, g->update * rnd_to(&l->r, 10000)),
		.oom_kill = hostile(&l->r, g->update),
		.alloc_stall = hostile(&l->r, g->update),
	};
	struct guest_record c = {
		.present = rng_next(&l->r) & GUEST_HAS_COSTS,
		.rss = hostile(&l->r, rnd_size(&l->r, 0, g->config.max)),
		.swapped = hostile(&l->r, 0),
		.ksm_saved = hostile(&l->r, 0),
		.disk_read = hostile(&l->r, 0),
		.cpu_ns = hostile(&l->r, 0),
	};

	if (chance(&l->r, 90))
		policy_guest_update(l->p, g->handle, &c, l->x.now);
	/* What the gate counts by is the host's own knowledge: no lie, but it changes. */
	if (chance(&l->r, 20))
		g->books.resident =
			chance(&l->r, 10) ? UINT64_MAX : rnd_size(&l->r, 0, g->config.max);
	if (chance(&l->r, 70) && policy_guest_update(l->p, g->handle, &s, l->x.now) > 0)
		g->used = total - available;
}

/* A call of the engine that no host makes. */
static void lie_of_host(struct liar *l)
{
	struct host_record h = {
		.present = rng_next(&l->r) | HOST_HAS_MEMORY,
		.total = hostile(&l->r, HOST),
		.available = chance(&l->r, 60) ? rnd_size(&l->r, 0, GIB)
					       : hostile(&l->r, rnd_size(&l->r, 0, HOST)),
		.swap_total = hostile(&l->r, 0),
		.swap_free = hostile(&l->r, 0),
		.arc_size = chance(&l->r, 5) ? rng_next(&l->r) : 0,
		.pool_total = chance(&l->r, 10) ? rng_next(&l->r) : 0,
		.level = chance(&l->r, 50) ? POLICY_LEVEL_CRITICAL : (unsigned int)rng_next(&l->r),
	};

	policy_host_update(l->p, &h, l->x.now);
}

static void lie_of_operator(struct liar *l, struct lied *g)
{
	unsigned int event = (unsigned int)rnd_to(&l->r, POLICY_GUEST_FORGET + 1);

	if (chance(&l->r, 50)) {
		g->config.max = rnd_size(&l->r, 64 * MIB, 8 * GIB);
		g->config.min = rnd_size(&l->r, 0, g->config.max);
		policy_guest_configure(l->p, g->handle, &g->config);
	} else {
		policy_guest_event(l->p, g->handle, event, l->x.now);
		/* It has no last sample any more. */
		if (event == POLICY_GUEST_REBOOT || event == POLICY_GUEST_FORGET)
			g->used = UINT64_MAX;
	}
}

static void move(struct liar *l, struct lied *g)
{
	u64 by_itself = rnd_size(&l->r, 64 * MIB, 12 * GIB);

	if (chance(&l->r, 70)) {
		g->actual = g->target;
	} else if (chance(&l->r, 5)) { /* it deflates, or memory is plugged */
		if (by_itself > g->actual)
			g->target = max_of(g->target, by_itself);
		g->actual = by_itself;
	} else {
		return;
	}
	policy_gate_actual(&g->books, g->actual);
	policy_guest_actual(l->p, g->handle, g->actual, l->x.now);
}

static void act(struct liar *l)
{
	const struct policy_plan_step *step;
	struct policy_result r;
	unsigned int n = 0;

	if (policy_decide(l->p, l->x.now, &r) >= 0)
		for (unsigned int i = 0; i < r.count; i++)
			if (r.decision[i].flags & POLICY_SEND)
				write_to(l, r.decision[i].userdata, r.decision[i].target, false);
	if (chance(&l->r, 50) ? policy_emergency_begin(l->p, l->x.now, &step, &n) < 0
			      : policy_emergency_next(l->p, l->x.now, &step, &n) < 0)
		return;
	for (unsigned int i = 0; i < n; i++)
		write_to(l, step[i].userdata, step[i].target, true);
}

/* Any minute, counted from any step. */
static void check_minutes(const struct liar *l)
{
	bool plenty = l->x.host.available >= 2 * l->x.host.minfree;
	const u64 *taken = plenty ? l->taken : l->touched;
	u64 cap = policy_gate_cap(&l->x.t, &l->x.host);

	if (l->x.host.left < scale(l->x.host.minfree, l->x.t.reserve_pressed))
		return;

	for (unsigned int from = 0; from < STEPS; from++) {
		u64 sum = 0;

		for (unsigned int i = from; i < STEPS && l->at[i] < l->at[from] + 60 * SEC; i++)
			sum += taken[i];
		check_seed(l->seed, sum <= cap);
	}
}

static void lies(u64 seed)
{
	static struct liar l;
	u64 available, swap;

	memset(&l, 0, sizeof(l));
	l.seed = seed;
	l.r.state = seed;
	open_gate(&l.x, 0, 0);
	/* The truth, which the gate reads: short perhaps, but it would not kill. */
	available = rnd_size(&l.r, l.x.host.minfree / 4 + MIB, HOST);
	if (chance(&l.r, 50))
		available = rnd_size(&l.r, 2 * l.x.host.minfree, HOST);
	swap = chance(&l.r, 50) ? 0 : 8 * GIB;
	assert_int_equal(policy_new(NULL, &l.p), 0);
	for (unsigned int i = 0; i < GUESTS; i++) {
		struct lied *g = &l.g[i];

		g->config = (struct policy_guest_config){
			.max = rnd_size(&l.r, 256 * MIB, 8 * GIB),
			.userdata = g,
		};
		g->config.min = rnd_size(&l.r, 0, g->config.max);
		g->target = g->actual = g->config.max;
		g->used = UINT64_MAX;
		assert_int_equal(policy_guest_add(l.p, &g->config, g->actual, l.x.now, &g->handle),
				 0);
		policy_guest_polling(l.p, g->handle, true, l.x.now);
		policy_gate_found(&g->books, g->actual);
	}
	for (l.step = 0; l.step < STEPS; l.step++) {
		l.x.now += chance(&l.r, 80) ? SEC / 4 : rnd_to(&l.r, 5 * SEC);
		/* The host slept, or the daemon did. */
		if (chance(&l.r, 2))
			l.x.now += rnd_to(&l.r, 7200 * SEC);
		l.at[l.step] = l.x.now;
		read_host(&l.x, HOST, available, swap);
		lie_of_host(&l);
		for (unsigned int i = 0; i < GUESTS; i++) {
			lie_of_guest(&l, &l.g[i]);
			move(&l, &l.g[i]);
		}
		for (unsigned int n = chance(&l.r, 3) ? 50 : chance(&l.r, 20); n; n--)
			lie_of_operator(&l, &l.g[rnd_to(&l.r, GUESTS)]);
		act(&l);
	}
	check_minutes(&l);
	policy_free(l.p);
}

static void test_lies(void **state)
{
	(void)state;
	for_each_seed (seed, &seeds, 1)
		lies(seed);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_untouched),
		cmocka_unit_test(test_restored),
		cmocka_unit_test(test_need),
		cmocka_unit_test(test_need_of_one_that_stands_still),
		cmocka_unit_test(test_readers_make_no_fall),
		cmocka_unit_test(test_need_of_one_that_falls),
		cmocka_unit_test(test_guests_at_once),
		cmocka_unit_test(test_no_emergency_without_shortage),
		cmocka_unit_test(test_books),
		cmocka_unit_test(test_lies),
	};
	/* clang-format on */

	seeds = seeds_init("POLICY_RUNS", 3000);
	return cmocka_run_group_tests_name("policy_gate", tests, NULL, NULL);
}
