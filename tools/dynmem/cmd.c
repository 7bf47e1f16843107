// SPDX-License-Identifier: GPL-2.0
#include "cmd.h"

#include <stdarg.h>
#include <stdio.h>

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
	return cmd_usage_error(cmd,
			       opt == ':' ? "option '%s' needs a value" :
					    "unknown option '%s'",
			       option);
}
