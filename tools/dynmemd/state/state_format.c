// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "dynmemd/state/state_format.h"
#include "common/escape.h"
#include "common/util.h"

#define GONE_DAYS 30
#define GONE_MAX  1000

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static const char magic[] = "{\"dynmem-state\":";

/* The last line, of a fixed length. */
#define END_FORMAT "{\"fnv1a\":\"%016" PRIx64 "\"}\n"
#define END_LEN	   (sizeof("{\"fnv1a\":\"0123456789abcdef\"}\n") - 1)

/*
 * One table for reading and writing.
 */

enum type {
	TYPE_U64,
	TYPE_U32,
	TYPE_I32,
	TYPE_REAL,
	TYPE_TEXT, /* char[40] */
};

struct state_field {
	const char *key;
	enum type type;
	size_t offset;
};

#define TEXT_SIZE sizeof(((struct state *)NULL)->boot)

#define OF_STATE(key, type, member)                       \
	{                                                 \
		key, type, offsetof(struct state, member) \
	}
#define OF_GUEST(key, type, member)                        \
	{                                                  \
		key, type, offsetof(struct record, member) \
	}

static const struct state_field state_fields[] = {
	OF_STATE("boot", TYPE_TEXT, boot),
	OF_STATE("drain", TYPE_U32, drain),
	OF_STATE("touch-rate", TYPE_U64, host.touch_rate),
	OF_STATE("outside-growth", TYPE_U64, host.outside_growth),
	OF_STATE("gate-taken", TYPE_U64, gate_taken),
	OF_STATE("next-reservation", TYPE_U32, next_reservation),
	{ 0 },
};

#define OF_RESERVATION(key, type, member)                       \
	{                                                       \
		key, type, offsetof(struct reservation, member) \
	}

static const struct state_field reservation_fields[] = {
	OF_RESERVATION("id", TYPE_U32, id),
	OF_RESERVATION("bytes", TYPE_U64, bytes),
	OF_RESERVATION("until", TYPE_U64, until),
	{ 0 },
};

#define OF_SETTINGS(key, type, member)                       \
	{                                                    \
		key, type, offsetof(struct settings, member) \
	}
#define OF_SETTING(name, i)                                              \
	OF_SETTINGS(name, TYPE_U64, of[i].value),                        \
		OF_SETTINGS(name "-relative", TYPE_U32, of[i].relative), \
		OF_SETTINGS(name "-at", TYPE_U64, of[i].at),             \
		OF_SETTINGS(name "-until", TYPE_U64, of[i].until)

static const struct state_field settings_fields[] = {
	OF_SETTING("min", SETTING_MIN),
	OF_SETTING("max", SETTING_MAX),
	OF_SETTING("shares", SETTING_SHARES),
	OF_SETTING("hold", SETTING_HOLD),
	{ 0 },
};

static const struct state_field guest_fields[] = {
	OF_GUEST("from", TYPE_TEXT, from),
	OF_GUEST("pid", TYPE_U64, pid),
	OF_GUEST("start", TYPE_U64, start),
	OF_GUEST("memory", TYPE_U64, memory),
	OF_GUEST("actual", TYPE_U64, actual),
	OF_GUEST("target", TYPE_U64, target),
	OF_GUEST("gone", TYPE_U64, gone),
	OF_GUEST("learned", TYPE_U64, learned.learned),
	OF_GUEST("good", TYPE_U64, learned.good),
	OF_GUEST("yield", TYPE_REAL, learned.yield),
	OF_GUEST("hot", TYPE_REAL, learned.hot),
	OF_GUEST("kept", TYPE_U64, learned.kept),
	OF_GUEST("lacking", TYPE_U64, learned.lacking),
	OF_GUEST("overhead", TYPE_U64, learned.overhead),
	OF_GUEST("room", TYPE_U64, learned.room),
	OF_GUEST("debt", TYPE_U64, learned.debt),
	OF_GUEST("backoff", TYPE_U64, learned.backoff),
	OF_GUEST("backoff-left", TYPE_U64, learned.backoff_left),
	OF_GUEST("harms", TYPE_U32, learned.harms),
	OF_GUEST("harms-left", TYPE_U64, learned.harms_left),
	OF_GUEST("harm-by", TYPE_U32, learned.harm_by),
	OF_GUEST("harm-size", TYPE_U64, learned.harm_size),
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

static struct json_object *value_of(enum type type, const void *at)
{
	char buf[32];

	switch (type) {
	case TYPE_U64:
		return json_object_new_uint64(*(const uint64_t *)at);
	case TYPE_U32:
		return json_object_new_uint64(*(const uint32_t *)at);
	case TYPE_I32:
		return json_object_new_int(*(const int32_t *)at);
	case TYPE_REAL:
		/* So that it reads back as the same number. */
		snprintf(buf, sizeof(buf), "%.17g", *(const double *)at);
		return json_object_new_double_s(*(const double *)at, buf);
	case TYPE_TEXT:
		return json_object_new_string(at);
	}
	return NULL;
}

/* Takes @value, also when it fails. */
static bool put(struct json_object *o, const char *key, struct json_object *value)
{
	if (!value)
		return false;
	if (json_object_object_add_ex(o, key, value, JSON_C_OBJECT_ADD_CONSTANT_KEY) == 0)
		return true;
	json_object_put(value);
	return false;
}

static bool put_fields(struct json_object *o, const struct state_field *f, const void *of)
{
	for (; f->key; f++)
		if (!put(o, f->key, value_of(f->type, (const char *)of + f->offset)))
			return false;
	return true;
}

static bool add_named(struct json_object *array, const char *name, const struct state_field *f,
		      const void *of)
{
	struct json_object *o = json_object_new_object();

	if (o && put(o, "name", json_object_new_string(name)) && put_fields(o, f, of) &&
	    json_object_array_add(array, o) == 0)
		return true;
	json_object_put(o);
	return false;
}

static bool put_guests(struct json_object *top, const struct state *s)
{
	struct json_object *guests = json_object_new_array_ext((int)s->n + 1);
	bool ok = put(top, "guests", guests);

	for (size_t i = 0; ok && i < s->n; i++)
		ok = add_named(guests, s->records[i]->name, guest_fields, s->records[i]);
	return ok;
}

static bool put_reservations(struct json_object *top, const struct state *s)
{
	struct json_object *array = json_object_new_array();
	bool ok = put(top, "reservations", array);

	for (size_t i = 0; ok && i < s->n_reserved; i++)
		ok = add_named(array, s->reserved[i].name, reservation_fields, &s->reserved[i]);
	return ok;
}

static bool put_settings(struct json_object *top, const struct state *s)
{
	struct json_object *array = json_object_new_array();
	bool ok = put(top, "settings", array);

	for (size_t i = 0; ok && i < s->n_set; i++)
		ok = add_named(array, s->set[i].name, settings_fields, &s->set[i]);
	return ok;
}

char *state_render(const struct state *s, size_t *ret_len, uint64_t *ret_sum)
{
	_cleanup_(json_putp) struct json_object *top = json_object_new_object();
	char *text = NULL, head[64];
	const char *body;
	size_t len, body_len;

	if (!top || !put_fields(top, state_fields, s) || !put_reservations(top, s) ||
	    !put_settings(top, s) || !put_guests(top, s))
		return NULL;
	body = json_object_to_json_string_length(top, JSON_C_TO_STRING_PLAIN, &body_len);
	/* Version and time go in front: the checksum of the content is without them. */
	len = (size_t)snprintf(head, sizeof(head), "%s%d,\"time\":%" PRIu64 ",", magic,
			       STATE_VERSION, s->time);
	text = body ? malloc(len + body_len + END_LEN + 1) : NULL;
	if (!text)
		return NULL;
	*ret_sum = fnv(FNV_START, body, body_len);
	memcpy(text, head, len);
	memcpy(text + len, body + 1, body_len - 1);
	len += body_len - 1;
	text[len++] = '\n';
	len += (size_t)sprintf(text + len, END_FORMAT, fnv(FNV_START, text, len));
	*ret_len = len;
	return text;
}

/*
 * Reading
 */

static int take_integer(struct json_object *v, int64_t min, uint64_t max, uint64_t *ret)
{
	int64_t n;

	if (!json_object_is_type(v, json_type_int))
		return -EBADMSG;
	n = json_object_get_int64(v);
	*ret = n < 0 ? (uint64_t)n : json_object_get_uint64(v);
	return (n < 0 ? n < min : *ret > max) ? -EBADMSG : 0;
}

static int take_value(enum type type, void *at, struct json_object *v)
{
	uint64_t n = 0;
	int r;

	switch (type) {
	case TYPE_U64:
		return take_integer(v, 0, UINT64_MAX, at);
	case TYPE_U32:
		r = take_integer(v, 0, UINT32_MAX, &n);
		*(uint32_t *)at = (uint32_t)n;
		return r;
	case TYPE_I32:
		r = take_integer(v, INT32_MIN, INT32_MAX, &n);
		*(int32_t *)at = (int32_t)n;
		return r;
	case TYPE_REAL:
		if (!json_object_is_type(v, json_type_double) &&
		    !json_object_is_type(v, json_type_int))
			return -EBADMSG;
		*(double *)at = json_object_get_double(v);
		return isfinite(*(double *)at) ? 0 : -EBADMSG;
	case TYPE_TEXT:
		if (!json_object_is_type(v, json_type_string) ||
		    json_object_get_string_len(v) >= (int)TEXT_SIZE)
			return -EBADMSG;
		snprintf(at, TEXT_SIZE, "%s", json_object_get_string(v));
		return 0;
	}
	return -EBADMSG;
}

static int take_fields(const struct state_field *f, void *of, struct json_object *o)
{
	struct json_object *v;
	int r = 0;

	for (; r == 0 && f->key; f++)
		if (json_object_object_get_ex(o, f->key, &v))
			r = take_value(f->type, (char *)of + f->offset, v);
	return r;
}

static bool is_name(const char *text, size_t len)
{
	char escaped[GUEST_NAME_MAX];

	/* As backends make them: what was escaped once stays as it is. */
	return len < GUEST_NAME_MAX && strlen(text) == len &&
	       !strcmp(escape_text(escaped, sizeof(escaped), text), text);
}

/* NULL: it has none, or no proper one. */
static const char *name_of(struct json_object *o)
{
	struct json_object *name;

	if (!json_object_object_get_ex(o, "name", &name) ||
	    !json_object_is_type(name, json_type_string) ||
	    !is_name(json_object_get_string(name), (size_t)json_object_get_string_len(name)))
		return NULL;
	return json_object_get_string(name);
}

static int take_guest(struct state *s, struct json_object *o)
{
	const char *name = name_of(o);
	struct record *r;

	if (!name || !*name)
		return -EBADMSG;
	r = state_add(s, name);
	return r ? take_fields(guest_fields, r, o) : -ENOMEM;
}

static int take_reservation(struct state *s, struct json_object *o)
{
	struct reservation *r = &s->reserved[s->n_reserved];
	const char *name = name_of(o);

	if (!name || s->n_reserved == POLICY_RESERVES_MAX)
		return -EBADMSG;
	s->n_reserved++;
	snprintf(r->name, sizeof(r->name), "%s", name);
	return take_fields(reservation_fields, r, o);
}

static int take_settings(struct state *s, struct json_object *o)
{
	const char *name = name_of(o);
	struct settings *set;
	int r;

	if (!name || !*name || state_find_settings(s, name) || s->n_set == STATE_SETTINGS_MAX)
		return -EBADMSG;
	set = state_add_settings(s, name);
	r = set ? take_fields(settings_fields, set, o) : -ENOMEM;
	for (unsigned int i = 0; r == 0 && i < SETTING_COUNT; i++)
		if (set->of[i].value > POLICY_HOST_BYTES_MAX || set->of[i].relative > 1)
			r = -EBADMSG;
	return r;
}

static int take_array(struct state *s, struct json_object *top, const char *key,
		      int (*take)(struct state *s, struct json_object *o))
{
	struct json_object *array;
	int r = 0;

	if (!json_object_object_get_ex(top, key, &array))
		return 0;
	if (!json_object_is_type(array, json_type_array))
		return -EBADMSG;
	for (size_t i = 0; r == 0 && i < json_object_array_length(array); i++)
		r = take(s, json_object_array_get_idx(array, i));
	return r;
}

static int take_state(struct state *s, struct json_object *top)
{
	struct json_object *v;
	int r;

	if (!json_object_object_get_ex(top, "time", &v) ||
	    !json_object_object_get_ex(top, "guests", NULL))
		return -EBADMSG;
	r = take_value(TYPE_U64, &s->time, v);
	if (r == 0)
		r = take_fields(state_fields, s, top);
	if (r == 0)
		r = take_array(s, top, "reservations", take_reservation);
	if (r == 0)
		r = take_array(s, top, "settings", take_settings);
	return r < 0 ? r : take_array(s, top, "guests", take_guest);
}

unsigned int state_version(const char *text, size_t len)
{
	size_t n = strlen(magic);
	unsigned int version = 0;

	if (len < n || memcmp(text, magic, n) != 0)
		return 0;
	for (; n < len && isdigit((unsigned char)text[n]) && version < 1000000; n++)
		version = version * 10 + (text[n] - '0');
	return n < len && text[n] == ',' ? version : 0;
}

/* The last line, with the checksum of all before it. */
static bool sum_fits(const char *text, size_t len)
{
	char end[END_LEN + 1];

	snprintf(end, sizeof(end), END_FORMAT, fnv(FNV_START, text, len));
	return memcmp(text + len, end, END_LEN) == 0;
}

int state_parse(struct state *s, const char *text, size_t len)
{
	unsigned int version = state_version(text, len);
	struct json_tokener *tokener;
	struct json_object *top;
	int r;

	if (!version)
		return -EBADMSG;
	if (version != STATE_VERSION)
		return -EPROTONOSUPPORT;
	if (len < END_LEN || len > STATE_SIZE_MAX || !sum_fits(text, len - END_LEN))
		return -EBADMSG;
	tokener = json_tokener_new_ex(4);
	if (!tokener)
		return -ENOMEM;
	top = json_tokener_parse_ex(tokener, text, (int)(len - END_LEN));
	r = json_object_is_type(top, json_type_object) ? take_state(s, top) : -EBADMSG;
	json_object_put(top);
	json_tokener_free(tokener);
	if (r < 0)
		state_clear(s);
	return r;
}

/*
 * Settings
 */

struct settings *state_find_settings(const struct state *s, const char *name)
{
	for (size_t i = 0; i < s->n_set; i++)
		if (!strcmp(s->set[i].name, name))
			return &s->set[i];
	return NULL;
}

struct settings *state_add_settings(struct state *s, const char *name)
{
	struct settings *set;

	if (s->n_set == STATE_SETTINGS_MAX)
		return NULL;
	set = reallocarray(s->set, s->n_set + 1, sizeof(*set));
	if (!set)
		return NULL;
	s->set = set;
	set += s->n_set++;
	*set = (struct settings){ 0 };
	snprintf(set->name, sizeof(set->name), "%s", name);
	return set;
}

void state_forget_settings(struct state *s, size_t n)
{
	s->n_set--;
	memmove(&s->set[n], &s->set[n + 1], (s->n_set - n) * sizeof(*s->set));
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
	free(s->set);
	*s = (struct state){ 0 };
}
