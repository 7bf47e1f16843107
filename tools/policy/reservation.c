// SPDX-License-Identifier: GPL-2.0
/*
 * Reservations: bytes kept for a guest that is about to start.  They are part
 * of the budget like any reserve; guests are squeezed for them to their floor,
 * never below: a guest that runs comes before one that does not yet.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"

#define TEXT 32

/* What squeezing all guests to their floors would bring. */
static double squeezable(const struct policy *p)
{
	double sum = 0;
	struct guest *g;

	for_each_guest (p, g)
		if (g->movable && g->seen->fresh_at != NEVER)
			sum += max_of(value_of(g, g->target) - value_of(g, g->floor), 0.0);
	return sum;
}

static u64 positive(double x)
{
	return x > 0 ? (u64)min_of(x, (double)POLICY_HOST_BYTES_MAX) : 0;
}

/* Without reservation number @but. */
static void largest(const struct policy *p, u64 but, u64 *ret_now, u64 *ret_squeezed)
{
	double left = (double)but - (double)p->b.deficit;

	*ret_now = positive(left);
	*ret_squeezed = positive(left + squeezable(p));
}

int policy_largest(struct policy *p, u64 now, u64 *ret_now, u64 *ret_squeezed)
{
	if (!p->have_host)
		return -ENODATA;
	policy_clock(p, now);
	survey(p);
	largest(p, 0, ret_now, ret_squeezed);
	return 0;
}

/* What bytes there are, in words, for a request that cannot be met or must
 * wait. */
static void explain(const struct policy *p, struct policy_reserve_status *s, u64 squeezed)
{
	char bytes[TEXT], have[TEXT], missing[TEXT], most[TEXT];
	s64 left = -p->b.deficit;

	policy_bytes_render((s64)s->bytes, bytes, sizeof(bytes));
	policy_bytes_render((s64)s->missing, missing, sizeof(missing));
	policy_bytes_render((s64)squeezed, most, sizeof(most));

	switch (s->state) {
	case POLICY_RESERVE_READY:
		snprintf(s->why, sizeof(s->why), "%s are kept for it", bytes);
		return;
	case POLICY_RESERVE_FREEING:
		snprintf(s->why, sizeof(s->why), "%s of %s are still to be freed by guests",
			 missing, bytes);
		return;
	case POLICY_RESERVE_EXPIRED:
		snprintf(s->why, sizeof(s->why), "its time ran out before it was released");
		return;
	case POLICY_RESERVE_REFUSED:
		break;
	}
	if (p->level == POLICY_LEVEL_CRITICAL) {
		snprintf(s->why, sizeof(s->why), "the host is critical: nothing may start now");
		return;
	}
	policy_bytes_render(left > 0 ? left : 0, have, sizeof(have));
	snprintf(
		s->why, sizeof(s->why),
		"%s asked for, %s at hand above the reserves, at most %s with every guest at its floor: %s short",
		bytes, have, most, missing);
}

int policy_reserve(struct policy *p, u64 bytes, u64 ttl, u64 now, unsigned int *ret_id,
		   struct policy_reserve_status *ret)
{
	struct policy_reserve_status s = { .bytes = bytes };
	u64 at_once, squeezed;
	unsigned int i;

	if (!bytes || bytes > POLICY_HOST_BYTES_MAX)
		return -EINVAL;
	if (!p->have_host)
		return -ENODATA;
	now = policy_clock(p, now);
	HEARD(p, RESERVE, .bytes = bytes, .ttl = ttl);

	survey(p);
	entitle(p);
	largest(p, 0, &at_once, &squeezed);
	s.largest = squeezed;

	if (bytes > squeezed || p->level == POLICY_LEVEL_CRITICAL) {
		s.state = POLICY_RESERVE_REFUSED;
		s.missing = over(bytes, squeezed);
		explain(p, &s, squeezed);
		*ret = s;
		return -ENOSPC;
	}

	for (i = 0; i < POLICY_RESERVES_MAX; i++)
		if (!p->reserve[i].exists || now >= p->reserve[i].until)
			break;
	if (i == POLICY_RESERVES_MAX)
		return -EBUSY;
	p->reserve[i] = (struct reserve){
		.exists = true,
		.bytes = bytes,
		.until = ttl > NEVER - 1 - now ? NEVER - 1 : now + ttl,
	};

	s.missing = over(bytes, at_once);
	s.state = s.missing ? POLICY_RESERVE_FREEING : POLICY_RESERVE_READY;
	explain(p, &s, squeezed);
	*ret_id = i;
	*ret = s;
	return 0;
}

int policy_reserve_status(struct policy *p, unsigned int id, u64 now,
			  struct policy_reserve_status *ret)
{
	struct policy_reserve_status s = { 0 };
	u64 at_once, squeezed;

	if (id >= POLICY_RESERVES_MAX || !p->reserve[id].exists)
		return -ENOENT;
	now = policy_clock(p, now);
	s.bytes = p->reserve[id].bytes;

	survey(p);
	if (now >= p->reserve[id].until) {
		s.state = POLICY_RESERVE_EXPIRED;
		largest(p, 0, &at_once, &s.largest);
	} else {
		largest(p, s.bytes, &at_once, &squeezed);
		s.largest = squeezed;
		/* Bytes on their way are in the budget, but not yet there. */
		at_once = over(at_once, p->b.in_flight);
		s.missing = over(s.bytes, at_once);
		/* What dead bands leave undone is none of the reserve's last
		 * bytes. */
		if (s.missing <= max_of(p->t.dead_band, s.bytes / 128))
			s.missing = 0;
		s.state = s.missing ? POLICY_RESERVE_FREEING : POLICY_RESERVE_READY;
	}
	explain(p, &s, s.largest);
	*ret = s;
	return 0;
}

int policy_reserve_release(struct policy *p, unsigned int id)
{
	if (id >= POLICY_RESERVES_MAX || !p->reserve[id].exists)
		return -ENOENT;
	p->reserve[id].exists = false;
	HEARD(p, RELEASE, .guest = id);
	return 0;
}
