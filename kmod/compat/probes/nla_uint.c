// SPDX-License-Identifier: GPL-2.0
/* 6.7: integers of 4 or 8 bytes. */
#include <net/netlink.h>

int test(struct sk_buff *skb);
int test(struct sk_buff *skb)
{
	return nla_put_uint(skb, NLA_UINT, 0) + nla_put_sint(skb, NLA_SINT, 0);
}
