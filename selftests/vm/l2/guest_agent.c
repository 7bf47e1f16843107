// SPDX-License-Identifier: GPL-2.0
/*
 * agent - does inside a guest what a test asks for
 *
 * Reads lines "ID COMMAND [ARGUMENT...]" from the virtio-serial port
 * "agent" and answers each with one line, "ID ok [NAME=VALUE...]" or
 * "ID error TEXT". The commands are in the table at the end. Sizes are bytes,
 * or have a suffix K, M or G.
 *
 * Memory is held by a child, the holder, so that it, and not the agent, is
 * what the guest's OOM killer kills; the agent says so and goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "holder.h"
#include "size.h"

#define PORTS_DIR      "/sys/class/virtio-ports"
#define DISK	       "/dev/vda"
#define DISK_READAHEAD "/sys/block/vda/queue/read_ahead_kb"
#define LINE_MAX_BYTES 512

/* To whoever sends us requests; open as long as we live. */
static int port_fd = -1;

/* Where the holder answers; one datagram a message. */
static int holder_fd = -1;
static pid_t holder_pid;

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Reads the number after NAME in a file like /proc/vmstat or /proc/meminfo. */
static int read_counter(const char *path, const char *name, unsigned long long *ret_value)
{
	FILE *file = fopen(path, "re");
	char line[256], key[128];
	unsigned long long value;
	int ret = -ENOENT;

	if (!file)
		return -errno;
	while (ret && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%127[^: ]%*[: ]%llu", key, &value) == 2 && !strcmp(key, name)) {
			*ret_value = value;
			ret = 0;
		}
	}
	fclose(file);
	return ret;
}

static int start_holder(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	holder_pid = fork();
	if (holder_pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return -errno;
	}
	if (!holder_pid) {
		write_file("/proc/self/oom_score_adj", "500");
		close(fds[0]);
		/* A port can be opened but once, so don't keep it open. */
		close(port_fd);
		holder_main(fds[1]);
	}
	close(fds[1]);
	holder_fd = fds[0];
	return 0;
}

static void reap_holder(char *answer, size_t size)
{
	int status = 0;

	close(holder_fd);
	holder_fd = -1;
	waitpid(holder_pid, &status, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		snprintf(answer, size, "error killed: the guest ran out of memory");
	else
		snprintf(answer, size, "error the holder died, wait status %d", status);
}

/* Has the holder do the command; a holder that died is replaced. */
static void do_hold(char *args, const char *command, char *answer, size_t size)
{
	char request[LINE_MAX_BYTES];
	ssize_t n;

	if (holder_fd < 0 && start_holder()) {
		snprintf(answer, size, "error no memory for the holder");
		return;
	}
	n = snprintf(request, sizeof(request), "%s %s", command, args);
	if (send(holder_fd, request, n, MSG_NOSIGNAL) < 0) {
		reap_holder(answer, size);
		return;
	}
	n = recv(holder_fd, answer, size - 1, 0);
	if (n <= 0)
		reap_holder(answer, size);
	else
		answer[n] = '\0';
}

static void do_ping(char *args, const char *command, char *answer, size_t size)
{
	(void)args;
	(void)command;
	snprintf(answer, size, "ok");
}

/*
 * readcache SIZE: reads the first SIZE of the disk through the page cache. The
 * disk stays open, since the last close would drop what is cached of it.
 */
static void do_readcache(char *args, const char *command, char *answer, size_t size)
{
	static char buffer[1 << 20];
	static int fd = -1;
	unsigned long long want, have = 0;
	ssize_t n;

	(void)command;
	if (parse_size(args, &want)) {
		snprintf(answer, size, "error '%s' is no size", args);
		return;
	}
	/* Each request costs an exit, in an emulated host a dear one: few and large. */
	if (fd < 0) {
		write_file(DISK_READAHEAD, "2048");
		fd = open(DISK, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0) {
		snprintf(answer, size, "error %s: %s", DISK, strerror(errno));
		return;
	}
	while (have < want) {
		size_t part = want - have < sizeof(buffer) ? want - have : sizeof(buffer);

		n = pread(fd, buffer, part, have);
		if (n <= 0)
			break;
		have += n;
	}
	if (have < want)
		snprintf(answer, size, "error only %llu bytes could be read from %s", have, DISK);
	else
		snprintf(answer, size, "ok read=%llu", have);
}

static void do_dropcache(char *args, const char *command, char *answer, size_t size)
{
	int ret = write_file("/proc/sys/vm/drop_caches", "3");

	(void)args;
	(void)command;
	if (ret)
		snprintf(answer, size, "error drop_caches: %s", strerror(-ret));
	else
		snprintf(answer, size, "ok");
}

static void do_meminfo(char *args, const char *command, char *answer, size_t size)
{
	static const struct {
		const char *file_name;
		const char *name;
	} counters[] = {
		{ "MemTotal", "total" },  { "MemFree", "free" },  { "MemAvailable", "available" },
		{ "Buffers", "buffers" }, { "Cached", "cached" }, { "AnonPages", "anon" },
	};
	size_t used = snprintf(answer, size, "ok");

	(void)args;
	(void)command;
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		unsigned long long kib = 0;

		read_counter("/proc/meminfo", counters[i].file_name, &kib);
		used += snprintf(answer + used, size - used, " %s=%llu", counters[i].name,
				 kib * 1024);
	}
}

static void do_vmstat(char *args, const char *command, char *answer, size_t size)
{
	unsigned long long value;

	(void)command;
	if (read_counter("/proc/vmstat", args, &value))
		snprintf(answer, size, "error /proc/vmstat has no counter '%s'", args);
	else
		snprintf(answer, size, "ok %s=%llu", args, value);
}

static void do_oom_count(char *args, const char *command, char *answer, size_t size)
{
	(void)args;
	do_vmstat((char[]){ "oom_kill" }, command, answer, size);
}

static void do_rmmod(char *args, const char *command, char *answer, size_t size)
{
	(void)command;
	if (syscall(SYS_delete_module, args, O_NONBLOCK))
		snprintf(answer, size, "error rmmod %s: %s", args, strerror(errno));
	else
		snprintf(answer, size, "ok");
}

static void do_insmod(char *args, const char *command, char *answer, size_t size)
{
	char path[LINE_MAX_BYTES];
	int fd;

	(void)command;
	snprintf(path, sizeof(path), "/lib/%s.ko", args);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		snprintf(answer, size, "error insmod %s: %s", path, strerror(errno));
	else
		snprintf(answer, size, "ok");
	if (fd >= 0)
		close(fd);
}

/* sh COMMAND: busybox' shell; the answer is its status, output is discarded. */
static void do_sh(char *args, const char *command, char *answer, size_t size)
{
	int status = system(args);

	(void)command;
	if (status < 0 || !WIFEXITED(status))
		snprintf(answer, size, "error '%s' could not be run", args);
	else
		snprintf(answer, size, "%s status=%d", WEXITSTATUS(status) ? "error" : "ok",
			 WEXITSTATUS(status));
}

static void do_reboot(char *args, const char *command, char *answer, size_t size)
{
	int how = !strcmp(command, "poweroff") ? RB_POWER_OFF : RB_AUTOBOOT;

	(void)args;
	/* The answer has to leave before the machine does. */
	if (fork() == 0) {
		usleep(200000);
		reboot(how);
		_exit(1);
	}
	snprintf(answer, size, "ok");
}

static void do_help(char *args, const char *command, char *answer, size_t size);

static const struct {
	const char *name;
	void (*run)(char *args, const char *command, char *answer, size_t size);
} commands[] = {
	{ "ping", do_ping },	       { "touch", do_hold }, /* SIZE [same]: hold that much more */
	{ "free", do_hold },	/* [SIZE]: give the newest back, or all */
	{ "redirty", do_hold }, /* write to every page held */
	{ "differ", do_hold },	/* the same, with contents of its own */
	{ "busy", do_hold },	/* SIZE: rewrite that much a second, 0: stop */
	{ "held", do_hold },	/* how much is held */
	{ "readcache", do_readcache }, { "dropcache", do_dropcache },
	{ "meminfo", do_meminfo },     { "vmstat", do_vmstat }, /* COUNTER of /proc/vmstat */
	{ "oom-count", do_oom_count }, { "rmmod", do_rmmod },
	{ "insmod", do_insmod },       { "sh", do_sh },
	{ "reboot", do_reboot },       { "poweroff", do_reboot },
	{ "help", do_help },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void do_help(char *args, const char *command, char *answer, size_t size)
{
	size_t used = snprintf(answer, size, "ok");

	(void)args;
	(void)command;
	for (size_t i = 0; i < COMMANDS && used < size; i++)
		used += snprintf(answer + used, size - used, " %s", commands[i].name);
}

static void answer_line(char *line)
{
	char answer[LINE_MAX_BYTES];
	char *id = strsep(&line, " ");
	char *command = line ? strsep(&line, " ") : NULL;
	size_t i;

	if (!command)
		return;
	for (i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, command))
			break;
	if (i < COMMANDS)
		commands[i].run(line ? line : (char[]){ "" }, command, answer, sizeof(answer));
	else
		snprintf(answer, sizeof(answer), "error unknown command '%s'", command);
	dprintf(port_fd, "%s %s\n", id, answer);
}

/* The port's device node is the only one here, whatever its number. */
static int open_port(void)
{
	int fd = -1;

	for (int i = 0; fd < 0 && i < 32; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/vport%dp1", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	return fd;
}

/*
 * While nobody is connected the port reads as at its end, without waiting. A
 * SIGIO reports when that changes; the time-out is for one that came too early.
 */
static void wait_for_peer(void)
{
	static const struct timespec timeout = { .tv_sec = 1 };
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGIO);
	sigtimedwait(&mask, NULL, &timeout);
}

static void serve(void)
{
	char line[LINE_MAX_BYTES];
	size_t used = 0;

	for (;;) {
		ssize_t n = read(port_fd, line + used, sizeof(line) - 1 - used);
		char *end;

		if (n <= 0) {
			used = 0;
			wait_for_peer();
			continue;
		}
		used += n;
		line[used] = '\0';
		/* One question at a time: more only comes after our answer. */
		end = strchr(line, '\n');
		if (end) {
			*end = '\0';
			answer_line(line);
			used = 0;
		} else if (used == sizeof(line) - 1) {
			used = 0;
		}
	}
}

int main(void)
{
	sigset_t mask;

	if (write_file("/proc/self/oom_score_adj", "-1000"))
		perror("agent: oom_score_adj");
	/* A guest pressed for memory must still be able to answer. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		perror("agent: mlockall");

	sigemptyset(&mask);
	sigaddset(&mask, SIGIO);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	port_fd = open_port();
	if (port_fd < 0) {
		fprintf(stderr, "agent: there is no virtio-serial port\n");
		return 1;
	}
	if (fcntl(port_fd, F_SETOWN, getpid()) || fcntl(port_fd, F_SETFL, O_ASYNC))
		perror("agent: SIGIO");
	serve();
}
