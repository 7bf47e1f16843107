/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dynmem metrics: the state of host and guests for Prometheus.
 *
 * metrics_collect.c asks the daemon and the kernel, metrics_write.c turns what
 * they answered into text without asking anybody, metrics_server.c hands it out
 * over HTTP.
 */
#ifndef DYNMEM_METRICS_H
#define DYNMEM_METRICS_H

#include <stdbool.h>
#include <stdio.h>

#include <json-c/json.h>

/* Loopback alone: figures of guests are not everybody's. */
#define METRICS_ADDRESS "127.0.0.1"
#define METRICS_PORT	"9974"

enum metrics_format {
	METRICS_OPENMETRICS, /* version 1.0.0 */
	METRICS_PLAIN,	     /* Prometheus' text format 0.0.4 */
};

#define METRICS_TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define METRICS_TYPE_PLAIN	 "text/plain; version=0.0.4; charset=utf-8"

/**
 * struct metrics_state - what is written
 * @host: GetHost(); NULL: no daemon
 * @guests: ListGuests(); NULL: no daemon
 * @kernel: { "pressure": {}, "ksm": {} } of the module; NULL: it is not loaded
 */
struct metrics_state {
	struct json_object *host, *guests, *kernel;
};

/**
 * metrics_collect() - ask the daemon and the module
 * @ret: who does not answer is NULL in it
 *
 * Return: 0, or the negative errno that the daemon was not reached with.
 */
int metrics_collect(struct metrics_state *ret);

/** metrics_state_free() - what metrics_collect() has filled */
void metrics_state_free(struct metrics_state *s);

/** metrics_write() - all metrics of @s, to the end of the format */
void metrics_write(FILE *out, enum metrics_format format, const struct metrics_state *s);

/**
 * metrics_text() - collect and write
 * @ret: malloc()ed
 * @ret_size: its length
 *
 * Return: 0 or -ENOMEM.
 */
int metrics_text(enum metrics_format format, char **ret, size_t *ret_size);

/**
 * metrics_serve() - answer scrapes until SIGINT or SIGTERM
 * @address: "HOST:PORT", "[HOST]:PORT" or "PORT"
 *
 * Return: an exit status.
 */
int metrics_serve(const char *address);

#endif
