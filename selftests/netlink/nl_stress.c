// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once, for minutes: loading and unloading, subscribing, asking,
 * dumping, reconfiguring, KSM switched on and off, memory pressed until the
 * host runs out of it. What goes wrong is in the kernel's log; here it is
 * checked that everybody got on, and that all works afterwards.
 *
 * Each load and unload makes the kernel patch the tracepoints of reclaim, which
 * other CPUs run meanwhile. QEMU 7.2 with a thread for each CPU sometimes lets
 * one of them run an int3 that is no longer there ("Oops: int3", at a jump
 * label of the kernel): there, use the lab's --one-thread.
 *
 *	DYNMEM_STRESS_SECONDS	how long [300]
 */
#include <dynmem.h>

#include "kselftest_harness.h"

#include "mem.h"
#include "module.h"

/* What each one has done, for all to see. */
static struct shared {
	uint64_t loads, events, asked, dumped, set, pressed, limited, switched;
} * shared;

static unsigned int seed;

static unsigned int any(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

static void load_and_unload(void)
{
	if (module_unload_patiently() == 0) {
		sleep_ms(any(50));
		if (module_load("") == 0)
			shared->loads++;
	}
	sleep_ms(any(1000));
}

/* By the library, which also sees the module come and go. */
static void subscribe(void)
{
	static struct dynmem *d;
	struct dynmem_event ev;
	int n = 0;

	if (!d && dynmem_open(&d, 0) < 0)
		return;
	dynmem_subscribe(d, any(4));
	for (unsigned int i = 0; i < 20; i++) {
		while (dynmem_next_event(d, &ev) > 0 && n++ < 1000)
			shared->events++;
		sleep_ms(any(30));
	}
	if (any(8) == 0) {
		dynmem_close(d);
		d = NULL;
	}
}

static void pester(void)
{
	static struct nl_answer answers[16];
	struct nl nl;

	if (nl_open(&nl) == 0) {
		join(&nl, nl.pressure_group);
		for (unsigned int i = any(30); i; i--) {
			shared->asked += ask(&nl, DYNMEM_CMD_PRESSURE_GET, answers) == 0;
			shared->asked += ask(&nl, DYNMEM_CMD_KSM_GET, answers) == 0;
			request(&nl, DYNMEM_CMD_NODE_GET, NLM_F_DUMP);
			transact(&nl, answers, ARRAY_LEN(answers));
		}
	}
	nl_close(&nl);
	sleep_ms(any(20));
}

/* Not all are read to their end: a reader may die at any time. */
static void dump(void)
{
	static const uint8_t commands[] = { DYNMEM_CMD_PROCESS_GET, DYNMEM_CMD_CGROUP_GET,
					    DYNMEM_CMD_STALL_GET };
	static struct nl_answer answers[16];
	struct nl nl;

	if (nl_open(&nl) == 0) {
		uint8_t cmd = commands[any(ARRAY_LEN(commands))];

		request(&nl, cmd, NLM_F_DUMP);
		if (cmd == DYNMEM_CMD_PROCESS_GET)
			put_u32(DYNMEM_A_PROCESS_SELECT, DYNMEM_SELECT_ALL);
		if (cmd == DYNMEM_CMD_CGROUP_GET)
			put_raw(DYNMEM_A_CGROUP_TREE, NULL, 0);
		if (any(4) == 0)
			mnl_socket_sendto(nl.sk, nl_request, nl_request->nlmsg_len);
		else if (transact(&nl, answers, ARRAY_LEN(answers)) >= 0)
			shared->dumped++;
	}
	nl_close(&nl);
	sleep_ms(any(20));
}

static void reconfigure(void)
{
	struct nl nl;

	if (nl_open(&nl) == 0) {
		request(&nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
		put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
		if (any(2))
			put_u64(DYNMEM_A_CONFIG_MIN_INTERVAL, any(2) * NSEC_PER_MSEC);
		if (any(2))
			put_u64(DYNMEM_A_CONFIG_HOLD, any(3) * NSEC_PER_SEC);
		if (any(2))
			put_u64(DYNMEM_A_CONFIG_SAMPLE_MIN, NSEC_PER_MSEC);
		if (any(2))
			put_u64(DYNMEM_A_CONFIG_THRESHOLD_LOW, any(2) ? 1ULL << 50 : 0);
		if (any(2))
			put_u64(DYNMEM_A_CONFIG_KSM_INTERVAL, 10 * NSEC_PER_MSEC);
		if (any(2))
			put_u64(DYNMEM_A_CONFIG_WINDOW, 100 * NSEC_PER_MSEC);
		shared->set += transact(&nl, NULL, 0) == 0;
	}
	nl_close(&nl);
	sleep_ms(any(50));
}

/* One time in three the host runs out of memory, and kills the eater. */
static void press(void)
{
	struct eater e;

	if (eater_start(&e) == 0) {
		uint64_t bytes = pressing_bytes();

		if (any(3) == 0)
			bytes = meminfo("MemTotal") + meminfo("SwapTotal");
		eat(&e, bytes);
		eater_stop(&e);
		shared->pressed++;
	}
	sleep_ms(any(500));
}

/* A cgroup at its own limit, and now and then beyond it. */
static void limit(void)
{
	struct eater e;

	cgroup_write("dynmem-stress", "memory.swap.max", any(3) ? "max" : "0");
	if (eater_start(&e) == 0) {
		cgroup_move("dynmem-stress", e.pid);
		eat(&e, 40 * MIB);
		eater_stop(&e);
		shared->limited++;
	}
	sleep_ms(any(500));
}

static void switch_ksm(void)
{
	static char *area;

	if (!area) {
		area = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		madvise(area, MIB, MADV_MERGEABLE);
	}
	memset(area, (int)any(2), MIB);
	spit("/sys/kernel/mm/ksm/run", "%u", any(3));
	shared->switched++;
	sleep_ms(any(300));
}

/* A worker of the module's follows it, and must not outlive the module. */
static void resize_pool(void)
{
	spit("/proc/sys/vm/nr_hugepages", "%u", any(3));
	sleep_ms(any(700));
}

static void (*const workers[])(void) = {
	load_and_unload, subscribe, pester, dump,	pester,
	reconfigure,	 press,	    limit,  switch_ksm, resize_pool,
};

_Noreturn static void work(unsigned int i)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Those that eat are killed, not those that feed them. */
	spit("/proc/self/oom_score_adj", "-1000");
	seed = i;
	for (;;)
		workers[i]();
}

static unsigned int seconds(void)
{
	const char *text = getenv("DYNMEM_STRESS_SECONDS");

	return text ? (unsigned int)strtoul(text, NULL, 10) : 300;
}

FIXTURE(stress)
{
	pid_t pids[ARRAY_LEN(workers)];
};

FIXTURE_SETUP(stress)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_NE(0, cgroup_make("dynmem-stress"));
	ASSERT_EQ(0, cgroup_write("dynmem-stress", "memory.max", "24M"));
}

FIXTURE_TEARDOWN(stress)
{
	spit("/sys/kernel/mm/ksm/run", "0");
	spit("/proc/sys/vm/nr_hugepages", "0");
	module_load("");
	cgroup_remove("dynmem-stress");
}

TEST_F_TIMEOUT(stress, all_at_once, 3600)
{
	long long kills = number_of("/proc/vmstat", "oom_kill");
	struct nl_answer a;
	struct nl nl;

	for (unsigned int i = 0; i < ARRAY_LEN(workers); i++) {
		self->pids[i] = fork();
		ASSERT_LE(0, self->pids[i]);
		if (self->pids[i] == 0)
			work(i);
	}
	sleep_ms(seconds() * 1000);
	for (unsigned int i = 0; i < ARRAY_LEN(workers); i++) {
		/* Nobody has crashed. */
		EXPECT_EQ(0, waitpid(self->pids[i], NULL, WNOHANG));
		kill(-self->pids[i], SIGKILL);
	}
	for (unsigned int i = 0; i < ARRAY_LEN(workers); i++)
		waitpid(self->pids[i], NULL, 0);
	kills = number_of("/proc/vmstat", "oom_kill") - kills;

	TH_LOG("loads %llu, events %llu, asked %llu, dumps %llu, sets %llu, pressed %llu, limited %llu, KSM switched %llu, OOM kills %lld",
	       (unsigned long long)shared->loads, (unsigned long long)shared->events,
	       (unsigned long long)shared->asked, (unsigned long long)shared->dumped,
	       (unsigned long long)shared->set, (unsigned long long)shared->pressed,
	       (unsigned long long)shared->limited, (unsigned long long)shared->switched, kills);
	EXPECT_LT(0, shared->loads);
	EXPECT_LT(0, shared->events);
	EXPECT_LT(0, shared->asked);
	EXPECT_LT(0, shared->dumped);
	EXPECT_LT(0, shared->set);
	EXPECT_LT(0, shared->pressed);
	EXPECT_LT(0, shared->limited);
	EXPECT_LT(0, shared->switched);
	EXPECT_LT(0, kills);

	module_load("");
	ASSERT_EQ(0, nl_open(&nl));
	EXPECT_EQ(0, ask(&nl, DYNMEM_CMD_PRESSURE_GET, &a));
	EXPECT_EQ(0, module_unload_patiently());
	EXPECT_EQ(0, module_load(""));
	nl_close(&nl);
}

TEST_HARNESS_MAIN
