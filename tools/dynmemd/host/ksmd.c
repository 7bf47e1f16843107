// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "dynmemd/host/ksmd.h"
#include "dynmemd/host/procfile.h"

/* Any process may be called ksmd: only a kernel thread is a child of PID 2. */
static bool is_ksmd(const char *proc, pid_t pid)
{
	int fd = proc_open(O_RDONLY, "%s/%d/stat", proc, (int)pid);
	char buf[1024], *p = NULL;

	if (fd < 0)
		return false;
	if (proc_read(fd, buf, sizeof(buf)) > 0)
		p = strstr(buf, "(ksmd) ");
	closep(&fd);
	return p && strtol(p + strlen("(ksmd) S "), NULL, 10) == 2;
}

pid_t ksmd_pid(const char *proc)
{
	DIR *dir = opendir(proc);
	struct dirent *e;
	pid_t found = 0;

	if (!dir)
		return 0;
	while (!found && (e = readdir(dir))) {
		pid_t pid = strtol(e->d_name, NULL, 10);

		if (pid > 2 && is_ksmd(proc, pid))
			found = pid;
	}
	closedir(dir);
	return found;
}
