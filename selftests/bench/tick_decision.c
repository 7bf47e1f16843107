// SPDX-License-Identifier: GPL-2.0
/*
 * What a decision costs: CPU time of a round over all guests, against Proxmox
 * VE's arithmetic in Perl on the same guests, interleaved in one run.
 *
 * The decision is policy_decide() on a host that lacks and on one that has
 * bytes to give, by turns; PVE's round likewise shrinks and grows by turns.
 * What taking in a fresh sample and cost of every guest adds is printed too; PVE
 * has no such step, its numbers are used as they are read.
 *
 * usage: tick_decision PEER.pl >LINES
 *
 * Prints lines "who guests ns".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policy/policy.h"

#define MiB (UINT64_C(1) << 20)
#define GiB (UINT64_C(1) << 30)
#define SEC UINT64_C(1000000000)

#define RUNS 21

static const unsigned int sizes[] = { 100, 1000, 10000 };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static uint64_t seed = 42;

static uint64_t rnd(uint64_t n)
{
	uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return n ? z % n : 0;
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct bench_guest {
	uint64_t min, max, actual, used, cache;
};

struct ticks {
	unsigned int n;
	uint64_t now, update, total;
	struct policy *p;
	struct bench_guest *g;
};

static int bench_init(struct ticks *b, unsigned int n)
{
	memset(b, 0, sizeof(*b));
	b->n = n;
	b->now = 1000 * SEC;
	b->g = calloc(n, sizeof(*b->g));
	if (!b->g || policy_new(NULL, &b->p) < 0)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++) {
		struct bench_guest *g = &b->g[i];
		struct policy_guest_config c;
		unsigned int handle;

		g->max = (1 + rnd(15)) * GiB;
		g->min = g->max / 4;
		g->actual = g->max / 2 + rnd(g->max / 2);
		g->used = g->actual / 4 + rnd(g->actual / 2);
		g->cache = rnd((g->actual - g->used) / 2);
		b->total += g->max * 3 / 4;
		c = (struct policy_guest_config){ .min = g->min, .max = g->max };
		if (policy_guest_add(b->p, &c, g->actual, b->now, &handle) < 0)
			return -ENOMEM;
		policy_guest_polling(b->p, handle, true, b->now);
	}
	return 0;
}

static void bench_free(struct ticks *b)
{
	policy_free(b->p);
	free(b->g);
}

/* The host's sample and the decision. Returns commands. */
static int bench_decide(struct ticks *b, bool lacks)
{
	struct host_record h = {
		.present = HOST_HAS_MEMORY | HOST_HAS_SWAP,
		.total = b->total,
		.available = lacks ? b->total / 64 : b->total / 4,
	};
	struct policy_result r;

	b->now += 1000;
	policy_host_update(b->p, &h, b->now);
	return policy_decide(b->p, b->now, &r);
}

/* A fresh sample of everything. */
static void bench_samples(struct ticks *b)
{
	b->now += SEC;
	b->update++;
	for (unsigned int i = 0; i < b->n; i++) {
		struct bench_guest *g = &b->g[i];
		uint64_t available = g->actual - g->used;
		struct guest_record s = {
			.present = GUEST_HAS_ALL_STATS,
			.last_update = b->update,
			.stat_actual = g->actual,
			.total = g->actual - 32 * MiB,
			.available = available - 32 * MiB - (i * b->update) % (8 * MiB),
			.free = available - g->cache,
			.disk_caches = g->cache,
			.major_faults = b->update * (i % 7),
		};
		struct guest_record c = {
			.present = GUEST_HAS_RSS | GUEST_HAS_SWAPPED | GUEST_HAS_DISK_READ |
				   GUEST_HAS_CPU,
			.rss = g->actual - g->actual / 8,
			.disk_read = b->update * (i % 5) * MiB,
			.cpu_ns = b->update * (i % 3) * SEC / 4,
		};

		policy_guest_update(b->p, i, &c, b->now);
		policy_guest_update(b->p, i, &s, b->now);
	}
}

/* ns of CPU a round; @whole: with fresh samples */
static double bench_ours(struct ticks *b, bool whole)
{
	unsigned int rounds = 200000 / b->n + 4;
	double start;
	long commands = 0;

	bench_samples(b);
	start = cpu_ns();
	for (unsigned int i = 0; i < rounds; i++) {
		if (whole)
			bench_samples(b);
		commands += bench_decide(b, i % 2);
	}
	if (commands <= 0) {
		fprintf(stderr, "tick_decision: nothing was decided\n");
		exit(1);
	}
	return (cpu_ns() - start) / rounds;
}

static int dump_guests(const struct ticks *b, const char *file)
{
	FILE *f = fopen(file, "w");

	if (!f)
		return -errno;
	for (unsigned int i = 0; i < b->n; i++) {
		const struct bench_guest *g = &b->g[i];

		fprintf(f, "%" PRIu64 " %" PRIu64 " %" PRIu64 " 1000 %" PRIu64 "\n", g->actual,
			g->min, g->max, g->actual - g->used - g->cache);
	}
	return fclose(f) ? -EIO : 0;
}

static double bench_peer(const char *peer, const char *file, unsigned int n)
{
	char command[1024], line[64] = "";
	FILE *f;

	snprintf(command, sizeof(command), "perl '%s' '%s' %u", peer, file, 20000 / n + 2);
	f = popen(command, "r");
	if (!f || !fgets(line, sizeof(line), f) || pclose(f) != 0) {
		fprintf(stderr, "tick_decision: the peer failed: %s\n", command);
		exit(1);
	}
	return strtod(line, NULL);
}

static void say(const char *who, unsigned int n, double ns)
{
	printf("%s %u %.0f\n", who, n, ns);
	fflush(stdout);
}

static int measure(const char *peer, unsigned int n)
{
	char file[] = "/tmp/tick_decision.XXXXXX";
	int fd = mkstemp(file), r;
	struct ticks b;

	if (fd < 0)
		return -errno;
	close(fd);
	r = bench_init(&b, n);
	if (r == 0)
		r = dump_guests(&b, file);
	for (unsigned int i = 0; r == 0 && i < RUNS; i++) {
		say("dynmem", n, bench_ours(&b, false));
		say("dynmem-with-samples", n, bench_ours(&b, true));
		say("pve", n, bench_peer(peer, file, n));
	}
	bench_free(&b);
	unlink(file);
	return r;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: tick_decision PEER.pl >LINES\n");
		return 2;
	}
	for (unsigned int i = 0; i < SIZES; i++) {
		int err = measure(argv[1], sizes[i]);

		if (err < 0) {
			fprintf(stderr, "tick_decision: %s\n", strerror(-err));
			return 1;
		}
	}
	return 0;
}
