// SPDX-License-Identifier: GPL-2.0
/* A manager without events: see poll_loop.h. */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "check.h"
#include "poll_loop.h"
#include "../netlink/mem.h"

static uint64_t allocstalls(void)
{
	uint64_t sum = 0;

	for (const char *s = slurp("/proc/vmstat"); s && (s = strstr(s, "\nallocstall_")); s++)
		sum += strtoull(s + 1 + strcspn(s + 1, " "), NULL, 10);
	return sum;
}

/* Its first command: "qmp_capabilities". Answers are of no interest. */
_Noreturn static void loop(const char *path, uint64_t period)
{
	static const char hello[] = "{\"execute\": \"qmp_capabilities\"}\n";
	static const char balloon[] =
		"{\"execute\": \"balloon\", \"arguments\": {\"value\": 134217728}}\n";
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t before = allocstalls();
	char answers[4096];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mlockall(MCL_CURRENT);
	strcpy(addr.sun_path, path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    write(fd, hello, sizeof(hello) - 1) < 0)
		_exit(1);
	for (uint64_t next = now_ns();; next += period) {
		struct timespec ts = { (time_t)(next / NSEC_PER_SEC), (long)(next % NSEC_PER_SEC) };
		uint64_t stalls;

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		while (recv(fd, answers, sizeof(answers), MSG_DONTWAIT) > 0)
			;
		stalls = allocstalls();
		if (stalls > before && write(fd, balloon, sizeof(balloon) - 1) < 0)
			_exit(1);
		before = stalls;
	}
}

pid_t poll_loop_start(const char *path, uint64_t period)
{
	pid_t pid = fork();

	if (pid == 0)
		loop(path, period);
	return pid < 0 ? -errno : pid;
}
