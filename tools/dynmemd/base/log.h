/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon's log: to the journal with fields when stderr is the journal's,
 * else plain lines on stderr. Messages are escaped as a whole, so a guest's
 * name or a peer's text may be passed as it came.
 */
#ifndef DYNMEMD_LOG_H
#define DYNMEMD_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "common/util.h"

/**
 * log_open() - find out where messages go
 * @max_priority: the least important that is still written, LOG_DEBUG etc.
 */
void log_open(int max_priority);

/**
 * log_start() - from now on a thread writes, and nobody waits for it
 *
 * When memory is short, the journal or a disk may stand still for seconds,
 * which is when the daemon has to act. What does not fit into the queue is
 * counted, and the number is logged.
 *
 * Return: 0; a negative errno: messages are written at once, as before.
 */
int log_start(void);

/** log_stop() - write what is queued, as far as that goes within a second */
void log_stop(void);

void log_guest(int priority, const char *guest, const char *format, ...) _printf_(3, 4);

/** log_event() - a message with a MESSAGE_ID, see journal_ids.h; @id must live for ever */
void log_event(int priority, const char *id, const char *guest, const char *format, ...)
	_printf_(4, 5);

/**
 * log_decision() - one decision, with fields to search the journal for
 * @guest: its name
 * @from: old target, bytes
 * @to: new target, bytes
 * @code: a word for the kind of reason; must live for ever
 * @reason: the same as a sentence
 * @applied: false if it was only observed
 */
void log_decision(const char *guest, uint64_t from, uint64_t to, const char *code,
		  const char *reason, bool applied);

#define log_error(...)	 log_guest(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_guest(LOG_WARNING, NULL, __VA_ARGS__)
#define log_notice(...)	 log_guest(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_info(...)	 log_guest(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...)	 log_guest(LOG_DEBUG, NULL, __VA_ARGS__)

#endif
