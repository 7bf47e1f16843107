// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
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

int command_put(struct command_buffer *b, const char *command, const char *arguments, int64_t id)
{
	size_t left = space(b);
	int n = snprintf(b->text + b->end, left, "{\"execute\":\"%s\"%s%s,\"id\":%lld}\r\n",
			 command, arguments ? ",\"arguments\":" : "", arguments ? arguments : "",
			 (long long)id);

	if (n < 0 || (size_t)n >= left)
		return -ENOBUFS;
	b->end += n;
	return 0;
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
