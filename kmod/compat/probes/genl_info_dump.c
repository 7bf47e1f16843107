// SPDX-License-Identifier: GPL-2.0
/* 6.6: a dump's request as a struct genl_info. */
#include <net/genetlink.h>

const struct genl_info *test(struct netlink_callback *cb);
const struct genl_info *test(struct netlink_callback *cb)
{
	return genl_info_dump(cb);
}
