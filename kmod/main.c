// SPDX-License-Identifier: GPL-2.0
/*
 * dynmem: KSM statistics and memory pressure over generic netlink
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dynmem.h>
#include <linux/init.h>
#include <linux/module.h>

#include "capability.h"
#include "compat/compat.h"
#include "config.h"
#include "genl.h"
#include "hugetlb.h"
#include "ksm.h"
#include "ksm_ntf.h"
#include "node.h"
#include "pressure.h"
#include "probe.h"
#include "stall.h"
#include "victim.h"

static int __init dynmem_init(void)
{
	int err;

	dynmem_capability_init();
	/* First: default thresholds are made from what is in no pool. */
	dynmem_hugetlb_init();
	err = dynmem_config_init();
	if (err)
		goto exit_hugetlb;
	err = dynmem_stall_init();
	if (err)
		goto exit_hugetlb;
	err = dynmem_node_init();
	if (err)
		goto exit_stall;
	err = dynmem_ksm_init();
	if (err)
		goto exit_node;
	err = dynmem_pressure_init();
	if (err)
		goto exit_ksm;
	err = dynmem_ksm_ntf_init();
	if (err)
		goto exit_pressure;
	err = dynmem_victim_init();
	if (err)
		goto exit_ksm_ntf;
	err = dynmem_config_watch();
	if (err)
		goto exit_victim;
	err = dynmem_probe_init();
	if (err)
		goto unwatch_config;
	/* Last: agents hear of the family and ask for its capabilities. */
	err = dynmem_genl_init();
	if (err)
		goto exit_probe;
	pr_debug("loaded, capabilities 0x%x\n", dynmem_capabilities);
	return 0;

exit_probe:
	dynmem_probe_exit();
unwatch_config:
	dynmem_config_unwatch();
	dynmem_pressure_stop();
	dynmem_config_exit();
exit_victim:
	dynmem_victim_exit();
exit_ksm_ntf:
	dynmem_ksm_ntf_exit();
exit_pressure:
	dynmem_pressure_exit();
exit_ksm:
	dynmem_ksm_exit();
exit_node:
	dynmem_node_exit();
exit_stall:
	dynmem_stall_exit();
exit_hugetlb:
	dynmem_hugetlb_exit();
	return err;
}

/*
 * In this order: no probe may trigger a sampler that is gone, nor may the worker
 * that passes have read the pools; no pass may send to a family that is gone, no
 * request may find KSM's files gone.
 */
static void __exit dynmem_exit(void)
{
	dynmem_config_unwatch();
	dynmem_probe_exit();
	dynmem_pressure_stop();
	dynmem_config_exit();
	dynmem_ksm_ntf_stop();
	dynmem_victim_stop();
	dynmem_genl_exit();
	dynmem_victim_exit();
	dynmem_ksm_ntf_exit();
	dynmem_pressure_exit();
	dynmem_ksm_exit();
	dynmem_node_exit();
	dynmem_stall_exit();
	dynmem_hugetlb_exit();
	pr_debug("unloaded\n");
}

module_init(dynmem_init);
module_exit(dynmem_exit);

MODULE_DESCRIPTION("KSM statistics and memory pressure over generic netlink");
MODULE_AUTHOR("dynmem authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.2.0");
MODULE_ALIAS_GENL_FAMILY(DYNMEM_FAMILY_NAME);
