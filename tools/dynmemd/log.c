// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <systemd/sd-journal.h>

#include "dynmemd/escape.h"
#include "dynmemd/log.h"

/* A reason with a guest's longest name, escaped. */
#define MESSAGE_MAX 1024

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
	setvbuf(stderr, NULL, _IOLBF, 4096);
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

void log_guest(int priority, const char *guest, const char *format, ...)
{
	char raw[MESSAGE_MAX], text[MESSAGE_MAX], name[256];
	va_list ap;

	if (priority > max_level)
		return;
	va_start(ap, format);
	vsnprintf(raw, sizeof(raw), format, ap);
	va_end(ap);
	escape_text(text, sizeof(text), raw);
	if (guest)
		escape_text(name, sizeof(name), guest);

	if (!to_journal)
		fprintf(stderr, "dynmemd: %s%s%s%s%s\n", word_of(priority),
			guest ? "guest " : "", guest ? name : "",
			guest ? ": " : "", text);
	else if (guest)
		sd_journal_send("PRIORITY=%i", priority, "DYNMEM_GUEST=%s",
				name, "MESSAGE=guest %s: %s", name, text, NULL);
	else
		sd_journal_send("PRIORITY=%i", priority, "MESSAGE=%s", text,
				NULL);
}

void log_decision(const char *guest, uint64_t from, uint64_t to,
		  const char *code, const char *reason, bool applied)
{
	char text[MESSAGE_MAX], name[256];
	const char *verb = applied ? "" : "would go ";

	if (LOG_INFO > max_level)
		return;
	escape_text(text, sizeof(text), reason);
	escape_text(name, sizeof(name), guest);
	if (!to_journal)
		fprintf(stderr,
			"dynmemd: guest %s: %s%.1f -> %.1f MiB: %s [%s]\n",
			name, verb, (double)from / MIB, (double)to / MIB, text,
			code);
	else
		sd_journal_send("PRIORITY=%i", LOG_INFO, "DYNMEM_GUEST=%s",
				name, "DYNMEM_CODE=%s", code,
				"DYNMEM_FROM=%llu", (unsigned long long)from,
				"DYNMEM_TO=%llu", (unsigned long long)to,
				"DYNMEM_APPLIED=%i", applied,
				"MESSAGE=guest %s: %s%.1f -> %.1f MiB: %s",
				name, verb, (double)from / MIB,
				(double)to / MIB, text, NULL);
}
