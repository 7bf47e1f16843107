// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "dynmemd/qmp/command_buffer.h"

static const char balloon_head[] = "{\"execute\":\"balloon\",\"arguments\":{\"value\":";
static const char balloon_tail[] = "},\"id\":0}\r\n";
#define BALLOON_DIGITS 20
#define BALLOON_LEN    (sizeof(balloon_head) - 1 + BALLOON_DIGITS + sizeof(balloon_tail) - 1)

static size_t space(struct command_buffer *b)
{
	if (b->start > 0) {
		memmove(b->text, b->text + b->start, b->end - b->start);
		b->end -= b->start;
		b->start = 0;
	}
	return sizeof(b->text) - b->end;
}

/* Right-justified in blanks, which JSON allows. */
static void put_number(char *p, uint64_t value)
{
	memset(p, ' ', BALLOON_DIGITS);
	p += BALLOON_DIGITS;
	do {
		*--p = (char)('0' + value % 10);
		value /= 10;
	} while (value);
}

int command_put_balloon(struct command_buffer *b, uint64_t bytes)
{
	char *p;

	if (space(b) < BALLOON_LEN)
		return -ENOBUFS;
	p = b->text + b->end;
	memcpy(p, balloon_head, sizeof(balloon_head) - 1);
	p += sizeof(balloon_head) - 1;
	put_number(p, bytes);
	p += BALLOON_DIGITS;
	memcpy(p, balloon_tail, sizeof(balloon_tail) - 1);
	b->end += BALLOON_LEN;
	return 0;
}

/* Appends all of the texts, up to NULL; nothing where there is no room for them. */
static int put_texts(struct command_buffer *b, const char *const *text)
{
	size_t left = space(b), end = b->end;

	for (; *text; text++) {
		size_t len = strlen(*text);

		if (len > left)
			return -ENOBUFS;
		memcpy(b->text + end, *text, len);
		left -= len;
		end += len;
	}
	b->end = end;
	return 0;
}

int command_put(struct command_buffer *b, const char *command, const char *arguments, int64_t id)
{
	char digits[BALLOON_DIGITS + 1] = "";
	const char *text[] = { "{\"execute\":\"",
			       command,
			       arguments ? "\",\"arguments\":" : "\"",
			       arguments ? arguments : "",
			       ",\"id\":",
			       NULL,
			       "}\r\n",
			       NULL };

	put_number(digits, id);
	text[5] = digits + strspn(digits, " ");
	return put_texts(b, text);
}

int command_send(struct command_buffer *b, int fd)
{
	while (b->start < b->end) {
		ssize_t n = send(fd, b->text + b->start, b->end - b->start,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 1;
		if (n < 0)
			return -errno;
		b->start += n;
	}
	b->start = b->end = 0;
	return 0;
}
