// SPDX-License-Identifier: GPL-2.0
#include "bus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "common/dbus_names.h"
#include "out.h"

/* Of the daemon, in api.h; the bus has its own. */
static const char own_errors[] = DYNMEM_BUS_NAME ".Error.";

/* A busy daemon answers in milliseconds; after this it counts as hung. */
#define BUS_TIMEOUT_USEC (5ULL * 1000 * 1000)

int bus_open(sd_bus **ret_bus)
{
	return sd_bus_open_system(ret_bus);
}

const char *bus_error(int error)
{
	switch (error) {
	case -ESRCH:
		return "dynmemd is not running; start it: systemctl start dynmemd; its log: journalctl -u dynmemd";
	case -ENOENT:
	case -ECONNREFUSED:
		return "no D-Bus system bus, so dynmemd cannot be reached; start dbus, then dynmemd";
	case -EACCES:
	case -EPERM:
		return "not allowed: run it with sudo, or see dynmemd's D-Bus policy, org.dynmem1.conf";
	case -ETIMEDOUT:
		return "dynmemd did not answer within 5 s, or has just ended; see its log: journalctl -u dynmemd";
	case -ECONNRESET:
	case -ENOTCONN:
		return "the D-Bus system bus is gone; start dbus, then dynmemd";
	case -EINVAL:
		return "dynmemd takes only text in UTF-8";
	default:
		return strerror(-error);
	}
}

static int read_basic(sd_bus_message *m, char type, struct json_object **ret)
{
	union {
		uint64_t u64;
		int64_t i64;
		uint32_t u32;
		int32_t i32;
		int boolean;
		double real;
		const char *text;
	} v = { 0 };
	int r = sd_bus_message_read_basic(m, type, &v);

	if (r <= 0)
		return r;
	switch (type) {
	case SD_BUS_TYPE_UINT64:
		*ret = json_object_new_uint64(v.u64);
		break;
	case SD_BUS_TYPE_INT64:
		*ret = json_object_new_int64(v.i64);
		break;
	case SD_BUS_TYPE_UINT32:
		*ret = json_object_new_uint64(v.u32);
		break;
	case SD_BUS_TYPE_INT32:
		*ret = json_object_new_int64(v.i32);
		break;
	case SD_BUS_TYPE_BOOLEAN:
		*ret = json_object_new_boolean(v.boolean);
		break;
	case SD_BUS_TYPE_DOUBLE:
		*ret = json_object_new_double(v.real);
		break;
	case SD_BUS_TYPE_STRING:
		*ret = json_object_new_string(v.text);
		break;
	default:
		return -EOPNOTSUPP;
	}
	return 1;
}

static int read_entry(sd_bus_message *m, struct json_object *map)
{
	struct json_object *value = NULL;
	const char *key;
	int r;

	r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
	if (r <= 0)
		return r;
	r = sd_bus_message_read_basic(m, SD_BUS_TYPE_STRING, &key);
	if (r < 0)
		return r;
	r = bus_read_value(m, "v", &value);
	if (r < 0)
		return r;
	json_object_object_add(map, key, value);
	r = sd_bus_message_exit_container(m);
	return r < 0 ? r : 1;
}

static int read_array(sd_bus_message *m, const char *element, struct json_object **ret)
{
	bool is_map = !strcmp(element, "{sv}");
	struct json_object *all;
	int r;

	r = sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, element);
	if (r <= 0)
		return r;
	all = is_map ? json_object_new_object() : json_object_new_array();
	for (;;) {
		struct json_object *one = NULL;

		r = is_map ? read_entry(m, all) : bus_read_value(m, element, &one);
		if (r <= 0)
			break;
		if (!is_map)
			json_object_array_add(all, one);
	}
	if (r == 0)
		r = sd_bus_message_exit_container(m);
	if (r < 0) {
		json_object_put(all);
		return r;
	}
	*ret = all;
	return 1;
}

int bus_read_value(sd_bus_message *m, const char *type, struct json_object **ret)
{
	const char *inner;
	int r;

	if (type[0] == SD_BUS_TYPE_ARRAY)
		return read_array(m, type + 1, ret);
	if (type[0] != SD_BUS_TYPE_VARIANT)
		return read_basic(m, type[0], ret);

	r = sd_bus_message_peek_type(m, NULL, &inner);
	if (r <= 0)
		return r;
	r = sd_bus_message_enter_container(m, SD_BUS_TYPE_VARIANT, inner);
	if (r < 0)
		return r;
	r = bus_read_value(m, inner, ret);
	if (r < 0)
		return r;
	r = sd_bus_message_exit_container(m);
	return r < 0 ? r : 1;
}

static int call(sd_bus *bus, const char *method, sd_bus_error *error, sd_bus_message **reply,
		const char *types, va_list arguments)
{
	sd_bus_message *request = NULL;
	int r;

	r = sd_bus_message_new_method_call(bus, &request, DYNMEM_BUS_NAME, DYNMEM_BUS_PATH,
					   DYNMEM_BUS_INTERFACE, method);
	if (r < 0)
		return r;
	/* The bus must not start a daemon that the operator has stopped. */
	sd_bus_message_set_auto_start(request, 0);
	r = sd_bus_message_appendv(request, types, arguments);
	if (r >= 0)
		r = sd_bus_call(bus, request, BUS_TIMEOUT_USEC, error, reply);
	sd_bus_message_unref(request);
	if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	    sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		return -ESRCH;
	return r;
}

int bus_call(sd_bus *bus, const char *method, struct json_object **ret)
{
	char why[BUS_WHY_MAX];

	return bus_order(bus, method, ret, why, "");
}

int bus_order(sd_bus *bus, const char *method, struct json_object **ret,
	      char why[static BUS_WHY_MAX], const char *types, ...)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	va_list arguments;
	int r;

	va_start(arguments, types);
	r = call(bus, method, &error, &reply, types, arguments);
	va_end(arguments);
	/* An error of the daemon's own is a sentence, the bus's a number. */
	if (error.name && !strncmp(error.name, own_errors, strlen(own_errors)))
		r = -EROFS;
	if (r >= 0 && ret)
		r = bus_read_value(reply, sd_bus_message_get_signature(reply, 1), ret);
	if (r == 0 && ret)
		r = -EBADMSG;
	snprintf(why, BUS_WHY_MAX, "%s", r == -EROFS ? error.message : bus_error(r));
	sd_bus_error_free(&error);
	sd_bus_message_unref(reply);
	return r < 0 ? r : 0;
}

int bus_fail(const char *command, int error, const char *why)
{
	fprintf(stderr, "dynmem %s: %s\n", command, out_safe(why));
	switch (error) {
	case -EROFS: /* the daemon's refusal */
	case -EACCES:
	case -EPERM:
	case -EINVAL:
		return EXIT_FAILURE;
	default:
		return EXIT_NO_DAEMON;
	}
}
