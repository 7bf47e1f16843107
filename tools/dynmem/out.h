/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Output of the command: one JSON object is collected, then printed either as
 * it is or as text.
 */
#ifndef DYNMEM_OUT_H
#define DYNMEM_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <json-c/json.h>

/** Room for out_bytes(): "1023.9 MiB" and the terminating zero, with a margin.
 */
#define OUT_BYTES_MAX 24

/** out_counts() - an amount does not vanish when it is rounded to @unit bytes */
bool out_counts(uint64_t bytes, uint64_t unit);

/**
 * out_bytes() - an amount of memory for people: "640 MiB", "1.5 GiB", "12 KiB", "0"; no smaller
 * unit than KiB, for memory comes in pages
 * @bytes: the number
 * @buf: filled and returned
 */
const char *out_bytes(uint64_t bytes, char buf[static OUT_BYTES_MAX]);

/**
 * out_bytes_signed() - the same with a sign
 * @bytes: the number
 * @buf: filled and returned
 */
const char *out_bytes_signed(int64_t bytes, char buf[static OUT_BYTES_MAX]);

/**
 * out_safe() - text from elsewhere, made safe for a terminal
 * @text: may be NULL; control characters are replaced by '?'
 *
 * Return: a static buffer; four calls can be used in one printf().
 */
const char *out_safe(const char *text);

/**
 * out_new() - an object that a command prints as JSON
 * @schema: a version for its readers, of this command alone: it goes up when a member
 *	changes its meaning or is there no more
 */
struct json_object *out_new(unsigned int schema);

/** out_line() - print @obj as one line of JSON and flush, so that a reader sees
 * it now */
void out_line(struct json_object *obj);

/** out_pretty() - print @obj as indented JSON */
void out_pretty(struct json_object *obj);

/** out_size() - a size of @obj as out_bytes() prints it, or "not reported" */
const char *out_size(struct json_object *obj, const char *key, char buf[static OUT_BYTES_MAX]);

/** Read members; absent or of another type: 0, or "" for text. */
uint64_t out_u64(struct json_object *obj, const char *key);
int64_t out_i64(struct json_object *obj, const char *key);
const char *out_str(struct json_object *obj, const char *key);
bool out_has(struct json_object *obj, const char *key);

/** Add members. */
void out_add_u64(struct json_object *obj, const char *key, uint64_t value);
void out_add_i64(struct json_object *obj, const char *key, int64_t value);
void out_add_str(struct json_object *obj, const char *key, const char *value);

#endif
