// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "dynmemd/qmp/poller.h"
#include "common/util.h"

/* Between two batches the loop looks for what has a higher priority. */
#define BATCH 64

struct poller {
	sd_event *event;
	sd_event_source *source;
	int fd;
	struct epoll_event batch[BATCH];
	int next, end; /* of @batch, not handled yet */
};

static int on_ready(_unused_ sd_event_source *s, int fd, _unused_ uint32_t revents, void *userdata)
{
	struct poller *p = userdata;
	int n = epoll_wait(fd, p->batch, BATCH, 0);

	p->end = MAX(n, 0);
	for (p->next = 0; p->next < p->end;) {
		struct epoll_event *e = &p->batch[p->next++];
		struct poll_item *item = e->data.ptr;

		if (item)
			item->fn(item, e->events);
	}
	p->end = 0;
	return 0;
}

static int control(struct poller *p, int what, struct poll_item *item, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = item };

	return epoll_ctl(p->fd, what, item->fd, &e) < 0 ? -errno : 0;
}

int poller_add(struct poller *p, struct poll_item *item, uint32_t events)
{
	return control(p, EPOLL_CTL_ADD, item, events);
}

int poller_set(struct poller *p, struct poll_item *item, uint32_t events)
{
	return control(p, EPOLL_CTL_MOD, item, events);
}

/* What is ready of it in this batch is forgotten too. */
void poller_remove(struct poller *p, struct poll_item *item)
{
	control(p, EPOLL_CTL_DEL, item, 0);
	for (int i = p->next; i < p->end; i++)
		if (p->batch[i].data.ptr == item)
			p->batch[i].data.ptr = NULL;
}

sd_event *poller_event(const struct poller *p)
{
	return p->event;
}

int poller_new(struct poller **ret, sd_event *event, int64_t priority)
{
	struct poller *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->event = sd_event_ref(event);
	p->fd = epoll_create1(EPOLL_CLOEXEC);
	r = p->fd < 0 ? -errno : sd_event_add_io(event, &p->source, p->fd, EPOLLIN, on_ready, p);
	if (r >= 0)
		r = sd_event_source_set_priority(p->source, priority);
	if (r < 0) {
		poller_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

struct poller *poller_free(struct poller *p)
{
	if (!p)
		return NULL;
	sd_event_source_disable_unref(p->source);
	closep(&p->fd);
	sd_event_unref(p->event);
	free(p);
	return NULL;
}
