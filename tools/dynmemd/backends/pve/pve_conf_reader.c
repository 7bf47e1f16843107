// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/queue.h>

#include "dynmemd/base/log.h"
#include "dynmemd/host/procfile.h"
#include "dynmemd/backends/pve/pve_conf_reader.h"
#include "dynmemd/base/thread.h"
#include "common/util.h"

/* As often as pvestatd looks at its guests, and for the same reason. */
#define SCAN_PERIOD_MS 10000

/* A file that seems to be half written is looked at again after this. */
#define SCAN_SOON_MS 500

/*
 * Of a file, the guest as it runs is the first part, and seldom has more than
 * 2 KiB; snapshots follow.
 */
#define FILE_MAX 65536

#define WATCH (IN_ONLYDIR | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)

/* From the thread to the event loop; a pipe takes it whole or not at all. */
struct message {
	unsigned int vmid; /* 0: all was read once */
	bool there;
	struct pve_conf conf;
};

_Static_assert(sizeof(struct message) <= 4096, "PIPE_BUF: written at once");

/* A file as the thread saw it last. */
struct file {
	LIST_ENTRY(file) entry;
	unsigned int vmid;
	bool seen; /* in this scan */
	int cut;   /* its length when it seemed to be half written */
	bool told;
	struct pve_conf conf;
};

struct pve_reader {
	/* the event loop's */
	const struct pve_reader_handlers *handlers;
	void *userdata;
	sd_event_source *io;
	pthread_t thread;
	bool started;
	int in, stop; /* the other ends of @out and @stopped */

	/* the thread's */
	int out, stopped, inotify;
	bool again; /* a file seems to be half written */
	LIST_HEAD(, file) files;
	char *buf;
	char folder[];
};

unsigned int pve_vmid(const char *name, const char *suffix)
{
	size_t n = strspn(name, "0123456789");

	if (!n || n > 9 || strcmp(name + n, suffix) != 0)
		return 0;
	return strtoul(name, NULL, 10);
}

/*
 * The thread
 */

static void tell(struct pve_reader *r, unsigned int vmid, const struct pve_conf *conf)
{
	struct message m = { .vmid = vmid, .there = conf != NULL };

	if (conf)
		m.conf = *conf;
	while (write(r->out, &m, sizeof(m)) < 0 && errno == EINTR)
		;
}

static struct file *find(struct pve_reader *r, unsigned int vmid)
{
	struct file *f;

	LIST_FOREACH (f, &r->files, entry)
		if (f->vmid == vmid)
			return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->vmid = vmid;
	LIST_INSERT_HEAD(&r->files, f, entry);
	return f;
}

/*
 * A file without an end of its last line may be half written: it is taken
 * when it has not grown by the next look, as somebody may write it so.
 */
static void read_file(struct pve_reader *r, struct file *f)
{
	struct pve_conf conf;
	int fd, n;

	fd = proc_open(O_RDONLY, "%s/%u.conf", r->folder, f->vmid);
	n = proc_read(fd, r->buf, FILE_MAX);
	closep(&fd);
	/* Gone again: its end is seen by the next scan. */
	if (n < 0)
		return;
	pve_conf_parse(&conf, r->buf, n);
	if (!conf.whole && n < FILE_MAX - 1 && f->cut != n + 1) {
		f->cut = n + 1;
		r->again = true;
		return;
	}
	f->cut = 0;
	if (f->told && pve_conf_equal(&conf, &f->conf))
		return;
	f->told = true;
	f->conf = conf;
	tell(r, f->vmid, &conf);
}

static void drop_unseen(struct pve_reader *r)
{
	struct file *f, *next;

	for (f = LIST_FIRST(&r->files); f; f = next) {
		next = LIST_NEXT(f, entry);
		if (f->seen)
			continue;
		if (f->told)
			tell(r, f->vmid, NULL);
		LIST_REMOVE(f, entry);
		free(f);
	}
}

/* A folder that cannot be read says nothing: what was known stays. */
static void scan(struct pve_reader *r)
{
	struct dirent *e;
	struct file *f;
	DIR *d;

	r->again = false;
	/* Once more each time: the folder may be another one by now. */
	inotify_add_watch(r->inotify, r->folder, WATCH);
	d = opendir(r->folder);
	if (!d)
		return;
	LIST_FOREACH (f, &r->files, entry)
		f->seen = false;
	while ((e = readdir(d))) {
		unsigned int vmid = pve_vmid(e->d_name, ".conf");

		f = vmid ? find(r, vmid) : NULL;
		if (!f)
			continue;
		f->seen = true;
		read_file(r, f);
	}
	closedir(d);
	drop_unseen(r);
}

static void drain(int fd)
{
	char events[4096];

	while (read(fd, events, sizeof(events)) > 0)
		;
}

static void *run(void *arg)
{
	struct pve_reader *r = arg;
	struct pollfd fds[] = {
		{ .fd = r->stopped, .events = POLLIN },
		{ .fd = r->inotify, .events = POLLIN },
	};

	scan(r);
	tell(r, 0, NULL);
	for (;;) {
		poll(fds, ARRAY_SIZE(fds), r->again ? SCAN_SOON_MS : SCAN_PERIOD_MS);
		if (fds[0].revents)
			return NULL;
		drain(r->inotify);
		scan(r);
	}
}

/*
 * The event loop
 */

static int on_message(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents,
		      void *userdata)
{
	struct pve_reader *r = userdata;
	struct message m;

	if (read(fd, &m, sizeof(m)) != sizeof(m))
		return 0;
	if (!m.vmid) {
		r->handlers->ready(r->userdata);
		return 0;
	}
	if (m.there && m.conf.bad_line)
		log_warning("%s/%u.conf:%u: %s: not valid, and not taken", r->folder, m.vmid,
			    m.conf.bad_line, m.conf.bad_key);
	r->handlers->conf(r->userdata, m.vmid, m.there ? &m.conf : NULL);
	return 0;
}

static int start(struct pve_reader *r, sd_event *event)
{
	int fds[2], e;

	r->buf = malloc(FILE_MAX);
	if (!r->buf)
		return -ENOMEM;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r->in = fds[0];
	r->out = fds[1];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	r->stopped = fds[0];
	r->stop = fds[1];
	r->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (r->inotify < 0)
		return -errno;
	e = sd_event_add_io(event, &r->io, r->in, EPOLLIN, on_message, r);
	if (e >= 0)
		e = thread_start(&r->thread, run, r);
	r->started = e >= 0;
	return e;
}

int pve_reader_new(struct pve_reader **ret, sd_event *event, const char *folder,
		   const struct pve_reader_handlers *handlers, void *userdata)
{
	size_t size = strlen(folder) + 1;
	struct pve_reader *r = calloc(1, sizeof(*r) + size);
	int e;

	if (!r)
		return -ENOMEM;
	memcpy(r->folder, folder, size);
	r->handlers = handlers;
	r->userdata = userdata;
	r->in = r->stop = r->out = r->stopped = r->inotify = -1;
	e = start(r, event);
	if (e < 0) {
		pve_reader_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

struct pve_reader *pve_reader_free(struct pve_reader *r)
{
	struct file *f, *next;

	if (!r)
		return NULL;
	sd_event_source_disable_unref(r->io);
	/* Both may be what the thread waits for. */
	closep(&r->stop);
	closep(&r->in);
	if (r->started && thread_join(r->thread) < 0) {
		log_warning("%s does not answer: its reader is left behind", r->folder);
		return NULL;
	}
	for (f = LIST_FIRST(&r->files); f; f = next) {
		next = LIST_NEXT(f, entry);
		free(f);
	}
	closep(&r->out);
	closep(&r->stopped);
	closep(&r->inotify);
	free(r->buf);
	free(r);
	return NULL;
}
