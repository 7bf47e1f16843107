// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/recording.h"
#include "common/util.h"
#include "dynmemd/base/log.h"
#include "dynmemd/core/guest.h"
#include "dynmemd/core/record_file.h"
#include "dynmemd/core/recorder.h"

struct sink {
	recorder_line_t f; /* NULL: free */
	void *userdata;
};

struct recorder {
	struct policy *policy;
	struct sink sink[RECORDER_SINKS];
	const struct sink *only; /* while it is brought up to date */
	unsigned int sinks;
	struct record_file *file;
	char *path;
};

static void pass(const struct recorder *r, struct json_object *obj)
{
	const char *line = obj ? json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN) : NULL;

	for (int i = 0; i < RECORDER_SINKS; i++)
		if (r->sink[i].f && (!r->only || r->only == &r->sink[i]))
			r->sink[i].f(r->sink[i].userdata, line);
	json_object_put(obj);
}

static void on_input(void *userdata, const struct policy_input *in)
{
	const struct guest *g = in->config ? in->config->userdata : NULL;

	pass(userdata, recording_line(in, g ? g->name : NULL));
}

int recorder_new(struct recorder **ret, struct policy *p)
{
	struct recorder *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->policy = p;
	*ret = r;
	return 0;
}

int recorder_add(struct recorder *r, recorder_line_t f, void *userdata)
{
	struct sink *s = NULL;

	for (int i = 0; i < RECORDER_SINKS; i++)
		if (!r->sink[i].f)
			s = &r->sink[i];
	if (!s)
		return -EBUSY;
	*s = (struct sink){ f, userdata };
	r->sinks++;
	r->only = s;
	pass(r, recording_header(DYNMEM_VERSION, policy_is_new(r->policy)));
	policy_listen(r->policy, on_input, r);
	r->only = NULL;
	return 0;
}

void recorder_remove(struct recorder *r, const void *userdata)
{
	for (int i = 0; i < RECORDER_SINKS; i++) {
		if (!r->sink[i].f || r->sink[i].userdata != userdata)
			continue;
		r->sink[i].f = NULL;
		if (--r->sinks == 0)
			policy_listen(r->policy, NULL, NULL);
	}
}

static void write_line(void *userdata, const char *line)
{
	struct recorder *r = userdata;
	int e = line ? record_file_add(r->file, line) : -ENOMEM;

	if (e == 0)
		return;
	log_error("the recording %s ends here: %s", r->path,
		  e == -ENOBUFS ? "its disk does not keep up" : strerror(-e));
	recorder_remove(r, r);
}

int recorder_open(struct recorder *r, const char *path)
{
	int fd, e;

	r->path = strdup(path);
	if (!r->path)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	e = record_file_new(&r->file, fd);
	if (e < 0) {
		close(fd);
		return e;
	}
	return recorder_add(r, write_line, r);
}

struct recorder *recorder_free(struct recorder *r)
{
	if (!r)
		return NULL;
	policy_listen(r->policy, NULL, NULL);
	record_file_free(r->file);
	free(r->path);
	free(r);
	return NULL;
}
