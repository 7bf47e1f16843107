// SPDX-License-Identifier: GPL-2.0
/*
 * A guest behind QMP, its manager and the engine: an input is what its QEMU
 * says, line by line. Lines of our own make the daemon do something:
 *
 *   ?      ask for statistics
 *   !LN    the host's level is L (0 to 3), N times 16 MiB are available
 *   =N     take statistics every N seconds
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dynmemd/backends/qemu/qemu_guest.h"
#include "dynmemd/base/log.h"
#include "common/util.h"
#include "fuzz.h"

static char proc[] = "/tmp/dynmem-fuzz-XXXXXX";
static char of_guest[64]; /* its folder in @proc; its QEMU is this process */
static char socket_path[64];
static struct config *config;

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	promise(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void remove_proc(void)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/statm", of_guest);
	unlink(path);
	rmdir(of_guest);
	unlink(socket_path);
	snprintf(path, sizeof(path), "%s/meminfo", proc);
	unlink(path);
	snprintf(path, sizeof(path), "%s/conf", proc);
	unlink(path);
	rmdir(proc);
}

static void complain(const char *text, _unused_ void *userdata)
{
	fprintf(stderr, "%s\n", text);
}

int LLVMFuzzerInitialize(_unused_ int *argc, _unused_ char ***argv)
{
	char path[96];

	log_open(LOG_EMERG - 1);
	promise(mkdtemp(proc));
	atexit(remove_proc);
	snprintf(socket_path, sizeof(socket_path), "%s/fuzz.sock", proc);
	snprintf(of_guest, sizeof(of_guest), "%s/%d", proc, (int)getpid());
	promise(mkdir(of_guest, 0700) == 0);
	write_file(of_guest, "statm", "230400 230400 1000 1000 0 1000 0\n");
	write_file(
		proc, "meminfo",
		"MemTotal: 4194304 kB\nMemFree: 3000000 kB\nMemAvailable: 3500000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
	write_file(proc, "conf", "[daemon]\nmode = manage\n");
	snprintf(path, sizeof(path), "%s/conf", proc);
	promise(config_load(&config, path, true, complain, NULL) == 0);
	return 0;
}

struct fuzz_world {
	sd_event *event;
	struct poller *poller;
	struct manager *manager;
	struct qemu_guest *guest;
	int peer;
};

static void on_closed(void *userdata, _unused_ bool was_guest, const char *why)
{
	struct fuzz_world *w = userdata;

	promise(w->guest && *why);
	promise(manager_guest_count(w->manager) == 0);
	w->guest = NULL;
}

static struct guest *guest_of(const struct fuzz_world *w)
{
	size_t n = manager_guest_count(w->manager);

	promise(n <= 1 && (!n || w->guest));
	return n ? manager_guest(w->manager, 0) : NULL;
}

static void check_guest(const struct guest *g)
{
	const struct guest_limits *l = &g->limits;

	promise(*g->name);
	for (const char *p = g->name; *p; p++)
		promise((unsigned char)*p >= ' ' && *p != 0x7f);
	promise(l->min <= l->max && l->max <= g->memory);
}

/* Whatever the guest says, nothing outside of its range is sent. */
static void check_commands(const struct fuzz_world *w)
{
	static const char key[] = "\"balloon\",\"arguments\":{\"value\":";
	const struct guest *g = guest_of(w);
	char text[16384];
	ssize_t n = recv(w->peer, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (g)
		check_guest(g);
	if (n <= 0)
		return;
	text[n] = 0;
	for (char *p = text; (p = strstr(p, key)); p++) {
		uint64_t target = strtoull(p + sizeof(key) - 1, NULL, 10);

		if (g)
			promise(g->limits.min <= target && target <= g->limits.max);
	}
}

static void settle(struct fuzz_world *w)
{
	while (sd_event_run(w->event, 0) > 0)
		;
	check_commands(w);
}

static void pressure(struct fuzz_world *w, const uint8_t *line, size_t size)
{
	struct source_pressure p = {
		.level = size > 1 ? line[1] % (POLICY_LEVEL_CRITICAL + 1) : 0,
		.available = (size > 2 ? line[2] : 0) * 16 * MIB,
		.news = true,
	};

	manager_pressure(w->manager, &p);
}

static void do_line(struct fuzz_world *w, const uint8_t *line, size_t size)
{
	struct guest *g = guest_of(w);

	if (*line == '!')
		pressure(w, line, size);
	else if (*line == '?' && g)
		g->ops->poll(g);
	else if (*line == '=' && g)
		g->ops->watch(g, size > 1 ? line[1] - '0' : 0);
	else if (send(w->peer, line, size, MSG_NOSIGNAL) < 0)
		promise(errno == EPIPE || errno == ECONNRESET);
	settle(w);
}

static void open_world(struct fuzz_world *w)
{
	struct manager_options options = { .proc = proc };
	static const struct qemu_way way = { .backend = "qmp", .closed = on_closed };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener;

	promise(sd_event_new(&w->event) >= 0);
	promise(poller_new(&w->poller, w->event, PRIORITY_GUEST) == 0);
	promise(manager_new(&w->manager, w->event, config, &options) == 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", socket_path);
	unlink(addr.sun_path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	promise(bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
		listen(listener, 1) == 0);
	promise(qemu_guest_new(&w->guest, w->manager, w->poller, &way, socket_path, NULL, w) == 0);
	w->peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	promise(w->peer >= 0);
	close(listener);
}

static void close_world(struct fuzz_world *w)
{
	qemu_guest_free(w->guest, NULL);
	close(w->peer);
	manager_free(w->manager);
	poller_free(w->poller);
	sd_event_unref(w->event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_world w = { 0 };

	open_world(&w);
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) + 1 : size;

		do_line(&w, data, n);
		data += n;
		size -= n;
	}
	close_world(&w);
	return 0;
}
