// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/json_build.h"
#include "common/record_json.h"
#include "policy/policy.h"

static struct json_object *bits_to_json(const struct record_field *f, uint32_t bits)
{
	struct json_object *names = json_object_new_array();

	for (unsigned int i = 0; f->names[i]; i++)
		if (bits & (1u << i))
			json_build_append(&names, json_object_new_string(f->names[i]));
	return names;
}

static struct json_object *array_to_json(const struct record_field *f, const void *record,
					 const void *at)
{
	uint32_t n = *(const uint32_t *)((const char *)record + f->count);
	struct json_object *array = json_object_new_array();

	for (uint32_t i = 0; i < n && i < RECORD_NODES_MAX; i++) {
		const struct host_node *node = (const struct host_node *)at + i;
		struct json_object *item = json_object_new_object();

		json_build_add(&item, "total", json_object_new_uint64(node->total));
		json_build_add(&item, "available", json_object_new_uint64(node->available));
		json_build_append(&array, item);
	}
	return array;
}

/* The shortest text that reads back as the same number. */
static struct json_object *double_to_json(double x)
{
	char text[40];

	policy_number_render(x, text, sizeof(text));
	return json_object_new_double_s(x, text);
}

static struct json_object *field_to_json(const struct record_field *f, const void *record)
{
	const void *at = (const char *)record + f->offset;

	switch (f->type) {
	case RECORD_U64:
		return json_object_new_uint64(*(const uint64_t *)at);
	case RECORD_U32:
		return json_object_new_uint64(*(const uint32_t *)at);
	case RECORD_S32:
		return json_object_new_int64(*(const int32_t *)at);
	case RECORD_DOUBLE:
		return double_to_json(*(const double *)at);
	case RECORD_BOOL:
		return json_object_new_boolean(*(const bool *)at);
	case RECORD_LEVEL:
		return json_object_new_string(policy_level_name(*(const enum policy_level *)at));
	case RECORD_BITS:
		return bits_to_json(f, *(const uint32_t *)at);
	case RECORD_HOST_NODES:
		return array_to_json(f, record, at);
	}
	return NULL;
}

struct json_object *record_to_json(const struct record_field *f, const void *record,
				   uint64_t present)
{
	struct json_object *obj = json_object_new_object();

	for (; obj && f->name; f++)
		if (!f->bit || present & f->bit)
			json_build_add(&obj, f->name, field_to_json(f, record));
	return obj;
}

static bool get_u64(struct json_object *v, uint64_t *ret)
{
	if (!json_object_is_type(v, json_type_int) ||
	    (json_object_get_int64(v) < 0 && json_object_get_uint64(v) == 0))
		return false;
	*ret = json_object_get_uint64(v);
	return true;
}

static bool get_double(struct json_object *v, double *ret)
{
	if (!json_object_is_type(v, json_type_double) && !json_object_is_type(v, json_type_int))
		return false;
	*ret = json_object_get_double(v);
	return isfinite(*ret);
}

static bool get_bits(const struct record_field *f, struct json_object *v, uint32_t *ret)
{
	uint32_t bits = 0;

	if (!json_object_is_type(v, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(v); i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(v, i));

		for (unsigned int k = 0; text && f->names[k]; k++)
			if (!strcmp(f->names[k], text))
				bits |= 1u << k;
	}
	*ret = bits;
	return true;
}

static bool get_level(struct json_object *v, enum policy_level *ret)
{
	const char *text = json_object_get_string(v);

	for (int l = 0; text && l < POLICY_LEVELS; l++)
		if (!strcmp(text, policy_level_name(l))) {
			*ret = l;
			return true;
		}
	return false;
}

static bool get_node(struct json_object *v, struct host_node *ret)
{
	struct json_object *total, *available;

	return json_object_object_get_ex(v, "total", &total) &&
	       json_object_object_get_ex(v, "available", &available) &&
	       get_u64(total, &ret->total) && get_u64(available, &ret->available);
}

static bool get_array(const struct record_field *f, struct json_object *v, void *record, void *at)
{
	size_t n;

	if (!json_object_is_type(v, json_type_array))
		return false;
	n = json_object_array_length(v);
	if (n > RECORD_NODES_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct json_object *item = json_object_array_get_idx(v, i);

		if (!get_node(item, (struct host_node *)at + i))
			return false;
	}
	*(uint32_t *)((char *)record + f->count) = n;
	return true;
}

static bool get_field(const struct record_field *f, struct json_object *v, void *record)
{
	void *at = (char *)record + f->offset;
	uint64_t n;

	switch (f->type) {
	case RECORD_U64:
		return get_u64(v, at);
	case RECORD_U32:
		if (!get_u64(v, &n) || n > UINT32_MAX)
			return false;
		*(uint32_t *)at = n;
		return true;
	case RECORD_S32:
		if (!json_object_is_type(v, json_type_int))
			return false;
		*(int32_t *)at = json_object_get_int(v);
		return true;
	case RECORD_DOUBLE:
		return get_double(v, at);
	case RECORD_BOOL:
		if (!json_object_is_type(v, json_type_boolean))
			return false;
		*(bool *)at = json_object_get_boolean(v);
		return true;
	case RECORD_LEVEL:
		return get_level(v, at);
	case RECORD_BITS:
		return get_bits(f, v, at);
	case RECORD_HOST_NODES:
		return get_array(f, v, record, at);
	}
	return false;
}

int record_from_json(const struct record_field *f, struct json_object *obj, void *record,
		     uint64_t *ret_present, char why[RECORD_WHY_MAX])
{
	uint64_t present = 0;
	struct json_object *v;

	if (!json_object_is_type(obj, json_type_object)) {
		snprintf(why, RECORD_WHY_MAX, "expected a record, an object");
		return -EBADMSG;
	}
	for (; f->name; f++) {
		if (!json_object_object_get_ex(obj, f->name, &v)) {
			if (f->bit)
				continue;
			snprintf(why, RECORD_WHY_MAX, "expected a \"%s\"", f->name);
			return -EBADMSG;
		}
		if (!get_field(f, v, record)) {
			snprintf(why, RECORD_WHY_MAX, "\"%s\" has no value of its kind", f->name);
			return -EBADMSG;
		}
		present |= f->bit;
	}
	*ret_present = present;
	return 0;
}
