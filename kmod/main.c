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
#include "ksm.h"
#include "ksm_ntf.h"
#include "pressure.h"
#include "probe.h"
#include "sampler.h"

/*
 * In this order: no probe may bring on a look that is on its way out, no look may
 * send to a family that is gone, no request may find KSM's files gone.
 */
static void stop(bool probes)
{
	dynmem_pressure_stop();
	dynmem_ksm_ntf_stop();
	if (probes)
		dynmem_probe_exit();
	dynmem_pressure_cancel();
	dynmem_ksm_ntf_cancel();
	dynmem_genl_exit();
}

static void put_all(void)
{
	dynmem_thread_exit();
	dynmem_pressure_exit();
	dynmem_ksm_ntf_exit();
	dynmem_ksm_exit();
}

static int __init dynmem_init(void)
{
	int err;

	dynmem_capability_init();
	err = dynmem_config_init();
	if (err)
		return err;
	err = dynmem_thread_init();
	if (err)
		return err;
	dynmem_ksm_init();
	err = dynmem_pressure_init();
	if (err)
		goto put;
	err = dynmem_ksm_ntf_init();
	if (err)
		goto put;
	err = dynmem_genl_init();
	if (err)
		goto put;
	err = dynmem_probe_init();
	if (err)
		goto stop;
	return 0;

stop:
	stop(false);
put:
	put_all();
	return err;
}

static void __exit dynmem_exit(void)
{
	stop(true);
	put_all();
}

module_init(dynmem_init);
module_exit(dynmem_exit);

MODULE_DESCRIPTION("KSM statistics and memory pressure over generic netlink");
MODULE_AUTHOR("dynmem authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.2.0");
MODULE_ALIAS_GENL_FAMILY(DYNMEM_FAMILY_NAME);
