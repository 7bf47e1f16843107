// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "dynmemd/base/log.h"
#include "dynmemd/state/state_file.h"
#include "dynmemd/base/worker.h"
#include "common/util.h"

struct state_file {
	char *path;
	int lock_fd; /* -1: it could not be locked */
	struct worker *worker;
	struct job job;

	pthread_mutex_t lock; /* of what follows */
	char *next;	      /* what is to be written, or NULL */
	size_t len;	      /* of it */
	uint64_t sum;	      /* of what was handed over last */
	bool failed;	      /* the last write */
};

/*
 * Writing
 */

static int write_whole(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* A new name is on the disk when its folder is. */
static int sync_folder(const char *folder)
{
	_cleanup_(closep) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* Also makes the folder that it is in, which is put into @folder. */
static int open_beside(const char *path, char folder[static PATH_MAX], int flags)
{
	char *slash;
	int fd;

	memcpy(folder, path, strlen(path) + 1);
	slash = strrchr(folder, '/');
	if (!slash)
		return -EINVAL;
	slash[slash == folder] = 0;
	flags |= O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	fd = open(path, flags, 0600);
	if (fd < 0 && errno == ENOENT && mkdir(folder, 0700) == 0)
		fd = open(path, flags, 0600);
	return fd < 0 ? -errno : fd;
}

int state_file_store(const char *path, const char *text, size_t len)
{
	char beside[PATH_MAX], folder[PATH_MAX];
	_cleanup_(closep) int fd = -1;
	int r;

	if (snprintf(beside, sizeof(beside), "%s.new", path) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = open_beside(beside, folder, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return fd;
	r = write_whole(fd, text, len);
	if (r < 0) {
		unlink(beside);
		return r;
	}
	if (rename(beside, path) < 0)
		return -errno;
	return sync_folder(folder);
}

static void report(struct state_file *f, int r)
{
	if (r < 0 && !f->failed)
		log_warning(
			"%s cannot be written (%s): what is learned now will be lost with this daemon",
			f->path, strerror(-r));
	else if (r == 0 && f->failed)
		log_notice("%s can be written again", f->path);
}

/* The lock is not held while something is written. */
static void store(struct job *job)
{
	struct state_file *f = container_of(job, struct state_file, job);
	_cleanup_(freep) char *text = NULL;
	size_t len;
	int r;

	pthread_mutex_lock(&f->lock);
	text = f->next;
	len = f->len;
	f->next = NULL;
	pthread_mutex_unlock(&f->lock);
	/* The run before has written what this one was pushed for. */
	if (!text)
		return;
	r = state_file_store(f->path, text, len);
	report(f, r);
	pthread_mutex_lock(&f->lock);
	f->failed = r < 0;
	/* It is to be handed over again, changed or not. */
	if (f->failed)
		f->sum = 0;
	pthread_mutex_unlock(&f->lock);
}

int state_file_write(struct state_file *f, const struct state *s)
{
	uint64_t sum = 0;
	size_t len = 0;
	char *text = state_render(s, &len, &sum), *old = text;

	if (!text)
		return -ENOMEM;
	pthread_mutex_lock(&f->lock);
	if (sum != f->sum) {
		old = f->next;
		f->next = text;
		f->len = len;
		f->sum = sum;
		worker_push(f->worker, &f->job);
	}
	pthread_mutex_unlock(&f->lock);
	free(old);
	return 0;
}

/*
 * The lock
 */

static pid_t read_owner(int fd)
{
	char text[16] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* The kernel gives it up for a process that is killed. */
static int take_lock(struct state_file *f, pid_t *ret_owner)
{
	char path[PATH_MAX], folder[PATH_MAX], text[16];
	int fd, n;

	if (snprintf(path, sizeof(path), "%s.lock", f->path) >= PATH_MAX)
		return 0;
	fd = open_beside(path, folder, O_RDWR);
	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		*ret_owner = read_owner(fd);
		close(fd);
		return -EBUSY;
	}
	f->lock_fd = fd;
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, n, 0) < 0)
		log_debug("%s: %s", path, strerror(errno));
	return 0;
}

static void destroy(struct state_file *f)
{
	closep(&f->lock_fd);
	pthread_mutex_destroy(&f->lock);
	free(f->next);
	free(f->path);
	free(f);
}

int state_file_new(struct state_file **ret, const char *path, pid_t *ret_owner)
{
	struct state_file *f = calloc(1, sizeof(*f));
	int r = -ENOMEM;

	if (!f)
		return -ENOMEM;
	pthread_mutex_init(&f->lock, NULL);
	f->job.run = store;
	f->lock_fd = -1;
	f->path = strdup(path);
	if (f->path)
		r = take_lock(f, ret_owner);
	if (f->path && r == 0)
		r = worker_new(&f->worker, NULL);
	if (r < 0) {
		destroy(f);
		return r;
	}
	*ret = f;
	return 0;
}

struct state_file *state_file_free(struct state_file *f)
{
	if (!f)
		return NULL;
	if (worker_free(f->worker, true) == 0)
		destroy(f);
	else
		log_warning("the disk is too slow: %s is the one before the last", f->path);
	return NULL;
}

/*
 * Reading
 */

static void set_aside(const char *path, const char *as, const char *why)
{
	char aside[PATH_MAX];

	snprintf(aside, sizeof(aside), "%s.%s", path, as);
	if (rename(path, aside) < 0)
		log_warning("%s %s, and cannot be set aside (%s); the daemon starts without it",
			    path, why, strerror(errno));
	else
		log_warning("%s %s: it was set aside as %s, and the daemon starts without it", path,
			    why, aside);
}

/* Returns its length, or a negative errno. */
static ssize_t read_whole(const char *path, char **ret)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	struct stat st;
	char *text;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	if (st.st_size > STATE_SIZE_MAX)
		return -EFBIG;
	text = malloc(st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (len < (size_t)st.st_size && (n = read(fd, text + len, st.st_size - len)) > 0)
		len += n;
	*ret = text;
	return (ssize_t)len;
}

int state_file_read(struct state *s, const char *path)
{
	unsigned int version = 0;
	char *text = NULL, as[32], why[64];
	ssize_t len = read_whole(path, &text);
	int r = (int)len;

	if (len >= 0) {
		version = state_version(text, len);
		r = state_parse(s, text, len);
	}
	free(text);

	switch (r) {
	case 0:
	case -ENOENT:
		return 0;
	case -ENOMEM:
		return r;
	case -EPROTONOSUPPORT:
		snprintf(as, sizeof(as), "version-%u", version);
		snprintf(why, sizeof(why), "is of version %u, this daemon's is %d", version,
			 STATE_VERSION);
		set_aside(path, as, why);
		return 0;
	case -EBADMSG:
		set_aside(path, "damaged", "is damaged");
		return 0;
	case -EFBIG:
		set_aside(path, "damaged", "is far too large");
		return 0;
	default:
		log_warning("%s cannot be read (%s): the daemon starts without what was learned",
			    path, strerror(-r));
		return 0;
	}
}
