// SPDX-License-Identifier: GPL-2.0
/*
 * qmp - sends one command to a QEMU monitor and prints what it returns
 *
 *   qmp [-t SECONDS] [-g POINTER] SOCKET COMMAND [ARGUMENTS]
 *
 * ARGUMENTS is a JSON object. With -g only the value at a JSON pointer in the
 * returned object is printed, like /stats/stat-free-memory. Exit status 1
 * when QEMU refuses, 2 when no answer came.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unix_line.h"

#define DEFAULT_TIMEOUT_S 10

static struct unix_line line;

/* Reads until an object has the member NAME, or, if not NULL, OTHER. */
static int read_object(const char *name, const char *other, struct json_object **ret_object)
{
	static char text[65536];
	struct json_object *object;
	int ret;

	for (;;) {
		ret = unix_line_read(&line, text, sizeof(text));
		if (ret)
			return ret;
		object = json_tokener_parse(text);
		if (!object)
			return -EBADMSG;
		if (json_object_object_get(object, name) ||
		    (other && json_object_object_get(object, other))) {
			*ret_object = object;
			return 0;
		}
		/* An event. */
		json_object_put(object);
	}
}

static int execute(const char *command, const char *arguments, struct json_object **ret_object)
{
	char text[4096];
	int n;

	n = snprintf(text, sizeof(text), "{\"execute\":\"%s\"%s%s,\"id\":\"qmp\"}\n", command,
		     arguments ? ",\"arguments\":" : "", arguments ? arguments : "");
	if (n >= (int)sizeof(text))
		return -EMSGSIZE;
	n = unix_line_write(&line, text);
	return n ? n : read_object("id", "error", ret_object);
}

static int print_result(struct json_object *reply, const char *pointer)
{
	struct json_object *value = NULL;

	if (json_object_object_get_ex(reply, "error", &value)) {
		fprintf(stderr, "qmp: %s\n",
			json_object_get_string(json_object_object_get(value, "desc")));
		return 1;
	}
	json_object_object_get_ex(reply, "return", &value);
	if (pointer && json_pointer_get(value, pointer, &value)) {
		fprintf(stderr, "qmp: nothing at %s in %s\n", pointer,
			json_object_get_string(value));
		return 1;
	}
	if (json_object_is_type(value, json_type_string))
		puts(json_object_get_string(value));
	else
		puts(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
	return 0;
}

int main(int argc, char **argv)
{
	const char *pointer = NULL, *arguments;
	int timeout_s = DEFAULT_TIMEOUT_S;
	struct json_object *object;
	int opt, ret;

	while ((opt = getopt(argc, argv, "+t:g:")) != -1) {
		if (opt == 'g')
			pointer = optarg;
		else
			timeout_s = opt == 't' ? atoi(optarg) : 0;
		if (timeout_s <= 0)
			argc = 0;
	}
	if (argc - optind < 2 || argc - optind > 3) {
		fprintf(stderr,
			"usage: qmp [-t SECONDS] [-g POINTER] SOCKET COMMAND [ARGUMENTS]\n");
		return 2;
	}
	arguments = argc - optind == 3 ? argv[optind + 2] : NULL;

	ret = unix_line_open(&line, argv[optind], timeout_s);
	if (!ret)
		ret = read_object("QMP", NULL, &object);
	if (!ret)
		ret = execute("qmp_capabilities", NULL, &object);
	if (!ret)
		ret = execute(argv[optind + 1], arguments, &object);
	if (ret) {
		fprintf(stderr, "qmp: %s: %s\n", argv[optind],
			ret == -EPIPE ? "QEMU closed the connection" : strerror(-ret));
		return 2;
	}
	return print_result(object, pointer);
}
