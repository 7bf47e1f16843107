// SPDX-License-Identifier: GPL-2.0
/*
 * A recording: the output of "dynmem monitor --json --every SECONDS", one JSON
 * object a line. Of each line of type "state" the guests' name, max and used
 * are read; all other lines are passed over.
 *
 * What a squeezed guest used is what it was left: a recording of a host that
 * lacked memory shows less demand than there was.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "common/dbus_names.h"
#include "sim/trace_read.h"

/* "2026-11-24T05:40:53.123456Z" */
static bool read_time(const char *text, double *ret)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	double fraction = 0;
	char *end;

	if (!rest)
		return false;
	if (*rest == '.') {
		fraction = strtod(rest, &end);
		rest = end;
	}
	if (strcmp(rest, "Z") != 0)
		return false;
	*ret = (double)timegm(&tm) + fraction;
	return true;
}

/* An error names the text: JSON has no columns. */
static int bad(struct reader *r, const char *what)
{
	return read_bad(r, NULL, "%s", what);
}

static bool size_of(struct json_object *obj, const char *key, double *ret)
{
	struct json_object *v;

	if (!json_object_object_get_ex(obj, key, &v) ||
	    !(json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double)))
		return false;
	*ret = json_object_get_double(v);
	return true;
}

static struct sim_series *find_or_add(struct sim_trace *t, unsigned int first, unsigned int hint,
				      const char *name)
{
	if (hint < t->count && !strcmp(t->machine[hint].name, name))
		return &t->machine[hint];
	for (unsigned int i = first; i < t->count; i++)
		if (!strcmp(t->machine[i].name, name))
			return &t->machine[i];
	return sim_trace_add(t, name, strlen(name));
}

static int read_guest(struct reader *r, unsigned int first, unsigned int hint, double time,
		      struct json_object *guest)
{
	/* read_row_add() wants fields to show: the values as text. */
	char text[3][32];
	struct read_field field[3];
	struct read_row row = { .time = time };
	struct json_object *name;
	struct sim_series *s;

	if (!json_object_object_get_ex(guest, DYNMEM_GUEST_NAME, &name) ||
	    !json_object_is_type(name, json_type_string) || !json_object_get_string_len(name))
		return bad(r, "expected a guest with a \"name\"");
	if (!size_of(guest, DYNMEM_GUEST_MAX, &row.max))
		return bad(r, "expected a guest with its \"max\", a number of bytes");
	/* A guest that does not report has no "used": no sample, no mistake. */
	if (!size_of(guest, DYNMEM_GUEST_USED, &row.used))
		return 0;
	snprintf(text[0], sizeof(text[0]), "%.0f", row.time);
	snprintf(text[1], sizeof(text[1]), "%.0f", row.max);
	snprintf(text[2], sizeof(text[2]), "%.0f", row.used);
	for (int i = 0; i < 3; i++)
		field[i] = (struct read_field){
			.at = text[i],
			.length = (unsigned int)strlen(text[i]),
		};
	row.at.time = &field[0];
	row.at.max = &field[1];
	row.at.used = &field[2];
	s = find_or_add(r->trace, first, first + hint, json_object_get_string(name));
	return s ? read_row_add(r, s, &row) : -ENOMEM;
}

static int read_state(struct reader *r, unsigned int first, struct json_object *state)
{
	struct json_object *guests, *v;
	double time;
	int err = 0;

	if (!json_object_object_get_ex(state, "time", &v) ||
	    !json_object_is_type(v, json_type_string) ||
	    !read_time(json_object_get_string(v), &time))
		return bad(r, "expected a \"time\" like \"2026-01-31T12:00:00.000000Z\"");
	if (!json_object_object_get_ex(state, "guests", &guests) ||
	    !json_object_is_type(guests, json_type_array))
		return bad(r, "expected an array \"guests\"");
	for (size_t i = 0; !err && i < json_object_array_length(guests); i++) {
		v = json_object_array_get_idx(guests, i);
		err = json_object_is_type(v, json_type_object)
			      ? read_guest(r, first, (unsigned int)i, time, v)
			      : bad(r, "expected each guest to be an object");
	}
	return err;
}

static int read_object(struct reader *r, struct json_tokener *tok, unsigned int first)
{
	struct json_object *obj, *type;
	int err = 0;

	json_tokener_reset(tok);
	obj = json_tokener_parse_ex(tok, r->line, (int)r->line_length);
	if (!json_object_is_type(obj, json_type_object) ||
	    json_tokener_get_parse_end(tok) != r->line_length) {
		struct read_field f = {
			.column = (unsigned int)json_tokener_get_parse_end(tok) + 1,
		};

		json_object_put(obj);
		return read_bad(r, &f,
				"expected a JSON object, as \"dynmem monitor --json\" prints");
	}
	if (json_object_object_get_ex(obj, "type", &type) &&
	    !strcmp(json_object_get_string(type) ?: "", "state"))
		err = read_state(r, first, obj);
	json_object_put(obj);
	return err;
}

int trace_read_recording(struct reader *r)
{
	struct json_tokener *tok = json_tokener_new();
	unsigned int first = r->trace->count;
	int err = 0;

	if (!tok)
		return -ENOMEM;
	do {
		err = r->line_length > INT32_MAX ? bad(r, "expected a line of less than 2 GiB")
						 : read_object(r, tok, first);
	} while (!err && read_line(r));
	json_tokener_free(tok);
	if (!err && r->trace->count == first) {
		r->lenient = false;
		r->number = 0;
		return bad(r, "expected guests in the recording: no line has one that reports");
	}
	return err;
}
