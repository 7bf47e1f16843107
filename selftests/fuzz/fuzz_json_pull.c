// SPDX-License-Identifier: GPL-2.0
/*
 * JSON that is read in place: what json_split() takes, json-c takes as well and to the
 * same end, and the cursor finds in it what json-c does, also in json-c's own text.
 * On anything else the cursor is lost, but never leaves the text.
 */
#include <json-c/json.h>

#include "dynmemd/qmp/json_pull.h"
#include "common/util.h"
#include "fuzz.h"

#define MEMBERS 4

int LLVMFuzzerInitialize(_unused_ int *argc, _unused_ char ***argv)
{
	return 0;
}

static void same_number(struct json_cursor *c, struct json_object *o)
{
	uint64_t n;

	if (json_number(c, &n))
		promise(json_object_is_type(o, json_type_int) && json_object_get_uint64(o) == n);
	else
		promise(!json_object_is_type(o, json_type_int) || json_object_get_int64(o) <= 0);
}

/* Of equal names json-c knows the last one only. */
static bool names_twice(struct json_cursor c, struct json_object *o)
{
	struct json_span key;
	int n = 0;

	json_enter(&c, '{');
	for (; json_key(&c, &key); n++)
		json_skip(&c);
	return n != json_object_object_length(o);
}

static void same(struct json_cursor *c, struct json_object *o, unsigned int depth)
{
	struct json_span key;
	size_t n = 0;

	promise(depth <= 64);
	if (json_object_is_type(o, json_type_array)) {
		promise(json_enter(c, '['));
		for (; json_more(c); n++)
			same(c, json_object_array_get_idx(o, n), depth + 1);
		promise(n == json_object_array_length(o));
	} else if (json_object_is_type(o, json_type_object)) {
		if (names_twice(*c, o)) {
			json_skip(c);
			return;
		}
		promise(json_enter(c, '{'));
		while (json_key(c, &key)) {
			char name[4096];
			struct json_object *v;

			/* json-c's text has escapes. */
			snprintf(name, sizeof(name), "%.*s", (int)key.len, key.p);
			if (memchr(key.p, '\\', key.len) || key.len >= sizeof(name)) {
				json_skip(c);
				continue;
			}
			promise(json_object_object_get_ex(o, name, &v));
			same(c, v, depth + 1);
		}
	} else {
		same_number(c, o);
	}
}

static void wander(const char *p, size_t len)
{
	struct json_cursor c = json_cursor((struct json_span){ p, len });
	struct json_span key;
	uint64_t n;

	for (size_t i = 0; i < len && c.p < c.end; i++)
		switch (p[i] % 5) {
		case 0:
			json_enter(&c, p[i] & 8 ? '{' : '[');
			break;
		case 1:
			json_key(&c, &key);
			break;
		case 2:
			json_more(&c);
			break;
		case 3:
			json_number(&c, &n);
			break;
		default:
			json_skip(&c);
		}
	promise(c.p >= p && c.p <= p + len);
}

static void check_whole(struct json_object *o, const char *p, size_t used)
{
	struct json_cursor c = json_cursor((struct json_span){ p, used });
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);

	same(&c, o, 0);
	promise(c.p == c.end);
	c = json_cursor((struct json_span){ text, strlen(text) });
	same(&c, o, 0);
	promise(c.p == c.end);
}

static void check_members(struct json_object *o, const struct json_member *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct json_cursor c = json_cursor(m[i].value);
		bool last = true;

		for (size_t k = i + 1; k < n; k++)
			last &= m[k].key.len != m[i].key.len ||
				memcmp(m[k].key.p, m[i].key.p, m[i].key.len) != 0;
		if (last) {
			char name[4096];
			struct json_object *v;

			if (m[i].key.len >= sizeof(name))
				continue;
			snprintf(name, sizeof(name), "%.*s", (int)m[i].key.len, m[i].key.p);
			promise(json_object_object_get_ex(o, name, &v));
			same(&c, v, 0);
		} else {
			json_skip(&c);
		}
		promise(c.p == c.end);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_member m[MEMBERS];
	struct json_tokener *t;
	struct json_object *o;
	char *text;
	size_t n, used;

	if (size > 8192)
		return 0;
	/* Of exactly this size, so that the sanitizer sees what reads on. */
	text = malloc(size ?: 1);
	promise(text);
	memcpy(text, data, size);
	wander(text, size);
	used = json_split(text, size, m, MEMBERS, &n);
	if (used) {
		promise(used <= size && n <= MEMBERS);
		t = json_tokener_new_ex(16);
		json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
		o = json_tokener_parse_ex(t, text, (int)size);
		promise(json_tokener_get_error(t) == json_tokener_success);
		/* json-c takes some of the blanks behind it, too. */
		promise(json_tokener_get_parse_end(t) >= used);
		promise(json_tokener_get_parse_end(t) <=
			used + json_blanks(text + used, size - used));
		check_whole(o, text, used);
		check_members(o, m, n);
		json_object_put(o);
		json_tokener_free(t);
	}
	free(text);
	return 0;
}
