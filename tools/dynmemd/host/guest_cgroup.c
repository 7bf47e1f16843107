// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "dynmemd/host/guest_cgroup.h"
#include "dynmemd/host/procfile.h"
#include "common/util.h"

/* Of the cgroup's folder: what its memory.high was before the daemon. */
#define FOUND_HIGH "user.dynmem.memory.high"

/*
 * Helpers of a guest live in its cgroup (swtpm, passt, virtiofsd, the kernel's
 * vhost threads), whatever they are called: together they hold a small part of
 * what is in it, not counting the guest's memory that they share.
 */
#define HELPERS_SHARE 8
#define HELPERS_LEAST (64 * MIB)

static int read_at(int dir, const char *name, char *buf, size_t size)
{
	_cleanup_(closep) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return proc_read(fd, buf, size);
}

static int write_at(int dir, const char *name, const char *text)
{
	_cleanup_(closep) int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

/* "0::/machine.slice/web1.scope" */
static char *path_of(const char *proc, pid_t pid, char *buf, size_t size)
{
	_cleanup_(closep) int fd = proc_open(O_RDONLY, "%s/%d/cgroup", proc, (int)pid);
	char *line;

	buf[0] = '\n';
	if (proc_read(fd, buf + 1, size - 1) <= 0)
		return NULL;
	line = strstr(buf, "\n0::");
	if (!line)
		return NULL;
	line += 4;
	line[strcspn(line, "\n")] = 0;
	/* In a namespace other than ours. */
	return strstr(line, "/../") ? NULL : line;
}

/* The memory controller may end above the process's own cgroup. */
void cgroup_open(struct cgroup *c, const char *proc, const char *root, pid_t pid)
{
	char buf[PATH_MAX];
	char *path = pid > 0 ? path_of(proc, pid, buf, sizeof(buf)) : NULL;

	*c = (struct cgroup){ .dir = -1, .pid = pid };
	while (path && *path == '/' && path[1]) {
		c->dir = proc_open(O_RDONLY | O_DIRECTORY, "%s%s", root, path);
		/* The root has no such file. */
		if (faccessat(c->dir, "memory.high", F_OK, 0) == 0)
			return;
		cgroup_close(c);
		*strrchr(path, '/') = 0;
	}
}

void cgroup_close(struct cgroup *c)
{
	closep(&c->dir);
	c->dir = -1;
}

static uint64_t current(const struct cgroup *c)
{
	char buf[32];

	if (read_at(c->dir, "memory.current", buf, sizeof(buf)) <= 0)
		return 0;
	return strtoull(buf, NULL, 10);
}

static void comm_of(pid_t pid, char *ret, size_t size)
{
	_cleanup_(closep) int fd = proc_open(O_RDONLY, "/proc/%d/comm", (int)pid);

	if (proc_read(fd, ret, size) <= 0)
		ret[0] = 0;
	ret[strcspn(ret, "\n")] = 0;
}

/* What a process has for itself; one that is gone again has nothing. */
static uint64_t own_memory(pid_t pid)
{
	_cleanup_(closep) int fd = proc_open(O_RDONLY, "/proc/%d/status", (int)pid);
	uint64_t anon = 0, swap = 0;
	char buf[4096];

	if (proc_read(fd, buf, sizeof(buf)) <= 0)
		return 0;
	proc_kib(buf, "RssAnon:", &anon);
	proc_kib(buf, "VmSwap:", &swap);
	return anon + swap;
}

/* Another QEMU is no helper, however small its guest; nor is the first process. */
static bool is_stranger(const struct cgroup *c, pid_t pid)
{
	char name[32], ours[32];

	comm_of(pid, name, sizeof(name));
	comm_of(c->pid, ours, sizeof(ours));
	return pid == 1 || (*name && !strcmp(name, ours));
}

/* Others than QEMU in its cgroup: what they hold, and who stands out. */
struct others {
	bool found; /* QEMU is in it */
	bool stranger;
	uint64_t total, most;
	pid_t pid;
};

/* Read each time: processes come and go. */
static int read_others(const struct cgroup *c, struct others *o)
{
	char buf[4096], *p = buf, *end;
	int r;

	*o = (struct others){ 0 };
	if (c->dir < 0)
		return -ENOENT;
	r = read_at(c->dir, "cgroup.procs", buf, sizeof(buf));
	for (; r > 0; p = end) {
		long pid = strtol(p, &end, 10);
		uint64_t own;

		if (end == p)
			break;
		if (pid == c->pid) {
			o->found = true;
			continue;
		}
		own = own_memory(pid);
		o->total += own;
		if (!o->stranger && (!o->pid || own > o->most || is_stranger(c, pid))) {
			o->pid = pid;
			o->most = own;
			o->stranger = is_stranger(c, pid);
		}
	}
	return MIN(r, 0);
}

static int check_alone(const struct cgroup *c)
{
	struct others o;
	int r = read_others(c, &o);

	if (r < 0)
		return r;
	if (!o.found || o.stranger || o.total > MAX(current(c) / HELPERS_SHARE, HELPERS_LEAST))
		return -EBUSY;
	return 0;
}

const char *cgroup_other(const struct cgroup *c, char *buf, size_t size)
{
	struct others o;
	char name[32];

	if (read_others(c, &o) < 0 || !o.pid)
		return "other processes";
	comm_of(o.pid, name, sizeof(name));
	snprintf(buf, size, "%s (pid %d)", name, (int)o.pid);
	return buf;
}

int cgroup_reclaim(const struct cgroup *c, uint64_t bytes, uint64_t *ret_freed)
{
	uint64_t before, after;
	char text[32];
	int r = check_alone(c);

	*ret_freed = 0;
	if (r < 0)
		return r;
	before = current(c);
	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	r = write_at(c->dir, "memory.reclaim", text);
	after = current(c);
	*ret_freed = before > after ? before - after : 0;
	return r == -ENOENT ? -EOPNOTSUPP : r;
}

static int keep_found(const struct cgroup *c)
{
	char buf[32];
	int n = read_at(c->dir, "memory.high", buf, sizeof(buf));

	if (n < 0)
		return n;
	if (fsetxattr(c->dir, FOUND_HIGH, buf, n, XATTR_CREATE) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

int cgroup_set_high(const struct cgroup *c, uint64_t bytes)
{
	char text[32];
	int r = check_alone(c);

	if (r == 0)
		r = keep_found(c);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	return write_at(c->dir, "memory.high", text);
}

int cgroup_reset_high(const struct cgroup *c)
{
	char text[32];
	ssize_t n;
	int r;

	if (c->dir < 0)
		return 0;
	n = fgetxattr(c->dir, FOUND_HIGH, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = 0;
	r = write_at(c->dir, "memory.high", text);
	if (r < 0)
		return r;
	fremovexattr(c->dir, FOUND_HIGH);
	return 1;
}
