// SPDX-License-Identifier: GPL-2.0
/*
 * One printer for all attribute sets: what collects fills a record, this puts
 * it into a message.
 */

#include "dynmem.h"

static int put_one(struct sk_buff *skb, u8 type, int attr, u64 value)
{
	switch (type) {
	case DYNMEM_SINT:
		return nla_put_sint(skb, attr, value);
	case DYNMEM_U32:
		return nla_put_u32(skb, attr, value);
	case DYNMEM_FLAG:
		return value ? nla_put_flag(skb, attr) : 0;
	default:
		return nla_put_uint(skb, attr, value);
	}
}

/**
 * dynmem_record_put() - put a record into a message
 * @skb: the message
 * @types: enum dynmem_type by attribute
 * @rec: the record
 *
 * Return: 0, or -EMSGSIZE when the message is full.
 */
int dynmem_record_put(struct sk_buff *skb, const u8 *types,
		      const struct dynmem_record *rec)
{
	u64 left;

	for (left = rec->present; left; left &= left - 1) {
		int attr = __ffs64(left);
		int err;

		err = put_one(skb, types[attr], attr, rec->value[attr]);
		if (err)
			return err;
	}
	return 0;
}
