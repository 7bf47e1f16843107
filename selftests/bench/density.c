// SPDX-License-Identifier: GPL-2.0
/*
 * How many guests fit on a host at the service level, under dynmem and others.
 *
 *	density [--part first] [--seeds N] [--jobs N] [--largest GIB]
 *		[--answers FILE] --out FILE [TRACE...]
 *
 * Each question (host, least memory of guests, shape between samples, page
 * cache, order of guests) is a task of its own, worked on by so many
 * processes.  A ratio is taken within a task, where all have the same guests;
 * goals are judged on the worse of the two shapes, at the worse end of a
 * bootstrap interval.
 *
 * It takes long: answers are kept in a file, and the same program on the same
 * traces asks nothing twice.  All questions are asked with one order of guests
 * before the next order's turn comes.
 *
 * The trace is in two parts: the first three sevenths are for tuning and for
 * static-p99.9's training, the rest is what is reported.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "density.h"

/* One machine of GWA-T-12's has 30 % of all that is provisioned. */
#define MACHINE_SHARE 0.25
#define FIRST_PART    (3.0 / 7)

const double density_hosts[HOSTS] = { 64, 256, 1024 };
const double density_mins[MINS] = { 0.10, 0.25, 0.50 };
/* A larger host has more guests, which even out: of --seeds orders of them,
 * this share is enough.
 */
static const double seeds_share[] = { 1, 1. / 2, 1. / 6 };

const char *const density_names[CONTENDERS] = {
	"static", "static-p99.9", "fpr",	   "fpr-zram", "pve",
	"mom",	  "dynmem-10s",	  "dynmem-procfs", "dynmem",   "oracle",
};

static void die(const char *what, int err)
{
	fprintf(stderr, "density: %s: %s\n", what, strerror(err));
	exit(1);
}

/* Reaction alone, and life without the module, are asked where it costs least.
 */
static bool asked(const struct task *t, enum contender who)
{
	if (who == LOOP || who == PROCFS)
		return density_hosts[t->host] == 256 && density_mins[t->min] == 0.25;
	return true;
}

/* Without page cache a large host shows nothing that a smaller one does not. */
static bool worth_asking(const struct bench *b, const struct task *t)
{
	if (density_hosts[t->host] > b->largest)
		return false;
	return t->cache == SIM_CACHE_GROW || t->host < HOSTS - 1;
}

static void add_shapes(struct bench *b, struct task t)
{
	for (int s = 0; s < SIM_SHAPES && b->tasks < TASKS_MAX; s++) {
		t.shape = (enum sim_shape)s;
		if (worth_asking(b, &t))
			b->task[b->tasks++] = t;
	}
}

static void add_tasks(struct bench *b)
{
	struct task t;

	for (unsigned int i = 0; i < MINS * HOSTS * (unsigned int)b->seeds; i++) {
		t = (struct task){
			.host = i / MINS % HOSTS,
			.min = i % MINS,
			.seed = i / (MINS * HOSTS) + 1,
			.cache = SIM_CACHE_GROW,
		};
		if ((double)t.seed > ceil(b->seeds * seeds_share[t.host]))
			continue;
		add_shapes(b, t);
		t.cache = SIM_CACHE_NONE;
		add_shapes(b, t);
	}
}

static struct sim_options options_of(const struct bench *b, const struct task *t)
{
	double span = (double)b->trace.span, first = span * FIRST_PART;
	struct sim_options o;

	sim_options_init(&o, b->trace.span);
	o.host = density_hosts[t->host] * SIM_GIB;
	o.min_share = density_mins[t->min];
	o.shape = t->shape;
	o.cache = t->cache;
	o.seed = t->seed;
	o.machine_share = MACHINE_SHARE;
	o.start = b->first_part ? 0 : first;
	o.length = b->first_part ? first : span - first;
	o.train_start = b->first_part ? first : 0;
	o.train_length = span - o.length;
	return o;
}

/* Those of whom static-p99.9's promise was enough. */
static int served(struct sim_scenario *s, const struct sim_policy *p, int sold)
{
	const struct sim_run_options all = { 0 };
	struct sim_result r;

	if (sim_run(s, p, (unsigned int)sold, &all, &r))
		die("run", ENOMEM);
	return sold - (int)r.failed_guests;
}

static void ask(struct sim_scenario *s, enum contender who, struct verdict *a)
{
	const struct sim_policy *p = sim_policy_find(density_names[who]);
	const struct sim_run_options all = { 0 };
	struct sim_capacity c;

	if (who == TRAINED) {
		if (scenario_grow(s, 2048))
			die("guests", ENOMEM);
		a->sold = (int)scenario_admitted(s, p, 2048);
		a->guests[who] = served(s, p, a->sold);
		return;
	}
	if (sim_capacity(s, p, &all, &c))
		die("capacity", ENOMEM);
	a->guests[who] = (int)c.guests;
	a->provisioned[who] = c.provisioned;
}

static struct verdict work(const struct bench *b, unsigned int task)
{
	struct sim_options o = options_of(b, &b->task[task]);
	struct verdict a = { .task = task };
	struct sim_scenario *s;
	struct timespec t;
	int err = sim_scenario_new(&b->trace, &o, &s);

	if (err)
		die("scenario", -err);
	for (int who = 0; who < CONTENDERS; who++) {
		a.guests[who] = -1;
		if (asked(&b->task[task], (enum contender)who))
			ask(s, (enum contender)who, &a);
	}
	sim_scenario_free(s);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	a.seconds = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
	return a;
}

/* A process a task: it asks for nothing and answers with one small write. */
static void start(const struct bench *b, unsigned int task, int answers)
{
	pid_t pid = fork();
	struct verdict a;

	if (pid < 0)
		die("fork", errno);
	if (pid)
		return;
	a = work(b, task);
	_exit(write(answers, &a, sizeof(a)) != sizeof(a));
}

/* What answers depend on: this program, the traces, the part of them. */
static void set_key(struct bench *b, char **path)
{
	uint64_t h = UINT64_C(14695981039346656037);
	FILE *self = fopen("/proc/self/exe", "re");
	int c;

	if (!self)
		die("/proc/self/exe", errno);
	while ((c = getc(self)) != EOF)
		h = (h ^ (unsigned char)c) * UINT64_C(1099511628211);
	fclose(self);
	for (; *path; path++)
		for (const char *p = *path; *p; p++)
			h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
	snprintf(b->key, sizeof(b->key), "density %016llx %s", (unsigned long long)h,
		 b->first_part ? "first" : "second");
}

static int find_task(const struct bench *b, const struct task *t)
{
	for (unsigned int i = 0; i < b->tasks; i++) {
		const struct task *o = &b->task[i];

		if (o->host == t->host && o->min == t->min && o->shape == t->shape &&
		    o->cache == t->cache && o->seed == t->seed)
			return (int)i;
	}
	return -1;
}

/* A line of the file of answers; false: it is none, or cut short. */
static bool read_answer(struct bench *b, char *line)
{
	unsigned long long seed;
	struct verdict a = { 0 };
	unsigned int shape, cache;
	struct task t;
	int n, at;

	if (sscanf(line, "%u %u %u %u %llu %d %lf%n", &t.host, &t.min, &shape, &cache, &seed,
		   &a.sold, &a.seconds, &n) < 7)
		return false;
	for (int who = 0; who < CONTENDERS; who++) {
		line += n;
		if (sscanf(line, "%d %lf%n", &a.guests[who], &a.provisioned[who], &n) < 2)
			return false;
	}
	if (strcmp(line + n, " .\n") != 0)
		return false;
	t.shape = (enum sim_shape)shape;
	t.cache = (enum sim_cache)cache;
	t.seed = seed;
	at = find_task(b, &t);
	if (at < 0)
		return true;
	a.task = (unsigned int)at;
	b->answer[at] = a;
	b->done += !b->answered[at];
	b->answered[at] = true;
	return true;
}

/* Answers to the same questions by the same program are taken over. */
static void read_answers(struct bench *b)
{
	char line[1024];
	FILE *f;

	if (!b->answers)
		return;
	f = fopen(b->answers, "re");
	if (f && fgets(line, sizeof(line), f) && !strncmp(line, b->key, strlen(b->key))) {
		while (fgets(line, sizeof(line), f) && read_answer(b, line))
			;
		fclose(f);
		fprintf(stderr, "density: %u of %u are in %s\n", b->done, b->tasks, b->answers);
		return;
	}
	if (f)
		fclose(f);
	f = fopen(b->answers, "we");
	if (!f || fprintf(f, "%s\n", b->key) < 0 || fclose(f))
		die(b->answers, errno);
}

static void put_answer(struct bench *b, const struct verdict *a)
{
	const struct task *t = &b->task[a->task];
	FILE *f;

	b->answer[a->task] = *a;
	b->answered[a->task] = true;
	b->done++;
	if (!b->answers)
		return;
	f = fopen(b->answers, "ae");
	if (!f)
		die(b->answers, errno);
	fprintf(f, "%u %u %u %u %llu %d %.1f", t->host, t->min, t->shape, t->cache,
		(unsigned long long)t->seed, a->sold, a->seconds);
	for (int who = 0; who < CONTENDERS; who++)
		fprintf(f, " %d %.0f", a->guests[who], a->provisioned[who]);
	fprintf(f, " .\n");
	if (fclose(f))
		die(b->answers, errno);
}

static void collect(struct bench *b, int answers)
{
	struct timespec now;
	struct verdict a;
	int status;

	if (read(answers, &a, sizeof(a)) != sizeof(a)) {
		fprintf(stderr, "density: a process ended without an answer\n");
		exit(1);
	}
	if (wait(&status) < 0 || status) {
		fprintf(stderr, "density: a process failed\n");
		exit(1);
	}
	put_answer(b, &a);
	clock_gettime(CLOCK_MONOTONIC, &now);
	fprintf(stderr,
		"density: %u of %u after %.0f s: %4.0f GiB, min %2.0f %%, %-6s, cache %-4s, seed %llu: static %d, pve %d, dynmem %d, oracle %d (%.0f s)\n",
		b->done, b->tasks, (double)(now.tv_sec - b->since.tv_sec),
		density_hosts[b->task[a.task].host], 100 * density_mins[b->task[a.task].min],
		sim_shape_name(b->task[a.task].shape), sim_cache_name(b->task[a.task].cache),
		(unsigned long long)b->task[a.task].seed, a.guests[STATIC], a.guests[PVE],
		a.guests[DYNMEM], a.guests[ORACLE], a.seconds);
}

static void run_tasks(struct bench *b)
{
	unsigned int next = 0;
	int answers[2], running = 0;

	if (pipe2(answers, O_CLOEXEC) < 0)
		die("pipe", errno);
	clock_gettime(CLOCK_MONOTONIC, &b->since);
	while (b->done < b->tasks) {
		for (; running < b->jobs && next < b->tasks; next++) {
			if (b->answered[next])
				continue;
			start(b, next, answers[1]);
			running++;
		}
		collect(b, answers[0]);
		running--;
	}
	close(answers[0]);
	close(answers[1]);
}

static int usage(void)
{
	fprintf(stderr,
		"Usage: density [--part first|second] [--seeds N] [--jobs N] [--largest GIB] [--answers FILE] --out FILE [TRACE...]\n");
	return 2;
}

static int read_options(struct bench *b, int argc, char **argv)
{
	static const struct option options[] = {
		{ "part", required_argument, NULL, 'p' },
		{ "seeds", required_argument, NULL, 's' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "largest", required_argument, NULL, 'l' },
		{ "out", required_argument, NULL, 'o' },
		{ "answers", required_argument, NULL, 'a' },
		{ 0 },
	};
	int opt;

	b->seeds = 6;
	b->largest = density_hosts[HOSTS - 1];
	b->jobs = (int)sysconf(_SC_NPROCESSORS_ONLN);
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'p':
			b->first_part = !strcmp(optarg, "first");
			break;
		case 's':
			b->seeds = (int)strtol(optarg, NULL, 10);
			break;
		case 'j':
			b->jobs = (int)strtol(optarg, NULL, 10);
			break;
		case 'l':
			b->largest = strtod(optarg, NULL);
			break;
		case 'o':
			b->out = optarg;
			break;
		case 'a':
			b->answers = optarg;
			break;
		default:
			return usage();
		}
	}
	if (!b->out || b->seeds < 1 || b->seeds > 20 || b->jobs < 1 ||
	    !(b->largest >= density_hosts[0]))
		return usage();
	return 0;
}

static void load(struct bench *b, char **path)
{
	struct sim_problem p;
	int err;

	if (!*path && sim_trace_generate(&b->trace, 100, 7 * INT64_C(86400), 1))
		die("generator", ENOMEM);
	for (; *path; path++) {
		/* Real sets have bad rows; their number is reported. */
		err = sim_trace_load(&b->trace, *path, true, &p);
		if (err == -EBADMSG) {
			fprintf(stderr, "density: %s:%lu:%lu: %s\n", p.file, p.line, p.column,
				p.text);
			exit(1);
		}
		if (err)
			die(*path, -err);
	}
	if (b->trace.skipped || b->trace.skipped_files)
		fprintf(stderr,
			"density: skipped %lu rows and %lu files or machines; the first: %s:%lu: %s\n",
			b->trace.skipped, b->trace.skipped_files, b->trace.first.file,
			b->trace.first.line, b->trace.first.text);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct json_object *obj;
	const char *text;
	FILE *f;

	if (read_options(&b, argc, argv))
		return 2;
	load(&b, argv + optind);
	add_tasks(&b);
	set_key(&b, argv + optind);
	read_answers(&b);
	run_tasks(&b);
	obj = density_report(&b);
	f = fopen(b.out, "we");
	if (!f)
		die(b.out, errno);
	text = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN);
	if (fprintf(f, "%s\n", text) < 0 || fclose(f))
		die(b.out, errno);
	printf("%s\n", text);
	json_object_put(obj);
	sim_trace_clear(&b.trace);
	return 0;
}
