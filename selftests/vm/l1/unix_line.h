/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAB_UNIX_LINE_H
#define LAB_UNIX_LINE_H

#include <stddef.h>

/**
 * struct unix_line - a UNIX stream connection that carries lines
 * @fd: the socket, -1 when closed
 * @deadline_ms: on CLOCK_MONOTONIC, when reading or connecting gives up
 * @used: bytes in @buffer
 * @buffer: what was received and not yet returned
 */
struct unix_line {
	int fd;
	long long deadline_ms;
	size_t used;
	char buffer[65536];
};

/**
 * unix_line_open() - connect, waiting for the socket to appear
 * Return: 0, -ETIMEDOUT, or the negative errno of connect().
 */
int unix_line_open(struct unix_line *line, const char *path, unsigned int timeout_s);

/** unix_line_write() - write all of @text; 0 or negative errno */
int unix_line_write(struct unix_line *line, const char *text);

/**
 * unix_line_read() - the next line, without its end
 * Return: 0; -ETIMEDOUT; -EPIPE when the peer closed; -EMSGSIZE when the line
 * doesn't fit.
 */
int unix_line_read(struct unix_line *line, char *ret_text, size_t size);

#endif
