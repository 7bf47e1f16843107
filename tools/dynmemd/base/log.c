// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <systemd/sd-journal.h>

#include "common/escape.h"
#include "common/journal_ids.h"
#include "dynmemd/base/log.h"
#include "dynmemd/base/log_entry.h"

static int max_level = LOG_INFO;
static bool to_journal;

/* systemd says in JOURNAL_STREAM which device and inode the journal's is. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;
	char *end;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	dev = strtoull(stream, &end, 10);
	if (*end != ':')
		return false;
	ino = strtoull(end + 1, NULL, 10);
	return dev == st.st_dev && ino == st.st_ino;
}

void log_open(int max_priority)
{
	max_level = max_priority;
	to_journal = stderr_is_journal();
}

static const char *word_of(int priority)
{
	switch (priority) {
	case LOG_ERR:
		return "error: ";
	case LOG_WARNING:
		return "warning: ";
	default:
		return "";
	}
}

/* "guest web1: 512.0 -> 400.0 MiB: ", as far as it applies. */
static void print_head(const struct log_entry *e, char *buf, size_t size)
{
	size_t n = 0;

	*buf = 0;
	if (*e->guest)
		n = snprintf(buf, size, "guest %s: ", e->guest);
	if (e->code && n < size)
		snprintf(buf + n, size - n, "%s%.1f -> %.1f MiB: ", e->applied ? "" : "would go ",
			 (double)e->from / MIB, (double)e->to / MIB);
}

static void write_plain(const struct log_entry *e, const char *head)
{
	char clock[32] = "";

	/* The clock of the kernel's log, and of the API, when all is logged. */
	if (max_level >= LOG_DEBUG)
		snprintf(clock, sizeof(clock), "[%lld.%06ld] ", (long long)e->time.tv_sec,
			 e->time.tv_nsec / 1000);
	fprintf(stderr, "dynmemd: %s%s%s%s%s%s%s\n", clock, word_of(e->priority), head, e->text,
		e->code ? " [" : "", e->code ? e->code : "", e->code ? "]" : "");
}

struct fields {
	struct iovec all[10];
	char text[10][1100];
	int n;
};

static void _printf_(2, 3) add(struct fields *f, const char *format, ...)
{
	char *text = f->text[f->n];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(f->text[0]), format, ap);
	va_end(ap);
	f->all[f->n++] = (struct iovec){ text, strlen(text) };
}

static void write_journal(const struct log_entry *e, const char *head)
{
	struct fields f;

	f.n = 0;
	add(&f, "MESSAGE=%s%s", head, e->text);
	add(&f, "PRIORITY=%i", e->priority);
	if (e->id)
		add(&f, "MESSAGE_ID=%s", e->id);
	if (*e->guest)
		add(&f, JOURNAL_GUEST "=%s", e->guest);
	if (e->id)
		add(&f, JOURNAL_REASON "=%s", e->text);
	if (e->code) {
		add(&f, JOURNAL_CODE "=%s", e->code);
		add(&f, JOURNAL_FROM "=%llu", (unsigned long long)e->from);
		add(&f, JOURNAL_TO "=%llu", (unsigned long long)e->to);
		add(&f, JOURNAL_APPLIED "=%i", e->applied);
	}
	sd_journal_sendv(f.all, f.n);
}

void log_entry_write(const struct log_entry *e)
{
	char head[256];

	print_head(e, head, sizeof(head));
	if (!to_journal)
		write_plain(e, head);
	else
		write_journal(e, head);
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
