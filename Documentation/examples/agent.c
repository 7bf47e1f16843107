// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A whole agent: it says when the host's memory gets short, and who suffers.
 *
 *	cc -o agent agent.c $(pkg-config --cflags --libs dynmem)
 */
#include <dynmem/dynmem.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static int on_stall(const struct dynmem_stall *s, void *arg)
{
	(void)arg;
	printf("  %s stalled %.1f ms\n", s->comm, (double)s->stall_time / 1e6);
	return 0;
}

static void on_event(struct dynmem *d, const struct dynmem_event *ev)
{
	const struct dynmem_pressure *p = &ev->pressure;

	switch (ev->type) {
	case DYNMEM_EVENT_PRESSURE:
		printf("%s: %llu MiB available, %llu stalls, %llu lost\n",
		       dynmem_level_name(p->level),
		       (unsigned long long)p->available >> 20,
		       (unsigned long long)p->stalls,
		       (unsigned long long)ev->lost);
		/* Names processes: needs CAP_SYS_PTRACE or CAP_PERFMON. */
		if (p->event & DYNMEM_PRESSURE_EVENT_STALL &&
		    dynmem_dump_stalls(d, NULL, on_stall, NULL) < 0)
			printf("  who: %s\n", dynmem_last_error(d));
		break;
	case DYNMEM_EVENT_APPEARED:
	case DYNMEM_EVENT_VANISHED:
		printf("module %s\n", dynmem_present(d) ? "loaded" : "gone");
	}
	fflush(stdout);
}

int main(void)
{
	struct dynmem *d;
	struct dynmem_event ev;
	int r = dynmem_open(&d, 0);

	if (r < 0 || (r = dynmem_subscribe(d, DYNMEM_GROUP_PRESSURE)) < 0) {
		fprintf(stderr, "agent: %s\n", strerror(-r));
		return 1;
	}
	do {
		while ((r = dynmem_next_event(d, &ev)) > 0)
			on_event(d, &ev);
	} while (poll(&(struct pollfd){dynmem_fd(d), POLLIN, 0}, 1, -1) > 0);
	return 0;
}
