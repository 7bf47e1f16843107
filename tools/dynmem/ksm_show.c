// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem ksm: what KSM saves, for whom, and at what cost.
 */
#include "ksm_view.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "common/util.h"
#include "out.h"

#define SCHEMA 1 /* of --json, see out_new() */

static const char *const by_names[] = {
	[KSM_BY_PROCESS] = "process",
	[KSM_BY_CGROUP] = "cgroup",
	[KSM_BY_GUEST] = "guest",
};

/* Between two readings of the host; 0 as long as there was one. */
struct pace {
	double seconds;
	double cpu;	/* share of one CPU */
	double scanned; /* pages a second */
};

static void help(void)
{
	printf("Usage: dynmem ksm [--by process|cgroup|guest] [--all] [--watch SECONDS] [--json]\n"
	       "       dynmem ksm run [--json] [--] COMMAND [ARGUMENT...]\n\n"
	       "What KSM saves on this host, and in whom: savings, profit (savings less what ksmd\n"
	       "needs to remember), and memory, sorted by profit. By the kernel module, if it is\n"
	       "loaded, else by /proc. Root sees all processes.\n\n"
	       "'run' starts any program with merging asked for, and reports its savings at the\n"
	       "end, on standard error. Its processes merge with any other that asked for merging.\n\n"
	       "Options:\n"
	       "  -b, --by WHAT        process (the default), cgroup, or guest\n"
	       "  -a, --all            also those that did not ask for merging\n"
	       "  -w, --watch SECONDS  again every so often (1 to 86400), with ksmd's pace\n"
	       "  -j, --json           one JSON object a time; sizes in bytes\n"
	       "  -h, --help           this text\n\n"
	       "Exit status: 0 done, 1 this kernel has no KSM or nothing can be read; 'run' ends\n"
	       "with that of the command.\n");
}

static const char *driver_of(const struct ksm_host *h)
{
	return h->advisor     ? "the kernel's advisor"
	       : h->driver[0] ? out_safe(h->driver)
			      : "fixed settings";
}

/* Seconds that a full scan takes at least: the sleeps, without ksmd's work. */
static double scan_seconds(const struct ksm_host *h)
{
	uint64_t pages = h->shared + h->sharing + h->unshared + h->volatiles;

	if (!h->pages_to_scan)
		return 0;
	return (double)pages / (double)h->pages_to_scan * (double)h->sleep_ms / 1000;
}

static struct pace pace_of(const struct ksm_host *old, const struct ksm_host *h, double seconds)
{
	struct pace p = { .seconds = seconds };

	if (seconds > 0) {
		p.cpu = (double)(h->cpu_ns - MIN(old->cpu_ns, h->cpu_ns)) / seconds / 1e9;
		p.scanned = (double)(h->scanned - MIN(old->scanned, h->scanned)) / seconds;
	}
	return p;
}

static void print_host(const struct ksm_host *h, const struct pace *p)
{
	static const char *const states[] = { "stopped", "running", "unmerging" };
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX], c[OUT_BYTES_MAX];

	printf("KSM      %s, paced by %s: %llu pages each %llu ms",
	       h->run < ARRAY_SIZE(states) ? states[h->run] : "unknown", driver_of(h),
	       (unsigned long long)h->pages_to_scan, (unsigned long long)h->sleep_ms);
	if (h->mode[0])
		printf(" (dynmemd: mode %s)", h->mode);
	putchar('\n');
	printf("Saves    %s, of it zero pages %s; profit %s\n", out_bytes(h->saved, a),
	       out_bytes(h->zero_pages * page, b), out_bytes_signed(h->profit, c));
	printf("Scan     %llu full scans, each %.0f s at least; ksmd used %.1f s of CPU\n",
	       (unsigned long long)h->full_scans, scan_seconds(h), (double)h->cpu_ns / 1e9);
	if (p->seconds > 0)
		printf("Pace     %.1f %% of a CPU, %.0f pages/s over the last %.0f s\n",
		       p->cpu * 100, p->scanned, p->seconds);
}

static void print_table(const struct ksm_table *t, enum ksm_by by)
{
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX], c[OUT_BYTES_MAX];

	if (t->n)
		printf("\n%10s %10s %10s  %s\n", "SAVED", "PROFIT", "RSS",
		       by == KSM_BY_CGROUP  ? "CGROUP"
		       : by == KSM_BY_GUEST ? "GUEST"
					    : "PROCESS");
	for (size_t i = 0; i < t->n; i++) {
		const struct ksm_row *r = &t->rows[i];

		printf("%10s %10s %10s  %s", out_bytes(r->saved, a), out_bytes_signed(r->profit, b),
		       out_bytes(r->rss, c), out_safe(r->name));
		if (r->pid)
			printf(" (%d)", (int)r->pid);
		printf("%s\n", r->mergeable ? "" : ", did not ask for merging");
	}
	if (!t->n)
		printf("\nNo %s asked for merging (see dynmem(1), ksm run).\n", by_names[by]);
	if (t->partly)
		fprintf(stderr,
			"dynmem ksm: processes of other users are missing: run it as root to see them\n");
}

static struct json_object *host_json(const struct ksm_host *h, const struct pace *p)
{
	struct json_object *o = json_object_new_object();
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	out_add_u64(o, "run", h->run);
	out_add_str(o, "driver", h->advisor ? "advisor" : h->driver);
	if (h->mode[0])
		out_add_str(o, "mode", h->mode);
	out_add_u64(o, "pages-to-scan", h->pages_to_scan);
	out_add_u64(o, "sleep-ms", h->sleep_ms);
	out_add_u64(o, "saved", h->saved);
	out_add_u64(o, "zero-pages", h->zero_pages * page);
	out_add_i64(o, "profit", h->profit);
	out_add_u64(o, "full-scans", h->full_scans);
	out_add_u64(o, "pages-scanned", h->scanned);
	out_add_u64(o, "cpu-ns", h->cpu_ns);
	if (p->seconds > 0) {
		json_object_object_add(o, "cpu-share", json_object_new_double(p->cpu));
		json_object_object_add(o, "pages-per-second", json_object_new_double(p->scanned));
	}
	return o;
}

static void print_json(const struct ksm_host *h, const struct pace *p, const struct ksm_table *t,
		       enum ksm_by by)
{
	struct json_object *top = out_new(SCHEMA);
	struct json_object *rows = json_object_new_array();

	json_object_object_add(top, "host", host_json(h, p));
	out_add_str(top, "by", by_names[by]);
	out_add_str(top, "source", t->from_module ? "module" : "proc");
	json_object_object_add(top, "complete", json_object_new_boolean(!t->partly));
	for (size_t i = 0; i < t->n; i++) {
		const struct ksm_row *r = &t->rows[i];
		struct json_object *o = json_object_new_object();

		out_add_str(o, "name", out_safe(r->name));
		if (r->pid)
			out_add_u64(o, "pid", (uint64_t)r->pid);
		out_add_u64(o, "processes", r->processes);
		out_add_u64(o, "saved", r->saved);
		out_add_i64(o, "profit", r->profit);
		out_add_u64(o, "rss", r->rss);
		out_add_u64(o, "merging-pages", r->merging);
		out_add_u64(o, "zero-pages", r->zero_pages);
		json_object_object_add(o, "mergeable", json_object_new_boolean(r->mergeable));
		json_object_array_add(rows, o);
	}
	json_object_object_add(top, "rows", rows);
	out_line(top);
	json_object_put(top);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int show(enum ksm_by by, bool all, unsigned long watch, bool json)
{
	struct ksm_host host, old = { 0 };
	struct pace pace = { 0 };
	struct ksm_table table;
	double last = 0;
	int r;

	do {
		if (last > 0)
			sleep((unsigned int)watch);
		r = ksm_read_host(&host);
		if (r < 0) {
			fprintf(stderr,
				"dynmem ksm: this kernel has no KSM (no /sys/kernel/mm/ksm: built without CONFIG_KSM)\n");
			return EXIT_FAILURE;
		}
		ksm_ask_daemon(&host);
		r = ksm_read_table(&host, by, all, &table);
		if (r < 0) {
			fprintf(stderr, "dynmem ksm: reading the processes: %s\n", strerror(-r));
			return EXIT_FAILURE;
		}
		pace = pace_of(&old, &host, last > 0 ? now() - last : 0);
		last = now();
		old = host;
		if (json) {
			print_json(&host, &pace, &table, by);
		} else {
			if (watch && isatty(STDOUT_FILENO))
				printf("\033[H\033[2J");
			print_host(&host, &pace);
			print_table(&table, by);
		}
		ksm_table_free(&table);
		if (fflush(stdout) || ferror(stdout))
			return EXIT_FAILURE;
	} while (watch);
	return EXIT_SUCCESS;
}

static int cmd_ksm_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct cmd_line line = { "ksm", "+:jh", options, help, false, 0 };

	if (cmd_option(&line, argc, argv) == CMD_ENDS)
		return line.status;
	if (optind == argc)
		return cmd_usage_error("ksm", "run what? A command is missing");
	return ksm_run(line.json, argv + optind);
}

int cmd_ksm(int argc, char **argv)
{
	static const struct option options[] = {
		{ "by", required_argument, NULL, 'b' },	   { "all", no_argument, NULL, 'a' },
		{ "watch", required_argument, NULL, 'w' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },	   { 0 },
	};
	enum ksm_by by = KSM_BY_PROCESS;
	struct cmd_line line = { "ksm", ":b:aw:jh", options, help, false, 0 };
	bool all = false;
	unsigned long watch = 0;
	int opt;

	if (argc > 1 && !strcmp(argv[1], "run"))
		return cmd_ksm_run(argc - 1, argv + 1);
	while ((opt = cmd_option(&line, argc, argv)) != -1) {
		switch (opt) {
		case 'b':
			for (by = 0; by < ARRAY_SIZE(by_names); by++)
				if (!strcmp(optarg, by_names[by]))
					break;
			if (by == ARRAY_SIZE(by_names))
				return cmd_usage_error(
					"ksm", "--by takes process, cgroup or guest, not '%s'",
					optarg);
			break;
		case 'a':
			all = true;
			break;
		case 'w':
			if (!cmd_whole(optarg, 1, 86400, &watch))
				return cmd_usage_error(
					"ksm", "--watch takes whole seconds, 1 to 86400, not '%s'",
					optarg);
			break;
		default:
			return line.status;
		}
	}
	if (cmd_arguments(&line, argc, argv, 0) == CMD_ENDS)
		return line.status;
	return show(by, all, watch, line.json);
}
