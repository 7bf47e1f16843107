/* SPDX-License-Identifier: GPL-2.0 */
/* Commands on their way to a monitor; allocates nothing. */
#ifndef DYNMEMD_COMMAND_BUFFER_H
#define DYNMEMD_COMMAND_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* One command line with the longest QOM path that is sane, several times. */
#define COMMAND_BUFFER_SIZE 2048

/* The id of `balloon`; the other commands count from 1. */
#define BALLOON_ID 0

struct command_buffer {
	size_t start, end;
	char text[COMMAND_BUFFER_SIZE];
};

/** command_put() - @arguments: JSON text of an object, or NULL. 0 or -ENOBUFS */
int command_put(struct command_buffer *b, const char *command, const char *arguments, int64_t id);

/** command_put_balloon() - a line of constant length. 0 or -ENOBUFS */
int command_put_balloon(struct command_buffer *b, uint64_t bytes);

/** command_send() - Return: 0: all is sent; 1: the peer does not read; -errno */
int command_send(struct command_buffer *b, int fd);

#endif
