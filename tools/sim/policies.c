// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "sim/control.h"

static const struct sim_policy *const policies[] = {
	&sim_policy_static,	&sim_policy_static_p999,   &sim_policy_fpr,
	&sim_policy_fpr_zram,	&sim_policy_pve,	   &sim_policy_mom,
	&sim_policy_dynmem_10s, &sim_policy_dynmem_procfs, &sim_policy_dynmem,
	&sim_policy_oracle,
};

#define COUNT (sizeof(policies) / sizeof(policies[0]))

const struct sim_policy *sim_policy_nth(unsigned int n)
{
	return n < COUNT ? policies[n] : NULL;
}

const struct sim_policy *sim_policy_find(const char *name)
{
	for (unsigned int i = 0; i < COUNT; i++)
		if (!strcmp(policies[i]->name, name))
			return policies[i];
	return NULL;
}

const char *sim_policy_name(const struct sim_policy *p)
{
	return p->name;
}

const char *sim_policy_summary(const struct sim_policy *p)
{
	return p->summary;
}
