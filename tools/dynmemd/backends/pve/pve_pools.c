// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dynmemd/backends/pve/pve_pools.h"

/* Of a line, counted from 0; its length in @ret_len. */
static const char *field(const char *line, unsigned int n, size_t *ret_len)
{
	while (n-- > 0) {
		line += strcspn(line, ":\n");
		if (*line != ':')
			return NULL;
		line++;
	}
	*ret_len = strcspn(line, ":\n");
	return line;
}

/* A comment has no colon: it is written as %3A. */
static bool is_member(const char *line, unsigned int vmid)
{
	size_t len;
	const char *list = field(line, 3, &len), *end;

	if (!list)
		return false;
	end = list + len;
	while (list < end) {
		if (isdigit((unsigned char)*list) && strtoul(list, NULL, 10) == vmid)
			return true;
		list += strcspn(list, ",; :\n");
		list += list < end;
	}
	return false;
}

/* Its name, which ends with a colon; NULL: it is in none. */
static const char *find_pool(const char *text, unsigned int vmid)
{
	static const char key[] = "pool:";

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, sizeof(key) - 1) && is_member(line, vmid))
			return line + sizeof(key) - 1;
	}
	return NULL;
}

void pve_pool_of(const char *text, unsigned int vmid, char ret[CONFIG_TRUST_MAX])
{
	const char *pool = text ? find_pool(text, vmid) : NULL;
	size_t len = pool ? strcspn(pool, ":") : 0;
	char name[CONFIG_TRUST_MAX];

	*ret = 0;
	if (text && !pool)
		return;
	if (len && len < sizeof(name)) {
		snprintf(name, sizeof(name), "%.*s", (int)len, pool);
		if (config_parse_trust(ret, name) == 0)
			return;
	}
	snprintf(ret, CONFIG_TRUST_MAX, "vmid-%u", vmid);
}
