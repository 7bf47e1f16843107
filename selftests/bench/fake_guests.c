// SPDX-License-Identifier: GPL-2.0
/*
 * Guests for the benchmark of a tick: so many monitors in a folder, whose
 * guests move at once to their targets, take fresh statistics whenever
 * they are asked, and need now more, now less.
 *
 * usage: fake_guests FOLDER N PERCENT [mapped [PREFIX]]
 * PERCENT of its max is what each has; mapped: as a QEMU, the process has a mapping
 * for all of it, without which the daemon does not take its costs for theirs. They are
 * called PREFIX0 and so on, by default g0; as in JSON.
 * Each line on stdin is answered by "POLLS BALLOONS COMMANDS" since the start.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../unit/fake_qemu.h"

#include "common/util.h"

/* As often a balloon arrives at its target. */
#define MOVE_USEC 10000

/* As often one half of them needs a twelfth of its memory more, the other less. */
#define SWAP_USEC 3000000

/* As QEMU 7.2 answers for one disk. */
static const char blockstats[] =
	"[{\"device\": \"drive0\", \"parent\": {\"stats\": {\"unmap_operations\": 0,"
	" \"unmap_merged\": 0, \"flush_total_time_ns\": 91234567890,"
	" \"wr_highest_offset\": 0, \"wr_total_time_ns\": 91234567890,"
	" \"failed_wr_operations\": 0, \"failed_rd_operations\": 0,"
	" \"wr_merged\": 0, \"wr_bytes\": 1073741824, \"timed_stats\": [],"
	" \"failed_unmap_operations\": 0, \"failed_flush_operations\": 0,"
	" \"account_invalid\": false, \"rd_total_time_ns\": 91234567890,"
	" \"invalid_unmap_operations\": 0, \"flush_operations\": 0,"
	" \"wr_operations\": 33021, \"unmap_bytes\": 0, \"rd_merged\": 0,"
	" \"rd_bytes\": 5368709120, \"unmap_total_time_ns\": 91234567890,"
	" \"invalid_flush_operations\": 0, \"account_failed\": false,"
	" \"rd_operations\": 181232, \"invalid_wr_operations\": 0,"
	" \"invalid_rd_operations\": 0}, \"node-name\": \"#block008\","
	" \"driver-specific\": {\"discard-bytes-ok\": 0, \"discard-nb-ok\": 0,"
	" \"driver\": \"file\", \"discard-nb-failed\": 0}},"
	" \"stats\": {\"unmap_operations\": 0, \"unmap_merged\": 0,"
	" \"flush_total_time_ns\": 91234567890, \"wr_highest_offset\": 0,"
	" \"wr_total_time_ns\": 91234567890, \"failed_wr_operations\": 0,"
	" \"failed_rd_operations\": 0, \"wr_merged\": 0,"
	" \"wr_bytes\": 1073741824, \"timed_stats\": [],"
	" \"failed_unmap_operations\": 0, \"failed_flush_operations\": 0,"
	" \"account_invalid\": true, \"rd_total_time_ns\": 91234567890,"
	" \"invalid_unmap_operations\": 0, \"flush_operations\": 0,"
	" \"wr_operations\": 33021, \"unmap_bytes\": 0, \"rd_merged\": 0,"
	" \"rd_bytes\": 5368709120, \"unmap_total_time_ns\": 91234567890,"
	" \"invalid_flush_operations\": 0, \"account_failed\": true,"
	" \"rd_operations\": 181232, \"invalid_wr_operations\": 0,"
	" \"invalid_rd_operations\": 0}, \"node-name\": \"#block105\","
	" \"qdev\": \"/machine/peripheral-anon/device[0]/virtio-backend\"}]";

struct guests {
	unsigned int n;
	uint64_t swapped_at;
	unsigned int swaps;
	struct fake_qemu *guest;
	char (*name)[64];
	const char *prefix;
};

static void settle(struct fake_qemu *f)
{
	if (!f->target || f->target == f->actual)
		return;
	f->total += f->target - f->actual;
	f->available += f->target - f->actual;
	f->free += f->target - f->actual;
	fake_move(f, f->target);
}

static void swap_demand(struct guests *g)
{
	g->swaps++;
	for (unsigned int i = 0; i < g->n; i++) {
		struct fake_qemu *f = &g->guest[i];
		uint64_t less = MIN(f->memory / 12, f->free / 2);

		if ((i + g->swaps) % 2)
			less = -less;
		f->available -= less;
		f->free -= less;
	}
}

static int on_move(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct guests *g = userdata;

	for (unsigned int i = 0; i < g->n; i++)
		settle(&g->guest[i]);
	if (usec - g->swapped_at > SWAP_USEC) {
		swap_demand(g);
		g->swapped_at = usec;
	}
	sd_event_source_set_time(s, usec + MOVE_USEC);
	return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static int on_line(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct guests *g = userdata;
	unsigned long polls = 0, balloons = 0, commands = 0;
	char line[64];

	(void)revents;
	if (read(fd, line, sizeof(line)) <= 0)
		return sd_event_exit(sd_event_source_get_event(s), 0);
	for (unsigned int i = 0; i < g->n; i++) {
		polls += g->guest[i].polls;
		balloons += g->guest[i].balloons;
		commands += g->guest[i].commands;
	}
	printf("%lu %lu %lu\n", polls, balloons, commands);
	fflush(stdout);
	return 0;
}

/* 2 to 8 GiB; half of what each has is used. */
static int start(struct guests *g, sd_event *event, const char *folder, unsigned int percent)
{
	char path[108];

	for (unsigned int i = 0; i < g->n; i++) {
		struct fake_qemu *f = &g->guest[i];
		uint64_t max = (2 + i % 7) * 1024 * MIB;
		uint64_t actual = max / 100 * percent;

		snprintf(g->name[i], sizeof(g->name[i]), "%s%u", g->prefix, i);
		*f = (struct fake_qemu){
			.name = g->name[i],
			.memory = max,
			.actual = actual,
			.total = actual - 32 * MIB,
			.available = actual / 2,
			.free = actual / 2 - 64 * MIB,
			.last_update = 1000,
			.blockstats = blockstats,
		};
		if (snprintf(path, sizeof(path), "%s/%u.sock", folder, i) >= (int)sizeof(path) ||
		    fake_start(f, event, path) < 0) {
			perror(path);
			return -1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct guests g = { 0 };
	struct rlimit files;
	sd_event *event;

	if (argc < 4 || argc > 6 || (argc > 4 && strcmp(argv[4], "mapped") != 0)) {
		fputs("usage: fake_guests FOLDER N PERCENT [mapped [PREFIX]]\n", stderr);
		return 2;
	}
	if (argc > 4 && mmap(NULL, 16 * GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			     -1, 0) == MAP_FAILED)
		return 1;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	g.prefix = argc > 5 ? argv[5] : "g";
	g.n = strtoul(argv[2], NULL, 10);
	g.guest = calloc(g.n, sizeof(*g.guest));
	g.name = calloc(g.n, sizeof(*g.name));
	if (!g.guest || !g.name || sd_event_default(&event) < 0)
		return 1;
	if (start(&g, event, argv[1], strtoul(argv[3], NULL, 10)) < 0 ||
	    sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_line, &g) < 0 ||
	    sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, MOVE_USEC, 0, on_move, &g) < 0)
		return 1;
	puts("ready");
	fflush(stdout);
	return sd_event_loop(event);
}
