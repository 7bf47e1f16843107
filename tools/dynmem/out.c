// SPDX-License-Identifier: GPL-2.0
#include "out.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool out_counts(uint64_t bytes, uint64_t unit)
{
	return bytes > unit / 2;
}

const char *out_bytes(uint64_t bytes, char buf[static OUT_BYTES_MAX])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (!out_counts(bytes, 1024))
		return memcpy(buf, "0", sizeof("0"));
	/* MiB up to 10 GiB: the steps of a balloon stay visible. */
	while (value >= 1023.5 && (unit != 1 || value >= 10240) && unit < 5) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, OUT_BYTES_MAX, value < 10 && unit > 1 ? "%.1f %s" : "%.0f %s", value,
		 units[unit]);
	return buf;
}

const char *out_bytes_signed(int64_t bytes, char buf[static OUT_BYTES_MAX])
{
	char plain[OUT_BYTES_MAX];
	uint64_t size = bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes;

	out_bytes(size, plain);
	snprintf(buf, OUT_BYTES_MAX, "%c%.*s", bytes < 0 && out_counts(size, 1024) ? '-' : '+',
		 OUT_BYTES_MAX - 2, plain);
	return buf;
}

/* The length of the UTF-8 character that starts at @c; 0 if it is none. */
static size_t utf8_length(const unsigned char *c)
{
	size_t n = c[0] < 0x80			 ? 1
		   : c[0] >= 0xc2 && c[0] < 0xe0 ? 2
		   : c[0] >= 0xe0 && c[0] < 0xf0 ? 3
		   : c[0] >= 0xf0 && c[0] < 0xf5 ? 4
						 : 0;

	for (size_t i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* Control characters, C0 and C1, can steer a terminal. */
static bool is_control(const unsigned char *c, size_t length)
{
	return (length == 1 && iscntrl(c[0])) || (length == 2 && c[0] == 0xc2 && c[1] < 0xa0);
}

const char *out_safe(const char *text)
{
	static char bufs[4][512];
	static unsigned int next;
	char *buf = bufs[next++ % 4];
	const unsigned char *c = (const unsigned char *)(text ? text : "");
	size_t used = 0;

	while (*c && used + 4 < sizeof(bufs[0])) {
		size_t length = utf8_length(c);

		if (!length || is_control(c, length)) {
			buf[used++] = '?';
			c += length ? length : 1;
			continue;
		}
		memcpy(buf + used, c, length);
		used += length;
		c += length;
	}
	buf[used] = '\0';
	return buf;
}

struct json_object *out_new(unsigned int schema)
{
	struct json_object *obj = json_object_new_object();

	out_add_u64(obj, "schema", schema);
	return obj;
}

void out_line(struct json_object *obj)
{
	puts(json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
							 JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
}

void out_pretty(struct json_object *obj)
{
	puts(json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
							 JSON_C_TO_STRING_NOSLASHESCAPE));
}

const char *out_size(struct json_object *obj, const char *key, char buf[static OUT_BYTES_MAX])
{
	return out_has(obj, key) ? out_bytes(out_u64(obj, key), buf) : "not reported";
}

uint64_t out_u64(struct json_object *obj, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(obj, key, &value))
		return 0;
	return json_object_get_uint64(value);
}

int64_t out_i64(struct json_object *obj, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(obj, key, &value))
		return 0;
	return json_object_get_int64(value);
}

const char *out_str(struct json_object *obj, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(obj, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

bool out_has(struct json_object *obj, const char *key)
{
	return json_object_object_get_ex(obj, key, NULL);
}

void out_add_u64(struct json_object *obj, const char *key, uint64_t value)
{
	json_object_object_add(obj, key, json_object_new_uint64(value));
}

void out_add_i64(struct json_object *obj, const char *key, int64_t value)
{
	json_object_object_add(obj, key, json_object_new_int64(value));
}

void out_add_str(struct json_object *obj, const char *key, const char *value)
{
	json_object_object_add(obj, key, json_object_new_string(value));
}
