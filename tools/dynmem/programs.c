// SPDX-License-Identifier: GPL-2.0
#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util.h"
#include "out.h"

/* qm is in /usr/sbin, which sudo and su do not always have in the path. */
static char *search_path(void)
{
	const char *path = getenv("PATH");
	char *all;

	return asprintf(&all, "%s:/usr/sbin:/sbin:/usr/bin:/bin", path ? path : "") < 0 ? NULL
											: all;
}

/* Returns its path, or NULL. */
static char *find(const char *name)
{
	_cleanup_(freep) char *all = search_path();
	char *rest = all, *folder;

	while ((folder = strsep(&rest, ":"))) {
		char *path;

		if (!*folder || asprintf(&path, "%s/%s", folder, name) < 0)
			continue;
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

bool program_exists(const char *name)
{
	_cleanup_(freep) char *path = find(name);

	return path;
}

/* All of it is read, so that the program never waits; the start is kept. */
static void read_out(int fd, char out[static PROGRAM_OUT_MAX])
{
	char rest[512];
	size_t len = 0;
	ssize_t n;

	for (;;) {
		bool full = len == PROGRAM_OUT_MAX - 1;

		n = read(fd, full ? rest : out + len,
			 full ? sizeof(rest) : PROGRAM_OUT_MAX - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (!full)
			len += n;
	}
	while (len && out[len - 1] == '\n')
		len--;
	out[len] = 0;
	for (char *p = out; *p; p++)
		if (*p == '\n')
			*p = ' ';
}

static int start(pid_t *ret, const char *path, const char *const *argv, int out)
{
	posix_spawn_file_actions_t actions;
	int r = -posix_spawn_file_actions_init(&actions);

	if (r < 0)
		return r;
	r = -posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = -posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = -posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	if (r == 0)
		r = -posix_spawn(ret, path, &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

int program_run(const char *const *argv, char out[static PROGRAM_OUT_MAX])
{
	_cleanup_(freep) char *path = find(argv[0]);
	int fds[2], status, r;
	pid_t pid;

	*out = 0;
	if (!path)
		return -ENOENT;
	setenv("LC_ALL", "C", 1);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r = start(&pid, path, argv, fds[1]);
	close(fds[1]);
	if (r == 0)
		read_out(fds[0], out);
	close(fds[0]);
	if (r)
		return r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void print_quoted(const char *word)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=+,@%";

	if (*word && !word[strspn(word, plain)]) {
		fputs(word, stdout);
		return;
	}
	putchar('\'');
	for (const char *p = out_safe(word); *p; p++)
		if (*p == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*p);
	putchar('\'');
}

void program_print(const char *const *argv)
{
	for (size_t i = 0; argv[i]; i++) {
		if (i)
			putchar(' ');
		print_quoted(argv[i]);
	}
	putchar('\n');
}
