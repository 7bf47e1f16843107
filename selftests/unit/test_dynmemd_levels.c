// SPDX-License-Identifier: GPL-2.0
/*
 * What a source reports makes the daemon sample the host; only a shortage that
 * it reads there takes memory from guests. Hosts of 256 GiB with four guests of
 * 32 GiB: each uses 10 and has 20 of page cache.
 */
#include "dynmemd/sources/source.h"
#include "dynmemd_world.h"

#define LAST 4u

#define USED  (10 * GIB)
#define CACHE (20 * GIB)

struct host_files {
	unsigned int total, available, swap, hugetlb; /* GiB */
	unsigned int arc, arc_min;		      /* GiB */
};

struct hostile {
	struct world w;
	struct fake_qemu g[LAST];
	uint64_t least; /* of all guests together, ever */
};

static void write_host(struct world *w, const struct host_files *h)
{
	char text[1024], path[128];

	snprintf(text, sizeof(text),
		 "MemTotal: %u kB\nMemFree: %u kB\nMemAvailable: %u kB\nSwapTotal: %u kB\n"
		 "SwapFree: %u kB\nHugetlb: %u kB\n",
		 h->total << 20, h->available << 20, h->available << 20, h->swap << 20,
		 h->swap << 20, h->hugetlb << 20);
	write_text(w->meminfo, text);
	if (!h->arc)
		return;
	snprintf(path, sizeof(path), "%s/spl", w->folder);
	mkdir(path, 0700);
	strcat(path, "/kstat");
	mkdir(path, 0700);
	strcat(path, "/zfs");
	mkdir(path, 0700);
	strcat(path, "/arcstats");
	snprintf(text, sizeof(text), "name type data\nsize 4 %llu\nc_min 4 %llu\n",
		 (unsigned long long)h->arc << 30, (unsigned long long)h->arc_min << 30);
	write_text(path, text);
}

static void vmstat(struct world *w, unsigned int oom_kill)
{
	char path[96], text[256];

	snprintf(path, sizeof(path), "%s/vmstat", w->folder);
	snprintf(text, sizeof(text), "allocstall_normal 0\noom_kill %u\n", oom_kill);
	write_text(path, text);
}

/* The guest follows its balloon: free memory goes first, then cache. */
static void obey(struct fake_qemu *f)
{
	if (!f->target || f->target == f->actual)
		return;
	f->total = f->target;
	f->available = f->total > USED ? f->total - USED : 0;
	f->caches = MIN(CACHE, f->available);
	f->free = f->available - f->caches;
	fake_move(f, f->target);
}

static uint64_t all_have(const struct hostile *x)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < LAST; i++)
		sum += x->g[i].actual;
	return sum;
}

static void let(struct hostile *x, unsigned int ms)
{
	for (unsigned int i = 0; i < ms; i += 50) {
		run_for(&x->w, 50);
		for (unsigned int k = 0; k < LAST; k++)
			obey(&x->g[k]);
		x->least = MIN(x->least, all_have(x));
	}
}

static void open_host(struct hostile *x, const struct host_files *h)
{
	static const char *const names[] = { "a", "b", "c", "d" };

	open_world(&x->w, "[daemon]\nmode = manage\n");
	/* Files that were not there when the manager began. */
	daemon_stop(&x->w);
	write_host(&x->w, h);
	vmstat(&x->w, 7);
	guest_cost(&x->w, getpid(), 32 * 1024);
	daemon_start(&x->w, false);
	for (unsigned int i = 0; i < LAST; i++) {
		char file[16];

		x->g[i] = (struct fake_qemu){
			.name = names[i],
			.memory = 32 * GIB,
			.total = 32 * GIB,
			.available = 22 * GIB,
			.caches = CACHE,
			.free = 2 * GIB,
			.last_update = 1000,
		};
		snprintf(file, sizeof(file), "%u.sock", i);
		start_guest(&x->w, &x->g[i], file);
	}
	run_until(&x->w, 3000, manager_guest_count(x->w.manager) == LAST);
	x->least = all_have(x);
	let(x, 1500);
	assert_int_equal(all_have(x), 128 * GIB);
}

static void close_host(struct hostile *x)
{
	for (unsigned int i = 0; i < LAST; i++)
		fake_stop(&x->g[i], false);
	close_world(&x->w);
}

static void report(struct hostile *x, enum policy_level level, uint64_t available)
{
	const struct source_pressure p = {
		.level = level,
		.available = available,
		.news = true,
		.stall = true,
		.oom = level == POLICY_LEVEL_CRITICAL,
		.oom_kills = 1,
	};

	manager_pressure(x->w.manager, &p);
}

static const struct host_files rich = { .total = 256, .available = 150, .swap = 16 };

/* A container is killed at its own limit, again and again. */
static void test_container_killed(_unused_ void **state)
{
	struct source *s = NULL;
	struct hostile x;

	open_host(&x, &rich);
	assert_int_equal(source_procfs_new(&s, x.w.event, x.w.folder), 0);
	manager_set_source(x.w.manager, s);
	for (unsigned int i = 8; i < 11; i++) {
		vmstat(&x.w, i);
		/* As a PSI trigger would have it, which no test can fire. */
		report(&x, POLICY_LEVEL_CRITICAL, 150 * GIB);
		let(&x, 600);
	}
	assert_int_equal(manager_level(x.w.manager), POLICY_LEVEL_NONE);
	assert_int_equal(x.least, 128 * GIB);
	manager_set_source(x.w.manager, &x.w.source);
	source_free(s);
	close_host(&x);
}

/* A module that sees refaults of cgroups, and says that nothing is available. */
static void test_reported_without_shortage(_unused_ void **state)
{
	static const uint64_t available[] = { 150 * GIB, 0, UINT64_MAX };
	struct hostile x;

	open_host(&x, &rich);
	for (unsigned int i = 0; i < 30; i++) {
		report(&x, POLICY_LEVEL_CRITICAL, available[i % ARRAY_SIZE(available)]);
		let(&x, 100);
	}
	assert_int_equal(manager_level(x.w.manager), POLICY_LEVEL_NONE);
	assert_int_equal(x.least, 128 * GIB);
	close_host(&x);
}

/* ZFS: what its cache would give back is not missed. */
static void test_arc_is_available(_unused_ void **state)
{
	struct host_files h = rich;
	struct hostile x;

	h.available = 1; /* minfree is 3.2 GiB */
	h.arc = 96;
	h.arc_min = 8;
	open_host(&x, &h);
	for (unsigned int i = 0; i < 20; i++) {
		report(&x, POLICY_LEVEL_CRITICAL, GIB);
		let(&x, 100);
	}
	assert_int_equal(manager_level(x.w.manager), POLICY_LEVEL_NONE);
	assert_int_equal(x.least, 128 * GIB);
	close_host(&x);
}

/* ZFS comes after the daemon: its cache is counted from then on, and not when it is gone. */
static void test_arc_comes_and_goes(_unused_ void **state)
{
	struct host_files h = rich;
	char path[128];
	struct hostile x;

	open_host(&x, &h);
	h.available = 1;
	h.arc = 96;
	h.arc_min = 8;
	write_host(&x.w, &h);
	for (unsigned int i = 0; i < 10; i++) {
		report(&x, POLICY_LEVEL_CRITICAL, GIB);
		let(&x, 100);
	}
	assert_int_equal(manager_level(x.w.manager), POLICY_LEVEL_NONE);
	assert_int_equal(x.least, 128 * GIB);
	snprintf(path, sizeof(path), "%s/spl/kstat/zfs/arcstats", x.w.folder);
	write_text(path, "");
	assert_int_equal(unlink(path), 0);
	report(&x, POLICY_LEVEL_NONE, GIB);
	assert_int_equal(manager_level(x.w.manager), POLICY_LEVEL_CRITICAL);
	close_host(&x);
}

/* Pools of huge pages are no memory that a level could be about. */
static void test_hugetlb_is_apart(_unused_ void **state)
{
	struct host_files h = rich;
	struct hostile x;

	/* 56 GiB beside the pool: minfree is 1.2 GiB; of 256 GiB 3.2. */
	h.hugetlb = 200;
	h.available = 6;
	open_host(&x, &h);
	let(&x, 1200);
	assert_int_equal(manager_level(x.w.manager), POLICY_LEVEL_NONE);
	/* A pool that grows takes what is available: that is a shortage. */
	h.hugetlb = 204;
	h.available = 2;
	write_host(&x.w, &h);
	report(&x, POLICY_LEVEL_NONE, UINT64_MAX);
	assert_int_equal(manager_level(x.w.manager), POLICY_LEVEL_MEDIUM);
	close_host(&x);
}

/* A shortage that is over is over, whatever the source still says. */
static void test_level_does_not_stand(_unused_ void **state)
{
	struct host_files h = rich;
	struct hostile x;
	uint64_t taken;

	open_host(&x, &rich);
	h.available = 2;
	write_host(&x.w, &h);
	report(&x, POLICY_LEVEL_CRITICAL, 2 * GIB);
	let(&x, 200);
	assert_int_equal(manager_level(x.w.manager), POLICY_LEVEL_CRITICAL);
	taken = 128 * GIB - all_have(&x);
	assert_true(taken >= GIB);

	/* The container that took it has ended. */
	write_host(&x.w, &rich);
	x.least = all_have(&x);
	let(&x, 2500);
	assert_true(x.least >= 128 * GIB - taken);
	close_host(&x);
}

/* A shortage that stays takes no more than the cap, and says what holds it back. */
static void test_gate_binds(_unused_ void **state)
{
	struct manager_gate gate;
	struct host_files h = rich;
	struct hostile x;

	open_host(&x, &rich);
	manager_gate(x.w.manager, &gate);
	assert_int_equal(gate.cap, 64 * GIB);
	assert_int_equal(gate.taken, 0);
	assert_int_equal(gate.rule, POLICY_GATE_NONE);

	reload(&x.w, configure(&x.w, "[daemon]\nmode = manage\n[policy]\ntake_share = 0.01\n"));
	/* Critical, but what is in swap's reach is more than what would kill. */
	h.available = 2;
	write_host(&x.w, &h);
	report(&x, POLICY_LEVEL_CRITICAL, 2 * GIB);
	let(&x, 3000);
	manager_gate(x.w.manager, &gate);
	assert_int_equal(gate.rule, POLICY_GATE_RATE);
	assert_true(gate.taken > GIB && gate.taken <= gate.cap);
	assert_true(x.least >= 128 * GIB - gate.cap);
	close_host(&x);
}

/* When QEMU was started, as /proc would say: after a restart it is known again. */
static void started(struct world *w)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%d/stat", w->folder, (int)getpid());
	write_text(path, "1 (qemu) S 1 1 1 0 -1 0 0 0 0 0 5 6 0 0 20 0 4 0 1000 1 1\n");
}

static void found_again(struct hostile *x)
{
	daemon_start(&x->w, false);
	for (unsigned int i = 0; i < LAST; i++)
		fake_hang_up(&x->g[i]);
	run_until(&x->w, 5000, manager_guest_count(x->w.manager) == LAST);
}

/*
 * A daemon that dies again and again, with its file or before anything of it was
 * written, takes no more within a minute than one that lives.
 */
static void crash_loop(bool written)
{
	struct host_files h = rich;
	struct manager_gate gate;
	char path[96], command[256];
	struct hostile x;

	open_host(&x, &rich);
	started(&x.w);
	daemon_stop(&x.w);
	snprintf(path, sizeof(path), "%s/state", x.w.folder);
	x.w.state = path;
	config_free(x.w.config);
	x.w.config = configure(&x.w, "[daemon]\nmode = manage\n[policy]\ntake_share = 0.01\n");
	found_again(&x);
	daemon_stop(&x.w);
	snprintf(command, sizeof(command), "cp %s %s.old", path, path);
	assert_int_equal(system(command), 0);

	h.available = 2;
	write_host(&x.w, &h);
	for (int n = 0; n < 4; n++) {
		found_again(&x);
		report(&x, POLICY_LEVEL_CRITICAL, 2 * GIB);
		let(&x, 1500);
		report(&x, POLICY_LEVEL_CRITICAL, 2 * GIB);
		let(&x, 1500);
		manager_gate(x.w.manager, &gate);
		assert_int_equal(gate.cap, 4 * GIB);
		assert_true(gate.taken > GIB && gate.taken <= gate.cap);
		daemon_stop(&x.w);
		if (written)
			continue;
		/* As if it had been killed before it wrote anything. */
		snprintf(command, sizeof(command), "cp %s.old %s", path, path);
		assert_int_equal(system(command), 0);
	}
	assert_true(x.least < 128 * GIB);
	assert_true(x.least >= 124 * GIB);
	x.w.state = NULL;
	daemon_start(&x.w, false);
	close_host(&x);
}

static void test_restarts(_unused_ void **state)
{
	crash_loop(true);
}

static void test_crashes(_unused_ void **state)
{
	crash_loop(false);
}

/*
 * The source gets its thresholds from the engine
 */

static struct {
	unsigned int calls;
	uint64_t threshold[POLICY_LEVELS];
	int error;
} watched;

static int fake_watch(_unused_ struct source *s, const uint64_t threshold[POLICY_LEVELS])
{
	watched.calls++;
	memcpy(watched.threshold, threshold, sizeof(watched.threshold));
	return watched.error;
}

static const struct source_ops watching_ops = { .name = "fake", .watch = fake_watch };

static void test_thresholds_follow(_unused_ void **state)
{
	struct host_files h = rich;
	struct source source = { .ops = &watching_ops };
	struct hostile x;

	memset(&watched, 0, sizeof(watched));
	h.arc = 1;
	open_host(&x, &h);
	manager_set_source(x.w.manager, &source);
	run_until(&x.w, 2000, watched.calls == 1);
	assert_int_equal(watched.threshold[POLICY_LEVEL_MEDIUM],
			 2 * policy_minfree(256 * GIB) - 4 * GIB / 5);
	/* Once, until they change: by ZFS's cache, by a pool, by a reload. */
	let(&x, 1200);
	assert_int_equal(watched.calls, 1);
	h.hugetlb = 100;
	write_host(&x.w, &h);
	report(&x, POLICY_LEVEL_NONE, UINT64_MAX);
	assert_int_equal(watched.calls, 2);
	h.arc = 4;
	write_host(&x.w, &h);
	report(&x, POLICY_LEVEL_NONE, UINT64_MAX);
	assert_int_equal(watched.calls, 3);

	reload(&x.w, configure(&x.w, "[daemon]\nmode = manage\n[policy]\nlevel_low = 6\n"));
	run_until(&x.w, 1500, watched.calls == 4);
	manager_set_source(x.w.manager, NULL);
	close_host(&x);
}

/* A module that another user set: the daemon samples by itself, and is in time. */
static void test_thresholds_not_permitted(_unused_ void **state)
{
	struct source source = { .ops = &watching_ops };
	struct host_files h = rich;
	struct hostile x;

	memset(&watched, 0, sizeof(watched));
	watched.error = -EPERM;
	open_host(&x, &rich);
	manager_set_source(x.w.manager, &source);
	let(&x, 300);
	h.available = 1;
	write_host(&x.w, &h);
	/* Nobody reports it. */
	run_until(&x.w, 1500, manager_level(x.w.manager) == POLICY_LEVEL_CRITICAL);
	let(&x, 300);
	assert_true(x.least < 128 * GIB);
	assert_int_equal(watched.calls, 1);
	manager_set_source(x.w.manager, NULL);
	close_host(&x);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_container_killed),
		cmocka_unit_test(test_reported_without_shortage),
		cmocka_unit_test(test_arc_is_available),
		cmocka_unit_test(test_arc_comes_and_goes),
		cmocka_unit_test(test_hugetlb_is_apart),
		cmocka_unit_test(test_level_does_not_stand),
		cmocka_unit_test(test_gate_binds),
		cmocka_unit_test(test_restarts),
		cmocka_unit_test(test_crashes),
		cmocka_unit_test(test_thresholds_follow),
		cmocka_unit_test(test_thresholds_not_permitted),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_levels", tests, NULL, NULL);
}
