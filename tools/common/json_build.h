/* SPDX-License-Identifier: GPL-2.0 */
/*
 * JSON that is built whole or not at all. json-c ends the process where something is added
 * to an object that there was no memory for; here that object, and what it would have been
 * part of, becomes NULL.
 */
#ifndef DYNMEM_JSON_BUILD_H
#define DYNMEM_JSON_BUILD_H

#include <json-c/json.h>

static inline void json_give_up(struct json_object **o, struct json_object *value)
{
	json_object_put(value);
	json_object_put(*o);
	*o = NULL;
}

/** json_build_add() - add to an object; takes @value. NULL, either of them: no memory */
static inline void json_build_add(struct json_object **o, const char *key,
				  struct json_object *value)
{
	if (!*o || !value || json_object_object_add(*o, key, value) < 0)
		json_give_up(o, value);
}

/** json_build_append() - the same, to an array */
static inline void json_build_append(struct json_object **array, struct json_object *value)
{
	if (!*array || !value || json_object_array_add(*array, value) < 0)
		json_give_up(array, value);
}

#endif
