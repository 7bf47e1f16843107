/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of libdynmem; nothing here is for its users.
 *
 *	error.c		why the last request failed
 *	open.c		the handle: sockets
 *	transact.c	one message, its answers, the kernel's refusal
 *	family.c	is the family there, and under which numbers; its groups
 *	request.c	requests to it
 *	parse.c		attributes to structs and back, by the tables of fields.c
 *	get.c dump.c	the commands
 *	events.c	subscription, notifications, overruns
 */
#ifndef DYNMEM_INTERNAL_H
#define DYNMEM_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <netlink/netlink.h>
#include <netlink/msg.h>
#include <netlink/genl/genl.h>

#include "dynmem.h"

/* Exported from the shared object; everything else is hidden. */
#define _public_ __attribute__((visibility("default")))

/*
 * The largest datagram that the kernel sends to a reader with a buffer of this
 * size or more (af_netlink.c: netlink_recvmsg); the unit of a dump.
 */
#define BUFFER_SIZE 32768

/*
 * Wanted receive buffer of the event socket, bytes. A notification costs about
 * 2 KiB of it, at most 100 come in a second by default: several seconds of a
 * reader that gets no CPU.
 */
#define EVENT_BUFFER_SIZE (1 << 20)

enum group_index {
	GROUP_PRESSURE,
	GROUP_KSM,
	GROUP_OOM,
	GROUPS,
};

/* Events that no message stands for, in the order in which they are reported. */
enum pending {
	PENDING_OVERRUN = 1,
	PENDING_LOOKUP = 2, /* messages about the family may be lost */
	PENDING_VANISHED = 4,
	PENDING_APPEARED = 8,
	PENDING_STATE = 16, /* << enum group_index */
	PENDING_STATES = PENDING_STATE << GROUP_PRESSURE | PENDING_STATE << GROUP_KSM |
			 PENDING_STATE << GROUP_OOM,
};

/* The numbers that the kernel gave the family. */
struct family {
	uint32_t id; /* 0: it is not there */
	uint32_t groups[GROUPS];
};

/* The last notification that we know of. */
struct baseline {
	bool known;
	uint64_t seq;
	uint64_t since;
};

struct dynmem {
	struct nl_sock *events;
	struct nl_sock *requests;
	struct nl_msg *request; /* to the family, built anew each time */
	struct nl_msg *lookup;	/* of the family */
	uint32_t seq;
	bool busy; /* a request is under way */

	struct family family;
	unsigned int groups;
	unsigned int pending;
	unsigned int retry; /* pending, once all messages are read */
	struct baseline baseline[GROUPS];
	struct dynmem_stats stats;

	char error[256];
	unsigned int error_attr;
	bool error_explained; /* the text is the kernel's */

	/* What of event_buffer is still to be looked at. */
	struct nlmsghdr *event_next;
	int event_rest;

	char path[4096];
	char event_buffer[BUFFER_SIZE] __attribute__((aligned(8)));
	char request_buffer[BUFFER_SIZE] __attribute__((aligned(8)));
};

/* parse.c, fields.c */

enum field_kind {
	FIELD_NONE, /* not in answers, or not known */
	FIELD_UINT, /* u32 and uint; the member has 4 or 8 bytes */
	FIELD_SINT,
	FIELD_FLAG, /* the member is set to 1; it may be missing */
	FIELD_TEXT, /* copied, cut off, terminated */
	FIELD_PATH, /* the member points to a terminated copy */
	FIELD_HEAD, /* a nest of struct dynmem_head */
};

struct field {
	uint16_t offset;
	uint8_t size;
	uint8_t kind; /* enum field_kind */
};

/* A struct of the public header; its first member is "uint64_t present". */
struct layout {
	uint32_t size;
	uint32_t max;
	const struct field *fields; /* by attribute, up to max */
};

extern const struct layout dn_pressure_layout, dn_ksm_layout, dn_process_layout, dn_cgroup_layout,
	dn_node_layout, dn_stall_layout, dn_config_layout, dn_oom_layout, dn_head_layout;

/* A buffer for a FIELD_PATH. */
struct scratch {
	char *data;
	size_t size;
};

int dn_parse_attrs(const struct layout *layout, const void *attrs, int len, struct scratch *path,
		   void *ret);
int dn_parse_message(const struct layout *layout, const struct nlmsghdr *nlh, struct scratch *path,
		     void *ret);
int dn_put_attrs(const struct layout *layout, struct nl_msg *msg, const void *data);

/* family.c */
int dn_family_lookup(struct dynmem *d, bool load, struct family *ret);
int dn_family_recheck(struct dynmem *d);
void dn_family_changed(struct dynmem *d, const struct family *now);
int dn_family_parse(const struct nlmsghdr *nlh, struct family *ret);
int dn_membership(struct dynmem *d, int group, bool join);

/* transact.c */

/* Called for each answer; after one that does not return 0 no other is. */
typedef int (*answer_fn)(struct dynmem *d, const struct nlmsghdr *nlh, void *arg);

int dn_message_build(struct dynmem *d, struct nl_msg *msg, uint16_t type, uint8_t cmd, int flags);
int dn_transact(struct dynmem *d, struct nl_msg *msg, answer_fn fn, void *arg, int *ret_result);
int dn_receive(struct nl_sock *sk, void *buffer, int *ret_len);

/* request.c */
int dn_request_build(struct dynmem *d, uint8_t cmd, int flags);
int dn_request_run(struct dynmem *d, answer_fn fn, void *arg);

/* error.c */
int dn_fail(struct dynmem *d, int error, const char *text);

#endif
