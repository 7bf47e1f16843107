// SPDX-License-Identifier: GPL-2.0
/* Entries go to the journal, with their fields, or to stderr, a line each. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>

#include <systemd/sd-journal.h>

#include "common/journal_ids.h"
#include "common/util.h"
#include "dynmemd/base/log_entry.h"

static bool to_journal, with_clock;

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

void log_entry_open(bool clock)
{
	to_journal = stderr_is_journal();
	with_clock = clock;
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
	if (with_clock)
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
