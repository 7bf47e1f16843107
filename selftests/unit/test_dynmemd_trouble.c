// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's parts in trouble: a thousand guests at once, no descriptors, no
 * memory, and a real QEMU that is stopped, hung and killed.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "fake_farm.h"
#include "malloc_watch.h"

/* What is added to the time of day. */
static time_t clock_step;

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, clock, t);

	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		t->tv_sec += clock_step;
	return r;
}

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

static unsigned int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 3; /* ".", ".." and the folder itself */
}

static void set_soft_limit(rlim_t files)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = MIN(files, limit.rlim_max);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static bool has_guests(const struct world *w, size_t n)
{
	return manager_guest_count(w->manager) == n;
}

/* Runs the loop until there are so many guests; returns its longest turn, ms. */
static uint64_t longest_turn(struct world *w, size_t guests, uint64_t limit)
{
	uint64_t start = clock_ms(), longest = 0, before, turn;
	int r;

	while (!has_guests(w, guests) && clock_ms() - start < limit) {
		before = clock_ms();
		r = sd_event_run(w->event, 0);
		assert_true(r >= 0);
		turn = clock_ms() - before;
		longest = MAX(longest, turn);
		if (r == 0)
			usleep(1000);
	}
	return longest;
}

/*
 * A host that boots: all guests at once. None is left out, and at no moment is
 * the loop away for long: an event of pressure would wait as long.
 */
static void test_thousand_at_once(_unused_ void **state)
{
	const unsigned int n = 1000;
	uint64_t start, turn;
	struct rlimit limit;
	struct world w;
	pid_t farm;

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < 8 * n) {
		print_message("so many files may not be opened here\n");
		skip();
	}
	set_soft_limit(limit.rlim_max);
	open_world(&w, "");
	start = clock_ms();
	farm = farm_start(&w, n);
	turn = longest_turn(&w, n, 40000);
	print_message("# %zu guests after %llu ms; longest turn %llu ms\n",
		      manager_guest_count(w.manager), (unsigned long long)(clock_ms() - start),
		      (unsigned long long)turn);
	assert_true(has_guests(&w, n));
	assert_true(turn < 1000);

	/* And all gone at once. */
	farm_kill(farm);
	run_until(&w, 5000, has_guests(&w, 0));
	close_world(&w);
	set_soft_limit(limit.rlim_cur);
}

/* Those that find descriptors are guests; the others once there are more. */
static void test_no_descriptors(_unused_ void **state)
{
	const unsigned int n = 30;
	const struct guest *g;
	struct rlimit limit;
	unsigned int found;
	struct world w;
	pid_t farm;

	getrlimit(RLIMIT_NOFILE, &limit);
	open_world(&w, "");
	farm = farm_start(&w, n);
	set_soft_limit(open_files() + 20);
	run_for(&w, 1000);
	found = manager_guest_count(w.manager);
	assert_in_range(found, 1, n - 1);

	set_soft_limit(limit.rlim_cur);
	run_until(&w, 40000, has_guests(&w, n));
	/* The last one, too, has all that a guest needs. */
	g = manager_guest(w.manager, n - 1);
	assert_true(g->cost.statm >= 0);
	farm_kill(farm);
	run_until(&w, 2000, has_guests(&w, 0));
	close_world(&w);
}

/* A folder that cannot be watched for want of one is watched later. */
static void test_no_descriptor_for_folder(_unused_ void **state)
{
	struct rlimit limit;
	struct world w;
	pid_t farm;

	getrlimit(RLIMIT_NOFILE, &limit);
	open_world(&w, "");
	run_for(&w, 50);
	set_soft_limit(3);
	assert_int_equal(backend_qmp.reload(w.backend, w.config), 0);
	set_soft_limit(limit.rlim_cur);

	farm = farm_start(&w, 3);
	run_for(&w, 500);
	assert_true(has_guests(&w, 0));
	run_until(&w, 4000, has_guests(&w, 3));
	farm_kill(farm);
	run_until(&w, 2000, has_guests(&w, 0));
	close_world(&w);
}

/* Runs the loop for so long; balloons follow their targets. */
static void follow(struct world *w, struct fake_qemu *a, struct fake_qemu *b, unsigned int ms)
{
	for (unsigned int i = 0; i < ms / 50; i++) {
		run_for(w, 50);
		if (a->balloons && a->actual != a->target)
			fake_move(a, a->target);
		if (b->balloons && b->actual != b->target)
			fake_move(b, b->target);
	}
}

/* The clock is set, here and so for QEMU's statistics: nothing moves. */
static void test_clock_steps(_unused_ void **state)
{
	static const time_t steps[] = { 86400, -2 * 86400, 30, 0 };
	struct fake_qemu a = idle_guest("a"), b = idle_guest("b");
	enum policy_class class;
	unsigned int balloons, polls;
	struct world w;

	open_world(&w, "[daemon]\nmode = manage\n");
	a.last_update = b.last_update = time(NULL);
	start_guest(&w, &a, "a.sock");
	start_guest(&w, &b, "b.sock");
	run_until(&w, 5000, has_guests(&w, 2));
	/* They are squeezed, and so watched, when it happens. */
	pressure(&w, POLICY_LEVEL_MEDIUM, 400);
	run_until(&w, 5000, a.balloons && b.balloons);
	for (int i = 0; i < 10; i++) {
		balloons = a.balloons + b.balloons;
		follow(&w, &a, &b, 1500);
		if (a.balloons + b.balloons == balloons)
			break;
	}

	class = info_of(&w, "a").class;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		a.last_update += steps[i] - clock_step;
		b.last_update += steps[i] - clock_step;
		clock_step = steps[i];
		polls = a.polls;
		follow(&w, &a, &b, 1500);
		/* Asked as often as before: neither forgotten nor pestered. */
		assert_in_range(a.polls - polls, 1, 4);
		/* And what they say is news, whatever its date. */
		assert_in_range(manager_find(w.manager, "a")->stale_polls, 0, 1);
		assert_int_equal(info_of(&w, "a").class, class);
	}
	assert_int_equal(a.balloons + b.balloons, balloons);
	fake_stop(&a, false);
	fake_stop(&b, false);
	close_world(&w);
}

/*
 * A real QEMU
 */

/* Started, but not its guest: monitor and balloon are there all the same. */
static pid_t start_qemu(struct world *w, const char *name)
{
	char monitor[160];
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGSEGV, SIG_DFL);
		snprintf(monitor, sizeof(monitor), "unix:%s/%s.sock,server=on,wait=off", w->qmp,
			 name);
		execlp("qemu-system-x86_64", "qemu-system-x86_64", "-name", name, "-machine",
		       "q35,accel=tcg", "-m", "64", "-S", "-nodefaults", "-display", "none",
		       "-device", "virtio-balloon-pci", "-qmp", monitor, NULL);
		_exit(127);
	}
	guest_cost(w, pid, 30);
	return pid;
}

static bool polled(struct guest *g)
{
	return g->ops->poll(g) >= 0;
}

/*
 * Stopped for longer than a reply may take (so many seconds by
 * DYNMEM_TEST_STOP), it answers late or never: the daemon waits for nothing,
 * the other guest does not notice, and late answers are taken for what they
 * are. Killed and started again, it is a guest again.
 */
static void test_real_qemu(_unused_ void **state)
{
	const char *env = getenv("DYNMEM_TEST_STOP");
	unsigned int stop = env ? atoi(env) : 6;
	struct guest *bad, *good;
	uint64_t before;
	struct world w;
	pid_t a, b;

	open_world(&w, "");
	a = start_qemu(&w, "bad");
	b = start_qemu(&w, "good");
	run_until(&w, 60000, has_guests(&w, 2));
	bad = (struct guest *)manager_find(w.manager, "bad");
	good = (struct guest *)manager_find(w.manager, "good");
	assert_true(bad->has_balloon && good->has_balloon);
	assert_int_equal(bad->pid, a);
	/* What else is asked of a new guest has been answered. */
	run_for(&w, 1500);

	assert_int_equal(kill(a, SIGSTOP), 0);
	before = clock_ms();
	assert_true(bad->ops->set_target(bad, 48 * MIB) >= 0);
	assert_true(polled(bad));
	assert_true(clock_ms() - before < 500);
	run_for(&w, stop * 1000);
	/* It owes answers, so it is not asked for more; it is still there. */
	assert_int_equal(bad->ops->poll(bad), -EBUSY);
	assert_ptr_equal(manager_find(w.manager, "bad"), bad);
	assert_true(polled(good));

	assert_int_equal(kill(a, SIGCONT), 0);
	run_until(&w, 5000, polled(bad));
	assert_ptr_equal(manager_find(w.manager, "bad"), bad);

	farm_kill(a);
	run_until(&w, 2000, has_guests(&w, 1));
	assert_ptr_equal(manager_find(w.manager, "good"), good);
	a = start_qemu(&w, "bad");
	run_until(&w, 60000, has_guests(&w, 2));

	/* Stopped and killed. */
	assert_int_equal(kill(a, SIGSTOP), 0);
	farm_kill(a);
	run_until(&w, 2000, has_guests(&w, 1));
	farm_kill(b);
	run_until(&w, 2000, has_guests(&w, 0));
	close_world(&w);
}

#if MALLOC_WATCHED
/*
 * The parser of json-c 0.16 does not survive it; the daemon does not either,
 * then, and is started anew.
 */
struct json_object *json_tokener_parse_ex(struct json_tokener *tok, const char *text, int len)
{
	static struct json_object *(*real)(struct json_tokener * tok, const char *text, int len);
	struct json_object *o;
	bool on = allocations.on;

	allocations.on = false;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "json_tokener_parse_ex");
	o = real(tok, text, len);
	allocations.on = on;
	return o;
}

/* One guest comes and is polled while some allocations fail. */
static unsigned int come_without_memory(struct world *w, unsigned int first, unsigned int n)
{
	const struct source_pressure p = {
		.level = POLICY_LEVEL_CRITICAL,
		.available = 300 * MIB,
		.news = true,
	};
	pid_t farm = farm_start(w, 1);
	unsigned int count;

	allocations.count = 0;
	allocations.first = first;
	allocations.last = first + n - 1;
	allocations.on = true;
	for (int i = 0; i < 12; i++) {
		sd_event_run(w->event, 5000);
		manager_pressure(w->manager, &p);
	}
	allocations.on = false;
	count = allocations.count;

	/* It was refused, or is there; with memory, it is there in any case. */
	run_until(w, 10000, has_guests(w, 1));
	assert_true(manager_guest(w->manager, 0)->has_balloon);
	farm_kill(farm);
	run_until(w, 2000, has_guests(w, 0));
	return count;
}

/*
 * Wherever memory ends: nothing crashes, and the guest is found once there is
 * some again.
 */
static void test_no_memory(_unused_ void **state)
{
	unsigned int all;
	struct world w;

	open_world(&w, "[daemon]\nmode = manage\n");
	all = come_without_memory(&w, 0, 0);
	assert_true(all > 10);
	for (unsigned int first = 1; first < all; first += 1 + all / 30)
		come_without_memory(&w, first, 1 + first % 3 * 10);
	close_world(&w);
}
#endif

int main(int argc, char **argv)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thousand_at_once),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_no_descriptor_for_folder),
		cmocka_unit_test(test_clock_steps),
		cmocka_unit_test(test_real_qemu),
#if MALLOC_WATCHED
		cmocka_unit_test(test_no_memory),
#endif
	};
	/* clang-format on */

	farm_main(argc, argv);
	return cmocka_run_group_tests_name("dynmemd_trouble", tests, NULL, NULL);
}
