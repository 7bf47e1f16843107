// SPDX-License-Identifier: GPL-2.0
#include "dynmem/top/top_row.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

static void append(struct top_row *r, const char *bytes, size_t n, enum top_style style)
{
	memcpy(r->text + r->length, bytes, n);
	memset(r->style + r->length, style, n);
	r->length += n;
	r->text[r->length] = '\0';
}

/* Columns of the character at @text, and its bytes; what has none becomes '?'. */
static int character(const char **text, size_t *bytes)
{
	mbstate_t state = { 0 };
	wchar_t c;
	size_t n = mbrtowc(&c, *text, strlen(*text), &state);
	int columns = n == 0 || n > 8 ? -1 : wcwidth(c);

	*bytes = n == 0 || n > 8 ? 1 : n;
	if (columns >= 0)
		return columns;
	*text = "?";
	return 1;
}

static void put_text(struct top_row *r, unsigned int end, enum top_style style, const char *text)
{
	while (*text) {
		const char *shown = text;
		size_t n;
		int columns = character(&shown, &n);

		if (r->columns + (unsigned int)columns > end ||
		    r->length + n + 1 >= sizeof(r->text))
			return;
		append(r, shown, shown == text ? n : 1, style);
		r->columns += (unsigned int)columns;
		text += n;
	}
}

void row_put(struct top_row *r, unsigned int end, enum top_style style, const char *format, ...)
{
	char text[TOP_ROW_BYTES];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	put_text(r, end, style, text);
}

void row_fill(struct top_row *r, unsigned int end, enum top_style style, char c)
{
	while (r->columns < end && r->length + 2 < sizeof(r->text)) {
		append(r, &c, 1, style);
		r->columns++;
	}
}

void row_right(struct top_row *r, unsigned int end, enum top_style style, const char *text)
{
	size_t n = strlen(text);

	if (end > n)
		row_fill(r, end - (unsigned int)n, TOP_PLAIN, ' ');
	row_put(r, end, style, "%s", text);
}
