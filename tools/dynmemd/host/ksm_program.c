// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/util.h"
#include "dynmemd/host/ksm_program.h"
#include "dynmemd/host/procfile.h"

static bool read_file(const char *proc, pid_t pid, const char *name, char *buf, size_t size)
{
	_cleanup_(closep) int fd = proc_open(O_RDONLY, "%s/%d/%s", proc, (int)pid, name);

	return proc_read(fd, buf, size) > 0;
}

/*
 * It has asked for merging, as newer kernels show, or ksmd has come to its memory.  A
 * kernel thread has an empty file.
 */
static bool is_mergeable(const char *proc, pid_t pid)
{
	static const char items[] = "ksm_rmap_items ";
	char text[1024], *p;

	if (!read_file(proc, pid, "ksm_stat", text, sizeof(text)))
		return false;
	p = strstr(text, items);
	return (p && strtoull(p + sizeof(items) - 1, NULL, 10)) ||
	       strstr(text, "ksm_mergeable: yes");
}

/* "0::/user.slice/user-1000.slice/x.scope": user-1000.slice. */
static void read_slice(const char *proc, pid_t pid, char *ret, size_t size)
{
	static const char end[] = ".slice";
	char text[4096], *line = text, *found = NULL, *save;

	escape_text(ret, size, "-.slice");
	if (!read_file(proc, pid, "cgroup", text, sizeof(text)))
		return;
	if (strncmp(text, "0::", 3) != 0)
		line = strstr(text, "\n0::");
	if (!line)
		return;
	line += *line == '\n';
	line[strcspn(line, "\n")] = 0;
	for (char *word = strtok_r(line, "/", &save); word; word = strtok_r(NULL, "/", &save))
		if (strlen(word) > strlen(end) && !strcmp(word + strlen(word) - strlen(end), end))
			found = word;
	if (found)
		escape_text(ret, size, found);
}

static bool read_program(const char *proc, pid_t pid, struct ksm_program *ret)
{
	char comm[32] = "";

	if (!is_mergeable(proc, pid))
		return false;
	ret->pid = pid;
	read_file(proc, pid, "comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	escape_text(ret->name, sizeof(ret->name), comm);
	read_slice(proc, pid, ret->slice, sizeof(ret->slice));
	return true;
}

bool ksm_program_find(const char *proc, const char *slice, ksm_program_skip_t skip,
		      const void *userdata, struct ksm_program *ret)
{
	DIR *dir = opendir(proc);
	struct dirent *e;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (e = readdir(dir))) {
		pid_t pid = strtol(e->d_name, NULL, 10);

		found = pid > 0 && !skip(userdata, pid) && read_program(proc, pid, ret) &&
			strcmp(ret->slice, slice) != 0;
	}
	closedir(dir);
	return found;
}
