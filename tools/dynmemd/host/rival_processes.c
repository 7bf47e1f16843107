// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "dynmemd/host/procfile.h"
#include "dynmemd/host/rival_processes.h"
#include "common/util.h"

/* MoM by itself and in oVirt's agent, Proxmox VE's auto-ballooning, an operator. */
static const char *const movers[] = { "momd", "vdsmd", "pvestatd", "virsh", NULL };

/* ksmtuned, as distributions and Proxmox VE have it; MoM drives KSM too. */
static const char *const tuners[] = { "ksmtuned", "momd", "vdsmd", NULL };

static bool is_known(const char *const *known, const char *proc, const char *pid, char *comm,
		     size_t size)
{
	char path[PATH_MAX];
	_cleanup_(closep) int fd = -1;

	if (snprintf(path, sizeof(path), "%s/%s/comm", proc, pid) >= PATH_MAX)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (proc_read(fd, comm, size) <= 0)
		return false;
	comm[strcspn(comm, "\n")] = 0;
	for (; *known; known++)
		if (!strcmp(comm, *known))
			return true;
	return false;
}

static char *find(const char *const *known, const char *proc, char *buf, size_t size)
{
	DIR *d = opendir(proc);
	struct dirent *e;
	char comm[32];
	size_t n = 0;

	*buf = 0;
	while (d && (e = readdir(d)))
		if (isdigit((unsigned char)*e->d_name) && n < size &&
		    is_known(known, proc, e->d_name, comm, sizeof(comm)))
			n += snprintf(buf + n, size - n, "%s%s (pid %s)", n ? ", " : "", comm,
				      e->d_name);
	if (d)
		closedir(d);
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
