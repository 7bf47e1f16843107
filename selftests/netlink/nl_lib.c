// SPDX-License-Identifier: GPL-2.0
/*
 * libdynmem against the real module: what its header promises. The ways in
 * which the two may fail each other are in selftests/unit/test_lib_*.c.
 */
#include <sched.h>

#include <dynmem.h>

#include "kselftest_harness.h"

#include "mem.h"
#include "module.h"

#define NOBODY 65534
#define BOTH   (DYNMEM_GROUP_PRESSURE | DYNMEM_GROUP_KSM)

FIXTURE(lib)
{
	struct dynmem *d;
	struct dynmem_event ev;
};

static int reset(struct dynmem *d)
{
	struct dynmem_config c = {
		.present = dynmem_bit(DYNMEM_A_CONFIG_DEFAULTS),
	};

	return dynmem_set_config(d, &c);
}

FIXTURE_SETUP(lib)
{
	module_load("");
	ASSERT_EQ(0, dynmem_open(&self->d, 0));
	ASSERT_EQ(0, reset(self->d));
}

FIXTURE_TEARDOWN(lib)
{
	module_load("");
	reset(self->d);
	dynmem_close(self->d);
}

/* The next event, waiting for it as a program does; its type, 0 if none. */
static uint32_t next(struct __test_metadata *_metadata, FIXTURE_DATA(lib) * self, int timeout_ms)
{
	struct pollfd fd = { dynmem_fd(self->d), POLLIN, 0 };
	uint64_t end = now_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;

	for (;;) {
		int64_t left = (int64_t)(end - now_ns()) / 1000000;
		int r = dynmem_next_event(self->d, &self->ev);

		ASSERT_LE(0, r) TH_LOG("%s", dynmem_last_error(self->d));
		if (r > 0)
			return self->ev.type;
		if (left <= 0 || poll(&fd, 1, (int)left) == 0)
			return 0;
	}
}

#define NEXT(timeout_ms) next(_metadata, self, timeout_ms)

static void subscribed(struct __test_metadata *_metadata, FIXTURE_DATA(lib) * self)
{
	ASSERT_EQ(0, dynmem_subscribe(self->d, BOTH));
	ASSERT_EQ(DYNMEM_EVENT_APPEARED, NEXT(0));
	ASSERT_EQ(DYNMEM_EVENT_PRESSURE, NEXT(0));
	EXPECT_EQ(0, self->ev.pressure.event);
	ASSERT_EQ(DYNMEM_EVENT_KSM, NEXT(0));
	EXPECT_EQ(0, self->ev.ksm.event);
}

static void set_threshold(struct __test_metadata *_metadata, struct dynmem *d, uint64_t low)
{
	struct dynmem_config c = {
		.present = dynmem_bit(DYNMEM_A_CONFIG_THRESHOLD_LOW) |
			   dynmem_bit(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM) |
			   dynmem_bit(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL) |
			   /* Nothing but available memory shall speak here. */
			   dynmem_bit(DYNMEM_A_CONFIG_STALL_LOW) |
			   dynmem_bit(DYNMEM_A_CONFIG_STALL_MEDIUM) |
			   dynmem_bit(DYNMEM_A_CONFIG_STALL_CRITICAL) |
			   dynmem_bit(DYNMEM_A_CONFIG_HOLD) |
			   dynmem_bit(DYNMEM_A_CONFIG_MIN_INTERVAL),
		.threshold_low = low,
	};

	ASSERT_EQ(0, dynmem_set_config(d, &c))
	{
		TH_LOG("%s", dynmem_last_error(d));
	}
}

TEST_F(lib, gets)
{
	struct dynmem_pressure p;
	struct dynmem_process me;
	struct dynmem_config c;
	struct dynmem_ksm k;

	EXPECT_TRUE(dynmem_present(self->d));
	ASSERT_EQ(0, dynmem_get_pressure(self->d, &p));
	EXPECT_EQ(meminfo("MemTotal"), p.total);
	EXPECT_TRUE(p.head.capabilities & DYNMEM_CAPABILITY_STALL);
	ASSERT_EQ(0, dynmem_get_ksm(self->d, &k));
	EXPECT_EQ(4096, k.page_size);
	EXPECT_TRUE(dynmem_has(k.present, DYNMEM_A_KSM_PROFIT));
	ASSERT_EQ(0, dynmem_get_config(self->d, &c));
	EXPECT_EQ(2 * NSEC_PER_SEC, c.hold);
	ASSERT_EQ(0, dynmem_get_process(self->d, (uint32_t)getpid(), 0, &me));
	EXPECT_STREQ("lib", me.comm);
	EXPECT_EQ((uint32_t)getpid(), me.pid);
	EXPECT_EQ(-ESRCH, dynmem_get_process(self->d, 2, 0, &me));
	EXPECT_EQ(DYNMEM_A_PROCESS_PID, dynmem_last_error_attr(self->d));
}

struct own_process {
	int entries;
	bool mine;
	uint64_t sum;
};

static int on_process(const struct dynmem_process *p, void *arg)
{
	struct own_process *s = arg;

	s->entries++;
	s->mine |= p->pid == (uint32_t)getpid() && p->rss_anon;
	return 0;
}

static int on_cgroup(const struct dynmem_cgroup *c, void *arg)
{
	struct own_process *s = arg;

	s->entries++;
	s->mine |= c->path && !strcmp(c->path, "/dynmem-lib");
	return 0;
}

static int on_node(const struct dynmem_node *n, void *arg)
{
	struct own_process *s = arg;

	s->entries++;
	s->sum += n->total;
	return 0;
}

static int on_stall(const struct dynmem_stall *st, void *arg)
{
	struct own_process *s = arg;

	s->entries++;
	s->sum += st->stalls;
	return 0;
}

TEST_F(lib, dumps)
{
	struct dynmem_process_filter filter = { .select = DYNMEM_SELECT_ALL };
	struct dynmem_cgroup_filter cgroups = { .select = DYNMEM_SELECT_ALL, .tree = 1 };
	struct own_process s = {};
	uint64_t id = cgroup_make("dynmem-lib");
	pid_t child = spawn(false);

	/* Newer kernels count by CPU, and may miss some pages of each. */
	ASSERT_NE(MAP_FAILED, mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
	ASSERT_LT(0, child);
	ASSERT_EQ(0, cgroup_move("dynmem-lib", child));
	ASSERT_EQ(0, dynmem_dump_processes(self->d, &filter, on_process, &s));
	EXPECT_TRUE(s.mine);
	s = (struct own_process){};
	filter.cgroup_id = id;
	ASSERT_EQ(0, dynmem_dump_processes(self->d, &filter, on_process, &s));
	EXPECT_EQ(1, s.entries);
	s = (struct own_process){};
	ASSERT_EQ(0, dynmem_dump_cgroups(self->d, &cgroups, on_cgroup, &s))
	{
		TH_LOG("%s", dynmem_last_error(self->d));
	}
	EXPECT_TRUE(s.mine);
	s = (struct own_process){};
	ASSERT_EQ(0, dynmem_dump_nodes(self->d, on_node, &s));
	EXPECT_EQ(meminfo("MemTotal"), s.sum);
	s = (struct own_process){};
	ASSERT_EQ(0, dynmem_dump_stalls(self->d, NULL, on_stall, &s));
	EXPECT_EQ(0, dynmem_dump_stalls(
			     self->d, &(struct dynmem_stall_filter){ .by = DYNMEM_STALL_BY_CGROUP },
			     on_stall, &s));
	reap(child);
	cgroup_remove("dynmem-lib");
}

TEST_F(lib, refusals)
{
	struct dynmem_config c = {
		.present = dynmem_bit(DYNMEM_A_CONFIG_WINDOW) | dynmem_bit(DYNMEM_A_CONFIG_HOLD),
		.window = NSEC_PER_SEC,
		.hold = UINT64_MAX,
	};

	EXPECT_EQ(-ERANGE, dynmem_set_config(self->d, &c));
	EXPECT_EQ(DYNMEM_A_CONFIG_HOLD, dynmem_last_error_attr(self->d));
	EXPECT_NE(NULL, strstr(dynmem_last_error(self->d), "integer out of range"))
	{
		TH_LOG("%s", dynmem_last_error(self->d));
	}
}

TEST_F(lib, nobody)
{
	struct dynmem_process_filter filter = { .select = DYNMEM_SELECT_ALL };
	struct dynmem_pressure p;
	struct own_process s = {};

	dynmem_close(self->d);
	ASSERT_EQ(0, setgid(NOBODY));
	ASSERT_EQ(0, setuid(NOBODY));
	ASSERT_EQ(0, dynmem_open(&self->d, 0));
	subscribed(_metadata, self);
	EXPECT_EQ(0, dynmem_get_pressure(self->d, &p));
	EXPECT_EQ(-EPERM, reset(self->d));
	EXPECT_NE(NULL, strstr(dynmem_last_error(self->d), "CAP_SYS_RESOURCE"));
	EXPECT_EQ(-EPERM, dynmem_dump_processes(self->d, &filter, on_process, &s));
	EXPECT_NE(NULL, strstr(dynmem_last_error(self->d), "CAP_SYS_PTRACE"));
	EXPECT_EQ(-EPERM, dynmem_subscribe(self->d, DYNMEM_GROUP_OOM));
	EXPECT_EQ(0, s.entries);
}

/* A container: nothing is there, and that is no error. */
TEST_F(lib, other_namespace)
{
	struct dynmem_pressure p;
	struct dynmem *inside;

	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, dynmem_open(&inside, 0));
	EXPECT_FALSE(dynmem_present(inside));
	EXPECT_EQ(-ENODEV, dynmem_get_pressure(inside, &p));
	EXPECT_EQ(0, dynmem_subscribe(inside, BOTH));
	EXPECT_EQ(0, dynmem_next_event(inside, &self->ev));
	dynmem_close(inside);
	/* One that was opened before still sees the host's. */
	EXPECT_EQ(0, dynmem_get_pressure(self->d, &p));
}

TEST_F(lib, events)
{
	struct dynmem_pressure p;
	int tries = 0;

	subscribed(_metadata, self);
	set_threshold(_metadata, self->d, 0);
	/* Out of memory, if a test before was, is reported for a while. */
	do {
		while (NEXT(100))
			;
		ASSERT_EQ(0, dynmem_get_pressure(self->d, &p));
	} while (p.level != DYNMEM_LEVEL_NONE && tries++ < 100);
	/* The request may have reported that just now. */
	while (NEXT(100))
		;
	ASSERT_EQ(0, dynmem_get_pressure(self->d, &p));
	ASSERT_EQ(DYNMEM_LEVEL_NONE, p.level);
	set_threshold(_metadata, self->d, 1ULL << 50);
	ASSERT_EQ(DYNMEM_EVENT_PRESSURE, NEXT(3000));
	EXPECT_TRUE(self->ev.pressure.event & DYNMEM_PRESSURE_EVENT_LEVEL);
	EXPECT_EQ(DYNMEM_LEVEL_LOW, self->ev.pressure.level);
	EXPECT_EQ(DYNMEM_CAUSE_AVAILABLE, self->ev.pressure.causes);
	EXPECT_EQ(0, self->ev.lost);
	EXPECT_EQ(p.head.seq + 1, self->ev.pressure.head.seq);
	set_threshold(_metadata, self->d, 0);
	ASSERT_EQ(DYNMEM_EVENT_PRESSURE, NEXT(3000));
	EXPECT_EQ(DYNMEM_LEVEL_NONE, self->ev.pressure.level);

	/* Unsubscribed: silence. */
	ASSERT_EQ(0, dynmem_subscribe(self->d, 0));
	set_threshold(_metadata, self->d, 1ULL << 50);
	EXPECT_EQ(0, NEXT(500));
}

TEST_F_TIMEOUT(lib, unload_and_load, 120)
{
	struct dynmem_pressure p;

	subscribed(_metadata, self);
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, module_unload());
		ASSERT_EQ(DYNMEM_EVENT_VANISHED, NEXT(3000));
		EXPECT_FALSE(dynmem_present(self->d));
		EXPECT_EQ(-ENODEV, dynmem_get_pressure(self->d, &p));
		/* And it is not loaded again by being asked for. */
		EXPECT_EQ(0, NEXT(100));
		ASSERT_EQ(0, module_load(""));
		ASSERT_EQ(DYNMEM_EVENT_APPEARED, NEXT(3000));
		ASSERT_EQ(DYNMEM_EVENT_PRESSURE, NEXT(1000));
		EXPECT_EQ(0, self->ev.pressure.event);
		ASSERT_EQ(DYNMEM_EVENT_KSM, NEXT(1000));
		/* Subscribed as before. */
		set_threshold(_metadata, self->d, 1ULL << 50);
		ASSERT_EQ(DYNMEM_EVENT_PRESSURE, NEXT(3000));
		EXPECT_TRUE(self->ev.pressure.event & DYNMEM_PRESSURE_EVENT_LEVEL);
	}
}

/* Opened before there is a module. */
TEST_F(lib, absent)
{
	struct dynmem_pressure p;

	ASSERT_EQ(0, module_unload());
	dynmem_close(self->d);
	ASSERT_EQ(0, dynmem_open(&self->d, DYNMEM_OPEN_NO_LOAD));
	EXPECT_FALSE(dynmem_present(self->d));
	ASSERT_EQ(0, dynmem_subscribe(self->d, DYNMEM_GROUP_PRESSURE));
	EXPECT_EQ(0, NEXT(0));
	EXPECT_EQ(-ENODEV, dynmem_get_pressure(self->d, &p));
	EXPECT_NE(NULL, strstr(dynmem_last_error(self->d), "modprobe dynmem"));
	ASSERT_EQ(0, module_load(""));
	/* A get finds it, too, and the events are reported all the same. */
	EXPECT_EQ(0, dynmem_get_pressure(self->d, &p));
	EXPECT_EQ(DYNMEM_EVENT_APPEARED, NEXT(3000));
	EXPECT_EQ(DYNMEM_EVENT_PRESSURE, NEXT(1000));
	EXPECT_EQ(0, NEXT(0));
}

/* Not read for too long: reported, counted, and the state is true again. */
TEST_F_TIMEOUT(lib, overrun, 120)
{
	int size = 8192, fd = dynmem_fd(self->d);
	struct dynmem_stats stats;
	struct dynmem_pressure p;
	struct dynmem *other;
	bool overrun = false;
	uint64_t lost;

	subscribed(_metadata, self);
	ASSERT_EQ(0, setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	/* With another handle, for errors of this one are watched. */
	ASSERT_EQ(0, dynmem_open(&other, 0));
	for (int i = 0; i < 60; i++) {
		set_threshold(_metadata, other, i % 2 ? 0 : 1ULL << 50);
		sleep_ms(20);
	}
	sleep_ms(300);
	while (!overrun)
		switch (NEXT(1000)) {
		case 0:
			ASSERT_TRUE(false);
			break;
		case DYNMEM_EVENT_OVERRUN:
			overrun = true;
			break;
		}
	ASSERT_EQ(DYNMEM_EVENT_PRESSURE, NEXT(1000));
	EXPECT_EQ(0, self->ev.pressure.event);
	EXPECT_LT(0, self->ev.lost);
	lost = self->ev.lost;
	ASSERT_EQ(0, dynmem_get_pressure(other, &p));
	EXPECT_EQ(p.head.seq, self->ev.pressure.head.seq);
	EXPECT_EQ(p.level, self->ev.pressure.level);
	ASSERT_EQ(DYNMEM_EVENT_KSM, NEXT(1000));
	EXPECT_EQ(0, NEXT(100));
	dynmem_get_stats(self->d, &stats);
	EXPECT_EQ(1, stats.overruns);
	EXPECT_EQ(lost, stats.lost);
	EXPECT_EQ(0, stats.malformed);

	/* And on it goes, without a gap. */
	set_threshold(_metadata, other, 1ULL << 50);
	ASSERT_EQ(DYNMEM_EVENT_PRESSURE, NEXT(3000));
	EXPECT_EQ(0, self->ev.lost);
	dynmem_close(other);
}

TEST_HARNESS_MAIN
