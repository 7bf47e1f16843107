// SPDX-License-Identifier: GPL-2.0
/*
 * One run: time passes, the policy is asked, and how guests fare is written
 * down.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "policy/policy.h"
#include "sim/control.h"
#include "sim/scenario.h"

/* Time between samples while something moves, ms; and while the host is so short
 * of memory that a second could decide.
 */
#define STEP	   1000
#define STEP_TIGHT 100

/* Less than that is no lack: rounding, bytes. */
#define EPSILON SIM_MIB

/* No host starts all of its guests at once: kills in so long after that do not count, ms. */
#define SETTLE 600000

/* ksmtuned's period, ms. */
#define KSMTUNED_PERIOD 60000

/* One decision in so many is timed. */
#define CLOCK_EVERY 64

/* How often somebody may want to hear of progress: steps. */
#define PROGRESS_STEPS 4096

struct run {
	struct sim sim;
	struct sim_scenario *scenario;
	const struct sim_run_options *options;
	struct sim_result *result;
	int64_t start, end; /* ms; measured from @start on */
	int64_t settled;    /* ms; all guests starting at once was no fair test until then */
	int64_t next_stats, next_ksm;
	int level;
	double level_low; /* available below which STEP is too coarse */
	double thresholds[3];
	double time;					 /* measured so far, s */
	double sum_demand, sum_actual, sum_rss, sum_ksm; /* times seconds */
	unsigned int kills;
	unsigned long steps;
};

void sim_command(struct sim *s, struct sim_guest *g, double target)
{
	target = fmin(fmax(target, g->min), g->max);
	if (fabs(target - g->target) < 1)
		return;
	s->commands++;
	s->moved += fabs(target - g->target);
	sim_guest_set_target(&s->host, g, target);
}

const char *sim_failure_text(enum sim_failure f)
{
	static const char *const text[] = {
		[SIM_OK] = "served",
		[SIM_FULL] = "promises exceed the host",
		[SIM_DEMAND] = "what guests use on the mean exceeds the host",
		[SIM_SHARE] = "a guest lacked memory too often",
		[SIM_EPISODE] = "a guest lacked memory too long",
		[SIM_GUEST_OOM] = "a guest ran out of memory",
		[SIM_HOST_OOM] = "the host ran out of memory",
	};

	return text[f];
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(struct run *r, enum sim_failure f)
{
	if (r->result->failure != SIM_OK)
		return;
	r->result->failure = f;
	r->result->failed_at = (double)r->sim.host.now / 1000;
}

/*
 * The lack was @a at the start of a step of @dt seconds and is @b at its end,
 * a straight line between (negative: no lack): when in it was there one?
 */
static void add_lack(struct run *r, struct sim_guest *g, double a, double b, double dt)
{
	double lacking = a > 0 && b > 0 ? dt
			 : a > 0	? dt * a / (a - b)
			 : b > 0	? dt * b / (b - a)
					: 0;

	if (a <= 0)
		g->short_run = 0;
	g->short_run += lacking;
	if (g->short_run > g->short_longest)
		g->short_longest = g->short_run;
	if (b <= 0)
		g->short_run = 0;
	g->short_time += lacking;
	g->short_bytes += lacking * (fmax(a, 0) + fmax(b, 0)) / 2;
	if (g->short_longest > r->sim.options->episode)
		fail(r, SIM_EPISODE);
	/* Of the whole time, also where only a part of it is run. */
	if (g->short_time > r->sim.options->service * r->sim.options->length)
		fail(r, SIM_SHARE);
}

static void measure_service(struct run *r, double dt, bool counted)
{
	struct sim_host *h = &r->sim.host;

	for (unsigned int i = 0; i < h->count; i++) {
		struct sim_guest *g = &h->guest[i];
		/* What is on the guest's or the host's swap is not back yet. */
		double has = fmin(sim_guest_holds(g), g->resident - g->host_hot);
		double lack = g->demand - has - EPSILON;

		if (counted && (lack > 0 || g->short_before > 0))
			add_lack(r, g, g->short_before, lack, dt);
		g->short_before = lack;
	}
	/* Kills before the measured time are no less real, once guests have settled. */
	if (h->now <= r->settled)
		h->guest_ooms = h->oom_kills = 0;
	if (h->guest_ooms > r->result->guest_ooms)
		fail(r, SIM_GUEST_OOM);
	if (h->oom_kills > r->result->oom_kills)
		fail(r, SIM_HOST_OOM);
	r->result->guest_ooms = h->guest_ooms;
	r->result->oom_kills = h->oom_kills;
}

static void add_point(struct run *r, double dt, double demand, double actual, double cache,
		      double lacking)
{
	const struct sim_host *h = &r->sim.host;
	struct sim_result *res = r->result;
	double length = (double)(r->end - r->start) / 1000;
	unsigned int at = (unsigned int)(r->time / length * SIM_POINTS);
	struct sim_point *p = &res->points[at < SIM_POINTS ? at : SIM_POINTS - 1];

	if (p->samples == 0) {
		p->time = (double)r->start / 1000 + r->time;
		res->point_count = (unsigned int)(p - res->points) + 1;
	}
	p->samples += dt;
	p->demand += demand * dt;
	p->actual += actual * dt;
	p->rss += r->sim.host.rss * dt;
	p->cache += cache * dt;
	p->demand_peak = fmax(p->demand_peak, demand);
	p->rss_peak = fmax(p->rss_peak, r->sim.host.rss);
	p->lacking = fmax(p->lacking, lacking);
	p->kills += h->oom_kills + h->guest_ooms - r->kills;
	r->kills = h->oom_kills + h->guest_ooms;
}

static void measure_host(struct run *r, double dt)
{
	const struct sim_host *h = &r->sim.host;
	double demand = 0, actual = 0, cache = 0, lacking = 0;

	for (unsigned int i = 0; i < h->count; i++) {
		const struct sim_guest *g = &h->guest[i];

		demand += g->demand;
		actual += g->actual;
		cache += g->cache;
		if (g->short_before > 0)
			lacking += g->short_before;
	}
	r->sum_demand += demand * dt;
	r->sum_actual += actual * dt;
	r->sum_rss += h->rss * dt;
	r->sum_ksm += h->ksm_saved * dt;
	r->result->demand_peak = fmax(r->result->demand_peak, demand);
	r->result->rss_peak = fmax(r->result->rss_peak, h->rss);
	r->result->swap_peak = fmax(r->result->swap_peak, h->swap_used);
	r->result->available_least = fmin(r->result->available_least, h->available);
	if (r->result->points)
		add_point(r, dt, demand, actual, cache, lacking);
}

static void measure(struct run *r, double dt)
{
	bool counted = r->sim.host.now > r->start;

	measure_service(r, dt, counted);
	if (!counted)
		return;
	measure_host(r, dt);
	r->time += dt;
}

static void decide(struct run *r, void (*how)(struct sim *))
{
	double before;

	/* Looking at the clock takes as long as deciding for some guests: now
	 * and then. */
	if (r->sim.decisions++ % CLOCK_EVERY) {
		how(&r->sim);
		return;
	}
	before = cpu_seconds();
	how(&r->sim);
	r->result->decide_seconds += CLOCK_EVERY * (cpu_seconds() - before);
}

static void latch(struct run *r)
{
	struct sim_host *h = &r->sim.host;

	for (unsigned int i = 0; i < h->count; i++)
		sim_guest_latch(h, &h->guest[i]);
	r->next_stats += r->sim.policy->stats_period;
}

/* The levels that a kernel would push: the policy hears of each that is
 * entered. */
static void watch_levels(struct run *r)
{
	double available = r->sim.host.available;
	int level = 0;

	while (level < 3 && available < r->thresholds[level])
		level++;
	if (level > r->level && r->sim.policy->event)
		decide(r, r->sim.policy->event);
	r->level = level;
}

static int64_t step_length(const struct run *r)
{
	const struct sim_host *h = &r->sim.host;
	int64_t next = sim_host_next(h);
	int64_t limit = h->now < r->start ? r->start : r->end;

	if (next <= h->now) {
		next = h->now + (h->available < r->level_low ? STEP_TIGHT : STEP);
		/* On whole seconds, so that ticks fall on steps. */
		next -= next % (h->available < r->level_low ? STEP_TIGHT : STEP);
	}
	if (limit < next)
		next = limit;
	if (r->sim.wake < next)
		next = r->sim.wake;
	if (r->sim.policy->stats_period && r->next_stats < next)
		next = r->next_stats;
	if (r->next_ksm < next)
		next = r->next_ksm;
	return next > h->now ? next - h->now : 1;
}

static void advance(struct run *r)
{
	struct sim_host *h = &r->sim.host;
	int64_t ms = step_length(r);

	sim_host_step(h, ms);
	measure(r, (double)ms / 1000);
	watch_levels(r);
	while (h->now >= r->sim.wake)
		decide(r, r->sim.policy->tick);
	if (r->sim.policy->stats_period && h->now >= r->next_stats)
		latch(r);
	if (h->now >= r->next_ksm) {
		sim_ksmtuned(h);
		r->next_ksm += KSMTUNED_PERIOD;
	}
}

static void go(struct run *r)
{
	const struct sim_run_options *o = r->options;

	while (r->sim.host.now < r->end) {
		advance(r);
		if (o->stop && r->result->failure != SIM_OK)
			break;
		if (o->progress && ++r->steps % PROGRESS_STEPS == 0)
			o->progress((double)(r->sim.host.now - r->start) /
					    (double)(r->end - r->start),
				    o->userdata);
	}
}

static void sum_up(struct run *r)
{
	struct sim_result *res = r->result;
	const struct sim_host *h = &r->sim.host;
	double time = r->time > 0 ? r->time : 1;

	for (unsigned int i = 0; i < h->count; i++) {
		const struct sim_guest *g = &h->guest[i];
		double share = g->short_time / time;

		res->mean_share += share / h->count;
		res->worst_share = fmax(res->worst_share, share);
		res->longest = fmax(res->longest, g->short_longest);
		res->lacked += g->short_bytes;
		res->provisioned += r->scenario->guest[i].max;
		if (share > r->sim.options->service || g->short_longest > r->sim.options->episode ||
		    g->oom_kill > 0)
			res->failed_guests++;
	}
	for (unsigned int i = 0; i < res->point_count; i++) {
		struct sim_point *p = &res->points[i];

		if (p->samples == 0)
			continue;
		p->demand /= p->samples;
		p->actual /= p->samples;
		p->rss /= p->samples;
		p->cache /= p->samples;
	}
	res->demand_mean = r->sum_demand / time;
	res->actual_mean = r->sum_actual / time;
	res->rss_mean = r->sum_rss / time;
	res->ksm_saved_mean = r->sum_ksm / time;
	res->commands = r->sim.commands;
	res->decisions = r->sim.decisions;
	res->moved = r->sim.moved;
}

static void place_guests(struct run *r)
{
	struct sim_host *h = &r->sim.host;
	const struct sim_policy *p = r->sim.policy;

	for (unsigned int i = 0; i < h->count; i++) {
		const struct sim_machine *m = &r->scenario->guest[i];
		double max = p->promise == SIM_PROMISE_TRAINED ? m->trained : m->max;

		sim_guest_init(h, &h->guest[i], &m->curve, m->min, max, m->disk);
	}
}

static void set_host(struct run *r)
{
	const struct sim_options *o = &r->scenario->options;
	const struct sim_policy *p = r->sim.policy;
	struct sim_host *h = &r->sim.host;
	double minfree = (double)policy_minfree((uint64_t)o->host);
	double warmup = r->options->warmup > 0 ? r->options->warmup : o->warmup;

	h->physics = o->physics;
	h->cache = o->cache;
	h->reporting = p->reporting;
	h->start_at_min = p->start_at_min;
	h->total = o->host;
	h->now = r->start - (int64_t)(warmup * 1000);
	r->settled = h->now + SETTLE < r->start ? h->now + SETTLE : r->start;
	if (p->zram) {
		h->swap_total = sim_zram_size(o->host);
		h->zram_ratio = SIM_ZRAM_RATIO;
	}
	h->ksm_sleep_ms = 20;
	/* The kernel's default; ksmtuned counts from 0. */
	h->ksm_pages = p->ksmtuned ? 0 : 100;
	h->available = h->total;
	for (int i = 0; i < 3; i++)
		r->thresholds[i] = minfree * (4 >> i);
	/* What guests can take in one step, and the level where a policy acts
	 * at once. */
	r->level_low = r->thresholds[1] + SIM_RISE_MAX;
}

static int set_up(struct run *r, unsigned int guests)
{
	struct sim_host *h = &r->sim.host;
	const struct sim_policy *p = r->sim.policy;

	h->count = guests;
	h->guest = calloc(guests ?: 1, sizeof(*h->guest));
	if (!h->guest)
		return -ENOMEM;
	if (r->options->record) {
		r->result->points = calloc(SIM_POINTS, sizeof(struct sim_point));
		if (!r->result->points)
			return -ENOMEM;
	}
	set_host(r);
	place_guests(r);
	r->next_stats = h->now + p->stats_period - p->stats_lead;
	r->next_ksm =
		p->ksmtuned && h->physics.ksm_share > 0 ? h->now + KSMTUNED_PERIOD : SIM_NEVER;
	r->sim.wake = SIM_NEVER;
	r->result->available_least = h->total;
	return p->init ? p->init(&r->sim) : 0;
}

int sim_run(struct sim_scenario *s, const struct sim_policy *p, unsigned int guests,
	    const struct sim_run_options *o, struct sim_result *ret)
{
	struct sim_result result = { .policy = p, .asked = guests };
	struct run r = {
		.sim = { .options = &s->options, .policy = p },
		.scenario = s,
		.options = o,
		.result = &result,
	};
	double before = cpu_seconds();
	int err = scenario_grow(s, guests);

	if (err)
		return err;
	r.sim.machine = s->guest;
	r.start = (int64_t)(o->from * 1000);
	r.end = o->to > 0 ? (int64_t)(o->to * 1000) : (int64_t)(s->options.length * 1000);
	result.guests = scenario_admitted(s, p, guests);
	err = set_up(&r, result.guests);
	if (!err) {
		if (result.guests < guests)
			fail(&r, SIM_FULL);
		if (!o->stop || result.failure == SIM_OK)
			go(&r);
		sum_up(&r);
	}
	if (r.sim.state && p->clear)
		p->clear(&r.sim);
	free(r.sim.host.guest);
	result.seconds = cpu_seconds() - before;
	if (err) {
		free(result.points);
		return err;
	}
	*ret = result;
	return 0;
}

void sim_result_clear(struct sim_result *r)
{
	free(r->points);
	r->points = NULL;
}
