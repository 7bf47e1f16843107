/* SPDX-License-Identifier: GPL-2.0 */
/*
 * JSON read where it lies, without a copy or an allocation: the answers of each tick.
 *
 * json_split() checks a message once; what it takes, the cursor reads. It takes less
 * than JSON: whatever is odd in any way is left to json-c, which knows all of it.
 */
#ifndef DYNMEMD_JSON_PULL_H
#define DYNMEMD_JSON_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** struct json_span - some text; not terminated */
struct json_span {
	const char *p;
	size_t len;
};

/** span_is() - is it this text? */
static inline bool span_is(struct json_span s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.p, text, s.len);
}

struct json_member {
	struct json_span key, value;
};

/** json_blanks() - how many there are before anything else */
size_t json_blanks(const char *p, size_t len);

/**
 * json_split() - check an object, and find its members
 * @p: begins with the object
 * @ret: its members, of equal names each; what their values are is text to the caller
 * @max: room in @ret
 * @ret_n: so many there are
 *
 * Return: the object's length; 0: it is not taken: more is to come, it is no JSON, or it
 * has a backslash, nests deeper than JSON_PULL_DEPTH or has more members than @max.
 */
size_t json_split(const char *p, size_t len, struct json_member *ret, size_t max, size_t *ret_n);

#define JSON_PULL_DEPTH 8

/**
 * struct json_cursor - a place in a value that was checked, by json_split() or because
 *	json-c wrote it
 *
 * Each of the functions steps over what it returns. Members are returned in order: of
 * equal names the last one counts, so it has to overwrite what came before.
 */
struct json_cursor {
	const char *p, *end;
};

struct json_cursor json_cursor(struct json_span value);

/** json_enter() - @bracket: '{' or '['. Return: false: it is something else, and left out */
bool json_enter(struct json_cursor *c, char bracket);

/** json_key() - the next member of the object that was entered. Return: false: it is over */
bool json_key(struct json_cursor *c, struct json_span *ret);

/** json_more() - is there one more in the array that was entered? false: it is over */
bool json_more(struct json_cursor *c);

/**
 * json_number() - a number that is neither negative nor broken
 * @ret: UINT64_MAX stands for that and all above; untouched on false
 *
 * Return: false: it is something else, and left out.
 */
bool json_number(struct json_cursor *c, uint64_t *ret);

/**
 * json_member_number() - step over an object for one of its members
 * @ret: INT64_MAX stands for that and all above; untouched on false
 *
 * Return: false: it is no object, has no such member, or that is something else.
 */
bool json_member_number(struct json_cursor *c, const char *key, uint64_t *ret);

/** json_skip() - leave one value out */
void json_skip(struct json_cursor *c);

#endif
