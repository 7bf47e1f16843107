/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Many sockets behind one event source.
 *
 * sd-event makes two system calls and sorts a queue for each descriptor that
 * is ready. For the answers of a thousand guests that is half of the work:
 * here they are taken a batch at a time, each socket once a batch, and not each
 * when it comes, but what has come within a millisecond.
 */
#ifndef DYNMEMD_POLLER_H
#define DYNMEMD_POLLER_H

#include <stdint.h>

#include <systemd/sd-event.h>

struct poller;

/**
 * struct poll_item - one descriptor; embedded by its user
 * @fd: watched for what poller_add() and poller_set() say
 * @fn: called with what is ready, EPOLLIN etc.; may remove any item
 */
struct poll_item {
	int fd;
	void (*fn)(struct poll_item *item, uint32_t revents);
};

/**
 * poller_new() - a poller in an event loop
 * @priority: as in sd_event_source_set_priority()
 */
int poller_new(struct poller **ret, sd_event *event, int64_t priority);

/** poller_free() - all items must have been removed. Return: NULL */
struct poller *poller_free(struct poller *p);

/** poller_event() - the loop that it is in */
sd_event *poller_event(const struct poller *p);

int poller_add(struct poller *p, struct poll_item *item, uint32_t events);
int poller_set(struct poller *p, struct poll_item *item, uint32_t events);

/** poller_remove() - before the descriptor is closed */
void poller_remove(struct poller *p, struct poll_item *item);

#endif
