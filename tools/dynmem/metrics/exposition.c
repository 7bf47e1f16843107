// SPDX-License-Identifier: GPL-2.0
#include "dynmem/metrics/exposition.h"

#include <math.h>

static const char *const type_names[] = {
	[METRIC_GAUGE] = "gauge",
	[METRIC_COUNTER] = "counter",
	[METRIC_SUMMARY] = "summary",
};

/* In OpenMetrics a counter's family is named without "_total", before that with it. */
void exposition_family(FILE *out, enum metrics_format format, const struct metric *m)
{
	const char *total = format == METRICS_PLAIN && m->type == METRIC_COUNTER ? "_total" : "";

	fprintf(out, "# HELP %s%s %s\n", m->name, total, m->help);
	fprintf(out, "# TYPE %s%s %s\n", m->name, total, type_names[m->type]);
	if (format == METRICS_OPENMETRICS && m->unit)
		fprintf(out, "# UNIT %s %s\n", m->name, m->unit);
}

static void write_escaped(FILE *out, const char *value)
{
	for (const char *c = value; *c; c++) {
		if (*c == '\n')
			fputs("\\n", out);
		else if (*c == '\\' || *c == '"')
			fprintf(out, "\\%c", *c);
		else
			putc(*c, out);
	}
}

void exposition_sample(FILE *out, const struct metric *m, const char *suffix,
		       const struct label *labels, double value)
{
	char before = '{';

	fprintf(out, "%s%s", m->name, m->type == METRIC_COUNTER ? "_total" : suffix);
	for (const struct label *l = labels; l->name; l++) {
		fprintf(out, "%c%s=\"", before, l->name);
		write_escaped(out, l->value);
		putc('"', out);
		before = ',';
	}
	if (before == ',')
		putc('}', out);
	/* Bytes and counts are whole, and a double has them exactly up to 8 PiB. */
	if (value == nearbyint(value) && fabs(value) < 9e15)
		fprintf(out, " %.0f\n", value);
	else
		fprintf(out, " %.9g\n", value);
}

void exposition_end(FILE *out, enum metrics_format format)
{
	if (format == METRICS_OPENMETRICS)
		fputs("# EOF\n", out);
}
