// SPDX-License-Identifier: GPL-2.0
/* The kernel module's family, by libdynmem. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <dynmem.h>

#include "dynmemd/base/log.h"
#include "dynmemd/core/manager.h"
#include "dynmemd/sources/source.h"
#include "common/util.h"

struct source_genl {
	struct source source;
	struct dynmem *client;
	sd_event_source *io;
	sd_event_source *again; /* for what comes without a message */
	const struct source_handlers *handlers;
	void *userdata;
	struct dynmem_event event; /* received into */
};

static struct source_genl *of(struct source *s)
{
	return (struct source_genl *)s;
}

static enum policy_level level_of(uint32_t level)
{
	return level > DYNMEM_LEVEL_CRITICAL ? POLICY_LEVEL_CRITICAL : (enum policy_level)level;
}

/* Events that were read in one go are one: the state of the last. */
static void merge(struct source_pressure *into, const struct dynmem_event *e)
{
	const struct dynmem_pressure *p = &e->pressure;

	into->level = level_of(p->level);
	into->available = UINT64_MAX;
	if (dynmem_has(p->present, DYNMEM_A_PRESSURE_AVAILABLE))
		into->available = p->available;
	into->news |= p->event != 0;
	into->stall |= p->event & DYNMEM_PRESSURE_EVENT_STALL;
	into->oom |= p->event & DYNMEM_PRESSURE_EVENT_OOM;
	into->has_stalls = dynmem_has(p->present, DYNMEM_A_PRESSURE_STALLS);
	into->stalls = p->stalls;
	into->oom_kills = p->oom_kills;
	into->lost += e->lost;
	if (!into->time && p->event)
		into->time = p->head.time;
}

static void on_family(struct source_genl *s, uint32_t type)
{
	switch (type) {
	case DYNMEM_EVENT_APPEARED:
		s->handlers->back(s->userdata);
		break;
	case DYNMEM_EVENT_VANISHED:
		s->handlers->gone(s->userdata, "the module was unloaded");
		break;
	case DYNMEM_EVENT_OVERRUN:
		log_warning(
			"pressure events came faster than they were read; the state was asked for anew");
		break;
	}
}

/* What the client has to report before the first wait, or could not find out. */
#define AGAIN (1 * USEC_PER_SEC)

static void drain(struct source_genl *s)
{
	struct source_pressure pressure = { 0 };
	bool any = false;
	int r;

	while ((r = dynmem_next_event(s->client, &s->event)) > 0) {
		if (s->event.type == DYNMEM_EVENT_PRESSURE) {
			merge(&pressure, &s->event);
			any = true;
		} else {
			on_family(s, s->event.type);
		}
	}
	if (any)
		source_report(&s->source, &pressure);
	if (r < 0) {
		log_warning("the kernel module's state cannot be read: %s",
			    dynmem_last_error(s->client));
		sd_event_source_set_time_relative(s->again, AGAIN);
		sd_event_source_set_enabled(s->again, SD_EVENT_ONESHOT);
	}
}

static int on_io(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t revents,
		 void *userdata)
{
	drain(userdata);
	return 0;
}

static int on_again(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata)
{
	drain(userdata);
	return 0;
}

/* What the module samples for. Others may read its settings: they are the truth. */
static int genl_watch(struct source *source, const uint64_t threshold[POLICY_LEVELS])
{
	struct source_genl *s = of(source);
	const struct dynmem_config config = {
		.present = dynmem_bit(DYNMEM_A_CONFIG_THRESHOLD_LOW) |
			   dynmem_bit(DYNMEM_A_CONFIG_THRESHOLD_MEDIUM) |
			   dynmem_bit(DYNMEM_A_CONFIG_THRESHOLD_CRITICAL),
		.threshold_low = threshold[POLICY_LEVEL_LOW],
		.threshold_medium = threshold[POLICY_LEVEL_MEDIUM],
		.threshold_critical = threshold[POLICY_LEVEL_CRITICAL],
	};

	return dynmem_set_config(s->client, &config);
}

static void genl_free(struct source *source)
{
	struct source_genl *s = of(source);

	sd_event_source_disable_unref(s->io);
	sd_event_source_disable_unref(s->again);
	dynmem_close(s->client);
	free(s);
}

static const struct source_ops ops = {
	.name = "genl",
	.watch = genl_watch,
	.free = genl_free,
};

bool source_genl_present(const struct source *s)
{
	return dynmem_present(((const struct source_genl *)s)->client);
}

static int start(struct source_genl *s, sd_event *event)
{
	int r = dynmem_open(&s->client, 0);

	if (r < 0)
		return r;
	r = dynmem_subscribe(s->client, DYNMEM_GROUP_PRESSURE);
	if (r < 0)
		return r;
	r = sd_event_add_io(event, &s->io, dynmem_fd(s->client), EPOLLIN, on_io, s);
	if (r < 0)
		return r;
	r = sd_event_source_set_priority(s->io, PRIORITY_SOURCE);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(event, &s->again, CLOCK_MONOTONIC, 0, USEC_PER_MSEC,
				       on_again, s);
	return r < 0 ? r : 0;
}

int source_genl_new(struct source **ret, sd_event *event, const struct source_handlers *handlers,
		    void *userdata)
{
	struct source_genl *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->source.ops = &ops;
	s->handlers = handlers;
	s->userdata = userdata;
	r = start(s, event);
	if (r < 0) {
		genl_free(&s->source);
		return r;
	}
	*ret = &s->source;
	return 0;
}
