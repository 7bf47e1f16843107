// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "dynmemd/qmp/poller.h"
#include "common/util.h"

/* Between two batches the loop looks for what has a higher priority. */
#define BATCH 64

/*
 * The answers to a poll of many guests come one by one, and to wake up for each costs
 * more than to read it. When two wake-ups are this close, usec, what comes is left to
 * gather for as long. With few sockets there is nothing to gather.
 */
#define REST	   1000u
#define REST_ITEMS 32

struct poller {
	sd_event *event;
	sd_event_source *source, *timer;
	int fd;
	unsigned int items;
	uint64_t handled_at; /* usec; the last batch */
	struct epoll_event batch[BATCH];
	int next, end; /* of @batch, not handled yet */
};

static void handle_batch(struct poller *p)
{
	int n = epoll_wait(p->fd, p->batch, BATCH, 0);

	p->end = MAX(n, 0);
	for (p->next = 0; p->next < p->end;) {
		struct epoll_event *e = &p->batch[p->next++];
		struct poll_item *item = e->data.ptr;

		if (item)
			item->fn(item, e->events);
	}
}

/* Returns whether it rests: the timer goes on with what comes meanwhile. */
static bool rest(struct poller *p)
{
	uint64_t before = p->handled_at;
	bool full = p->end == BATCH, none = p->end == 0;

	p->end = 0;
	sd_event_now(p->event, CLOCK_MONOTONIC, &p->handled_at);
	if (full || none || p->items < REST_ITEMS || p->handled_at - before > 2 * REST)
		return false;
	return sd_event_source_set_time(p->timer, p->handled_at + REST) >= 0 &&
	       sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT) >= 0;
}

/* Not by SD_EVENT_OFF: to add an epoll to another the kernel goes through all that is in it. */
static int on_ready(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents,
		    void *userdata)
{
	struct poller *p = userdata;

	handle_batch(p);
	return rest(p) ? sd_event_source_set_io_events(p->source, 0) : 0;
}

static int on_rested(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata)
{
	struct poller *p = userdata;

	handle_batch(p);
	return rest(p) ? 0 : sd_event_source_set_io_events(p->source, EPOLLIN);
}

static int control(struct poller *p, int what, struct poll_item *item, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = item };

	return epoll_ctl(p->fd, what, item->fd, &e) < 0 ? -errno : 0;
}

int poller_add(struct poller *p, struct poll_item *item, uint32_t events)
{
	int r = control(p, EPOLL_CTL_ADD, item, events);

	p->items += r == 0;
	return r;
}

int poller_set(struct poller *p, struct poll_item *item, uint32_t events)
{
	return control(p, EPOLL_CTL_MOD, item, events);
}

/* What is ready of it in this batch is forgotten too. */
void poller_remove(struct poller *p, struct poll_item *item)
{
	if (control(p, EPOLL_CTL_DEL, item, 0) == 0)
		p->items--;
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
	if (r >= 0)
		r = sd_event_add_time(event, &p->timer, CLOCK_MONOTONIC, 0, 1, on_rested, p);
	if (r >= 0)
		r = sd_event_source_set_priority(p->timer, priority);
	if (r >= 0)
		r = sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
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
	sd_event_source_disable_unref(p->timer);
	closep(&p->fd);
	sd_event_unref(p->event);
	free(p);
	return NULL;
}
