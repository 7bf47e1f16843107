// SPDX-License-Identifier: GPL-2.0
/*
 * What dynmem costs while there is nothing to do for it: the module, not
 * loaded, loaded and listened to, by turns, under loops that fault pages in or
 * reclaim them; and the daemon, with all guests at their max.
 *
 * Made for a machine whose clock counts instructions (lab run --icount): a
 * nanosecond is one instruction of its only processor, so that the machine
 * underneath may be as busy as it likes.
 *
 * usage: idle DYNMEMD RUNS >LINES	DYNMEM_KO names the module
 *
 * Prints lines "what state value".
 */
#include <dirent.h>

#include <systemd/sd-event.h>

#include <dynmem.h>

#include "check.h"
#include "../netlink/mem.h"
#include "../netlink/module.h"
#include "../unit/fake_qemu.h"

#define FOLDER	 "/tmp/bench-idle"
#define GUESTS	 100
#define WATCH_MS 60000
/* The daemon looks for a system bus, which is not here, after 2, 6, 14, 30, 62 and 126 s. */
#define SETTLE_MS 64000

/* Each a few hundred milliseconds of such a machine's time. */
#define FAULT_BYTES    (64 * MIB)
#define FAULT_ROUNDS   4
#define RECLAIM_WRITES 200

enum module_state { ABSENT, LOADED, LISTENED, STATES };

static const char *const state_names[] = { "absent", "loaded", "listened" };

static struct dynmem *module;

static void say(const char *what, const char *state, uint64_t value)
{
	printf("%s %s %llu\n", what, state, (unsigned long long)value);
	fflush(stdout);
}

/*
 * The module
 */

static void leave_state(void)
{
	dynmem_close(module);
	module = NULL;
	if (access("/sys/module/dynmem", F_OK) == 0)
		check("unload", module_unload_patiently());
}

static void enter_state(enum module_state state)
{
	struct dynmem_pressure p;

	leave_state();
	if (state == ABSENT)
		return;
	check("load", module_load(""));
	check("open", dynmem_open(&module, DYNMEM_OPEN_NO_LOAD));
	if (state == LISTENED)
		check("subscribe", dynmem_subscribe(module, DYNMEM_GROUP_PRESSURE));
	check("pressure-get", dynmem_get_pressure(module, &p));
}

/* The module's thread, 0 if there is none. */
static pid_t module_thread(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	pid_t pid = 0;

	while (d && !pid && (e = readdir(d))) {
		char path[300];
		const char *comm;

		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		comm = atoi(e->d_name) > 0 ? slurp(path) : NULL;
		if (comm && !strcmp(comm, "dynmem\n"))
			pid = atoi(e->d_name);
	}
	if (d)
		closedir(d);
	return pid;
}

/* ns on a CPU */
static uint64_t run_time(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	return strtoull(slurp(path) ?: "0", NULL, 10);
}

/*
 * Loops
 */

/* Writes that ask an empty cgroup for memory: little else but the probes. */
static void loop_probes(void)
{
	for (int i = 0; i < RECLAIM_WRITES; i++)
		cgroup_write("bench-empty", "memory.reclaim", "4096");
}

static void loop_faults(void)
{
	for (int i = 0; i < FAULT_ROUNDS; i++) {
		char *p = mmap(NULL, FAULT_BYTES, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			die("mmap", -errno);
		madvise(p, FAULT_BYTES, MADV_NOHUGEPAGE);
		for (size_t n = 0; n < FAULT_BYTES; n += 4096)
			p[n] = 1;
		munmap(p, FAULT_BYTES);
	}
}

/* Into the host's swap, and back. */
static void loop_reclaim(void)
{
	struct eater e = { 0 };

	check("fork", eater_start(&e));
	eat(&e, pressing_bytes());
	eater_stop(&e);
}

static const struct loop {
	const char *name;
	void (*run)(void);
} loops[] = {
	{ "probes", loop_probes },
	{ "faults", loop_faults },
	{ "reclaim", loop_reclaim },
};

static void measure(const struct loop *l, enum module_state state)
{
	struct dynmem_pressure before = { 0 }, after = { 0 };
	pid_t thread = module_thread();
	char what[64];
	uint64_t start, ran = thread ? run_time(thread) : 0;

	if (module)
		check("pressure-get", dynmem_get_pressure(module, &before));
	start = now_ns();
	l->run();
	say(l->name, state_names[state], now_ns() - start);
	if (!module)
		return;
	check("pressure-get", dynmem_get_pressure(module, &after));
	snprintf(what, sizeof(what), "%s-pairs", l->name);
	say(what, state_names[state],
	    after.stalls + after.memcg_stalls + after.huge_stalls - before.stalls -
		    before.memcg_stalls - before.huge_stalls);
	snprintf(what, sizeof(what), "%s-thread", l->name);
	say(what, state_names[state], run_time(thread) - ran);
}

static void drain_events(void)
{
	struct dynmem_event ev;

	while (module && dynmem_next_event(module, &ev) > 0)
		;
}

static void measure_module(int runs)
{
	if (!cgroup_make("bench-empty"))
		die("cgroup", -errno);
	for (int i = 0; i < runs; i++) {
		for (int state = ABSENT; state < STATES; state++) {
			enter_state(state);
			for (size_t k = 0; k < ARRAY_LEN(loops); k++) {
				sleep_ms(200);
				measure(&loops[k], state);
				drain_events();
			}
		}
	}
	cgroup_remove("bench-empty");
}

/*
 * Wake-ups
 */

static uint64_t switches_of(const char *path)
{
	long long n = number_of(path, "voluntary_ctxt_switches");

	return n < 0 ? 0 : (uint64_t)n;
}

/* By all threads of a process. */
static uint64_t wakeups(pid_t pid)
{
	char path[300];
	struct dirent *e;
	uint64_t n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, e->d_name);
		n += switches_of(path);
	}
	if (d)
		closedir(d);
	return n;
}

static void watch_module(void)
{
	uint64_t before;
	pid_t thread;

	enter_state(LOADED);
	thread = module_thread();
	if (!thread)
		die("the module's thread", -ESRCH);
	sleep_ms(2000);
	before = wakeups(thread);
	sleep_ms(WATCH_MS);
	say("module-wakeups", "loaded", wakeups(thread) - before);
}

/*
 * The daemon
 */

static void play_ms(sd_event *event, unsigned int ms)
{
	uint64_t end = now_ns() + ms * NSEC_PER_MSEC, now;

	while ((now = now_ns()) < end)
		check("event loop", sd_event_run(event, (end - now) / 1000));
}

static void make_guests(sd_event *event)
{
	static struct fake_qemu guests[GUESTS];
	static char names[GUESTS][16];
	char path[108];

	for (int i = 0; i < GUESTS; i++) {
		snprintf(names[i], sizeof(names[i]), "guest%d", i);
		snprintf(path, sizeof(path), FOLDER "/qmp/guest%d.sock", i);
		guests[i] = (struct fake_qemu){
			.name = names[i],
			.memory = 64 * MIB,
			.total = 60 * MIB,
			.available = 30 * MIB,
			.free = 20 * MIB,
			.last_update = 1,
		};
		if (fake_start(&guests[i], event, path) < 0)
			die(path, -errno);
	}
}

static pid_t start_daemon(const char *dynmemd)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork", -errno);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen(FOLDER "/log", "a", stderr))
		_exit(1);
	execl(dynmemd, "dynmemd", "--config=" FOLDER "/conf", NULL);
	_exit(1);
}

static void configure_daemon(void)
{
	FILE *f;

	if (system("rm -rf " FOLDER " && mkdir -p " FOLDER "/qmp") != 0)
		exit(1);
	f = fopen(FOLDER "/conf", "w");
	if (!f)
		die(FOLDER "/conf", -errno);
	fputs("[daemon]\nmode = manage\nsource = genl\n[backend qmp]\npath = " FOLDER "/qmp\n", f);
	fclose(f);
}

static void watch_daemon(const char *dynmemd)
{
	uint64_t before, heard;
	char status[64];
	pid_t pid, thread;
	sd_event *event;

	enter_state(LOADED);
	thread = module_thread();
	configure_daemon();
	check("event loop", sd_event_new(&event));
	make_guests(event);
	pid = start_daemon(dynmemd);
	/* Found, asked once, and at rest: then it waits for an event. */
	play_ms(event, SETTLE_MS);
	before = wakeups(pid);
	heard = wakeups(thread);
	play_ms(event, WATCH_MS);
	say("daemon-wakeups", "idle", wakeups(pid) - before);
	say("module-wakeups", "heard-by-daemon", wakeups(thread) - heard);
	snprintf(status, sizeof(status), "/proc/%d/status", pid);
	say("daemon-rss", "idle", (uint64_t)number_of(status, "VmRSS") * KIB);
	say("daemon-locked", "idle", (uint64_t)number_of(status, "VmLck") * KIB);
	say("daemon-guests", "idle", GUESTS);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	int runs = argc == 3 ? atoi(argv[2]) : 0;

	if (runs <= 0) {
		fprintf(stderr, "usage: idle DYNMEMD RUNS\n");
		return 2;
	}
	measure_module(runs);
	watch_module();
	watch_daemon(argv[1]);
	leave_state();
	return 0;
}
