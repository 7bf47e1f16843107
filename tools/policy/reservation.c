// SPDX-License-Identifier: GPL-2.0
/*
 * Reservations: bytes kept for a guest that is about to start.  They are part
 * of the budget like any reserve; guests are squeezed for them to their floor,
 * never below: a guest that runs comes before one that does not yet.
 *
 * Once the guest is there the bytes are its own, and kept until it has touched
 * them: it boots for a minute before it does.
 *
 * What is reported here is what the last decision found, with the host's memory
 * of now: reports change nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine.h"

#define TEXT 32
/* A guest that has started is waited for at least so long. */
#define START_TIME (300 * SEC)

/* What squeezing all guests to their floors would bring. */
static double squeezable(const struct policy *p)
{
	double sum = 0;
	struct policy_guest *g;

	for_each_guest (p, g)
		if (g->movable && g->seen->fresh_at != NEVER)
			sum += max_of(value_of(g, g->target) - value_of(g, g->floor), 0.0);
	return sum;
}

static u64 positive(double x)
{
	return x > 0 ? (u64)min_of(x, (double)POLICY_HOST_BYTES_MAX) : 0;
}

/* What the last decision lacked, with what is available and reserved now. */
static double deficit_now(const struct policy *p)
{
	return (double)p->b.deficit + (double)p->b.available - (double)host_available(p) +
	       (double)reserve_sum(p) - (double)p->b.reserved;
}

/* Without @but bytes of reservations. */
static void largest(const struct policy *p, u64 but, u64 *ret_now, u64 *ret_squeezed)
{
	double left = (double)but - deficit_now(p);

	*ret_now = positive(left);
	*ret_squeezed = positive(left + squeezable(p));
}

int policy_largest(const struct policy *p, u64 now, u64 *ret_now, u64 *ret_squeezed)
{
	(void)now;
	if (!p->decided)
		return -ENODATA;
	largest(p, 0, ret_now, ret_squeezed);
	return 0;
}

/* What bytes there are, in words, for a request that cannot be met or must
 * wait. */
static void explain(const struct policy *p, struct policy_reserve_status *s, u64 squeezed)
{
	char bytes[TEXT], have[TEXT], missing[TEXT], most[TEXT];
	double left = -deficit_now(p);

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
	case POLICY_RESERVE_STARTED:
		snprintf(s->why, sizeof(s->why),
			 "its guest has started; %s of %s are kept until it has touched them",
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
	policy_bytes_render((s64)positive(left), have, sizeof(have));
	snprintf(
		s->why, sizeof(s->why),
		"%s asked for, %s at hand above the reserves, at most %s with every guest at its floor: %s short",
		bytes, have, most, missing);
}

static struct reserve *find(const struct policy *p, unsigned int id)
{
	for (unsigned int i = 0; i < POLICY_RESERVES_MAX; i++)
		if (p->reserve[i].exists && p->reserve[i].id == id)
			return (struct reserve *)&p->reserve[i];
	return NULL;
}

/* One that is over may still be asked for until its place is needed. */
static struct reserve *place(struct policy *p)
{
	for (int over = 0; over < 2; over++)
		for (unsigned int i = 0; i < POLICY_RESERVES_MAX; i++) {
			struct reserve *r = &p->reserve[i];

			if (!r->exists || (over && p->now >= r->until))
				return r;
		}
	return NULL;
}

static u64 end_of(u64 now, u64 ttl)
{
	return ttl > NEVER - 1 - now ? NEVER - 1 : now + ttl;
}

int policy_reserve(struct policy *p, u64 bytes, u64 ttl, u64 now, unsigned int *ret_id,
		   struct policy_reserve_status *ret)
{
	struct policy_reserve_status s = { .bytes = bytes };
	u64 at_once, squeezed;
	struct reserve *r;

	if (!bytes || bytes > POLICY_HOST_BYTES_MAX)
		return -EINVAL;
	if (!p->have_host)
		return -ENODATA;
	now = policy_clock(p, now);
	HEARD(p, RESERVE, .guest = p->reserve_next, .bytes = bytes, .ttl = ttl);
	if (!p->decided)
		survey(p);
	largest(p, 0, &at_once, &squeezed);
	s.largest = squeezed;

	if (bytes > squeezed || p->level == POLICY_LEVEL_CRITICAL) {
		s.state = POLICY_RESERVE_REFUSED;
		s.missing = over(bytes, squeezed);
		explain(p, &s, squeezed);
		*ret = s;
		return -ENOSPC;
	}

	r = place(p);
	if (!r)
		return -EBUSY;
	*r = (struct reserve){
		.exists = true,
		.id = p->reserve_next++,
		.bytes = bytes,
		.until = end_of(now, ttl),
	};

	s.missing = over(bytes, at_once);
	s.state = s.missing ? POLICY_RESERVE_FREEING : POLICY_RESERVE_READY;
	explain(p, &s, squeezed);
	*ret_id = r->id;
	*ret = s;
	return 0;
}

unsigned int policy_reserve_next(struct policy *p, unsigned int least)
{
	if (p->reserve_next < least)
		p->reserve_next = least;
	return p->reserve_next;
}

int policy_reserve_restore(struct policy *p, unsigned int id, u64 bytes, u64 ttl, u64 now)
{
	struct reserve *r;

	if (!bytes || bytes > POLICY_HOST_BYTES_MAX || id == UINT32_MAX)
		return -EINVAL;
	now = policy_clock(p, now);
	if (find(p, id))
		return -EEXIST;
	r = place(p);
	if (!r)
		return -EBUSY;
	*r = (struct reserve){
		.exists = true,
		.id = id,
		.bytes = bytes,
		.until = end_of(now, ttl),
	};
	policy_reserve_next(p, id + 1);
	HEARD(p, RESERVE_RESTORE, .guest = id, .bytes = bytes, .ttl = ttl);
	return 0;
}

/* Each of a guest's reservations is for all that it needs: the largest holds. */
static void unite(struct policy *p, struct reserve *r)
{
	for (unsigned int i = 0; i < POLICY_RESERVES_MAX; i++) {
		struct reserve *other = &p->reserve[i];

		if (other == r || !other->exists || !other->started || other->guest != r->guest)
			continue;
		r->bytes = max_of(r->bytes, other->bytes);
		r->until = max_of(r->until, other->until);
		other->exists = false;
	}
}

int policy_reserve_started(struct policy *p, unsigned int id, unsigned int guest, u64 now)
{
	struct reserve *r = find(p, id);

	now = policy_clock(p, now);
	if (!r || !guest_get(p, guest) || now >= r->until)
		return -ENOENT;
	HEARD(p, RESERVE_STARTED, .guest = guest, .bytes = id);
	r->started = true;
	r->guest = guest;
	r->until = max_of(r->until, end_of(now, START_TIME));
	unite(p, r);
	return 0;
}

int policy_reserve_status(const struct policy *p, unsigned int id, u64 now,
			  struct policy_reserve_status *ret)
{
	const struct reserve *r = find(p, id);
	struct policy_reserve_status s = { 0 };
	u64 at_once, squeezed;

	if (!r)
		return -ENOENT;
	s.bytes = r->bytes;
	if (max_of(now, p->now) >= r->until) {
		s.state = POLICY_RESERVE_EXPIRED;
		largest(p, 0, &at_once, &s.largest);
	} else if (s.bytes > p->host.total) {
		s.state = POLICY_RESERVE_REFUSED;
		largest(p, 0, &at_once, &s.largest);
		s.missing = over(s.bytes, s.largest);
	} else if (r->started) {
		s.state = POLICY_RESERVE_STARTED;
		s.missing = reserve_left(p, r);
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
	struct reserve *r = find(p, id);

	if (!r)
		return -ENOENT;
	r->exists = false;
	HEARD(p, RELEASE, .guest = id);
	return 0;
}

/* A guest that has touched what was kept for it needs no more. */
bool reserves_end(struct policy *p)
{
	bool any = false;

	for (unsigned int i = 0; i < POLICY_RESERVES_MAX; i++) {
		struct reserve *r = &p->reserve[i];

		if (r->exists && r->started && !reserve_left(p, r))
			r->exists = false;
		any |= r->exists && p->now < r->until;
	}
	return any;
}
