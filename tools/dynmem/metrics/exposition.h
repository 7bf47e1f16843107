/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two text formats that Prometheus reads: families of samples.
 */
#ifndef DYNMEM_EXPOSITION_H
#define DYNMEM_EXPOSITION_H

#include "dynmem/metrics/metrics.h"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_SUMMARY };

/**
 * struct metric - a family
 * @name: with its unit, without the "_total" of counters
 * @unit: the last part of @name; NULL: it has none
 */
struct metric {
	const char *name;
	enum metric_type type;
	const char *unit, *help;
};

/** struct label - one name and value of a sample; the value is escaped */
struct label {
	const char *name, *value;
};

/** exposition_family() - what stands before a family's samples */
void exposition_family(FILE *out, enum metrics_format format, const struct metric *m);

/**
 * exposition_sample() - one sample of the family
 * @suffix: "_sum" or "_count" of a summary, else ""
 * @labels: up to one without a name
 */
void exposition_sample(FILE *out, const struct metric *m, const char *suffix,
		       const struct label *labels, double value);

/** exposition_end() - the end of the text */
void exposition_end(FILE *out, enum metrics_format format);

#endif
