// SPDX-License-Identifier: GPL-2.0
#include "dynmemd/qmp/json_pull.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

size_t json_blanks(const char *p, size_t len)
{
	return skip_blanks(p, p + len) - p;
}

/*
 * The check. All return what comes after, or NULL: not taken.
 */

/* From after its first quote to after its last. */
static const char *check_string(const char *p, const char *end)
{
	for (; p < end && *p != '"'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < ' ' || c >= 0x7f || c == '\\')
			return NULL;
	}
	return p < end ? p + 1 : NULL;
}

/*
 * Whole numbers. One that ends where the text does may go on, but then it is in no
 * object that is complete.
 */
static const char *check_number(const char *p, const char *end)
{
	const char *first;

	if (p < end && *p == '-')
		p++;
	first = p;
	while (p < end && is_digit(*p))
		p++;
	return p == first || (*first == '0' && p > first + 1) ? NULL : p;
}

static const char *check_word(const char *p, const char *end, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(end - p) >= len && !memcmp(p, word, len) ? p + len : NULL;
}

static const char *check_scalar(const char *p, const char *end)
{
	switch (*p) {
	case '"':
		return check_string(p + 1, end);
	case 't':
		return check_word(p, end, "true");
	case 'f':
		return check_word(p, end, "false");
	case 'n':
		return check_word(p, end, "null");
	default:
		return check_number(p, end);
	}
}

/* A key, its colon, and up to the value. */
static const char *check_key(const char *p, const char *end, struct json_span *ret)
{
	const char *after = p < end && *p == '"' ? check_string(p + 1, end) : NULL;

	if (!after)
		return NULL;
	*ret = (struct json_span){ p + 1, after - p - 2 };
	p = skip_blanks(after, end);
	return p < end && *p == ':' ? skip_blanks(p + 1, end) : NULL;
}

/* Where a container is left or goes on: to its next value, or to after its bracket. */
static const char *check_next(const char *p, const char *end, bool object, bool *ret_over)
{
	p = skip_blanks(p, end);
	if (p == end)
		return NULL;
	*ret_over = *p == (object ? '}' : ']');
	if (*ret_over)
		return p + 1;
	return *p == ',' ? skip_blanks(p + 1, end) : NULL;
}

/*
 * Any value. The kinds of the containers that it is in are kept as bits, the innermost
 * lowest: what a peer nests takes none of our stack.
 */
static const char *check_value(const char *p, const char *end)
{
	unsigned int objects = 0, depth = 0;
	struct json_span key;
	bool over;

	do {
		if (p == end)
			return NULL;
		over = false;
		if (*p == '{' || *p == '[') {
			if (++depth == JSON_PULL_DEPTH)
				return NULL;
			objects = objects << 1 | (*p == '{');
			p = skip_blanks(p + 1, end);
			over = p < end && *p == (objects & 1 ? '}' : ']');
			p += over;
		} else {
			p = check_scalar(p, end);
			if (p && depth)
				p = check_next(p, end, objects & 1, &over);
		}
		while (p && over) {
			objects >>= 1;
			over = false;
			if (--depth)
				p = check_next(p, end, objects & 1, &over);
		}
		if (p && depth && objects & 1)
			p = check_key(p, end, &key);
	} while (p && depth);
	return p;
}

size_t json_split(const char *p, size_t len, struct json_member *ret, size_t max, size_t *ret_n)
{
	const char *end = p + len, *start = p;
	bool over = false;
	size_t n = 0;

	if (!len || *p != '{')
		return 0;
	p = skip_blanks(p + 1, end);
	if (p < end && *p == '}') {
		*ret_n = 0;
		return p + 1 - start;
	}
	while (!over) {
		if (n == max)
			return 0;
		p = check_key(p, end, &ret[n].key);
		ret[n].value.p = p;
		p = p ? check_value(p, end) : NULL;
		if (!p)
			return 0;
		ret[n].value.len = p - ret[n].value.p;
		n++;
		p = check_next(p, end, true, &over);
		if (!p)
			return 0;
	}
	*ret_n = n;
	return p - start;
}

/*
 * The cursor: the text is right, so what separates values is stepped over.
 */

struct json_cursor json_cursor(struct json_span value)
{
	return (struct json_cursor){ value.p, value.p + value.len };
}

static bool is_between(char c)
{
	return c <= ' ' || c == ',' || c == ':';
}

static bool at_end_of_scalar(const struct json_cursor *c)
{
	return c->p >= c->end || is_between(*c->p) || *c->p == ']' || *c->p == '}';
}

static const char *step(struct json_cursor *c)
{
	while (c->p < c->end && is_between(*c->p))
		c->p++;
	return c->p;
}

/* From a quote to after the next: json-c writes backslashes where there are any. */
static void skip_string(struct json_cursor *c)
{
	for (c->p++; c->p < c->end && *c->p != '"'; c->p++)
		if (*c->p == '\\')
			c->p++;
	c->p = c->p < c->end ? c->p + 1 : c->end;
}

void json_skip(struct json_cursor *c)
{
	unsigned int depth = 0;

	step(c);
	do {
		if (c->p >= c->end)
			break;
		if (*c->p == '"') {
			skip_string(c);
			continue;
		}
		depth += *c->p == '{' || *c->p == '[';
		depth -= *c->p == '}' || *c->p == ']';
		c->p++;
	} while (depth || !at_end_of_scalar(c));
}

bool json_enter(struct json_cursor *c, char bracket)
{
	if (step(c) >= c->end || *c->p != bracket) {
		json_skip(c);
		return false;
	}
	c->p++;
	return true;
}

bool json_more(struct json_cursor *c)
{
	if (step(c) >= c->end)
		return false;
	if (*c->p != ']' && *c->p != '}')
		return true;
	c->p++;
	return false;
}

bool json_key(struct json_cursor *c, struct json_span *ret)
{
	if (!json_more(c))
		return false;
	ret->p = c->p + 1;
	skip_string(c);
	ret->len = c->p - ret->p - 1;
	return true;
}

bool json_number(struct json_cursor *c, uint64_t *ret)
{
	const char *first = step(c);
	uint64_t n = 0;

	while (c->p < c->end && is_digit(*c->p)) {
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *c->p - '0', &n))
			n = UINT64_MAX;
		c->p++;
	}
	if (c->p == first || !at_end_of_scalar(c)) {
		c->p = first;
		json_skip(c);
		return false;
	}
	*ret = n;
	return true;
}

bool json_member_number(struct json_cursor *c, const char *key, uint64_t *ret)
{
	bool found = false;
	struct json_span k;
	uint64_t n;

	if (!json_enter(c, '{'))
		return false;
	while (json_key(c, &k)) {
		if (span_is(k, key))
			found = json_number(c, &n);
		else
			json_skip(c);
	}
	/* As QEMU's numbers are. */
	if (found)
		*ret = n < INT64_MAX ? n : INT64_MAX;
	return found;
}
