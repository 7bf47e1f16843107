// SPDX-License-Identifier: GPL-2.0
/*
 * The KUnit tests of kmod/threshold.c, in user space.
 */

#include "../../kmod/kunit/dynmem_threshold_test.c"
