/* SPDX-License-Identifier: GPL-2.0 */
/* JSON messages out of a stream of hostile bytes. */
#ifndef DYNMEMD_JSON_READER_H
#define DYNMEMD_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

struct json_reader {
	struct json_tokener *tokener;
	size_t len; /* of the half message read so far */
};

/** json_reader_init() - @depth: the deepest nesting that is taken. 0 or -ENOMEM */
int json_reader_init(struct json_reader *r, int depth);

/** json_reader_reset() - another stream begins */
void json_reader_reset(struct json_reader *r);

void json_reader_free(struct json_reader *r);

/**
 * json_reader_feed() - take some bytes, at least one
 * @ret: a message that is complete now, the caller's; NULL stands for null
 * @ret_used: how many bytes were taken: one message, or a part of one
 * @ret_why: on failure, what is wrong
 *
 * Return: 1: there is a message; 0: not yet; -EBADMSG.
 */
int json_reader_feed(struct json_reader *r, const char *p, size_t len, struct json_object **ret,
		     size_t *ret_used, const char **ret_why);

/** json_is_text() - ASCII, as QEMU writes it: it escapes everything else */
bool json_is_text(const char *p, size_t len);

#endif
