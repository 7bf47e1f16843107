// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem metrics: for Prometheus, on standard output or over HTTP.
 */
#include <getopt.h>
#include <stdlib.h>

#include "dynmem/bus.h"
#include "dynmem/cmd.h"
#include "dynmem/metrics/metrics.h"

static int print(enum metrics_format format)
{
	struct metrics_state s;
	int r = metrics_collect(&s);

	if (r < 0)
		fprintf(stderr, "dynmem metrics: %s\n", bus_error(r));
	metrics_write(stdout, format, &s);
	metrics_state_free(&s);
	if (fflush(stdout) != 0 || ferror(stdout))
		return EXIT_FAILURE;
	return r < 0 ? EXIT_NO_DAEMON : EXIT_SUCCESS;
}

static void help(void)
{
	printf("Usage: dynmem metrics [--text]\n"
	       "       dynmem metrics --listen [HOST:]PORT\n\n"
	       "Metrics of host, KSM and guests for Prometheus: once, as OpenMetrics on standard\n"
	       "output, or for each scrape of http://HOST:PORT/metrics. They are not encrypted, and\n"
	       "anybody who reaches the port reads them: the default host is " METRICS_ADDRESS
	       ".\n\n"
	       "Options:\n"
	       "  -l, --listen [HOST:]PORT  serve HTTP until Ctrl-C\n"
	       "  -t, --text                Prometheus' older text format, for node_exporter\n"
	       "  -h, --help                this text\n");
}

int cmd_metrics(int argc, char **argv)
{
	static const struct option options[] = { { "listen", required_argument, NULL, 'l' },
						 { "text", no_argument, NULL, 't' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct cmd_line line = { "metrics", ":l:th", options, help, false, 0 };
	enum metrics_format format = METRICS_OPENMETRICS;
	const char *listen = NULL;
	int opt;

	while ((opt = cmd_option(&line, argc, argv)) != -1) {
		if (opt == CMD_ENDS)
			return line.status;
		if (opt == 'l')
			listen = optarg;
		else
			format = METRICS_PLAIN;
	}
	if (cmd_arguments(&line, argc, argv, 0) == CMD_ENDS)
		return line.status;
	if (listen && format == METRICS_PLAIN)
		return cmd_usage_error("metrics", "--text is for standard output: over HTTP the "
						  "client has the choice");
	return listen ? metrics_serve(listen) : print(format);
}
