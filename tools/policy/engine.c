// SPDX-License-Identifier: GPL-2.0
/* Life of the engine. */
#include <errno.h>
#include <stdlib.h>

#include "engine.h"

int policy_new(const struct policy_tunables *t, struct policy **ret_policy)
{
	const char *why;
	struct policy *p;

	if (t && policy_tunables_check(t, &why) < 0)
		return -ERANGE;

	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;

	if (t)
		p->t = *t;
	else
		policy_tunables_init(&p->t);

	p->reserve_next = 1;
	p->touched_at = NEVER;
	p->outside_at = NEVER;
	for (int i = 0; i <= POLICY_LEVEL_CRITICAL; i++)
		p->well_since[i] = NEVER;

	*ret_policy = p;
	return 0;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	free(p->guest);
	free(p->seen);
	free(p->decision);
	free(p->step);
	free(p->knee);
	free(p->knee_tmp);
	free(p);
}

void policy_set_drain(struct policy *p, bool drain)
{
	p->drain = drain;
	HEARD(p, DRAIN, .on = drain);
}

/* The clock never goes back, whatever the caller says. */
u64 policy_clock(struct policy *p, u64 now)
{
	p->now = max_of(p->now, now);
	return p->now;
}

struct policy_guest *guest_get(const struct policy *p, unsigned int guest)
{
	if (guest >= p->slots || !p->guest[guest].exists)
		return NULL;
	return &p->guest[guest];
}

unsigned int policy_guest_count(const struct policy *p)
{
	return p->count;
}
