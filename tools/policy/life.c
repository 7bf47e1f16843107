// SPDX-License-Identifier: GPL-2.0
/* Guests are added, configured and removed; events about them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* Memory below this is no machine. */
#define GUEST_MIN MIB
/* What a guest needed before a reboot is forgotten by half in so long after it. */
#define BOOT_LIFE (3600 * SEC)

static int grow_array(void *array, size_t count, size_t size)
{
	void **at = array;
	void *bigger = reallocarray(*at, count, size);

	if (!bigger)
		return -ENOMEM;
	*at = bigger;
	return 0;
}

/* Room for more guests in every array, so that deciding never allocates. */
static int make_slots(struct policy *p)
{
	unsigned int slots = p->slots ? 2 * p->slots : 16;

	if (p->slots >= POLICY_GUESTS_MAX)
		return -ENOSPC;

	if (grow_array(&p->decision, slots, sizeof(*p->decision)) < 0 ||
	    grow_array(&p->step, (size_t)slots * POLICY_PLAN_COUNT, sizeof(*p->step)) < 0 ||
	    grow_array(&p->knee, (size_t)slots * 4, sizeof(*p->knee)) < 0 ||
	    grow_array(&p->knee_tmp, (size_t)slots * 4, sizeof(*p->knee)) < 0 ||
	    grow_array(&p->seen, slots, sizeof(*p->seen)) < 0 ||
	    grow_array(&p->guest, slots, sizeof(*p->guest)) < 0)
		return -ENOMEM;

	memset(p->guest + p->slots, 0, (slots - p->slots) * sizeof(*p->guest));
	p->slots = slots;
	for (unsigned int i = 0; i < slots; i++)
		p->guest[i].seen = &p->seen[i];
	return 0;
}

static int config_check(const struct policy_guest_config *config)
{
	if (!config->max || config->max > POLICY_GUEST_BYTES_MAX || config->min > config->max)
		return -EINVAL;
	return 0;
}

static void config_apply(const struct policy *p, struct policy_guest *g,
			 const struct policy_guest_config *c)
{
	g->max_goal = c->max;
	g->min_goal = max_of(c->min, min_of(GUEST_MIN, c->max));
	g->shares = c->shares ? min_of(c->shares, POLICY_SHARES_MAX) : POLICY_SHARES_DEFAULT;
	g->unmanaged = c->unmanaged;
	g->seen->userdata = c->userdata;
	guest_range(p, g);
}

/*
 * Another kernel: the counters start anew, and what the guest kept from the
 * host it keeps no more.  Its work comes back, and needs what it needed; what it needed
 * before an earlier one fades.
 */
void guest_restarted(const struct policy *p, struct policy_guest *g)
{
	u64 age = min_of(since(p->now, g->seen->reboot_at), 64 * BOOT_LIFE);

	g->seen->boot_need = scale(g->seen->boot_need, half_life(age, BOOT_LIFE));
	if (g->movable)
		g->seen->boot_need = max_of(g->seen->boot_need, g->demand);
	g->seen->fresh_at = NEVER;
	g->seen->answers = 0;
	g->seen->missed = false;
	g->seen->counters = 0;
	g->seen->pressed = 0;
	g->seen->debt = g->seen->debt_used = 0;
	g->seen->ran_short = g->seen->ran_out = false;
	g->seen->stable = 0;
	g->seen->undo = 0;
	g->seen->growth = 0;
	g->seen->rise = g->seen->touching = 0;
	g->seen->judged = true;
	g->seen->probe.on = false;
	g->seen->kept = 0;
	for (unsigned int i = 0; i < GROWTH_RING; i++)
		g->seen->ring[i].at = NEVER;
	g->seen->pinned_until = 0;
	g->seen->yields_bad = 0;
	balloon_forget(g);
}

/* Everything that a guest's samples have taught, but not what it is. */
static void guest_unlearn(const struct policy *p, struct policy_guest *g)
{
	guest_restarted(p, g);
	g->seen->last_update = 0;
	g->seen->follows = -1;
	g->seen->follows_votes = 0;
	g->seen->overhead = 0;
	g->seen->overhead_known = false;
	g->seen->used = g->seen->total = g->seen->available = g->seen->free = g->seen->cache = 0;
	g->seen->lacking = 0;
	g->seen->boot_need = 0;
	g->seen->pressed_at = NEVER;
	g->seen->refault = g->seen->refault_p95 = 0;
	g->seen->reread = 0;
	g->seen->growth_peak = 0;
	g->seen->yield = 1;
	g->seen->sigma = HOT_PRIOR;
	g->seen->good = g->target;
	g->seen->learned = 0;
	g->seen->backoff = g->seen->backoff_until = 0;
	g->seen->harms = 0;
	rival_forget(g);
}

int policy_set_tunables(struct policy *p, const struct policy_tunables *t)
{
	const char *why;
	struct policy_guest *g;

	if (policy_tunables_check(t, &why) < 0)
		return -ERANGE;
	p->t = *t;
	for_each_guest (p, g)
		guest_derive(p, g);
	HEARD(p, TUNABLES, .tunables = t);
	return 0;
}

int policy_guest_add(struct policy *p, const struct policy_guest_config *config, u64 actual,
		     u64 now, unsigned int *ret_guest)
{
	unsigned int i;
	struct policy_guest *g;
	int r;

	now = policy_clock(p, now);

	r = config_check(config);
	if (r < 0)
		return r;

	if (p->count == p->slots) {
		r = make_slots(p);
		if (r < 0)
			return r;
	}
	for (i = 0; p->guest[i].exists; i++)
		;

	g = &p->guest[i];
	memset(g, 0, sizeof(*g));
	memset(&p->seen[i], 0, sizeof(p->seen[i]));
	g->seen = &p->seen[i];
	g->exists = true;
	g->actual = g->target = min_of(actual, POLICY_GUEST_BYTES_MAX);
	g->seen->least_actual = g->seen->most_actual = g->actual;
	config_apply(p, g, config);
	g->seen->granted = g->actual;
	g->seen->born_at = now;
	g->seen->moved_at = g->seen->shrunk_at = g->seen->grown_at = NEVER;
	g->seen->pending_at = NEVER;
	g->seen->actual_at = NEVER;
	g->seen->cost_at = g->seen->disk_at = g->seen->cpu_at = NEVER;
	g->seen->reboot_at = NEVER;
	g->seen->polling_at = NEVER;
	g->seen->learned_at = g->seen->undo_at = NEVER;
	g->seen->harm_last = NEVER;
	g->seen->progress_at = now;
	guest_unlearn(p, g);

	p->count++;
	*ret_guest = i;
	HEARD(p, GUEST_ADD, .guest = i, .config = config, .bytes = actual);
	return 0;
}

int policy_guest_remove(struct policy *p, unsigned int guest)
{
	struct policy_guest *g = guest_get(p, guest);

	if (!g)
		return -ENOENT;
	g->exists = false;
	p->count--;
	HEARD(p, GUEST_REMOVE, .guest = guest);
	for (unsigned int i = 0; i < POLICY_RESERVES_MAX; i++)
		if (p->reserve[i].started && p->reserve[i].guest == guest)
			p->reserve[i].exists = false;
	return 0;
}

int policy_guest_configure(struct policy *p, unsigned int guest,
			   const struct policy_guest_config *config)
{
	struct policy_guest *g = guest_get(p, guest);
	int r;

	if (!g)
		return -ENOENT;
	r = config_check(config);
	if (r < 0)
		return r;
	config_apply(p, g, config);
	HEARD(p, GUEST_CONFIGURE, .guest = guest, .config = config);
	return 0;
}

int policy_guest_polling(struct policy *p, unsigned int guest, bool polling, u64 now)
{
	struct policy_guest *g = guest_get(p, guest);

	if (!g)
		return -ENOENT;
	if (polling && !g->seen->polling) {
		g->seen->polling_at = policy_clock(p, now);
		g->seen->answers = 0;
	}
	g->seen->polling = polling;
	HEARD(p, POLLING, .guest = guest, .on = polling);
	return 0;
}

int policy_guest_event(struct policy *p, unsigned int guest, enum policy_guest_event event, u64 now)
{
	struct policy_guest *g = guest_get(p, guest);

	if (!g)
		return -ENOENT;
	policy_clock(p, now);
	if (policy_guest_event_name(event))
		HEARD(p, GUEST_EVENT, .guest = guest, .event = event);

	switch (event) {
	case POLICY_GUEST_REBOOT:
		guest_restarted(p, g);
		g->seen->reboot_at = p->now; /* nobody holds the balloon now */
		return 0;
	case POLICY_GUEST_PAUSE:
		g->seen->paused = true;
		return 0;
	case POLICY_GUEST_RESUME:
		g->seen->paused = false;
		g->seen->progress_at = g->seen->polling_at = p->now;
		return 0;
	case POLICY_GUEST_MIGRATE_BEGIN:
		g->seen->frozen = true;
		return 0;
	case POLICY_GUEST_MIGRATE_END:
		g->seen->frozen = false;
		g->seen->progress_at = g->seen->polling_at = p->now;
		return 0;
	case POLICY_GUEST_NO_BALLOON:
		g->seen->no_balloon = true;
		return 0;
	case POLICY_GUEST_BALLOON:
		g->seen->no_balloon = false;
		return 0;
	case POLICY_GUEST_PINNED:
		g->seen->pinned = true;
		return 0;
	case POLICY_GUEST_UNPINNED:
		g->seen->pinned = false;
		g->seen->pinned_until = 0;
		return 0;
	case POLICY_GUEST_FORGET:
		guest_unlearn(p, g);
		return 0;
	}
	return -EINVAL;
}
