// SPDX-License-Identifier: GPL-2.0
/* Memory that is kept for guests that are about to start. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dynmemd/base/log.h"
#include "dynmemd/core/manager_private.h"

int manager_reserve(struct manager *m, uint64_t bytes, const char *name, uint64_t seconds,
		    unsigned int *ret_id, struct policy_reserve_status *ret)
{
	uint64_t now = manager_now(m);
	int r;

	if (!manager_managing(m))
		return -EROFS;
	sample_host(m, false, now);
	r = policy_reserve(m->policy, bytes, MIN(seconds, UINT64_MAX / NSEC_PER_SEC) * NSEC_PER_SEC,
			   now, ret_id, ret);
	if (r == 0 || r == -ENOSPC)
		log_guest(LOG_INFO, *name ? name : NULL, "reservation%s: %s",
			  r < 0 ? " refused" : "", ret->why);
	if (r < 0)
		return r;
	snprintf(m->reserved[*ret_id], GUEST_NAME_MAX, "%s", name);
	tick_soon(m);
	return 0;
}

int manager_reservation(struct manager *m, unsigned int id, struct policy_reserve_status *ret)
{
	uint64_t now = manager_now(m);

	sample_host(m, false, now);
	return policy_reserve_status(m->policy, id, now, ret);
}

int manager_release(struct manager *m, unsigned int id)
{
	int r = policy_reserve_release(m->policy, id);

	if (r < 0)
		return r;
	m->reserved[id][0] = 0;
	tick_soon(m);
	return 0;
}

int manager_largest(struct manager *m, uint64_t *ret_now, uint64_t *ret_squeezed)
{
	return policy_largest(m->policy, manager_now(m), ret_now, ret_squeezed);
}

void reserve_started(struct manager *m, const char *name)
{
	for (unsigned int id = 0; id < POLICY_RESERVES_MAX; id++)
		if (!strcmp(m->reserved[id], name))
			manager_release(m, id);
}
