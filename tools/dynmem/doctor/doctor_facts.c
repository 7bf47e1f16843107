// SPDX-License-Identifier: GPL-2.0
/* Reading /proc and /sys, or the folder of a test that looks like them. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "dynmem/doctor/doctor.h"

static bool path_of(const struct doctor *d, char path[PATH_MAX], const char *format, va_list ap)
{
	int n = snprintf(path, PATH_MAX, "%s", d->root);
	int m;

	if (n < 0 || n >= PATH_MAX)
		return false;
	m = vsnprintf(path + n, PATH_MAX - n, format, ap);
	return m >= 0 && m < PATH_MAX - n;
}

static ssize_t read_start(const char *path, char *buf, size_t size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	while (used + 1 < size && (n = read(fd, buf + used, size - 1 - used)) > 0)
		used += n;
	buf[used] = '\0';
	return (ssize_t)used;
}

ssize_t fact(const struct doctor *d, char *buf, size_t size, const char *format, ...)
{
	char path[PATH_MAX];
	ssize_t n = -1;
	va_list ap;

	*buf = '\0';
	va_start(ap, format);
	if (path_of(d, path, format, ap))
		n = read_start(path, buf, size);
	va_end(ap);
	if (n > 0 && buf[n - 1] == '\n')
		buf[--n] = '\0';
	return n;
}

bool fact_exists(const struct doctor *d, const char *format, ...)
{
	char path[PATH_MAX];
	va_list ap;
	bool fits;

	va_start(ap, format);
	fits = path_of(d, path, format, ap);
	va_end(ap);
	return fits && access(path, F_OK) == 0;
}

bool fact_u64(const struct doctor *d, uint64_t *ret, const char *format, ...)
{
	char path[PATH_MAX], text[32], *end;
	va_list ap;
	bool fits;

	va_start(ap, format);
	fits = path_of(d, path, format, ap);
	va_end(ap);
	if (!fits || read_start(path, text, sizeof(text)) <= 0 || !isdigit((unsigned char)*text))
		return false;
	*ret = strtoull(text, &end, 10);
	return *end == '\n' || *end == '\0';
}

bool fact_row(const char *text, const char *key, uint64_t *ret)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		unsigned long long value;
		char unit[4] = "";

		line += *line == '\n';
		if (strncmp(line, key, n) != 0 || !isblank((unsigned char)line[n]) ||
		    sscanf(line + n, "%llu %3[a-zA-Z]", &value, unit) < 1)
			continue;
		*ret = strcmp(unit, "kB") != 0 ? value : value << 10;
		return true;
	}
	return false;
}

bool fact_meminfo(const struct doctor *d, const char *key, uint64_t *ret)
{
	char text[DOCTOR_TEXT];

	return fact(d, text, sizeof(text), "/proc/meminfo") > 0 && fact_row(text, key, ret);
}

void fact_processes(const struct doctor *d, bool (*each)(void *data, pid_t pid, const char *comm),
		    void *data)
{
	char path[PATH_MAX], comm[32];
	struct dirent *e;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s/proc", d->root) >= PATH_MAX)
		return;
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		if (isdigit((unsigned char)*e->d_name) &&
		    fact(d, comm, sizeof(comm), "/proc/%s/comm", e->d_name) > 0 &&
		    !each(data, (pid_t)strtol(e->d_name, NULL, 10), comm))
			break;
	if (dir)
		closedir(dir);
}

bool is_qemu(const char *comm)
{
	/* Proxmox VE calls it kvm, RHEL qemu-kvm; the kernel's threads are "kvm-...". */
	return strncmp(comm, "qemu-system", strlen("qemu-system")) == 0 || !strcmp(comm, "kvm") ||
	       !strcmp(comm, "qemu-kvm");
}
