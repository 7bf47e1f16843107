/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One record type for all attribute sets, and one function that puts it
 * into a message
 */

#ifndef _DYNMEM_ATTRS_H
#define _DYNMEM_ATTRS_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/dynmem.h>
#include <linux/mm.h>
#include <linux/types.h>
#include <net/netlink.h>

#define DYNMEM_RECORD_MAX	64

static_assert(DYNMEM_A_KSM_MAX < DYNMEM_RECORD_MAX);
static_assert(DYNMEM_A_PROCESS_MAX < DYNMEM_RECORD_MAX);
static_assert(DYNMEM_A_CGROUP_MAX < DYNMEM_RECORD_MAX);
static_assert(DYNMEM_A_NODE_MAX < DYNMEM_RECORD_MAX);
static_assert(DYNMEM_A_PRESSURE_MAX < DYNMEM_RECORD_MAX);
static_assert(DYNMEM_A_STALL_MAX < DYNMEM_RECORD_MAX);
static_assert(DYNMEM_A_OOM_MAX < DYNMEM_RECORD_MAX);
static_assert(DYNMEM_A_CONFIG_MAX < DYNMEM_RECORD_MAX);

/* Attribute 1 of each set that has a head. */
#define DYNMEM_A_HEAD	1
static_assert((int)DYNMEM_A_KSM_HEAD == DYNMEM_A_HEAD);
static_assert((int)DYNMEM_A_PRESSURE_HEAD == DYNMEM_A_HEAD);
static_assert((int)DYNMEM_A_OOM_HEAD == DYNMEM_A_HEAD);

/**
 * struct dynmem_record - values of one attribute set
 * @present: bit n: attribute n is there
 * @value: by attribute; a sint is cast
 * @has_head: @head comes first
 * @head: by DYNMEM_A_HEAD_*; all of them
 */
struct dynmem_record {
	u64 present;
	u64 value[DYNMEM_RECORD_MAX];
	bool has_head;
	u64 head[DYNMEM_A_HEAD_MAX + 1];
};

/* How a value is sent; uint unless the attribute set's table says otherwise. */
enum dynmem_type {
	DYNMEM_UINT,
	DYNMEM_SINT,
	DYNMEM_U32,
	DYNMEM_FLAG,
};

static inline void dynmem_set(struct dynmem_record *rec, int attr, u64 value)
{
	rec->value[attr] = value;
	rec->present |= BIT_ULL(attr);
}

static inline void dynmem_set_head(struct dynmem_record *rec, int attr,
				   u64 value)
{
	rec->head[attr] = value;
	rec->has_head = true;
}

/* An amount of memory: counted in pages, sent in bytes. */
static inline void dynmem_set_bytes(struct dynmem_record *rec, int attr,
				    u64 pages)
{
	dynmem_set(rec, attr, pages << PAGE_SHIFT);
}

static inline bool dynmem_has(const struct dynmem_record *rec, int attr)
{
	return rec->present & BIT_ULL(attr);
}

/* Bytes that so many attributes need at most; strings come on top. */
#define DYNMEM_ATTRS_SIZE(n)	((n) * NLA_ALIGN(NLA_HDRLEN + sizeof(u64)))
#define DYNMEM_HEAD_SIZE	(NLA_HDRLEN + DYNMEM_ATTRS_SIZE(DYNMEM_A_HEAD_MAX))
/* Bytes that attributes 1 to max and a head need at most. */
#define DYNMEM_RECORD_SIZE(max)	(DYNMEM_HEAD_SIZE + DYNMEM_ATTRS_SIZE(max))

int dynmem_record_put(struct sk_buff *skb, const u8 *types,
		      const struct dynmem_record *rec);

#endif /* _DYNMEM_ATTRS_H */
