// SPDX-License-Identifier: GPL-2.0
#include "cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int cmd_option_error(const char *cmd, int opt, const char *option)
{
	return cmd_usage_error(
		cmd, opt == ':' ? "option '%s' needs a value" : "unknown option '%s'", option);
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
