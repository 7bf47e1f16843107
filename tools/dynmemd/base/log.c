// SPDX-License-Identifier: GPL-2.0
/* Messages become entries, for the thread that writes them, or at once. */
#include <stdarg.h>
#include <stdio.h>

#include "common/escape.h"
#include "common/journal_ids.h"
#include "dynmemd/base/log.h"
#include "dynmemd/base/log_entry.h"

static int max_level = LOG_INFO;

void log_open(int max_priority)
{
	max_level = max_priority;
	log_entry_open(max_priority >= LOG_DEBUG);
}

static void say(struct log_entry *e, const char *guest, const char *text)
{
	clock_gettime(CLOCK_MONOTONIC, &e->time);
	escape_text(e->guest, sizeof(e->guest), guest ? guest : "");
	escape_text(e->text, sizeof(e->text), text);
	if (!log_queue_push(e))
		log_entry_write(e);
}

static void _printf_(4, 0)
	log_text(int priority, const char *id, const char *guest, const char *format, va_list ap)
{
	struct log_entry e = { .priority = priority, .id = id };
	char text[sizeof(e.text)];

	if (priority > max_level)
		return;
	vsnprintf(text, sizeof(text), format, ap);
	say(&e, guest, text);
}

void log_event(int priority, const char *id, const char *guest, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_text(priority, id, guest, format, ap);
	va_end(ap);
}

void log_guest(int priority, const char *guest, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_text(priority, NULL, guest, format, ap);
	va_end(ap);
}

void log_decision(const char *guest, uint64_t from, uint64_t to, const char *code,
		  const char *reason, bool applied)
{
	struct log_entry e = {
		.priority = LOG_INFO,
		.id = applied ? JOURNAL_ID_MOVE : JOURNAL_ID_WOULD,
		.code = code,
		.from = from,
		.to = to,
		.applied = applied,
	};

	if (LOG_INFO <= max_level)
		say(&e, guest, reason);
}
