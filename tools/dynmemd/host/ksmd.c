// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "dynmemd/host/ksmd.h"
#include "dynmemd/host/procfile.h"

struct ksmd_search {
	const char *proc;
	pid_t found;
};

/* Any process may be called ksmd: only a kernel thread is a child of PID 2. */
static bool is_ksmd(void *data, pid_t pid)
{
	struct ksmd_search *s = data;
	char buf[1024], *p = NULL;

	if (pid > 2 && proc_read_of(s->proc, pid, "stat", buf, sizeof(buf)) > 0)
		p = strstr(buf, "(ksmd) ");
	if (!p || strtol(p + strlen("(ksmd) S "), NULL, 10) != 2)
		return false;
	s->found = pid;
	return true;
}

pid_t ksmd_pid(const char *proc)
{
	struct ksmd_search s = { .proc = proc };

	proc_processes(proc, is_ksmd, &s);
	return s.found;
}
