// SPDX-License-Identifier: GPL-2.0
/*
 * holder - the process in a guest that holds memory
 *
 * Every page is written, so it is a real one. Its contents are either its
 * own, different in each page and each guest, or, for KSM, the page's number
 * within its region only, so that guests that hold the same amount have the
 * same pages, but no two pages within one guest are alike.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "holder.h"
#include "size.h"

#define PAGE  4096
#define WORDS (PAGE / sizeof(uint64_t))
/* How often the rewriting by "busy" takes its turn. */
#define BUSY_TICK_MS 100

struct region {
	struct region *older;
	uint64_t *data;
	size_t pages;
	uint64_t seed; /* 0: contents that other guests have too */
};

struct holder {
	struct region *newest;
	uint64_t seed;		    /* this guest's own */
	uint64_t round;		    /* makes rewritten contents new */
	unsigned long long busy;    /* bytes to rewrite per second */
	struct region *busy_region; /* where that goes on */
	size_t busy_page;
};

/*
 * A page is filled with what belongs to the guest and its own number. As in
 * real memory about half of it can be compressed away: zram would store pages
 * of one repeated word for nothing, and be a swap that costs no memory.
 */
static void fill_page(struct region *region, size_t page, uint64_t round)
{
	uint64_t *words = region->data + page * WORDS;
	uint64_t value = region->seed + round + (page + 1) * 0x9e3779b97f4a7c15ULL;

	for (size_t i = 0; i < WORDS; i++) {
		words[i] = value;
		if (i % 2) {
			/* xorshift64 */
			value ^= value << 13;
			value ^= value >> 7;
			value ^= value << 17;
		}
	}
}

static unsigned long long held(const struct holder *h)
{
	unsigned long long pages = 0;

	for (const struct region *r = h->newest; r; r = r->older)
		pages += r->pages;
	return pages * PAGE;
}

static int touch(struct holder *h, unsigned long long size, bool same)
{
	struct region *region;
	size_t pages = (size + PAGE - 1) / PAGE;

	if (!pages)
		return 0;
	region = calloc(1, sizeof(*region));
	if (!region)
		return -ENOMEM;
	region->data = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	if (region->data == MAP_FAILED) {
		free(region);
		return -ENOMEM;
	}
	region->pages = pages;
	region->seed = same ? 0 : h->seed + ++h->round;
	region->older = h->newest;
	h->newest = region;
	for (size_t i = 0; i < pages; i++)
		fill_page(region, i, 0);
	return 0;
}

/* Gives back the newest SIZE bytes. */
static void release(struct holder *h, unsigned long long size)
{
	size_t pages = (size + PAGE - 1) / PAGE;

	h->busy_region = NULL;
	while (pages && h->newest) {
		struct region *region = h->newest;
		size_t n = pages < region->pages ? pages : region->pages;

		munmap(region->data + (region->pages - n) * WORDS, n * PAGE);
		region->pages -= n;
		pages -= n;
		if (!region->pages) {
			h->newest = region->older;
			free(region);
		}
	}
}

static void redirty(struct holder *h)
{
	h->round++;
	for (struct region *r = h->newest; r; r = r->older)
		for (size_t i = 0; i < r->pages; i++)
			fill_page(r, i, r->seed ? h->round : 0);
}

/* What was the same in other guests is so no more. */
static void differ(struct holder *h)
{
	for (struct region *r = h->newest; r; r = r->older)
		r->seed = h->seed + ++h->round;
	redirty(h);
}

/* Rewrites one tick's share, going round through all that is held. */
static void work(struct holder *h)
{
	size_t pages = h->busy / PAGE * BUSY_TICK_MS / 1000;

	while (pages-- && h->newest) {
		if (!h->busy_region || h->busy_page >= h->busy_region->pages) {
			h->busy_region = h->busy_region ? h->busy_region->older : NULL;
			if (!h->busy_region)
				h->busy_region = h->newest;
			h->busy_page = 0;
			h->round++;
		}
		fill_page(h->busy_region, h->busy_page++, h->busy_region->seed ? h->round : 0);
	}
}

static void run(struct holder *h, char *line, char *answer, size_t answer_size)
{
	char *command = strsep(&line, " ");
	char *arg = line && *line ? line : NULL;
	unsigned long long size = 0;
	int ret = arg ? parse_size(arg, &size) : 0;

	if (ret) {
		snprintf(answer, answer_size, "error '%s' is no size", arg);
		return;
	}
	if (!strcmp(command, "touch"))
		ret = touch(h, size, arg && strstr(arg, " same"));
	else if (!strcmp(command, "free"))
		release(h, arg ? size : held(h));
	else if (!strcmp(command, "redirty"))
		redirty(h);
	else if (!strcmp(command, "differ"))
		differ(h);
	else if (!strcmp(command, "busy"))
		h->busy = size;
	if (ret)
		snprintf(answer, answer_size, "error %s: %s", command, strerror(-ret));
	else
		snprintf(answer, answer_size, "ok held=%llu", held(h));
}

void holder_main(int fd)
{
	struct holder h = {};
	char line[512], answer[128];

	if (getrandom(&h.seed, sizeof(h.seed), GRND_NONBLOCK) != sizeof(h.seed))
		h.seed = (uint64_t)time(NULL) << 20 ^ getpid();
	h.seed |= 1ULL << 63;
	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		n = poll(&pfd, 1, h.busy ? BUSY_TICK_MS : -1);
		if (n == 0) {
			work(&h);
			continue;
		}
		n = recv(fd, line, sizeof(line) - 1, 0);
		if (n <= 0)
			_exit(0);
		line[n] = '\0';
		run(&h, line, answer, sizeof(answer));
		if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
			_exit(0);
	}
}
