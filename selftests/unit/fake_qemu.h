/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A QEMU that a test plays: it listens on a monitor socket and answers, in
 * the same event loop as what is tested. Its fields may be changed at any
 * time to make it misbehave.
 */
#ifndef FAKE_QEMU_H
#define FAKE_QEMU_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>
#include <systemd/sd-event.h>

struct fake_qemu {
	/* what it is */
	const char *name; /* NULL: it was not given one */
	uint64_t memory;
	uint64_t actual;
	bool no_balloon;
	bool balloon_in_anon;		    /* not below /machine/peripheral */
	bool balloon_deep;		    /* below neither */
	bool reporting, deflates;	    /* the balloon's traits */
	bool vfio;			    /* it has a passed-through device */
	const char *status;		    /* default "running" */
	const char *migration;		    /* query-migrate; NULL: there never was one */
	bool no_events;			    /* it sends none for migrations */
	const char *memdev;		    /* what query-memdev returns, default "[]" */
	const char *blockstats;		    /* what query-blockstats returns, default "{}" */
	const char *devices;		    /* what is below /machine/peripheral-anon as well */
	const char *objects;		    /* what is below /objects */
	bool sev;			    /* query-sev says so */
	uint64_t dimms, virtio_mem, nvdimm; /* plugged, bytes */
	bool no_list;			    /* of these: it cannot list them */

	/* what its guest says */
	uint64_t total, available, free, caches;
	int64_t last_update; /* 0: it never reported */

	/* how it misbehaves */
	bool no_accept; /* another client has the monitor */
	bool no_greeting;
	bool mute;	    /* reads, and does not answer */
	bool other_process; /* the listener is one that has ended since */
	bool launched;	    /* it is one that stays, until it is killed */
	pid_t launcher;	    /* that one */
	bool refuses;	    /* the command balloon */
	bool no_period;	    /* to set the period of statistics */
	unsigned int delay; /* of its answers, ms */
	const char *greeting;
	const char *odd_command, *odd_value; /* what it answers to that */

	/* what was sent to it */
	unsigned int connections;
	unsigned int commands;
	unsigned int polls;
	unsigned int balloons;
	uint64_t target;  /* of the latest balloon command */
	uint64_t told_at; /* ns of CLOCK_MONOTONIC, its last byte was here */
	int64_t period;
	unsigned int period_sets;
	uint64_t period_at;	    /* ns of CLOCK_MONOTONIC: when it was set last */
	unsigned int periods_begun; /* anew: set to another, and back in the same moment */

	sd_event *event;
	int listener, fd;
	sd_event_source *accepts, *reads, *later;
	char late[16384];
	char line[4096];
	size_t len;
	uint64_t read_at; /* ns, of the latest bytes */
	char path[108];
};

#define FAKE_GREETING                                                       \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, " \
	"\"major\": 7}, \"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n"

static inline void fake_send(struct fake_qemu *f, const char *text)
{
	/* A test's messages fit into the socket's buffer. */
	if (f->fd >= 0 && send(f->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
	    errno != EPIPE)
		perror("fake QEMU");
}

/* What is late, of one connection: sent in one piece when its time has come. */
static inline int fake_on_late(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct fake_qemu *f = userdata;

	(void)s;
	(void)usec;
	fake_send(f, f->late);
	f->late[0] = 0;
	return 0;
}

static inline void fake_say(struct fake_qemu *f, const char *text)
{
	if (!f->delay) {
		fake_send(f, text);
		return;
	}
	strncat(f->late, text, sizeof(f->late) - strlen(f->late) - 1);
	if (!f->later)
		sd_event_add_time_relative(f->event, &f->later, CLOCK_MONOTONIC, 0, 1000,
					   fake_on_late, f);
	sd_event_source_set_time_relative(f->later, f->delay * 1000ULL);
	sd_event_source_set_enabled(f->later, SD_EVENT_ONESHOT);
}

static inline void fake_reply(struct fake_qemu *f, long long id, const char *value)
{
	char *text;

	if (asprintf(&text, "{\"return\": %s, \"id\": %lld}\r\n", value, id) < 0)
		return;
	fake_say(f, text);
	free(text);
}

static inline void fake_refuse(struct fake_qemu *f, long long id, const char *desc)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "{\"id\": %lld, \"error\": {\"class\": \"GenericError\", \"desc\": \"%s\"}}\r\n",
		 id, desc);
	fake_say(f, text);
}

static inline void fake_move(struct fake_qemu *f, uint64_t actual);

/* It follows its balloon, and what it has free follows. */
static inline void fake_resize(struct fake_qemu *f, uint64_t actual)
{
	uint64_t used = f->total - f->available, kernel = f->actual - f->total;

	f->total = actual - kernel;
	f->available = f->total - used;
	f->free = f->free < f->available ? f->free : f->available;
	fake_move(f, actual);
}

/* The guest's balloon has reached a size. */
static inline void fake_move(struct fake_qemu *f, uint64_t actual)
{
	char text[256];

	f->actual = actual;
	snprintf(
		text, sizeof(text),
		"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"BALLOON_CHANGE\", \"data\": {\"actual\": %llu}}\r\n",
		(unsigned long long)actual);
	fake_say(f, text);
}

static inline void fake_set_period(struct fake_qemu *f, long long id, int64_t seconds)
{
	f->period_sets++;
	if (f->no_period) {
		fake_refuse(f, id, "Property 'guest-stats-polling-interval' is not writable");
		return;
	}
	if (f->period == seconds + 1 && f->period_at == f->read_at)
		f->periods_begun++;
	f->period = seconds;
	f->period_at = f->read_at;
	fake_reply(f, id, "{}");
}

static inline void fake_stats(struct fake_qemu *f, long long id)
{
	static const char unknown[] = "18446744073709551615";
	char text[1024], total[24], available[24], free_[24];
	const char *t = unknown, *a = unknown, *fr = unknown;

	f->polls++;
	if (f->last_update) {
		snprintf(total, sizeof(total), "%llu", (unsigned long long)f->total);
		snprintf(available, sizeof(available), "%llu", (unsigned long long)f->available);
		snprintf(free_, sizeof(free_), "%llu", (unsigned long long)f->free);
		t = total;
		a = available;
		fr = free_;
	}
	snprintf(
		text, sizeof(text),
		"{\"stats\": {\"stat-swap-out\": 0, \"stat-available-memory\": %s, \"stat-free-memory\": %s, \"stat-minor-faults\": 100, \"stat-major-faults\": 0, \"stat-total-memory\": %s, \"stat-swap-in\": 0, \"stat-disk-caches\": %llu}, \"last-update\": %lld}",
		a, fr, t, (unsigned long long)f->caches, (long long)f->last_update);
	fake_reply(f, id, text);
	if (f->last_update)
		f->last_update++;
}

static inline const char *fake_text(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && v ? json_object_get_string(v) : "";
}

static inline int64_t fake_number(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v) : -1;
}

static inline void fake_qom_list(struct fake_qemu *f, long long id, const char *path)
{
	static const char type[] = "{\"name\": \"type\", \"type\": \"string\"}";
	const char *balloon = "/machine/peripheral";
	char text[512];

	if (f->balloon_in_anon)
		balloon = "/machine/peripheral-anon";
	if (f->balloon_deep)
		balloon = "/machine/unattached/box";
	if (!strcmp(path, "/objects")) {
		snprintf(text, sizeof(text), "[%s%s]", type, f->objects ? f->objects : "");
		fake_reply(f, id, text);
		return;
	}
	snprintf(
		text, sizeof(text), "[%s%s%s%s%s%s]", type,
		f->devices && strstr(path, "-anon") ? f->devices : "",
		f->vfio && strstr(path, "-anon")
			? ", {\"name\": \"device[0]\", \"type\": \"child<vfio-pci>\"}"
			: "",
		!strcmp(path, "/machine")
			? ", {\"name\": \"peripheral\", \"type\": \"child<container>\"}, {\"name\": \"unattached\", \"type\": \"child<container>\"}"
			: "",
		!strcmp(path, "/machine/unattached")
			? ", {\"name\": \"box\", \"type\": \"child<container>\"}"
			: "",
		!strcmp(path, balloon) && !f->no_balloon
			? ", {\"name\": \"balloon0\", \"type\": \"child<virtio-balloon-pci>\"}"
			: "");
	fake_reply(f, id, text);
}

static inline void fake_memory_devices(struct fake_qemu *f, long long id)
{
	const struct {
		const char *type;
		uint64_t size;
	} all[] = { { "dimm", f->dimms },
		    { "virtio-mem", f->virtio_mem },
		    { "nvdimm", f->nvdimm } };
	char text[512] = "[";
	size_t n = 1;

	for (int i = 0; i < 3 && !f->no_list; i++)
		if (all[i].size)
			n += snprintf(text + n, sizeof(text) - n,
				      "%s{\"type\": \"%s\", \"data\": {\"size\": %llu}}",
				      n > 1 ? ", " : "", all[i].type,
				      (unsigned long long)all[i].size);
	snprintf(text + n, sizeof(text) - n, "]");
	fake_reply(f, id, text);
}

static inline void fake_execute(struct fake_qemu *f, struct json_object *o)
{
	const char *command = fake_text(o, "execute");
	long long id = fake_number(o, "id");
	struct json_object *args = NULL;
	char text[256];

	json_object_object_get_ex(o, "arguments", &args);
	f->commands++;
	if (f->odd_command && !strcmp(command, f->odd_command)) {
		fake_reply(f, id, f->odd_value);
	} else if (!strcmp(command, "query-name")) {
		snprintf(text, sizeof(text), "{\"name\": \"%s\"}", f->name);
		fake_reply(f, id, f->name ? text : "{}");
	} else if (!strcmp(command, "query-status")) {
		snprintf(text, sizeof(text), "{\"status\": \"%s\"}",
			 f->status ? f->status : "running");
		fake_reply(f, id, text);
	} else if (!strcmp(command, "query-memory-size-summary")) {
		snprintf(text, sizeof(text), "{\"base-memory\": %llu, \"plugged-memory\": %llu}",
			 (unsigned long long)f->memory,
			 (unsigned long long)(f->dimms + f->virtio_mem + f->nvdimm));
		fake_reply(f, id, text);
	} else if (!strcmp(command, "query-memory-devices")) {
		fake_memory_devices(f, id);
	} else if (!strcmp(command, "query-sev")) {
		fake_reply(f, id, f->sev ? "{\"enabled\": true}" : "{\"enabled\": false}");
	} else if (!strcmp(command, "query-memdev")) {
		fake_reply(f, id, f->memdev ? f->memdev : "[]");
	} else if (!strcmp(command, "query-blockstats")) {
		fake_reply(f, id, f->blockstats ? f->blockstats : "{}");
	} else if (!strcmp(command, "query-balloon") && f->no_balloon) {
		fake_refuse(f, id, "No balloon device has been activated");
	} else if (!strcmp(command, "query-balloon")) {
		snprintf(text, sizeof(text), "{\"actual\": %llu}", (unsigned long long)f->actual);
		fake_reply(f, id, text);
	} else if (!strcmp(command, "balloon") && f->refuses) {
		f->balloons++;
		fake_refuse(f, id, "No balloon device has been activated");
	} else if (!strcmp(command, "balloon")) {
		f->balloons++;
		f->target = fake_number(args, "value");
		f->told_at = f->read_at;
		fake_reply(f, id, "{}");
	} else if (!strcmp(command, "qom-list")) {
		fake_qom_list(f, id, fake_text(args, "path"));
	} else if (!strcmp(command, "qom-set")) {
		fake_set_period(f, id, fake_number(args, "value"));
	} else if (!strcmp(command, "qom-get") && !f->no_balloon &&
		   !strcmp(fake_text(args, "property"), "guest-stats")) {
		fake_stats(f, id);
	} else if (!strcmp(command, "query-migrate")) {
		snprintf(text, sizeof(text), "{\"status\": \"%s\"}", f->migration);
		fake_reply(f, id, f->migration ? text : "{}");
	} else if (!strcmp(command, "migrate-set-capabilities") && f->no_events) {
		fake_refuse(f, id, "There's a migration process in progress");
	} else if (!strcmp(command, "qom-get") && f->no_balloon) {
		fake_refuse(f, id, "Device '/machine/peripheral/balloon0' not found");
	} else if (!strcmp(command, "qom-get") &&
		   !strcmp(fake_text(args, "property"), "free-page-reporting")) {
		fake_reply(f, id, f->reporting ? "true" : "false");
	} else if (!strcmp(command, "qom-get") &&
		   !strcmp(fake_text(args, "property"), "deflate-on-oom")) {
		fake_reply(f, id, f->deflates ? "true" : "false");
	} else if (!strcmp(command, "qom-get")) {
		snprintf(text, sizeof(text), "%lld", (long long)f->period);
		fake_reply(f, id, text);
	} else {
		fake_reply(f, id, "{}");
	}
}

/* The monitor's client is dropped, and may come again. */
static inline void fake_hang_up(struct fake_qemu *f)
{
	f->reads = sd_event_source_disable_unref(f->reads);
	f->later = sd_event_source_disable_unref(f->later);
	f->late[0] = 0;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->len = 0;
	if (f->accepts)
		sd_event_source_set_enabled(f->accepts, SD_EVENT_ON);
}

static inline int fake_on_read(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct fake_qemu *f = userdata;
	ssize_t n = recv(fd, f->line + f->len, sizeof(f->line) - f->len - 1, MSG_DONTWAIT);
	struct timespec ts;
	char *end;

	(void)s;
	(void)revents;
	if (n <= 0) {
		fake_hang_up(f);
		return 0;
	}
	clock_gettime(CLOCK_MONOTONIC, &ts);
	f->read_at = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	f->len += n;
	f->line[f->len] = 0;
	while ((end = strchr(f->line, '\n'))) {
		struct json_object *o;

		*end = 0;
		o = json_tokener_parse(f->line);
		f->len -= end + 1 - f->line;
		memmove(f->line, end + 1, f->len + 1);
		if (o && !f->mute)
			fake_execute(f, o);
		json_object_put(o);
		if (f->fd < 0)
			break;
	}
	return 0;
}

static inline int fake_on_accept(sd_event_source *s, int listener, uint32_t revents, void *userdata)
{
	struct fake_qemu *f = userdata;

	(void)s;
	(void)revents;
	f->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (f->fd < 0)
		return 0;
	/* One client at a time, as QEMU does. */
	sd_event_source_set_enabled(f->accepts, SD_EVENT_OFF);
	f->connections++;
	sd_event_add_io(f->event, &f->reads, f->fd, EPOLLIN, fake_on_read, f);
	if (!f->no_greeting)
		fake_say(f, f->greeting ? f->greeting : FAKE_GREETING);
	return 0;
}

static inline int fake_launch(struct fake_qemu *f)
{
	ssize_t n;
	int fd[2];
	char c;

	if (pipe(fd) < 0)
		return -1;
	f->launcher = fork();
	if (f->launcher == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (listen(f->listener, 1) < 0 || write(fd[1], "", 1) < 0)
			_exit(1);
		close(fd[0]);
		close(fd[1]);
		for (;;)
			pause();
	}
	close(fd[1]);
	n = read(fd[0], &c, 1);
	close(fd[0]);
	return n == 1 ? 0 : -1;
}

/* The peer's process is the one that called listen(). */
static inline int fake_listen(struct fake_qemu *f)
{
	pid_t pid;
	int status;

	if (f->launched)
		return fake_launch(f);
	if (!f->other_process)
		return listen(f->listener, 1);
	pid = fork();
	if (pid == 0)
		_exit(listen(f->listener, 1) < 0);
	return waitpid(pid, &status, 0) == pid && !status ? 0 : -1;
}

/* Starts to listen; what it is has been filled in. */
static inline int fake_start(struct fake_qemu *f, sd_event *event, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	f->event = event;
	f->fd = -1;
	if (!f->actual)
		f->actual = f->memory;
	if (strlen(path) >= sizeof(f->path))
		return -1;
	strcpy(f->path, path);
	strcpy(addr.sun_path, path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->listener < 0 || bind(f->listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    fake_listen(f) < 0)
		return -1;
	if (sd_event_add_io(event, &f->accepts, f->listener, EPOLLIN, fake_on_accept, f) < 0)
		return -1;
	return f->no_accept ? sd_event_source_set_enabled(f->accepts, SD_EVENT_OFF) : 0;
}

/* As QEMU ends: or killed, when it leaves its socket behind. */
static inline void fake_stop(struct fake_qemu *f, bool killed)
{
	f->accepts = sd_event_source_disable_unref(f->accepts);
	fake_hang_up(f);
	if (f->listener >= 0)
		close(f->listener);
	f->listener = -1;
	if (!killed)
		unlink(f->path);
}

#endif
