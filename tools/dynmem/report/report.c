// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem report: a recording as one self-contained HTML page.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dynmem/cmd.h"
#include "common/util.h"
#include "dynmem/report/report.h"

/* "7d", "-12h", "90min" in ns. */
static bool parse_since(const char *text, uint64_t *ret)
{
	static const struct {
		const char *unit;
		uint64_t seconds;
	} units[] = { { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 } };
	char digits[16];
	unsigned long n;
	size_t len;

	text += *text == '-';
	len = strspn(text, "0123456789");
	if (!len || len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	digits[len] = 0;
	if (!cmd_whole(digits, 1, 366 * 86400UL, &n))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (!strcmp(text + len, units[i].unit)) {
			*ret = n * units[i].seconds * NSEC_PER_SEC;
			return true;
		}
	return false;
}

/* A page that could not be finished is none. */
static int write_page(const struct report *r, const char *output)
{
	FILE *f = output ? fopen(output, "we") : stdout;
	int err;

	if (!f) {
		fprintf(stderr, "dynmem report: %s: %s\n", output, strerror(errno));
		return EXIT_FAILURE;
	}
	err = report_html(f, r);
	if (output && fclose(f) && !err)
		err = -errno;
	if (!err)
		return EXIT_SUCCESS;
	if (output)
		unlink(output);
	fprintf(stderr, "dynmem report: %s: %s\n", output ? output : "standard output",
		strerror(-err));
	return EXIT_FAILURE;
}

static void help(void)
{
	puts("Usage: dynmem report [--since TIME] [--output FILE] RECORDING\n\n"
	     "Makes one HTML page of a recording by 'dynmem record' or 'dynmemd --record':\n"
	     "memory of the host and of each guest over time, what could have been lent, what\n"
	     "dynmem would have done, guests whose min should be another, and the same guests\n"
	     "under Proxmox VE's, MoM's and a static controller, by the simulator. The page needs\n"
	     "nothing but itself.\n\n"
	     "  dynmem record week.jsonl          # in mode observe, for a week\n"
	     "  dynmem report week.jsonl -o week.html\n\n"
	     "Options:\n"
	     "  -s, --since TIME   only the last part of it: a number with s, min, h or d, as 24h\n"
	     "  -o, --output FILE  write there (default: standard output)\n"
	     "  -h, --help         this text\n\n"
	     "A recording whose last line is cut off is read up to there, and the page says so.");
}

int cmd_report(int argc, char **argv)
{
	static const struct option options[] = { { "since", required_argument, NULL, 's' },
						 { "output", required_argument, NULL, 'o' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = { "report", ":s:o:h", options, help, false, 0 };
	const char *output = NULL;
	struct report *r;
	char why[512] = "";
	uint64_t since = 0;
	int opt, status = EXIT_FAILURE;

	while ((opt = cmd_option(&line, argc, argv)) != -1) {
		if (opt == CMD_ENDS)
			return line.status;
		if (opt == 'o')
			output = optarg;
		else if (!parse_since(optarg, &since))
			return cmd_usage_error(
				"report",
				"--since takes a whole number with s, min, h or d, as 24h or 7d, not '%s'",
				optarg);
	}
	if (optind + 1 != argc)
		return cmd_usage_error("report", "expected one RECORDING");
	if (!output && isatty(STDOUT_FILENO))
		return cmd_usage_error("report",
				       "a page is not for a terminal: give --output FILE");
	r = calloc(1, sizeof(*r));
	if (!r || report_read(r, argv[optind], since, why) < 0)
		fprintf(stderr, "dynmem report: %s\n", r ? why : "out of memory");
	else
		status = write_page(r, output);
	if (r)
		report_clear(r);
	free(r);
	return status;
}
