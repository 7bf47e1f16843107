// SPDX-License-Identifier: GPL-2.0
/*
 * The KUnit tests of kmod/stall.c, in user space.
 */

#include "../bench/kmod_reader.h"

#define CONFIG_CGROUPS	  1
#define rcu_read_lock()	  ((void)0)
#define rcu_read_unlock() ((void)0)

u64 dynmem_task_cgroup(struct task_struct *task);

#include "../../kmod/kunit/dynmem_stall_test.c"
