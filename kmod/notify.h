/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Notifications: the sending side of the multicast groups
 */

#ifndef _DYNMEM_NOTIFY_H
#define _DYNMEM_NOTIFY_H

#include <linux/types.h>

#include "attrs.h"
#include "genl.h"

/**
 * struct dynmem_stamp - what all messages of a group begin with
 * @seq: number of the last notification sent
 * @time: when the figures were read, ns
 * @coalesced: changes reported together with another
 * @failures: notifications that could not be made
 */
struct dynmem_stamp {
	u64 seq;
	u64 time;
	u64 coalesced;
	u64 failures;
};

/**
 * struct dynmem_channel - the sending side of a multicast group
 * @group: the group
 * @cmd: command of its notifications
 * @size: bytes of a notification at most
 * @types: types of its attributes
 * @stamp: what its messages begin with
 * @sent: when the last one was sent, ns
 * @reserve: a message for when memory is out
 *
 * Used by its sampler's thread alone.
 */
struct dynmem_channel {
	enum dynmem_group group;
	u8 cmd;
	size_t size;
	const u8 *types;
	struct dynmem_stamp stamp;
	u64 sent;
	struct sk_buff *reserve;
};

bool dynmem_listened(enum dynmem_group group);
int dynmem_channel_init(struct dynmem_channel *channel);
void dynmem_channel_exit(struct dynmem_channel *channel);
void dynmem_stamp_put(struct dynmem_record *rec,
		      const struct dynmem_stamp *stamp);
int dynmem_notify(struct dynmem_channel *channel, struct dynmem_record *rec,
		  u32 events, u64 changes, u64 now);

#endif /* _DYNMEM_NOTIFY_H */
