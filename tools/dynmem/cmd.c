// SPDX-License-Identifier: GPL-2.0
#include "cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "when.h"

const char cmd_no_module[] =
	"the kernel has no netlink family 'dynmem': load the module with 'modprobe dynmem' (built and installed by 'make && make install')";

int cmd_usage_error(const char *cmd, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "dynmem %s: ", cmd);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "; see dynmem %s --help\n", cmd);
	return EXIT_USAGE;
}

int cmd_option(struct cmd_line *l, int argc, char **argv)
{
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, l->shorts, l->options, NULL)) == 'j')
		l->json = true;
	if (opt == 'h') {
		l->help();
		l->status = EXIT_SUCCESS;
		return CMD_ENDS;
	}
	if (opt == '?' || opt == ':') {
		l->status = cmd_usage_error(
			l->cmd, opt == ':' ? "option '%s' needs a value" : "unknown option '%s'",
			argv[optind - 1]);
		return CMD_ENDS;
	}
	return opt;
}

int cmd_arguments(struct cmd_line *l, int argc, char **argv, int max)
{
	if (argc - optind <= max)
		return argc - optind;
	l->status = cmd_usage_error(l->cmd, "unexpected argument '%s'", argv[optind + max]);
	return CMD_ENDS;
}

bool cmd_time(const char *cmd, const char *option, const char *text, uint64_t *ret)
{
	time_t t;

	if (!when_parse(text, time(NULL), &t) || t < 0) {
		cmd_usage_error(cmd, "%s takes a time (%s), not '%s'", option, WHEN_SYNTAX, text);
		return false;
	}
	*ret = (uint64_t)t * 1000000;
	return true;
}

bool cmd_whole(const char *text, unsigned long min, unsigned long max, unsigned long *ret)
{
	unsigned long value;

	/* strtoul() would take blanks and signs. */
	if (!*text || text[strspn(text, "0123456789")])
		return false;
	errno = 0;
	value = strtoul(text, NULL, 10);
	if (errno || value < min || value > max)
		return false;
	*ret = value;
	return true;
}
