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
 * struct dynmem_channel - the sending side of a multicast group
 * @group: the group
 * @cmd: command of its notifications
 * @size: bytes of a notification at most
 * @types: how its attributes are told
 * @seq: number of the last notification sent
 * @coalesced: changes told together with another
 * @failures: sends that failed
 * @sent: when the last one was sent, ns
 * @reserve: a message for when memory is out
 *
 * Guarded by its owner's mutex.
 */
struct dynmem_channel {
	enum dynmem_group group;
	u8 cmd;
	size_t size;
	const u8 *types;
	u64 seq;
	u64 coalesced;
	u64 failures;
	u64 sent;
	struct sk_buff *reserve;
};

bool dynmem_listened(enum dynmem_group group);
int dynmem_channel_init(struct dynmem_channel *channel);
void dynmem_channel_exit(struct dynmem_channel *channel);
void dynmem_channel_stamp(const struct dynmem_channel *channel,
			  struct dynmem_record *rec, u64 now);
int dynmem_notify(struct dynmem_channel *channel, struct dynmem_record *rec,
		  u32 events, u64 changes, u64 now);

#endif /* _DYNMEM_NOTIFY_H */
