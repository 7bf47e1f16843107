// SPDX-License-Identifier: GPL-2.0
/*
 * Our own engine, driven as the daemon drives it: the very same code, fed with
 * what the model's host and guests show.
 *
 *	dynmem		each second, and at once when a level is entered
 *	dynmem-procfs	each second
 *	dynmem-10s	every ten seconds: what is policy, what reaction
 */
#include <errno.h>
#include <stdlib.h>

#include "policy/gate.h"
#include "sim/control.h"

/* The simulation's time 0 on the engine's clock, ms: warm-up comes before. */
#define EPOCH INT64_C(4000000000)

/* QEMU sends an event of a balloon once a second at most, ms. */
#define BALLOON_EVENT 1000

/*
 * Between ticks the daemon samples what guests have resident.  A sample that finds
 * nothing changes nothing, so only those are run at which a guest's demand rises by so
 * much so fast; slower ones are met by its room.
 */
#define RISE_RATE  (256 * SIM_MIB)
#define RISE_LEAST (64 * SIM_MIB)

/* Nothing squeezed, nothing pressed: a decision this often, as the daemon, ms. */
#define HEARTBEAT 10000

/* What the engine was given of a guest. */
struct fed_guest {
	unsigned int handle;
	bool poll;
	double actual, rss, merged, swapped;
	int64_t actual_at; /* ms, the last balloon event */
	struct policy_gate_guest books;
};

struct engine_policy {
	struct policy *policy;
	struct policy_tunables tunables;
	struct policy_gate gate;
	struct policy_gate_host gate_host;
	struct fed_guest *known;
	unsigned int round;
	bool resident;		     /* sampled between ticks */
	int64_t tick, emergency;     /* ms; next round of an emergency */
	int64_t next;		     /* tick, ms */
	int64_t period, resident_at; /* between two, ms; 0: none */
};

static uint64_t clock_of(const struct sim *s)
{
	return (uint64_t)(s->host.now + EPOCH) * 1000000;
}

static uint64_t bytes(double x)
{
	return x > 0 ? (uint64_t)x : 0;
}

static enum policy_level feed_host(const struct sim *s, struct engine_policy *d)
{
	const struct sim_host *h = &s->host;
	struct host_record sample = {
		.present = HOST_HAS_MEMORY | HOST_HAS_SWAP |
			   (h->physics.ksm_share > 0 ? HOST_HAS_ALL_KSM : 0),
		.total = bytes(h->total),
		.available = bytes(h->available),
		.swap_total = bytes(h->swap_total),
		.swap_free = bytes(h->swap_total - h->swap_used),
		.ksm =
			{
				.run = h->ksm_run,
				.pages_to_scan = (uint64_t)h->ksm_pages,
				.sleep_ms = (uint64_t)h->ksm_sleep_ms,
				.saved = bytes(h->ksm_saved),
				.mergeable = bytes(h->rss + h->ksm_saved),
				.full_scans = (uint64_t)h->ksm_scans,
				.pages_scanned = (uint64_t)h->ksm_scanned,
				.cpu_ns = (uint64_t)(h->ksm_cpu * 1e9),
			},
	};

	policy_gate_host(&d->gate, &d->tunables, &sample, clock_of(s), &d->gate_host);
	policy_gate_sampled(&d->gate, &d->gate_host, clock_of(s));
	return policy_host_update(d->policy, &sample, clock_of(s));
}

/* From /proc; @quick: on an event, only what is resident. */
static void feed_cost(const struct sim *s, struct policy *p, const struct sim_guest *g,
		      struct fed_guest *known, bool quick)
{
	double swapped = g->host_cold + g->host_hot;
	struct guest_record cost;

	if (known->rss == g->rss && known->merged == g->merged &&
	    (quick || known->swapped == swapped))
		return;
	known->rss = g->rss;
	known->merged = g->merged;
	if (!quick)
		known->swapped = swapped;
	cost = (struct guest_record){
		.present = GUEST_HAS_RSS | (quick ? 0 : GUEST_HAS_SWAPPED | GUEST_HAS_KSM_SAVED),
		.rss = bytes(g->rss + g->merged + s->host.physics.qemu),
		.swapped = bytes(swapped),
		.ksm_saved = bytes(g->merged),
	};
	known->books.resident = cost.rss + bytes(known->swapped);
	policy_guest_update(p, known->handle, &cost, clock_of(s));
}

static void feed_stats(const struct sim *s, struct policy *p, const struct sim_guest *g,
		       struct fed_guest *known)
{
	const struct sim_stats *st = &g->stats;
	struct guest_record sample;

	if (!known->poll)
		return;
	sample = (struct guest_record){
		.present = GUEST_HAS_STATS | GUEST_HAS_TOTAL | GUEST_HAS_AVAILABLE |
			   GUEST_HAS_FREE | GUEST_HAS_DISK_CACHES | GUEST_HAS_SWAP_IN |
			   GUEST_HAS_SWAP_OUT | GUEST_HAS_MAJOR_FAULTS | GUEST_HAS_OOM_KILL |
			   GUEST_HAS_ALLOC_STALL | GUEST_HAS_DISK_READ,
		.last_update = (uint64_t)(st->time + EPOCH) / 1000,
		.stat_actual = bytes(st->actual),
		.total = bytes(st->total),
		.available = bytes(st->available),
		.free = bytes(st->free),
		.disk_caches = bytes(st->disk_caches),
		.swap_in = bytes(st->swap_in),
		.swap_out = bytes(st->swap_out),
		.major_faults = (uint64_t)st->major_faults,
		.oom_kill = (uint64_t)st->oom_kill,
		.alloc_stall = (uint64_t)st->alloc_stall,
		/* Asked of QEMU along with them. */
		.disk_read = bytes(g->disk_read),
	};
	policy_guest_update(p, known->handle, &sample, clock_of(s));
}

static void feed_actual(const struct sim *s, struct policy *p, const struct sim_guest *g,
			struct fed_guest *known)
{
	if (known->actual == g->actual || s->host.now - known->actual_at < BALLOON_EVENT)
		return;
	known->actual = g->actual;
	known->actual_at = s->host.now;
	policy_gate_actual(&known->books, bytes(g->actual));
	policy_guest_actual(p, known->handle, bytes(g->actual), clock_of(s));
}

static enum policy_level feed(struct sim *s, bool quick)
{
	struct engine_policy *d = s->state;
	enum policy_level level;

	level = feed_host(s, d);
	for (unsigned int i = 0; i < s->host.count; i++) {
		const struct sim_guest *g = &s->host.guest[i];
		struct fed_guest *known = &d->known[i];

		feed_actual(s, d->policy, g, known);
		feed_cost(s, d->policy, g, known, quick);
		/* No guest is asked in between; one that is asked may have nothing new. */
		if (!quick)
			feed_stats(s, d->policy, g, known);
	}
	return level;
}

/* Through the gate, as in the daemon. */
static void command(struct sim *s, void *userdata, unsigned int handle, uint64_t target,
		    bool urgent)
{
	struct engine_policy *d = s->state;
	struct sim_guest *g = userdata;
	struct fed_guest *known = &d->known[g - s->host.guest];
	enum policy_gate_rule rule;

	target =
		policy_gate_pass(&d->gate, &d->tunables, &d->gate_host, &known->books, target,
				 policy_guest_keeps(d->policy, handle), urgent, clock_of(s), &rule);
	if (rule != POLICY_GATE_NONE && target >= known->books.size)
		return;
	policy_gate_sent(&d->gate, &known->books, target, clock_of(s));
	sim_command(s, g, (double)target);
	policy_command_sent(d->policy, handle, target, clock_of(s));
}

static void run_steps(struct sim *s, const struct policy_plan_step *step, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		command(s, step[i].userdata, step[i].guest, step[i].target, true);
}

static void emergency(struct sim *s, enum policy_level level)
{
	struct engine_policy *d = s->state;
	const struct policy_plan_step *step;
	unsigned int count;
	int64_t again;

	if (d->emergency == SIM_NEVER) {
		if (level != POLICY_LEVEL_CRITICAL)
			return;
		if (policy_emergency_begin(d->policy, clock_of(s), &step, &count) < 0)
			return;
		run_steps(s, step, count);
		/* Begun even if there is nothing to send: next() says when it
		 * is over. */
		d->emergency = s->host.now + 250;
		return;
	}
	if (s->host.now < d->emergency)
		return;
	again = policy_emergency_next(d->policy, clock_of(s), &step, &count);
	run_steps(s, step, count);
	d->emergency = again > 0 ? s->host.now + (again + 999999) / 1000000 : SIM_NEVER;
}

static int64_t after(const struct engine_policy *d, uint64_t next)
{
	int64_t ms = (int64_t)(next / 1000000);

	if (!next)
		ms = HEARTBEAT;
	return ms > d->tick ? ms : d->tick;
}

static void set_ksm(struct sim *s, const struct policy_ksm_decision *k)
{
	if (!k->change)
		return;
	s->host.ksm_run = k->run == 1;
	s->host.ksm_pages = (double)k->pages_to_scan;
	s->host.ksm_sleep_ms = (double)k->sleep_ms;
}

static void decide(struct sim *s, bool quick)
{
	struct engine_policy *d = s->state;
	struct policy_result r;

	emergency(s, feed(s, quick));
	if (policy_decide(d->policy, clock_of(s), &r) < 0)
		return;
	d->round++;
	for (unsigned int i = 0; i < r.count; i++) {
		unsigned int k = (i + d->round) % r.count;
		const struct policy_decision *dec = &r.decision[k];
		struct fed_guest *known = &d->known[k];

		if (known->poll != (dec->poll > 0)) {
			known->poll = dec->poll > 0;
			policy_guest_polling(d->policy, known->handle, known->poll, clock_of(s));
		}
		if (dec->flags & POLICY_SEND)
			command(s, dec->userdata, dec->guest, dec->target, false);
	}
	set_ksm(s, &r.ksm);
	if (!quick || s->host.now + after(d, r.next) < d->next)
		d->next = s->host.now + after(d, r.next);
	d->period = d->resident ? (int64_t)(r.resident / 1000000) : 0;
}

/* When a squeezed guest's demand begins to rise fast, ms; now, if it does. */
static int64_t rises_at(const struct sim_host *h, const struct sim_guest *g)
{
	const struct sim_knot *k = &g->curve->knot[g->cursor];
	const struct sim_knot *end = &g->curve->knot[g->curve->count - 1];

	if (g->down || g->actual >= g->max)
		return SIM_NEVER;
	for (int piece = 0; piece < 2 && k < end; piece++, k++) {
		double rise = k[1].value - k->value;
		int64_t at = (int64_t)(k->time * 1000);

		if (rise >= RISE_LEAST && rise >= RISE_RATE * (k[1].time - k->time))
			return at > h->now ? at : h->now;
	}
	return SIM_NEVER;
}

static int64_t next_resident(const struct sim *s, const struct engine_policy *d)
{
	int64_t at = SIM_NEVER;

	if (!d->period)
		return SIM_NEVER;
	for (unsigned int i = 0; i < s->host.count; i++) {
		int64_t rises = rises_at(&s->host, &s->host.guest[i]);

		at = rises < at ? rises : at;
	}
	/* On a grid of its own, whenever that began. */
	return at == SIM_NEVER ? at : (at / d->period + 1) * d->period;
}

static void set_wake(struct sim *s)
{
	struct engine_policy *d = s->state;

	d->resident_at = next_resident(s, d);
	s->wake = d->emergency < d->next ? d->emergency : d->next;
	s->wake = d->resident_at < s->wake ? d->resident_at : s->wake;
}

/* What the daemon does between ticks: no guest is asked anything. */
static void sample_resident(struct sim *s)
{
	struct engine_policy *d = s->state;

	for (unsigned int i = 0; i < s->host.count; i++)
		feed_cost(s, d->policy, &s->host.guest[i], &d->known[i], true);
	if (policy_grows(d->policy))
		decide(s, true);
}

static void dynmem_tick(struct sim *s)
{
	struct engine_policy *d = s->state;

	if (s->host.now >= d->next) {
		decide(s, false);
	} else if (s->host.now >= d->emergency) {
		emergency(s, feed_host(s, d));
	} else {
		sample_resident(s);
	}
	set_wake(s);
}

/*
 * A level was entered: what the kernel's event brings, then a decision at once.
 */
static void dynmem_event(struct sim *s)
{
	decide(s, true);
	set_wake(s);
}

static int add_guests(struct sim *s, struct engine_policy *d)
{
	for (unsigned int i = 0; i < s->host.count; i++) {
		struct sim_guest *g = &s->host.guest[i];
		struct policy_guest_config config = {
			.min = bytes(g->min),
			.max = bytes(g->max),
			.shares = (uint32_t)g->shares,
			.userdata = g,
		};
		int err = policy_guest_add(d->policy, &config, bytes(g->actual), clock_of(s),
					   &d->known[i].handle);

		if (err < 0)
			return err;
		d->known[i].actual = g->actual;
		d->known[i].actual_at = s->host.now - BALLOON_EVENT;
		policy_gate_found(&d->known[i].books, bytes(g->actual));
		/* It starts, so it is asked. */
		d->known[i].poll = true;
		policy_guest_polling(d->policy, d->known[i].handle, true, clock_of(s));
	}
	return 0;
}

static void dynmem_clear(struct sim *s)
{
	struct engine_policy *d = s->state;

	policy_free(d->policy);
	free(d->known);
	free(d);
}

static int init_with(struct sim *s, int64_t tick, bool resident)
{
	struct engine_policy *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	s->state = d;
	d->tick = tick;
	d->resident = resident;
	d->emergency = SIM_NEVER;
	d->next = s->host.now + tick;
	s->wake = d->next;
	d->known = calloc(s->host.count ?: 1, sizeof(*d->known));
	if (!d->known)
		return -ENOMEM;
	policy_tunables_init(&d->tunables);
	if (s->options->tunables)
		d->tunables = *s->options->tunables;
	err = policy_new(&d->tunables, &d->policy);
	if (err < 0)
		return err;
	return add_guests(s, d);
}

static int dynmem_init(struct sim *s)
{
	return init_with(s, s->options->tick, true);
}

static int dynmem_10s_init(struct sim *s)
{
	return init_with(s, 10000, false);
}

const struct sim_policy sim_policy_dynmem = {
	.name = "dynmem",
	.summary = "our engine each second and on the kernel's events; free page reporting",
	.promise = SIM_PROMISE_MIN,
	.reporting = true,
	.stats_period = 1000,
	.stats_lead = 100,
	.init = dynmem_init,
	.tick = dynmem_tick,
	.event = dynmem_event,
	.clear = dynmem_clear,
};

const struct sim_policy sim_policy_dynmem_procfs = {
	.name = "dynmem-procfs",
	.summary = "our engine each second, without the kernel's events",
	.promise = SIM_PROMISE_MIN,
	.reporting = true,
	.stats_period = 1000,
	.stats_lead = 100,
	.init = dynmem_init,
	.tick = dynmem_tick,
	.clear = dynmem_clear,
};

const struct sim_policy sim_policy_dynmem_10s = {
	.name = "dynmem-10s",
	.summary = "our engine in a loop of ten seconds: what reaction is worth",
	.promise = SIM_PROMISE_MIN,
	.reporting = true,
	.stats_period = 1000,
	.stats_lead = 100,
	.init = dynmem_10s_init,
	.tick = dynmem_tick,
	.clear = dynmem_clear,
};
