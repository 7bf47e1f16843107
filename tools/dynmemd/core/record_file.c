// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/util.h"
#include "dynmemd/base/worker.h"
#include "dynmemd/core/record_file.h"

struct waiting_lines {
	char *data;
	size_t len, size;
};

struct record_file {
	struct worker *worker;
	struct job job;
	int fd;

	pthread_mutex_t lock; /* of what follows */
	struct waiting_lines waiting;
	int error;
};

static int write_all(int fd, const struct waiting_lines *t)
{
	for (size_t done = 0; done < t->len;) {
		ssize_t n = write(fd, t->data + done, t->len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

static void run(struct job *job)
{
	struct record_file *f = container_of(job, struct record_file, job);
	struct waiting_lines t;
	int r;

	pthread_mutex_lock(&f->lock);
	t = f->waiting;
	f->waiting = (struct waiting_lines){ 0 };
	r = f->error;
	pthread_mutex_unlock(&f->lock);

	if (!r)
		r = write_all(f->fd, &t);
	free(t.data);

	pthread_mutex_lock(&f->lock);
	f->error = r;
	pthread_mutex_unlock(&f->lock);
}

int record_file_new(struct record_file **ret, int fd)
{
	struct record_file *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->job.run = run;
	pthread_mutex_init(&f->lock, NULL);
	r = worker_new(&f->worker, NULL);
	if (r < 0) {
		pthread_mutex_destroy(&f->lock);
		free(f);
		return r;
	}
	f->fd = fd;
	*ret = f;
	return 0;
}

/* Its line and the end of it. */
static int append(struct waiting_lines *t, const char *line)
{
	size_t len = strlen(line), size = MAX(t->size, (size_t)4096);
	char *data;

	if (t->len + len + 1 > RECORD_FILE_WAITING)
		return -ENOBUFS;
	while (size < t->len + len + 1)
		size *= 2;
	if (size > t->size) {
		data = realloc(t->data, size);
		if (!data)
			return -ENOMEM;
		t->data = data;
		t->size = size;
	}
	memcpy(t->data + t->len, line, len);
	t->len += len;
	t->data[t->len++] = '\n';
	return 0;
}

int record_file_add(struct record_file *f, const char *line)
{
	int r;

	pthread_mutex_lock(&f->lock);
	r = f->error ? f->error : append(&f->waiting, line);
	pthread_mutex_unlock(&f->lock);
	if (!r)
		worker_push(f->worker, &f->job);
	return r;
}

struct record_file *record_file_free(struct record_file *f)
{
	/* A thread that is stuck in the kernel keeps what it uses. */
	if (!f || worker_free(f->worker, true) < 0)
		return NULL;
	close(f->fd);
	free(f->waiting.data);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return NULL;
}
