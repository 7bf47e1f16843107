// SPDX-License-Identifier: GPL-2.0
/*
 * The KUnit tests of kmod/account.c, in user space.
 */

#include "../../kmod/kunit/dynmem_account_test.c"
