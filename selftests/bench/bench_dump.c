// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to learn every process's KSM counters: one dump of the module,
 * against a reader of every /proc/PID/ksm_stat that opens, reads, closes and
 * parses, as a careful agent in C would. They take turns: warm, and right
 * after the kernel dropped its caches of directory entries.
 *
 * usage: dump RUNS PROCESSES... >LINES	numbers of processes, rising
 *
 * Prints lines "what processes who value": warm and cold in ns, system calls
 * of one reading (as the kernel counts them), differing values while ksmd
 * stands still, and how many processes have merged pages (so that there was
 * something to compare).
 */
#include <ctype.h>
#include <dirent.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <dynmem.h>

#include "check.h"
#include "../netlink/mem.h"

#define FTRACE	    "/sys/kernel/tracing/instances/dynmem-dump/"
#define KSM	    "/sys/kernel/mm/ksm/"
#define MAX_ENTRIES 32768

struct entry {
	uint32_t pid;
	uint64_t merging, rmap_items, zero_pages;
	int64_t profit;
};

struct reading {
	struct entry entry[MAX_ENTRIES];
	unsigned int n;
};

static struct reading by_module, by_proc;
static struct dynmem *module;
static int ftrace_switch;

/*
 * The two contenders
 */

static int on_process(const struct dynmem_process *p, void *arg)
{
	struct reading *r = arg;

	r->entry[r->n++] = (struct entry){
		p->pid, p->merging_pages, p->rmap_items, p->zero_pages, p->profit,
	};
	return r->n < MAX_ENTRIES ? 0 : -ENOSPC;
}

static void read_module(void)
{
	struct dynmem_process_filter filter = {
		.select = DYNMEM_SELECT_ALL,
		.fields = DYNMEM_FIELD_KSM,
	};

	by_module.n = 0;
	check("process-get", dynmem_dump_processes(module, &filter, on_process, &by_module));
}

/* "ksm_rmap_items 4\nksm_zero_pages 1\nksm_merging_pages 2\nksm_process_profit 8 ..." */
static bool parse(char *text, struct entry *e)
{
	char *p = strchr(text, ' ');

	if (!p)
		return false;
	e->rmap_items = strtoull(p, &p, 10);
	p = strchr(p, ' ');
	e->zero_pages = p ? strtoull(p, &p, 10) : 0;
	p = p ? strchr(p, ' ') : NULL;
	e->merging = p ? strtoull(p, &p, 10) : 0;
	p = p ? strchr(p, ' ') : NULL;
	e->profit = p ? strtoll(p, NULL, 10) : 0;
	return p;
}

/* Kernel threads and zombies have no memory, and an empty file. */
static void read_one(int proc, const char *pid)
{
	struct entry *e = &by_proc.entry[by_proc.n];
	char path[280], text[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/ksm_stat", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	e->pid = (uint32_t)strtoul(pid, NULL, 10);
	if (parse(text, e))
		by_proc.n++;
}

static void read_proc(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	if (!d)
		die("/proc", -errno);
	by_proc.n = 0;
	while ((e = readdir(d)) && by_proc.n < MAX_ENTRIES)
		if (isdigit((unsigned char)e->d_name[0]))
			read_one(dirfd(d), e->d_name);
	closedir(d);
}

static const struct dump_reader {
	const char *name;
	void (*read)(void);
} readers[] = {
	{ "module", read_module },
	{ "proc", read_proc },
};

/*
 * Processes, each with two pages that all have, a page of zeroes and a page
 * of its own
 */

_Noreturn static void be_merged(void)
{
	const size_t page = 4096;
	char *p = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (p == MAP_FAILED)
		_exit(1);
	memset(p, 0x5a, 2 * page);
	memset(p + 2 * page, 0, page);
	memset(p + 3 * page, getpid() & 0xff, page);
	*(pid_t *)(p + 3 * page) = getpid();
	madvise(p, 4 * page, MADV_MERGEABLE);
	for (;;)
		pause();
}

static void start_processes(unsigned int n)
{
	while (n--) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork", -errno);
		if (pid == 0)
			be_merged();
	}
}

static void merge(void)
{
	long long scans;

	spit(KSM "use_zero_pages", "1");
	spit(KSM "sleep_millisecs", "1");
	spit(KSM "pages_to_scan", "20000");
	check("ksmd", spit(KSM "run", "1"));
	scans = strtoll(slurp(KSM "full_scans") ?: "0", NULL, 10);
	while (strtoll(slurp(KSM "full_scans") ?: "0", NULL, 10) < scans + 3)
		sleep_ms(100);
	check("ksmd", spit(KSM "run", "0"));
	/* A turn that was under way ends. */
	sleep_ms(1000);
}

/*
 * Comparisons
 */

static int by_pid(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* How many entries only one of them has, or has otherwise. */
static unsigned int differing(unsigned int *ret_merged)
{
	unsigned int i = 0, k = 0, n = 0;

	*ret_merged = 0;
	qsort(by_module.entry, by_module.n, sizeof(struct entry), by_pid);
	qsort(by_proc.entry, by_proc.n, sizeof(struct entry), by_pid);
	while (i < by_module.n || k < by_proc.n) {
		struct entry *x = i < by_module.n ? &by_module.entry[i] : NULL;
		struct entry *y = k < by_proc.n ? &by_proc.entry[k] : NULL;
		int order = !x ? 1 : !y ? -1 : by_pid(x, y);

		if (order != 0 || x->merging != y->merging || x->rmap_items != y->rmap_items ||
		    x->zero_pages != y->zero_pages || x->profit != y->profit)
			n++;
		*ret_merged += order == 0 && x->merging > 0;
		i += order <= 0;
		k += order >= 0;
	}
	return n;
}

static void say(const char *what, unsigned int processes, const char *who, uint64_t value)
{
	printf("%s %u %s %llu\n", what, processes, who, (unsigned long long)value);
	fflush(stdout);
}

/* An entry that was used is spared the first time. */
static void drop_entries(void)
{
	for (int i = 0; i < 3; i++)
		check("drop_caches", spit("/proc/sys/vm/drop_caches", "2"));
}

static void take_time(const struct dump_reader *r, const char *what, unsigned int processes)
{
	uint64_t start = now_ns();

	r->read();
	say(what, processes, r->name, now_ns() - start);
}

static void set_up_ftrace(void)
{
	if (mkdir(FTRACE, 0700) < 0 && errno != EEXIST)
		die(FTRACE, -errno);
	check("ftrace", spit(FTRACE "tracing_on", "0"));
	check("ftrace", spit(FTRACE "buffer_size_kb", "16384"));
	check("ftrace",
	      spit(FTRACE "events/raw_syscalls/sys_enter/filter", "common_pid == %d", getpid()));
	check("ftrace", spit(FTRACE "events/raw_syscalls/sys_enter/enable", "1"));
	ftrace_switch = open(FTRACE "tracing_on", O_WRONLY | O_CLOEXEC);
	if (ftrace_switch < 0)
		die("ftrace", -errno);
}

static void count_calls(const struct dump_reader *r, unsigned int processes)
{
	int fd = open(FTRACE "trace", O_WRONLY | O_TRUNC | O_CLOEXEC);
	uint64_t n = 0;
	char line[512];
	FILE *f;

	close(fd);
	if (write(ftrace_switch, "1", 1) != 1)
		die("ftrace", -errno);
	r->read();
	if (write(ftrace_switch, "0", 1) != 1)
		die("ftrace", -errno);
	f = fopen(FTRACE "trace", "r");
	if (!f)
		die("ftrace", -errno);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, ": sys_enter: ") != NULL;
	fclose(f);
	/* The one that ended it was counted too. */
	say("calls", processes, r->name, n - 1);
}

static void compare(unsigned int processes, unsigned int runs)
{
	unsigned int merged;

	merge();
	for (unsigned int i = 0; i < runs; i++) {
		for (size_t k = 0; k < ARRAY_LEN(readers); k++) {
			/* What the other one left is not this one's. */
			readers[k].read();
			take_time(&readers[k], "warm", processes);
			drop_entries();
			take_time(&readers[k], "cold", processes);
		}
	}
	say("differing", processes, "both", differing(&merged));
	say("merged", processes, "both", merged);
	for (size_t k = 0; k < ARRAY_LEN(readers); k++)
		count_calls(&readers[k], processes);
}

int main(int argc, char **argv)
{
	unsigned int runs = argc > 2 ? (unsigned int)atoi(argv[1]) : 0, now = 0;
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (!runs) {
		fprintf(stderr, "usage: dump RUNS PROCESSES...\n");
		return 2;
	}
	check("the module", dynmem_open(&module, 0));
	setrlimit(RLIMIT_NPROC, &limit);
	set_up_ftrace();
	for (int i = 2; i < argc; i++) {
		unsigned int processes = (unsigned int)atoi(argv[i]);

		start_processes(processes - now);
		now = processes;
		compare(now, runs);
	}
	return 0;
}
