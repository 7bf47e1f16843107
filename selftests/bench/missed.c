// SPDX-License-Identifier: GPL-2.0
/*
 * Is a stall missed? The module's cumulative counters against ftrace's record
 * of the same tracepoints, over real pressings; and a listener that sleeps
 * through all of it, so that its socket overruns.
 *
 * usage: missed STALLS >LINES	presses until there were so many stalls
 *
 * Prints lines "what who value", the same thing as seen by ftrace, by the
 * module, and by the listener after its sleep.
 */
#include <dynmem.h>

#include "check.h"
#include "../netlink/ftrace.h"

#define MINUTES 5

/* What is counted, by whoever counts. */
struct count {
	uint64_t begun, ended, pages, ns;
};

static struct dynmem *module, *sleeper;
static struct eater eaters[3];

/* The module's counters when nobody is in reclaim, and nothing moves. */
static void at_rest(struct dynmem_pressure *p)
{
	uint64_t before, end = now_ns() + 60 * NSEC_PER_SEC;

	check("pressure-get", dynmem_get_pressure(module, p));
	do {
		if (now_ns() > end)
			die("stalls do not end", -ETIMEDOUT);
		before = p->stalls + p->huge_stalls;
		sleep_ms(500);
		check("pressure-get", dynmem_get_pressure(module, p));
	} while (p->stalled || p->stalls + p->huge_stalls != before);
}

static void press(void)
{
	uint64_t bytes = pressing_bytes();

	for (size_t i = 0; i < ARRAY_LEN(eaters); i++)
		eater_order(&eaters[i], bytes / ARRAY_LEN(eaters), EAT_SMALL);
	for (size_t i = 0; i < ARRAY_LEN(eaters); i++)
		eater_done(&eaters[i]);
	for (size_t i = 0; i < ARRAY_LEN(eaters); i++)
		eater_order(&eaters[i], 0, EAT_DROP);
	for (size_t i = 0; i < ARRAY_LEN(eaters); i++)
		eater_done(&eaters[i]);
}

/* The task that a line is about: the PID behind the last '-' before " [". */
static int task_of(const char *line, const char *event)
{
	const char *cpu = strstr(line, " [");

	while (cpu && cpu > line && cpu[-1] == ' ')
		cpu--;
	while (cpu && cpu > line && cpu[-1] != '-')
		cpu--;
	return cpu && cpu < event ? atoi(cpu) : -1;
}

static void count_line(struct count *c, const char *line)
{
	static const char began[] = ": mm_vmscan_direct_reclaim_begin:",
			  ended[] = ": mm_vmscan_direct_reclaim_end:";
	static uint64_t since[1 << 16];
	const char *event = strstr(line, began), *n;
	int task;

	if (event) {
		task = task_of(line, event);
		c->begun++;
		since[task & 0xffff] = ftrace_time(line, event);
		return;
	}
	event = strstr(line, ended);
	n = event ? strstr(event, "nr_reclaimed=") : NULL;
	if (!n)
		return;
	task = task_of(line, event);
	c->ended++;
	c->pages += strtoull(strchr(n, '=') + 1, NULL, 10);
	c->ns += ftrace_time(line, event) - since[task & 0xffff];
}

static void count_trace(struct count *c)
{
	FILE *f = fopen(FTRACE "trace", "r");
	char line[512];

	if (!f)
		die("trace", -errno);
	while (fgets(line, sizeof(line), f))
		count_line(c, line);
	fclose(f);
}

/* A record that lost lines would count too few. */
static void check_record(void)
{
	char path[256];

	for (long cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); cpu++) {
		snprintf(path, sizeof(path), FTRACE "per_cpu/cpu%ld/stats", cpu);
		if (number_of(path, "overrun") != 0)
			die("ftrace's buffer is too small", -EOVERFLOW);
	}
}

static void configure(void)
{
	struct dynmem_config config = {
		.present = dynmem_bit(DYNMEM_A_CONFIG_MIN_INTERVAL),
	};
	int small = 16384;

	/* The library's takes some thousands of events. */
	if (setsockopt(dynmem_fd(sleeper), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) < 0)
		die("socket", -errno);
	/* As many events as there can be. */
	check("config-set", dynmem_set_config(module, &config));
}

/* Wakes up, and hears what there is: its state when nothing more comes. */
static void wake_up(struct dynmem_pressure *last, uint64_t *heard, uint64_t *lost,
		    uint64_t *overruns)
{
	struct dynmem_event ev;
	int r;

	*heard = *lost = *overruns = 0;
	while ((r = dynmem_next_event(sleeper, &ev)) != 0) {
		check("event", r);
		if (ev.type == DYNMEM_EVENT_OVERRUN)
			(*overruns)++;
		if (ev.type != DYNMEM_EVENT_PRESSURE)
			continue;
		*heard += ev.pressure.event != 0;
		*lost += ev.lost;
		*last = ev.pressure;
	}
}

static void say(const char *what, const char *who, uint64_t value)
{
	printf("%s %s %llu\n", what, who, (unsigned long long)value);
}

int main(int argc, char **argv)
{
	uint64_t enough = argc == 2 ? strtoull(argv[1], NULL, 10) : 0, end;
	uint64_t heard, lost, overruns;
	struct dynmem_pressure before, after, last = { 0 };
	struct count c = { 0 };

	if (!enough) {
		fprintf(stderr, "usage: missed STALLS\n");
		return 2;
	}
	check("the module", dynmem_open(&module, 0));
	check("the module", dynmem_open(&sleeper, 0));
	configure();
	for (size_t i = 0; i < ARRAY_LEN(eaters); i++)
		check("fork", eater_start(&eaters[i]));
	check("subscribe", dynmem_subscribe(sleeper, DYNMEM_GROUP_PRESSURE));
	at_rest(&before);
	wake_up(&last, &heard, &lost, &overruns);
	check("ftrace", ftrace_on());
	check("ftrace", spit(FTRACE_RECLAIM "begin/filter", "0"));
	check("ftrace", spit(FTRACE "buffer_size_kb", "16384"));
	check("ftrace", spit(FTRACE_RECLAIM "end/enable", "1"));
	at_rest(&before);

	end = now_ns() + MINUTES * 60 * NSEC_PER_SEC;
	do {
		press();
		at_rest(&after);
	} while (after.stalls - before.stalls < enough && now_ns() < end);
	check("ftrace", spit(FTRACE "tracing_on", "0"));
	for (size_t i = 0; i < ARRAY_LEN(eaters); i++)
		eater_stop(&eaters[i]);
	check_record();
	count_trace(&c);
	ftrace_off();
	wake_up(&last, &heard, &lost, &overruns);

	say("begun", "ftrace", c.begun);
	say("ended", "ftrace", c.ended);
	say("reclaimed", "ftrace", c.pages * (uint64_t)sysconf(_SC_PAGESIZE));
	say("stall-time", "ftrace", c.ns);
	say("begun", "module",
	    after.stalls + after.huge_stalls - before.stalls - before.huge_stalls);
	say("reclaimed", "module", after.reclaimed - before.reclaimed);
	say("stall-time", "module",
	    after.stall_time + after.huge_stall_time - before.stall_time - before.huge_stall_time);
	say("untimed", "module", after.untimed_stalls - before.untimed_stalls);
	say("begun", "listener",
	    last.stalls + last.huge_stalls - before.stalls - before.huge_stalls);
	say("reclaimed", "listener", last.reclaimed - before.reclaimed);
	say("overruns", "listener", overruns);
	say("heard", "listener", heard);
	say("lost", "listener", lost);
	say("sent", "module", last.head.seq - before.head.seq);
	return 0;
}
