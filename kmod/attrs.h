/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One record type for all attribute sets, and one function that puts it
 * into a message
 */

#ifndef _DYNMEM_ATTRS_H
#define _DYNMEM_ATTRS_H

#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/types.h>
#include <net/netlink.h>

#define DYNMEM_RECORD_MAX	64

/**
 * struct dynmem_record - values of one attribute set
 * @present: bit n: attribute n is there
 * @value: by attribute; a sint is cast
 */
struct dynmem_record {
	u64 present;
	u64 value[DYNMEM_RECORD_MAX];
};

/* How a value is told; uint unless the attribute set's table says otherwise. */
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

/* An amount of memory: counted in pages, told in bytes. */
static inline void dynmem_set_bytes(struct dynmem_record *rec, int attr,
				    u64 pages)
{
	dynmem_set(rec, attr, pages << PAGE_SHIFT);
}

static inline bool dynmem_has(const struct dynmem_record *rec, int attr)
{
	return rec->present & BIT_ULL(attr);
}

/* Bytes that attributes 1 to max need at most; strings come on top. */
#define DYNMEM_RECORD_SIZE(max)	((max) * NLA_ALIGN(NLA_HDRLEN + sizeof(u64)))

int dynmem_record_put(struct sk_buff *skb, const u8 *types,
		      const struct dynmem_record *rec);

#endif /* _DYNMEM_ATTRS_H */
