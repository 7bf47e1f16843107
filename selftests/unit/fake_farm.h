/* SPDX-License-Identifier: GPL-2.0 */
/* Many fake QEMUs in a process of their own, which shares no limit with us. */
#ifndef FAKE_FARM_H
#define FAKE_FARM_H

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "dynmemd_world.h"

static inline void farm_run(const char *dir, unsigned int n, int ready)
{
	struct fake_qemu *guests = calloc(n, sizeof(*guests));
	char(*names)[16] = calloc(n, sizeof(*names));
	struct rlimit limit;
	sd_event *event;
	char path[128];

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (!guests || !names || sd_event_new(&event) < 0)
		_exit(1);
	for (unsigned int i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "g%u", i);
		snprintf(path, sizeof(path), "%s/%s.sock", dir, names[i]);
		/* A killed one leaves it behind. */
		unlink(path);
		guests[i] = idle_guest(names[i]);
		if (fake_start(&guests[i], event, path) < 0)
			_exit(1);
	}
	close(ready);
	_exit(sd_event_loop(event) < 0);
}

/* To be called first in main(): this program is a farm, if farm_start() started it. */
static inline void farm_main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[0], "farm"))
		farm_run(argv[1], (unsigned int)atoi(argv[2]), atoi(argv[3]));
}

/*
 * Starts so many, named g0, g1 ...; returns their one process. It is a program of its
 * own: what a mere fork inherits of a daemon with threads are locks that nobody releases,
 * those of the sanitizer's malloc() among them.
 */
static inline pid_t farm_start(struct world *w, unsigned int n)
{
	char number[16], fd[16], byte;
	int ready[2];
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	snprintf(number, sizeof(number), "%u", n);
	snprintf(fd, sizeof(fd), "%d", ready[1]);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		execl("/proc/self/exe", "farm", w->qmp, number, fd, NULL);
		_exit(1);
	}
	guest_cost(w, pid, 900);
	close(ready[1]);
	/* Until all of them listen. */
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	return pid;
}

/* All killed at once. */
static inline void farm_kill(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* It had not ended by itself. */
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

#endif
