// SPDX-License-Identifier: GPL-2.0
#include "adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd.h"
#include "common/util.h"
#include "out.h"
#include "programs.h"

/* A guest's file of Proxmox VE with many snapshots is some 100 KiB. */
#define FILE_MAX (4 * MIB)

enum {
	OPTION_MIN = 256,
	OPTION_MAX,
	OPTION_SHARES,
	OPTION_URI,
};

static int range_error(const struct adopt *a, const char *option, const char *value,
		       const char *allowed)
{
	return cmd_usage_error(a->command, "%s takes %s, not '%s'", option, allowed, value);
}

/* Returns -1 to go on. */
static int take_range(struct adopt *a, int opt, const char *value)
{
	switch (opt) {
	case OPTION_MIN:
		a->min = value;
		if (config_parse_min(&a->rule.min, value) < 0)
			return range_error(a, "--min", value, SIZE_SYNTAX);
		break;
	case OPTION_MAX:
		a->max = value;
		if (config_parse_max(&a->rule.max, value) < 0)
			return range_error(a, "--max", value, SIZE_SYNTAX ", above 0");
		break;
	default:
		a->shares = value;
		if (config_parse_shares(&a->rule.shares, value) < 0)
			return range_error(a, "--shares", value, CONFIG_SHARES_SYNTAX);
	}
	if (a->rule.min.set && a->rule.max.set && !a->rule.min.relative && !a->rule.max.relative &&
	    a->rule.min.value > a->rule.max.value)
		return cmd_usage_error(a->command, "--min %s is above --max %s", a->min, a->max);
	return -1;
}

int adopt_parse(struct adopt *a, bool ranges, bool libvirt, void (*help)(void), int argc,
		char **argv)
{
	static const struct option options[] = { { "uri", required_argument, NULL, OPTION_URI },
						 { "min", required_argument, NULL, OPTION_MIN },
						 { "max", required_argument, NULL, OPTION_MAX },
						 { "shares", required_argument, NULL,
						   OPTION_SHARES },
						 { "config", required_argument, NULL, 'c' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = {
		.cmd = a->command,
		.shorts = ":c:h",
		.options = libvirt ? options : options + 1,
		.help = help,
	};
	int opt, r;

	while ((opt = cmd_option(&line, argc, argv)) != -1) {
		switch (opt) {
		case CMD_ENDS:
			return line.status;
		case OPTION_URI:
			a->uri = optarg;
			break;
		case 'c':
			a->config = optarg;
			break;
		default:
			if (!ranges)
				return cmd_usage_error(a->command,
						       "release takes no --min, --max or --shares");
			r = take_range(a, opt, optarg);
			if (r >= 0)
				return r;
		}
	}
	if (optind >= argc || !*argv[optind])
		return cmd_usage_error(a->command, "which guest? %s is missing",
				       libvirt ? "The domain's name" : "The VMID");
	a->guest = argv[optind++];
	if (optind < argc)
		return cmd_usage_error(a->command, "unexpected argument '%s'", argv[optind]);
	return -1;
}

int adopt_fail(const struct adopt *a, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "dynmem %s: ", a->command);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

static void complain(const char *text, void *userdata)
{
	adopt_fail(userdata, "%s", out_safe(text));
}

int adopt_config(const struct adopt *a, struct config **ret)
{
	return config_load(ret, a->config, false, complain, (void *)a);
}

ssize_t adopt_read(const char *path, char **ret)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t len = 0;
	ssize_t n;
	char *text;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > FILE_MAX)
		return -EFBIG;
	text = malloc(st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (len < (size_t)st.st_size && (n = read(fd, text + len, st.st_size - len)) > 0)
		len += n;
	text[len] = 0;
	*ret = text;
	return (ssize_t)len;
}

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return -errno;
		text += n;
		len -= n;
	}
	return fchmod(fd, 0644) < 0 || fsync(fd) < 0 ? -errno : 0;
}

int adopt_write(const char *path, const char *text)
{
	_cleanup_(freep) char *new = NULL;
	int fd, r;

	if (asprintf(&new, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(new, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text);
	close(fd);
	if (r == 0 && rename(new, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(new);
	return r;
}

int adopt_reload(const struct adopt *a)
{
	static const char *const active[] = { "systemctl", "is-active", "--quiet", "dynmemd",
					      NULL };
	static const char *const reload[] = { "systemctl", "reload", "dynmemd", NULL };
	char out[PROGRAM_OUT_MAX];
	int r = program_run(active, out);

	if (r == 0) {
		r = program_run(reload, out);
		if (r == 0)
			return EXIT_SUCCESS;
		adopt_fail(a, "dynmemd was not reloaded: %s",
			   *out ? out_safe(out) : "systemctl failed");
	}
	printf(r == -ENOENT
		       ? "there is no systemctl: have dynmemd read its configuration (SIGHUP)\n"
		       : "dynmemd has not read it: start it, or run 'systemctl reload dynmemd'\n");
	return EXIT_PARTLY;
}
