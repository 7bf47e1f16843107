// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/dbus_names.h"
#include "dynmem/doctor/doctor.h"
#include "dynmem/out.h"

struct guest_list {
	const struct doctor *d;
	struct doctor_guest *all;
	size_t n, known, room;
};

static struct doctor_guest *guest_new(struct guest_list *l)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		void *all = realloc(l->all, room * sizeof(*l->all));

		if (!all)
			return NULL;
		l->all = all;
		l->room = room;
	}
	memset(&l->all[l->n], 0, sizeof(l->all[0]));
	return &l->all[l->n++];
}

static int by_pid(const void *a, const void *b)
{
	const struct doctor_guest *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* The value of -name: "web1" or "guest=web1,debug-threads=on". */
static void name_of_args(char *name, size_t size, const char *args, size_t len)
{
	const char *end = args + len, *value;

	for (const char *arg = args; arg < end; arg += strlen(arg) + 1) {
		value = arg + strlen(arg) + 1;
		if (strcmp(arg, "-name") != 0 || value >= end)
			continue;
		if (!strncmp(value, "guest=", 6))
			value += 6;
		snprintf(name, size, "%.*s", (int)strcspn(value, ","), value);
		return;
	}
}

static bool add_qemu(void *data, pid_t pid, const char *comm)
{
	struct doctor_guest key = { .pid = pid }, *g;
	struct guest_list *l = data;
	char args[16 * DOCTOR_TEXT];
	ssize_t n;

	if (!is_qemu(comm))
		return true;
	if (l->known && bsearch(&key, l->all, l->known, sizeof(key), by_pid))
		return true;
	/* One that has ended, and is not yet waited for, has no arguments. */
	n = fact(l->d, args, sizeof(args), "/proc/%d/cmdline", (int)pid);
	g = n > 0 ? guest_new(l) : NULL;
	if (!g)
		return true;
	g->pid = pid;
	snprintf(g->name, sizeof(g->name), "%s (pid %d)", comm, (int)pid);
	name_of_args(g->name, sizeof(g->name), args, (size_t)n);
	return true;
}

struct doctor_guest *doctor_guests(const struct doctor *d, size_t *ret_count)
{
	struct guest_list l = { .d = d };

	for (size_t i = 0; d->guests && i < json_object_array_length(d->guests); i++) {
		struct json_object *known = json_object_array_get_idx(d->guests, i);
		struct doctor_guest *g = guest_new(&l);

		if (!g)
			break;
		snprintf(g->name, sizeof(g->name), "%s", out_str(known, DYNMEM_GUEST_NAME));
		g->pid = (pid_t)out_u64(known, DYNMEM_GUEST_PID);
		g->known = known;
	}
	if (l.n)
		qsort(l.all, l.n, sizeof(*l.all), by_pid);
	l.known = l.n;
	fact_processes(d, add_qemu, &l);
	*ret_count = l.n;
	return l.all;
}
