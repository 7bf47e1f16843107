// SPDX-License-Identifier: GPL-2.0
/* The daemon as a process: how it starts, reloads, ends, and says so. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "dynmemd/daemon.h"
#include "dynmemd_world.h"

struct process {
	char folder[64];
	char conf[96];
	pid_t pid;
	int log;	    /* its stderr */
	int notify;	    /* its notifications */
	char logged[16384]; /* all of its log */
	size_t logged_len;
	char notified[1024]; /* all of its notifications */
};

static void open_folder(struct process *p)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memset(p, 0, sizeof(*p));
	strcpy(p->folder, "/tmp/dynmem-test-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->conf, sizeof(p->conf), "%s/conf", p->folder);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", p->folder);
	p->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(p->notify, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setenv("NOTIFY_SOCKET", addr.sun_path, true);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", true);
	unsetenv("JOURNAL_STREAM");
	setenv("STATE_DIRECTORY", p->folder, true);
}

static void close_folder(struct process *p)
{
	char command[128];

	close(p->notify);
	close(p->log);
	snprintf(command, sizeof(command), "rm -r %s", p->folder);
	assert_int_equal(system(command), 0);
}

static void start(struct process *p, const struct options *options)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		_exit(daemon_run(options));
	}
	close(fds[1]);
	p->log = fds[0];
	fcntl(p->log, F_SETFL, O_NONBLOCK);
}

/* Its log has no reader any more. */
static void close_log(struct process *p)
{
	close(p->log);
	p->log = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Reads what has come from it. */
static void hear(struct process *p)
{
	char text[256];
	ssize_t n;

	n = read(p->log, p->logged + p->logged_len, sizeof(p->logged) - 1 - p->logged_len);
	if (n > 0)
		p->logged_len += n;
	while ((n = recv(p->notify, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = 0;
		strcat(p->notified, text);
		strcat(p->notified, "\n");
	}
}

#define hear_until(p, condition)                                   \
	do {                                                       \
		for (int _i = 0; _i < 500 && !(condition); _i++) { \
			usleep(10000);                             \
			hear(p);                                   \
		}                                                  \
		if (!(condition))                                  \
			print_error("logged:\n%s", (p)->logged);   \
		assert_true(condition);                            \
	} while (0)

static int wait_end(struct process *p)
{
	int status = 0;

	for (int i = 0; i < 500; i++) {
		hear(p);
		if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
			hear(p);
			assert_true(WIFEXITED(status));
			return WEXITSTATUS(status);
		}
		usleep(10000);
	}
	kill(p->pid, SIGKILL);
	fail_msg("it did not end; it logged:\n%s", p->logged);
	return -1;
}

static void test_bad_configuration(_unused_ void **state)
{
	struct options o = { .config_required = true };
	struct process p;

	open_folder(&p);
	write_text(p.conf, "[daemon]\nmode = mange\n");
	o.config = p.conf;
	start(&p, &o);
	assert_int_equal(wait_end(&p), EXIT_CONFIG);
	assert_non_null(
		strstr(p.logged, "/conf:2: mode = mange: not valid; allowed: observe, manage\n"));
	assert_string_equal(p.notified, "");
	close(p.log);

	o.config = "/nonexistent/conf";
	start(&p, &o);
	assert_int_equal(wait_end(&p), EXIT_CONFIG);
	assert_non_null(strstr(p.logged, "/nonexistent/conf: cannot be read"));
	close_folder(&p);
}

static void test_no_module(_unused_ void **state)
{
	struct options o = { .config_required = true };
	struct process p;

	if (access("/sys/module/dynmem", F_OK) == 0)
		skip();
	open_folder(&p);
	write_text(p.conf, "[daemon]\nsource = genl\n");
	o.config = p.conf;
	start(&p, &o);
	assert_int_equal(wait_end(&p), EXIT_NO_MODULE);
	assert_non_null(strstr(p.logged, "load the module with 'modprobe dynmem'"));
	assert_string_equal(p.notified, "");
	close_folder(&p);
}

static void test_life(_unused_ void **state)
{
	struct options o = { .config_required = true, .dry_run = true };
	struct process p;

	open_folder(&p);
	write_text(p.conf, "[daemon]\nmode = manage\nsource = procfs\n");
	o.config = p.conf;
	start(&p, &o);
	hear_until(&p, strstr(p.notified, "READY=1"));
	hear_until(&p, strstr(p.logged, "mode dry-run"));

	/* What is wrong is not taken, and it lives on. */
	p.notified[0] = 0;
	write_text(p.conf, "[daemon]\nmode = mange\n");
	assert_int_equal(kill(p.pid, SIGHUP), 0);
	hear_until(&p, strstr(p.notified, "RELOADING=1"));
	hear_until(&p, strstr(p.notified, "READY=1"));
	hear_until(&p, strstr(p.logged, "the last good one stays in force"));

	write_text(p.conf, "[daemon]\nmode = manage\nsource = procfs\n");
	assert_int_equal(kill(p.pid, SIGHUP), 0);
	hear_until(&p, strstr(p.logged, "configuration read anew"));

	assert_int_equal(kill(p.pid, SIGTERM), 0);
	assert_int_equal(wait_end(&p), 0);
	assert_non_null(strstr(p.notified, "STOPPING=1"));
	close_folder(&p);
}

/* What it logs to is closed when it starts: nothing else gets the log. */
static void test_no_stdio(_unused_ void **state)
{
	struct options o = { .config_required = true, .verbose = true };
	char path[64], target[64];
	struct process p;
	ssize_t n;

	open_folder(&p);
	p.log = -1;
	write_text(p.conf, "[daemon]\nsource = procfs\n");
	o.config = p.conf;
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (p.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int fd = 0; fd < 3; fd++)
			close(fd);
		_exit(daemon_run(&o));
	}
	hear_until(&p, strstr(p.notified, "READY=1"));
	for (int fd = 0; fd < 3; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)p.pid, fd);
		n = readlink(path, target, sizeof(target) - 1);
		assert_true(n > 0);
		target[n] = 0;
		assert_string_equal(target, "/dev/null");
	}
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	assert_int_equal(wait_end(&p), 0);
	close_folder(&p);
}

/* Whoever reads its log ends: it starts, and goes on. */
static void test_log_ends(_unused_ void **state)
{
	struct options o = { .config_required = true };
	struct process p;

	open_folder(&p);
	write_text(p.conf, "[daemon]\nsource = procfs\n");
	o.config = p.conf;
	start(&p, &o);
	close_log(&p);
	hear_until(&p, strstr(p.notified, "READY=1"));
	for (int i = 0; i < 2; i++) {
		p.notified[0] = 0;
		assert_int_equal(kill(p.pid, SIGHUP), 0);
		hear_until(&p, strstr(p.notified, "READY=1"));
	}
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	assert_int_equal(wait_end(&p), 0);
	close_folder(&p);
}

/*
 * A second one that would write is refused, a dry run goes on beside the first and leaves
 * its state alone; what a killed one leaves behind keeps nobody out.
 */
static void test_two_at_once(_unused_ void **state)
{
	struct options o = { .config_required = true, .mode = "manage" };
	struct options dry = { .config_required = true, .dry_run = true };
	struct process p, q = { 0 };
	char path[96], expect[64];
	struct stat before, after;
	int status;

	open_folder(&p);
	snprintf(path, sizeof(path), "%s/state", p.folder);
	write_text(p.conf, "[daemon]\nsource = procfs\n");
	/* Of another version: whoever reads it sets it aside. */
	write_text(path, "{\"dynmem-state\":9,\"time\":1}\n");
	o.config = dry.config = p.conf;
	start(&p, &o);
	hear_until(&p, strstr(p.notified, "READY=1"));
	write_text(path, "{\"dynmem-state\":9,\"time\":1}\n");
	assert_int_equal(stat(path, &before), 0);

	q.notify = p.notify;
	start(&q, &o);
	assert_int_equal(wait_end(&q), EXIT_FAILURE);
	snprintf(expect, sizeof(expect), "another dynmemd runs (pid %d)", (int)p.pid);
	assert_non_null(strstr(q.logged, expect));
	close(q.log);

	q = (struct process){ .notify = p.notify };
	start(&q, &dry);
	hear_until(&q, strstr(q.notified, "READY=1"));
	assert_int_equal(kill(q.pid, SIGTERM), 0);
	assert_int_equal(wait_end(&q), 0);
	close(q.log);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);

	assert_int_equal(kill(p.pid, SIGKILL), 0);
	assert_int_equal(waitpid(p.pid, &status, 0), p.pid);
	close(p.log);
	start(&p, &o);
	p.notified[0] = 0;
	hear_until(&p, strstr(p.notified, "READY=1"));
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	assert_int_equal(wait_end(&p), 0);
	close_folder(&p);
}

/* With a guest: adopted, and left as it is when the daemon ends. */
static void test_guest(_unused_ void **state)
{
	struct fake_qemu a = idle_guest("a");
	struct options o = { .config_required = true, .mode = "manage" };
	struct process p;
	char text[256], path[128];
	struct world w = { 0 };

	open_folder(&p);
	snprintf(text, sizeof(text), "[daemon]\nsource = procfs\n[backend qmp]\npath = %s\n",
		 p.folder);
	write_text(p.conf, text);
	o.config = p.conf;
	assert_int_equal(sd_event_new(&w.event), 0);
	snprintf(path, sizeof(path), "%s/a.sock", p.folder);
	assert_int_equal(fake_start(&a, w.event, path), 0);
	start(&p, &o);
	for (int i = 0; i < 300 && !strstr(p.logged, "guest a: found"); i++) {
		run_for(&w, 10);
		hear(&p);
	}
	assert_non_null(strstr(p.logged, "guest a: found: 1024 MiB"));
	assert_non_null(strstr(p.logged, "mode manage"));
	assert_int_equal(kill(p.pid, SIGINT), 0);
	assert_int_equal(wait_end(&p), 0);
	run_for(&w, 50);
	assert_int_equal(a.balloons, 0);
	assert_int_equal(a.fd, -1);
	fake_stop(&a, false);
	sd_event_unref(w.event);
	close_folder(&p);
}

/* A number of /proc/PID/status, of the given base; 0 if it is not there. */
static uint64_t status_of(const struct process *p, const char *key, int base)
{
	char path[64], text[8192];
	const char *line;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)p->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(n > 0);
	text[n] = 0;
	line = strstr(text, key);
	return line ? strtoull(line + strlen(key), NULL, base) : 0;
}

static int oom_score_of(const struct process *p)
{
	char path[64], text[16] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)p->pid);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	return atoi(text);
}

/* Locked in memory, safe from the OOM killer, and without root's might. */
static void test_protected(_unused_ void **state)
{
	const uint64_t kept = 1ULL << 1 /* CAP_DAC_OVERRIDE */ | 1ULL << 14 /* CAP_IPC_LOCK */ |
			      1ULL << 24 /* CAP_SYS_RESOURCE */;
	struct options o = { .config_required = true };
	struct process p;

	open_folder(&p);
	write_text(p.conf, "[daemon]\nsource = procfs\n");
	o.config = p.conf;
	start(&p, &o);
	hear_until(&p, strstr(p.notified, "READY=1"));

	assert_int_equal(status_of(&p, "\nCapPrm:", 16) & ~kept, 0);
	assert_int_equal(status_of(&p, "\nCapEff:", 16) & ~kept, 0);
	assert_int_equal(status_of(&p, "\nNoNewPrivs:", 10), 1);

	/* Where that is not permitted, it says so. */
	if (!strstr(p.logged, "cannot keep the OOM killer away"))
		assert_int_equal(oom_score_of(&p), -1000);
#ifndef __SANITIZE_ADDRESS__ /* its mlockall() does nothing */
	if (!strstr(p.logged, "cannot lock itself in memory"))
		assert_true(status_of(&p, "\nVmLck:", 10) * 10 >=
			    status_of(&p, "\nVmRSS:", 10) * 9);
#endif
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	assert_int_equal(wait_end(&p), 0);
	close_folder(&p);
}

int main(void)
{
	/* clang-format off */
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_configuration),
		cmocka_unit_test(test_no_module),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_no_stdio),
		cmocka_unit_test(test_log_ends),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_guest),
		cmocka_unit_test(test_protected),
	};
	/* clang-format on */

	return cmocka_run_group_tests_name("dynmemd_run", tests, NULL, NULL);
}
