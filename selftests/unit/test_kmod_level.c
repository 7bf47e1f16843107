// SPDX-License-Identifier: GPL-2.0
/*
 * The KUnit tests of kmod/level.c, in user space.
 */

#include "../../kmod/kunit/dynmem_level_test.c"
