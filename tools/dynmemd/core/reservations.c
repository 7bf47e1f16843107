// SPDX-License-Identifier: GPL-2.0
/* Memory that is kept for guests that are about to start. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/escape.h"
#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

#define SECONDS_MAX (UINT64_MAX / NSEC_PER_SEC)

static bool is_over(struct manager *m, const struct reservation *r)
{
	struct policy_reserve_status s;

	return policy_reserve_status(m->policy, r->id, manager_now(m), &s) < 0 ||
	       s.state == POLICY_RESERVE_EXPIRED;
}

static void forget(struct state *s, size_t i)
{
	s->n_reserved--;
	memmove(&s->reserved[i], &s->reserved[i + 1],
		(s->n_reserved - i) * sizeof(struct reservation));
}

/* The engine has ended some by itself. */
static void forget_ended(struct manager *m)
{
	for (size_t i = m->state.n_reserved; i-- > 0;)
		if (is_over(m, &m->state.reserved[i]))
			forget(&m->state, i);
}

int manager_reserve(struct manager *m, uint64_t bytes, const char *name, uint64_t seconds,
		    unsigned int *ret_id, struct policy_reserve_status *ret)
{
	struct state *s = &m->state;
	uint64_t now = manager_now(m);
	int r;

	if (!manager_managing(m))
		return -EROFS;
	sample_host(m, false, now);
	forget_ended(m);
	seconds = MIN(seconds, SECONDS_MAX);
	r = policy_reserve(m->policy, bytes, seconds * NSEC_PER_SEC, now, ret_id, ret);
	if (r == 0 || r == -ENOSPC)
		log_guest(LOG_INFO, *name ? name : NULL, "reservation%s: %s",
			  r < 0 ? " refused" : "", ret->why);
	if (r < 0)
		return r;
	s->reserved[s->n_reserved] = (struct reservation){
		.id = *ret_id,
		.bytes = bytes,
		.until = (uint64_t)time(NULL) + seconds,
	};
	/* As guests' names are. */
	escape_text(s->reserved[s->n_reserved++].name, GUEST_NAME_MAX, name);
	s->next_reservation = *ret_id + 1;
	remember_now(m);
	tick_soon(m);
	return 0;
}

const struct reservation *manager_reservations(const struct manager *m, size_t *ret_count)
{
	*ret_count = m->state.n_reserved;
	return m->state.reserved;
}

int manager_reservation(struct manager *m, unsigned int id, struct policy_reserve_status *ret)
{
	return policy_reserve_status(m->policy, id, manager_now(m), ret);
}

int manager_release(struct manager *m, unsigned int id)
{
	int r = policy_reserve_release(m->policy, id);

	if (r < 0)
		return r;
	forget_ended(m);
	remember_now(m);
	tick_soon(m);
	return 0;
}

int manager_largest(const struct manager *m, uint64_t *ret_now, uint64_t *ret_squeezed)
{
	return policy_largest(m->policy, manager_now(m), ret_now, ret_squeezed);
}

/*
 * As an administrator names it: before it runs, nobody knows that another has the name. Of
 * several the first one gets it.
 */
static bool is_for(struct manager *m, const struct reservation *r, const struct guest *g)
{
	struct policy_reserve_status s;

	if (!strcmp(g->name, r->name))
		return true;
	if (strcmp(g->title, r->name) != 0 && (!g->alias || strcmp(g->alias, r->name) != 0))
		return false;
	return manager_reservation(m, r->id, &s) == 0 && s.state != POLICY_RESERVE_STARTED;
}

void reserve_started(struct manager *m, const struct guest *g)
{
	struct state *s = &m->state;

	for (size_t i = 0; i < s->n_reserved; i++)
		if (is_for(m, &s->reserved[i], g) &&
		    policy_reserve_started(m->policy, s->reserved[i].id, g->handle,
					   manager_now(m)) == 0)
			log_guest(LOG_INFO, g->name,
				  "reservation %u is its own: kept until it has touched it",
				  s->reserved[i].id);
}
