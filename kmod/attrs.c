// SPDX-License-Identifier: GPL-2.0
/*
 * Collect attribute values, then write them to the message.
 *
 * A dump has a dozen attributes for each of thousands of processes, so that
 * room is checked once a record and not once an attribute, as nla_put() does.
 */

#include <linux/skbuff.h>

#include "attrs.h"
#include "compat/compat.h"

/* Writes an attribute, and returns where the next one goes. */
static void *attrs_write(void *at, u8 type, int attr, u64 value)
{
	struct nlattr *nla = at;
	void *payload = at + NLA_HDRLEN;
	u32 len = sizeof(u32);

	if (type == DYNMEM_FLAG)
		len = 0;
	else if (type == DYNMEM_UINT && value != (u32)value)
		len = sizeof(u64);
	else if (type == DYNMEM_SINT && (s64)value != (s32)value)
		len = sizeof(u64);

	nla->nla_type = attr;
	nla->nla_len = nla_attr_size(len);
	/* All lengths are multiples of 4: there is no padding to clear. */
	if (len == sizeof(u32))
		*(u32 *)payload = value;
	else if (len)
		put_unaligned(value, (u64 *)payload);
	return payload + len;
}

static const u8 attrs_head_types[DYNMEM_A_HEAD_MAX + 1] = {
	[DYNMEM_A_HEAD_CAPABILITIES] = DYNMEM_U32,
};

/* Writes a record's head, and returns where the next attribute goes. */
static void *attrs_write_head(void *at, const struct dynmem_record *rec)
{
	struct nlattr *nest = at;
	int attr;

	at += NLA_HDRLEN;
	for (attr = 1; attr <= DYNMEM_A_HEAD_MAX; attr++)
		at = attrs_write(at, attrs_head_types[attr], attr, rec->head[attr]);
	nest->nla_type = DYNMEM_A_HEAD | NLA_F_NESTED;
	nest->nla_len = at - (void *)nest;
	return at;
}

/**
 * dynmem_record_put() - put a record into a message
 * @skb: the message
 * @types: enum dynmem_type by attribute
 * @rec: the record; a flag is there or not, whatever its value
 *
 * Return: 0, or -EMSGSIZE when the message may be too full.
 */
int dynmem_record_put(struct sk_buff *skb, const u8 *types,
		      const struct dynmem_record *rec)
{
	void *start = skb_tail_pointer(skb);
	void *at = start;
	u64 left;

	if (skb_tailroom(skb) < DYNMEM_ATTRS_SIZE(hweight64(rec->present)) +
				(rec->has_head ? DYNMEM_HEAD_SIZE : 0))
		return -EMSGSIZE;
	if (rec->has_head)
		at = attrs_write_head(at, rec);
	for (left = rec->present; left; left &= left - 1) {
		int attr = __ffs64(left);

		at = attrs_write(at, types[attr], attr, rec->value[attr]);
	}
	skb_put(skb, at - start);
	return 0;
}
