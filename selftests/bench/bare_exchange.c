// SPDX-License-Identifier: GPL-2.0
/*
 * What a tick's exchanges cost by themselves: the bytes that dynmemd writes to its
 * guests and reads of them, written, waited for and read, and nothing made of them.
 * One write a guest, one epoll_wait() for up to 64 of them, one read of what is there.
 *
 * usage: bare_exchange FOLDER
 * FOLDER has the sockets of fake_guests. Each line on stdin, "N", is a tick in which N
 * guests also get a target: it prints "CPU_NS", the CPU time of the tick.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dynmemd/qmp/qmp_client.h"

#define MIB   (1ULL << 20)
#define BATCH 64

static const char questions[] =
	"{\"execute\":\"query-blockstats\",\"id\":1000001}\r\n"
	"{\"execute\":\"qom-get\",\"arguments\":{\"path\":\"/machine/peripheral/balloon0\","
	"\"property\":\"guest-stats\"},\"id\":1000002}\r\n";

struct bare_guest {
	int fd;
	uint64_t size;
};

struct bare {
	int epoll;
	size_t n;
	struct bare_guest *guest;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void put(const struct bare_guest *g, const char *text, size_t len)
{
	if (send(g->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("bare_exchange: send");
}

/* Reads until so many lines have come. */
static void take(const struct bare *b, size_t lines)
{
	static char text[16384];

	while (lines) {
		struct epoll_event ready[BATCH];
		int n = epoll_wait(b->epoll, ready, BATCH, 10000);

		if (n <= 0)
			die("bare_exchange: no answer");
		for (int i = 0; i < n; i++) {
			ssize_t len = recv(ready[i].data.fd, text, sizeof(text), MSG_DONTWAIT);
			char *p = text, *end = text + len;

			if (len <= 0)
				die("bare_exchange: recv");
			while (lines && (p = memchr(p, '\n', end - p))) {
				lines--;
				p++;
			}
		}
	}
}

/* To and fro by a MiB: an answer, and the event of its arrival. */
static void set_targets(struct bare *b, size_t targets)
{
	for (size_t i = 0; i < targets; i++) {
		struct bare_guest *g = &b->guest[i];
		char text[128];
		int len;

		g->size = g->size == 1024 * MIB ? 1025 * MIB : 1024 * MIB;
		len = snprintf(
			text, sizeof(text),
			"{\"execute\":\"balloon\",\"arguments\":{\"value\":%20llu},\"id\":0}\r\n",
			(unsigned long long)g->size);
		put(g, text, len);
	}
	take(b, 2 * targets);
}

static void add(struct bare *b, const char *folder, const char *name)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct bare_guest *g;
	char *path;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		die("bare_exchange");
	b->guest = realloc(b->guest, (b->n + 1) * sizeof(*b->guest));
	if (!b->guest)
		die("bare_exchange");
	g = &b->guest[b->n++];
	*g = (struct bare_guest){ 0 };
	if (qmp_connect(&g->fd, path) < 0)
		die(path);
	free(path);
	e.data.fd = g->fd;
	if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, g->fd, &e) < 0)
		die("bare_exchange: epoll_ctl");
	take(b, 1);
	put(g, "{\"execute\":\"qmp_capabilities\"}\r\n", 32);
	take(b, 1);
}

static void open_all(struct bare *b, const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	if (!d)
		die(folder);
	while ((e = readdir(d)))
		if (strstr(e->d_name, ".sock"))
			add(b, folder, e->d_name);
	closedir(d);
}

static long long cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct bare b = { .epoll = epoll_create1(EPOLL_CLOEXEC) };
	struct rlimit files;
	char line[64];

	if (argc != 2) {
		fputs("usage: bare_exchange FOLDER\n", stderr);
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	open_all(&b, argv[1]);
	while (fgets(line, sizeof(line), stdin)) {
		size_t targets = strtoul(line, NULL, 10);
		long long start = cpu_ns();

		for (size_t i = 0; i < b.n; i++)
			put(&b.guest[i], questions, sizeof(questions) - 1);
		take(&b, 2 * b.n);
		set_targets(&b, targets < b.n ? targets : b.n);
		printf("%lld\n", cpu_ns() - start);
		fflush(stdout);
	}
	return 0;
}
