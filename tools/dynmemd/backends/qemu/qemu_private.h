/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by qemu_monitor.c (how it is reached), qemu_questions.c (what it is
 * asked) and qemu_guest.c (when, and what follows).
 */
#ifndef DYNMEMD_QEMU_PRIVATE_H
#define DYNMEMD_QEMU_PRIVATE_H

#include "dynmemd/backends/qemu/qemu_guest.h"
#include "dynmemd/qmp/qmp_client.h"

/* In the order in which they are asked. */
enum question {
	ASK_NAME,
	ASK_STATE,
	ASK_MIGRATION,
	ASK_EVENTS, /* to be sent for migrations */
	ASK_MEMORY,
	ASK_DIMMS,
	ASK_ACTUAL,
	ASK_BACKENDS,
	ASK_OBJECTS,
	ASK_SEV,
	ASK_QOM, /* once for each container */
	ASK_PERIOD,
	ASK_REPORTING,
	ASK_DEFLATE,
	ASK_LEAVE_PERIOD, /* and at once enter it: it begins anew */
	ASK_SET_PERIOD,
	ASK_DISKS, /* before statistics: both are one record */
	ASK_STATS,
	ASK_COUNT
};

#define ASK(question) (1u << ASK_##question)
#define ASK_SIZE      (ASK(MEMORY) | ASK(DIMMS) | ASK(ACTUAL))

/* Containers of QOM that are searched for a balloon; a machine has six. */
#define WALK_MAX 16

struct qemu_guest {
	struct guest guest; /* the manager's view */
	struct guest_ops ops;
	const struct qemu_way *way;
	void *userdata;
	struct qmp *q;
	struct manager *manager;
	struct poller *poller;

	bool added;
	const char *over; /* it ends as soon as nobody is busy with it, and why */
	sd_event_source *later;
	struct poll_item process; /* reports QEMU's end */

	/* What is to be asked, and what of that is on its way. */
	uint32_t todo, asked;
	struct asked {
		struct qemu_guest *g;
		enum question question;
	} questions[ASK_COUNT];
	uint64_t refreshed_at; /* usec */

	/* What was answered. */
	bool running, incoming, outgoing;
	bool migration_events; /* by the event MIGRATION */
	uint64_t base, plugged, dimms, other;
	uint64_t listed; /* of @plugged, of all types */
	bool dimms_known;
	uint64_t actual; /* 0: it was not reported */
	const char *pinned_device, *pinned_object, *pinned_sev;
	char *walk[WALK_MAX];
	unsigned int walked, walk_len;
	const char *walk_pinned;
	char *balloon;	     /* JSON text of its path; NULL: none was found */
	bool starved;	     /* of memory: what it has is not fully known */
	unsigned int period; /* of its statistics, as QEMU has it, seconds */
	unsigned int found_period, wanted_period, sent_period;
	bool period_refused;
	bool polled, has_sample;
	struct guest_record sample;
	uint64_t disk_read; /* bytes since start */
	bool disks_known;
	bool no_disks;	      /* what it answers about them is no message that is taken */
	uint64_t total_asked; /* the total that made us ask for the size */

	/* What follows from it. */
	uint64_t unlisted;  /* of @plugged, what its balloon was seen to count from */
	const char *pinned; /* by what the backend knows */
	bool locked;
	bool frozen, paused; /* as the manager knows */
	bool moving;	     /* its balloon may not be where we saw it last */
	bool resizing;	     /* its memory is not known */

	/* Exchanges: a connection each. */
	sd_event_source *session;
	uint64_t session_limit, session_began, rest_until; /* usec */
	unsigned int missed;				   /* in a row */
	bool target_waits;
	uint64_t target, target_until;
};

/** qemu_monitor_open() - connect; qemu_answered() follows. @on_later: woken by qemu_wake() */
int qemu_monitor_open(struct qemu_guest *g, sd_event_time_handler_t on_later);

void qemu_monitor_close(struct qemu_guest *g);

/** qemu_wake() - call on_later in so many microseconds */
void qemu_wake(struct qemu_guest *g, uint64_t usec);

/** qemu_ask_now() - qemu_ask(), where it takes commands at the moment. 0 or -errno */
int qemu_ask_now(struct qemu_guest *g);

/** qemu_end_exchange() - leave a shared monitor if all is answered */
void qemu_end_exchange(struct qemu_guest *g);

/** qemu_target() - send a target; as guest_ops.set_target */
int qemu_target(struct qemu_guest *g, uint64_t bytes);

/** qemu_retry_target() - the one that waits for a shared monitor */
void qemu_retry_target(struct qemu_guest *g);

/** qemu_on_event() - what QEMU reports by itself; see struct qmp_handlers */
void qemu_on_event(struct qmp *q, const char *name, struct json_object *data, void *userdata);

bool qemu_on_event_text(struct qmp *q, struct json_span name, struct json_span data,
			void *userdata);

/** qemu_now() - usec */
uint64_t qemu_now(const struct qemu_guest *g);

/** qemu_no_sample() - whoever waits for statistics gets none */
void qemu_no_sample(struct qemu_guest *g);

/** qemu_ask() - as much of what is to be asked as goes */
void qemu_ask(struct qemu_guest *g);

/** qemu_answered() - an answer was taken. May end @g */
void qemu_answered(struct qemu_guest *g);

/** qemu_size_unknown() - ask for it, and do not move the balloon meanwhile */
void qemu_size_unknown(struct qemu_guest *g);

/** qemu_see_actual() - its balloon has this size */
void qemu_see_actual(struct qemu_guest *g, uint64_t actual);

/** qemu_questions_free() - what answers left behind */
void qemu_questions_free(struct qemu_guest *g);

#endif
