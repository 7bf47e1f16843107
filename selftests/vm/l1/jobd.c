// SPDX-License-Identifier: GPL-2.0
/*
 * jobd - runs the lab's job in the host machine under test
 *
 * The job's output leaves the machine through virtio-serial ports, so that
 * it never mixes with the kernel's console:
 *
 *   lab.out, lab.err   what the job writes (with -t both go to lab.out)
 *   lab.in             what the job reads (with -t only; else /dev/null)
 *   lab.ctl            lines, to the machine that runs the lab:
 *                        up             about to start the job
 *                        exit STATUS    128 + signal when a signal ended it
 *                      and from it:
 *                        winsize ROWS COLUMNS
 *
 * A port can be opened by one process at a time, so the job gets pipes (or,
 * with -t, a pseudo-terminal) and jobd copies.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORTS_DIR "/sys/class/virtio-ports"

/*
 * How long to wait for more output after the job has ended: a process that it
 * left behind may hold the pipes open for ever.
 */
#define DRAIN_MS 500

struct lab_job {
	bool tty;
	pid_t pid;
	int ctl;     /* lab.ctl */
	int port_in; /* lab.in, -1 without -t */
	int port_out, port_err;
	int out, err; /* our ends; with -t both directions go through out */
	int sigfd;
};

static void fail(const char *what)
{
	fprintf(stderr, "jobd: %s: %s\n", what, strerror(errno));
	exit(125);
}

/* Opens the virtio-serial port NAME; its device node has another name. */
static int open_port(const char *name)
{
	char path[300], line[64];
	struct dirent *entry;
	DIR *dir;
	int fd = -1;

	dir = opendir(PORTS_DIR);
	if (!dir)
		fail(PORTS_DIR);
	while (fd < 0 && (entry = readdir(dir))) {
		FILE *file;

		snprintf(path, sizeof(path), PORTS_DIR "/%s/name", entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(line, sizeof(line), file)) {
			line[strcspn(line, "\n")] = '\0';
			if (!strcmp(line, name)) {
				snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
				fd = open(path, O_RDWR | O_CLOEXEC);
				if (fd < 0)
					fail(path);
			}
		}
		fclose(file);
	}
	closedir(dir);
	if (fd < 0) {
		errno = ENODEV;
		fail(name);
	}
	return fd;
}

/* Returns false once FD takes nothing any more. */
static bool write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		size -= n;
	}
	return true;
}

__attribute__((format(printf, 2, 3))) static void report(const struct lab_job *job,
							 const char *format, ...)
{
	char line[64];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	write_all(job->ctl, line, n);
}

/* Copies what is there; false at the end of FROM. */
static bool copy(int from, int to)
{
	char buffer[65536];
	ssize_t n = read(from, buffer, sizeof(buffer));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	return n > 0 && write_all(to, buffer, n);
}

static void handle_ctl(const struct lab_job *job)
{
	char line[128];
	ssize_t n = read(job->ctl, line, sizeof(line) - 1);
	struct winsize size = {};
	const char *last;

	if (n <= 0)
		return;
	line[n] = '\0';
	/* Only the newest of several sizes matters. */
	last = strstr(line, "winsize ");
	for (const char *next = last; next; next = strstr(next + 1, "winsize "))
		last = next;
	if (last && job->tty && sscanf(last, "winsize %hu %hu", &size.ws_row, &size.ws_col) == 2)
		ioctl(job->out, TIOCSWINSZ, &size);
}

static void run_child(char **argv)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "jobd: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void start_on_tty(struct lab_job *job, char **argv)
{
	job->pid = forkpty(&job->out, NULL, NULL, NULL);
	if (job->pid < 0)
		fail("forkpty");
	if (!job->pid)
		run_child(argv);
	job->err = -1;
}

static void start_on_pipes(struct lab_job *job, char **argv)
{
	int out[2], err[2];

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		fail("pipe");
	job->pid = fork();
	if (job->pid < 0)
		fail("fork");
	if (!job->pid) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		setsid();
		if (null < 0 || dup2(null, 0) < 0 || dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0)
			_exit(125);
		run_child(argv);
	}
	close(out[1]);
	close(err[1]);
	job->out = out[0];
	job->err = err[0];
}

/* Copies until the job has ended and its output is empty; its wait status. */
static int serve(struct lab_job *job)
{
	struct pollfd fds[] = {
		{ .fd = job->out, .events = POLLIN },	  { .fd = job->err, .events = POLLIN },
		{ .fd = job->port_in, .events = POLLIN }, { .fd = job->ctl, .events = POLLIN },
		{ .fd = job->sigfd, .events = POLLIN },
	};
	bool ended = false;
	int status = 0;

	while (!ended || fds[0].fd >= 0 || fds[1].fd >= 0) {
		int n = poll(fds, 5, ended ? DRAIN_MS : -1);

		if (n < 0 && errno != EINTR)
			fail("poll");
		if (n == 0)
			break;
		if (n < 0)
			continue;
		if (fds[0].revents && !copy(job->out, job->port_out))
			fds[0].fd = -1;
		if (fds[1].revents && !copy(job->err, job->port_err))
			fds[1].fd = -1;
		/* POLLHUP alone: nobody at the other end yet. */
		if (fds[2].revents & POLLIN && !copy(job->port_in, job->out))
			fds[2].fd = -1;
		if (fds[3].revents & POLLIN)
			handle_ctl(job);
		if ((fds[2].revents | fds[3].revents) & POLLHUP)
			poll(NULL, 0, 50);
		if (fds[4].revents) {
			struct signalfd_siginfo info;

			if (read(job->sigfd, &info, sizeof(info)) < 0)
				fail("signalfd");
			if (waitpid(job->pid, &status, WNOHANG) == job->pid) {
				ended = true;
				fds[2].fd = fds[3].fd = fds[4].fd = -1;
			}
		}
	}
	return status;
}

int main(int argc, char **argv)
{
	struct lab_job job = { .port_in = -1, .port_err = -1 };
	sigset_t mask;
	int status;

	if (argc > 1 && !strcmp(argv[1], "-t")) {
		job.tty = true;
		argc--;
		argv++;
	}
	if (argc < 2) {
		fprintf(stderr, "usage: jobd [-t] COMMAND [ARGUMENT...]\n");
		return 125;
	}

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	job.sigfd = signalfd(-1, &mask, SFD_CLOEXEC);
	if (job.sigfd < 0)
		fail("signalfd");

	job.ctl = open_port("lab.ctl");
	job.port_out = open_port("lab.out");
	if (job.tty)
		job.port_in = open_port("lab.in");
	else
		job.port_err = open_port("lab.err");

	report(&job, "up\n");
	if (job.tty)
		start_on_tty(&job, argv + 1);
	else
		start_on_pipes(&job, argv + 1);
	status = serve(&job);
	status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	report(&job, "exit %d\n", status);
	return status;
}
