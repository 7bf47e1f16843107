// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dynmemd/host/procfile.h"

int proc_open(int flags, const char *format, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int n, fd;

	va_start(ap, format);
	n = vsnprintf(path, sizeof(path), format, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int proc_read(int fd, char *buf, size_t size)
{
	ssize_t n;

	if (fd < 0)
		return -EBADF;
	n = pread(fd, buf, size - 1, 0);
	if (n < 0)
		return -errno;
	buf[n] = 0;
	return (int)n;
}

int proc_read_of(const char *proc, pid_t pid, const char *name, char *buf, size_t size)
{
	_cleanup_(closep) int fd = proc_open(O_RDONLY, "%s/%d/%s", proc, (int)pid, name);

	return fd < 0 ? fd : proc_read(fd, buf, size);
}

bool proc_processes(const char *proc, bool (*fn)(void *data, pid_t pid), void *data)
{
	DIR *dir = opendir(proc);
	bool found = false;
	struct dirent *e;

	if (!dir)
		return false;
	while (!found && (e = readdir(dir))) {
		pid_t pid = strtol(e->d_name, NULL, 10);

		found = pid > 0 && fn(data, pid);
	}
	closedir(dir);
	return found;
}

bool proc_words(int fd, bool (*fn)(void *data, const char *word), void *data)
{
	char buf[4096], word[PROC_WORD_MAX];
	size_t len = 0;
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
		at += n;
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] && len + 1 < sizeof(word))
				word[len++] = buf[i];
			if (buf[i] || !len)
				continue;
			word[len] = 0;
			len = 0;
			if (fn(data, word))
				return true;
		}
	}
	word[len] = 0;
	return len && fn(data, word);
}

bool proc_kib(const char *text, const char *key, uint64_t *ret_bytes)
{
	size_t len = strlen(key);

	for (; *text; text++) {
		if (!strncmp(text, key, len)) {
			*ret_bytes = strtoull(text + len, NULL, 10) << 10;
			return true;
		}
		text = strchr(text, '\n');
		if (!text)
			break;
	}
	return false;
}

uint64_t proc_page_size(void)
{
	static uint64_t size;

	if (!size)
		size = sysconf(_SC_PAGESIZE);
	return size;
}
