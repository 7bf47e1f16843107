// SPDX-License-Identifier: GPL-2.0
/*
 * How long the host's need waits for its answer:
 *
 *	available	from when memory available crosses level medium's
 *			threshold to the last byte of the command "balloon" at a
 *			guest's monitor
 *	stall		from when a task goes into direct reclaim, for the first
 *			time, to when the daemon has read the host's memory,
 *			found less than level medium's threshold, and decided;
 *			thresholds of available memory are off for everybody, so
 *			that only the stall can wake it
 *
 * dynmemd with the module's events (genl), the same under SCHED_FIFO (genl-fifo), and
 * dynmemd with PSI triggers (procfs) take turns, each trial with a daemon of its own, so that none inherits what another
 * has learned. Through all of it runs a loop that polls every 10 s, as managers
 * without events do; it gets no events and counts direct reclaims itself.
 *
 * What is measured is the host's way, from the kernel to the daemon's decision or
 * to the monitor's socket. The daemon's log has the time of the decision. This
 * program plays the monitor, and is the guest's process, which holds what the
 * guest has touched.
 *
 * ftrace says when a stall began; when memory crossed the threshold, who ate it:
 * the last sample of /proc/meminfo that was above. The module has no part in
 * either.
 *
 * usage: reaction DYNMEMD PSI_TRIGGER.so TRIALS >LINES
 *
 * Prints a line a trial: what, who, ns from cause to answer ("-": there was
 * none within the time), ns of CLOCK_MONOTONIC of the cause; and a line
 * "loop-command", ns, for each command of the loop.
 */
#include <sched.h>
#include <sys/resource.h>

#include <systemd/sd-event.h>

#include <dynmem.h>

#include "check.h"
#include "poll_loop.h"
#include "../netlink/ftrace.h"
#include "../unit/fake_qemu.h"

#define FOLDER "/tmp/bench-reaction"
#define GUEST  (160 * MIB)

/* A guest reports, and its first commands, if any, are over. */
#define SETTLE_MS 700
/* Nobody who gets an event takes longer. */
#define PATIENCE (8 * NSEC_PER_SEC)
/* Swapping in and reading back what a pressing drove out is a stall for PSI. */
#define TRIES 5
/* Between two trials, beside what it takes to be free of pressure. */
#define QUIET_MS    300
#define LOOP_PERIOD (10 * NSEC_PER_SEC)

struct contender {
	const char *name, *source;
	bool psi_at_its_best;
	bool realtime; /* by a drop-in of its unit, see Documentation/operation.rst */
};

static const struct contender contenders[] = {
	{ .name = "genl", .source = "genl" },
	{ .name = "genl-fifo", .source = "genl", .realtime = true },
	{ .name = "procfs", .source = "procfs", .psi_at_its_best = true },
};

/* What a trial is about. */
struct cause {
	const char *name;
	const char *policy;   /* lines of [policy] */
	uint64_t available;   /* in the guest */
	int (*prepare)(void); /* may be NULL */
	int (*press)(void);
	uint64_t (*began)(void);
	void (*release)(void);
	/* Becomes more than 0, and says when, with the answer. */
	const unsigned int *answers;
	const uint64_t *answered_at;
};

/* Shared with the child that eats. */
static struct {
	uint64_t threshold; /* bytes */
	uint64_t crossed;   /* ns */
} * shared;

static struct {
	const char *dynmemd, *psi_trigger;
	sd_event *event;
	struct dynmem *module;
	struct dynmem_config defaults;
	uint64_t rest; /* bytes available before the first trial */
	struct fake_qemu guest, loop_guest;
	pid_t daemon, loop, crosser;
	FILE *daemon_log, *log_copy;
	unsigned int shortages; /* samples after a stall that were below the threshold */
	uint64_t shortage_at;
	struct eater eaters[3];
	char *guest_memory;
} w;

/* Plays the monitors until the time or, if that is not NULL, *what is not 0. */
static bool play(const unsigned int *what, uint64_t until)
{
	while (!what || !*what) {
		uint64_t now = now_ns();

		if (now >= until)
			return false;
		check("event loop", sd_event_run(w.event, (until - now) / 1000));
	}
	return true;
}

static void play_ms(unsigned int ms)
{
	play(NULL, now_ns() + ms * NSEC_PER_MSEC);
}

/*
 * Causes
 */

/* Eats until there is no more than three quarters of the threshold. */
_Noreturn static void cross(void)
{
	const uint64_t bite = 512 * KIB;
	uint64_t available, above = now_ns();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
	for (;;) {
		uint64_t before = now_ns();
		char *p;

		available = meminfo("MemAvailable");
		if (available >= shared->threshold)
			above = before;
		else if (!shared->crossed)
			shared->crossed = above;
		if (available < shared->threshold / 4 * 3)
			break;
		p = mmap(NULL, bite, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			_exit(1);
		eat_touch(p, bite);
	}
	for (;;)
		pause();
}

/*
 * What is eaten is to be missing at once. With a large page cache the kernel
 * would swap before so little is available.
 */
static int prepare_available(void)
{
	return spit("/proc/sys/vm/drop_caches", "1");
}

static int press_available(void)
{
	shared->crossed = 0;
	w.crosser = fork();
	if (w.crosser == 0)
		cross();
	return w.crosser < 0 ? -errno : 0;
}

static uint64_t began_available(void)
{
	return shared->crossed;
}

static void release_available(void)
{
	kill(w.crosser, SIGKILL);
	waitpid(w.crosser, NULL, 0);
}

/* By three at a time, which is faster than kswapd is. */
static int press_stall(void)
{
	uint64_t bytes = pressing_bytes();
	int r = ftrace_on();

	for (size_t i = 0; i < ARRAY_LEN(w.eaters) && r == 0; i++)
		r = eater_start(&w.eaters[i]);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(w.eaters); i++) {
		sched_setscheduler(w.eaters[i].pid, SCHED_OTHER, &(struct sched_param){ 0 });
		eater_order(&w.eaters[i], bytes / ARRAY_LEN(w.eaters), EAT_SMALL);
	}
	return 0;
}

static uint64_t began_stall(void)
{
	return ftrace_first_stall();
}

static void release_stall(void)
{
	for (size_t i = 0; i < ARRAY_LEN(w.eaters); i++)
		eater_stop(&w.eaters[i]);
	ftrace_off();
}

/*
 * With background shrinking off the first command is the answer to the cause,
 * not one that was under way. Hosts of this size would keep less in reserve
 * than larger ones do, and find at level medium that they lack nothing.
 */
#define POLICY "shrink_none = 0\nshrink_low = 0\nreserve_factor_min = 4\n"

/*
 * Nothing in the guest is to spare, or it would be taken at level low; so the
 * host has to lack what it keeps even from guests under pressure.
 */
static const struct cause available = {
	.name = "available",
	.policy = POLICY "room_min_share = 1\nreserve_pressed = 4\n",
	.available = 16 * MIB,
	.prepare = prepare_available,
	.press = press_available,
	.began = began_available,
	.release = release_available,
	.answers = &w.guest.balloons,
	.answered_at = &w.guest.told_at,
};

static const struct cause stall = {
	.name = "stall",
	.policy = POLICY "level_low = 0\nlevel_medium = 0\nlevel_critical = 0\n",
	.available = 100 * MIB,
	.press = press_stall,
	.began = began_stall,
	.release = release_stall,
	.answers = &w.shortages,
	.answered_at = &w.shortage_at,
};

/*
 * What the module is to report. As PSI's, its share of stalls is the most
 * sensitive that it has: 0.1 ms in 100 ms.
 */
static void set_module(const struct cause *c)
{
	struct dynmem_config config = w.defaults;

	config.hold = 200 * NSEC_PER_MSEC;
	if (c == &stall) {
		config.threshold_low = 0;
		config.threshold_medium = 0;
		config.threshold_critical = 0;
		config.stall_low = 1;
		config.stall_medium = 1;
		config.stall_critical = 1;
		config.refault_cost = 0;
		config.window = 100 * NSEC_PER_MSEC;
		config.min_interval = NSEC_PER_MSEC / 10;
	}
	check("config-set", dynmem_set_config(w.module, &config));
}

/*
 * The daemon
 */

/*
 * "dynmemd: [71.204518] pressure: stall, level medium (engine: none), 21.3 MiB
 * available": the time is CLOCK_MONOTONIC, of when the daemon wrote it.
 */
static void take_log_line(const char *line)
{
	const char *event = strstr(line, "pressure: stall, ");
	const char *memory = event ? strstr(event, "), ") : NULL;
	unsigned long long s, us;
	double mib;

	if (!event)
		return;
	if (sscanf(line, "dynmemd: [%llu.%llu]", &s, &us) != 2 || !memory ||
	    sscanf(memory, "), %lf MiB available", &mib) != 1) {
		fprintf(stderr, "reaction: this line of dynmemd is not known: %s", line);
		exit(1);
	}
	if (mib >= (double)shared->threshold / MIB)
		return;
	if (!w.shortages++)
		w.shortage_at = s * NSEC_PER_SEC + us * 1000;
}

static int on_log(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	char line[1024];

	(void)fd;
	(void)revents;
	(void)userdata;
	while (fgets(line, sizeof(line), w.daemon_log)) {
		take_log_line(line);
		fputs(line, w.log_copy);
	}
	if (feof(w.daemon_log))
		return sd_event_source_set_enabled(s, SD_EVENT_OFF);
	clearerr(w.daemon_log);
	return 0;
}

static void watch_log(int fd)
{
	if (w.daemon_log)
		fclose(w.daemon_log);
	w.daemon_log = fdopen(fd, "r");
	if (!w.daemon_log || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		die("dynmemd's log", -errno);
	check("dynmemd's log", sd_event_add_io(w.event, NULL, fd, EPOLLIN, on_log, NULL));
}

static void start_daemon(const struct cause *c, const struct contender *who)
{
	FILE *f = fopen(FOLDER "/conf", "w");
	int log[2];

	if (!f || pipe2(log, O_CLOEXEC) < 0)
		die(FOLDER "/conf", -errno);
	fprintf(f,
		"[daemon]\nmode = manage\nsource = %s\nstate = " FOLDER
		"/state\n[backend qmp]\npath = " FOLDER "/qmp\n[policy]\n%s",
		who->source, c->policy);
	fclose(f);
	unlink(FOLDER "/state");
	w.daemon = fork();
	if (w.daemon < 0)
		die("fork", -errno);
	if (w.daemon > 0) {
		close(log[1]);
		watch_log(log[0]);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!who->realtime)
		sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
	setpriority(PRIO_PROCESS, 0, -10); /* as its unit has it */
	if (who->psi_at_its_best)
		setenv("LD_PRELOAD", w.psi_trigger, 1);
	if (dup2(log[1], STDERR_FILENO) < 0)
		_exit(1);
	execl(w.dynmemd, "dynmemd", "--config=" FOLDER "/conf", "--verbose", NULL);
	_exit(1);
}

static void stop_daemon(void)
{
	int status;

	kill(w.daemon, SIGTERM);
	while (waitpid(w.daemon, &status, WNOHANG) == 0)
		play_ms(10);
	if (status != 0) {
		fprintf(stderr, "reaction: dynmemd ended with status %#x: see its log\n", status);
		exit(1);
	}
}

/* Has reported, so that there is something to decide on, and does nothing. */
static bool daemon_rests(void)
{
	w.guest.balloons = 0;
	w.guest.polls = 0;
	if (!play(&w.guest.polls, now_ns() + 20 * NSEC_PER_SEC)) {
		fprintf(stderr, "reaction: dynmemd did not ask the guest\n");
		exit(1);
	}
	play_ms(SETTLE_MS);
	return !w.guest.balloons;
}

/* Until memory is there again and nobody has a reason to act. */
static void wait_for_rest(void)
{
	uint64_t end = now_ns() + 60 * NSEC_PER_SEC;
	struct dynmem_pressure p;

	for (;;) {
		play_ms(QUIET_MS);
		check("pressure-get", dynmem_get_pressure(w.module, &p));
		if (p.level == DYNMEM_LEVEL_NONE && p.available > w.rest - w.rest / 8)
			return;
		if (now_ns() > end) {
			fprintf(stderr,
				"reaction: the host does not come to rest: level %u, %llu of %llu bytes available\n",
				p.level, (unsigned long long)p.available,
				(unsigned long long)w.rest);
			exit(1);
		}
	}
}

static void start_at_rest(const struct cause *c, const struct contender *who)
{
	for (int i = 0; i < TRIES; i++) {
		start_daemon(c, who);
		if (daemon_rests())
			return;
		stop_daemon();
		wait_for_rest();
	}
	fprintf(stderr, "reaction: %s does not come to rest\n", who->name);
	exit(1);
}

/* A pressing may have swapped it out. */
static void touch_guest_memory(void)
{
	memset(w.guest_memory, 1, GUEST);
}

static void trial(const struct cause *c, const struct contender *who)
{
	uint64_t began, until;
	bool answered;

	set_module(c);
	if (c->prepare)
		check("preparing", c->prepare());
	touch_guest_memory();
	wait_for_rest();
	w.guest.available = c->available;
	w.guest.free = c->available - 6 * MIB;
	start_at_rest(c, who);
	w.shortages = 0;
	until = now_ns() + PATIENCE;
	check("pressing", c->press());
	answered = play(c->answers, until);
	began = c->began();
	c->release();
	if (!answered || !began)
		printf("%s %s - %llu\n", c->name, who->name, (unsigned long long)began);
	else
		printf("%s %s %lld %llu\n", c->name, who->name,
		       (long long)(*c->answered_at - began), (unsigned long long)began);
	fflush(stdout);
	stop_daemon();
}

/*
 * The loop
 */

static void report_loop(void)
{
	static uint64_t last;

	if (w.loop_guest.told_at != last)
		printf("loop-command %llu\n", (unsigned long long)w.loop_guest.told_at);
	last = w.loop_guest.told_at;
}

static int on_loop_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)userdata;
	report_loop();
	return sd_event_source_set_time(s, usec + 1000000);
}

static void watch_loop(void)
{
	sd_event_source *s;

	check("timer", sd_event_add_time_relative(w.event, &s, CLOCK_MONOTONIC, 0, 1000,
						  on_loop_timer, NULL));
	check("timer", sd_event_source_set_enabled(s, SD_EVENT_ON));
}

/*
 * The world
 */

/* So that no daemon has to wait for its own pages after a pressing. */
static void map_daemon(void)
{
	int fd = open(w.dynmemd, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 ||
	    mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		die(w.dynmemd, -errno);
	close(fd);
}

/*
 * What the guest has touched is this process's. It is not locked, or the daemon would
 * rightly take it for memory that no balloon frees.
 */
static void map_guest_memory(void)
{
	if (mlockall(MCL_CURRENT) < 0)
		die("mlockall", -errno);
	w.guest_memory =
		mmap(NULL, GUEST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w.guest_memory == MAP_FAILED || madvise(w.guest_memory, GUEST, MADV_DONTFORK) < 0)
		die("guest's memory", -errno);
	touch_guest_memory();
}

static void make_guest(struct fake_qemu *g, const char *name, const char *path)
{
	*g = (struct fake_qemu){
		.name = name,
		.memory = GUEST,
		.total = GUEST - 10 * MIB,
		.last_update = 1,
	};
	if (fake_start(g, w.event, path) < 0)
		die(path, -errno);
}

static void make_world(void)
{
	struct dynmem_pressure p;

	if (system("rm -rf " FOLDER " && mkdir -p " FOLDER "/qmp") != 0)
		exit(1);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap", -errno);
	check("the module", dynmem_open(&w.module, 0));
	check("config-get", dynmem_get_config(w.module, &w.defaults));
	shared->threshold = w.defaults.threshold_medium;
	check("event loop", sd_event_new(&w.event));
	if (getenv("LAB_DIR") && chdir(getenv("LAB_DIR")) < 0)
		die("LAB_DIR", -errno);
	w.log_copy = fopen("dynmemd.log", "ae");
	if (!w.log_copy)
		die("dynmemd.log", -errno);
	make_guest(&w.guest, "guest", FOLDER "/qmp/guest.sock");
	make_guest(&w.loop_guest, "loop", FOLDER "/loop.sock");
	w.loop = poll_loop_start(FOLDER "/loop.sock", LOOP_PERIOD);
	check("polling loop", w.loop);
	watch_loop();
	map_daemon();
	map_guest_memory();
	/* As one listens who has to take the time. */
	check("scheduler",
	      sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ 1 }) < 0 ? -errno : 0);
	check("pressure-get", dynmem_get_pressure(w.module, &p));
	w.rest = p.available;
	fprintf(stderr, "reaction: %llu MiB of %llu available, medium below %llu MiB\n",
		(unsigned long long)(p.available / MIB), (unsigned long long)(p.total / MIB),
		(unsigned long long)(shared->threshold / MIB));
}

int main(int argc, char **argv)
{
	static const struct cause *const causes[] = { &stall, &available };
	int trials = argc == 4 ? atoi(argv[3]) : 0;

	if (trials <= 0) {
		fprintf(stderr, "usage: reaction DYNMEMD PSI_TRIGGER.so TRIALS\n");
		return 2;
	}
	w.dynmemd = realpath(argv[1], NULL);
	if (!w.dynmemd)
		die(argv[1], -errno);
	w.psi_trigger = argv[2];
	make_world();
	for (int i = 0; i < trials; i++)
		for (size_t c = 0; c < ARRAY_LEN(causes); c++)
			for (size_t k = 0; k < ARRAY_LEN(contenders); k++)
				trial(causes[c], &contenders[k]);
	/* The loop's answer to the last. */
	play(NULL, now_ns() + LOOP_PERIOD);
	report_loop();
	return 0;
}
