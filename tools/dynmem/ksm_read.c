// SPDX-License-Identifier: GPL-2.0
/*
 * KSM's figures from /sys, and of processes from the module or /proc.
 *
 * Savings: of a process's m merged pages, m * sharing / (sharing + shared) are saved; the
 * rest is its part of the copies that are left. Pages replaced by the zero page are saved
 * as a whole. So the sum over all processes is the host's.
 */
#include "ksm_view.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"
#include "common/dbus_names.h"
#include "common/util.h"
#include "dynmem.h"
#include "out.h"

/* The kernel's struct ksm_rmap_item on 64-bit machines, as ksm_process_profit() has it. */
#define RMAP_ITEM_SIZE 64

#define KSM_DIR "/sys/kernel/mm/ksm/"

static ssize_t read_text(const char *path, char *buf, size_t size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	*buf = 0;
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = 0;
	return n;
}

static uint64_t sys_number(const char *name)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), KSM_DIR "%s", name);
	return read_text(path, text, sizeof(text)) > 0 ? strtoull(text, NULL, 10) : 0;
}

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * The host
 */

static bool read_comm(const char *pid, char *buf, size_t size)
{
	char path[280];

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	if (read_text(path, buf, size) <= 0)
		return false;
	buf[strcspn(buf, "\n")] = 0;
	return true;
}

/* Fields 14 and 15 of /proc/PID/stat, behind the name in brackets. */
static uint64_t read_cpu(const char *pid)
{
	unsigned long long user = 0, system = 0;
	char path[280], text[1024], *p;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if (read_text(path, text, sizeof(text)) <= 0)
		return 0;
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
			 &system) != 2)
		return 0;
	return (user + system) * (NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void find_threads(struct ksm_host *h)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	char comm[32];

	while (d && (e = readdir(d))) {
		if (!isdigit((unsigned char)*e->d_name) ||
		    !read_comm(e->d_name, comm, sizeof(comm)))
			continue;
		if (!strcmp(comm, "ksmd"))
			h->cpu_ns = read_cpu(e->d_name);
		else if (!strncmp(comm, "ksmtuned", 8))
			snprintf(h->driver, sizeof(h->driver), "%s", comm);
	}
	if (d)
		closedir(d);
}

int ksm_read_host(struct ksm_host *ret)
{
	struct ksm_host h = { 0 };
	char text[64];

	if (access(KSM_DIR "run", R_OK) < 0)
		return -ENOSYS;
	h.run = (unsigned int)sys_number("run");
	h.pages_to_scan = sys_number("pages_to_scan");
	h.sleep_ms = sys_number("sleep_millisecs");
	h.shared = sys_number("pages_shared");
	h.sharing = sys_number("pages_sharing");
	h.unshared = sys_number("pages_unshared");
	h.volatiles = sys_number("pages_volatile");
	h.zero_pages = sys_number("ksm_zero_pages");
	h.scanned = sys_number("pages_scanned");
	h.full_scans = sys_number("full_scans");
	h.saved = (h.sharing + h.zero_pages) * page_size();
	if (read_text(KSM_DIR "general_profit", text, sizeof(text)) > 0)
		h.profit = strtoll(text, NULL, 10);
	else
		h.profit = (int64_t)h.saved -
			   (int64_t)((h.shared + h.sharing + h.unshared + h.volatiles) *
				     RMAP_ITEM_SIZE);
	if (read_text(KSM_DIR "advisor_mode", text, sizeof(text)) > 0)
		h.advisor = !strstr(text, "[none]");
	find_threads(&h);
	*ret = h;
	return 0;
}

/*
 * Processes
 */

/* 0: it is gone. */
static pid_t parent_of(pid_t pid)
{
	char path[64], text[1024], *p;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_text(path, text, sizeof(text)) <= 0)
		return 0;
	p = strrchr(text, ')');
	return p && sscanf(p + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

bool ksm_descends(pid_t pid, pid_t from)
{
	while (pid > 1) {
		pid = parent_of(pid);
		if (pid == from)
			return true;
	}
	return false;
}

static void value_savings(const struct ksm_host *h, struct ksm_row *r)
{
	double part =
		h->sharing + h->shared ? (double)h->sharing / (double)(h->sharing + h->shared) : 0;

	r->saved = ((uint64_t)((double)r->merging * part) + r->zero_pages) * page_size();
	r->profit = (int64_t)r->saved - (int64_t)(r->rmap_items * RMAP_ITEM_SIZE);
}

/* "ksm_rmap_items 12" or "ksm_mergeable: yes" in /proc/PID/ksm_stat. */
static const char *stat_value(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (; text && *text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (!strncmp(text, key, n) && (text[n] == ' ' || text[n] == ':'))
			return text + n + strspn(text + n, ": ");
	}
	return NULL;
}

static uint64_t stat_number(const char *text, const char *key)
{
	const char *value = stat_value(text, key);

	return value ? strtoull(value, NULL, 10) : 0;
}

int ksm_read_process(const struct ksm_host *host, pid_t pid, struct ksm_row *ret)
{
	struct ksm_row r = { .pid = pid, .processes = 1 };
	char path[64], text[1024], id[16];
	unsigned long long rss = 0;
	ssize_t n;

	snprintf(id, sizeof(id), "%d", (int)pid);
	snprintf(path, sizeof(path), "/proc/%s/statm", id);
	if (read_text(path, text, sizeof(text)) <= 0 || sscanf(text, "%*u %llu", &rss) != 1 || !rss)
		return -ESRCH;
	r.rss = rss * page_size();
	if (!read_comm(id, r.name, sizeof(r.name)))
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%s/ksm_stat", id);
	n = read_text(path, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	r.rmap_items = stat_number(text, "ksm_rmap_items");
	r.zero_pages = stat_number(text, "ksm_zero_pages");
	r.merging = stat_number(text, "ksm_merging_pages");
	r.mergeable = r.rmap_items || (stat_value(text, "ksm_mergeable") &&
				       *stat_value(text, "ksm_mergeable") == 'y');
	/* Kernels before 6.4 have it in a file of its own. */
	if (!stat_value(text, "ksm_merging_pages")) {
		snprintf(path, sizeof(path), "/proc/%s/ksm_merging_pages", id);
		if (read_text(path, text, sizeof(text)) > 0)
			r.merging = strtoull(text, NULL, 10);
	}
	value_savings(host, &r);
	*ret = r;
	return 0;
}

/*
 * The table
 */

static struct ksm_row *find_row(struct ksm_table *t, const char *name, pid_t pid)
{
	struct ksm_row *rows;

	for (size_t i = 0; !pid && i < t->n; i++)
		if (!strcmp(t->rows[i].name, name))
			return &t->rows[i];
	if (t->n == t->space) {
		size_t space = t->space ? 2 * t->space : 64;

		rows = reallocarray(t->rows, space, sizeof(*rows));
		if (!rows)
			return NULL;
		t->rows = rows;
		t->space = space;
	}
	rows = &t->rows[t->n++];
	*rows = (struct ksm_row){ .pid = pid };
	snprintf(rows->name, sizeof(rows->name), "%s", name);
	return rows;
}

/* "0::/machine.slice/x.scope", of cgroup v2. */
static bool cgroup_of(pid_t pid, char *buf, size_t size)
{
	char path[64], text[4096], *line;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (read_text(path, text, sizeof(text)) <= 0)
		return false;
	line = strncmp(text, "0::", 3) ? strstr(text, "\n0::") : text;
	if (!line)
		return false;
	line = strstr(line, "0::") + 3;
	line[strcspn(line, "\n")] = 0;
	snprintf(buf, size, "%s", line);
	return true;
}

struct collect {
	const struct ksm_host *host;
	enum ksm_by by;
	bool all;
	struct json_object *guests; /* of the daemon, or NULL */
	struct ksm_table *table;
};

/* The daemon's name of a guest, else what QEMU was started with. */
static bool guest_of(const struct collect *c, const struct ksm_row *r, char *buf, size_t size)
{
	size_t n = c->guests ? json_object_array_length(c->guests) : 0;
	char path[64], args[8192];
	ssize_t len;

	for (size_t i = 0; i < n; i++) {
		struct json_object *g = json_object_array_get_idx(c->guests, i);

		if (out_u64(g, DYNMEM_GUEST_PID) == (uint64_t)r->pid) {
			snprintf(buf, size, "%s", out_str(g, DYNMEM_GUEST_NAME));
			return true;
		}
	}
	if (strncmp(r->name, "qemu-", 5) != 0 && strncmp(r->name, "kvm", 3) != 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)r->pid);
	len = read_text(path, args, sizeof(args));
	for (ssize_t at = 0; at < len; at += (ssize_t)strlen(args + at) + 1) {
		const char *name = args + at;

		if (strcmp(name, "-name") != 0 || at + 6 >= len)
			continue;
		name += 6;
		if (!strncmp(name, "guest=", 6))
			name += 6;
		snprintf(buf, size, "%.*s", (int)strcspn(name, ","), name);
		return true;
	}
	snprintf(buf, size, "%s", r->name);
	return true;
}

static int add_process(struct collect *c, const struct ksm_row *r)
{
	char name[sizeof(r->name)];
	struct ksm_row *into;
	pid_t pid = r->pid;

	if (!r->mergeable && !c->all)
		return 0;
	snprintf(name, sizeof(name), "%s", r->name);
	if (c->by == KSM_BY_GUEST && !guest_of(c, r, name, sizeof(name)))
		return 0;
	if (c->by == KSM_BY_CGROUP) {
		if (!cgroup_of(r->pid, name, sizeof(name)))
			return 0;
		pid = 0;
	}
	into = find_row(c->table, name, pid);
	if (!into)
		return -ENOMEM;
	into->processes++;
	into->merging += r->merging;
	into->zero_pages += r->zero_pages;
	into->rmap_items += r->rmap_items;
	into->saved += r->saved;
	into->profit += r->profit;
	into->rss += r->rss;
	into->mergeable |= r->mergeable;
	return 0;
}

static int on_process(const struct dynmem_process *p, void *arg)
{
	struct collect *c = arg;
	struct ksm_row r = {
		.pid = (pid_t)p->pid,
		.processes = 1,
		.merging = p->merging_pages,
		.zero_pages = p->zero_pages,
		.rmap_items = p->rmap_items,
		.rss = p->rss_anon + p->rss_file + p->rss_shmem,
	};

	r.mergeable = p->flags & (DYNMEM_PROCESS_FLAG_MERGEABLE | DYNMEM_PROCESS_FLAG_MERGE_ANY);
	snprintf(r.name, sizeof(r.name), "%s", p->comm);
	value_savings(c->host, &r);
	return add_process(c, &r);
}

static int by_module(struct collect *c)
{
	struct dynmem_process_filter filter = {
		.select = c->all ? DYNMEM_SELECT_ALL : DYNMEM_SELECT_KSM,
	};
	struct dynmem *d = NULL;
	int r = dynmem_open(&d, DYNMEM_OPEN_NO_LOAD);

	if (r < 0)
		return r;
	do {
		c->table->n = 0;
		r = dynmem_dump_processes(d, &filter, on_process, c);
	} while (r == -EAGAIN);
	dynmem_close(d);
	return r;
}

static int by_proc(struct collect *c)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	struct ksm_row row;
	int r = 0;

	if (!d)
		return -errno;
	c->table->n = 0;
	while (r == 0 && (e = readdir(d))) {
		if (!isdigit((unsigned char)*e->d_name))
			continue;
		r = ksm_read_process(c->host, (pid_t)strtol(e->d_name, NULL, 10), &row);
		if (r == -EACCES || r == -EPERM)
			c->table->partly = true;
		r = r == 0 ? add_process(c, &row) : 0;
	}
	closedir(d);
	return r;
}

static int by_profit(const void *pa, const void *pb)
{
	const struct ksm_row *a = pa, *b = pb;

	if (a->profit != b->profit)
		return a->profit < b->profit ? 1 : -1;
	return strcmp(a->name, b->name);
}

/* NULL: no daemon answers. */
static struct json_object *ask_daemon(const char *method)
{
	struct json_object *answer = NULL;
	sd_bus *bus = NULL;

	if (bus_open(&bus) == 0 && bus_call(bus, method, &answer) < 0)
		answer = NULL;
	sd_bus_flush_close_unref(bus);
	return answer;
}

/* It knows more programs by name, and what it has seen others write. */
static bool is_name(const char *driver)
{
	return *driver && strcmp(driver, "fixed settings") != 0 &&
	       strcmp(driver, "the kernel's advisor") != 0;
}

void ksm_ask_daemon(struct ksm_host *h)
{
	struct json_object *host = ask_daemon("GetHost");

	if (host && is_name(out_str(host, DYNMEM_HOST_KSM_DRIVER)))
		snprintf(h->driver, sizeof(h->driver), "%s", out_str(host, DYNMEM_HOST_KSM_DRIVER));
	if (host)
		snprintf(h->mode, sizeof(h->mode), "%s", out_str(host, DYNMEM_HOST_KSM_MODE));
	json_object_put(host);
}

int ksm_read_table(const struct ksm_host *host, enum ksm_by by, bool all, struct ksm_table *ret)
{
	struct ksm_table t = { 0 };
	struct collect c = { .host = host, .by = by, .all = all, .table = &t };
	int r;

	if (by == KSM_BY_GUEST)
		c.guests = ask_daemon("ListGuests");
	r = by_module(&c);
	t.from_module = r == 0;
	if (r < 0 && r != -ENOMEM)
		r = by_proc(&c);
	json_object_put(c.guests);
	if (r < 0) {
		ksm_table_free(&t);
		return r;
	}
	if (t.n)
		qsort(t.rows, t.n, sizeof(*t.rows), by_profit);
	*ret = t;
	return 0;
}

void ksm_table_free(struct ksm_table *t)
{
	free(t->rows);
	*t = (struct ksm_table){ 0 };
}
