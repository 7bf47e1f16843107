/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private to log.c, which makes entries of messages, log_queue.c, which has the
 * thread that writes them, and log_write.c, which writes.
 */
#ifndef DYNMEMD_LOG_ENTRY_H
#define DYNMEMD_LOG_ENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/**
 * struct log_entry - one message, escaped
 * @id: its MESSAGE_ID; NULL: it has none
 * @code: NULL unless it is a decision
 */
struct log_entry {
	int priority;
	struct timespec time; /* CLOCK_MONOTONIC */
	const char *id;
	const char *code;
	uint64_t from, to;
	bool applied;
	char guest[160]; /* empty: not about one */
	char text[864];	 /* a reason with a path, escaped */
};

/** log_entry_open() - find out where entries go; @clock: on stderr with their time */
void log_entry_open(bool clock);

/** log_entry_write() - to the journal or stderr; may take long */
void log_entry_write(const struct log_entry *e);

/** log_queue_push() - false if there is no thread: the caller writes */
bool log_queue_push(const struct log_entry *e);

#endif
