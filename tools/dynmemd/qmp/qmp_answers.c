// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "dynmemd/qmp/qmp_answers.h"
#include "common/util.h"

const char *answer_text(struct json_object *data, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(data, key, &v) || !json_object_is_type(v, json_type_string))
		return NULL;
	return json_object_get_string(v);
}

bool answer_bytes(struct json_object *data, const char *key, uint64_t *ret)
{
	struct json_object *v;
	int64_t n;

	if (!json_object_object_get_ex(data, key, &v) || !json_object_is_type(v, json_type_int))
		return false;
	n = json_object_get_int64(v);
	if (n < 0)
		return false;
	*ret = n;
	return true;
}

bool answer_status(struct json_object *data, bool *ret_running, bool *ret_incoming)
{
	const char *status = answer_text(data, "status");

	if (!status)
		return false;
	*ret_running = !strcmp(status, "running");
	*ret_incoming = !strcmp(status, "inmigrate");
	return true;
}

bool answer_migrating(struct json_object *data, bool *ret)
{
	static const char *const over[] = { "none", "completed", "failed", "cancelled" };
	const char *status = answer_text(data, "status");
	bool migrating = status != NULL;

	if (!json_object_is_type(data, json_type_object))
		return false;
	for (size_t i = 0; status && i < ARRAY_SIZE(over); i++)
		if (!strcmp(status, over[i]))
			migrating = false;
	*ret = migrating;
	return true;
}
