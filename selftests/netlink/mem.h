/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory to press with: a child that eats on orders, the host's figures, and
 * files of the kernel.
 */
#ifndef DYNMEM_TEST_MEM_H
#define DYNMEM_TEST_MEM_H

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "nl.h"

/* Of x86-64, where these tests run. */
#define PAGE 4096ULL

/* A file's first bytes as text; NULL if it cannot be read. */
_maybe_unused_ static char *slurp(const char *path)
{
	static char text[65536];
	size_t n = 0;
	ssize_t r;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	while (n < sizeof(text) - 1 && (r = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)r;
	close(fd);
	text[n] = '\0';
	return text;
}

_maybe_unused_ static int spit(const char *path, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	ssize_t n;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = write(fd, text, strlen(text));
	if (n < 0)
		n = -errno;
	close(fd);
	return n < 0 ? (int)n : 0;
}

/* The number behind a key at the start of a line; -1 if there is none. */
_maybe_unused_ static long long number_of(const char *path, const char *key)
{
	size_t len = strlen(key);

	for (const char *s = slurp(path); s; s = strchr(s, '\n')) {
		if (*s == '\n')
			s++;
		if (!strncmp(s, key, len) && strchr(" \t:", s[len]))
			return strtoll(s + len + strspn(s + len, " \t:"), NULL, 10);
		if (!*s)
			break;
	}
	return -1;
}

/* Of two counters, whichever is ahead. */
_maybe_unused_ static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* In bytes; any line of /proc/meminfo. */
_maybe_unused_ static uint64_t meminfo(const char *key)
{
	long long kib = number_of("/proc/meminfo", key);

	if (kib < 0)
		abort();
	return (uint64_t)kib * KIB;
}

/* A child that only waits to be killed, once it has what KSM may merge. */
_maybe_unused_ static pid_t spawn(bool mergeable)
{
	pid_t pid = fork();
	char *p;

	if (pid != 0)
		return pid < 0 ? pid : waitpid(pid, NULL, WUNTRACED);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mergeable) {
		p = mmap(NULL, 64 * KIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
		madvise(p, 64 * KIB, MADV_MERGEABLE);
	}
	raise(SIGSTOP);
	_exit(0);
}

/* Any child. */
_maybe_unused_ static void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/*
 * A child that eats memory when it gets an order. It is the first to go when the host
 * runs out.
 */
struct eater {
	pid_t pid;
	int order, report;
};

/*
 * EAT_HUGE asks for huge pages, for which the kernel may have to compact.
 * EAT_HOLES gives every other page back. EAT_TOUCH writes to all that is held
 * once more.
 */
enum eat { EAT_DROP, EAT_SMALL, EAT_HUGE, EAT_HOLES, EAT_TOUCH };

struct eat_order {
	uint64_t bytes;
	int how;
};

/* Every page is another one, so that neither KSM nor zram make it cheap. */
static void eat_touch(char *p, uint64_t bytes)
{
	uint64_t x = (uint64_t)getpid() << 32 | 88172645463325252ULL;

	for (uint64_t i = 0; i < bytes; i += 4096) {
		for (int j = 0; j < 64; j++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(p + i + j * 64, &x, sizeof(x));
		}
	}
}

_Noreturn static void eater_main(int order, int report)
{
	static struct eat_order held[64];
	static char *at[64];
	int n = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "dynmem-eater");
	/* What it runs on must not be what is reclaimed, again and again. */
	mlockall(MCL_CURRENT);
	spit("/proc/self/oom_score_adj", "1000");
	while (read(order, &held[n], sizeof(held[n])) == sizeof(held[n])) {
		if (held[n].how == EAT_DROP) {
			while (n > 0) {
				n--;
				munmap(at[n], held[n].bytes);
			}
		} else if (held[n].how == EAT_TOUCH) {
			for (int i = 0; i < n; i++)
				eat_touch(at[i], held[i].bytes);
		} else {
			at[n] = mmap(NULL, held[n].bytes, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
			if (at[n] == MAP_FAILED)
				_exit(2);
			madvise(at[n], held[n].bytes,
				held[n].how == EAT_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
			eat_touch(at[n], held[n].bytes);
			for (uint64_t i = 0; held[n].how == EAT_HOLES && i < held[n].bytes;
			     i += 2 * PAGE)
				madvise(at[n] + i, PAGE, MADV_DONTNEED);
			n++;
		}
		if (write(report, "", 1) != 1 || n == 64)
			break;
	}
	_exit(0);
}

_maybe_unused_ static int eater_start(struct eater *e)
{
	int order[2], report[2];

	if (pipe2(order, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	e->pid = fork();
	if (e->pid < 0)
		return -errno;
	if (e->pid == 0) {
		close(order[1]);
		close(report[0]);
		eater_main(order[0], report[1]);
	}
	close(order[0]);
	close(report[1]);
	e->order = order[1];
	e->report = report[0];
	return 0;
}

/*
 * So much that there is reclaim, swapping too, and not so much that there is
 * nothing but reclaim: the page cache may keep what is in use.
 */
_maybe_unused_ static uint64_t pressing_bytes(void)
{
	return meminfo("MemFree") + meminfo("SwapFree") / 3;
}

/* Does not wait; eater_done() does. */
_maybe_unused_ static void eater_order(struct eater *e, uint64_t bytes, int how)
{
	struct eat_order o = { bytes, how };

	if (write(e->order, &o, sizeof(o)) != sizeof(o))
		abort();
}

/* Return: true once it has eaten, false if it died of it. */
_maybe_unused_ static bool eater_done(struct eater *e)
{
	char c;

	return read(e->report, &c, 1) == 1;
}

_maybe_unused_ static bool eat(struct eater *e, uint64_t bytes)
{
	eater_order(e, bytes, EAT_SMALL);
	return eater_done(e);
}

_maybe_unused_ static void eater_stop(struct eater *e)
{
	if (e->pid <= 0)
		return;
	reap(e->pid);
	close(e->order);
	close(e->report);
	e->pid = 0;
}

/* Cgroups of the tests' own. */
#define CGROUP_ROOT "/sys/fs/cgroup"

_maybe_unused_ static uint64_t cgroup_make(const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	spit(CGROUP_ROOT "/cgroup.subtree_control", "+memory");
	snprintf(path, sizeof(path), CGROUP_ROOT "/%s", name);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return 0;
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

_maybe_unused_ static int cgroup_write(const char *name, const char *file, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), CGROUP_ROOT "/%s/%s", name, file);
	return spit(path, "%s", text);
}

_maybe_unused_ static int cgroup_move(const char *name, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return cgroup_write(name, "cgroup.procs", text);
}

_maybe_unused_ static void cgroup_remove(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), CGROUP_ROOT "/%s", name);
	for (int i = 0; i < 50 && rmdir(path) < 0 && errno == EBUSY; i++)
		sleep_ms(20);
}

/* A process's start time as the kernel rounds it: field 22, clock ticks. */
_maybe_unused_ static unsigned long long start_ticks(pid_t pid)
{
	unsigned long long ticks = 0;
	char path[64], *s;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	s = slurp(path);
	s = s ? strrchr(s, ')') : NULL;
	/* Behind ") " is field 3. */
	for (int field = 2; s && field < 22; field++)
		s = strchr(s + 1, ' ');
	if (s)
		ticks = strtoull(s, NULL, 10);
	return ticks;
}

#endif
