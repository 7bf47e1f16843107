// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dynmemd/host/procfile.h"
#include "dynmemd/host/rival_processes.h"

/* MoM by itself and in oVirt's agent, Proxmox VE's auto-ballooning, an operator, another of us. */
static const char *const movers[] = { "momd", "vdsmd", "pvestatd", "virsh", "dynmemd", NULL };

/* ksmtuned, as distributions and Proxmox VE have it; MoM drives KSM too. */
static const char *const tuners[] = { "ksmtuned", "momd", "vdsmd", NULL };

struct rival_search {
	const char *proc;
	const char *const *known;
	char *buf;
	size_t size, n;
};

static bool is_known(const char *const *known, const char *comm)
{
	for (; *known; known++)
		if (!strcmp(comm, *known))
			return true;
	return false;
}

static bool add_known(void *data, pid_t pid)
{
	struct rival_search *s = data;
	char comm[32];

	if (pid == getpid() || proc_read_of(s->proc, pid, "comm", comm, sizeof(comm)) <= 0)
		return false;
	comm[strcspn(comm, "\n")] = 0;
	if (is_known(s->known, comm))
		s->n += snprintf(s->buf + s->n, s->size - s->n, "%s%s (pid %d)", s->n ? ", " : "",
				 comm, (int)pid);
	return s->n >= s->size;
}

static char *find(const char *const *known, const char *proc, char *buf, size_t size)
{
	struct rival_search s = { .proc = proc, .known = known, .buf = buf, .size = size };

	*buf = 0;
	proc_processes(proc, add_known, &s);
	return buf;
}

char *rival_name(const char *proc, char *buf, size_t size)
{
	return find(movers, proc, buf, size);
}

char *ksm_rival_name(const char *proc, char *buf, size_t size)
{
	return find(tuners, proc, buf, size);
}
