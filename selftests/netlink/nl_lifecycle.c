// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading, with listeners, with requests under way, with wrong
 * parameters, and under reclaim.
 */
#include <sched.h>

#include "kselftest_harness.h"

#include "mem.h"
#include "module.h"

FIXTURE(lifecycle)
{
	struct nl events, controller;
	struct nl_answer a;
};

FIXTURE_SETUP(lifecycle)
{
	/* Anew, whatever was set before. */
	module_unload_patiently();
	ASSERT_EQ(0, module_load(""));
	ASSERT_EQ(0, nl_open(&self->events));
	/* Where the controller reports families; its number is fixed. */
	ASSERT_EQ(0, nl_socket(&self->controller));
	ASSERT_EQ(0, join(&self->controller, GENL_ID_CTRL));
}

FIXTURE_TEARDOWN(lifecycle)
{
	module_load("");
	nl_close(&self->events);
	nl_close(&self->controller);
}

/* The next word of the controller about our family with this command. */
static bool notified(FIXTURE_DATA(lifecycle) * self, uint8_t cmd)
{
	while (next_event(&self->controller, &self->a, 3000) == 0)
		if (self->a.cmd == cmd && has(&self->a, CTRL_ATTR_FAMILY_NAME) &&
		    !strcmp(get_text(&self->a, CTRL_ATTR_FAMILY_NAME), DYNMEM_FAMILY_NAME))
			return true;
	return false;
}

/* Provokes an event: the level that follows from absurd thresholds. */
static int provoke(struct nl *nl)
{
	request(nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_u64(DYNMEM_A_CONFIG_THRESHOLD_LOW, 1ULL << 50);
	return transact(nl, NULL, 0);
}

TEST_F_TIMEOUT(lifecycle, with_listeners, 120)
{
	uint64_t since = 0;

	for (int i = 0; i < 10; i++) {
		struct nl nl;
		uint16_t old = self->events.family;

		ASSERT_EQ(0, nl_open(&nl));
		ASSERT_EQ(0, join(&self->events, nl.pressure_group));
		ASSERT_EQ(0, join(&self->events, nl.ksm_group));
		ASSERT_EQ(0, ask(&nl, DYNMEM_CMD_KSM_GET, &self->a));
		ASSERT_EQ(0, ask(&nl, DYNMEM_CMD_PRESSURE_GET, &self->a));
		EXPECT_LT(since, get_head(&self->a, DYNMEM_A_HEAD_SINCE));
		since = get_head(&self->a, DYNMEM_A_HEAD_SINCE);
		ASSERT_EQ(0, provoke(&nl));
		ASSERT_EQ(0, next_event(&self->events, &self->a, 3000));
		EXPECT_EQ(DYNMEM_CMD_PRESSURE_NTF, self->a.cmd);
		EXPECT_EQ(since, get_head(&self->a, DYNMEM_A_HEAD_SINCE));

		ASSERT_EQ(0, module_unload());
		EXPECT_TRUE(notified(self, CTRL_CMD_DELFAMILY));
		EXPECT_EQ(-ENOENT, ask(&nl, DYNMEM_CMD_PRESSURE_GET, &self->a));
		nl_close(&nl);

		ASSERT_EQ(0, module_load(""));
		EXPECT_TRUE(notified(self, CTRL_CMD_NEWFAMILY));
		ASSERT_EQ(0, resolve(&self->events, NULL));
		EXPECT_NE(old, self->events.family);
		drain(&self->events);
		/* Nobody has joined the new groups. */
		ASSERT_EQ(0, nl_open(&nl));
		ASSERT_EQ(0, provoke(&nl));
		EXPECT_EQ(-ETIMEDOUT, next_event(&self->events, &self->a, 100));
		nl_close(&nl);
		ASSERT_EQ(0, module_unload());
		ASSERT_EQ(0, module_load(""));
		ASSERT_EQ(0, resolve(&self->events, NULL));
	}
}

/* As an agent that waits for the family: the capabilities that it finds at once. */
_Noreturn static void ask_at_once(FIXTURE_DATA(lifecycle) * self, int report)
{
	uint64_t capabilities = 0;
	struct nl nl;

	/* Before the one that loads the module goes on. */
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ 1 });
	if (notified(self, CTRL_CMD_NEWFAMILY) && nl_open(&nl) == 0 &&
	    ask(&nl, DYNMEM_CMD_PRESSURE_GET, &self->a) == 0)
		capabilities = get_head(&self->a, DYNMEM_A_HEAD_CAPABILITIES);
	_exit(write(report, &capabilities, sizeof(capabilities)) != sizeof(capabilities));
}

TEST_F_TIMEOUT(lifecycle, complete_when_it_appears, 60)
{
	uint64_t all, found;
	int report[2];

	ASSERT_EQ(0, ask(&self->events, DYNMEM_CMD_PRESSURE_GET, &self->a));
	all = get_head(&self->a, DYNMEM_A_HEAD_CAPABILITIES);
	ASSERT_EQ(0, pipe(report));
	for (int i = 0; i < 10; i++) {
		pid_t pid;

		ASSERT_EQ(0, module_unload_patiently());
		drain(&self->controller);
		pid = fork();
		ASSERT_LE(0, pid);
		if (pid == 0)
			ask_at_once(self, report[1]);
		sleep_ms(50);
		ASSERT_EQ(0, module_load(""));
		ASSERT_EQ(sizeof(found), read(report[0], &found, sizeof(found)));
		EXPECT_EQ(all, found);
		waitpid(pid, NULL, 0);
	}
	close(report[0]);
	close(report[1]);
}

/* A dump that is not read to its end keeps the module. */
TEST_F_TIMEOUT(lifecycle, dump_under_way, 240)
{
	/* More than the kernel prepares ahead: some 32 KiB. */
	static pid_t pids[600];
	static char buf[8192];
	struct nl nl;

	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = spawn(false);
		ASSERT_LT(0, pids[i]);
	}
	ASSERT_EQ(0, nl_open(&nl));
	request(&nl, DYNMEM_CMD_PROCESS_GET, NLM_F_DUMP);
	put_u32(DYNMEM_A_PROCESS_SELECT, DYNMEM_SELECT_ALL);
	ASSERT_LT(0, mnl_socket_sendto(nl.sk, nl_request, nl_request->nlmsg_len));
	ASSERT_LT(0, recv(mnl_socket_get_fd(nl.sk), buf, sizeof(buf), 0));
	EXPECT_EQ(-EAGAIN, module_unload());
	nl_close(&nl);
	EXPECT_EQ(0, module_unload_patiently());
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		reap(pids[i]);
}

TEST_F(lifecycle, parameters)
{
	static const struct {
		const char *text;
		int error;
	} bad[] = {
		{ "threshold_low=1125899906842625", -ERANGE },
		{ "stall_low=1001", -ERANGE },
		{ "window=99999999", -ERANGE },
		{ "hold=3600000000001", -ERANGE },
		{ "min_interval=60000000001", -ERANGE },
		{ "sample_min=999999", -ERANGE },
		{ "sample_max=60000000001", -ERANGE },
		{ "fill_rate=1048575", -ERANGE },
		{ "refault_cost=10000001", -ERANGE },
		{ "ksm_interval=9999999", -ERANGE },
		{ "hold=x", -EINVAL },
		{ "sample_min=2000000000", -EINVAL },
		{ "stall_low=100 stall_medium=50", -EINVAL },
		{ "threshold_low=1000 threshold_medium=2000", -EINVAL },
	};
	struct nl nl;

	ASSERT_EQ(0, module_unload());
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(bad[i].error, module_load(bad[i].text))
		{
			TH_LOG("%s", bad[i].text);
		}
		module_unload();
	}
	/* Good ones are what DEFAULTS goes back to. */
	ASSERT_EQ(0, module_load("hold=5000000000 threshold_low=123456789"));
	ASSERT_EQ(0, nl_open(&nl));
	ASSERT_EQ(0, provoke(&nl));
	request(&nl, DYNMEM_CMD_CONFIG_SET, NLM_F_ACK);
	put_raw(DYNMEM_A_CONFIG_DEFAULTS, NULL, 0);
	ASSERT_EQ(0, transact(&nl, NULL, 0));
	ASSERT_EQ(0, ask(&nl, DYNMEM_CMD_CONFIG_GET, &self->a));
	EXPECT_EQ(5 * NSEC_PER_SEC, get(&self->a, DYNMEM_A_CONFIG_HOLD));
	EXPECT_EQ(123456789, get(&self->a, DYNMEM_A_CONFIG_THRESHOLD_LOW));
	EXPECT_LE(get(&self->a, DYNMEM_A_CONFIG_THRESHOLD_MEDIUM), 123456789);
	nl_close(&nl);
	ASSERT_EQ(0, module_unload());
}

/* Under an emulator on a busy machine fifty take minutes. */
static int loads_wanted(void)
{
	const char *text = getenv("DYNMEM_LOADS");

	return text ? atoi(text) : 50;
}

/* One that listens and asks without end, whatever happens to the module. */
_Noreturn static void pester(unsigned int kind)
{
	static struct nl_answer answers[64];
	struct nl events, requests;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (nl_open(&events) < 0 || nl_open(&requests) < 0) {
			nl_close(&events);
			continue;
		}
		join(&events, events.pressure_group);
		join(&events, events.ksm_group);
		for (int i = 0; i < 20; i++) {
			if (ask(&requests, DYNMEM_CMD_PRESSURE_GET, &answers[0]) < 0)
				break;
			ask(&requests, DYNMEM_CMD_KSM_GET, &answers[0]);
			next_event(&events, &answers[0], 20);
			request(&requests, kind ? DYNMEM_CMD_STALL_GET : DYNMEM_CMD_PROCESS_GET,
				NLM_F_DUMP);
			transact(&requests, answers, ARRAY_LEN(answers));
			request(&requests, DYNMEM_CMD_CGROUP_GET, NLM_F_DUMP);
			transact(&requests, answers, ARRAY_LEN(answers));
		}
		nl_close(&events);
		nl_close(&requests);
	}
}

/* One that presses the host into its swap, stops, and again. */
_Noreturn static void press(void)
{
	struct eater e;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (eater_start(&e) == 0)
			eat(&e, pressing_bytes());
		eater_stop(&e);
		sleep_ms(100);
	}
}

TEST_F_TIMEOUT(lifecycle, under_reclaim, 400)
{
	long long stalls = number_of("/proc/vmstat", "pgscan_direct");
	uint64_t start = now_ns(), unloading = 0, longest = 0, t;
	pid_t pids[3];
	int loads = loads_wanted();

	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (pids[i] == 0) {
			/* It and its eater go together. */
			setpgid(0, 0);
			if (i < 2)
				pester(i == 1);
			press();
		}
	}
	/* Until there is reclaim, and then some rounds of it. */
	for (int i = 0; i < loads; i++) {
		t = now_ns();
		ASSERT_EQ(0, module_unload_patiently());
		t = now_ns() - t;
		unloading += t;
		longest = t > longest ? t : longest;
		sleep_ms(i % 4 * 10);
		ASSERT_EQ(0, module_load(""));
		sleep_ms(50 + i % 5 * 50);
		/* Not over before any reclaim was. */
		if (i == loads - 1 && number_of("/proc/vmstat", "pgscan_direct") == stalls &&
		    now_ns() - start < 300 * NSEC_PER_SEC)
			i--;
	}
	stalls = number_of("/proc/vmstat", "pgscan_direct") - stalls;
	TH_LOG("%d unloads in %llu ms, of which unloading %llu, the longest %llu; direct reclaim scanned %lld pages",
	       loads, (unsigned long long)(now_ns() - start) / NSEC_PER_MSEC,
	       (unsigned long long)unloading / NSEC_PER_MSEC,
	       (unsigned long long)longest / NSEC_PER_MSEC, stalls);
	EXPECT_LT(0, stalls);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		kill(-pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	ASSERT_EQ(0, resolve(&self->events, NULL));
	EXPECT_EQ(0, ask(&self->events, DYNMEM_CMD_PRESSURE_GET, &self->a));
}

TEST_HARNESS_MAIN
