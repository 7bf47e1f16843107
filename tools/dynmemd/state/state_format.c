// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dynmemd/state/state_format.h"
#include "common/util.h"

#define GONE_DAYS 30
#define GONE_MAX  1000

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static const char magic[] = "dynmem-state ";

/*
 * One table for reading and writing.
 */

enum type {
	TYPE_U64,
	TYPE_U32,
	TYPE_I32,
	TYPE_REAL,
	TYPE_WORD, /* char[40], without blanks */
};

struct field {
	const char *key;
	enum type type;
	size_t offset;
};

#define WORD_SIZE sizeof(((struct state *)NULL)->boot)

#define OF_STATE(key, type, member)                       \
	{                                                 \
		key, type, offsetof(struct state, member) \
	}
#define OF_GUEST(key, type, member)                        \
	{                                                  \
		key, type, offsetof(struct record, member) \
	}

static const struct field state_fields[] = {
	OF_STATE("boot", TYPE_WORD, boot),
	OF_STATE("drain", TYPE_U32, drain),
	OF_STATE("touch-rate", TYPE_U64, host.touch_rate),
	OF_STATE("outside-growth", TYPE_U64, host.outside_growth),
	{ 0 },
};

static const struct field time_fields[] = {
	OF_STATE("time", TYPE_U64, time),
	{ 0 },
};

static const struct field guest_fields[] = {
	OF_GUEST("pid", TYPE_U64, pid),
	OF_GUEST("start", TYPE_U64, start),
	OF_GUEST("actual", TYPE_U64, actual),
	OF_GUEST("target", TYPE_U64, target),
	OF_GUEST("gone", TYPE_U64, gone),
	OF_GUEST("learned", TYPE_U64, learned.learned),
	OF_GUEST("good", TYPE_U64, learned.good),
	OF_GUEST("yield", TYPE_REAL, learned.yield),
	OF_GUEST("hot", TYPE_REAL, learned.hot),
	OF_GUEST("press", TYPE_REAL, learned.press),
	OF_GUEST("overhead", TYPE_U64, learned.overhead),
	OF_GUEST("room", TYPE_U64, learned.room),
	OF_GUEST("debt", TYPE_U64, learned.debt),
	OF_GUEST("backoff", TYPE_U64, learned.backoff),
	OF_GUEST("backoff-left", TYPE_U64, learned.backoff_left),
	OF_GUEST("harms", TYPE_U32, learned.harms),
	OF_GUEST("total-follows", TYPE_I32, learned.total_follows),
	{ 0 },
};

static uint64_t fnv(uint64_t sum, const char *text, size_t len)
{
	while (len--)
		sum = (sum ^ (unsigned char)*text++) * FNV_PRIME;
	return sum;
}

/*
 * Writing
 */

struct text {
	char *buf;
	size_t size, len; /* @len may exceed @size: nothing is written then */
};

static void _printf_(2, 3) put(struct text *t, const char *format, ...)
{
	size_t left = t->len < t->size ? t->size - t->len : 0;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(left ? t->buf + t->len : NULL, left, format, ap);
	va_end(ap);
	t->len += n;
}

static void put_fields(struct text *t, const struct field *f, const void *of)
{
	for (; f->key; f++) {
		const char *at = (const char *)of + f->offset;

		put(t, "%s=", f->key);
		switch (f->type) {
		case TYPE_U64:
			put(t, "%" PRIu64 " ", *(const uint64_t *)at);
			break;
		case TYPE_U32:
			put(t, "%" PRIu32 " ", *(const uint32_t *)at);
			break;
		case TYPE_I32:
			put(t, "%" PRId32 " ", *(const int32_t *)at);
			break;
		case TYPE_REAL:
			put(t, "%.17g ", *(const double *)at);
			break;
		case TYPE_WORD:
			put(t, "%s ", at);
			break;
		}
	}
}

size_t state_render(const struct state *s, char *buf, size_t size, uint64_t *ret_sum)
{
	struct text t = { buf, size, 0 };
	size_t start;

	put(&t, "%s%d\n", magic, STATE_VERSION);
	put_fields(&t, time_fields, s);
	start = t.len;
	put_fields(&t, state_fields, s);
	put(&t, "\n");
	for (size_t i = 0; i < s->n; i++) {
		put(&t, "guest ");
		put_fields(&t, guest_fields, s->records[i]);
		put(&t, "name=%s\n", s->records[i]->name);
	}
	if (t.len < size) {
		*ret_sum = fnv(FNV_START, buf + start, t.len - start);
		put(&t, "end %016" PRIx64 "\n", fnv(FNV_START, buf, t.len));
	} else {
		put(&t, "end %016x\n", 0);
	}
	return t.len;
}

/*
 * Reading
 */

static int set_unsigned(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EBADMSG;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno || *end || *ret > max ? -EBADMSG : 0;
}

static int set_field(const struct field *f, void *of, const char *value)
{
	char *at = (char *)of + f->offset, *end;
	uint64_t n = 0;
	int r = 0;

	switch (f->type) {
	case TYPE_U64:
		return set_unsigned(value, UINT64_MAX, (uint64_t *)at);
	case TYPE_U32:
		r = set_unsigned(value, UINT32_MAX, &n);
		*(uint32_t *)at = n;
		return r;
	case TYPE_I32:
		r = set_unsigned(value + (*value == '-'), INT32_MAX, &n);
		*(int32_t *)at = *value == '-' ? -(int32_t)n : (int32_t)n;
		return r;
	case TYPE_REAL:
		*(double *)at = strtod(value, &end);
		return *end || end == value ? -EBADMSG : 0;
	case TYPE_WORD:
		return snprintf(at, WORD_SIZE, "%s", value) >= (int)WORD_SIZE ? -EBADMSG : 0;
	}
	return r;
}

/* "KEY=VALUE KEY=VALUE ", until the end of the line. */
static int take_fields(const struct field *fields, void *of, char *line)
{
	char *word, *value, *rest = NULL;

	for (word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		const struct field *f = fields;
		int r;

		value = strchr(word, '=');
		if (!value)
			return -EBADMSG;
		*value++ = 0;
		while (f->key && strcmp(f->key, word) != 0)
			f++;
		r = f->key ? set_field(f, of, value) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_name(const char *text)
{
	size_t n = strlen(text);

	if (!n || n >= GUEST_NAME_MAX)
		return false;
	while (*text >= ' ' && *text <= '~')
		text++;
	return !*text;
}

static int take_guest(struct state *s, char *line)
{
	char *name = strstr(line, " name=");
	struct record *r;

	if (!name)
		return -EBADMSG;
	*name = 0;
	name += strlen(" name=");
	if (!is_name(name))
		return -EBADMSG;
	r = state_add(s, name);
	return r ? take_fields(guest_fields, r, line) : -ENOMEM;
}

static int take_head(struct state *s, char *line)
{
	char *body = strchr(line, ' ');
	int r;

	if (!body)
		return -EBADMSG;
	*body++ = 0;
	r = take_fields(time_fields, s, line);
	return r < 0 ? r : take_fields(state_fields, s, body);
}

unsigned int state_version(const char *text, size_t len)
{
	size_t n = strlen(magic);
	unsigned int version = 0;

	if (len < n || memcmp(text, magic, n) != 0)
		return 0;
	for (; n < len && isdigit((unsigned char)text[n]) && version < 1000000; n++)
		version = version * 10 + (text[n] - '0');
	return n < len && text[n] == '\n' ? version : 0;
}

/* The last line, with the checksum of all before it. Returns its start. */
static int check_end(const char *text, size_t len, size_t *ret_start)
{
	char want[32];
	size_t n = (size_t)snprintf(want, sizeof(want), "end %016x\n", 0);
	uint64_t sum;

	if (len < n)
		return -EBADMSG;
	len -= n;
	sum = fnv(FNV_START, text, len);
	snprintf(want, sizeof(want), "end %016" PRIx64 "\n", sum);
	if (memcmp(text + len, want, n) != 0)
		return -EBADMSG;
	*ret_start = len;
	return 0;
}

static int take_lines(struct state *s, char *text)
{
	char *rest = NULL, *line = strtok_r(text, "\n", &rest);
	int r;

	/* The first names the version. */
	line = line ? strtok_r(NULL, "\n", &rest) : NULL;
	r = line ? take_head(s, line) : -EBADMSG;
	while (r == 0 && (line = strtok_r(NULL, "\n", &rest)))
		r = strncmp(line, "guest ", 6) ? -EBADMSG : take_guest(s, line + 6);
	return r;
}

int state_parse(struct state *s, const char *text, size_t len)
{
	unsigned int version = state_version(text, len);
	char *copy;
	size_t end;
	int r;

	if (!version)
		return -EBADMSG;
	if (version != STATE_VERSION)
		return -EPROTONOSUPPORT;
	r = check_end(text, len, &end);
	if (r < 0 || memchr(text, 0, end))
		return -EBADMSG;
	copy = strndup(text, end);
	if (!copy)
		return -ENOMEM;
	r = take_lines(s, copy);
	free(copy);
	if (r < 0)
		state_clear(s);
	return r;
}

/*
 * Records
 */

struct record *state_find(const struct state *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->records[i]->name, name))
			return s->records[i];
	return NULL;
}

struct record *state_add(struct state *s, const char *name)
{
	size_t space = s->space ? s->space * 2 : 16;
	struct record *r, **records = s->records;

	if (s->n == s->space) {
		records = reallocarray(records, space, sizeof(struct record *));
		if (!records)
			return NULL;
		s->records = records;
		s->space = space;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->learned = (struct policy_guest_state){
		.yield = 1,
		.press = 1,
		.overhead = UINT64_MAX,
		.total_follows = -1,
	};
	s->records[s->n++] = r;
	return r;
}

/* Those that are there first, then the latest gone. */
static int by_gone(const void *pa, const void *pb)
{
	const struct record *a = *(struct record *const *)pa;
	const struct record *b = *(struct record *const *)pb;
	uint64_t ga = a->gone ? a->gone : UINT64_MAX;
	uint64_t gb = b->gone ? b->gone : UINT64_MAX;

	return ga < gb ? 1 : ga > gb ? -1 : strcmp(a->name, b->name);
}

void state_expire(struct state *s, uint64_t now)
{
	uint64_t oldest = now > GONE_DAYS * 86400ULL ? now - GONE_DAYS * 86400ULL : 0;
	size_t gone = 0, kept = 0;

	/* Sorting may allocate: not while there is nothing to do. */
	for (size_t i = 0; i < s->n; i++)
		gone += s->records[i]->gone != 0;
	if (gone)
		qsort(s->records, s->n, sizeof(struct record *), by_gone);
	gone = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct record *r = s->records[i];

		gone += r->gone != 0;
		if (r->gone && (r->gone < oldest || gone > GONE_MAX))
			free(r);
		else
			s->records[kept++] = r;
	}
	s->n = kept;
}

void state_clear(struct state *s)
{
	while (s->n)
		free(s->records[--s->n]);
	free(s->records);
	*s = (struct state){ 0 };
}
