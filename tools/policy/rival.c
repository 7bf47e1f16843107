// SPDX-License-Identifier: GPL-2.0
/*
 * Somebody else who moves a guest's balloon: MoM, Proxmox VE's pvestatd, an
 * administrator's setmem.  Two who do so undo each other's work at the guest's
 * cost: the guest is left to the other one, until that one has stopped.
 *
 * A driver goes to the size that QEMU names, and stays there.  So it was
 * somebody else, and not the guest, if a balloon
 *
 *	- leaves what we named downwards;
 *	- leaves it upwards, unless the guest was short of memory, which
 *	  deflates a balloon that may do so (deflate-on-oom), or it went to max
 *	  in one step, which is what unloading the driver looks like;
 *	- went to max, and obeys our next command, so its driver is there.
 *	  One that was unloaded comes back to the old size by itself.
 */
#include "engine.h"

/* So often within such a time is no administrator. */
#define RIVAL_MOVES  3u
#define RIVAL_PERIOD (1800 * SEC)
/* Without a move so long, the other one has stopped. */
#define RIVAL_REST (600 * SEC)

/* QEMU got this target, from us or from somebody else. */
void rival_commanded(struct policy_guest *g, u64 target)
{
	g->seen->commanded = target;
	g->seen->way = distance(g->actual, target);
}

void rival_forget(struct policy_guest *g)
{
	rival_commanded(g, g->actual);
	g->seen->rose_at = NEVER;
	g->seen->rivals = 0;
	g->seen->rival_at = g->seen->rival_seen = NEVER;
	g->seen->rival_until = 0;
}

bool rival_rules(const struct policy *p, const struct policy_guest *g)
{
	return p->now < g->seen->rival_until;
}

static bool at_max(const struct policy_guest *g, u64 actual)
{
	return actual + GRAIN >= g->max;
}

static bool short_of_memory(const struct policy_guest *g)
{
	return g->seen->fresh_at != NEVER && g->seen->available < g->slack;
}

/* Has it left its target, or turned around on its way there? */
static bool left_ours(const struct policy *p, const struct policy_guest *g, u64 actual)
{
	const struct guest_history *s = g->seen;

	if (since(p->now, s->moved_at) <= REPORT_LAG ||
	    distance(actual, s->commanded) <= s->way + g->band)
		return false;
	if (actual < s->commanded)
		return actual < g->actual;
	return actual > g->actual && !at_max(g, actual) && !short_of_memory(g);
}

/* Did it go to max, and does it now obey? */
static bool obeys_again(const struct policy *p, struct policy_guest *g, u64 actual)
{
	struct guest_history *s = g->seen;

	if (actual > g->actual && at_max(g, actual) && s->commanded + g->band < g->max)
		s->rose_at = p->now;
	if (s->rose_at == NEVER || actual >= g->actual)
		return false;
	if (s->shrunk_at == NEVER || s->shrunk_at < s->rose_at) {
		s->rose_at = NEVER; /* it came back by itself */
		return false;
	}
	if (distance(actual, g->target) > GRAIN)
		return false;
	s->rose_at = NEVER;
	return true;
}

/* A move that goes on is one. */
static void count(const struct policy *p, struct policy_guest *g)
{
	struct guest_history *s = g->seen;

	if (since(p->now, s->rival_at) > RIVAL_PERIOD) {
		s->rivals = 0;
		s->rival_at = p->now;
	}
	if (!s->rivals || since(p->now, s->rival_seen) > p->t.stuck)
		s->rivals++;
	s->rival_seen = p->now;
	if (s->rivals >= RIVAL_MOVES)
		s->rival_until = p->now + RIVAL_REST;
}

bool rival_moved(struct policy *p, struct policy_guest *g, u64 actual)
{
	bool moved;

	if (since(p->now, g->seen->reboot_at) <= REBOOT_GRACE) {
		g->seen->rose_at = NEVER;
		return false;
	}
	moved = obeys_again(p, g, actual) || left_ours(p, g, actual);
	/* Each move, but for what the guest takes of its balloon because it is short. */
	if (rival_rules(p, g))
		moved = actual < g->actual || (actual > g->actual && !short_of_memory(g));
	g->seen->way = min_of(g->seen->way, distance(actual, g->seen->commanded));
	if (!moved)
		return false;
	g->seen->commanded = actual;
	g->seen->way = 0;
	count(p, g);
	return true;
}
