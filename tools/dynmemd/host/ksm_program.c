// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "dynmemd/host/ksm_program.h"
#include "dynmemd/host/procfile.h"

struct program_search {
	const char *proc, *slice;
	ksm_program_skip_t skip;
	const void *userdata;
	struct ksm_program *ret;
};

/*
 * It has asked for merging, as newer kernels show, or ksmd has come to its memory.  A
 * kernel thread has an empty file.
 */
static bool is_mergeable(const char *proc, pid_t pid)
{
	static const char items[] = "ksm_rmap_items ";
	char text[1024], *p;

	if (proc_read_of(proc, pid, "ksm_stat", text, sizeof(text)) <= 0)
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
	if (proc_read_of(proc, pid, "cgroup", text, sizeof(text)) <= 0)
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
	proc_read_of(proc, pid, "comm", comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	escape_text(ret->name, sizeof(ret->name), comm);
	read_slice(proc, pid, ret->slice, sizeof(ret->slice));
	return true;
}

static bool is_outside(void *data, pid_t pid)
{
	const struct program_search *s = data;

	return !s->skip(s->userdata, pid) && read_program(s->proc, pid, s->ret) &&
	       strcmp(s->ret->slice, s->slice) != 0;
}

bool ksm_program_find(const char *proc, const char *slice, ksm_program_skip_t skip,
		      const void *userdata, struct ksm_program *ret)
{
	struct program_search s = { proc, slice, skip, userdata, ret };

	return proc_processes(proc, is_outside, &s);
}
