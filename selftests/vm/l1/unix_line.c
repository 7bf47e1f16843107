// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "unix_line.h"

/* How often a socket that isn't there yet is looked for. */
#define CONNECT_RETRY_MS 50

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

int unix_line_open(struct unix_line *line, const char *path, unsigned int timeout_s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int ret;

	line->used = 0;
	line->deadline_ms = now_ms() + timeout_s * 1000LL;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	line->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (line->fd < 0)
		return -errno;
	while (connect(line->fd, (struct sockaddr *)&address, sizeof(address))) {
		ret = -errno;
		if (ret != -ENOENT && ret != -ECONNREFUSED && ret != -EAGAIN)
			return ret;
		if (now_ms() >= line->deadline_ms)
			return ret == -EAGAIN ? -ETIMEDOUT : ret;
		poll(NULL, 0, CONNECT_RETRY_MS);
	}
	return 0;
}

int unix_line_write(struct unix_line *line, const char *text)
{
	size_t size = strlen(text);

	while (size) {
		ssize_t n = send(line->fd, text, size, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		size -= n;
	}
	return 0;
}

int unix_line_read(struct unix_line *line, char *ret_text, size_t size)
{
	for (;;) {
		struct pollfd pfd = { .fd = line->fd, .events = POLLIN };
		char *end = memchr(line->buffer, '\n', line->used);
		long long left;
		ssize_t n;

		if (end) {
			size_t length = end - line->buffer;
			size_t text_length = length;

			if (text_length && line->buffer[text_length - 1] == '\r')
				text_length--;
			if (text_length >= size)
				return -EMSGSIZE;
			memcpy(ret_text, line->buffer, text_length);
			ret_text[text_length] = '\0';
			line->used -= length + 1;
			memmove(line->buffer, end + 1, line->used);
			return 0;
		}
		if (line->used == sizeof(line->buffer))
			return -EMSGSIZE;
		left = line->deadline_ms - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&pfd, 1, left);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n <= 0)
			continue;
		n = read(line->fd, line->buffer + line->used, sizeof(line->buffer) - line->used);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -EPIPE;
		if (n > 0)
			line->used += n;
	}
}
