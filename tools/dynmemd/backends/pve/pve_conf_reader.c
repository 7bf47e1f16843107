// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/queue.h>

#include "dynmemd/base/log.h"
#include "dynmemd/host/procfile.h"
#include "dynmemd/backends/pve/pve_conf_reader.h"
#include "dynmemd/backends/pve/pve_pools.h"
#include "dynmemd/base/worker.h"
#include "common/util.h"

/* As often as pvestatd polls its guests, and for the same reason. */
#define SCAN_PERIOD (10 * USEC_PER_SEC)

/* A file that seems to be half written is read again after this. */
#define SCAN_SOON (500 * USEC_PER_MSEC)

/*
 * Of a file, the guest as it runs is the first part, and seldom has more than
 * 2 KiB; snapshots follow.
 */
#define FILE_MAX 65536

/* Users and access lists are in the file of the pools; /etc/pve takes a MiB at most. */
#define POOLS_MAX ((1 << 20) + 2)

#define WATCH (IN_ONLYDIR | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)

/* A change that a scan found. */
struct change {
	STAILQ_ENTRY(change) entry;
	unsigned int vmid;
	bool there;
	struct pve_conf conf;
};

STAILQ_HEAD(changes, change);

/* A file as the last scan saw it. */
struct file {
	LIST_ENTRY(file) entry;
	unsigned int vmid;
	bool seen; /* in this scan */
	int cut;   /* its length when it seemed to be half written */
	bool known;
	struct pve_conf conf;
};

struct pve_reader {
	const struct pve_reader_handlers *handlers;
	void *userdata;
	int inotify;
	sd_event_source *io, *timer;
	struct worker *worker;
	struct job scan;
	bool changed; /* since the scan that runs began */
	bool ready;
	int pools_logged; /* as @pools_error */

	/* The scan's. */
	struct changes changes;
	bool again; /* a file seems to be half written */
	LIST_HEAD(, file) files;
	char *buf;
	char *pools_path, *pools; /* and what is in it; NULL: it was never read */
	int pools_error;	  /* of the last reading; 0: none */
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
 * The scan, in the worker's thread
 */

/* False without memory: the file is read again by the next scan. */
static bool add_change(struct pve_reader *r, unsigned int vmid, const struct pve_conf *conf)
{
	struct change *c = calloc(1, sizeof(*c));

	if (!c)
		return false;
	c->vmid = vmid;
	c->there = conf != NULL;
	if (conf)
		c->conf = *conf;
	STAILQ_INSERT_TAIL(&r->changes, c, entry);
	return true;
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

/* A file that cannot be read says nothing: what was known stays. */
static void read_pools(struct pve_reader *r)
{
	char *text = malloc(POOLS_MAX);
	int fd, n;

	if (!text) {
		r->pools_error = -ENOMEM;
		return;
	}
	fd = proc_open(O_RDONLY, "%s", r->pools_path);
	n = fd < 0 ? fd : proc_read(fd, text, POOLS_MAX);
	closep(&fd);
	if (n == POOLS_MAX - 1)
		n = -EFBIG;
	r->pools_error = MIN(n, 0);
	if (n < 0) {
		free(text);
		return;
	}
	free(r->pools);
	r->pools = realloc(text, n + 1) ?: text;
}

/*
 * A file without an end of its last line may be half written: it is taken
 * when it has not grown when it is read again, as somebody may write it so.
 */
static void read_file(struct pve_reader *r, struct file *f)
{
	struct pve_conf conf;
	int fd, n;

	fd = proc_open(O_RDONLY, "%s/%u.conf", r->folder, f->vmid);
	n = proc_read(fd, r->buf, FILE_MAX);
	closep(&fd);
	/*
	 * Gone again: its end is seen by the next scan. Empty, or full of zeros after a
	 * crash: it says nothing, least of all that its guest's minimum does not hold.
	 */
	if (n <= 0 || memchr(r->buf, 0, n))
		return;
	pve_conf_parse(&conf, r->buf, n);
	if (!conf.whole && n < FILE_MAX - 1 && f->cut != n + 1) {
		f->cut = n + 1;
		r->again = true;
		return;
	}
	f->cut = 0;
	if (r->pools_path && !*conf.trust)
		pve_pool_of(r->pools, f->vmid, conf.trust);
	if ((f->known && pve_conf_equal(&conf, &f->conf)) || !add_change(r, f->vmid, &conf))
		return;
	f->known = true;
	f->conf = conf;
}

static void drop_unseen(struct pve_reader *r)
{
	struct file *f, *next;

	for (f = LIST_FIRST(&r->files); f; f = next) {
		next = LIST_NEXT(f, entry);
		if (f->seen)
			continue;
		if (f->known && !add_change(r, f->vmid, NULL))
			continue;
		LIST_REMOVE(f, entry);
		free(f);
	}
}

/* A folder that cannot be read says nothing: what was known stays. */
static void scan(struct job *job)
{
	struct pve_reader *r = container_of(job, struct pve_reader, scan);
	struct dirent *e;
	struct file *f;
	DIR *d;

	r->again = false;
	if (r->pools_path)
		read_pools(r);
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

/*
 * The event loop
 */

static void log_pools(struct pve_reader *r)
{
	if (r->pools_error && r->pools_error != r->pools_logged)
		log_warning("%s: %s: %s", r->pools_path, strerror(-r->pools_error),
			    r->pools ? "guests stay in the pools that it had"
				     : "each guest is a trust domain of its own");
	r->pools_logged = r->pools_error;
}

static void on_scanned(struct job *job)
{
	struct pve_reader *r = container_of(job, struct pve_reader, scan);
	struct change *c;

	log_pools(r);
	while ((c = STAILQ_FIRST(&r->changes))) {
		STAILQ_REMOVE_HEAD(&r->changes, entry);
		if (c->there && c->conf.bad_line)
			log_warning("%s/%u.conf:%u: %s: not valid, ignored", r->folder, c->vmid,
				    c->conf.bad_line, c->conf.bad_key);
		r->handlers->conf(r->userdata, c->vmid, c->there ? &c->conf : NULL);
		free(c);
	}
	if (!r->ready)
		r->handlers->ready(r->userdata);
	r->ready = true;
	if (r->changed) {
		r->changed = false;
		worker_push(r->worker, &r->scan);
	} else {
		sd_event_source_set_time_relative(r->timer, r->again ? SCAN_SOON : SCAN_PERIOD);
		sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT);
	}
}

static int on_time(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct pve_reader *r = userdata;

	if (job_idle(&r->scan))
		worker_push(r->worker, &r->scan);
	return 0;
}

static int on_change(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata)
{
	struct pve_reader *r = userdata;
	char events[4096];

	while (read(fd, events, sizeof(events)) > 0)
		;
	if (job_idle(&r->scan))
		worker_push(r->worker, &r->scan);
	else
		r->changed = true;
	return 0;
}

static int start(struct pve_reader *r, sd_event *event)
{
	int e;

	r->buf = malloc(FILE_MAX);
	if (!r->buf)
		return -ENOMEM;
	r->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (r->inotify < 0)
		return -errno;
	e = sd_event_add_io(event, &r->io, r->inotify, EPOLLIN, on_change, r);
	if (e >= 0)
		e = sd_event_add_time_relative(event, &r->timer, CLOCK_MONOTONIC, SCAN_PERIOD, 0,
					       on_time, r);
	if (e >= 0)
		e = worker_new(&r->worker, event);
	if (e >= 0)
		worker_push(r->worker, &r->scan);
	return e;
}

int pve_reader_new(struct pve_reader **ret, sd_event *event, const char *folder, const char *pools,
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
	r->inotify = -1;
	r->scan = (struct job){ .run = scan, .done = on_scanned };
	STAILQ_INIT(&r->changes);
	r->pools_path = pools ? strdup(pools) : NULL;
	e = pools && !r->pools_path ? -ENOMEM : start(r, event);
	if (e < 0) {
		pve_reader_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

struct pve_reader *pve_reader_free(struct pve_reader *r)
{
	struct change *c;
	struct file *f;

	if (!r)
		return NULL;
	sd_event_source_disable_unref(r->io);
	sd_event_source_disable_unref(r->timer);
	if (worker_free(r->worker, false) < 0) {
		log_warning("%s does not answer: its reader is left behind", r->folder);
		return NULL;
	}
	while ((f = LIST_FIRST(&r->files))) {
		LIST_REMOVE(f, entry);
		free(f);
	}
	while ((c = STAILQ_FIRST(&r->changes))) {
		STAILQ_REMOVE_HEAD(&r->changes, entry);
		free(c);
	}
	closep(&r->inotify);
	free(r->buf);
	free(r->pools_path);
	free(r->pools);
	free(r);
	return NULL;
}
