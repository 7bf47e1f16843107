// SPDX-License-Identifier: GPL-2.0
#include "engine.h"
#include "gate.h"

#define SLOTS (POLICY_GATE_SECONDS + 1)

/* On small hosts a share is less than one guest; this is four seconds of a virtio-balloon. */
#define TAKE_LEAST (4 * GIB)
/* So many times minfree: below it only what guests have touched counts. */
#define PLENTY 2

const char *policy_gate_rule_name(enum policy_gate_rule rule)
{
	static const char *const name[] = {
		[POLICY_GATE_NONE] = "none",	     [POLICY_GATE_NEED] = "need",
		[POLICY_GATE_GUESTS] = "guests",     [POLICY_GATE_RATE] = "rate",
		[POLICY_GATE_SHORTAGE] = "shortage",
	};

	return rule <= POLICY_GATE_SHORTAGE ? name[rule] : "unknown";
}

void policy_gate_sampled(struct policy_gate *gate, struct policy_gate_host *host, u64 now)
{
	policy_fall_sample(&gate->fall, host->left, now);
	host->falls = policy_fall_rate(&gate->fall, now);
}

void policy_gate_found(struct policy_gate_guest *g, u64 actual)
{
	*g = (struct policy_gate_guest){
		.size = actual,
		.actual = actual,
		.resident = UINT64_MAX,
	};
}

void policy_gate_actual(struct policy_gate_guest *g, u64 actual)
{
	/* On its way down it is above what was counted; on its way up it is not. */
	if (actual > g->actual && actual > g->size)
		g->size = actual;
	g->lost = actual < g->size && (g->lost || g->actual >= g->size);
	g->actual = actual;
}

static void forget(struct policy_gate_minute *m, u64 second)
{
	u64 *slot = &m->taken[second % SLOTS];

	m->sum -= *slot;
	*slot = 0;
}

/* Seconds that have gone by are no longer of the minute. */
static void advance(struct policy_gate *gate, u64 now)
{
	u64 second = now / SEC;

	if (second <= gate->second)
		return;
	gate->guests = 0;
	for (u64 n = min_of(second - gate->second, SLOTS); n; n--) {
		forget(&gate->all, second - n + 1);
		forget(&gate->touched, second - n + 1);
	}
	gate->second = second;
}

static void add(struct policy_gate_minute *m, u64 second, u64 bytes)
{
	m->taken[second % SLOTS] += bytes;
	m->sum += bytes;
}

static void count(struct policy_gate *gate, u64 second, u64 bytes, u64 touched)
{
	add(&gate->all, second, bytes);
	add(&gate->touched, second, touched);
}

void policy_gate_restore(struct policy_gate *gate, u64 bytes, u64 age, u64 now)
{
	advance(gate, now);
	age /= SEC;
	if (age > POLICY_GATE_SECONDS || age > gate->second)
		return;
	count(gate, gate->second - age, bytes, bytes);
}

u64 policy_gate_cap(const struct policy_tunables *t, const struct policy_gate_host *host)
{
	return max_of(scale(host->total, t->take_share), TAKE_LEAST);
}

u64 policy_gate_taken(struct policy_gate *gate, u64 now)
{
	advance(gate, now);
	return gate->all.sum;
}

static bool has_plenty(const struct policy_gate_host *host)
{
	return host->available >= PLENTY * host->minfree;
}

u64 policy_gate_counted(struct policy_gate *gate, const struct policy_gate_host *host, u64 now)
{
	advance(gate, now);
	return has_plenty(host) ? gate->all.sum : gate->touched.sum;
}

static bool has_plenty_without(const struct policy_gate_host *host, u64 bytes)
{
	return over(host->available, bytes) >= PLENTY * host->minfree;
}

/* What may still be taken in this minute. */
static u64 rest(struct policy_gate *gate, const struct policy_tunables *t,
		const struct policy_gate_host *host, u64 now)
{
	return over(policy_gate_cap(t, host), policy_gate_counted(gate, host, now));
}

enum policy_gate_rule policy_gate_binds(const struct policy_gate *gate, u64 now)
{
	if (gate->rule == POLICY_GATE_NONE ||
	    since(now, gate->bound_at) > POLICY_GATE_SECONDS * SEC)
		return POLICY_GATE_NONE;
	return gate->rule;
}

static bool is_short(const struct policy_tunables *t, const struct policy_gate_host *h)
{
	return h->available < scale(h->minfree, t->level_critical);
}

/* It has begun to use up what is kept for those who have nothing else. */
static bool is_pressed(const struct policy_tunables *t, const struct policy_gate_host *h)
{
	return h->left < scale(h->minfree, t->reserve_pressed);
}

static bool would_kill(const struct policy_tunables *t, const struct policy_gate_host *h)
{
	return host_kills(t, h->left, h->minfree, h->falls);
}

/* The weightiest of a minute is the one that is named. */
static void bound(struct policy_gate *gate, enum policy_gate_rule rule, u64 now)
{
	if (rule < policy_gate_binds(gate, now))
		return;
	gate->rule = rule;
	gate->bound_at = now;
}

u64 policy_gate_pass(struct policy_gate *gate, const struct policy_tunables *t,
		     const struct policy_gate_host *host, const struct policy_gate_guest *g, u64 to,
		     u64 keep, bool emergency, u64 now, enum policy_gate_rule *ret_rule)
{
	bool short_of = is_short(t, host), kills = would_kill(t, host);
	enum policy_gate_rule rule = POLICY_GATE_NONE;
	u64 from = g->size, size = to, counts, left;

	*ret_rule = rule;
	if (to >= from)
		return to;
	advance(gate, now);

	if (!kills && size < min_of(keep, from)) {
		size = min_of(keep, from);
		rule = POLICY_GATE_NEED;
	}
	if (!short_of && gate->guests >= t->max_guests_at_once) {
		size = from;
		rule = POLICY_GATE_GUESTS;
	}
	counts = has_plenty(host) ? from : min_of(from, g->resident);
	left = rest(gate, t, host, now);
	if (!is_pressed(t, host) && over(counts, size) > left) {
		size = counts - left;
		rule = POLICY_GATE_RATE;
	}
	if (emergency && !short_of) {
		size = from;
		rule = POLICY_GATE_SHORTAGE;
	}
	if (rule == POLICY_GATE_NONE)
		return to;
	/* By all that was heard it is to grow. */
	if (g->lost && to > g->actual && size >= from && has_plenty_without(host, from - g->actual))
		return from;

	*ret_rule = rule;
	bound(gate, rule, now);
	size = round_up_to(size, GRAIN);
	return size < from ? size : from;
}

u64 policy_gate_reclaim(struct policy_gate *gate, const struct policy_tunables *t,
			const struct policy_gate_host *host, u64 bytes, u64 now)
{
	u64 left = rest(gate, t, host, now);

	if (bytes > left && !is_pressed(t, host)) {
		bytes = left;
		bound(gate, POLICY_GATE_RATE, now);
	}
	return bytes;
}

void policy_gate_reclaimed(struct policy_gate *gate, u64 bytes, u64 now)
{
	advance(gate, now);
	count(gate, gate->second, bytes, bytes);
}

void policy_gate_sent(struct policy_gate *gate, struct policy_gate_guest *g, u64 size, u64 now)
{
	advance(gate, now);
	if (size < g->size) {
		count(gate, gate->second, g->size - size, over(min_of(g->size, g->resident), size));
		gate->guests++;
	}
	g->size = size;
	g->lost = false;
}
