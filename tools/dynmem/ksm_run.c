// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem ksm run: a program that asks for merging, and what it saved.
 *
 * prctl(PR_SET_MEMORY_MERGE) makes all anonymous memory of a process mergeable. It is
 * inherited by fork() from Linux 6.4 on, and by exec() from 6.12 on.
 */
#include "ksm_view.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "common/util.h"
#include "out.h"

#define SCHEMA 1 /* of --json, see out_new() */

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

/* As env and nice have it: the command was found but cannot be run, or was not found. */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND	127

/* ksmd needs seconds for a scan; more often shows nothing new. */
#define SAMPLE_USEC (500 * USEC_PER_MSEC)

struct tally {
	uint64_t before, after; /* saved on the whole host */
	uint64_t saved;		/* most, by the program's processes */
	int64_t profit;		/* then */
};

static pid_t child;

static void forward(int sig)
{
	kill(child, sig);
}

/* exec() keeps the request from 6.12 on; prctl() does not report whether it will. */
static bool exec_forgets(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	if (uname(&u) < 0 || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return false;
	return major < 6 || (major == 6 && minor < 12);
}

static int refuse(int error)
{
	switch (error) {
	case EINVAL:
		fprintf(stderr,
			"dynmem ksm run: this kernel cannot make a whole process mergeable: that takes Linux 6.4 built with KSM, and 6.12 to keep it over exec\n");
		break;
	case EPERM:
		fprintf(stderr,
			"dynmem ksm run: asking for merging needs CAP_SYS_RESOURCE: run it as root\n");
		break;
	default:
		fprintf(stderr, "dynmem ksm run: prctl(PR_SET_MEMORY_MERGE): %s\n",
			strerror(error));
	}
	return EXIT_FAILURE;
}

/* All mergeable processes of the program: its children, and theirs, as well. */
static void sample(struct tally *t)
{
	struct ksm_host host;
	struct ksm_table table;
	uint64_t saved = 0;
	int64_t profit = 0;

	if (ksm_read_host(&host) < 0 || ksm_read_table(&host, KSM_BY_PROCESS, false, &table) < 0)
		return;
	for (size_t i = 0; i < table.n; i++) {
		if (!ksm_descends(table.rows[i].pid, getpid()))
			continue;
		saved += table.rows[i].saved;
		profit += table.rows[i].profit;
	}
	ksm_table_free(&table);
	t->after = host.saved;
	if (saved >= t->saved) {
		t->saved = saved;
		t->profit = profit;
	}
}

static void start(char **argv)
{
	execvp(argv[0], argv);
	fprintf(stderr, "dynmem ksm run: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

static void report(bool json, const struct ksm_host *host, const struct tally *t)
{
	char a[OUT_BYTES_MAX], b[OUT_BYTES_MAX], c[OUT_BYTES_MAX], d[OUT_BYTES_MAX];
	struct json_object *o;

	if (json) {
		o = out_new(SCHEMA);
		out_add_u64(o, "saved", t->saved);
		out_add_i64(o, "profit", t->profit);
		out_add_u64(o, "host-saved-before", t->before);
		out_add_u64(o, "host-saved-after", t->after);
		fprintf(stderr, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
		json_object_put(o);
		return;
	}
	fprintf(stderr,
		"dynmem ksm run: KSM saved at most %s in this program (profit %s); on the host %s before, %s at last\n",
		out_bytes(t->saved, a), out_bytes_signed(t->profit, b), out_bytes(t->before, c),
		out_bytes(t->after, d));
	if (!t->saved && host->run != 1)
		fprintf(stderr,
			"dynmem ksm run: ksmd is stopped: 'echo 1 >/sys/kernel/mm/ksm/run' starts it\n");
}

int ksm_run(bool json, char **argv)
{
	struct sigaction act = { .sa_handler = forward };
	struct tally t = { 0 };
	struct ksm_host host;
	int status = 0;

	if (ksm_read_host(&host) < 0) {
		fprintf(stderr, "dynmem ksm run: this kernel has no KSM\n");
		return EXIT_FAILURE;
	}
	t.before = host.saved;
	if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0) < 0)
		return refuse(errno);
	/* One whose parent has ended is still the program's. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (exec_forgets())
		fprintf(stderr,
			"dynmem ksm run: kernels before 6.12 forget the request when a program is executed: only what it allocates by fork() without exec() is merged\n");
	child = fork();
	if (child < 0) {
		fprintf(stderr, "dynmem ksm run: cannot start a process: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	if (child == 0)
		start(argv);
	/* Not for this process: its own pages would be counted as the host's. */
	prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	/* The terminal sends these to the program, too. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (waitpid(child, &status, WNOHANG) == 0) {
		sample(&t);
		usleep(SAMPLE_USEC);
	}
	report(json, &host, &t);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
